cimport cython

from restate_reflect.http2.headers cimport RequestHead
from restate_reflect.http2.stream cimport Stream

cdef object Attempt
cdef int HIGH_WATER


@cython.final
cdef class _AttemptStream:
    cdef object _attempt
    cdef Py_ssize_t _left
    cdef bint _request_ended
    cdef Stream _stream

    cpdef data_received(self, bytes data)
    cpdef eof_received(self)
    cpdef stream_closed(self, error)
    cpdef writable(self)
    cdef _refuse_oversized(self)


@cython.locals(fields=dict, by_path=dict)
cpdef open_stream(core, environment, Stream stream, RequestHead head)
