"""The data directory: whose it is, what may be in it, and each way it can't be used."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from restate_reflect.dev.folder import data_folder
from restate_reflect.server import ServerError
from tests.support import ROOT


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A file that must stay as it is."""
    file = tmp_path / "outside"
    file.write_text("precious")
    file.chmod(0o644)
    return file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


def use(folder: Path, *, fresh: bool = False) -> None:
    with data_folder(folder, fresh=fresh):
        pass


def modes(folder: Path) -> dict[str, int]:
    return {each.name: stat.S_IMODE(each.lstat().st_mode) for each in (folder, *folder.iterdir())}


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_it_is_private(umask: int, folder: Path) -> None:
    before = os.umask(umask)
    try:
        use(folder)
    finally:
        os.umask(before)
    assert modes(folder) == {"data": 0o700, ".gitignore": 0o600, "dev.lock": 0o600}
    assert (folder / ".gitignore").read_text() == "*\n"


def test_one_of_an_earlier_version_becomes_private(folder: Path) -> None:
    folder.mkdir(mode=0o755)
    for name in (".gitignore", "dev.lock", "invocations.db", "restate-server.pid"):
        (folder / name).write_text("")
        (folder / name).chmod(0o644)
    (folder / "restate-server").mkdir(mode=0o755)
    use(folder)
    assert set(modes(folder).values()) == {0o600, 0o700}


@pytest.mark.parametrize(
    "name", [".gitignore", "dev.lock", "invocations.db", "invocations.db-wal", "restate-server", "restate-server.pid"]
)
@pytest.mark.parametrize("fresh", [False, True])
def test_no_symbolic_link_in_it_is_followed(name: str, fresh: bool, folder: Path, outside: Path) -> None:
    """Neither written through, nor locked, nor removed."""
    folder.mkdir()
    (folder / name).symlink_to(outside)
    with pytest.raises(ServerError, match=f"{name} is a symbolic link, and not followed. Remove it"):
        use(folder, fresh=fresh)
    assert (outside.read_text(), stat.S_IMODE(outside.stat().st_mode)) == ("precious", 0o644)


@pytest.mark.parametrize("name", [".gitignore", "dev.lock"])
def test_a_link_that_leads_nowhere_makes_no_file_there(name: str, folder: Path, tmp_path: Path) -> None:
    folder.mkdir()
    (folder / name).symlink_to(tmp_path / "nowhere")
    with pytest.raises(ServerError, match="is a symbolic link"):
        use(folder)
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("fresh", [False, True])
def test_the_directory_itself_is_no_link(fresh: bool, folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "home"
    target.mkdir(mode=0o755)
    (target / "invocations.db").write_text("precious")
    folder.symlink_to(target)
    with pytest.raises(ServerError, match=r"is a symbolic link, and not followed\. Give"):
        use(folder, fresh=fresh)
    assert (target / "invocations.db").read_text() == "precious"
    assert stat.S_IMODE(target.stat().st_mode) == 0o755


def test_a_link_above_it_is_the_users_own(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    use(tmp_path / "link" / "data")
    assert (tmp_path / "real" / "data" / "dev.lock").exists()


@pytest.mark.parametrize("fresh", [False, True])
def test_a_folder_of_something_else_is_left_alone(fresh: bool, folder: Path) -> None:
    """``--data-dir . --fresh`` must not cost a project."""
    folder.mkdir(mode=0o755)
    (folder / "shop.py").write_text("precious")
    with pytest.raises(ServerError, match=r"is no data directory of dev: it holds shop\.py"):
        use(folder, fresh=fresh)
    assert modes(folder) == {"data": 0o755, "shop.py": stat.S_IMODE((folder / "shop.py").stat().st_mode)}


def test_fresh_forgets_the_data_and_nothing_else(folder: Path) -> None:
    use(folder)
    for name in ("invocations.db", "invocations.db-wal", "notes.txt"):
        (folder / name).write_text("x")
    (folder / "restate-server" / "deep").mkdir(parents=True)
    use(folder, fresh=True)
    assert {each.name for each in folder.iterdir()} == {".gitignore", "dev.lock", "notes.txt"}


def test_a_gitignore_of_the_users_own_stays(folder: Path) -> None:
    folder.mkdir()
    (folder / ".gitignore").write_text("!keep\n")
    use(folder)
    assert (folder / ".gitignore").read_text() == "!keep\n"


def a_file(folder: Path) -> None:
    folder.write_text("")


def below_a_file(folder: Path) -> None:
    folder.parent.rmdir()
    folder.parent.write_text("")


def a_device(folder: Path) -> None:
    folder.mkdir()
    os.mkfifo(folder / "dev.lock")


@pytest.mark.parametrize(
    "make, words", [(a_file, "File exists"), (below_a_file, "Not a directory"), (a_device, "is no file")]
)
def test_each_way_it_can_not_be_used_is_a_sentence(make: Callable[[Path], None], words: str, tmp_path: Path) -> None:
    parent = tmp_path / "parent"
    parent.mkdir()
    make(parent / "data")
    with pytest.raises(ServerError, match=f"{words}.*--data-dir PATH"):
        use(parent / "data")


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """A folder that even root may not write."""
    place = tmp_path / "read-only"
    place.mkdir()
    (place / "shop.py").write_text(
        "from restate_reflect import Context\nclass A:\n    async def k(self, ctx: Context) -> int: return 1\n"
    )
    if os.geteuid() != 0:
        place.chmod(0o500)
        yield place
        place.chmod(0o700)
        return
    mount = shutil.which("mount")
    if (
        mount is None
        or subprocess.run([mount, "--bind", "-o", "ro", place, place], capture_output=True, check=False).returncode
    ):
        pytest.skip("root may write everywhere, and can't mount a folder read-only here")
    yield place
    subprocess.run(["umount", place], check=True)


def test_dev_in_a_folder_that_can_not_be_written_ends_with_a_sentence(read_only: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "restate_reflect", "dev", "shop.py", "--ingress-port", "0", "--admin-port", "0"],
        cwd=read_only, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(".restate-reflect can't be used: ")
    assert done.stderr.endswith("Choose another folder: --data-dir PATH.\n")
