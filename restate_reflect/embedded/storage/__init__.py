"""Where records, journals, state and timers are kept: ``memory`` for tests, ``sqlite`` for what outlives the process.

Both are the ``Store`` that the kernel writes to; ``serialization`` turns records into what a database holds. Start
reading at ``restate_reflect.embedded.kernel.store``, then ``memory``.
"""
