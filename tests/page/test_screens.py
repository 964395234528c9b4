"""Every view in both themes, on a phone and on a wide screen: what is said, where it stands, and that all can use it.

With ``RESTATE_REFLECT_PICTURES=1`` the documentation's pictures are made anew, in ``docs/pictures``.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.conformance.driver import eventually
from tests.dev.running import dev
from tests.page.browser import Tab, chromium, violations
from tests.page.viewed import SHOP, Site
from tests.support import ROOT, fetch

pytestmark = pytest.mark.slow

PICTURES = ROOT / "docs/pictures"
MAKE = bool(os.environ.get("RESTATE_REFLECT_PICTURES"))
WIDTHS = {"phone": 390, "wide": 1600}
PICTURE_WIDTH = 1120


class Screen(NamedTuple):
    """A view, and what must be on it."""

    address: str
    ready: str
    """A script's expression that is true once it shows what it should."""
    says: tuple[str, ...]
    fills: str
    """Selector of what takes the width that there is."""


SCREENS = {
    "services": Screen(
        "#Checkout%2Fsubmit", "document.querySelector('.about form')",
        ("Takes orders.", "Reserves, waits a moment, and charges.", "Try it", "Fields", "Body", "Copy as Python"),
        "main",
    ),
    "invocations": Screen(
        "#/invocations", "document.querySelectorAll('#view tbody tr').length >= 7",
        ("Checkout/remind", "succeeded", "failed", "[409] sold out", "bank does not answer", "7 invocations, 2 unf"),
        ".scroll",
    ),
    "invocation": Screen(
        "#/invocations/{submit}", "document.querySelectorAll('.callee .step').length === 4",
        ("Call Inventory/tea/reserve", "Run charge", 'Output "charged, 3 left"', "GetEagerState stock", "Purge"),
        ".journal",
    ),
    "failing": Screen(
        "#/invocations/{broken}", "document.querySelector('.trace')",
        ("backing-off", "next attempt", "KeyError: 'tea'", "ConnectionError: the bank does not answer", "Resume"),
        ".journal",
    ),
    "state": Screen(
        "#/state?service=Inventory&key=tea", "document.querySelector('.value')", ("stock", "Save", "Clear all"),
        ".values",
    ),
    "sql": Screen("#/sql", "document.querySelector('#view td')", ("target", "Checkout/broken", "2 rows"), ".scroll"),
    "deployments": Screen(
        "#/deployments", "document.querySelector('.card')", ("Checkout revision 1", "current"), ".card"
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, dict[str, str]]]:
    """A shop in which something of everything has happened, and the ids of two invocations."""
    chromium()
    folder = tmp_path_factory.mktemp("screens")
    (folder / "shop.py").write_text(SHOP)
    (folder / "profile").mkdir()
    with dev(folder) as started:
        made = Site(started, folder, folder / "profile")
        made.call("Inventory/tea/refill", 5)
        made.call("Checkout/submit", {"sku": "none", "qty": 2})
        broken = made.call("Checkout/broken/send", "tea")["invocationId"]
        made.call("Checkout/remind/send", {"minutes": 60})
        submit = made.call("Checkout/submit/send", {"sku": "tea", "qty": 2})["invocationId"]
        eventually(lambda: count(made, "status = 'completed'") == 5)
        eventually(lambda: count(made, "retry_count > 2") == 1)
        yield made, {"broken": broken, "submit": submit}


def count(site: Site, condition: str) -> int:
    """Of invocations."""
    query = f"SELECT id FROM sys_invocation WHERE {condition}"
    return len(fetch(f"{site.dev.admin}/query", {"query": query}, headers={"accept": "application/json"}).json["rows"])


async def shown(tab: Tab, screen: Screen, ids: dict[str, str], docs: str) -> None:
    """Loads a view, and opens what is folded in it."""
    await tab.go("about:blank")
    await tab.go(f"{docs}/{screen.address.format(**ids)}")
    await tab.until("document.querySelector('.handler')")
    if screen.address == "#/sql":
        await tab.run("document.querySelector('#view form').requestSubmit()")
    if "{submit}" in screen.address:
        await tab.until("document.querySelector('.callee > summary')")
        await tab.run("document.querySelector('.callee').open = true")
    await tab.until(screen.ready)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", list(WIDTHS))
@pytest.mark.parametrize("name", list(SCREENS))
def test_a_screen(site: tuple[Site, dict[str, str]], axe: str, name: str, width: str, dark: bool) -> None:
    """Says what it should, scrolls one way only, uses the width, and axe-core finds nothing."""
    made, ids = site
    screen = SCREENS[name]

    async def use(tab: Tab) -> None:
        await tab.send("Page.setBypassCSP", enabled=True)  # for axe's own scripts, not for the page's
        await tab.look(width=WIDTHS[width], dark=dark, still=True)
        await shown(tab, screen, ids, made.dev.docs)
        text = await tab.run("document.body.innerText.replace(/\\s+/g, ' ')")
        assert [each for each in screen.says if each not in text] == []
        assert await tab.run("document.documentElement.dataset.theme") == ("dark" if dark else "light")
        assert await tab.run("document.documentElement.scrollWidth <= innerWidth"), "the page scrolls sideways"
        share = await tab.run(f"document.querySelector({screen.fills!r}).getBoundingClientRect().width / innerWidth")
        assert share > 0.75, "the width is not used"
        tabs = await tab.run(
            "[...document.querySelectorAll('.tabs a')].map((each) => each.getBoundingClientRect().right)"
        )
        assert max(tabs) <= WIDTHS[width]
        current = await tab.run("document.querySelectorAll('.tabs a[aria-current=page]').length")
        assert current == 1
        assert await violations(tab, axe) == []

    made.drive(use)


@pytest.mark.skipif(not MAKE, reason="makes the documentation's pictures: set RESTATE_REFLECT_PICTURES=1")
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_pictures_are_made(site: tuple[Site, dict[str, str]], dark: bool) -> None:
    """Of the views that the documentation shows."""
    made, ids = site
    PICTURES.mkdir(exist_ok=True)

    async def use(tab: Tab) -> None:
        await tab.look(width=PICTURE_WIDTH, height=700, dark=dark, still=True)
        for name in ("services", "invocations", "invocation", "failing"):
            await shown(tab, SCREENS[name], ids, made.dev.docs)
            await asyncio.sleep(0.3)  # fonts and bars settle
            # Where things stand on the machine that made the picture says nothing to anybody.
            for path in (f"{ROOT}/", f"{made.folder}/"):
                text = f"trace.textContent.replaceAll({path!r}, '')"
                await tab.run(f"for (const trace of document.querySelectorAll('.trace')) trace.textContent = {text}")
            file = PICTURES / f"page-{name}-{'dark' if dark else 'light'}.png"
            await picture(tab, file)

    made.drive(use)


async def picture(tab: Tab, file: Path) -> None:
    """The window's part of the page."""
    import base64

    shot: Any = await tab.send("Page.captureScreenshot", captureBeyondViewport=False)
    file.write_bytes(base64.b64decode(shot["data"]))


@pytest.mark.parametrize("name", ["services", "invocations", "invocation", "failing"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_pictures_are_there_and_small(name: str, theme: str) -> None:
    """They are checked in, and each is loaded by whoever reads the documentation."""
    file = PICTURES / f"page-{name}-{theme}.png"
    assert 5_000 < file.stat().st_size < 150_000
