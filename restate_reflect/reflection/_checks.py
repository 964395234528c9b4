"""What can be wrong with the handlers of a class taken together."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from restate_reflect.definitions import HandlerKind, ServiceKind, SkippedMethod
from restate_reflect.options import HandlerOptions
from restate_reflect.reflection._contexts import BY_KIND, KIND_WORDS, ContextRule
from restate_reflect.reflection._hints import Hints
from restate_reflect.reflection._naming import handler_name_faults
from restate_reflect.reflection._problems import Problems
from restate_reflect.reflection._scan import Method

__all__ = ["Candidate", "check_kinds", "check_names", "check_run", "check_unknown", "report_no_handlers"]


class Candidate(NamedTuple):
    """A method with a context."""

    method: Method
    hints: Hints
    rule: ContextRule
    name: str
    options: HandlerOptions


def report_no_handlers(skipped: Sequence[SkippedMethod], problems: Problems) -> None:
    if problems.found:
        return  # what was meant to be a handler has been reported already
    reasons = "; ".join(f"{method.name}: {method.reason}" for method in skipped)
    what = f"it has no handlers{f' (skipped {reasons})' if reasons else ''}."
    problems.at_class("no-handlers", what, "Give a public method 'ctx: Context' (or another context) after self.")


def check_kinds(candidates: Sequence[Candidate], problems: Problems) -> None:
    """The first handler decides the kind; all others have to agree."""
    kind, first = candidates[0].rule.service, candidates[0].method.name
    allowed = " or ".join(rule.context.__name__ for rule in BY_KIND[kind])
    for candidate in candidates:
        if candidate.rule.service is not kind:
            what = f"{candidate.rule.context.__name__} in {KIND_WORDS[kind]} (which '{first}' makes it)."
            fix = (
                f"Use {allowed}, or move '{candidate.method.name}' to {KIND_WORDS[candidate.rule.service]} of its own."
            )
            problems.at_method(candidate.method, "mixed-kinds", what, fix)


def check_run(candidates: Sequence[Candidate], problems: Problems, *, may_be_missing: bool) -> None:
    """A workflow has exactly one run handler."""
    runs = [candidate for candidate in candidates if candidate.rule.handler is HandlerKind.WORKFLOW]
    for candidate in runs[1:]:
        what = f"a second run handler; '{runs[0].method.name}' is one already."
        problems.at_method(candidate.method, "two-runs", what, "Use WorkflowSharedContext.")
    if not runs and candidates[0].rule.service is ServiceKind.WORKFLOW and not may_be_missing:
        problems.at_class("no-run", "it is a workflow without a run handler.", "Let one method take WorkflowContext.")


def check_names(candidates: Sequence[Candidate], problems: Problems) -> None:
    first: dict[str, Method] = {}
    for candidate in candidates:
        method = candidate.method
        for fault in handler_name_faults(candidate.name, method.name):
            problems.at_method(method, *fault)
        other = first.setdefault(candidate.name, method)
        if other is not method:
            what = f"the handler name '{candidate.name}' is taken by method '{other.name}'."
            problems.at_method(method, "duplicate-handler", what, "Give it another one by @handler(name=...).")


def check_unknown(names: Collection[str], candidates: Sequence[Candidate], problems: Problems) -> None:
    """``names`` are those for which ``reflect(handlers=...)`` has options."""
    known = {name for candidate in candidates for name in (candidate.name, candidate.method.name)}
    for unknown in sorted(set(names) - known):
        close = _nearest(unknown, known)
        fix = f"Did you mean '{close[0]}'?" if close else f"Handlers are {', '.join(sorted(known))}."
        problems.at_class("unknown-handler", f"options are given for '{unknown}', which is no handler.", fix)


def _nearest(name: str, known: Collection[str]) -> list[str]:
    import difflib  # 0.2 MB, and only for mistakes

    return difflib.get_close_matches(name, known, n=1)
