"""``restate-reflect dev``: services that run from their source, again at every save, with each step on the screen.

Targets go in; what happens in them comes out, as a log. Two processes share the work. The one that was started has the
``engine`` (the embedded runtime, or a restate-server), watches the files, and starts a ``worker`` for each revision of
the code, which serves it and reports what its attempts do. Start reading at ``session`` for the first and at ``worker``
for the second.
"""
