cimport cython

cdef set _FINAL

cdef list _NEXT, _TEXT


@cython.locals(decoded=list, octet=cython.uchar, at=Py_ssize_t)
cpdef str decode(bytes data)
