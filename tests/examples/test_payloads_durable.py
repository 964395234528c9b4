"""``examples/payloads.py``, wherever it crashes."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from examples.payloads import Patient, codecs
from restate_reflect.testing import Durable, TestEnvironment


async def test_notes_come_back_and_are_not_stored_in_plain(
    durable: Durable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTES_KEYS", f"k:{base64.b64encode(b'k' * 32).decode()}")
    monkeypatch.setenv("NOTES_FOLDER", str(tmp_path))
    env = await durable(Patient, payloads=codecs())
    assert await env.call(Patient.note, "sleeps well. " + "z" * 300_000, key="ada") == 1
    assert await env.call(Patient.last, key="ada") == "sleeps well"
    if isinstance(env, TestEnvironment):
        stored = env.runtime.state("Patient", "ada")
        assert not any(b"sleeps" in value for value in stored.values())
