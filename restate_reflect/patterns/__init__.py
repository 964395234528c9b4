"""Patterns that handlers need again and again, on the public API.

Two are for the inside of a handler: ``saga`` undoes, and ``map_bounded`` does many things, a few at a time. The others
are virtual objects to be served beside your own services, each with what callers write: ``Semaphore`` with ``permit``,
``RateLimiter`` with ``throttle``, ``Cron`` with ``job``, and ``Outbox``, which is to be derived from. A context and
plain values go in; what comes out are commands of the handler's own journal. Start reading at ``saga``.
"""

from __future__ import annotations

from restate_reflect.patterns.bounded import map_bounded
from restate_reflect.patterns.cron import Cron, Job, Planned, job
from restate_reflect.patterns.outbox import Outbox
from restate_reflect.patterns.rates import Rate, RateLimiter, throttle
from restate_reflect.patterns.saga import Saga, saga
from restate_reflect.patterns.semaphore import Claim, Semaphore, permit

__all__ = [
    "Claim",
    "Cron",
    "Job",
    "Outbox",
    "Planned",
    "Rate",
    "RateLimiter",
    "Saga",
    "Semaphore",
    "job",
    "map_bounded",
    "permit",
    "saga",
    "throttle",
]
