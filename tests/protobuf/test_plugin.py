"""protoc-gen-restate-reflect, run by protoc."""

from __future__ import annotations

import ast
import importlib
import inspect
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from google.protobuf.compiler.plugin_pb2 import CodeGeneratorRequest
from google.protobuf.descriptor_pb2 import FileDescriptorProto

from restate_reflect.definitions import HandlerKind, ServiceKind
from restate_reflect.errors import ReflectionError
from restate_reflect.protobuf.plugin import generate
from restate_reflect.reflection import reflect, reflect_interface
from tests.protobuf.protoc import Compiled, compile_protos, run_protoc
from tests.support import ROOT

VERSION = re.compile(r"^# Protobuf Python Version: .*$", re.MULTILINE)
HEAD = 'syntax = "proto3";\npackage t;\nimport "restate_reflect/protobuf/options.proto";\nmessage M {}\n'


def errors_of(tmp_path: Path, services: str) -> list[str]:
    """One problem a line; the services start at line 5."""
    compiled = compile_protos(tmp_path, {"t.proto": HEAD + services})
    assert not list(compiled.output.glob("*_restate.py"))
    return compiled.errors.splitlines()


def interface(tmp_path: Path, services: str, monkeypatch: pytest.MonkeyPatch, parameter: str = "") -> ModuleType:
    """The generated module, under a name of its own."""
    name = f"t_{abs(hash(tmp_path))}"
    head = HEAD.replace("package t;", f"package {name};")
    compiled = compile_protos(tmp_path, {f"{name}.proto": head + services}, parameter=parameter)
    assert compiled.errors == ""
    monkeypatch.syspath_prepend(str(compiled.output))
    return importlib.import_module(f"{name}_restate")


def check_kept(compiled: Compiled, folder: str, name: str) -> None:
    """Messages are compared where the protoc is the pinned one: each version writes them a little differently."""
    made = compiled.text(f"{folder}/{name}_pb2.py")
    kept = (ROOT / folder / f"{name}_pb2.py").read_text()
    if VERSION.findall(made) == VERSION.findall(kept):
        assert made == kept
        assert compiled.text(f"{folder}/{name}_pb2.pyi") == (ROOT / folder / f"{name}_pb2.pyi").read_text()


def test_the_checked_in_example_is_what_the_plugin_makes(tmp_path: Path) -> None:
    """The golden file, and the messages that protoc makes beside it."""
    folder = "examples/protobuf_shop"
    compiled = run_protoc(tmp_path, f"{folder}/shop.proto")
    assert compiled.errors == ""
    assert compiled.text(f"{folder}/shop_restate.py") == (ROOT / folder / "shop_restate.py").read_text()
    check_kept(compiled, folder, "shop")


def test_the_checked_in_options_are_what_protoc_makes(tmp_path: Path) -> None:
    """options_pb2 is imported by every module whose .proto uses an option."""
    compiled = run_protoc(tmp_path, "restate_reflect/protobuf/options.proto")
    assert compiled.errors == ""
    check_kept(compiled, "restate_reflect/protobuf", "options")


