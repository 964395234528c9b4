cimport cython

cdef bytes _ACTIONS, _NEXT, _OCTETS
cdef bytearray _SCRATCH
cdef int _COMPLETE, _EMIT, _FAIL
cdef bint _IS_COMPILED


cpdef str decode(bytes data)
@cython.locals(
    length=Py_ssize_t, half=Py_ssize_t, size=Py_ssize_t, state=int, action=int, octet=int, at=int, written=bytearray,
    coded="const unsigned char*", text="unsigned char*",
    actions="const unsigned char*", octets="const unsigned char*", following="const unsigned char*"
)
cpdef str walked(bytes data)
@cython.locals(padding=Py_ssize_t, text=bytes)
cpdef str inflated(bytes data)
