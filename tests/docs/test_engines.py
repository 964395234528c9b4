"""The page about the two engines lists every difference that is left, and no other."""

from __future__ import annotations

import re

import pytest

from restate_reflect.embedded import Runtime
from restate_reflect.embedded.http.admin import _not_covered, admin
from restate_reflect.testing._unsupported import Unsupported
from tests.differences import Difference
from tests.embedded.running import asynchronous
from tests.support import ROOT

PAGE = (ROOT / "docs" / "explanation" / "engines.md").read_text()
SECTION = PAGE.partition("## What differs")[2].partition("\n## ")[0]
MISSING_FROM_SERVER = SECTION.partition("The other way round")[2]
MISSING_FROM_RUNTIME = SECTION.removesuffix(MISSING_FROM_SERVER)


def rows(text: str) -> list[tuple[str, str]]:
    """Both columns of each row of a table."""
    cells = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return [(left, right) for left, right in cells[1:]]


async def refused_paths() -> set[str]:
    """The paths of the admin API that answer 501, without what follows a fixed beginning."""
    async with Runtime() as runtime:
        routes = [route for route in admin(runtime).router.routes() if route.handler is _not_covered]
    paths = (route.resource.canonical for route in routes if route.resource is not None)
    return {path.removeprefix("/{version}").removesuffix("/{path}") for path in paths}


@asynchronous
async def test_every_path_that_answers_501_is_listed() -> None:
    """And no path that answers something else."""
    listed = {path for left, _ in rows(MISSING_FROM_RUNTIME) for path in re.findall(r"`(?:[A-Z]+ )?(/[^`]*)`", left)}
    assert listed == await refused_paths() | {"/query"}


@pytest.mark.parametrize("reason", list(Difference), ids=lambda reason: reason.name)
def test_every_reason_to_leave_the_embedded_runtime_out_is_listed(reason: Difference) -> None:
    """In the words of the tests."""
    assert sum(reason in right for _, right in rows(MISSING_FROM_RUNTIME)) == 1


def test_no_other_difference_is_listed() -> None:
    """Each row is a path that answers 501, or has a reason that tests give."""
    for left, right in rows(MISSING_FROM_RUNTIME):
        assert left.startswith(("`/", "`PATCH /")) or any(reason in right for reason in Difference), left


def test_every_reason_to_skip_a_test_on_the_server_is_listed() -> None:
    """One row each."""
    assert {right for _, right in rows(MISSING_FROM_SERVER)} == {str(reason) for reason in Unsupported}
