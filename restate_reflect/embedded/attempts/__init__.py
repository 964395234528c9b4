"""The conversation with a deployment that runs an invocation once: journal out, what the handler does in.

``executor`` starts and ends attempts as the kernel says and tells it what they say, ``attempt`` is one of them,
``starting`` writes its first bytes, and ``frames`` cuts the bytes of both directions. Start reading at ``executor``.
"""
