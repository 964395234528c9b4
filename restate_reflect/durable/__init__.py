"""asyncio made durable: handlers run on a deterministic loop over the journal machine.

A request's bytes and a handler go in; commands of its journal come out, by way of ``engine``. ``attempt`` runs one
handler once: it starts it on a ``loop``, delivers results one at a time, and ends it; ``cancelling`` is what comes of a
cancellation, ``leftovers`` what a handler that returns has forgotten, ``reporting`` who is told of a failure.
``operations`` is what a context does, and ``futures`` what it hands out; ``runs`` executes steps outside of the loop,
and ``guards`` notices I/O within it. What all attempts of an endpoint share is an ``environment``. Start reading at
``attempt``.
"""
