cimport cython

from restate_reflect.durable.ready cimport ReadyQueue
from restate_reflect.durable.results cimport Results
from restate_reflect.engine.machine cimport Engine

cdef object CANCELLATION, DurableFuture, DurableLoop, DurableTask, Ending, Guard, Operations, Progress
cdef object _CLOSED, contextvars, get_ident, output, waits_for


@cython.final
cdef class Attempt:
    cdef object __weakref__
    cdef readonly object plan, service, handler, headers, environment, context, operations
    cdef readonly ReadyQueue loop
    cdef readonly Results results
    cdef readonly Engine engine
    cdef object _runs, _cancellation
    cdef public object on_received, refusal, hides_payloads, _observed, _root, _assignments, _sink
    cdef bint _advancing
    cdef public bint _ended, _closed

    cpdef receive(self, bytes data)
    cpdef receive_eof(self)
    cpdef abort(self, reason)
    cdef _advance(self)
    @cython.locals(loop=ReadyQueue)
    cdef bint _turn(self, root) except -1
    cdef bint _wait(self, root) except -1
    cdef bint _deadlocked(self, root) except -1
    cdef _deliver(self, notification)
    cdef _start(self)
    cdef _finish(self, root)
    cdef _complete(self, value)
    cdef _answer(self, result)
    cpdef run_succeeded(self, run, value)
    cpdef run_failed(self, run, error)
    cdef _settle_failed(self, run, error)
    cdef _fail(self, error)
    cdef _propose(self, run, result)
    cdef _flush(self)
    cdef _write_last(self, bytes data)
    @cython.locals(attempts=dict)
    cdef _close(self)
