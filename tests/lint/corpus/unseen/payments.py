"""Payments through a provider, with retries by hand and a ledger."""

import asyncio
import os
import secrets
import threading
from concurrent.futures import ThreadPoolExecutor
from time import sleep
from typing import Any

import requests

from restate_reflect import Context, ObjectContext, State, TerminalError, WorkflowContext, WorkflowSharedContext

_cache: dict[str, str] = {}
_attempts = 0
_lock = threading.Lock()
pool = ThreadPoolExecutor(4)


def api_key() -> str:
    return os.environ["PAY_API_KEY"]  # expect: RR104


def sandbox() -> bool:
    return os.getenv("PAY_SANDBOX", "0") == "1"  # expect: RR104


def remember(token: str, customer: str) -> None:
    _cache[token] = customer  # expect: RR303


class Ledger:
    entries = State(list[dict], default=[])

    async def book(self, ctx: ObjectContext, entry: dict) -> int:
        entries = await ctx.get(Ledger.entries)
        entries.append(entry)  # expect: RR306/RR304
        return len(entries)

    async def transfer(self, ctx: ObjectContext, amount: int) -> int:
        booked = await ctx.call(Ledger.book, {"amount": -amount}, key=ctx.key)  # expect: RR206
        return booked


class Payments:
    async def charge(self, ctx: Context, amount: int) -> str:
        token = secrets.token_hex(16)  # expect: RR102
        for attempt in range(5):
            try:
                reply = requests.post("https://pay.example/charges", json={"amount": amount, "token": token}, timeout=5)  # expect: RR106
                return str(reply.json()["id"])
            except requests.ConnectionError:
                sleep(2**attempt)  # expect: RR109
        raise TerminalError("the provider is down")

    async def refund(self, ctx: Context, charge_id: str) -> bool:
        headers = {"authorization": f"Bearer {api_key()}"}
        if sandbox():
            return True
        try:
            await ctx.run("refund", self._refund, charge_id, headers)
        except:  # expect: RR201
            return False
        return True

    def _refund(self, charge_id: str, headers: dict[str, str]) -> None:
        requests.post(f"https://pay.example/charges/{charge_id}/refund", headers=headers, timeout=5)

    async def tokenize(self, ctx: Context, customer: str) -> str:
        token = await ctx.run("token", secrets.token_urlsafe, 8)
        remember(token, customer)
        return token

    async def batch(self, ctx: Context, amounts: list[int]) -> list[str]:
        global _attempts
        _attempts += 1  # expect: RR303
        tasks = [asyncio.create_task(self.charge(ctx, amount)) for amount in amounts]
        return list(await asyncio.gather(*tasks))

    async def settle(self, ctx: Context, ids: list[str]) -> list[str]:
        loop = asyncio.get_running_loop()
        results = await loop.run_in_executor(pool, self._settle_all, ids)  # expect: RR107
        return results

    def _settle_all(self, ids: list[str]) -> list[str]:
        return [requests.get(f"https://pay.example/{each}", timeout=5).text for each in ids]

    async def notify(self, ctx: Context, url: str) -> None:
        threading.Thread(target=requests.get, args=(url,)).start()  # expect: RR107

    async def check(self, ctx: Context, iban: str) -> Any:
        return await asyncio.to_thread(requests.get, f"https://iban.example/{iban}")  # expect: RR107 RR106


class Dunning:
    async def run(self, ctx: WorkflowContext, invoice: str) -> str:
        paid = ctx.promise("paid", bool)
        for reminder in range(3):
            try:
                async with asyncio.timeout(7 * 24 * 3600):
                    if await paid:
                        return "paid"
            except TimeoutError:
                await ctx.run(f"remind {reminder}", print, invoice)
            except BaseException as error:  # expect: RR201
                print("ignored", error)
        return "collection"

    async def pay(self, ctx: WorkflowSharedContext) -> None:
        ctx.promise("paid", bool).resolve(True)  # expect: RR203

    async def poll(self, ctx: WorkflowSharedContext) -> bool:
        while True:  # expect: RR205
            if _cache.get(ctx.key):
                return True
