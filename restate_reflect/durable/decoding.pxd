from restate_reflect.engine.notifications cimport Notification


cpdef decode_delivered(decode, Notification notification)
cpdef decode_optional(decode, Notification notification)
cpdef decode_state(codec, default, Notification notification)
cpdef decode_nothing(Notification notification)
cpdef decode_keys(Notification notification)
