"""Versions of the service protocol and their content types."""

from __future__ import annotations

import pytest

from restate_reflect.protocol.framing import is_command, is_notification
from restate_reflect.protocol.messages import MessageType, command_classes
from restate_reflect.protocol.versions import MAXIMUM, MINIMUM, ProtocolVersion


def test_five_to_seven_are_spoken() -> None:
    assert (MINIMUM, MAXIMUM) == (5, 7)
    assert [version.value for version in ProtocolVersion] == [5, 6, 7]


@pytest.mark.parametrize("version", list(ProtocolVersion))
def test_content_type_names_the_version_and_is_read_back(version: ProtocolVersion) -> None:
    assert version.content_type == f"application/vnd.restate.invocation.v{version.value}"
    assert ProtocolVersion.from_content_type(version.content_type) is version


@pytest.mark.parametrize(
    "content_type",
    [None, "", "application/json", "application/vnd.restate.invocation.v4", "application/vnd.restate.invocation.v8"],
)
def test_other_content_types_are_not_spoken(content_type: str | None) -> None:
    assert ProtocolVersion.from_content_type(content_type) is None


@pytest.mark.parametrize(
    "feature, since",
    [
        ("has_random_seed", 6),
        ("has_failure_metadata", 6),
        ("has_run_acks", 7),
        ("has_await_tree", 7),
        ("has_scopes", 7),
        ("has_error_behavior", 7),
    ],
)
def test_features_begin_with_their_version(feature: str, since: int) -> None:
    assert [getattr(version, feature) for version in ProtocolVersion] == [v >= since for v in (5, 6, 7)]


def test_every_command_type_has_a_class_and_lies_in_the_command_range() -> None:
    commands = {type_ for type_ in MessageType if is_command(type_)}
    assert commands == set(command_classes())


def test_ranges_do_not_overlap() -> None:
    """0x0000 control, 0x0400 commands, 0x8000 notifications, 0xFC00 custom."""
    edges = (0x03FF, 0x0400, 0x7FFF, 0x8000, 0xFBFF, 0xFC00, 0xFFFF)
    assert [is_command(edge) for edge in edges] == [False, True, True, False, False, False, False]
    assert [is_notification(edge) for edge in edges] == [False, False, False, True, True, False, False]
