cimport cython


@cython.final
cdef class Run:
    cdef readonly object completion_id, name, command_index, function, context, codec, policy, future
    cdef readonly tuple args
    cdef readonly dict kwargs
    cdef readonly bint is_async, verify
    cdef public object started

    cpdef call(self)
    cpdef bytes encode(self, value)


@cython.final
cdef class FirstTurn:
    cdef object _asked
    cdef dict _attributes

    @cython.locals(attributes=dict)
    cdef start(self, coroutine, Run run, loop)


@cython.final
cdef class Runs:
    cdef FirstTurn _first_turn
    cdef object _owner, _loop, _executor, _pending
    cdef readonly dict _executing
    cdef bint _guarded

    @cython.locals(run=Run)
    cpdef bint is_executing(self) except -1
    cpdef add(self, Run run)
    @cython.locals(run=Run)
    cpdef start(self)
    cpdef drop_pending(self)
    cdef _start(self, Run run)
    cdef _spawn(self, Run run)
    cdef _start_task(self, coroutine, Run run)
    cpdef _finished(self, Run run, task)


cdef _failure(task)
cdef _retrieve(task)
