cimport cython

cdef bint _IS_COMPILED
cdef dict _classes


@cython.locals(size=Py_ssize_t, known=tuple)
cpdef tuple make(str name, str value)
@cython.locals(character=Py_UCS4)
cdef bint _is_plain(str value) except -1
cdef tuple _classified(str name)
