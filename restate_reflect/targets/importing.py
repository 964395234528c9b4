"""Imports the module of a target, and says what went wrong: the target or the code behind it."""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
import sys
import traceback
from pathlib import Path
from types import ModuleType

from restate_reflect.errors import TargetError
from restate_reflect.targets.suggest import did_you_mean
from restate_reflect.tracebacks import traceback_of

__all__ = ["file_of", "import_anew_at_each_start", "import_target", "user_traceback"]


def import_target(text: str, module: str | None, file: Path | None) -> ModuleType:
    """The module of a target; the current folder is importable, as for ``python -m``.

    Raises:
        TargetError: there is no such module or file, or its code fails while it is imported.
    """
    _importable(Path.cwd())
    if file is not None:
        return _import_file(text, file)
    return _import_module(text, module or "")


def import_anew_at_each_start() -> None:
    """For processes that a save replaces: Python keeps no compiled modules of theirs.

    It takes one for current if the source has the same size and the same second of change, so that the second of two
    quick saves would serve the code of the first.
    """
    sys.dont_write_bytecode = True


def file_of(module: ModuleType) -> str:
    """The module's file, relative to the current folder if that is shorter."""
    path = getattr(module, "__file__", None) or "no file"
    return min(path, os.path.relpath(path), key=len) if os.path.isabs(path) else path


def user_traceback(error: BaseException) -> str:
    """The traceback without the frames of this package and of the import machinery, indented."""
    shown = traceback_of(error)
    link: traceback.TracebackException | None = shown
    while link is not None:
        link.stack = traceback.StackSummary.from_list([frame for frame in link.stack if _user_code(frame.filename)])
        link = link.__cause__ or link.__context__
    return "".join(f"  {line}\n" for line in "".join(shown.format()).rstrip().splitlines()).rstrip("\n")


def _user_code(filename: str) -> bool:
    own = str(Path(__file__).parent)
    return not (filename.startswith(("<frozen importlib", own)) or filename == importlib.__file__)


def _importable(folder: Path) -> None:
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


def _import_file(text: str, file: Path) -> ModuleType:
    if not os.path.isfile(file):  # unlike Path.is_file, false for a name that is too long
        raise TargetError(f"{text!r}: {_no_file(file)}")
    file = file.resolve()
    root, name = _module_name(file)
    if not all(part.isidentifier() for part in name.split(".")):
        return _run_file(text, file, re.sub(r"\W", "_", name))
    _importable(root)
    module = _import_module(text, name)
    if Path(module.__file__ or "") != file:
        raise TargetError(
            f"{text!r}: {file.name} would be imported as {name!r}, but that is another module ({file_of(module)}). "
            "Rename the file."
        )
    return module


def _no_file(file: Path) -> str:
    if os.path.isdir(file):
        return f"{file} is a folder. Name a file in it."
    folder = file.parent
    if not os.path.isdir(folder):
        return f"there is no folder {folder} (looked from {Path.cwd()})."
    names = sorted(path.name for path in folder.glob("*.py"))
    return f"there is no file {file} (looked from {Path.cwd()}).{did_you_mean(file.name, names)}"


def _module_name(file: Path) -> tuple[Path, str]:
    """The folder to import from and the dotted name, so that relative imports in packages work."""
    root, parts = file.parent, [] if file.stem == "__init__" else [file.stem]
    while (root / "__init__.py").is_file():
        root, parts = root.parent, [root.name, *parts]
    return root, ".".join(parts)


def _run_file(text: str, file: Path, name: str) -> ModuleType:
    """For names such as ``my-shop.py``, which no import statement could say."""
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise TargetError(f"{text!r}: Python can't import {file}.")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise _failed(text, file.name, error) from error
    return module


def _import_module(text: str, name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and _missing_itself(error.name, name, error):
            raise TargetError(f"{text!r}: {_no_module(text, name, error.name)}") from None
        raise _failed(text, name, error) from error
    except (Exception, SystemExit) as error:
        raise _failed(text, name, error) from error


def _missing_itself(missing: str, wanted: str, error: BaseException) -> bool:
    """Whether the target (or a package above it) is what is missing, not something that it imports."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{wanted}.".startswith(f"{missing}.") and not any(_user_code(frame.filename) for frame in frames)


def _no_module(text: str, name: str, missing: str) -> str:
    parent, _, last = missing.rpartition(".")
    if parent and parent in sys.modules:
        return _no_submodule(sys.modules[parent], last)
    folder = Path.cwd()
    names = {path.stem for path in folder.glob("*.py")} | {path.parent.name for path in folder.glob("*/*.py")}
    near = did_you_mean(missing, sorted(name for name in names if name.isidentifier()))
    return f"there is no module {missing!r} in {folder} or among the installed packages.{near}"


def _no_submodule(parent: ModuleType, last: str) -> str:
    if hasattr(parent, last):
        return f"{last!r} is no module, but an attribute of {parent.__name__!r}. Write '{parent.__name__}:{last}'."
    paths = getattr(parent, "__path__", None)
    if paths is None:
        return f"{parent.__name__!r} ({file_of(parent)}) is a module, not a package: there is no {last!r} below it."
    names = sorted({file.stem for folder in paths for file in Path(folder).glob("*.py")} - {"__init__"})
    return f"package {parent.__name__!r} has no module {last!r}.{did_you_mean(last, names)}"


def _failed(text: str, name: str, error: BaseException) -> TargetError:
    if isinstance(error, SystemExit):
        return TargetError(
            f"{text!r}: importing {name} ends the process (SystemExit {error.code!r}):\n{user_traceback(error)}\n"
            "Put what a script does under: if __name__ == '__main__':"
        )
    if isinstance(error, SyntaxError):
        return TargetError(f"{text!r}: {name} has a syntax error:\n{user_traceback(error)}")
    return TargetError(f"{text!r}: {name} was found, but importing it failed:\n{user_traceback(error)}")
