"""The page in headless Chromium, before the real server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from restate_reflect.server import RestateServer
from tests.page.browser import Tab, chromium, tab, violations
from tests.page.served import ServedWithPage
from tests.page.services import Articles, Newsletter, Orders

WIDTHS = {"wide": 1280, "narrow": 360}

pytestmark = pytest.mark.slow

Drive = Callable[[Callable[[Tab], Awaitable[Any]]], Any]


@pytest.fixture(scope="module")
def page(restate_server: RestateServer) -> Iterator[ServedWithPage]:
    """Served and registered."""
    chromium()
    docs = {"ingress_url": restate_server.ingress_url, "admin_url": restate_server.admin_url}
    with ServedWithPage(Orders, Articles, Newsletter, docs=docs) as served:
        restate_server.register(served.url)
        yield served


@pytest.fixture
def drive(page: ServedWithPage, tmp_path: Path) -> Drive:
    """Opens the page in a fresh browser, does something, and expects no error on the page's side.

    Requests that the page has to show as failures are told by their text in the console alone.
    """

    def run(use: Callable[[Tab], Awaitable[Any]]) -> Any:
        async def main() -> Any:
            async with tab(tmp_path) as made:
                await made.look(width=1280)
                await made.go(f"{page.url}/docs")
                await made.until("document.querySelector('.handler')")
                result = await use(made)
                assert [each for each in made.troubles if "status of 4" not in each] == []
                assert [url for url in made.requested if not url.startswith((page.url, "data:"))] == []
                return result

        return asyncio.run(main())

    return run


def handler(name: str) -> str:
    return f"document.getElementById({json.dumps(name)})"


async def opened(tab: Tab, name: str) -> str:
    """Opens a handler by its address; a script's expression for it."""
    await tab.run(f"location.hash = encodeURIComponent({json.dumps(name)})")
    await tab.until(f"{handler(name)}.open && {handler(name)}.querySelector('.about')")
    return handler(name)


async def fill(tab: Tab, place: str, label: str, text: str) -> None:
    """Types into the field with this label, in place of what is there."""
    control = f"""(() => {{
        const label = [...{place}.querySelectorAll('label')].find((each) => each.textContent.startsWith({label!r}));
        return document.getElementById(label.htmlFor);
    }})()"""
    await tab.run(f"{control}.focus(), {control}.select()")
    await tab.type(text)


async def press(tab: Tab, place: str, button: str) -> None:
    await tab.run(f"[...{place}.querySelectorAll('button')].find((each) => each.textContent === {button!r}).click()")


async def journal_of(tab: Tab, place: str, badge: str) -> list[str]:
    """The steps, once the invocation is in this state."""
    await tab.until(f"{place}.querySelector('.journal .facts .badge')?.textContent === {badge!r}")
    script = f"[...{place}.querySelectorAll('.steps .what')].map((each) => each.innerText.trim())"
    steps: list[str] = await tab.run(script)
    return steps


def test_a_call_shows_result_id_and_journal(drive: Drive) -> None:
    """The example that the form begins with can be sent as it is; times are drawn as bars."""

    async def use(tab: Tab) -> None:
        place = await opened(tab, "Orders/submit")
        await press(tab, place, "Call")
        assert await tab.until(f"{place}.querySelector('.body pre')?.textContent") == '"charged 1"'
        steps = await journal_of(tab, place, "succeeded")
        assert steps == ["Input", "Call Articles/pen/reserve", "Sleep", "Run charge", "Output"]
        assert (await tab.run(f"{place}.querySelector('.journal .id').textContent")).startswith("inv_")
        widths = await tab.run(f"[...{place}.querySelectorAll('.bar')].map((bar) => bar.getBoundingClientRect().width)")
        assert widths[2] > widths[0]
        details = await tab.run(f"{place}.querySelector('.steps li:nth-child(4) details').textContent")
        assert '"charged 1"' in details

    drive(use)


def test_a_failure_shows_its_message_and_the_failed_step(drive: Drive) -> None:
    """With status and code."""

    async def use(tab: Tab) -> None:
        place = await opened(tab, "Orders/fail")
        await fill(tab, place, "Body", '{"message": "no such luck", "code": 418}')
        await press(tab, place, "Call")
        assert await tab.until(f"{place}.querySelector('.outcome .badge.bad')?.textContent.startsWith('418')")
        assert await journal_of(tab, place, "failed") == ["Input", "Run try failed", "Output failed"]
        assert "[418] no such luck" in await tab.run(f"{place}.querySelector('.journal').innerText")

    drive(use)


