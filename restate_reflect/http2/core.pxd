cimport cython

from .headers cimport HeaderReader
from .shared cimport Shared
from .stream cimport Stream


@cython.final
cdef class Core(Shared):
    cdef public object on_request, final_stream_id, failure
    cdef public bint settings_acknowledged, dead, draining
    cdef public Py_ssize_t max_frame_size, max_block_size, max_streams, max_unsent
    cdef public Py_ssize_t _backlog, _sent_at_last_flood_check
    cdef public HeaderReader reader
    cdef public Py_ssize_t granted_by_peer, receive_left, receive_low_mark, last_stream_id
    cdef public object resets, empty_data, ignored_frames, pings, settings_frames, window_updates

    cpdef bytes take_output(self)
    cdef bytes _charge_backlog(self, Py_ssize_t size)
    cpdef pump(self)
    cpdef grant(self)
    cpdef widen(self, Py_ssize_t increment)
    cpdef count_window_update(self)
    @cython.locals(stream=Stream)
    cpdef open_stream(self, Py_ssize_t stream_id, object head, Py_ssize_t body_length, bint end_stream)
    cpdef fail(self, fault)
