cdef int END_HEADERS, END_STREAM, HEADERS, RST_STREAM
cdef object frame_header, pack_header, pack_u32


cdef class Shared:

    cdef public object limits, peer, on_output, waiting, closed
    cdef public list output
    cdef public dict streams
    cdef public bint receiving, writing_paused
    cdef public bint _output_announced, _first_block
    cdef public Py_ssize_t send_window, unsent, stream_window, stream_low_mark

    cpdef written(self)
    cpdef write_headers(self, Py_ssize_t stream_id, bytes block, bint end_stream)
    cpdef reset_id(self, Py_ssize_t stream_id, code, Py_ssize_t window)
