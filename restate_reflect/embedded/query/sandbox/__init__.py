"""What runs in the process of one query: SQL of restate-server's dialect in, JSON or Arrow out.

``main`` bounds the process and runs the statement in SQLite, ``dialect`` translates it (by sqlglot, if that is
installed), ``functions`` has what SQLite lacks, ``values`` knows the types of columns, and ``arrow`` writes Arrow (by
arro3). Start reading at ``main``. Nothing else of the package is imported there: a start would take ten times as long.
"""
