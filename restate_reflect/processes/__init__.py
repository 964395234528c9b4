"""Processes that serve, and the one that watches over them, for ``serve --workers``, ``serve --reload`` and ``dev``.

A program and its arguments go in; workers that listen, or the reason why one does not, come out. ``worker`` is a child
as its supervisor sees it, ``control`` the line between the two, ``generation`` the workers of one state of the files,
``watch`` tells that these have changed, and ``stopping`` turns signals into an end. Start reading at ``worker``.
"""
