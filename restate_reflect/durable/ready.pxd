cimport cython

cdef object ensure_hooks, enter, get_ident, leave


cdef class ReadyHandle:
    cdef public object _callback, _context
    cdef public tuple _args
    cdef public bint _cancelled


# DurableLoop is a subclass: what it overrides is not in here.
cdef class ReadyQueue:
    cdef public list handles, tasks
    cdef public object broken, due, owner, timers, turning, unseen
    cdef public bint has_others, making, making_task
    cdef public Py_ssize_t arrivals, limit, serial, task_count

    cpdef discard(self)
    cpdef bint are_tasks_done(self) except -1
    cpdef run_until_idle(self)
    @cython.locals(handle=ReadyHandle, batch=list)
    cdef _run(self, Py_ssize_t limit)
