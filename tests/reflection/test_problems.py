"""Every mistake is found at start-up, all at once, with its place and a fix."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, Generic, Optional, Protocol, TypeVar, overload

import pytest
from pydantic import Field

from restate_reflect import context
from restate_reflect.context import Context, ObjectContext, ObjectSharedContext, WorkflowContext, WorkflowSharedContext
from restate_reflect.errors import Problem, ReflectionError
from restate_reflect.options import HandlerOptions, RetryPolicy
from restate_reflect.reflection import handler, reflect, reflect_all, reflect_interface, service

if TYPE_CHECKING:
    from decimal import Decimal as OnlyForCheckers

    from restate_reflect.context import Context as OnlyContext

T = TypeVar("T")


class Opaque:
    pass


class SpecialContext(ObjectContext):
    pass


def problems_of(*targets: Any, **arguments: Any) -> list[Problem]:
    with pytest.raises(ReflectionError) as caught:
        reflect(targets[0], **arguments) if len(targets) == 1 else reflect_all(targets)
    return list(caught.value.problems)


def codes_of(*targets: Any, **arguments: Any) -> list[str]:
    return [problem.code for problem in problems_of(*targets, **arguments)]


class MixedKinds:
    def one(self, ctx: ObjectContext) -> None: ...
    def two(self, ctx: WorkflowContext) -> None: ...
    def three(self, ctx: Context) -> None: ...


class TwoRuns:
    def one(self, ctx: WorkflowContext) -> None: ...
    def two(self, ctx: WorkflowContext) -> None: ...


class NoRun:
    def status(self, ctx: WorkflowSharedContext) -> None: ...


class NoHandlers:
    def helper(self, n: int) -> None: ...


class Unannotated:
    def go(self, ctx: Context, qty) -> None: ...  # type: ignore[no-untyped-def]


class NoReturn:
    def go(self, ctx: Context): ...  # type: ignore[no-untyped-def]


class OpaqueParameter:
    def go(self, ctx: Context, thing: Opaque) -> None: ...


class OpaqueAmongOthers:
    def go(self, ctx: Context, n: int, thing: Opaque) -> None: ...


class OpaqueResult:
    def go(self, ctx: Context) -> list[Opaque]: ...  # type: ignore[empty-body]


class ContextTwice:
    def go(self, ctx: Context, other: Context) -> None: ...


class Variadic:
    def go(self, ctx: Context, *args: int, **kwargs: int) -> None: ...


class FieldDefault:
    def go(self, ctx: Context, qty: int = Field(gt=0)) -> None: ...


class SameHandlerName:
    def one(self, ctx: Context) -> None: ...
    @handler(name="one")
    def two(self, ctx: Context) -> None: ...


class BadHandlerName:
    @handler(name="go-now")
    def go(self, ctx: Context) -> None: ...


class Größe:
    def go(self, ctx: Context) -> None: ...


class UmlautHandler:
    def größe(self, ctx: Context) -> None: ...


class RestateThing:
    def go(self, ctx: Context) -> None: ...


class PrivateHandler:
    @handler
    def _go(self, ctx: Context) -> None: ...

    def other(self, ctx: Context) -> None: ...


class MarkedHelper:
    @handler
    def go(self, n: int) -> None: ...


class AsyncGenerator:
    async def go(self, ctx: Context) -> AsyncIterator[int]:
        yield 1


class PlainGenerator:
    def go(self, ctx: Context) -> Iterator[int]:
        yield 1


class ReturnsIterator:
    def go(self, ctx: Context) -> Iterator[int]: ...  # type: ignore[empty-body]


class DefinedTwice:
    def go(self, ctx: Context, n: int) -> None: ...  # pyright: ignore[reportRedeclaration]

    def go(self, ctx: Context, n: str) -> None: ...  # type: ignore[no-redef]  # noqa: F811


class Overloaded:
    @overload
    def go(self, ctx: Context, n: int) -> int: ...
    @overload
    def go(self, ctx: Context, n: str) -> str: ...
    def go(self, ctx: Context, n: int | str) -> int | str:
        return n


class Dispatched:
    @functools.singledispatchmethod
    def go(self, ctx: Context) -> None: ...


class OptionalContext:
    def go(self, ctx: Optional[Context]) -> None: ...  # noqa: UP045 - the older spelling is under test


class UnionOfContexts:
    def go(self, ctx: ObjectContext | ObjectSharedContext) -> None: ...


class DerivedContext:
    def go(self, ctx: SpecialContext) -> None: ...


class BaseContext:
    def go(self, ctx: context.BaseContext) -> None: ...


class KeywordContext:
    def go(self, *, ctx: Context) -> None: ...


class CheckersOnlyContext:
    def go(self, ctx: OnlyContext) -> None: ...

    def helper(self, thing: OnlyForCheckers) -> None: ...


class CheckersOnlyParameter:
    def go(self, ctx: Context, price: OnlyForCheckers) -> OnlyForCheckers: ...  # type: ignore[empty-body]


class Repository(Generic[T]):
    def get(self, ctx: Context) -> T: ...  # type: ignore[empty-body]


class NeedsArguments:
    def __init__(self, payments: str, *, retries: int) -> None: ...
    def go(self, ctx: Context) -> None: ...


class Raises:
    def __init__(self) -> None:
        raise OSError("no database")

    def go(self, ctx: Context) -> None: ...


class Interface(Protocol):
    def go(self, ctx: Context) -> None: ...


class AmbiguousDefault:
    def go(self, ctx: Context, data: bytes = b"x") -> None: ...


class Fine:
    def go(self, ctx: Context, n: int) -> int: ...  # type: ignore[empty-body]


class FineObject:
    def go(self, ctx: ObjectContext) -> None: ...


class FineWorkflow:
    def run(self, ctx: WorkflowContext) -> None: ...
    def status(self, ctx: WorkflowSharedContext) -> None: ...


@pytest.mark.parametrize(
    "cls, codes",
    [
        (MixedKinds, ["mixed-kinds", "mixed-kinds"]),
        (TwoRuns, ["two-runs"]),
        (NoRun, ["no-run"]),
        (NoHandlers, ["no-handlers"]),
        (Unannotated, ["param-unannotated"]),
        (NoReturn, ["return-unannotated"]),
        (OpaqueParameter, ["param-unschemable"]),
        (OpaqueAmongOthers, ["param-unschemable"]),
        (OpaqueResult, ["return-unschemable"]),
        (ContextTwice, ["param-unschemable"]),
        (Variadic, ["variadic-parameter", "variadic-parameter"]),
        (FieldDefault, ["field-as-default"]),
        (SameHandlerName, ["duplicate-handler"]),
        (BadHandlerName, ["handler-name"]),
        (Größe, ["service-name"]),
        (UmlautHandler, ["handler-name"]),
        (RestateThing, ["reserved-name"]),
        (PrivateHandler, ["private-handler"]),
        (MarkedHelper, ["handler-without-context"]),
        (AsyncGenerator, ["generator"]),
        (PlainGenerator, ["generator"]),
        (ReturnsIterator, ["return-unschemable"]),
        (DefinedTwice, ["defined-twice"]),
        (Overloaded, ["overloaded"]),
        (Dispatched, ["overloaded"]),
        (OptionalContext, ["context-union"]),
        (UnionOfContexts, ["context-union"]),
        (DerivedContext, ["context-subclass"]),
        (BaseContext, ["context-base"]),
        (KeywordContext, ["context-keyword-only"]),
        (CheckersOnlyParameter, ["unresolvable-annotation", "unresolvable-annotation"]),
        (Repository, ["unbound-typevar"]),
        (NeedsArguments, ["constructor-arguments"]),
        (Raises, ["constructor-failed"]),
        (Interface, ["abstract"]),
        (AmbiguousDefault, ["ambiguous-default"]),
        (len, ["not-a-class"]),
        ("shop:Inventory", ["not-a-class"]),
        (functools, ["not-a-class"]),
    ],
)
def test_each_mistake_has_its_code_place_and_fix(cls: Any, codes: list[str]) -> None:
    problems = problems_of(cls)
    assert [problem.code for problem in problems] == codes
    for problem in problems:
        assert problem.fix.endswith((".", "?", ")"))
        assert problem.what.endswith((".", ")"))
        if isinstance(cls, type):
            assert problem.where.startswith(f"{__name__}.{cls.__name__}")
            assert "test_problems.py:" in problem.source


def test_a_context_imported_for_type_checkers_only_is_named() -> None:
    class Misimported:
        def go(self, ctx: ObjectContext2) -> None: ...  # type: ignore[name-defined]  # noqa: F821

        go.__annotations__["ctx"] = "missing.ObjectContext"

    (problem,) = problems_of(Misimported)
    assert problem.code == "context-unresolvable"
    assert "from restate_reflect import ObjectContext" in problem.fix


def test_an_unresolvable_helper_is_not_a_problem_of_ours() -> None:
    class Mixed(Fine):
        def helper(self, thing: OnlyForCheckers) -> None: ...

    (skipped,) = reflect(Mixed).skipped
    assert "can't be resolved" in skipped.reason


def test_no_handlers_lists_the_skipped_methods_with_reasons() -> None:
    (problem,) = problems_of(NoHandlers)
    assert "skipped helper: its first parameter 'n' is int, not a context" in problem.what


def test_the_rendered_line_names_place_cause_and_fix() -> None:
    with pytest.raises(ReflectionError) as caught:
        reflect(Unannotated)
    first, line = str(caught.value).splitlines()
    assert first == "1 problem"
    assert line.strip().startswith(f"{__name__}.Unannotated.go (")
    assert line.endswith(
        "parameter 'qty' has no annotation. "
        "Write 'qty: <type>', or give the method no context if it is not a handler.  [param-unannotated]"
    )


def test_sources_below_the_working_directory_are_relative(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    import pathlib

    monkeypatch.chdir(pathlib.Path(__file__).parent)
    assert problems_of(Unannotated)[0].source.startswith("test_problems.py:")
    monkeypatch.chdir(tmp_path)
    assert problems_of(Unannotated)[0].source.startswith("/")


def test_all_problems_of_all_targets_come_in_one_error() -> None:
    class Several:
        def one(self, ctx: Context, a, b: Opaque): ...  # type: ignore[no-untyped-def]
        async def two(self, ctx: ObjectContext, *args: int) -> None: ...

    codes = codes_of(Several, NoRun, Fine, NoHandlers)
    assert sorted(codes) == sorted(
        ["mixed-kinds", "param-unannotated", "return-unannotated", "variadic-parameter", "no-run", "no-handlers"]
    )


def test_two_services_of_one_name_are_reported_with_both_places() -> None:
    @service(name="Fine")
    class Other(FineObject): ...

    (problem,) = problems_of(Fine, Other)
    assert problem.code == "duplicate-service"
    assert f"taken by {__name__}.Fine (" in problem.what


def test_a_constructor_is_not_called_for_a_class_with_other_problems() -> None:
    class Counts:
        made = 0

        def __init__(self) -> None:
            type(self).made += 1

        def go(self, ctx: Context, n) -> None: ...  # type: ignore[no-untyped-def]

    assert codes_of(Counts) == ["param-unannotated"]
    assert Counts.made == 0


def test_a_constructor_that_needs_arguments_is_shown_with_them() -> None:
    (problem,) = problems_of(NeedsArguments)
    assert "NeedsArguments(payments=..., retries=...)" in problem.fix
    assert reflect(NeedsArguments("x", retries=1)).name == "NeedsArguments"


def test_a_workflow_interface_needs_no_run_handler() -> None:
    assert reflect_interface(NoRun).name == "NoRun"


@pytest.mark.parametrize(
    "cls, options, handlers, code, word",
    [
        (Fine, {"workflow_retention": 1}, {}, "option-kind", "workflow_retention"),
        (FineObject, {"workflow_retention": 1}, {}, "option-kind", "workflow_retention"),
        (FineWorkflow, {}, {"status": HandlerOptions(workflow_retention=1)}, "option-kind", "run handler"),
        (FineWorkflow, {}, {"run": HandlerOptions(idempotency_retention=1)}, "option-kind", "workflow_retention"),
        (Fine, {"lazy_state": True}, {}, "option-kind", "lazy_state"),
        (Fine, {}, {"go": HandlerOptions(lazy_state=False)}, "option-kind", "lazy_state"),
        (Fine, {"ingress_private": True}, {"go": HandlerOptions(ingress_private=False)}, "option-kind", "private"),
        (Fine, {"retry_policy": RetryPolicy(max_duration=1)}, {}, "retry-policy", "max_duration"),
        (Fine, {"retry_policy": RetryPolicy(on_max_attempts="fail")}, {}, "retry-policy", "pause"),
        (Fine, {"retry_policy": RetryPolicy(on_max_attempts="stop")}, {}, "retry-policy", "stop"),  # type: ignore[arg-type]
        (Fine, {"retry_policy": RetryPolicy(max_attempts=0)}, {}, "retry-policy", "max_attempts"),
        (Fine, {"retry_policy": RetryPolicy(factor=float("nan"))}, {}, "retry-policy", "factor"),
        (Fine, {"retry_policy": RetryPolicy(initial_interval=-1)}, {}, "bad-duration", "initial_interval"),
        (Fine, {"retry_policy": 3}, {}, "bad-option", "retry_policy"),
        (Fine, {"abort_timeout": timedelta(seconds=-1)}, {}, "bad-duration", "abort_timeout"),
        (Fine, {"abort_timeout": float("inf")}, {}, "bad-duration", "abort_timeout"),
        (Fine, {"abort_timeout": "1s"}, {}, "bad-duration", "abort_timeout"),
        (Fine, {"journal_retention": True}, {}, "bad-duration", "journal_retention"),
        (Fine, {"ingress_private": "yes"}, {}, "bad-option", "ingress_private"),
        (Fine, {"max_input_bytes": 0}, {}, "bad-option", "max_input_bytes"),
        (Fine, {"max_input_bytes": 1.5}, {}, "bad-option", "max_input_bytes"),
        (Fine, {"max_input_bytes": True}, {}, "bad-option", "max_input_bytes"),
        (Fine, {}, {"go": HandlerOptions(max_input_bytes="1 MB")}, "bad-option", "max_input_bytes"),  # type: ignore[arg-type]
        (Fine, {"metadata": {"a": 1}}, {}, "bad-option", "metadata"),
        (Fine, {"metadata": ["a"]}, {}, "bad-option", "metadata"),
        (Fine, {"input_codec": 3}, {}, "bad-codec", "input_codec"),
        (Fine, {"input_codec": lambda annotation: 3}, {}, "param-unschemable", "codec option"),
        (Fine, {}, {"goo": HandlerOptions()}, "unknown-handler", "Did you mean 'go'?"),
    ],
)
def test_options_that_do_not_fit_are_reported(
    cls: type, options: dict[str, Any], handlers: dict[str, HandlerOptions], code: str, word: str
) -> None:
    (problem,) = problems_of(cls, handlers=handlers, **options)
    assert problem.code == code
    assert word in str(problem)


@pytest.mark.parametrize(
    "annotation, code",
    [
        (Annotated[Opaque, "x"], "param-unschemable"),
        (type[int], "param-unschemable"),
        ("int |", "unresolvable-annotation"),
    ],
)
def test_other_bad_annotations_are_reported(annotation: Any, code: str) -> None:
    def go(self: Any, ctx: Context, thing: Any) -> None: ...

    go.__annotations__["thing"] = annotation
    assert codes_of(type("Made", (), {"go": go, "__module__": __name__})) == [code]
