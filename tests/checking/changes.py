# ruff: noqa: E501 - lines of a program as they stand there
"""Changes of the chaos test's program: what breaks something that runs or is stored, and what does not.

Each is a text of ``tests/chaos/program.py`` and what is written in its place.
"""

from __future__ import annotations

from restate_reflect.checking import Kind

__all__ = ["COMPATIBLE", "INCOMPATIBLE", "Change"]

Change = list[tuple[str, str]]

INCOMPATIBLE: dict[str, tuple[Kind, Change]] = {
    "a service is renamed": (
        Kind.SERVICE_REMOVED,
        [("class Mailbox:", "class Letterbox:"), ("Mailbox.put", "Letterbox.put")],
    ),
    "a service is removed": (
        Kind.SERVICE_REMOVED,
        [
            ("class Flow:", "class _Flow:"),
            ("WorkflowContext, token", "object, token"),
            ("WorkflowSharedContext, text", "object, text"),
        ],
    ),
    "a handler is renamed": (Kind.HANDLER_REMOVED, [("async def deposit(", "async def pay_in(")]),
    "a handler is removed": (
        Kind.HANDLER_REMOVED,
        [
            (
                "async def read(self, ctx: ObjectSharedContext) -> list[int]",
                "async def _read(self, ctx: ObjectSharedContext) -> list[int]",
            )
        ],
    ),
    "a service becomes an object": (
        Kind.SERVICE_KIND,
        [
            ("async def deposit(self, ctx: Context", "async def deposit(self, ctx: ObjectContext"),
            ("async def ask(self, ctx: Context", "async def ask(self, ctx: ObjectContext"),
        ],
    ),
    "a shared handler becomes exclusive": (
        Kind.HANDLER_KIND,
        [("async def read(self, ctx: ObjectSharedContext) -> str", "async def read(self, ctx: ObjectContext) -> str")],
    ),
    "an exclusive handler becomes shared": (
        Kind.HANDLER_KIND,
        [
            (
                "async def put(self, ctx: ObjectContext, text: str) -> None:\n        ctx.set(self.text, text)",
                "async def put(self, ctx: ObjectSharedContext, text: str) -> None:\n        return",
            )
        ],
    ),
    "an input has another type": (
        Kind.INPUT,
        [("async def deposit(self, ctx: Context, token: str)", "async def deposit(self, ctx: Context, token: int)")],
    ),
    "an input has one more field": (
        Kind.INPUT,
        [
            (
                "async def ask(self, ctx: Context, token: str)",
                "async def ask(self, ctx: Context, token: str, urgent: bool)",
            )
        ],
    ),
    "an input has a limit that recorded ones pass": (
        Kind.INPUT,
        [
            ("import asyncio\n", "import asyncio\nfrom typing import Annotated\nfrom pydantic import Field\n"),
            (
                "async def ask(self, ctx: Context, token: str)",
                "async def ask(self, ctx: Context, token: Annotated[str, Field(max_length=3)])",
            ),
        ],
    ),
    "an output has another type": (
        Kind.OUTPUT,
        [
            (
                "-> list[int]:\n        return [await ctx.get(self.count), await ctx.get(self.total)]",
                "-> str:\n        return str(await ctx.get(self.count))",
            )
        ],
    ),
    "an output is gone": (
        Kind.OUTPUT,
        [
            ('ctx: Context, token: str) -> str:\n        """Two', 'ctx: Context, token: str) -> None:\n        """Two'),
            ("return stamp\n\n    async def ask", "return None\n\n    async def ask"),
        ],
    ),
    "an output may not be nothing any more": (
        Kind.OUTPUT,
        [
            (
                "-> str | None:\n        return await ctx.get(self.text)",
                "-> str:\n        return await ctx.get(self.text) or ''",
            )
        ],
    ),
    "state has another type": (
        Kind.STATE,
        [
            ("count = State(int, default=0)", "count = State(list[int], default=[])"),
            ("await ctx.get(self.count) + 1", "len(await ctx.get(self.count)) + 1"),
            ("ctx.set(self.count, count)", "ctx.set(self.count, [count])"),
            ("[await ctx.get(self.count), ", "[len(await ctx.get(self.count)), "),
        ],
    ),
    "state is renamed": (
        Kind.STATE_RENAMED,
        [("    total = State(int, default=0)", "    sum = State(int, default=0)"), ("self.total", "self.sum")],
    ),
    "retention is shortened": (
        Kind.RETENTION,
        [
            (
                "import asyncio\n",
                "import asyncio\nfrom datetime import timedelta\nfrom restate_reflect import service\n",
            ),
            ("class Desk:", "@service(journal_retention=timedelta(hours=1))\nclass Desk:"),
        ],
    ),
    "a step is added before the await": (
        Kind.MISMATCH,
        [
            (
                "        awakeable = ctx.awakeable(str)\n",
                '        await ctx.run("note", str, token)\n        awakeable = ctx.awakeable(str)\n',
            )
        ],
    ),
    "a step is removed": (Kind.MISMATCH, [("        ctx.send(Mailbox.put, awakeable.id, key=token)\n", "")]),
    "a call goes to another key": (
        Kind.MISMATCH,
        [("ctx.send(Mailbox.put, awakeable.id, key=token)", 'ctx.send(Mailbox.put, awakeable.id, key=f"box-{token}")')],
    ),
    "a promise is renamed": (
        Kind.MISMATCH,
        [
            (
                'await ctx.promise("approval", str)\n        await asyncio',
                'await ctx.promise("signature", str)\n        await asyncio',
            )
        ],
    ),
    "handler code fails": (
        Kind.FAILS,
        [
            (
                "        awakeable = ctx.awakeable(str)\n",
                "        print(1 // 0)\n        awakeable = ctx.awakeable(str)\n",
            )
        ],
    ),
    "a step is renamed in a completed invocation": (Kind.MISMATCH, [('f"stamp{self.version}"', '"seal"')]),
}

