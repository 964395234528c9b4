from restate_reflect.engine.machine cimport Engine
from restate_reflect.protocol cimport wire


cdef int _OUTPUT


cpdef output(Engine engine, result)
