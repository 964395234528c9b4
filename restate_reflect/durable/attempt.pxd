cimport cython

from restate_reflect.durable.calls cimport Calls
from restate_reflect.durable.environment cimport Environment
from restate_reflect.durable.futures cimport durable_task
from restate_reflect.durable.ready cimport ReadyQueue
from restate_reflect.durable.results cimport Results
from restate_reflect.durable.routes cimport Plan
from restate_reflect.durable.begun_run cimport Run
from restate_reflect.durable.runs cimport Runs
from restate_reflect.engine.machine cimport Engine
from restate_reflect.engine.notifications cimport Notification


@cython.final
cdef class Attempt:
    cdef object __weakref__
    cdef readonly Plan plan
    cdef readonly object service, handler, headers
    cdef readonly ReadyQueue loop
    cdef readonly Environment environment
    cdef readonly Engine engine
    cdef readonly Results results
    cdef public object on_received
    cdef public Runs _runs
    cdef public Calls _calls
    cdef readonly object context
    cdef public object _observed
    cdef public object _root, _assignments, _sink
    cdef bint _cancelled, _cancelling, _told_blocked, _advancing
    cdef public bint _ended, _closed

    cdef set_up(self, Plan plan, version, sink, Environment environment, headers)
    cdef Runs made_runs(self)
    cdef Calls made_calls(self)
    cpdef receive(self, bytes data)
    cpdef receive_eof(self)
    cpdef abort(self, reason)
    cdef _advance(self)
    @cython.locals(loop=ReadyQueue)
    cdef bint _turn(self, root) except -1
    cdef bint _wait(self) except -1
    cdef bint _awaits_result(self) except -1
    cdef bint _deadlocked(self) except -1
    cdef bint _tell_blocked(self) except -1
    cdef _deliver(self, Notification notification)
    @cython.locals(plan=Plan)
    cdef _start(self)
    cdef _finish(self, root)
    cdef _complete(self, value)
    cdef _left_behind(self)
    cdef _answer(self, result)
    cpdef run_succeeded(self, Run run, value)
    cpdef run_failed(self, Run run, error)
    cdef _settle_failed(self, Run run, error)
    cdef _fail(self, error)
    cdef _propose(self, Run run, result)
    cdef _flush(self)
    cdef _write_last(self, bytes data)
    @cython.locals(attempts=dict)
    cdef _close(self)
