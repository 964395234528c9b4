"""Ids that handlers are given by somebody: what can't be one is an error to catch, not an endless retry."""

from __future__ import annotations

from typing import Any

import pytest

from restate_reflect import Context, TerminalError
from restate_reflect.identifiers import is_awakeable_id, is_invocation_id
from tests.journals import play

INVOCATION = "inv_1" + "0" * 33
AWAKEABLE = "sign_1" + "A" * 38
NO_INVOCATIONS = ["", "nonsense", "inv_1", INVOCATION[:-1], INVOCATION + "0", "inv_1" + "Z" * 33, INVOCATION[:-1] + "ü"]
NO_AWAKEABLES = ["", "nonsense", "sign_1", AWAKEABLE + "A", AWAKEABLE[:-1] + "+", INVOCATION, "sign_1A"]

VERBS: dict[str, Any] = {
    "attach": lambda ctx, id_: ctx.attach(id_),
    "output": lambda ctx, id_: ctx.output(id_),
    "cancel": lambda ctx, id_: ctx.cancel(id_),
    "resolve_signal": lambda ctx, id_: ctx.resolve_signal(id_, "s", 1),
    "reject_signal": lambda ctx, id_: ctx.reject_signal(id_, "s", "no"),
    "resolve_awakeable": lambda ctx, id_: ctx.resolve_awakeable(id_, 1),
    "reject_awakeable": lambda ctx, id_: ctx.reject_awakeable(id_, "no"),
}


class Desk:
    async def tries(self, ctx: Context, verb: str, id_: str) -> str:
        try:
            VERBS[verb](ctx, id_)
        except TerminalError as error:
            return f"{error.code} {error.message}"
        return "sent"


@pytest.mark.parametrize("verb", VERBS)
def test_a_malformed_id_is_an_error_to_catch(verb: str) -> None:
    for id_ in NO_AWAKEABLES if "awakeable" in verb else NO_INVOCATIONS:
        played = play(Desk, "tries", body=f'{{"verb":"{verb}","id_":"{id_}"}}'.encode())
        assert played.output.startswith(b'"400 ')
        assert b"test_ids.py:" in played.output


@pytest.mark.parametrize("verb", VERBS)
def test_a_well_formed_one_is_sent(verb: str) -> None:
    id_ = AWAKEABLE if "awakeable" in verb else INVOCATION
    assert play(Desk, "tries", body=f'{{"verb":"{verb}","id_":"{id_}"}}'.encode()).output == b'"sent"'


def test_ids_of_the_older_form_are_awakeables() -> None:
    assert is_awakeable_id("prom_1" + "A" * 38)
    assert not is_invocation_id("prom_1" + "A" * 38)
