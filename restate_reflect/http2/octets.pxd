cimport cython

cdef bint _IS_COMPILED


@cython.locals(octets="unsigned char[9]")
cpdef bytes frame_header(int kind, unsigned int size, int flags, unsigned int stream_id)
