cimport cython

cdef dict _known


@cython.final
cdef class StepFunction:
    cdef readonly bint is_async
    cdef readonly object returns, codec, decode


@cython.locals(found=StepFunction)
cpdef StepFunction step_function(function)
cdef StepFunction _remembered(function)
cdef StepFunction _read(function)
