"""The page's views in headless Chromium, before ``dev`` on both engines."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.driver import eventually
from tests.dev.running import dev
from tests.page.browser import Tab, chromium
from tests.page.viewed import SHOP, Site, choose, field, fill, press
from tests.support import ROOT, fetch

pytestmark = pytest.mark.slow

VIEW = "document.getElementById('view')"
JOURNAL = "document.querySelector('#view .journal')"
ROWS = f"[...{VIEW}.querySelectorAll('tbody tr')].map((row) => row.querySelector('a').textContent)"


@pytest.fixture(params=["embedded", pytest.param("server", marks=pytest.mark.server)])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    """A shop of its own."""
    chromium()
    (tmp_path / "shop.py").write_text(SHOP)
    (tmp_path / "profile").mkdir()
    with dev(tmp_path, "--engine", request.param) as started:
        made = Site(started, tmp_path, tmp_path / "profile")
        made.call("Inventory/tea/refill", 5)
        yield made


def sent(site: Site, path: str, body: Any) -> str:
    """The id of a new invocation."""
    return str(site.call(f"{path}/send", body)["invocationId"])


async def badge(tab: Tab, word: str) -> None:
    """Waits until the one invocation that is shown has this state."""
    await tab.until(f"{JOURNAL}.querySelector('.facts .badge')?.textContent === {word!r}")


def test_the_list_is_live_and_its_filters_stand_in_the_address(site: Site) -> None:
    """What begins while somebody looks is on top a moment later."""

    async def use(tab: Tab) -> None:
        await tab.until(f"{VIEW}.querySelector('tbody tr')")
        identifier = await asyncio.to_thread(sent, site, "Checkout/remind", {"minutes": 60})
        await tab.until(f"{ROWS}[0] === 'Checkout/remind'")
        assert await tab.until(f"{VIEW}.querySelector('.id')?.textContent") == identifier
        await asyncio.to_thread(site.call, "Checkout/submit", {"sku": "none", "qty": 2})
        await tab.until(f"{VIEW}.innerText.includes('[409] sold out')")
        await choose(tab, VIEW, "Status", "failed")
        await tab.until(f"{ROWS}.join() === 'Inventory/none/reserve,Checkout/submit'")
        assert await tab.run("location.hash") == "#/invocations?status=failed"
        await choose(tab, VIEW, "Service", "Inventory")
        await tab.until(f"{ROWS}.join() === 'Inventory/none/reserve'")
        await choose(tab, VIEW, "Status", "")
        await fill(tab, VIEW, "Key", "tea")
        await tab.until(f"{ROWS}.join() === 'Inventory/tea/refill'")
        assert await tab.run(f"{VIEW}.querySelector('[role=status]').textContent") == "1 invocation, 0 unfinished"
        await tab.go("about:blank")
        await tab.go(f"{site.dev.docs}/#/invocations?id={identifier}")
        await tab.until(f"{ROWS}.join() === 'Checkout/remind'")

    site.drive(use, "#/invocations")


def test_an_invocation_has_an_address_a_timeline_and_its_calls_inside(site: Site) -> None:
    """Steps of a callee are drawn on the caller's scale."""
    site.call("Checkout/submit", {"sku": "tea", "qty": 2})
    steps = (
        f"[...{JOURNAL}.querySelectorAll(':scope > .steps > li > .step .what')].map((each) => each.innerText.trim())"
    )

    async def use(tab: Tab) -> None:
        await tab.until(f"{VIEW}.querySelector('tbody tr')")
        link = f"[...{VIEW}.querySelectorAll('a')].find((each) => each.textContent === 'Checkout/submit')"
        await tab.run(f"{link}.click()")
        await badge(tab, "succeeded")
        assert (await tab.run("location.hash")).startswith("#/invocations/inv_1")
        assert await tab.run("document.activeElement.id") == "main"
        assert await tab.run(steps) == ["Input", "Call Inventory/tea/reserve", "Sleep", "Run charge", "Output"]
        previews = await tab.run(f"[...{JOURNAL}.querySelectorAll('.more > summary')].map((each) => each.textContent)")
        assert previews[0] == 'Input { "sku": "tea", "qty": 2 }'
        assert previews[-1] == 'Output "charged, 3 left"'
        await tab.run(f"{JOURNAL}.querySelector('.callee > summary').click()")
        inner = f"{JOURNAL}.querySelector('.callee .steps')"
        await tab.until(f"{inner}.children.length === 4")
        places = await tab.run(
            f"['.step .bar', '.callee .step .bar'].map((bar) => {JOURNAL}.querySelector(bar).style.left)"
        )
        assert places[0] == "0%"
        assert float(places[1].rstrip("%")) > 0
        width = await tab.run(f"{JOURNAL}.getBoundingClientRect().width / innerWidth")
        assert width > 0.9, "the timeline takes the page's full width"

    site.drive(use, "#/invocations")


