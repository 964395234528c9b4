"""``POST /query``: invocations, journals and state as the SQL tables that restate-server has.

A kernel and a statement go in, rows come out: ``tables`` reads them from the kernel, ``journal_json`` shows one entry
of a journal, and ``sql`` runs the statement over them. Start reading at ``sql``.
"""
