"""Modules, classes and functions of the files that are looked at, by their dotted names."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TypeAlias

from restate_reflect.lint._nodes import within

__all__ = ["Class", "Function", "FunctionNode", "Module", "Project"]

FunctionNode: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(eq=False, slots=True)
class Module:
    """One file."""

    name: str
    path: Path
    source: str
    tree: ast.Module
    imports: dict[str, str] = field(default_factory=dict)
    """What a name at the top of the module was imported as: ``{"now": "time.time"}``."""
    functions: dict[str, Function] = field(default_factory=dict)
    classes: dict[str, Class] = field(default_factory=dict)
    variables: dict[str, ast.expr | None] = field(default_factory=dict)
    """Names that the top level assigns, with their first value."""
    all_functions: list[Function] = field(default_factory=list)
    """Methods and nested functions included."""


@dataclass(eq=False, slots=True)
class Class:
    """A class at the top level of a module, or in another class."""

    name: str
    module: Module
    node: ast.ClassDef
    methods: dict[str, Function] = field(default_factory=dict)

    @property
    def dotted(self) -> str:
        return f"{self.module.name}.{self.name}"


@dataclass(eq=False)
class Function:
    """A function, a method, or a function within one."""

    name: str
    """As in ``__qualname__``."""
    module: Module
    node: FunctionNode
    cls: Class | None = None
    outer: Function | None = None
    inner: dict[str, Function] = field(default_factory=dict)
    imports: dict[str, str] = field(default_factory=dict)
    """Imports in its body."""
    classes: dict[str, str] = field(default_factory=dict)
    """Classes in its body, with their dotted names."""

    @cached_property
    def assigned(self) -> dict[str, list[ast.expr | None]]:
        """Local names with every value they are given; ``None`` where that is not an expression of the name alone.

        Found when it is asked for: most functions of a project are never looked at.
        """
        found: dict[str, list[ast.expr | None]] = {name: [None] for name in self.classes}
        for node in within(self.node.body):
            if isinstance(node, _ASSIGNING):
                for name, value in _assigned(node):
                    found.setdefault(name, []).append(value)
        return found

    @cached_property
    def own_attributes(self) -> dict[str, ast.expr | None]:
        """What it first gives each attribute of ``self``; asked of constructors."""
        found: dict[str, ast.expr | None] = {}
        for node in within(self.node.body):
            if isinstance(node, (ast.Assign, ast.AnnAssign)):
                for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                    if isinstance(target, ast.Attribute) and _is_self(target.value):
                        found.setdefault(target.attr, node.value)
        return found

    @cached_property
    def parameters(self) -> list[ast.arg]:
        arguments = self.node.args
        return [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]

    @cached_property
    def own_parameters(self) -> list[ast.arg]:
        """Without ``self`` or ``cls``."""
        return self.parameters[1:] if self.cls is not None and not self.is_static else self.parameters

    @cached_property
    def is_static(self) -> bool:
        return self._is_decorated("staticmethod")

    @cached_property
    def is_class_method(self) -> bool:
        return self._is_decorated("classmethod")

    def _is_decorated(self, name: str) -> bool:
        return any(isinstance(each, ast.Name) and each.id == name for each in self.node.decorator_list)

    @property
    def is_async(self) -> bool:
        return isinstance(self.node, ast.AsyncFunctionDef)


class Project:
    """Everything that was given, to look names up in.

    A file is parsed when it may hold handlers, or when something that handlers call leads into it: of a large code base
    that is a small part (parsing takes most of the time).
    """

    def __init__(self, sources: Iterable[tuple[Path, str]]) -> None:
        self._sources: dict[str, tuple[Path, str]] = {}
        for path, source in sources:
            name = _dotted(path)
            # Two scripts of one name in different folders: the second can't be imported, but is looked at.
            self._sources[name if name not in self._sources else f"{name}@{len(self._sources)}"] = path, source
        self.modules: dict[str, Module] = {}
        """Those that were parsed."""
        self.broken: list[tuple[Path, SyntaxError]] = []
        """Those that could not be."""
        self._splits: dict[str, tuple[Module | None, str]] = {}
        """A few names are asked for again and again."""
        for name, (_, source) in list(self._sources.items()):
            if _MAY_HOLD_HANDLERS.search(source):
                self.module(name)

    def module(self, name: str) -> Module | None:
        """A module by its name; ``None`` for one that was not given, or is broken."""
        if name not in self.modules and name in self._sources:
            path, source = self._sources.pop(name)
            try:
                tree = ast.parse(source, str(path))
            except SyntaxError as error:
                self.broken.append((path, error))
                return None
            self.modules[name] = _module(name, path, source, tree)
        return self.modules.get(name)

    def canonical(self, dotted: str, depth: int = 8) -> str:
        """The name under which something was first imported: modules of the project hand names on."""
        module, rest = self._split(dotted)
        head, _, tail = rest.partition(".")
        if module is None or head not in module.imports or not depth:
            return dotted
        return self.canonical(".".join(filter(None, (module.imports[head], tail))), depth - 1)

    def find(self, dotted: str, depth: int = 8) -> Function | Class | Module | None:
        """What a dotted name means, through re-exports; ``None`` for what is not of this project."""
        module, rest = self._split(dotted)
        if module is None or not rest:
            return module
        if rest in module.functions:
            return module.functions[rest]
        if rest in module.classes:
            return module.classes[rest]
        head, _, tail = rest.partition(".")
        if head in module.imports and depth:
            return self.find(".".join(filter(None, (module.imports[head], tail))), depth - 1)
        owner, _, method = rest.rpartition(".")
        found = self.find(f"{module.name}.{owner}", depth - 1) if owner and depth else None
        return self.method(found, method) if isinstance(found, Class) else None

    def method(self, cls: Class, name: str, depth: int = 8) -> Function | None:
        """A method, own or inherited."""
        if name in cls.methods:
            return cls.methods[name]
        for base in self.bases(cls) if depth else ():
            found = self.method(base, name, depth - 1)
            if found is not None:
                return found
        return None

    def bases(self, cls: Class) -> Iterator[Class]:
        """Base classes that are in the project."""
        for base in cls.node.bases:
            expression = base.value if isinstance(base, ast.Subscript) else base
            found = self.find(self._name_in(cls.module, expression))
            if isinstance(found, Class):
                yield found

    def _name_in(self, module: Module, expression: ast.expr) -> str:
        text = ast.unparse(expression)
        head, _, tail = text.partition(".")
        base = module.imports.get(head, f"{module.name}.{head}")
        return f"{base}.{tail}" if tail else base

    def _split(self, dotted: str) -> tuple[Module | None, str]:
        """The module at the beginning of a dotted name, the longest that fits, and what follows."""
        known = self._splits.get(dotted)
        if known is None:
            known = self._splits[dotted] = self._split_anew(dotted)
        return known

    def _split_anew(self, dotted: str) -> tuple[Module | None, str]:
        name = dotted
        while name:
            module = self.module(name)
            if module is not None:
                return module, dotted[len(name) + 1 :]
            name = name.rpartition(".")[0]
        return None, ""


# ---------------------------------------------------------------- reading a file


_MAY_HOLD_HANDLERS = re.compile(r"restate_reflect|\b(?:Object|Workflow)(?:Shared)?Context\b|:\s*[\"']?Context\b")


def _module(name: str, path: Path, source: str, tree: ast.Module) -> Module:
    module = Module(name, path, source, tree)
    package = module.name if path.name == "__init__.py" else module.name.rpartition(".")[0]
    _Reader(module, package).read(tree.body)
    return module


def _dotted(path: Path) -> str:
    """The name by which the module would be imported: folders with an ``__init__.py`` above it are its packages."""
    path = path.resolve()
    parts = [] if path.name == "__init__.py" else [path.stem]
    folder = path.parent
    while (folder / "__init__.py").is_file():
        parts.insert(0, folder.name)
        folder = folder.parent
    return ".".join(parts) or path.parent.name


class _Reader:
    """Walks the statements of a file once."""

    def __init__(self, module: Module, package: str) -> None:
        self.module = module
        self.package = package

    def read(self, body: list[ast.stmt]) -> None:
        for statement in _flat(body):
            match statement:
                case ast.Import() | ast.ImportFrom():
                    self.module.imports.update(self._imported(statement))
                case ast.ClassDef():
                    self._class(statement, "")
                case ast.FunctionDef() | ast.AsyncFunctionDef():
                    self.module.functions[statement.name] = self._function(statement, statement.name)
                case ast.Assign() | ast.AnnAssign():
                    for name, value in _assigned(statement):
                        self.module.variables.setdefault(name, value)
                case _:
                    pass

    def _class(self, node: ast.ClassDef, prefix: str, outer: Function | None = None) -> None:
        cls = Class(prefix + node.name, self.module, node)
        self.module.classes[cls.name] = cls
        for statement in _flat(node.body):
            if isinstance(statement, ast.ClassDef):
                self._class(statement, f"{cls.name}.", outer)
            elif isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
                cls.methods[statement.name] = self._function(statement, f"{cls.name}.{statement.name}", cls, outer)

    def _function(
        self, node: FunctionNode, name: str, cls: Class | None = None, outer: Function | None = None
    ) -> Function:
        function = Function(name, self.module, node, cls, outer)
        self.module.all_functions.append(function)
        for statement in _flat(node.body):
            if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
                inner = f"{name}.<locals>.{statement.name}"
                function.inner[statement.name] = self._function(statement, inner, outer=function)
            elif isinstance(statement, ast.ClassDef):
                self._class(statement, f"{name}.<locals>.", function)
                function.classes[statement.name] = f"{self.module.name}.{name}.<locals>.{statement.name}"
            elif isinstance(statement, (ast.Import, ast.ImportFrom)):
                function.imports.update(self._imported(statement))
        return function

    def _imported(self, node: ast.Import | ast.ImportFrom) -> dict[str, str]:
        if isinstance(node, ast.Import):
            return {
                alias.asname or alias.name.partition(".")[0]: alias.name
                if alias.asname
                else alias.name.partition(".")[0]
                for alias in node.names
            }
        base = node.module or ""
        if node.level:
            parts = self.package.split(".")
            above = parts[: len(parts) - node.level + 1]
            base = ".".join([*above, *([base] if base else [])])
        return {alias.asname or alias.name: f"{base}.{alias.name}" for alias in node.names}


def _flat(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements, also those within ``if``, ``try``, ``with`` and loops."""
    for statement in body:
        yield statement
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            continue
        for name in ("body", "orelse", "finalbody"):
            yield from _flat(getattr(statement, name, []))
        for part in (*getattr(statement, "handlers", ()), *getattr(statement, "cases", ())):
            yield from _flat(part.body)