def test_a_sent_invocation_is_followed_and_cancelled(drive: Drive) -> None:
    """Its open step waits until then."""

    async def use(tab: Tab) -> None:
        place = await opened(tab, "Orders/nap")
        await fill(tab, place, "Body", "3600")
        await tab.run(f"{place}.querySelector('input[value=send]').click()")
        await press(tab, place, "Send")
        await tab.until(f"{place}.querySelector('.steps .bar.waiting')")
        assert await journal_of(tab, place, "running") in (["Input", "Sleep waiting"],)
        await press(tab, place, "Cancel the invocation")
        assert (await journal_of(tab, place, "failed"))[-1] == "Output failed"

    drive(use)


def test_a_delayed_send_is_scheduled(drive: Drive) -> None:
    """The delay goes to the server as it is written. Cancelled before it begins, nothing is left of it."""

    async def use(tab: Tab) -> None:
        place = await opened(tab, "Articles/reserve")
        await fill(tab, place, "Key", "delayed/1")
        await tab.run(f"{place}.querySelector('input[value=send]').click()")
        await fill(tab, place, "Delay", "1h")
        await press(tab, place, "Send")
        await journal_of(tab, place, "scheduled")
        assert "Articles/delayed/1/reserve" in await tab.run(
            f"{place}.querySelector('.journal [role=status]').innerText"
        )
        await press(tab, place, "Cancel the invocation")
        await tab.until(f"{place}.querySelector('.journal').innerText.includes('cancelled before it began')")

    drive(use)


def test_an_idempotency_key_gives_the_first_result_again(drive: Drive) -> None:
    """And the same invocation."""

    async def use(tab: Tab) -> None:
        place = await opened(tab, "Articles/reserve")
        await fill(tab, place, "Key", "idempotent")
        await fill(tab, place, "Idempotency key", "once")
        found = []
        for body in ("3", "4"):
            await fill(tab, place, "Body", body)
            await press(tab, place, "Call")
            await journal_of(tab, place, "succeeded")
            found.append(
                await tab.run(f"['.body pre', '.journal .id'].map((each) => {place}.querySelector(each).textContent)")
            )
        assert found[0] == found[1]
        assert found[0][0] == "3"

    drive(use)


def test_recent_invocations_lead_to_their_journals(drive: Drive) -> None:
    """Whoever has started them."""

    async def use(tab: Tab) -> None:
        place = await opened(tab, "Articles/available")
        await fill(tab, place, "Key", "recent")
        await press(tab, place, "Call")
        await journal_of(tab, place, "succeeded")
        identifier = await tab.run(f"{place}.querySelector('.journal .id').textContent")
        await tab.run(f"{place}.querySelector('.outcome').firstChild.remove()")
        await tab.run(f"{place}.querySelector('.recent').open = true")
        listed = f"[...{place}.querySelectorAll('.recent button.link')].find((b) => b.textContent === {identifier!r})"
        await tab.until(listed)
        await tab.run(f"{listed}.click()")
        assert await journal_of(tab, place, "succeeded") == ["Input", "GetEagerState stock", "Output"]

    drive(use)


def test_protobuf_and_bytes_can_be_tried(drive: Drive) -> None:
    """The former as protobuf-JSON, translated on the way; the latter as text."""

    async def use(tab: Tab) -> None:
        place = await opened(tab, "Orders/quote")
        await fill(tab, place, "Body", '{"lines": [{"sku": "pen", "pieces": "3"}]}')
        await press(tab, place, "Call")
        shown = await tab.until(f"{place}.querySelector('.body pre')?.textContent")
        assert json.loads(shown) == {"cents": "750"}
        await journal_of(tab, place, "succeeded")
        details = await tab.run(f"{place}.querySelector('.steps').textContent")
        assert '"sku": "pen"' in details
        place = await opened(tab, "Orders/reverse")
        await fill(tab, place, "Body", "abc")
        await press(tab, place, "Call")
        assert await tab.until(f"{place}.querySelector('.body pre')?.textContent") == "cba"

    drive(use)


def test_what_services_say_is_text_and_never_markup(drive: Drive) -> None:
    """In docstrings and in results."""

    async def use(tab: Tab) -> None:
        assert "<b>no markup</b>" in await tab.run("document.querySelector('.service .docs').textContent")
        place = await opened(tab, "Orders/ping")
        await press(tab, place, "Call")
        shown = await tab.until(f"{place}.querySelector('.body pre')?.textContent")
        assert shown == '"<img src=x onerror=alert(1)>"'
        assert await tab.run("document.querySelectorAll('main img, main script, .docs b').length") == 0

    drive(use)


