"""Section 6 of the contract: code that diverges from its journal is stopped with 570."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from restate_reflect.options import RetryPolicy
from tests.conformance.driver import Driver, Failed, fresh_key
from tests.conformance.settings import Setting, Signing, on_engines
from tests.support import ServedProcess

HANDLERS = {
    "eitherSleepOrCall": ("recorded: sleep", "current:  call Counter/abc/get"),
    "callDifferentMethod": ("recorded: call Counter/abc/get", "current:  call Counter/abc/reset"),
    "backgroundInvokeWithDifferentTargets": ("recorded: send Counter/abc/get", "current:  send Counter/abc/reset"),
    "setDifferentKey": ("recorded: set state 'a'", "current:  set state 'b'"),
}


@pytest.fixture(scope="module", params=on_engines(["suspending", "v7-suspending", "http11"], "both"), ids=str)
def killing(request: pytest.FixtureRequest, signing: Signing) -> Iterator[Driver]:
    """Attempts suspend, so that there is something to replay; a failed one is not repeated: it would go left again."""
    setting: Setting = request.param
    policy = RetryPolicy(initial_interval=0.001, max_attempts=1, on_max_attempts="kill")
    with ExitStack() as stack:
        server = stack.enter_context(setting.start(signing, retry_policy=policy))
        served = stack.enter_context(ServedProcess(setting.target))
        server.register(served.url, use_http_11=setting.use_http_11)
        driver = Driver(server, served, setting)
        stack.callback(driver.close)
        yield driver


@pytest.mark.server
@pytest.mark.parametrize("handler", HANDLERS)
def test_a_handler_that_takes_another_path_is_stopped(killing: Driver, handler: str) -> None:
    """The error names the recorded and the current command and the line; nothing after it happens."""
    key = fresh_key()
    killing.call("Counter", "add", 1, key=key)
    with pytest.raises(Failed) as caught:
        killing.call("NonDeterministic", handler, key=key)
    assert caught.value.code == 570
    for expected in (*HANDLERS[handler], "tests/conformance/services/failures.py"):
        assert expected in caught.value.message
    assert killing.call("Counter", "get", key=key) == 1
