cimport cython

cdef list _rows


@cython.locals(state=Py_ssize_t, octet=cython.uchar, row=list, texts=list)
cpdef str decode(bytes data)