def test_attempts_are_shown_with_their_whole_tracebacks(site: Site) -> None:
    """Causes included; the next attempt is counted down to."""
    identifier = sent(site, "Checkout/broken", "tea")

    async def use(tab: Tab) -> None:
        trace = await tab.until(f"{JOURNAL}.querySelector('.attempts .trace')?.textContent")
        for part in ("KeyError: 'tea'", "direct cause", "in ask_bank", "ConnectionError: the bank does not answer"):
            assert part in trace
        assert "in restate_reflect" in trace, "frames of libraries are one line"
        whole = await tab.run(f"{JOURNAL}.querySelector('.whole .trace').textContent")
        assert "_without_exit" in whole
        assert "Attempts failed with 1 error" in await tab.run(f"{JOURNAL}.querySelector('.attempts').innerText")
        await tab.until(f"/next attempt in \\d:\\d\\d/.test({JOURNAL}.querySelector('.facts ~ div').innerText)")
        shown = f"{JOURNAL}.querySelector('[role=status]').innerText.match(/attempt in (\\S+)/)?.[1]"
        first = await tab.until(shown)
        await tab.until(f"{shown} !== {first!r}")
        await press(tab, JOURNAL, "Kill")  # a cancellation would be heard by the next attempt
        await press(tab, JOURNAL, "Kill it for good?")
        await badge(tab, "failed")

    site.drive(use, f"#/invocations/{identifier}")


def test_a_timer_counts_down_and_actions_do_what_they_say(site: Site) -> None:
    """What can't be undone asks once more."""
    identifier = sent(site, "Checkout/remind", {"minutes": 60})

    async def use(tab: Tab) -> None:
        timer = f"{JOURNAL}.querySelector('.timer')?.textContent"
        first = await tab.until(timer)
        assert first.startswith(("in 59:", "in 1:00:"))
        await tab.until(f"{timer} !== {first!r}")
        shown = f"[...{JOURNAL}.querySelectorAll('.actions button')].filter((each) => each.offsetParent)"
        buttons = f"{shown}.map((each) => each.textContent)"
        assert {"Cancel the invocation", "Kill"} <= set(await tab.run(buttons))
        await press(tab, JOURNAL, "Kill")
        assert await tab.run(f"{JOURNAL}.querySelector('.facts .badge').textContent") != "failed"
        await press(tab, JOURNAL, "Kill it for good?")
        await badge(tab, "failed")
        assert await tab.run(buttons) == ["Restart as new", "Purge"]
        before = await tab.run("location.hash")
        await press(tab, JOURNAL, "Restart as new")
        await tab.until(f"location.hash !== {before!r} && {JOURNAL}?.querySelector('.timer')")
        await tab.run("history.back()")
        await badge(tab, "failed")
        await press(tab, JOURNAL, "Purge")
        await press(tab, JOURNAL, "Purge it for good?")
        await tab.until(f"{JOURNAL}.innerText.includes('was purged')")

    site.drive(use, f"#/invocations/{identifier}")


