cimport cython

from restate_reflect.durable.attempt cimport Attempt
from restate_reflect.durable.calls cimport InvocationIdSlot
from restate_reflect.durable.ready cimport ReadyQueue
from restate_reflect.engine.machine cimport Engine
from restate_reflect.engine.notifications cimport Notification

cdef object FOREVER, NO_GATES, NO_OPTIONS, UNSET, DurableFuture, OutgoingCall, Run, RunFuture, WatchedFuture
cdef object copy_context, decode_state, issue_call, issue_run, partial, running_loop, spot, state, step_function
cdef int _OWN_FRAMES


@cython.final
cdef class Operations:
    cdef Attempt _attempt
    cdef object _input, _log, _random, _request
    cdef Engine _engine
    cdef ReadyQueue _loop
    cdef Py_ssize_t _refused
    cdef public object gates

    cdef tuple _prepare(self, method, args, kwargs, options)
    cdef _call(self, destination, body, decode, where)
    cdef _look_at_own_turn(self, destination)
    cdef _send(self, destination, body, delay, output)
    cdef _check_step(self, name, function, tuple args, dict kwargs, retry)
    cdef _codec_of_result(self, known, type_)
    cdef bint _wrap(self, wrap, step) except -1
    cdef _at(self, delay)
    cdef _check(self)
    cdef _refuse(self)
    cdef _expect(self, completion_id, decode, label)
    cdef _expect_result(self, completion_id, decode, label)
    cdef _future(self, decode, label)
    cdef _codec(self, type_)
    cdef _decoder(self, output)
    cdef _encode(self, type_, value, what)
