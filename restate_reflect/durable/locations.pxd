cimport cython


cdef int _OWN_FRAME


@cython.final
cdef class Spot:
    cdef readonly object code
    cdef int _at


cpdef spot(int skipped=*)
