"""Headless Chromium, driven by its own protocol (CDP) over a WebSocket: nothing but aiohttp is needed.

https://chromedevtools.github.io/devtools-protocol/
"""

from __future__ import annotations

import asyncio
import base64
import functools
import json
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

__all__ = ["Tab", "chromium", "tab", "violations"]

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "headless_shell")
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
    "--disable-extensions", "--disable-background-networking", "--disable-component-update", "--mute-audio",
    "--hide-scrollbars", "--force-color-profile=srgb", "--remote-debugging-port=0", "--remote-allow-origins=*",
)  # fmt: skip


@functools.cache
def chromium() -> str:
    """The path of a Chromium; installed by apt-get when there is none and this is root. Skips the test otherwise."""
    if found := _find():
        return found
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        pytest.skip("no Chromium here: install 'chromium', or set CHROMIUM to its path")
    failed = ""
    for command in (["update"], ["install", "-y", "--no-install-recommends", "chromium", "fonts-dejavu-core"]):
        done = subprocess.run(
            ["apt-get", "-qq", *command],
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        failed = "" if done.returncode == 0 else done.stderr.strip()[-300:]
    found = _find()
    if found is None:
        pytest.skip(f"no Chromium here, and apt-get could not install it: {failed}")
    return found


def _find() -> str | None:
    given = os.environ.get("CHROMIUM")
    return given or next((path for name in NAMES if (path := shutil.which(name))), None)


class Tab:
    """One page."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._session: str | None = None
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._events: dict[str, asyncio.Event] = {}
        self.troubles: list[str] = []
        """Uncaught exceptions, console errors, and what the content security policy has refused."""
        self.requested: list[str] = []
        """URLs of all requests."""
        self._reader = asyncio.create_task(self._read())

    async def open(self) -> None:
        target = await self.send("Target.createTarget", url="about:blank")
        attached = await self.send("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            await self.send(f"{domain}.enable")

    async def close(self) -> None:
        self._reader.cancel()

    async def send(self, method: str, **parameters: Any) -> Any:
        """One command; its result."""
        number = len(self._answers)
        future = self._answers[number] = asyncio.get_running_loop().create_future()
        message: dict[str, Any] = {"id": number, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        await self._socket.send_json(message)
        return await asyncio.wait_for(future, 60)

    async def go(self, url: str) -> None:
        """Loads a page, and waits until it is loaded."""
        loaded = self._events["Page.loadEventFired"] = asyncio.Event()
        await self.send("Page.navigate", url=url)
        await asyncio.wait_for(loaded.wait(), 60)

    async def run(self, script: str) -> Any:
        """The value of an expression, a promise's when it is one."""
        made = await self.send("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in made:
            details = made["exceptionDetails"]
            raise AssertionError(details.get("exception", {}).get("description") or details["text"])
        return made["result"].get("value")

    async def until(self, condition: str, seconds: float = 30.0) -> Any:
        """Waits, frame by frame, until the expression is true; its value."""
        script = f"""new Promise((resolve, reject) => {{
            const end = performance.now() + {seconds * 1000};
            const look = () => {{
                const value = (() => {{ try {{ return ({condition}); }} catch (error) {{ return false; }} }})();
                if (value) resolve(value);
                else if (performance.now() > end) reject(new Error({json.dumps(condition)} + " never came true: "
                    + document.body.innerText.slice(0, 3000)));
                else setTimeout(look, 20);
            }};
            look();
        }})"""
        return await self.run(script)

    async def key(self, name: str, code: int = 0, text: str = "") -> None:
        """Presses a key, as a person would."""
        common = {"key": name, "code": name, "windowsVirtualKeyCode": code}
        await self.send("Input.dispatchKeyEvent", type="keyDown", text=text, **common)
        await self.send("Input.dispatchKeyEvent", type="keyUp", **common)

    async def type(self, text: str) -> None:
        """Types into whatever has the focus."""
        await self.send("Input.insertText", text=text)

    async def look(self, *, width: int, height: int = 900, dark: bool = False, still: bool = False) -> None:
        """The size of the window, and what the person prefers."""
        await self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )
        features = [
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
            {"name": "prefers-reduced-motion", "value": "reduce" if still else "no-preference"},
        ]
        await self.send("Emulation.setEmulatedMedia", features=features)

    async def screenshot(self, file: Path) -> None:
        """The whole page as a PNG."""
        shot = await self.send("Page.captureScreenshot", captureBeyondViewport=True)
        file.write_bytes(base64.b64decode(shot["data"]))

    async def _read(self) -> None:
        async for message in self._socket:
            data = json.loads(message.data)
            if "id" in data:
                self._answer(self._answers[data["id"]], data)
            else:
                self._note(data["method"], data["params"])

    def _answer(self, future: asyncio.Future[Any], data: dict[str, Any]) -> None:
        if future.done():
            return
        if "error" in data:
            future.set_exception(AssertionError(data["error"]["message"]))
        else:
            future.set_result(data["result"])

    def _note(self, method: str, parameters: dict[str, Any]) -> None:
        match method:
            case "Runtime.exceptionThrown":
                self.troubles.append(str(parameters["exceptionDetails"]))
            case "Runtime.consoleAPICalled" if parameters["type"] in ("error", "warning"):
                self.troubles.append(str(parameters["args"]))
            case "Log.entryAdded" if parameters["entry"]["level"] == "error":
                self.troubles.append(parameters["entry"]["text"])
            case "Network.requestWillBeSent":
                self.requested.append(parameters["request"]["url"])
            case _:
                if method in self._events:
                    self._events[method].set()


@asynccontextmanager
async def tab(profile: Path) -> AsyncIterator[Tab]:
    """A fresh browser with one tab."""
    process = await asyncio.create_subprocess_exec(
        chromium(),
        *FLAGS,
        f"--user-data-dir={profile}",
        "about:blank",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "HOME": str(profile)},
    )
    try:
        url = await asyncio.wait_for(_devtools_url(process), 60)
        async with aiohttp.ClientSession() as session:
            async with session.ws_connect(url, max_msg_size=0) as socket:
                made = Tab(socket)
                await made.open()
                yield made
                await made.close()
    finally:
        process.kill()
        await process.communicate()


async def violations(tab: Tab, axe: str) -> list[Any]:
    """What axe-core finds against WCAG 2.2 AA and its best practices: rules, with the elements that break them."""
    await tab.run(axe + "; 0")
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    options = json.dumps({"runOnly": tags, "rules": {"target-size": {"enabled": True}}})
    found: list[Any] = await tab.run(
        f"axe.run(document, {options}).then((result) => result.violations.map((each) =>"
        " [each.id, each.nodes.map((node) => node.html + ' ' + node.failureSummary)]))"
    )
    return found


async def _devtools_url(process: asyncio.subprocess.Process) -> str:
    assert process.stderr is not None
    seen = b""
    while line := await process.stderr.readline():
        seen += line
        if b"DevTools listening on " in line:
            return line.decode().partition("listening on ")[2].strip()
    raise AssertionError(f"Chromium has ended: {seen.decode(errors='replace')[-2000:]}")
