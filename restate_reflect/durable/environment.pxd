cimport cython

from restate_reflect.durable.routes cimport Routes


@cython.final
cdef class Environment:
    cdef public object loop, executor, guard, told, wall_clock, on_failure, on_exception, wrap_step, wrap_sink, error_details
    cdef public Py_ssize_t max_message_bytes
    cdef readonly Routes routes
    cdef public bint draining, strict
    cdef readonly dict attempts
    cdef object _idle

    cpdef due(self, delay)
    cpdef has_become_idle(self)
