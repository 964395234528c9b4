cimport cython


@cython.final
cdef class Meter:
    cdef object _rate, _clock, _since
    cdef Py_ssize_t _left

    cpdef bint exceeded(self) except -1