COMPATIBLE: dict[str, Change] = {
    "nothing": [],
    "a docstring": [('"""Counts tokens."""', '"""Counts tokens, and adds them up."""')],
    "a local name": [
        ("stamp = await ctx.run", "sealed = await ctx.run"),
        ("return stamp\n\n    async def ask", "return sealed\n\n    async def ask"),
    ],
    "a new service": [
        (
            "class Flow:",
            'class Clerk:\n    async def greet(self, ctx: Context) -> str:\n        return "hello"\n\n\nclass Flow:',
        )
    ],
    "a new handler": [
        (
            "    async def put(self",
            "    async def clear(self, ctx: ObjectContext) -> None:\n        ctx.clear(self.text)\n\n    async def put(self",
        )
    ],
    "a new state key": [
        ("    total = State(int, default=0)", '    total = State(int, default=0)\n    last = State(str, default="")')
    ],
    "an input may be more": [
        ("async def ask(self, ctx: Context, token: str)", "async def ask(self, ctx: Context, token: str | int)"),
        ("ctx.send(Mailbox.put, awakeable.id, key=token)", "ctx.send(Mailbox.put, awakeable.id, key=str(token))"),
        (
            "await ctx.call(Ledger.add, token, key=ledger_of(token))\n        return answer",
            "await ctx.call(Ledger.add, str(token), key=ledger_of(str(token)))\n        return answer",
        ),
    ],
    "an input with a limit that recorded ones keep": [
        ("import asyncio\n", "import asyncio\nfrom typing import Annotated\nfrom pydantic import Field\n"),
        (
            "async def ask(self, ctx: Context, token: str)",
            "async def ask(self, ctx: Context, token: Annotated[str, Field(max_length=300)])",
        ),
    ],
    "state may be more": [
        ("count = State(int, default=0)", "count = State(int | float, default=0)"),
        ("await ctx.get(self.count) + 1", "int(await ctx.get(self.count)) + 1"),
        ("[await ctx.get(self.count), ", "[int(await ctx.get(self.count)), "),
    ],
    "another default of state": [("text = State(str | None, default=None)", 'text = State(str | None, default="")')],
    "an output may be more": [("-> list[int]:", "-> list[int | str]:")],
    "a step after the await": [
        (
            "        answer = await awakeable\n",
            '        answer = await awakeable\n        await ctx.run("note", str, answer)\n',
        )
    ],
    "other steps after the await": [
        (
            '        approval = await ctx.promise("approval", str)\n        await asyncio.sleep(0.05)\n',
            '        approval = await ctx.promise("approval", str)\n        await asyncio.sleep(500)\n        await ctx.run("note", str, approval)\n',
        )
    ],
    "a step's body": [('file.write(f"{token} {stamp}\\n")', 'file.write(f"{stamp} {token}\\n")')],
    "a step's function": [
        ("    async def _stamp(", "    async def _sealed("),
        ("self._stamp, token", "self._sealed, token"),
    ],
    "the time of a timer": [("asyncio.sleep(0.02)", "asyncio.sleep(0.03)")],
    "a log line": [
        (
            "        awakeable = ctx.awakeable(str)\n",
            '        ctx.log.info("asked")\n        awakeable = ctx.awakeable(str)\n',
        )
    ],
    "a helper": [
        (
            "        awakeable = ctx.awakeable(str)\n        ctx.send(Mailbox.put, awakeable.id, key=token)\n        answer = await awakeable\n",
            "        answer = await self._answer(ctx, token)\n",
        ),
        (
            "    async def _stamp(",
            "    async def _answer(self, ctx: Context, token: str) -> str:\n        awakeable = ctx.awakeable(str)\n        ctx.send(Mailbox.put, awakeable.id, key=token)\n        return await awakeable\n\n    async def _stamp(",
        ),
    ],
    "a gate": [
        (
            "        awakeable = ctx.awakeable(str)\n",
            '        if await ctx.version("noted", since=2):\n            await ctx.run("note", str, token)\n        awakeable = ctx.awakeable(str)\n',
        )
    ],
    "retention is longer": [
        ("import asyncio\n", "import asyncio\nfrom datetime import timedelta\nfrom restate_reflect import service\n"),
        ("class Desk:", "@service(journal_retention=timedelta(days=9))\nclass Desk:"),
    ],
    "the way a handler is written": [
        (
            "        count = await ctx.get(self.count) + 1\n        ctx.set(self.count, count)\n",
            "        before = await ctx.get(self.count)\n        count = before + 1\n        ctx.set(self.count, count)\n",
        )
    ],
}
