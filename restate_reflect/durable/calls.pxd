cimport cython

from restate_reflect.engine.notifications cimport Notification


@cython.final
cdef class InvocationIdSlot:
    cdef readonly Py_ssize_t completion_id
    cdef public object told, calls, value
    cdef public bint answered
    cdef object _verb, _destination, _loop, _future

    cpdef send_cancel(self, invocation_id)
    cpdef settle(self, Notification notification)
    cpdef publish(self)
    cpdef future(self)


@cython.final
cdef class Calls:
    cdef object _engine
    cdef Py_ssize_t _limit
    cdef readonly list _calls
    cdef public object send_cancel

    cpdef add(self, InvocationIdSlot slot)
    cpdef forget(self)
