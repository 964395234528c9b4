"""When the await tree lets a suspended invocation go on."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from restate_reflect.embedded.kernel.awaiting import Lookup, from_suspension, is_empty, resolve
from restate_reflect.embedded.kernel.journal import NotificationKey
from restate_reflect.protocol import _pb2 as pb

Tree = pb.Future


def tree(kind: pb.CombinatorType, *leaves: int, nested: tuple[Tree, ...] = ()) -> Tree:
    return pb.Future(combinator_type=kind, waiting_completions=leaves, nested_futures=nested)


def known(arrived: dict[NotificationKey, bool]) -> Lookup:
    return lambda key: arrived.get(key)


def wakes(root: Tree, **arrived: bool) -> bool:
    """Keyword ``c3=False``: completion 3 arrived as a failure."""
    return resolve(root, lambda key: arrived.get(f"c{key[1]}"))


def test_first_completed_needs_one() -> None:
    root = tree(pb.FIRST_COMPLETED, 1, 2)
    assert not wakes(root)
    assert wakes(root, c2=False)


def test_all_completed_remembers_what_has_arrived() -> None:
    root = tree(pb.ALL_COMPLETED, 1, 2, 3)
    assert not wakes(root, c2=False)
    assert list(root.waiting_completions) == [1, 3]
    assert not wakes(root, c1=True)
    assert wakes(root, c3=True)


def test_all_succeeded_stops_at_the_first_failure() -> None:
    assert wakes(tree(pb.ALL_SUCCEEDED_OR_FIRST_FAILED, 1, 2), c2=False)
    root = tree(pb.ALL_SUCCEEDED_OR_FIRST_FAILED, 1, 2)
    assert not wakes(root, c2=True)
    assert wakes(root, c1=True)


def test_first_succeeded_goes_on_over_failures() -> None:
    root = tree(pb.FIRST_SUCCEEDED_OR_ALL_FAILED, 1, 2)
    assert not wakes(root, c1=False)
    assert wakes(root, c2=False)
    assert wakes(tree(pb.FIRST_SUCCEEDED_OR_ALL_FAILED, 1, 2), c1=True)


def test_a_child_nobody_can_judge_wakes_those_who_would_have_to() -> None:
    unknown = tree(pb.COMBINATOR_TYPE_UNKNOWN, 1)
    assert wakes(tree(pb.ALL_SUCCEEDED_OR_FIRST_FAILED, 2, nested=(unknown,)), c1=True)
    assert wakes(tree(pb.FIRST_SUCCEEDED_OR_ALL_FAILED, 2, nested=(unknown,)), c1=False)
    assert not wakes(tree(pb.ALL_COMPLETED, 2, nested=(unknown,)), c1=True)


def test_a_race_of_alls() -> None:
    root = tree(
        pb.FIRST_COMPLETED,
        nested=(tree(pb.ALL_SUCCEEDED_OR_FIRST_FAILED, 1, 2), tree(pb.ALL_COMPLETED, 3, 4)),
    )
    assert not wakes(root, c1=True)
    assert not wakes(root, c3=False)
    assert wakes(root, c4=True)


def test_signals_and_names_are_told_apart_from_completions() -> None:
    root = pb.Future(combinator_type=pb.FIRST_COMPLETED, waiting_signals=[1], waiting_named_signals=["1"])
    assert not resolve(root, known({("completion", 1): True}))
    assert resolve(root, known({("signal", 1): True}))
    assert resolve(root, known({("named", "1"): True}))


def test_older_protocols_name_leaves_only() -> None:
    message = pb.SuspensionMessage(waiting_completions=[1], waiting_signals=[2], waiting_named_signals=["x"])
    root = from_suspension(message)
    assert resolve(root, known({("named", "x"): False}))
    assert not is_empty(root)
    assert is_empty(from_suspension(pb.SuspensionMessage()))
    assert is_empty(tree(pb.ALL_COMPLETED, nested=(tree(pb.FIRST_COMPLETED),)))


DECIDED = [pb.ALL_COMPLETED, pb.FIRST_SUCCEEDED_OR_ALL_FAILED, pb.ALL_SUCCEEDED_OR_FIRST_FAILED]
"""Kinds whose result does not depend on which child comes first."""
KINDS = [pb.COMBINATOR_TYPE_UNKNOWN, pb.FIRST_COMPLETED, *DECIDED]


@st.composite
def trees(draw: st.DrawFn, kinds: list[pb.CombinatorType], depth: int = 3) -> Tree:
    leaves = draw(st.lists(st.integers(1, 6), min_size=1 if depth == 0 else 0, max_size=3, unique=True))
    nested = draw(st.lists(trees(kinds, depth - 1), max_size=2)) if depth else []
    if not leaves and not nested:
        leaves = [1]
    return tree(draw(st.sampled_from(kinds)), *leaves, nested=tuple(nested))


ORDERS = st.permutations(range(1, 7))
SUCCESSES = st.lists(st.booleans(), min_size=6, max_size=6)


@given(trees(DECIDED), ORDERS, SUCCESSES)
def test_one_by_one_wakes_exactly_when_all_of_them_at_once_would(
    root: Tree, order: list[int], successes: list[bool]
) -> None:
    """An attempt that suspends late is compared with everything that has arrived; the same must come out."""
    whole = pb.Future.FromString(root.SerializeToString())
    arrived: dict[NotificationKey, bool] = {}
    for completion, success in zip(order, successes, strict=True):
        arrived["completion", completion] = success
        alone = resolve(root, known({("completion", completion): success}))
        assert alone == resolve(pb.Future.FromString(whole.SerializeToString()), known(arrived))
        if alone:
            return
    raise AssertionError("everything has arrived, and it still sleeps")


@given(trees(KINDS), ORDERS, SUCCESSES)
def test_a_tree_whose_leaves_have_all_arrived_wakes(root: Tree, order: list[int], successes: list[bool]) -> None:
    arrived: dict[NotificationKey, bool] = {
        ("completion", completion): success for completion, success in zip(order, successes, strict=True)
    }
    assert resolve(pb.Future.FromString(root.SerializeToString()), known(arrived))
    woken = [resolve(root, known({key: success})) for key, success in arrived.items()]
    assert any(woken)
