"""What the reference lists is what the code has: codes, names, limits, variables, and tests that exist."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

import restate_reflect
from restate_reflect.context import (
    Context,
    ObjectContext,
    ObjectSharedContext,
    WorkflowContext,
    WorkflowSharedContext,
)
from restate_reflect.endpoint import EndpointLimits
from restate_reflect.http2.limits import Limits, Rate
from tests.docs.blocks import ROOT

PACKAGE = ROOT / "restate_reflect"
CODE = re.compile(r"[a-z]+(-[a-z]+)+")
PYTHON_SDK = """
    Service VirtualObject Workflow DurablePromise RestateDurableFuture RestateDurableCallFuture
    RestateDurableSleepFuture SendHandle ScopedContext RunOptions TerminalError create_test_harness test_harness
    HarnessEnvironment gather as_completed wait_completed select RestateLoggingFilter InvocationRetryPolicy
    SdkInternalBaseException is_internal_exception getLogger RestateClient RestateClientSendHandle HttpError
    create_client request scope signal resolve_signal reject_signal random uuid time run run_typed sleep service_call
    service_send object_call object_send workflow_call workflow_send generic_call generic_send awakeable
    resolve_awakeable reject_awakeable cancel_invocation attach_invocation key get set clear clear_all state_keys
    promise peek resolve reject value identity_key streaming_protocol request_response_protocol bind
"""
"""The public names of the official Python SDK: its ``__all__``, contexts, endpoint and client."""
GO_SDK = """
    Reflect Awakeable ResolveAwakeable RejectAwakeable WithCodec WithInputCodec WithOutputCodec Key WithErrorCode
    ToTerminalError TerminalErrorf IsTerminalError AsTerminalError ToRetryableError RetryableErrorf WaitFirst Wait
    WaitIter WithDocumentation WithAbortTimeout WithEnableLazyState WithIdempotencyRetention WithInactivityTimeout
    WithIngressPrivate WithJournalRetention WithWorkflowRetention WithInvocationRetryPolicy WithMetadata WithName
    Promise Rand UUID WithMaxRetryAttempts WithInitialRetryInterval WithMaxRetryInterval WithRetryIntervalFactor
    WithMaxRetryDuration PauseOnMaxAttempts KillOnMaxAttempts Service Object Workflow ServiceSend ObjectSend
    WorkflowSend CancelInvocation AttachInvocation WithScope WithHeaders WithIdempotencyKey WithLimitKey WithDelay Run
    RunAsync RunVoid Signal ResolveSignal RejectSignal Get Keys Set Clear ClearAll Sleep After NewClient
    InvocationById WorkflowHandle WithHttpClient WithAuthKey ServiceName Void LambdaHandler Bidirectional
    WithIdentityV1 WithLogger WithMockContext WrapContext WithValue
