"""What is known of the state without asking, against a plain dict."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from restate_reflect.engine.eager_state import UNKNOWN, EagerState

KEYS = st.sampled_from("abc")
OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("set"), KEYS, st.binary(max_size=2)),
        st.tuples(st.just("clear"), KEYS, st.just(b"")),
        st.tuples(st.just("clear_all"), st.just(""), st.just(b"")),
    )
)


@given(st.dictionaries(KEYS, st.binary(max_size=2)), st.dictionaries(KEYS, st.binary(max_size=2)), OPERATIONS)
def test_what_it_says_is_true_and_what_it_can_not_know_it_does_not_say(
    sent: dict[str, bytes], unsent: dict[str, bytes], operations: list[tuple[str, str, bytes]]
) -> None:
    """``truth`` is the server's state; the start message carried only a part of it."""
    truth = unsent | sent
    partial = EagerState(dict(sent), partial=True)
    complete = EagerState(dict(truth), partial=False)
    for operation, key, value in operations:
        for state in (partial, complete):
            _apply(state, operation, key, value)
        if operation == "set":
            truth[key] = value
        elif operation == "clear":
            truth.pop(key, None)
        else:
            truth.clear()
    for key in "abcd":
        assert complete.get(key) == truth.get(key)
        assert partial.get(key) in (truth.get(key), UNKNOWN)
    assert complete.keys() == sorted(truth)
    assert partial.keys() in (sorted(truth), UNKNOWN)


def _apply(state: EagerState, operation: str, key: str, value: bytes) -> None:
    if operation == "set":
        state.set(key, value)
    elif operation == "clear":
        state.clear(key)
    else:
        state.clear_all()


def test_nothing_is_known_by_default() -> None:
    assert EagerState().get("a") is UNKNOWN
    assert EagerState().keys() is UNKNOWN


def test_clearing_everything_makes_it_complete() -> None:
    state = EagerState()
    state.clear_all()
    assert (state.get("a"), state.keys()) == (None, [])
