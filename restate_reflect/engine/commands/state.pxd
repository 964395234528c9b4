from restate_reflect.engine.machine cimport Engine
from restate_reflect.protocol cimport wire


cdef int _GET_EAGER_STATE, _GET_LAZY_STATE, _SET_STATE


cpdef get(Engine engine, key)
cpdef set_(Engine engine, key, bytes value)
cdef _record_eager_get(Engine engine, bytes key, value)
cdef _record_lazy_get(Engine engine, bytes key, Py_ssize_t completion_id)
