cimport cython


@cython.final
cdef class EagerState:
    cdef dict _values
    cdef bint _partial

    cpdef get(self, str key)
    cpdef set(self, str key, bytes value)
