# How CPython 3.11 keeps the running loop of a thread; later ones have no such object.
cdef extern from *:
    """
    typedef struct {
        PyObject_HEAD
        PyObject *loop;
        int process;
    } restate_Running;

    static CYTHON_UNUSED PyObject *restate_thread_dict(void) {
        PyObject *found = PyThreadState_GetDict();
        return Py_NewRef(found ? found : Py_None);
    }

    static CYTHON_UNUSED int restate_is_running(PyObject *holder, PyObject *loop, int process) {
        restate_Running *running = (restate_Running *)holder;
        return Py_TYPE(holder)->tp_basicsize == sizeof(restate_Running)
            && running->loop == loop && running->process == process;
    }

    #define restate_running_loop(holder) Py_NewRef(((restate_Running *)(holder))->loop)
    #define restate_running_process(holder) (((restate_Running *)(holder))->process)

    static CYTHON_UNUSED PyObject *restate_exchange(PyObject *holder, PyObject *loop) {
        restate_Running *running = (restate_Running *)holder;
        PyObject *outer = running->loop;
        running->loop = Py_NewRef(loop);
        return outer;
    }
    """
    object thread_dict "restate_thread_dict" ()
    bint is_running "restate_is_running" (object holder, object loop, int process)
    object loop_in "restate_running_loop" (object holder)
    int process_in "restate_running_process" (object holder)
    object exchanged "restate_exchange" (object holder, object loop)

cdef object _holder_type
cdef int _process

cpdef running_loop()
cpdef exchange(loop)
cdef _holder()
