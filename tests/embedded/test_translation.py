"""What SQL is translated to, where only chance would show it in answers."""

from __future__ import annotations

import time
from itertools import count

import pytest

from restate_reflect.embedded.query.sandbox.dialect import translate


def test_a_statement_has_one_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """``now()`` is the same wherever a statement asks for it, as on restate-server."""
    monkeypatch.setattr(time, "time", count(1).__next__)
    assert translate("SELECT now() = current_timestamp AS one", {}).sql == 'SELECT 1000 = 1000 AS "one"'
