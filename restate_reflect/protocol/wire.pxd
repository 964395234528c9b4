cimport cython


cdef tuple _SHORT


cpdef bytes varint(number)
cdef bytes _bytes_field(bytes tag, bytes value)
@cython.locals(size=bytes)
cdef bytes _value_field(bytes tag, bytes content)
cpdef bytes eager_state(bytes key, bytes value)
cpdef bytes set_state(bytes key, bytes value)
cpdef bytes output_value(bytes content)
cpdef bytes run_proposal(Py_ssize_t completion_id, bytes value)
@cython.locals(octet=Py_ssize_t, number=Py_ssize_t, shift=int)
cdef tuple _read_varint(bytes data, Py_ssize_t at)
@cython.locals(end=Py_ssize_t, size=Py_ssize_t)
cdef bytes _read_value(bytes data, Py_ssize_t at)
cpdef bytes read_lone_value(bytes payload)
@cython.locals(at=Py_ssize_t, size=Py_ssize_t, completion_id=Py_ssize_t, value=bytes)
cpdef tuple read_completion(bytes payload)
cdef bytes _text_field(bytes tag, text)
cpdef bytes call_command(bytes callee, bytes body, key, Py_ssize_t invocation_id, Py_ssize_t result)
