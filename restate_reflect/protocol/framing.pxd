cimport cython

cdef object _read_header


cpdef bint is_command(int message_type) except -1
cpdef bint is_notification(int message_type) except -1


@cython.final
cdef class FrameDecoder:
    cdef public bytearray _kept
    cdef public Py_ssize_t _limit, _wanted
    cdef public object violation

    @cython.locals(
        messages=list, position=Py_ssize_t, end=Py_ssize_t, start=Py_ssize_t, length=cython.longlong, message_type=Py_ssize_t
    )
    cpdef list cut(self, bytes data)
    cdef _refuse(self, message_type, length)
    cdef bytes _joined(self, bytes data)
    cdef _keep(self, bytes data, Py_ssize_t position)
