cimport cython

from restate_reflect.protocol cimport wire


@cython.final
cdef class Notification:
    cdef readonly object id, value, failure, invocation_id, state_keys

    cpdef tuple _content(self)


@cython.locals(completion=tuple)
cpdef Notification parse(int message_type, bytes payload)
