cimport cython

from .decoder cimport FieldDecoder

cdef object CHECKED, INVALID, PLAIN, PSEUDO


@cython.final
cdef class RequestHead:
    cdef readonly str method, path, scheme, authority
    cdef readonly dict fields


@cython.final
cdef class HeaderReader:
    cdef public FieldDecoder _decoder
    cdef public dict _requests
    cdef Py_ssize_t _max_requests

    cpdef tuple request(self, bytes block)
    cdef list _fields(self, bytes block)
    cdef _remember(self, bytes block, tuple request)


@cython.locals(pseudo=dict, headers=dict, names=Py_ssize_t)
cdef tuple _request(list fields)
cdef _head(dict pseudo, dict headers)
