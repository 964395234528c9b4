cimport cython

from restate_reflect.durable.attempt cimport Attempt
from restate_reflect.http2.stream cimport Stream


@cython.final
cdef class _AttemptStream:
    cdef Attempt _attempt
    cdef Py_ssize_t _left
    cdef bint _request_ended
    cdef Stream _stream

    cpdef data_received(self, bytes data)
    cpdef eof_received(self)
    cpdef stream_closed(self, error)
    cpdef writable(self)
    cdef _refuse_oversized(self)


@cython.locals(accepted=dict, fields=dict, by_path=dict)
cpdef open_stream(core, environment, Stream stream, head)
