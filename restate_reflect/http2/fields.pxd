cimport cython


@cython.locals(size=Py_ssize_t)
cpdef tuple make(str name, str value)
