"""``POST /query``: invocations, journals and state as the SQL tables that restate-server has.

A kernel and a statement go in, rows come out: ``sql`` starts a process for the statement, ``shipping`` sends it what is
no file's, and ``sandbox`` is what runs there. Start reading at ``sql``.
"""
