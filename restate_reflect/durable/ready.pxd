cimport cython


cdef class ReadyHandle:
    cdef public object _callback, _context
    cdef public tuple _args
    cdef public bint _cancelled


@cython.locals(handle=ReadyHandle)
cdef ReadyHandle _made(callback, tuple args, context)


# DurableLoop is a subclass: what compiled code calls is a cdef function, as with cpdef each call would look for an
# override.
cdef class ReadyQueue:
    cdef public list handles, tasks
    cdef public object broken, due, owner, timers, turning
    cdef public bint has_others, making, making_task
    cdef public Py_ssize_t arrivals, limit, serial, task_count

    cdef bint is_through(self) except -1
    cdef bint is_broken(self) except -1
    cdef clear(self)
    cdef take_turn(self)
    @cython.locals(handle=ReadyHandle, batch=list, args=tuple)
    cdef _run(self, Py_ssize_t limit)