def test_kinds_and_names_are_those_of_the_proto(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Defaults: EXCLUSIVE in objects; in workflows RUN for Run, SHARED for others."""
    module = interface(
        tmp_path,
        """
        service Plain { rpc Do(M) returns (M); }
        service Object {
          option (restate_reflect.kind) = VIRTUAL_OBJECT;
          rpc Write(M) returns (M);
          rpc read_it(M) returns (M) { option (restate_reflect.handler) = SHARED; }
        }
        service Flow {
          option (restate_reflect.kind) = WORKFLOW;
          rpc Run(M) returns (M);
          rpc Poke(M) returns (M);
        }
        service Other {
          option (restate_reflect.kind) = WORKFLOW;
          rpc Begin(M) returns (M) { option (restate_reflect.handler) = RUN; }
        }
        """,
        monkeypatch,
    )
    package = module.__name__.removesuffix("_restate")
    read = {cls.__name__: reflect_interface(cls) for cls in (module.Plain, module.Object, module.Flow, module.Other)}
    assert [service.name for service in read.values()] == [f"{package}.{name}" for name in read]
    assert [service.kind for service in read.values()] == [
        ServiceKind.SERVICE,
        ServiceKind.VIRTUAL_OBJECT,
        ServiceKind.WORKFLOW,
        ServiceKind.WORKFLOW,
    ]
    kinds = {name: handler.kind for service in read.values() for name, handler in service.handlers.items()}
    assert kinds == {
        "Do": None,
        "Write": HandlerKind.EXCLUSIVE,
        "read_it": HandlerKind.SHARED,
        "Run": HandlerKind.WORKFLOW,
        "Poke": HandlerKind.SHARED,
        "Begin": HandlerKind.WORKFLOW,
    }


@pytest.mark.parametrize(
    "parameter, option, content_type",
    [
        ("", "", "application/proto"),
        ("encoding=json", "", "application/json"),
        ("encoding=json", "BINARY", "application/proto"),
        ("encoding=binary", "JSON", "application/json"),
        ("encoding=json", "BY_PARAMETER", "application/json"),
    ],
)
def test_the_encoding_is_an_option_or_a_parameter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parameter: str, option: str, content_type: str
) -> None:
    """The option wins; a class that derives from the interface has it, too."""
    chosen = f"option (restate_reflect.encoding) = {option};" if option else ""
    module = interface(
        tmp_path, f"service Plain {{ {chosen} rpc Do(M) returns (M); }}", monkeypatch, parameter=parameter
    )
    messages = importlib.import_module(module.__name__.replace("_restate", "_pb2"))
    from restate_reflect import Context

    class Plain(module.Plain):  # type: ignore[misc, name-defined]
        async def Do(self, ctx: Context, request: messages.M) -> messages.M:  # type: ignore[name-defined]
            return request

    Plain.Do.__annotations__.update({"ctx": Context, "request": messages.M, "return": messages.M})
    for definition in (reflect_interface(module.Plain), reflect(Plain)):
        handler = definition.handlers["Do"]
        assert definition.name.endswith(".Plain")
        assert (handler.input.content_type, handler.output.content_type) == (content_type, content_type)


def test_the_go_sdks_options_are_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A .proto that is shared with a Go service needs no second set of options."""
    go = """
        syntax = "proto3";
        package dev.restate.sdk.go;
        import "google/protobuf/descriptor.proto";
        enum ServiceType { SERVICE = 0; VIRTUAL_OBJECT = 1; WORKFLOW = 2; }
        enum HandlerType { UNSET = 0; EXCLUSIVE = 1; SHARED = 2; WORKFLOW_RUN = 3; }
        extend google.protobuf.MethodOptions { HandlerType handler_type = 2051; }
        extend google.protobuf.ServiceOptions { ServiceType service_type = 2051; }
    """
    shared = """
        syntax = "proto3";
        package go_shared;
        import "dev/restate/sdk/go.proto";
        message M {}
        service Flow {
          option (dev.restate.sdk.go.service_type) = WORKFLOW;
          rpc Begin(M) returns (M) { option (dev.restate.sdk.go.handler_type) = WORKFLOW_RUN; }
          rpc Status(M) returns (M);
        }
    """
    compiled = compile_protos(tmp_path, {"dev/restate/sdk/go.proto": go, "go_shared.proto": shared})
    assert compiled.errors == ""
    monkeypatch.syspath_prepend(str(compiled.output))
    service = reflect_interface(importlib.import_module("go_shared_restate").Flow)
    assert {name: handler.kind for name, handler in service.handlers.items()} == {
        "Begin": HandlerKind.WORKFLOW,
        "Status": HandlerKind.SHARED,
    }


def test_messages_may_be_nested_imported_and_of_files_with_one_name(tmp_path: Path) -> None:
    """Modules with the same last part get longer names."""
    files = {
        "a/my-types.proto": 'syntax = "proto3"; package a; message M { message Inner {} }',
        "b/my_types.proto": 'syntax = "proto3"; package b; message M {}',
        "top.proto": 'syntax = "proto3"; message M {}',
        "s.proto": """
            syntax = "proto3";
            import "a/my-types.proto";
            import "b/my_types.proto";
            import "top.proto";
            import "google/protobuf/empty.proto";
            service S {
              rpc One(a.M.Inner) returns (b.M);
              rpc Two(M) returns (google.protobuf.Empty);
            }
        """,
    }
    text = compile_protos(tmp_path, files).text("s_restate.py")
    assert "from a import my_types_pb2 as a_my_types_pb2\n" in text
    assert "from b import my_types_pb2 as b_my_types_pb2\n" in text
    assert "from google.protobuf import empty_pb2\n" in text
    assert "import top_pb2\n" in text
    assert "request: a_my_types_pb2.M.Inner, /) -> b_my_types_pb2.M:" in text
    assert "request: top_pb2.M, /) -> empty_pb2.Empty:" in text
    assert '__restate_name__: typing.ClassVar[str] = "S"' in text


def test_comments_become_docstrings_whatever_is_in_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leading or trailing, of several lines, with quotes and backslashes; deprecation is told."""
    module = interface(
        tmp_path,
        r'''
        // Says """hello""".
        //
        //     indented \n
        // end "
        service Plain {
          rpc Do(M) returns (M);  // Does "it"
          // Old.
          rpc Undo(M) returns (M) { option deprecated = true; }
        }
        ''',
        monkeypatch,
    )
    service = reflect_interface(module.Plain)
    assert service.documentation == 'Says """hello""".\n\n    indented \\n\nend "'
    assert service.handlers["Do"].documentation == 'Does "it"'
    assert service.handlers["Undo"].documentation == "Old.\n\nDeprecated."


@pytest.mark.parametrize(
    "comment",
    [
        'ends in """',
        'ends in ""',
        'ends in "',
        "ends in \\",
        'ends in \\"""',
        '"""',
        "''' and \"\"\"",
        '"""; import os; os.abort(); """',
        "\x00 \x1b \u202e \x0c",
    ],
)
def test_no_comment_gets_out_of_its_docstring(comment: str) -> None:
    """As protoc's request holds it, on a service and on an rpc."""
    request = request_of("t.proto", "M", "S", "Do")
    for path in ((6, 0), (6, 0, 2, 0)):
        request.proto_file[0].source_code_info.location.add(path=path, span=(1, 0, 9), leading_comments=comment)
    response = generate(request)
    assert response.error == ""
    module = ast.parse(response.file[0].content)
    service = next(node for node in module.body if isinstance(node, ast.ClassDef))
    method = next(node for node in service.body if isinstance(node, ast.AsyncFunctionDef))
    shown = inspect.cleandoc("\n".join(line.rstrip() for line in comment.splitlines()))
    assert {inspect.cleandoc(ast.get_docstring(node) or "") for node in (service, method)} == {shown}


