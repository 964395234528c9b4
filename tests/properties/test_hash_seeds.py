"""No order comes from a hash: the same bytes under every ``PYTHONHASHSEED``, and wherever objects happen to lie."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from restate_reflect import Context, InvocationCancelledError
from tests.journals import CANCEL, M, done, play

ROOT = Path(__file__).parents[2]
N = 12
order: list[str] = []


async def worker(ctx: Context, n: int) -> int:
    try:
        await ctx.sleep(n + 1)
    except (asyncio.CancelledError, InvocationCancelledError):
        ctx.send_raw("Undo", "step", str(n).encode())
        raise
    return n


class Orders:
    """Each handler shows the order of something that asyncio keeps in a set."""

    async def wait(self, ctx: Context) -> list[int]:
        tasks = {asyncio.create_task(worker(ctx, n)) for n in range(N)}
        finished, pending = await asyncio.wait(tasks)
        assert not pending
        return [task.result() for task in finished]

    async def losers(self, ctx: Context) -> None:
        tasks = [asyncio.create_task(worker(ctx, n)) for n in range(N)]
        _, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)

    async def futures(self, ctx: Context) -> list[str]:
        calls = [ctx.call_raw("Other", "go", str(n).encode()) for n in range(N)]
        finished, _ = await asyncio.wait(calls)
        return [call.result().decode() for call in finished]

    async def as_completed(self, ctx: Context) -> list[int]:
        tasks = [asyncio.create_task(worker(ctx, n)) for n in range(N)]
        return [await future for future in asyncio.as_completed(tasks)]

    async def group(self, ctx: Context) -> None:
        """One task fails; the group cancels its other tasks, which it keeps in a set."""
        async with asyncio.TaskGroup() as group:
            for n in range(N):
                group.create_task(worker(ctx, n))
            await ctx.sleep(100)
            raise ValueError("enough")

    async def own_sets(self, ctx: Context) -> None:
        for future in {ctx.call_raw("Other", "go", str(n).encode()) for n in range(N)}:
            await future


def play_all() -> list[bytes]:
    """What each handler writes; its answers come in the same mixed order everywhere."""
    outputs = []
    for name in ("wait", "losers", "futures", "as_completed", "group", "own_sets"):
        played = play(Orders, name)
        ids = [
            command.result_completion_id for kind in (M.SLEEP_COMMAND, M.CALL_COMMAND) for command in played.all(kind)
        ]
        mixed = sorted(ids, key=lambda id_: (id_ * 7) % 13)
        # One timer is enough where it makes the others be cancelled; the group's own is set first.
        for id_ in ids[:1] if name in ("group", "losers") else mixed:
            kind = M.SLEEP_COMPLETION if played.all(M.SLEEP_COMMAND) else M.CALL_COMPLETION
            played.feed(done(kind, id_, None if kind == M.SLEEP_COMPLETION else str(id_).encode()))
        assert played.sink.ended, name
        outputs.append(bytes(played.sink.data).split(b"Traceback")[0])
    outputs.append(bytes(play(Orders, "wait").feed(CANCEL).sink.data))
    return outputs


def test_the_same_bytes_under_every_hash_seed() -> None:
    """A process each: the seed is set when Python starts. Junk of another size moves every address."""
    script = (
        "import sys; junk = [bytearray(int(sys.argv[1]) * 37 + i) for i in range(997)]\n"
        "from tests.properties.test_hash_seeds import play_all\n"
        "import hashlib\n"
        "for output in play_all(): print(hashlib.sha256(output).hexdigest())\n"
    )
    expected = run(script, 0)
    assert len(expected.split()) == 7
    for seed in range(1, 5):
        assert run(script, seed) == expected


def run(script: str, seed: int) -> str:
    environment: dict[str, Any] = {**os.environ, "PYTHONHASHSEED": str(seed), "PYTHONPATH": str(ROOT)}
    made = subprocess.run(
        [sys.executable, "-c", script, str(seed)],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    return made.stdout


def test_sets_of_tasks_iterate_in_the_order_of_making() -> None:
    output = play(Orders, "wait")
    for id_ in (5, 3, 8, 1, 2, 4, 6, 7, 12, 11, 10, 9):
        output.feed(done(M.SLEEP_COMPLETION, id_))
    assert output.output == b"[0,1,2,3,4,5,6,7,8,9,10,11]"


def test_a_group_cancels_its_tasks_in_the_order_of_making() -> None:
    played = play(Orders, "group").feed(done(M.SLEEP_COMPLETION, 1))
    undone = [int(command.parameter) for command in played.all(M.ONE_WAY_CALL_COMMAND)]
    assert undone == list(range(N))
    assert played.error.message.startswith("ExceptionGroup")
