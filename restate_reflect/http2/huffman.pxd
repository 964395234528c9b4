cimport cython

@cython.locals(row=list, texts=list, octet=cython.uchar)
cpdef str decode(bytes data)
