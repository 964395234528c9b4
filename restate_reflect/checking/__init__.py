"""Whether code can take over from what a server runs: what is in flight, stored and promised, held against it.

Definitions and an admin client go in, a ``Report`` comes out. ``_contract`` compares what is registered (``_schema``
its types), ``_values`` reads recorded inputs, outputs and stored state with the new types, ``_journals`` fetches
invocations page by page and replays them, ``_gates`` finds gates that none of them has passed, ``_report`` is what was
found. Start reading at ``_check``.
"""

from __future__ import annotations

from restate_reflect.checking._check import check
from restate_reflect.checking._report import Finding, GateUse, HandlerRow, Kind, Report
from restate_reflect.checking._values import declared_state

__all__ = ["Finding", "GateUse", "HandlerRow", "Kind", "Report", "check", "declared_state"]