def test_state_is_read_edited_and_cleared(site: Site) -> None:
    """Value by value; an edit of what somebody else has changed meanwhile is refused."""

    async def use(tab: Tab) -> None:
        value = f"{VIEW}.querySelector('.value textarea')?.value"
        assert await tab.until(value) == "5"
        form = f"{VIEW}.querySelector('.value')"
        await fill(tab, form, "stock", "70")
        await press(tab, form, "Save")
        await tab.until(f"{VIEW}.innerText.includes('stock is saved.')")
        assert (await asyncio.to_thread(site.call, "Inventory/tea/available")) == 70
        await fill(tab, form, "stock", "{")
        await press(tab, form, "Save")
        await tab.until(f"{VIEW}.querySelector('.problem').innerText.includes('stock is no JSON')")
        await asyncio.to_thread(site.call, "Inventory/tea/refill", 1)
        await fill(tab, form, "stock", "1")
        await press(tab, form, "Save")
        await tab.until(f"{VIEW}.querySelector('.problem').innerText.includes('has changed')")
        await press(tab, VIEW, "Show")
        await tab.until(f"{value} === '71'")
        await press(tab, VIEW, "Clear all")
        await press(tab, VIEW, "Clear all for good?")
        await tab.until(f"{VIEW}.innerText.includes('Cleared.')")
        assert (await asyncio.to_thread(site.call, "Inventory/tea/available")) == 0

    site.drive(use, "#/state?service=Inventory&key=tea")


def test_sql_shows_a_table_or_the_servers_own_words(site: Site) -> None:
    """Rows with their columns; what is no SELECT is refused by the server."""

    async def use(tab: Tab) -> None:
        await fill(tab, VIEW, "Query", "SELECT target, status FROM sys_invocation ORDER BY target")
        await press(tab, VIEW, "Run")
        cells = f"[...{VIEW}.querySelectorAll('th, td')].map((each) => each.textContent)"
        await tab.until(f"{VIEW}.querySelector('td')")
        assert await tab.run(cells) == ["target", "status", "Inventory/tea/refill", "completed"]
        await fill(tab, VIEW, "Query", "SELECT missing FROM sys_invocation")
        await press(tab, VIEW, "Run")
        assert "missing" in await tab.until(f"{VIEW}.querySelector('.problem').textContent")

    site.drive(use, "#/sql")


def test_a_save_updates_the_page_and_what_was_written_stays(site: Site) -> None:
    """Deployments tell the revisions."""
    handlers = "[...document.querySelectorAll('.handler h3')].map((each) => each.textContent)"
    form = "document.getElementById('Inventory/refill')"

    async def use(tab: Tab) -> None:
        await tab.until(f"{form}.querySelector('form')")
        await fill(tab, form, "Key", "coffee")
        await fill(tab, form, "Body", "17")
        (site.folder / "shop.py").write_text(
            SHOP.replace("async def tenant(", "async def who(").replace("Adds to", "Fills")
        )
        await asyncio.to_thread(site.dev.wait_for, "revision 2 serves")
        await tab.until(f"{handlers}.includes('who') && !{handlers}.includes('tenant')")
        assert "Fills the stock." in await tab.run(f"{form}.querySelector('.docs').textContent")
        assert await tab.run(f"[{field(form, 'Key')}.value, {field(form, 'Body')}.value]") == ["coffee", "17"]
        assert "saved code" in await tab.run("document.getElementById('news').textContent")
        await tab.run("location.hash = '#/deployments'")
        revisions = f"{VIEW}.innerText"
        await tab.until(f"/Checkout revision 2\\s+current/.test({revisions})")

    site.drive(use, "#Inventory%2Frefill")


