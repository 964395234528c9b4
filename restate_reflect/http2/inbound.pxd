cimport cython

from .core cimport Core
from .stream cimport Stream

cdef int END_HEADERS, END_STREAM, HAS_PRIORITY, PADDED


@cython.final
cdef class Reading:
    cdef public Core core
    cdef public tuple table
    cdef list _pieces
    cdef Py_ssize_t _size, _stream_id
    cdef bint _end_stream

    cpdef on_headers(self, int flags, Py_ssize_t stream_id, bytes data, Py_ssize_t start, Py_ssize_t stop)
    @cython.locals(core=Core)
    cdef _block_complete(self, Py_ssize_t stream_id, bytes block, bint end_stream)
    @cython.locals(core=Core)
    cdef _request(self, Py_ssize_t stream_id, bytes block, bint end_stream)
    @cython.locals(core=Core, size=Py_ssize_t, stream=Stream, end_stream=bint)
    cpdef on_data(self, int flags, Py_ssize_t stream_id, bytes data, Py_ssize_t start, Py_ssize_t stop)