@pytest.mark.parametrize(
    "names",
    [
        ("a b/t.proto", "M", "S", "Do"),
        ("a\nimport os\n/t.proto", "M", "S", "Do"),
        ("t.proto", "M\nimport os", "S", "Do"),
        ("t.proto", "M", "S(int): pass\nimport os\nclass T", "Do"),
        ("t.proto", "M", "S", "Do(self): pass\n    async def x"),
    ],
)
def test_names_that_are_none_in_python_are_refused(names: tuple[str, str, str, str]) -> None:
    """protoc checks most of them; a request need not come from it."""
    response = generate(request_of(*names))
    assert response.error != ""
    assert not response.file


def request_of(path: str, message: str, service: str, method: str) -> CodeGeneratorRequest:
    """Of a .proto with one of each."""
    file = FileDescriptorProto(name=path, syntax="proto3")
    file.message_type.add(name=message)
    file.service.add(name=service).method.add(name=method, input_type=f".{message}", output_type=f".{message}")
    return CodeGeneratorRequest(file_to_generate=[path], proto_file=[file])


@pytest.mark.parametrize(
    "service, error",
    [
        (
            "service S { rpc Watch(M) returns (stream M); }",
            "t.proto:5: rpc t.S.Watch: it streams, and a Restate handler takes one message and returns one. Make it"
            " unary, such as with a repeated field, or move it to a service of its own in another file.",
        ),
        (
            "service S { option (restate_reflect.kind) = WORKFLOW; rpc Go(M) returns (M); }",
            "t.proto:5: service t.S: it is a workflow, and no rpc runs it. Name exactly one 'Run', or give one the"
            " option (restate_reflect.handler) = RUN.",
        ),
        (
            "service S { rpc Go(M) returns (M) { option (restate_reflect.handler) = SHARED; } }",
            "t.proto:5: rpc t.S.Go: SHARED in a service of kind SERVICE. Use no handler option, or the option"
            " (restate_reflect.kind).",
        ),
        (
            "service S { rpc None(M) returns (M); }",
            "t.proto:5: rpc t.S.None: 'None' is a keyword of Python. Rename it.",
        ),
        ("service S {}", "t.proto:5: service t.S: it has no rpc. Give it one, or remove it."),
    ],
    ids=["streaming", "no run", "kind", "keyword", "empty"],
)
def test_what_cannot_be_is_told_with_its_line(tmp_path: Path, service: str, error: str) -> None:
    """Nothing is generated then."""
    assert errors_of(tmp_path, service) == [error]


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    """In the order of the file."""
    lines = errors_of(
        tmp_path,
        "service A {\n  rpc In(stream M) returns (M);\n}\n"
        "service B {\n  rpc _x(M) returns (M);\n  rpc Both(stream M) returns (stream M);\n}\n",
    )
    assert [line.partition(": ")[0] for line in lines] == ["t.proto:6", "t.proto:9", "t.proto:10"]


