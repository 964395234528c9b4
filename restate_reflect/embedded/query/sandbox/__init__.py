"""What runs in the process of one query: SQL of restate-server's dialect in, JSON or Arrow out.

``main`` bounds the process and runs the statement in SQLite. The tables are made of what is stored (``sources``) by
``tables`` and ``invocations``, entries of journals by ``journal_json``. ``dialect`` translates the statement (by
sqlglot, if that is installed): ``mistakes`` and ``refusals`` say what is wrong with it, ``kinds`` of which types it is,
``rewriting`` and ``spans`` replace what means something else. ``functions`` has what SQLite lacks, ``values`` knows the
types of columns, and ``arrow`` writes Arrow (by arro3). Start reading at ``main``. Of the package little else is
imported there: a start would take ten times as long.
"""
