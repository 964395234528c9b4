cimport cython

from .headers cimport HeaderReader
from .stream cimport Stream


@cython.final
cdef class Core:
    cdef public object on_request, limits, on_output, waiting, final_stream_id, failure
    cdef public list output
    cdef public bint receiving, writing_paused, settings_acknowledged, dead, draining
    cdef public bint _output_announced, _first_block
    cdef public Py_ssize_t max_frame_size, max_block_size, max_streams, max_unsent
    cdef public Py_ssize_t _backlog, _sent_at_last_flood_check
    cdef public object peer
    cdef public HeaderReader reader
    cdef public Py_ssize_t send_window, granted_by_peer, receive_left, receive_low_mark, unsent, last_stream_id
    cdef public Py_ssize_t stream_window, stream_low_mark
    cdef public dict streams
    cdef public object closed
    cdef public object resets, empty_data, ignored_frames, pings, settings_frames, window_updates

    cpdef bytes take_output(self)
    cdef bytes _charge_backlog(self, Py_ssize_t size)
    cpdef written(self)
    cpdef write_headers(self, Py_ssize_t stream_id, bytes block, bint end_stream)
    cpdef pump(self)
    cpdef grant(self)
    cpdef widen(self, Py_ssize_t increment)
    cpdef count_window_update(self)
    @cython.locals(stream=Stream)
    cpdef open_stream(self, Py_ssize_t stream_id, object head, Py_ssize_t body_length, bint end_stream)
    cpdef release(self, Stream stream, error)
    cpdef reset(self, Stream stream, code)
    cpdef reset_id(self, Py_ssize_t stream_id, code, Py_ssize_t window)
    cpdef fail(self, fault)
