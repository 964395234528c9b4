"""Collects the documentation's blocks as test modules; ``blocks.py`` says by which rules."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tests.docs.blocks import PAGES, module_name, write_program

_PROGRAM = pytest.StashKey[Path]()
_MODULES = pytest.StashKey[dict[str, ModuleType]]()


def program(config: pytest.Config) -> Path:
    """The folder with the files made of the blocks; written once per process."""
    if _PROGRAM not in config.stash:
        folder = tempfile.TemporaryDirectory(prefix="restate-reflect-docs-")
        config.add_cleanup(folder.cleanup)
        config.stash[_PROGRAM] = Path(folder.name)
        write_program(Path(folder.name))
        sys.path.append(folder.name)  # last: the pages' files must shadow nothing
    return config.stash[_PROGRAM]


@pytest.fixture(scope="session")
def docs_program(pytestconfig: pytest.Config) -> Path:
    """The folder with the files made of the documentation's blocks."""
    return program(pytestconfig)


def pytest_collection_finish(session: pytest.Session) -> None:
    """What the pages' tests have imported is theirs alone: other tests have a ``shop.py``, too."""
    if (folder := session.config.stash.get(_PROGRAM, None)) is None:
        return
    files = {name: getattr(module, "__file__", None) or "" for name, module in sys.modules.items()}
    imported = [name for name, file in files.items() if Path(file).parent == folder and not name.startswith("test_")]
    session.config.stash[_MODULES] = {name: sys.modules.pop(name) for name in imported}


@pytest.fixture(autouse=True)
def modules_of_pages(pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """Puts them back, for the tests of the documentation."""
    for name, module in pytestconfig.stash.get(_MODULES, {}).items():
        monkeypatch.setitem(sys.modules, name, module)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """``blocks.py`` stands for all pages."""
    if file_path.parent != Path(__file__).parent or file_path.name != "blocks.py":
        return None
    return Pages.from_parent(parent, path=file_path)


class Pages(pytest.File):
    """One module per page, and those of its files whose names begin with ``test_``."""

    def collect(self) -> Iterator[pytest.Module]:
        folder = program(self.config)
        pages = {f"{module_name(page)}.py": page for page in PAGES}
        for file in sorted(folder.glob("test_*.py")):
            name = pages.get(file.name, file.name)
            yield pytest.Module.from_parent(self, path=file, nodeid=f"{self.nodeid}::{name}", name=name)
