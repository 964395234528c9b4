"""YAML without a library, read by one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restate_reflect.openapi import build_openapi, to_yaml
from restate_reflect.reflection import reflect_all
from tests.openapi.services import Basket, Delivery, Shop

yaml = pytest.importorskip("yaml")

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
JSON: st.SearchStrategy[Any] = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20
)


@given(JSON)
def test_reading_gives_the_same_data(data: Any) -> None:
    assert yaml.safe_load(to_yaml(data)) == data


@pytest.mark.parametrize(
    "key", ["yes", "null", "1", "1.5", "2026-01-01", "a: b", "-", "~", "#", "", "on", "0x10", "=", "<<"]
)
def test_keys_stay_strings(key: str) -> None:
    assert yaml.safe_load(to_yaml({key: 1})) == {key: 1}


def test_a_document_survives_and_is_readable() -> None:
    document = build_openapi(reflect_all([Shop, Basket, Delivery]))
    text = to_yaml(document)
    assert yaml.safe_load(text) == document
    assert text.startswith('openapi: "3.1.0"\ninfo:\n  title: "Shop, Basket, Delivery"\n')
