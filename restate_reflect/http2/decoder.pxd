cimport cython

from .huffman cimport decode as huffman_decoded

cdef object make

cdef int _LAST_STATIC, _STATIC_COUNT
cdef tuple _STATIC


@cython.final
cdef class FieldDecoder:
    cdef public Py_ssize_t _max_list_size, _max_literals, _size, _max_size, _at, changes
    cdef public object _entries
    cdef public dict _literals

    @cython.locals(decoded=list, listed=Py_ssize_t, at=Py_ssize_t, stop=Py_ssize_t, first=int, field=tuple)
    cpdef list decode(self, bytes block)
    @cython.locals(index=Py_ssize_t)
    cdef tuple _literal(self, bytes block, int mask)
    cdef tuple _entry(self, Py_ssize_t index)
    cdef tuple _repeated(self, str name, bytes coded)
    cdef _insert(self, tuple field)
    cdef _evict(self)
    @cython.locals(value=Py_ssize_t, octet=Py_ssize_t, shift=int)
    cdef Py_ssize_t _integer(self, bytes block, int mask) except -1
    @cython.locals(first=Py_ssize_t, size=Py_ssize_t, start=Py_ssize_t, stop=Py_ssize_t)
    cdef bytes _string(self, bytes block)


cdef str _text(bytes string)
