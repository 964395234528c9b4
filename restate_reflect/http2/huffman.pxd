cimport cython

cdef bytes _ACTIONS, _NEXT, _OCTETS
cdef int _COMPLETE, _EMIT, _FAIL
cdef bint _IS_COMPILED


cpdef str decode(bytes data)
@cython.locals(text=bytearray, size=Py_ssize_t, state=int, action=int, octet=int, shift=int, at=int)
cpdef str walked(bytes data)
@cython.locals(padding=Py_ssize_t, text=bytes)
cpdef str inflated(bytes data)
