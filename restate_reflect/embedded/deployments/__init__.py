"""Where handlers run: what each deployment offers, and how bytes get there.

Manifests go in; ``catalog`` finds the handler that a request means, with its options (``policy``, ``rules``).
``transport`` says what a deployment can do for an attempt and does it in the same process; ``http1_client`` and
``http2_client`` do it over a socket, and ``connect`` chooses between them. Start reading at ``catalog``.
"""
