cimport cython


@cython.final
cdef class Run:
    cdef readonly object completion_id, name, command_index, function, context, codec, policy, future
    cdef readonly tuple args
    cdef readonly dict kwargs
    cdef readonly bint is_async, verify
    cdef public object started

    cpdef call(self)
    cpdef bytes encode(self, value)


@cython.locals(run=Run)
cpdef Run made_run(
    completion_id, name, command_index, function, tuple args, dict kwargs, bint is_async, context, codec, bint verify,
    policy, future,
)
