cimport cython


cdef tuple _SHORT
cdef dict _runs


cpdef bytes varint(number)
cdef bytes _bytes_field(bytes tag, bytes value)
@cython.locals(inner=bytes)
cdef bytes _value_field(bytes tag, bytes content)
@cython.locals(size=Py_ssize_t)
cpdef bytes output_value(bytes content)
cpdef bytes keyed_value(bytes key, bytes content)
cpdef bytes eager_get(bytes key, bytes content)
cpdef bytes state_get(bytes key, completion_id)
@cython.locals(key=tuple)
cpdef bytes run_command(Py_ssize_t completion_id, name)
cpdef bytes sleep_command(wake_up_time, completion_id, name)
@cython.locals(size=Py_ssize_t)
cpdef bytes run_proposal(Py_ssize_t completion_id, bytes value)
@cython.locals(octet=Py_ssize_t, number=Py_ssize_t, shift=int)
cdef tuple _read_varint(bytes data, Py_ssize_t at)
@cython.locals(end=Py_ssize_t, size=Py_ssize_t, octets=cython.p_const_char)
cdef bytes _read_value(bytes data, Py_ssize_t at)
@cython.locals(
    entries=Py_ssize_t, last=int, tag=int, at=Py_ssize_t, start=Py_ssize_t, end=Py_ssize_t, number=Py_ssize_t, partial=bint,
    state=dict
)
cpdef tuple read_start(bytes payload)
@cython.locals(end=Py_ssize_t)
cdef tuple _read_long(bytes data, Py_ssize_t at, int tag)
@cython.locals(at=Py_ssize_t, octets=cython.p_const_char)
cdef bint _read_start_text(bytes data, int tag, Py_ssize_t start, Py_ssize_t end, dict state) except -1
@cython.locals(key=bytes, value=bytes)
cdef bint _read_state_entry(bytes data, Py_ssize_t at, Py_ssize_t end, dict state) except -1
@cython.locals(size=Py_ssize_t, start=Py_ssize_t, stop=Py_ssize_t, octets=cython.p_const_char)
cdef tuple _read_piece(bytes data, Py_ssize_t at, Py_ssize_t end)
cpdef bytes read_lone_value(bytes payload)
@cython.locals(at=Py_ssize_t, completion_id=Py_ssize_t)
cpdef tuple read_completion(bytes payload)
@cython.locals(at=Py_ssize_t, size=Py_ssize_t, completion_id=Py_ssize_t, octets=cython.p_const_char)
cpdef tuple read_invocation_id(bytes payload)
cdef bytes _text_field(bytes tag, text)
@cython.locals(size=Py_ssize_t, parts=tuple)
cpdef bytes call_command(bytes callee, bytes body, key, Py_ssize_t invocation_id, Py_ssize_t result)
