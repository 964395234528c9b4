from restate_reflect.engine.machine cimport Engine


cdef int _CALL, _ONE_WAY_CALL


cpdef tuple call(Engine engine, destination, bytes body, name=*)
cdef _require_scopes(Engine engine, destination)
