cimport cython

from restate_reflect.engine.notifications cimport Notification

cdef dict _NONE_EARLY, _NO_SIGNALS
cdef set _NONE_CONSUMED


@cython.final
cdef class Results:
    cdef dict _waiters, _signals, _early
    cdef public set consumed

    cpdef expect(self, completion_id, waiter)
    cpdef expect_signal(self, signal, waiter)
    cpdef deliver(self, Notification notification)
    cdef _hand_over(self, Notification notification, waiter)
    cpdef forget(self)
    cpdef bint is_missing_any(self) except -1
    cpdef bint any_awaited(self) except -1
