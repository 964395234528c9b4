cimport cython

from restate_reflect.engine.notifications cimport Notification


@cython.final
cdef class InvocationIdSlot:
    cdef readonly Py_ssize_t completion_id
    cdef public object value
    cdef object _verb, _destination, _loop, _future

    cpdef settle(self, Notification notification)
    cpdef publish(self)
    cpdef future(self)