def _is_self(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "self"


_ASSIGNING = (
    ast.Assign, ast.AnnAssign, ast.NamedExpr, ast.AugAssign, ast.For, ast.AsyncFor, ast.comprehension, ast.withitem,
    ast.ExceptHandler,
)  # fmt: skip


def _assigned(node: ast.AST) -> Iterator[tuple[str, ast.expr | None]]:
    """Names that a node gives values."""
    match node:
        case ast.Assign():
            for target in node.targets:
                yield from _targets(target, node.value)
        case ast.AnnAssign():
            # The annotation says more than the value.
            yield from _targets(node.target, ast.Call(ast.Name("@annotated"), [node.annotation], []))
        case ast.NamedExpr():
            yield from _targets(node.target, node.value)
        case ast.AugAssign():
            yield from _targets(node.target, None)
        case ast.For() | ast.AsyncFor() | ast.comprehension():
            yield from _targets(node.target, None)
        case ast.withitem() if node.optional_vars is not None:
            yield from _targets(node.optional_vars, node.context_expr)
        case ast.ExceptHandler() if node.name:
            yield node.name, None
        case _:
            pass


def _targets(target: ast.expr, value: ast.expr | None) -> Iterator[tuple[str, ast.expr | None]]:
    if isinstance(target, ast.Name):
        yield target.id, value
    elif isinstance(target, (ast.Tuple, ast.List)):
        values = value.elts if isinstance(value, (ast.Tuple, ast.List)) else []
        aligned = len(values) == len(target.elts)
        for index, each in enumerate(target.elts):
            yield from _targets(each, values[index] if aligned else None)
    elif isinstance(target, ast.Starred):
        yield from _targets(target.value, None)
