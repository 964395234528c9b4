cimport cython


cdef int _OWN_FRAME
cdef dict _known_files


@cython.final
cdef class Spot:
    cdef readonly object code
    cdef int _at


cdef bint _is_users_file(name) except -1
cdef bint _look_at_file(name) except -1
cpdef spot(int skipped=*)
