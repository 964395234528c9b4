cimport cython

from restate_reflect.durable.begun_run cimport Run


@cython.final
cdef class BodyTask:
    cdef object loop, context, task, resume, value
    cdef Run run
    cdef bint is_waiting, is_kept, is_cancelled
    cdef public bint _asyncio_future_blocking

    cdef bint _is_known(self) except -1
    @cython.locals(count=Py_ssize_t)
    cdef bint suits(self, context) except -1
    cdef keep(self)
    cdef end(self)


@cython.final
cdef class FirstTurns:
    cdef object _asked, _loop, _value
    cdef dict _attributes
    cdef BodyTask _spare

    @cython.locals(own=BodyTask)
    cdef start(self, Run run)
    cdef take_value(self)
    cdef start_task(self, coroutine, Run run)
    @cython.locals(spare=BodyTask)
    cpdef let_go(self)
    @cython.locals(own=BodyTask)
    cdef BodyTask _replace(self, BodyTask spare, Run run)
    @cython.locals(attributes=dict)
    cdef _make(self, coroutine, Run run)
    cdef _take_asked(self)
    cdef _call(self, context, step)
