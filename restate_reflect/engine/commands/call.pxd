cimport cython

from restate_reflect.engine.machine cimport Engine
from restate_reflect.protocol cimport wire


cdef int _CALL, _ONE_WAY_CALL


@cython.final
cdef class Destination:
    cdef readonly object service, handler, key, idempotency_key, scope, limit_key
    cdef readonly object headers
    cdef readonly bint is_plain
    cdef readonly bytes callee


cpdef tuple call(Engine engine, Destination destination, bytes body, name=*)
cdef bytes _with_options(Destination destination, bytes body, tuple ids, name)
cdef _fill(message, Destination destination)
cdef _require_scopes(Engine engine, Destination destination)