def test_mistakes_are_told_before_anything_is_sent(drive: Drive) -> None:
    """The field is marked, described by the message, and has the focus."""

    async def use(tab: Tab) -> None:
        place = await opened(tab, "Articles/reserve")
        await press(tab, place, "Call")
        assert await tab.run(f"{place}.querySelector('.problem').textContent") == "Give a key."
        await fill(tab, place, "Key", "a")
        await fill(tab, place, "Body", "{")
        await press(tab, place, "Call")
        focused = await tab.run(
            "[document.activeElement.tagName, document.activeElement.getAttribute('aria-invalid'),"
            " document.getElementById(document.activeElement.getAttribute('aria-describedby')).textContent]"
        )
        assert focused[:2] == ["TEXTAREA", "true"]
        assert focused[2].startswith("The body is no JSON")
        assert not [url for url in tab.requested if "/call/" in url]

    drive(use)


def test_the_keyboard_is_enough(drive: Drive) -> None:
    """From the skip link over a handler and its form to the result."""

    async def use(tab: Tab) -> None:
        await tab.key("Tab", 9)
        assert await tab.run("document.activeElement.className") == "skip"
        await tab.key("Enter", 13, "\r")
        await tab.until("document.activeElement.id === 'main'")
        for _ in range(40):
            await tab.key("Tab", 9)
            if await tab.run("document.activeElement.parentElement.id") == "Orders/ping":
                break
        await tab.key("Enter", 13, "\r")
        place = handler("Orders/ping")
        await tab.until(f"{place}.querySelector('form')")
        for _ in range(10):
            await tab.key("Tab", 9)
            if await tab.run("document.activeElement.textContent") == "Call":
                break
        outline = await tab.run("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none"
        await tab.key("Enter", 13, "\r")
        await journal_of(tab, place, "succeeded")

    drive(use)


def test_recursive_models_open_level_by_level(drive: Drive) -> None:
    """The tree ends where nobody opens it."""

    async def use(tab: Tab) -> None:
        place = await opened(tab, "Orders/submit")
        schema = f"{place}.querySelector('.schema')"
        for _ in range(3):
            await tab.run(f"[...{schema}.querySelectorAll('details')].pop().open = true")
            count = await tab.run(f"{schema}.querySelectorAll('details').length")
            await tab.run(f"[...{schema}.querySelectorAll('details')].forEach((each) => each.open = true)")
            await tab.until(f"{schema}.querySelectorAll('details').length > {count}")
        text = await tab.run(f"{schema}.innerText")
        for part in ("list of Item", "items ≥ 1", "map to string", '"card" | "invoice"', "Five digits.", "length ≤ 80"):
            assert part in text

    drive(use)


def test_the_index_is_filtered(drive: Drive) -> None:
    """By service and handler."""

    async def use(tab: Tab) -> None:
        visible = "[...document.querySelectorAll('nav li')].filter((li) => li.offsetParent).map((li) => li.innerText)"
        await tab.run("document.getElementById('filter').focus()")
        await tab.type("articles/r")
        assert await tab.run(visible) == ["reserve"]
        await tab.type("xyz")
        assert await tab.run(visible) == []
        assert await tab.run("!document.getElementById('nothing').hidden")

    drive(use)


def test_the_theme_follows_the_system_until_it_is_chosen(drive: Drive) -> None:
    """The choice is kept."""

    async def use(tab: Tab) -> None:
        theme = "document.documentElement.dataset.theme"
        assert await tab.run(theme) == "light"
        await tab.look(width=1280, dark=True)
        await tab.until(f"{theme} === 'dark'")
        await tab.run("document.getElementById('theme').click()")
        assert await tab.run(theme) == "light"
        await tab.go(await tab.run("location.href"))
        assert await tab.run(theme) == "light"

    drive(use)


@pytest.mark.parametrize("width", list(WIDTHS))
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_nothing(drive: Drive, axe: str, width: str, dark: bool) -> None:
    """WCAG 2.2 AA and best practices, with everything open: forms, schemas, failures, journals."""

    async def use(tab: Tab) -> None:
        await tab.send("Page.setBypassCSP", enabled=True)  # for axe's own scripts, not for the page's
        await tab.look(width=WIDTHS[width], dark=dark, still=True)
        await tab.go(await tab.run("location.href"))
        await tab.until("document.querySelector('.handler')")
        for name, badge in [("Orders/submit", "succeeded"), ("Orders/fail", "failed")]:
            place = await opened(tab, name)
            await press(tab, place, "Call")
            await journal_of(tab, place, badge)
        place = await opened(tab, "Articles/reserve")
        await press(tab, place, "Call")
        await tab.run(f"{place}.querySelector('.recent').open = true")
        await tab.until(f"{place}.querySelector('.recent button')")
        await tab.run(
            "document.querySelectorAll('.schema details, .steps details').forEach((each) => each.open = true)"
        )
        assert await tab.run("document.documentElement.scrollWidth <= innerWidth"), "the page scrolls sideways"
        assert await violations(tab, axe) == []
        assert await tab.run("getComputedStyle(document.documentElement).scrollBehavior") == "auto"

    drive(use)
