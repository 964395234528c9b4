"""``Accept`` to a manifest version."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restate_reflect.manifest import VERSIONS, content_type, negotiate

V = {version: content_type(version) for version in VERSIONS}


@pytest.mark.parametrize(
    "accept, version",
    [
        (", ".join(V.values()), 4),
        (", ".join(reversed(V.values())), 4),
        (V[1], 1),
        (f"{V[2]},{V[3]}", 3),
        (f"{V[4]};q=0.5, {V[2]};q=0.9", 2),
        (f"{V[4]};q=0, {V[1]}", 1),
        (f"{V[4]};q=0", None),
        (f"{V[3]} ; q=0.3 , text/html", 3),
        (V[3].upper(), 3),
        ("*/*", 4),
        ("application/*;q=0.1", 4),
        (f"*/*;q=0.1, {V[2]}", 2),
        (f"*/*, {V[4]};q=0", 3),
        (None, 4),
        ("", 4),
        ("application/json", None),
        ("application/vnd.restate.endpointmanifest.v5+json", None),
        (f"application/vnd.restate.endpointmanifest.v5+json, {V[4]}", 4),
        ("application/vnd.restate.endpointmanifest.v1+protobuf", None),
        (f"{V[4]};q=abc", None),
        (";;,,=", None),
    ],
)
def test_the_best_known_version_wins(accept: str | None, version: int | None) -> None:
    assert negotiate(accept) == version


@given(st.text(max_size=60) | st.lists(st.sampled_from([*V.values(), ";q=0.5", ",", "*/*", ";"])).map("".join))
def test_any_header_gives_a_known_version_or_none(accept: str) -> None:
    assert negotiate(accept) in (*VERSIONS, None)
