"""``inspect``, ``openapi``, ``manifest`` and ``stubs``: what is told of services, without running them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.engines import Engine
from tests.support import run_cli

SHOP = '''
from __future__ import annotations
from restate_reflect import Context, ObjectContext, ObjectSharedContext

class Counter:
    """Counts, by key.

    As long as you like.
    """

    async def add(self, ctx: ObjectContext, amount: int, times: int = 1) -> int:
        """Adds to the count."""
        return amount * times

    def get(self, ctx: ObjectSharedContext) -> int:
        return 0

    def helper(self, amount: int) -> int:
        return amount
'''

NOWHERE = Engine("http://127.0.0.1:9", "http://127.0.0.1:9")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A file under a name that no other module has; it is imported by this process."""
    file = tmp_path_factory.mktemp("described") / "described_shop.py"
    file.write_text(SHOP)
    return str(file)


def test_inspect_shows_handlers_and_what_is_none(shop: str) -> None:
    """With types, the place in the source, and a reason for each method that is no handler."""
    assert NOWHERE.out("inspect", shop).splitlines() == [
        f"object   Counter  (described_shop.Counter, {shop}:5)",
        "  Counts, by key.",
        "  add  (amount: int, times: int = …) → int",
        "  get  () → int                             shared",
        "  - helper: its first parameter 'amount' is int, not a context",
    ]


def test_inspect_tells_more_as_json(shop: str) -> None:
    (service,) = NOWHERE.json("inspect", shop)
    assert (service["name"], service["ty"], service["class"]) == ("Counter", "VIRTUAL_OBJECT", "described_shop.Counter")
    add = next(each for each in service["handlers"] if each["name"] == "add")
    assert (add["method"], add["async"], add["documentation"]) == (
        "described_shop.Counter.add",
        True,
        "Adds to the count.",
    )
    assert add["input"]["jsonSchema"]["properties"]["amount"]["type"] == "integer"
    assert add["source"].endswith("described_shop.py:11")
    assert [each["name"] for each in service["skipped"]] == ["helper"]


def test_openapi_is_yaml_or_json(shop: str) -> None:
    """The same document, and a valid one."""
    yaml = pytest.importorskip("yaml")
    validator = pytest.importorskip("openapi_spec_validator")
    arguments = ("openapi", shop, "--title", "Shop", "--api-version", "2.0.0")
    document = NOWHERE.json(*arguments)
    validator.validate(document)
    assert document == json.loads(NOWHERE.out(*arguments, "--format", "json"))
    assert document == yaml.safe_load(NOWHERE.out(*arguments))
    assert document["servers"][0]["url"] == "http://127.0.0.1:9"
    named = NOWHERE.json("openapi", shop, "--ingress", "https://ingress.example")
    assert named["servers"][0]["url"] == "https://ingress.example"


def test_stubs_come_from_a_server(either: Engine, tmp_path: Path) -> None:
    """They compile, and can be imported."""
    file = tmp_path / "stubs_of_shop.py"
    assert either.out("stubs", "--only", "Counter", "--only", "Signup", "-o", str(file)) == ""
    script = "import stubs_of_shop as s; print(s.Counter.add.__name__, s.Signup.run.__name__, hasattr(s, 'Shop'))"
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout == "add run False\n", done.stderr
    assert either.json("stubs", "--from", either.admin_url, "--only", "Counter")["source"].count("class Counter(") == 1


def test_stubs_come_from_a_manifest(shop: str, tmp_path: Path) -> None:
    """A file, or what another command prints."""
    manifest = NOWHERE.out("manifest", shop)
    (tmp_path / "manifest.json").write_text(manifest)
    source = NOWHERE.out("stubs", "--from", str(tmp_path / "manifest.json"))
    assert "class Counter(Protocol):" in source
    assert NOWHERE.out("stubs", "--from", "-", stdin=manifest) == source


def test_stubs_say_what_they_can_not_read(tmp_path: Path) -> None:
    (tmp_path / "no.json").write_text("services:")
    assert "holds no JSON" in NOWHERE.fails(2, "stubs", "--from", str(tmp_path / "no.json"))
    missing = NOWHERE.fails(2, "stubs", "--from", "localhost:9070")
    assert "The URL of an admin API begins with http://" in " ".join(missing.split())
    unwritable = NOWHERE.run("stubs", "--from", "-", "-o", str(tmp_path / "x" / "y.py"), stdin='{"services": []}')
    assert unwritable.exit_code == 2
    assert NOWHERE.fails(6, "stubs", "--from", "http://127.0.0.1:9").startswith("no admin API answers at URL")


def test_problems_of_a_target_are_json_if_asked_for(tmp_path: Path) -> None:
    """The exit code is the same; without --json it is text."""
    for command in ("inspect", "manifest", "openapi"):
        told = json.loads(NOWHERE.fails(2, command, "nowhere.py", "--json"))
        assert (told["error"], told["exit_code"]) == ("TargetError", 2)
        assert NOWHERE.fails(2, command, "nowhere.py").startswith("TargetError: 'nowhere.py'")


def test_commands_find_modules_of_the_folder_they_run_in(tmp_path: Path) -> None:
    """As a program of its own."""
    (tmp_path / "shop.py").write_text(SHOP)
    assert run_cli("inspect", "shop", cwd=tmp_path).stdout.startswith("object   Counter  (shop.Counter, shop.py:5)")
