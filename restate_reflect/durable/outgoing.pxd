# A Python class, as asyncio's Future is its base; compiled for its functions.
from restate_reflect.durable.calls cimport InvocationIdSlot
from restate_reflect.durable.futures cimport settle, watched_future
from restate_reflect.durable.ready cimport ReadyQueue
from restate_reflect.engine.notifications cimport Notification


cpdef settle_call(call, InvocationIdSlot slot, Notification notification)
cpdef outgoing_call(decode, InvocationIdSlot slot, ReadyQueue loop)