"""
"""The public names of the Go SDK."""


def text_of(page: str) -> str:
    return (ROOT / "docs" / page).read_text(encoding="utf-8")


def codes_in_reflection() -> set[str]:
    """String constants of the package that look like codes, or stand where ``Problems`` takes one."""
    nodes = [
        node
        for file in (PACKAGE / "reflection").glob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
    ]
    reported = [
        node.args[{"at_class": 0, "at_method": 1}[node.func.attr]]
        for node in nodes
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("at_class", "at_method")
        and not any(isinstance(argument, ast.Starred) for argument in node.args)
    ]
    constants = [node.value for node in nodes if isinstance(node, ast.Constant)]
    named = {value for value in constants if isinstance(value, str) and CODE.fullmatch(value)}
    return named | {each.value for each in reported if isinstance(each, ast.Constant) and isinstance(each.value, str)}


def test_every_start_up_error_has_cause_and_fix() -> None:
    """No code is missing, and none is documented that the code lacks."""
    documented = set(re.findall(r"^\| `([a-z-]+)` \|", text_of("reference/startup-errors.md"), re.MULTILINE))
    assert documented == codes_in_reflection()
    assert len(documented) >= 36


def test_every_method_of_a_context_is_listed() -> None:
    """In the table of all contexts or in the one by kind."""
    contexts = (Context, ObjectContext, ObjectSharedContext, WorkflowContext, WorkflowSharedContext)
    names = {name for context in contexts for name, _ in inspect.getmembers(context) if not name.startswith("_")}
    page = text_of("reference/context.md")
    assert [name for name in sorted(names) if not re.search(rf"`[^`|]*\b{name}\b", page)] == []


def test_every_public_name_is_in_the_api_reference() -> None:
    page = text_of("reference/api.md")
    listed = set(re.findall(r"^::: restate_reflect\.(\S+)$", page, re.MULTILINE))
    # `endpoint` is also the name of the package that holds it.
    missing = [name for name in restate_reflect.__all__ if not {name, f"{name}.{name}"} & listed]
    assert missing == []


def shown(value: object) -> str:
    """A default as the tables write it."""
    if isinstance(value, Rate):
        return f"{value.count:,} in {value.period:g} s"
    if isinstance(value, float):
        return f"{value:g} s"
    assert isinstance(value, int)
    if value >= 1 << 14 and value % 1024 == 0:
        return f"{value >> 20} MiB" if value % (1 << 20) == 0 else f"{value >> 10} KiB"
    return f"{value:,}"


@pytest.mark.parametrize("limits, left_out", [(EndpointLimits(), {"http2"}), (Limits(), {"clock"})])
def test_limits_are_listed_with_their_defaults(limits: EndpointLimits | Limits, left_out: set[str]) -> None:
    page = text_of("reference/limits.md")
    for field in fields(limits):
        if field.name not in left_out:
            assert f"| `{field.name}` | {shown(getattr(limits, field.name))} |" in page


def variables_read() -> Iterator[str]:
    """Names given to ``environ.get`` or ``os.environ[...]`` and ``envvar=``."""
    for file in PACKAGE.rglob("*.py"):
        source = file.read_text(encoding="utf-8")
        yield from re.findall(r"environ(?:\.get\(|\[)[\"'](\w+)", source)
        yield from re.findall(r"envvar=\"(\w+)\"", source)


def test_environment_variables_are_listed() -> None:
    page = text_of("reference/environment.md")
    assert [name for name in sorted(set(variables_read())) if f"`{name}`" not in page] == []


def test_the_errors_are_drawn_as_in_the_code() -> None:
    """Line by line, but for the explanations."""
    page = text_of("reference/errors.md")
    for module in ("errors.py", "ingress/_errors.py"):
        drawn = re.findall(r"[├└]── (\w+)", ast.get_docstring(ast.parse((PACKAGE / module).read_text())) or "")
        assert drawn
        assert [name for name in drawn if f"── {name}" not in page] == []


@pytest.mark.parametrize("page, names", [("migration/python-sdk.md", PYTHON_SDK), ("migration/go-sdk.md", GO_SDK)])
def test_every_feature_of_the_other_sdk_has_a_row(page: str, names: str) -> None:
    rows = "\n".join(line.split("|")[1] for line in text_of(page).splitlines() if line.startswith("| "))
    assert [name for name in names.split() if not re.search(rf"\b{name}\b", rows)] == []


def proofs() -> list[str]:
    pages = (ROOT / "docs" / "migration").glob("*.md")
    return sorted({link for page in pages for link in re.findall(r"`(tests/[^`]+)`", page.read_text(encoding="utf-8"))})


@pytest.mark.parametrize("proof", proofs())
def test_the_tests_that_prove_it_exist(proof: str) -> None:
    """``path::name``, a function of that file."""
    path, _, name = proof.partition("::")
    tree = ast.parse(Path(ROOT, path).read_text(encoding="utf-8"))
    functions = {node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))}
    assert name in functions


def test_rows_without_a_proof_say_that_there_is_no_counterpart() -> None:
    for page in (ROOT / "docs" / "migration").glob("*.md"):
        for line in page.read_text(encoding="utf-8").splitlines():
            cells = [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("| ") else []
            if len(cells) == 3 and cells[2] != "test":
                assert "`tests/" in cells[2] or "no counterpart" in cells[1], f"{page.name}: {line}"


def test_every_page_says_when_not_to() -> None:
    """Somebody who reads should learn early that something is not for them."""
    for page in (ROOT / "docs").rglob("*.md"):
        folder = page.parent.name
        if folder in ("reference", "lint") or page.name in ("cli.md", "reliability.md"):
            continue
        assert re.search(r"[Nn]ot for |When (it|this|not|to|that)|when not", page.read_text(encoding="utf-8")), (
            page.name
        )
