from restate_reflect.engine.machine cimport Engine


cdef int _RUN


cpdef Py_ssize_t run(Engine engine, name) except -1