def test_fields_and_json_follow_each_other(site: Site) -> None:
    """Either may be edited; digits that a script can't hold are left alone."""
    form = "document.getElementById('Checkout/submit')"

    async def use(tab: Tab) -> None:
        body = f"{field(form, 'Body')}.value"
        await tab.until(f"{form}.querySelector('.fields')")
        await fill(tab, form, "sku", 'green "tea"')
        await fill(tab, form, "qty", "3")
        await choose(tab, form, "pay", '"invoice"')
        await choose(tab, form, "gift", "true")
        wanted = {"sku": 'green "tea"', "qty": 3, "pay": "invoice", "gift": True}
        assert json.loads(await tab.run(body)) == wanted
        await fill(tab, form, "qty", "many")
        assert await tab.until(f"{form}.querySelector('.problem').textContent") == "qty: a number is wanted"
        await fill(tab, form, "Body", '{"sku": "salt", "qty": 2, "more": [1]}')
        assert await tab.run(f"[{field(form, 'sku')}.value, {field(form, 'pay')}.value]") == ["salt", ""]
        await fill(tab, form, "sku", "pepper")
        assert json.loads(await tab.run(body)) == {"sku": "pepper", "qty": 2, "more": [1]}
        await fill(tab, form, "Body", '{"sku": "salt", "qty": 12345678901234567890}')
        assert await tab.run(f"{form}.querySelector('fieldset').disabled")

    site.drive(use, "#Checkout%2Fsubmit")


def test_headers_are_sent_along(site: Site) -> None:
    """Those of the connection are not."""
    form = "document.getElementById('Checkout/tenant')"

    async def use(tab: Tab) -> None:
        await tab.until(f"{form}.querySelector('form')")
        await tab.run(f"{form}.querySelector('details.headers').open = true")
        await fill(tab, form, "Headers", "X-Tenant: acme\nx-other: 1")
        await press(tab, form, "Call")
        await tab.until(f"{form}.querySelector('.outcome pre')?.textContent === '\"acme\"'")
        for text, told in [("no header", "No header: no header."), ("host: evil", "the header host follows")]:
            await fill(tab, form, "Headers", text)
            await press(tab, form, "Call")
            await tab.until(f"{form}.innerText.includes({told!r})")

    site.drive(use, "#Checkout%2Ftenant")


@pytest.mark.parametrize(
    "handler, answer",
    [
        ("Checkout/submit", '"charged, 4 left"'),  # a model
        ("Inventory/reserve", "4"),  # a key, and a value
        ("Checkout/remind", '"it\'s \\"time\\""'),  # several parameters, and quotes
        ("Checkout/tenant", '"acme"'),  # no input, and a header
    ],
)
def test_what_is_copied_runs(site: Site, handler: str, answer: str) -> None:
    """By a shell, and by Python in the project's folder."""
    form = f"document.getElementById({handler!r})"

    async def use(tab: Tab) -> list[str]:
        await tab.until(f"{form}.querySelector('form')")
        await tab.run("navigator.clipboard.writeText = (text) => { window.copied = text; return Promise.resolve(); }")
        if handler.startswith("Inventory"):
            await fill(tab, form, "Key", "tea")
        if handler == "Checkout/remind":
            await fill(tab, form, "Body", '{"minutes": 0, "text": "it\'s \\"time\\""}')
        if handler == "Checkout/tenant":
            await tab.run(f"{form}.querySelector('details.headers').open = true")
            await fill(tab, form, "Headers", "x-tenant: acme")
        copied = []
        for button in ("Copy as curl", "Copy as Python"):
            await tab.run("window.copied = null")
            await press(tab, form, button)
            copied.append(await tab.until("window.copied"))
        return copied

    curl, program = site.drive(use, f"#{handler.replace('/', '%2F')}")
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "no_proxy": "*"}
    made = subprocess.run(
        ["sh", "-c", f"{curl} -s"], capture_output=True, text=True, timeout=60, check=True, env=environ
    )
    assert made.stdout == answer
    if "4" in answer:
        site.call("Inventory/tea/refill", 1)  # what curl took
    run = [sys.executable, "-c", program]
    made = subprocess.run(run, capture_output=True, text=True, timeout=60, check=False, env=environ, cwd=site.folder)
    assert (made.stdout, made.stderr) == (f"{json.loads(answer)}\n", "")
    assert "_raw(" not in program


