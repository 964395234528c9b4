cimport cython



@cython.final
cdef class Plan:
    cdef readonly object service, handler, call, context, read, decode, encode, intercept, observe
    cdef readonly Py_ssize_t max_input_bytes


@cython.final
cdef class Route:
    cdef readonly bint is_keyed
    cdef readonly object destination
    cdef readonly object decode
    cdef object _encode, _write

    cpdef encode(self, tuple args, kwargs)


@cython.final
cdef class Routes:
    cdef object _directory
    cdef dict _known

    cpdef Route find(self, method)
    cdef Route _made(self, method)
