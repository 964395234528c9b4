cimport cython

from restate_reflect.durable.begun_run cimport Run


@cython.final
cdef class Runs:
    cdef object _owner, _loop, _executor
    cdef list _pending
    cdef readonly dict _executing
    cdef bint _guarded

    @cython.locals(run=Run)
    cpdef bint is_executing(self) except -1
    cpdef add(self, Run run)
    @cython.locals(run=Run, begun=Py_ssize_t)
    cpdef start(self)
    cpdef drop_pending(self)
    cdef _start(self, Run run)
    cdef _spawn(self, Run run)
    cpdef _finished(self, Run run, task)


cdef _failure(task)
cdef _retrieve(task)
