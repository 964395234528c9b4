# How asyncio's tasks, which are written in C, wait for a future. For compiled code alone, so it has no module.
cdef extern from *:
    """
    /* Whether a callback is the one that a task leaves with the future it waits for. */
    static CYTHON_UNUSED int restate_is_wakeup(PyObject *callback) {
        static PyMethodDef *known = NULL;
        PyMethodDef *method;
        if (!PyCFunction_CheckExact(callback)) return 0;
        method = ((PyCFunctionObject *)callback)->m_ml;
        if (method == known) return 1;
        if (strcmp(method->ml_name, "task_wakeup") != 0) return 0;
        known = method;
        return 1;
    }
    """
    bint is_wakeup "restate_is_wakeup" (object callback)
