cimport cython

from .decoder cimport FieldDecoder

cdef int _PLAIN, _PSEUDO, _CHECKED


@cython.final
cdef class RequestHead:
    cdef readonly object method, path, scheme, authority
    cdef readonly dict fields


@cython.final
cdef class HeaderReader:
    cdef public FieldDecoder _decoder
    cdef public dict _requests
    cdef Py_ssize_t _max_requests, _cached_at

    cpdef tuple request(self, bytes block)
    cdef list _fields(self, bytes block)
    cdef list _decode(self, bytes block)
    cdef _remember(self, bytes block, tuple request)


@cython.locals(pseudo=dict, headers=dict, kind=int, names=Py_ssize_t)
cdef tuple _request(list fields)
cdef RequestHead _head(dict pseudo, dict headers)
cdef _check_target(method, path, scheme)
