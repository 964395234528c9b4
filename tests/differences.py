"""What the embedded runtime does not do, or does otherwise, than restate-server: the reasons why tests leave it out.

``docs/explanation/engines.md`` lists them, with the paths that answer 501; ``tests/docs/test_engines.py`` compares.
"""

from __future__ import annotations

from enum import StrEnum

__all__ = ["Difference"]


class Difference(StrEnum):
    """Each with its reason."""

    SIGNING = "not signed: whoever runs the embedded runtime runs the endpoint, too"
    ONE_PROCESS = "one process on one machine has nothing to divide"
    SQL = "SQLite answers what sqlglot translates for it"
    HTTP2 = "HTTP/1.1 alone, which every client speaks"
    MALFORMED = "hyper reads it there and aiohttp here"
    FAR = "a 400 that says so; the server closes the connection"
    LIMITS = "accepted and told to the handler, not enforced: there is one user"
    LAMBDA = "a 501: it would take an AWS account"
    KEYS = "none is made up: nobody knows it, so nobody can ask with it"
    ORDER = "in the order of registration; the server's order is its own"
