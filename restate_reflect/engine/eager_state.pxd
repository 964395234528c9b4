cimport cython


@cython.final
cdef class EagerState:
    cdef dict _values
    cdef bint _partial

    cpdef get(self, key)
    cpdef set(self, key, bytes value)
