"""What is around all handlers holds wherever they crash."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from examples.interceptors import ClaimCheck, Letters, Words
from restate_reflect import TerminalError
from restate_reflect.testing import Durable

HEADERS = {"authorization": "letmein", "x-tenant": "acme"}


async def test_the_tenant_and_who_it_was_go_along(durable: Durable, capsys: pytest.CaptureFixture[str]) -> None:
    """``Words`` lets nobody in who has no token."""
    env = await durable(Letters, Words)
    assert await env.call(Letters.write, "to be or", headers=HEADERS) == "a letter of 3 words for acme"
    assert "Words/count count: " in capsys.readouterr().out


@pytest.mark.parametrize("headers", [{}, {"authorization": "guessed"}])
async def test_others_stay_outside(durable: Durable, headers: dict[str, str]) -> None:
    env = await durable(Letters, Words)
    with pytest.raises(TerminalError, match="say who you are") as refused:
        await env.call(Letters.write, "to be", headers=headers)
    assert refused.value.code == 401
    assert env.invocations(Words) == []


async def test_large_texts_stay_out_of_the_journal(durable: Durable, tmp_path: Path) -> None:
    """A ticket is in their place, and the same one on every replay."""
    env = await durable(Letters, Words, interceptors=[ClaimCheck(tmp_path, above=100)])
    text = "word " * 1000
    sent = await env.send(Letters.write, text, headers=HEADERS)
    assert await sent.attach() == "a letter of 1000 words for acme"
    (called,) = env.invocations(Words)
    assert hashlib.sha256(text.encode()).hexdigest() in str(env.journal(called.id))
    assert "word word" not in str(env.journal(called.id))


async def test_small_texts_travel_themselves(durable: Durable, tmp_path: Path) -> None:
    env = await durable(Letters, Words, interceptors=[ClaimCheck(tmp_path, above=100)])
    assert await env.call(Letters.write, "to be", headers=HEADERS) == "a letter of 2 words for acme"
    assert list(tmp_path.iterdir()) == []


async def test_a_ticket_is_no_path(durable: Durable, tmp_path: Path) -> None:
    env = await durable(Letters, Words, interceptors=[ClaimCheck(tmp_path, above=100)])
    with pytest.raises(TerminalError, match="that is no ticket"):
        await env.call(Letters.write, "ticket:../../etc/passwd", headers=HEADERS)
