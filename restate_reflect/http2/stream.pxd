# How stream.py is compiled: types of attributes, and methods called as C functions.
cimport cython

from .shared cimport Shared

cdef int DATA, END_STREAM
cdef object NOBODY, date_field, pack_header


@cython.final
cdef class Stream:
    cdef public Py_ssize_t id, buffered, send_window, receive_left, body_left
    cdef public bint head_sent, ended, local_done, remote_done, closed
    cdef public object error, handler
    cdef public Shared _shared
    cdef public bint _paused, _above_high_water, _reset_when_sent
    cdef public object _trailers
    cdef public bytearray _buffer

    cpdef begin(self, bytes block, bint end_stream)
    cpdef send(self, bytes data)
    cpdef send_and_end(self, bytes data)
    cpdef pause(self)
    cpdef resume(self)
    cpdef deliver(self, bytes data, Py_ssize_t size, bint end_stream)
    cpdef end_received(self)
    cpdef check_body_complete(self)
    cpdef flush(self)
    cpdef bint send_frame(self) except -1
    cpdef notify_closed(self)
    cpdef release(self, error)
    cpdef reset_with(self, code)
    cdef _drop_buffer(self)
    cdef _wait(self)
    @cython.locals(shared=Shared, size=cython.longlong)
    cdef bint _sent_at_once(self, bytes data, int flags) except -1
    cdef _enqueue(self, bytes data)
    cdef _enqueue_and_end(self, bytes data)
    cdef _drained(self, bint end_sent)
    cdef _write_end(self)
    cdef _sent_end(self)
    cdef _tell_writable(self)
    cdef _check_window(self, Py_ssize_t size, bint end_stream)
    cdef _grant(self)
    cdef _count_body(self, Py_ssize_t size, bint end_stream)
