from restate_reflect.engine.machine cimport Engine


cdef int _OUTPUT


cpdef output(Engine engine, result)
