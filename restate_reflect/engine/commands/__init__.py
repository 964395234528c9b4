"""One module per kind of step; each function issues one command on an engine.

An ``Engine`` and encoded arguments go in; the completion ids under which results will arrive come out. Start reading at
``sleep``, which is the plainest.
"""