def test_a_call_that_fails_shows_its_last_error_while_it_is_waited_for(site: Site) -> None:
    """With the time of the next attempt, and can be cancelled from there."""
    form = "document.getElementById('Checkout/broken')"

    async def use(tab: Tab) -> None:
        await tab.until(f"{form}.querySelector('form')")
        await fill(tab, form, "Body", '"tea"')
        await press(tab, form, "Call")
        await tab.until(f"{form}.querySelector('.journal .problem.last')?.textContent.includes('bank does not answer')")
        assert "Waiting for the result…" in await tab.run(f"{form}.querySelector('.outcome').innerText")
        await press(tab, form, "Cancel the invocation")
        await tab.until(f"{form}.querySelector('.outcome .badge')?.textContent.startsWith('409')")

    site.drive(use, "#Checkout%2Fbroken")


def test_the_root_leads_to_the_page(site: Site) -> None:
    """And to nothing else."""
    root = site.dev.docs.removesuffix("/docs")
    assert fetch(f"{root}/", method="GET").body.startswith(b"<!doctype html>")
    assert fetch(f"{root}/discover", method="GET").status == 404


def test_open_opens_the_page(tmp_path: Path) -> None:
    """In the browser that the environment names, once the first revision serves."""
    browser, opened = tmp_path / "browser", tmp_path / "opened"
    browser.write_text(f'#!/bin/sh\necho "$1" > {opened}.part && mv {opened}.part {opened}\n')
    browser.chmod(browser.stat().st_mode | stat.S_IXUSR)
    (tmp_path / "shop.py").write_text(SHOP)
    os.environ["BROWSER"] = str(browser)
    try:
        with dev(tmp_path, "--open") as started:
            eventually(opened.exists)
            assert opened.read_text().strip() == started.docs
    finally:
        del os.environ["BROWSER"]


async def tabbed_to(tab: Tab, text: str) -> None:
    """Goes on by the Tab key to what says that, and can be seen to have the focus."""
    for _ in range(60):
        await tab.key("Tab", 9)
        if await tab.run("document.activeElement.textContent") == text:
            break
    assert await tab.run("document.activeElement.textContent") == text
    assert await tab.run("getComputedStyle(document.activeElement).outlineStyle") != "none"


def test_an_invocation_is_paused_and_resumed_by_clicks(site: Site) -> None:
    identifier = sent(site, "Checkout/broken", "tea")

    async def use(tab: Tab) -> None:
        await badge(tab, "backing-off")
        await press(tab, JOURNAL, "Pause")
        await badge(tab, "paused")
        await press(tab, JOURNAL, "Resume")
        await tab.until(f"{JOURNAL}.querySelector('.facts .badge')?.textContent !== 'paused'")
        await press(tab, JOURNAL, "Kill")
        await press(tab, JOURNAL, "Kill it for good?")
        await badge(tab, "failed")

    site.drive(use, f"#/invocations/{identifier}")


def test_the_keyboard_is_enough_for_an_invocation(site: Site) -> None:
    """From the list to its timeline and its actions; what changes is told to screen readers."""
    sent(site, "Checkout/broken", "tea")

    async def use(tab: Tab) -> None:
        await tab.until(f"{ROWS}.includes('Checkout/broken')")
        await tabbed_to(tab, "Checkout/broken")
        await tab.key("Enter", 13, "\r")
        await badge(tab, "backing-off")
        await tabbed_to(tab, "Pause")
        await tab.key("Enter", 13, "\r")
        await badge(tab, "paused")
        await tabbed_to(tab, "Kill")
        await tab.key("Enter", 13, "\r")
        await tab.until("document.activeElement.textContent === 'Kill it for good?'")
        await tab.key("Enter", 13, "\r")
        await badge(tab, "failed")
        assert await tab.run("document.querySelectorAll('main, nav, header').length") >= 2
        assert await tab.run(f"{JOURNAL}.querySelectorAll('[role=status]').length") >= 1

    site.drive(use, "#/invocations")
