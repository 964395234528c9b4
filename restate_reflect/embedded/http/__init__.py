"""The two ports of a server: callers' requests come in at ``ingress``, developers' and operators' at ``admin``.

Each is an aiohttp application over a ``Runtime`` and answers as restate-server's port 8080 and port 9070 do. ``paths``
reads what a path asks for, ``admin_views`` and ``replies`` write the answers. Start
reading at ``ingress``.
"""
