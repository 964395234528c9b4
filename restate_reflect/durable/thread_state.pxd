# What Python keeps for a thread, read as C reads it. For compiled code alone, so it has no module.
cdef extern from *:
    """
    static CYTHON_UNUSED PyObject *restate_asyncgen_finalizer(void) {
        PyObject *finalizer = PyThreadState_Get()->async_gen_finalizer;
        return Py_NewRef(finalizer ? finalizer : Py_None);
    }
    """
    object asyncgen_finalizer "restate_asyncgen_finalizer" ()
