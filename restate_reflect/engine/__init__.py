"""The sans-IO journal machine of one attempt. Knows ``protocol`` and nothing of sockets, loops or user code.

Bytes of a server and steps of a handler go in; bytes for the server and results for the handler come out. ``machine``
is the one funnel, ``states`` are its states, ``opening`` is what the server sends first, ``recorded`` what a handler
has still to do again, ``journal`` compares what it does with that, ``notifications`` are results on their way,
``awaiting`` says what a handler waits for, ``retries`` when a step is tried again, ``ending`` how all ends, and
``locator`` whom the machine asks when something is wrong; ``commands`` has a module per kind of step. Start reading at
``machine``.
"""
