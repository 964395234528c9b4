cimport cython


cdef class ReadyHandle:
    cdef public object _callback, _context
    cdef public tuple _args
    cdef public bint _cancelled


@cython.final
cdef class ReadyQueue:
    cdef public list handles
    cdef public bint making

    cpdef run(self, loop, Py_ssize_t limit)
    @cython.locals(handle=ReadyHandle, batch=list)
    cdef _run(self, Py_ssize_t limit)
