cimport cython

cdef object _MISSING
cdef int _DOUBTFUL, MOST_PLAIN


@cython.final
cdef class FlatCheck:
    cdef object _model
    cdef tuple _expected

    @cython.locals(classes=tuple, values=dict)
    cpdef bint is_right(self, value) except -1


@cython.final
cdef class FlatWriter:
    cdef FlatCheck _check
    cdef object _write, _otherwise


@cython.final
cdef class ScalarWriter:
    cdef object _exact, _write, _otherwise


@cython.final
cdef class Reader:
    cdef object _annotation, _validate, _validate_large
    cdef bint _secret

    cdef _nothing(self, error)
