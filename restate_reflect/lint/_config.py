"""``[tool.restate-reflect.lint]`` of a ``pyproject.toml``."""

from __future__ import annotations

import fnmatch
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

__all__ = ["Config", "ConfigError", "checked_codes", "read_config"]

_KEYS: Final = {"select", "ignore", "per-file-ignores", "exclude"}
_NEVER: Final = (".*", "__pycache__", "node_modules", "build", "dist", "site-packages", "venv")


class ConfigError(Exception):
    """The configuration can't be read; the text says where and why."""


@dataclass(frozen=True, slots=True)
class Config:
    """What to look for, and where. Codes may be beginnings: ``RR1`` is all of that group."""

    select: tuple[str, ...] = ("RR",)
    ignore: tuple[str, ...] = ()
    per_file_ignores: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Patterns of files, relative to ``root``, with codes that are ignored there."""
    exclude: tuple[str, ...] = ()
    """Patterns of files and folders that are not looked at when they are found in a folder."""
    root: Path = field(default_factory=Path.cwd)

    def wants(self, code: str, path: Path) -> bool:
        """Whether a finding of this code in this file is to be reported."""
        if not code.startswith(self.select) or (self.ignore and code.startswith(self.ignore)):
            return False
        return not any(
            code.startswith(codes) for pattern, codes in self.per_file_ignores.items() if self._fits(path, pattern)
        )

    def excludes(self, path: Path) -> bool:
        """Whether a file or folder is passed over."""
        name = path.name
        return any(fnmatch.fnmatch(name, each) for each in _NEVER) or any(
            self._fits(path, each) for each in self.exclude
        )

    def _fits(self, path: Path, pattern: str) -> bool:
        shown = path.resolve()
        relative = shown.relative_to(self.root).as_posix() if shown.is_relative_to(self.root) else shown.as_posix()
        return (
            fnmatch.fnmatch(relative, pattern)
            or fnmatch.fnmatch(path.name, pattern)
            or relative.startswith(f"{pattern.rstrip('/')}/")
        )


def read_config(start: Path) -> Config:
    """The configuration of the nearest ``pyproject.toml`` at or above a folder that has one for the linter.

    Raises:
        ConfigError: That file is no TOML, or has a key or a code that does not exist.
    """
    for folder in [start.resolve(), *start.resolve().parents]:
        file = folder / "pyproject.toml"
        if file.is_file():
            table = _table(file)
            if table is not None:
                return _config(table, file)
    return Config(root=start.resolve())


def _table(file: Path) -> Mapping[str, Any] | None:
    try:
        found = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: {error}. Mend the file, or run the linter elsewhere.") from error
    table = found.get("tool", {}).get("restate-reflect", {}).get("lint")
    return table if isinstance(table, Mapping) else None


def _config(table: Mapping[str, Any], file: Path) -> Config:
    for key in table:
        if key not in _KEYS:
            raise ConfigError(
                f"{file}: [tool.restate-reflect.lint] has no {key!r}; there are {', '.join(sorted(_KEYS))}."
            )
    ignores = table.get("per-file-ignores", {})
    if not isinstance(ignores, Mapping):
        raise ConfigError(f'{file}: per-file-ignores is a table: "tests/**" = ["RR106"].')
    return Config(
        select=_codes(table.get("select", ["RR"]), file, "select"),
        ignore=_codes(table.get("ignore", []), file, "ignore"),
        per_file_ignores={pattern: _codes(codes, file, "per-file-ignores") for pattern, codes in ignores.items()},
        exclude=tuple(map(str, table.get("exclude", []))),
        root=file.parent,
    )


def _codes(given: Any, file: Path, key: str) -> tuple[str, ...]:
    if not isinstance(given, list) or not all(isinstance(each, str) for each in given):
        raise ConfigError(f'{file}: {key} is a list of codes: {key} = ["RR101"].')
    return checked_codes(given, f"{file}: {key}")


def checked_codes(codes: Iterable[str], where: str) -> tuple[str, ...]:
    """Codes or beginnings of some.

    Raises:
        ConfigError: No rule has such a code.
    """
    from restate_reflect.lint._rules import RULES

    found = tuple(codes)
    for code in found:
        if not any(each.startswith(code) for each in RULES):
            raise ConfigError(f"{where}: there is no rule {code!r}. `restate-reflect lint --rules` lists them.")
    return found
