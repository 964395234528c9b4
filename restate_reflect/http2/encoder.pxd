cimport cython

cdef dict _blocks


@cython.locals(key=tuple, block=bytes)
cpdef bytes response_block(status, headers)
cpdef bytes trailer_block(trailers)
