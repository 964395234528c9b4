"""A wheel that is built here works where nothing of this tree is."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.support import ROOT

SECONDS = 1800
"""For a build or an installation that hangs; both take seconds on a quiet machine."""


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sources and the wheel without extensions."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-t", "sdist", "-d", folder)
    return folder


def test_the_wheel_holds_the_package_and_nothing_else(dist: Path) -> None:
    """With the page's files and the mark of a typed package; tests and examples stay in the sources."""
    (wheel,) = dist.glob("*.whl")
    assert wheel.name.endswith("-py3-none-any.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0].partition("-")[0] for name in names} == {"restate_reflect"}
    static = {path.name for path in (ROOT / "restate_reflect/page/static").iterdir()}
    assert {Path(name).name for name in names if "/page/static/" in name} == static
    assert "restate_reflect/py.typed" in names
    (metadata,) = (name for name in names if name.endswith(".dist-info/METADATA"))
    text = zipfile.ZipFile(wheel).read(metadata).decode()
    for label in ("Documentation", "Source", "Issues", "Changelog"):
        assert f"Project-URL: {label}, https://" in text


@pytest.mark.slow
def test_the_wheel_is_installed_and_works_outside_of_the_tree(dist: Path) -> None:
    """As the release's own job tries it; dependencies come from where pip finds them."""
    shown = run(sys.executable, ROOT / ".ci/try-wheel", dist).stdout
    assert "works from" in shown
    assert str(ROOT) not in shown


def test_it_works_without_the_tree_and_with_todays_dependencies(dist: Path, tmp_path: Path) -> None:
    """The same program, with the wheel unpacked and this environment's libraries: needs no network."""
    (wheel,) = dist.glob("*.whl")
    place = tmp_path / "place"
    zipfile.ZipFile(wheel).extractall(place)
    smoke = str(ROOT / ".ci/smoke.py")
    program = f"import runpy, sysconfig; sysconfig.get_path = lambda name: {str(place)!r}; "
    program += f"runpy.run_path({smoke!r}, run_name='__main__')"
    environ = {**os.environ, "PYTHONPATH": str(place)}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert f"works from {place}" in done.stdout
