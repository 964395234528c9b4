cimport cython


@cython.final
cdef class PeerSettings:
    cdef public Py_ssize_t initial_window, max_frame_size
