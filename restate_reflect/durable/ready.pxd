cimport cython


cdef class ReadyHandle:
    cdef public object _callback, _context
    cdef public tuple _args
    cdef public bint _cancelled


@cython.final
cdef class ReadyQueue:
    cdef public list handles, tasks
    cdef public object broken, timers
    cdef public bint making
    cdef public Py_ssize_t limit, serial

    cpdef bint is_through(self) except -1
    cpdef clear(self)
    cpdef run(self, loop)
    @cython.locals(handle=ReadyHandle, batch=list)
    cdef _run(self, Py_ssize_t limit)
