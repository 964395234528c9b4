"""Where records, journals, state and timers are kept: ``memory`` for tests, ``sqlite`` for what outlives the process.

Both are the ``Store`` of ``embedded/kernel/store.py``: what the kernel writes goes in, and the same comes out after a
restart; ``serialization`` turns records into what a database holds. Start reading at ``memory``.
"""
