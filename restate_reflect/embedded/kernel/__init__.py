"""The state machine of all invocations: it never waits, and knows no sockets.

Requests, messages of attempts and timers that are due come in as calls; records and journals in a ``Store`` and orders
to an ``Executor`` come out. ``kernel`` holds the live invocations, ``lifecycle`` says how one begins and ends,
``operating`` what is done to it from outside, ``commands`` what each entry of a journal sets in motion, ``retrying``
what follows a failed attempt; ``records``, ``journal`` and ``store`` are what is kept. Start reading at ``kernel``,
then ``lifecycle``.
"""
