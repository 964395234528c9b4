cimport cython

from restate_reflect.engine.notifications cimport Notification, parse
from restate_reflect.engine.recorded cimport Recorded
from restate_reflect.protocol cimport wire
from restate_reflect.protocol.framing cimport FrameDecoder, is_command, is_notification

cdef int CLOSED, PROCESSING, REPLAYING, WAITING_REPLAY, WAITING_START
cdef object EagerState, Ending, MessageType, NOWHERE, _NO_NOTIFICATIONS, _NO_STATE, deque, header, parsed, read_input
cdef object read_start, read_state
cdef bytes _END_FRAME
cdef Recorded _NOTHING_RECORDED


@cython.final
cdef class Engine:
    cdef readonly object version, ending, failure
    cdef readonly Py_ssize_t command_index
    cdef readonly bint is_closed
    cdef public bint input_closed
    cdef public object eager_state
    cdef bint _is_v7, _wrote_command
    cdef int _state, _last_type
    cdef object _last_name, _locator, _start, _started, _last_awaiting
    cdef FrameDecoder _decoder
    cdef public list _output
    cdef Recorded _recorded
    cdef object _queue
    cdef set _seen
    cdef dict _proposals
    cdef Py_ssize_t _next_completion, _next_signal, _telling_due

    cpdef receive(self, bytes data)
    cpdef receive_eof(self)
    cpdef bytes take_output(self)
    cdef _on_message(self, int message_type, bytes payload)
    cdef _on_start(self, bytes payload)
    cdef _on_command(self, int message_type, bytes payload)
    cdef _count_entry(self)
    cdef _on_run_ack(self, bytes payload)
    cdef _enqueue(self, Notification notification)
    cpdef Py_ssize_t next_completion_id(self, Py_ssize_t count=*) except -1
    cpdef record(self, int message_type, bytes payload, object name=*)
    cdef _tell_recording(self, int message_type, bytes payload)
    cdef tuple _next_recorded(self)
    cpdef read_input(self)
    cpdef peek_recorded(self)
    cpdef next_notification(self)
    cpdef bint has_result(self, Py_ssize_t completion_id) except -1
    cpdef propose_run(self, Py_ssize_t completion_id, result)
    cpdef progress(self, build_tree, bint executing)
    cpdef end(self)
    cpdef fail_with(self, error)
    cpdef fail(self, error)
    cdef _close(self, ending)
    cdef _write(self, message_type, message)