def test_reserved_service_names_are_refused(tmp_path: Path) -> None:
    """restate-server would refuse them when the deployment is registered."""
    compiled = compile_protos(
        tmp_path, {"t.proto": 'syntax = "proto3"; package restate.x; message M {} service S { rpc R(M) returns (M); }'}
    )
    assert "'restate.x.S' is reserved by Restate" in compiled.errors


def test_protoc_shows_the_problem_and_fails(tmp_path: Path) -> None:
    """By way of the plugin's answer; its exit code stays 0, as protoc wants it."""
    compiled = run_protoc(tmp_path, "examples/protobuf_shop/shop.proto", parameter="encoding=xml")
    assert compiled.errors.strip() == "--restate-reflect_out: encoding=xml: there are binary and json."
    assert list(compiled.output.iterdir()) == []


@pytest.mark.parametrize(
    "parameter, error",
    [
        ("paths=source_relative", "unknown parameter 'paths'. There is encoding=binary|json."),
        ("encoding=xml", "encoding=xml: there are binary and json."),
    ],
)
def test_unknown_parameters_are_refused(parameter: str, error: str) -> None:
    """Rather than ignored."""
    assert generate(CodeGeneratorRequest(parameter=parameter)).error == error


def test_an_interface_cannot_be_served_and_an_incomplete_class_neither(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The report says why."""
    module = interface(tmp_path, "service Plain { rpc Do(M) returns (M); }", monkeypatch)
    with pytest.raises(ReflectionError, match="abstract"):
        reflect(module.Plain)

    class Plain(module.Plain):  # type: ignore[misc, name-defined]
        """Forgets Do."""

    with pytest.raises(ReflectionError, match="abstract"):
        reflect(Plain)


def test_files_without_services_give_nothing(tmp_path: Path) -> None:
    """Only the messages that protoc makes itself."""
    compiled = compile_protos(tmp_path, {"t.proto": 'syntax = "proto2"; message M {}'})
    assert compiled.errors == ""
    assert sorted(path.name for path in compiled.output.iterdir()) == ["t_pb2.py", "t_pb2.pyi"]


def run_plugin(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "restate_reflect.protobuf.plugin", *arguments]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)


def test_the_include_folder_holds_the_options() -> None:
    """What ``--include`` prints is for -I."""
    done = run_plugin("--include")
    assert (Path(done.stdout.strip()) / "restate_reflect" / "protobuf" / "options.proto").is_file()


def test_help_is_shown_when_asked_for_and_when_misused() -> None:
    """A person who runs it by hand learns what it is for."""
    asked, misused = run_plugin("--help"), run_plugin("--frobnicate")
    assert (asked.returncode, misused.returncode) == (0, 2)
    assert asked.stdout == misused.stderr
    assert "--restate-reflect_out" in asked.stdout
