"""The generated messages under their short name, which loads them late."""

from __future__ import annotations

import pytest
from google.protobuf.message import DecodeError, Message

from restate_reflect.engine import awaiting
from restate_reflect.protocol import _pb2, pb


def test_names_are_those_of_the_generated_module() -> None:
    assert pb.StartMessage is _pb2.StartMessage
    assert pb.PAUSE == _pb2.PAUSE
    assert (pb.DecodeError, pb.Message) == (DecodeError, Message)


def test_each_name_is_looked_up_once() -> None:
    """From then on it stands in the module."""
    if "EndMessage" in vars(pb):
        del pb.EndMessage
    assert pb.EndMessage is vars(pb)["EndMessage"]


@pytest.mark.parametrize("name", ["NoSuchMessage", "__wrapped__", "_builder"])
def test_other_names_are_missing(name: str) -> None:
    """Those with an underscore, for which tools ask, load nothing."""
    with pytest.raises(AttributeError, match=name):
        getattr(pb, name)


def test_combinators_have_the_numbers_of_the_protocol() -> None:
    assert awaiting.FIRST_COMPLETED == pb.FIRST_COMPLETED
    assert awaiting.ALL_COMPLETED == pb.ALL_COMPLETED
    assert awaiting.FIRST_SUCCEEDED == pb.FIRST_SUCCEEDED_OR_ALL_FAILED
    assert awaiting.ALL_SUCCEEDED == pb.ALL_SUCCEEDED_OR_FIRST_FAILED
