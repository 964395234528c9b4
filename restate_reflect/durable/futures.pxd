# Python classes, as asyncio's Future and Task are their bases; compiled for their functions.
from restate_reflect.durable.locations cimport spot
from restate_reflect.durable.ready cimport ReadyQueue
from restate_reflect.engine.notifications cimport Notification

cdef int _OWN_FRAMES


cpdef settle(future, decode, Notification notification, result)
cpdef loop_future(cls, ReadyQueue loop)
cpdef durable_task(coro, ReadyQueue loop, name, context)
cpdef durable_future(decode, label, ReadyQueue loop)
cpdef watched_future(cls, decode, label, ReadyQueue loop)
