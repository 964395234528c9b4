cimport cython

cdef list _STATES, _TEXTS
cdef set _FINAL


@cython.locals(decoded=list, texts=list, octet=cython.uchar, state=Py_ssize_t)
cpdef str decode(bytes data)
