cimport cython


cdef class ReadyHandle:
    cdef public object _callback, _context
    cdef public tuple _args
    cdef public bint _cancelled


@cython.final
cdef class ReadyQueue:
    cdef public list handles

    @cython.locals(handle=ReadyHandle, batch=list)
    cpdef run(self, Py_ssize_t limit)
