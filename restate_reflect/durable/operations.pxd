cimport cython

from restate_reflect.durable.attempt cimport Attempt
from restate_reflect.durable.calls cimport Calls, InvocationIdSlot
from restate_reflect.durable.futures cimport durable_future, loop_future, watched_future
from restate_reflect.durable.outgoing cimport outgoing_call
from restate_reflect.durable.ready cimport ReadyQueue
from restate_reflect.durable.begun_run cimport made_run
from restate_reflect.durable.step_functions cimport StepFunction, step_function
from restate_reflect.durable.routes cimport Route, Routes
from restate_reflect.engine.machine cimport Engine


@cython.final
cdef class Operations:
    cdef Attempt _attempt
    cdef Engine _engine
    cdef object _input, _log, _random, _request
    cdef ReadyQueue _loop
    cdef Py_ssize_t _refused

    cdef set_up(self, Attempt attempt, given)
    @cython.locals(routes=Routes, route=Route)
    cdef tuple _prepare(self, method, args, kwargs, options)
    @cython.locals(slot=InvocationIdSlot, calls=Calls)
    cdef _call(self, destination, bytes body, decode)
    @cython.locals(slot=InvocationIdSlot)
    cdef _send(self, destination, body, delay, output)
    cdef _at(self, delay)
    cdef _check(self)
    cdef _refuse(self)
    cdef _future(self, decode, label)
    cdef _expect(self, completion_id, decode, label)
    cdef _codec(self, type_)
    cdef _decoder(self, output)
    cdef _encode(self, type_, value, what)
