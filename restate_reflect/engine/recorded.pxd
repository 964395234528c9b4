cimport cython


@cython.final
cdef class Recorded:
    cdef list _commands
    cdef object _noted
    cdef Py_ssize_t _missing
    cdef readonly bint is_over

    cpdef add(self, int message_type, bytes payload)
    cpdef bint count_entry(self) except -1
    cpdef tuple take(self)
    cpdef peek(self)
    cpdef note(self, Py_ssize_t number, int message_type, bytes payload, locator)
