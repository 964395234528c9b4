cimport cython

from .core cimport Core
from .inbound cimport Reading

cdef int DATA, HEADERS, MAX_STREAM_ID
cdef object unpack_header
cdef tuple OPEN


@cython.final
cdef class Connection:
    cdef public Core _core
    cdef public Reading _reading
    cdef public bytes _preface_left
    cdef public bytearray _partial
    cdef public Py_ssize_t _wanted, _partials

    cpdef receive(self, bytes data)
    @cython.locals(
        core=Core, reading=Reading, max_size=Py_ssize_t, stop=Py_ssize_t, size=Py_ssize_t, start=Py_ssize_t,
        stream_id=Py_ssize_t, flags=int, word=cython.longlong, kind=int
    )
    cdef _read(self, bytes data, Py_ssize_t at)
    cdef Py_ssize_t _read_preface(self, bytes data) except -1
    cpdef bytes take_output(self)
