"""Libraries on asyncio in handlers: right live, and identical under the crash matrix, or refused in words."""

from __future__ import annotations

import asyncio
import inspect
import sqlite3
import threading
from collections.abc import AsyncIterable
from typing import Any

import pytest

from restate_reflect import Context, service
from restate_reflect.errors import HandlerBugError
from restate_reflect.testing import Durable

pytestmark = pytest.mark.filterwarnings(
    # Libraries ask clocks and the environment for their own logs and timings, which no step depends on.
    "ignore::restate_reflect.durable.guards.GuardWarning",
    "ignore::DeprecationWarning",
    # What they import late takes its time.
    "ignore::restate_reflect.durable.blocking.BlockedLoopWarning",
)

done: list[str] = []


async def step(word: str) -> str:
    done.append(word)
    return word.upper()


def library(name: str) -> Any:
    return pytest.importorskip(name, reason="belongs to the extra 'foreign'")


async def outcome(durable: Durable, cls: type, handler: str = "run") -> Any:
    env = await durable(cls)
    return await env.call(getattr(cls, handler))


async def test_anyio_task_groups_scopes_streams_and_events(durable: Durable) -> None:
    anyio = library("anyio")

    class Anyio:
        async def run(self, ctx: Context) -> list[str]:
            found: list[str] = []
            send, receive = anyio.create_memory_object_stream[str](1)
            ready = anyio.Event()

            async def produce() -> None:
                await ready.wait()
                async with send:
                    for word in "abc":
                        await send.send(await ctx.run(word, step, word))

            async with anyio.create_task_group() as group:
                group.start_soon(produce)
                ready.set()
                async with receive:
                    async for word in receive:
                        found.append(word)
            with anyio.move_on_after(2) as scope:
                await anyio.sleep(10)
            found.append(f"moved on {scope.cancelled_caught}")
            try:
                with anyio.fail_after(1):
                    await anyio.sleep(5)
            except TimeoutError:
                found.append("failed")
            async with anyio.create_task_group() as group:
                group.start_soon(anyio.sleep, 100)
                await anyio.sleep(1)
                group.cancel_scope.cancel()
            limiter, lock = anyio.CapacityLimiter(1), anyio.Lock()
            async with limiter, lock:
                found.append(await ctx.run("last", step, "last"))
            return found

    assert await outcome(durable, Anyio) == ["A", "B", "C", "moved on True", "failed", "LAST"]


async def test_tenacity_stops_after_its_delay_though_each_wait_suspends(durable: Durable) -> None:
    tenacity = library("tenacity")

    @service(durable_natives=True)
    class Tenacity:
        async def run(self, ctx: Context) -> int:
            tries = 0
            try:
                async for attempt in tenacity.AsyncRetrying(
                    stop=tenacity.stop_after_delay(3), wait=tenacity.wait_fixed(1) + tenacity.wait_random(0, 0.1)
                ):
                    with attempt:
                        tries += 1
                        raise ValueError(await ctx.run("try", step, "try"))
            except tenacity.RetryError:
                return tries
            return 0

    assert await outcome(durable, Tenacity) == 4


async def test_tenacity_by_tries_needs_no_option(durable: Durable) -> None:
    tenacity = library("tenacity")

    class Tenacity:
        async def run(self, ctx: Context) -> int:
            tries: list[str] = []

            @tenacity.retry(stop=tenacity.stop_after_attempt(3), wait=tenacity.wait_exponential(1), reraise=True)
            async def flaky() -> int:
                tries.append(await ctx.run("try", step, "try"))
                if len(tries) < 3:
                    raise ValueError("not yet")
                return len(tries)

            return int(await flaky())

    assert await outcome(durable, Tenacity) == 3


async def test_backoff_by_tries(durable: Durable) -> None:
    backoff = library("backoff")

    class Backoff:
        async def run(self, ctx: Context) -> int:
            tries: list[str] = []

            @backoff.on_exception(backoff.constant, ValueError, max_tries=3, jitter=None, interval=2, logger=None)
            async def flaky() -> int:
                tries.append(await ctx.run("try", step, "try"))
                if len(tries) < 3:
                    raise ValueError("not yet")
                return len(tries)

            return int(await flaky())

    assert await outcome(durable, Backoff) == 3


async def test_aiostream_merges_and_maps(durable: Durable) -> None:
    aiostream = library("aiostream")

    class Aiostream:
        async def run(self, ctx: Context) -> list[str]:
            async def ticks(name: str, every: float) -> Any:
                for number in range(3):
                    await asyncio.sleep(every)
                    yield f"{name}{number}"

            async def shout(word: str) -> str:
                return await ctx.run(word, step, word)

            merged = aiostream.stream.merge(ticks("a", 2), ticks("b", 2.5))
            shouted = aiostream.stream.map(merged, shout, ordered=True, task_limit=2)
            return list(await aiostream.stream.list(shouted))

    assert await outcome(durable, Aiostream) == ["A0", "B0", "A1", "B1", "A2", "B2"]


async def test_async_lru_within_an_invocation(durable: Durable) -> None:
    async_lru = library("async_lru")

    class AsyncLru:
        async def run(self, ctx: Context) -> list[str]:
            @async_lru.alru_cache(maxsize=8)
            async def cached(word: str) -> str:
                return await ctx.run(word, step, word)

            return [*await asyncio.gather(cached("a"), cached("b"), cached("a")), await cached("b")]

    assert await outcome(durable, AsyncLru) == ["A", "B", "A", "B"]


async def test_asyncstdlib(durable: Durable) -> None:
    library("asyncstdlib")
    import asyncstdlib

    class Asyncstdlib:
        async def run(self, ctx: Context) -> list[Any]:
            async def words() -> Any:
                for word in "abc":
                    yield await ctx.run(word, step, word)

            async with asyncstdlib.scoped_iter(words()) as scoped:
                found = [item async for item in asyncstdlib.zip(scoped, range(5))]
            first, second = asyncstdlib.tee(words(), n=2)
            return [*map(list, found), await asyncstdlib.list(first) == await asyncstdlib.list(second)]

    assert await outcome(durable, Asyncstdlib) == [["A", 0], ["B", 1], ["C", 2], True]


async def test_aiolimiter_waits_on_the_loops_clock(durable: Durable) -> None:
    aiolimiter = library("aiolimiter")

    class Aiolimiter:
        async def run(self, ctx: Context) -> list[float]:
            limiter, loop = aiolimiter.AsyncLimiter(1, 2), asyncio.get_running_loop()
            found: list[float] = []
            for number in range(3):
                async with limiter:
                    await ctx.run(f"step {number}", step, str(number))
                    found.append(round(loop.time(), 3))
            return found

    assert await outcome(durable, Aiolimiter) == [0, 2, 4]


async def test_janus_on_its_async_side(durable: Durable) -> None:
    janus = library("janus")

    class Janus:
        async def run(self, ctx: Context) -> list[str]:
            queue = janus.Queue()

            async def produce() -> None:
                for word in "abc":
                    await queue.async_q.put(await ctx.run(word, step, word))

            task = asyncio.create_task(produce())
            found = [await queue.async_q.get() for _ in range(3)]
            await task
            return found

    assert await outcome(durable, Janus) == ["A", "B", "C"]


async def test_async_timeout(durable: Durable) -> None:
    async_timeout = library("async_timeout")

    class AsyncTimeout:
        async def run(self, ctx: Context) -> str:
            try:
                async with async_timeout.timeout(2) as timeout:
                    await asyncio.sleep(1)
                    timeout.reschedule(timeout.deadline + 1)
                    await asyncio.sleep(5)
            except TimeoutError:
                return await ctx.run("late", step, f"late {timeout.expired}")
            return "in time"

    assert await outcome(durable, AsyncTimeout) == "LATE TRUE"


async def test_langgraph(durable: Durable) -> None:
    library("langgraph.graph")
    from langgraph.graph import END, START, StateGraph
    from typing_extensions import TypedDict

    class State(TypedDict, total=False):
        left: str
        right: str
        both: str

    class LangGraph:
        async def run(self, ctx: Context) -> str:
            async def left(state: dict[str, str]) -> dict[str, str]:
                await asyncio.sleep(2)
                return {"left": await ctx.run("left", step, "left")}

            async def right(state: dict[str, str]) -> dict[str, str]:
                return {"right": await ctx.run("right", step, "right")}

            async def join(state: dict[str, str]) -> dict[str, str]:
                return {"both": f"{state['left']} {state['right']}"}

            graph = StateGraph(State)
            for name, node in (("l", left), ("r", right), ("join", join)):
                graph.add_node(name, node)
            graph.add_edge(START, "l")
            graph.add_edge(START, "r")
            graph.add_edge(["l", "r"], "join")
            graph.add_edge("join", END)
            return str((await graph.compile().ainvoke({}))["both"])

    assert await outcome(durable, LangGraph) == "LEFT RIGHT"


async def test_openai_agents_with_a_scripted_model(durable: Durable) -> None:
    agents = library("agents")
    from openai.types.responses import ResponseFunctionToolCall, ResponseOutputMessage, ResponseOutputText

    class Script(agents.Model):  # type: ignore[misc, name-defined]
        async def get_response(self, system_instructions: Any, input: Any, *args: Any, **kwargs: Any) -> Any:
            outputs = [
                item["output"]
                for item in input
                if isinstance(item, dict) and item.get("type") == "function_call_output"
            ]
            if outputs:
                text = ResponseOutputText(annotations=[], text=", ".join(outputs), type="output_text")
                items: list[Any] = [
                    ResponseOutputMessage(id="m", content=[text], role="assistant", status="completed", type="message")
                ]
            else:
                items = [
                    ResponseFunctionToolCall(
                        arguments=f'{{"city": "{city}"}}', call_id=city, name="weather", type="function_call"
                    )
                    for city in ("rome", "oslo")
                ]
            return agents.ModelResponse(output=items, usage=agents.Usage(), response_id=None)

        def stream_response(self, *args: Any, **kwargs: Any) -> Any:
            raise NotImplementedError

    class OpenAiAgents:
        async def run(self, ctx: Context) -> str:
            @agents.function_tool
            async def weather(city: str) -> str:
                """How it is there."""
                await asyncio.sleep(1)
                return await ctx.run(f"weather in {city}", step, city)

            agent = agents.Agent(name="forecast", model=Script(), tools=[weather])
            run_config = agents.RunConfig(tracing_disabled=True)
            return str((await agents.Runner.run(agent, "How is it?", run_config=run_config)).final_output)

    assert await outcome(durable, OpenAiAgents) == "ROME, OSLO"


def asks_for_two_towns(messages: list[Any]) -> Any:
    """What a scripted model of pydantic-ai answers: two calls of a tool, and then what these have returned."""
    from pydantic_ai.messages import ModelResponse, TextPart, ToolCallPart

    outputs = [str(part.content) for part in messages[-1].parts if part.part_kind == "tool-return"]
    if outputs:
        return ModelResponse(parts=[TextPart(", ".join(outputs))])
    return ModelResponse(parts=[ToolCallPart("weather", {"city": city}) for city in ("rome", "oslo")])


async def test_pydantic_ai_with_a_scripted_model_and_async_tools(durable: Durable) -> None:
    pydantic_ai = library("pydantic_ai")
    from pydantic_ai.models.function import FunctionModel

    class PydanticAi:
        async def run(self, ctx: Context) -> str:
            async def model(messages: list[Any], info: Any) -> Any:
                return asks_for_two_towns(messages)

            agent = pydantic_ai.Agent(FunctionModel(model))

            @agent.tool_plain
            async def weather(city: str) -> str:
                await asyncio.sleep(len(city))
                return await ctx.run(f"weather in {city}", step, city)

            return str((await agent.run("How is it?")).output)

    assert await outcome(durable, PydanticAi) == "ROME, OSLO"


async def test_pydantic_ai_with_its_test_model(durable: Durable) -> None:
    """Which calls every tool with made up arguments."""
    pydantic_ai = library("pydantic_ai")
    from pydantic_ai.models.test import TestModel

    class PydanticAi:
        async def run(self, ctx: Context) -> str:
            agent = pydantic_ai.Agent(TestModel())

            @agent.tool_plain
            async def weather(city: str) -> str:
                return await ctx.run("weather", step, city)

            return str((await agent.run("How is it?")).output)

    assert await outcome(durable, PydanticAi) == '{"weather":"A"}'


async def test_pydantic_graph_maps_and_joins(durable: Durable) -> None:
    library("pydantic_graph")
    from pydantic_graph import GraphBuilder, reduce_list_append

    class PydanticGraph:
        async def run(self, ctx: Context) -> list[str]:
            builder = GraphBuilder(input_type=list[str], output_type=list[str])

            async def words(node: Any) -> list[str]:
                await asyncio.sleep(1)
                return list(node.inputs)

            async def shout(node: Any) -> str:
                await asyncio.sleep(4 - len(node.inputs))
                return await ctx.run(node.inputs, step, node.inputs)

            given, shouted = builder.step(words, node_id="words"), builder.step(shout, node_id="shout")
            joined = builder.join(reduce_list_append, initial_factory=list[str])
            builder.add(
                builder.edge_from(builder.start_node).to(given),
                builder.edge_from(given).map().to(shouted),
                builder.edge_from(shouted).to(joined),
                builder.edge_from(joined).to(builder.end_node),
            )
            return list(await builder.build().run(inputs=["a", "bbb", "cc"]))

    assert await outcome(durable, PydanticGraph) == ["BBB", "CC", "A"]


async def test_stamina_stops_by_its_time(durable: Durable) -> None:
    stamina = library("stamina")

    @service(durable_natives=True)
    class Stamina:
        async def run(self, ctx: Context) -> int:
            tries = 0
            try:
                async for attempt in stamina.retry_context(
                    on=ValueError, attempts=None, timeout=5, wait_initial=1, wait_jitter=0, wait_exp_base=1
                ):
                    with attempt:
                        tries += 1
                        raise ValueError(await ctx.run("try", step, "try"))
            except ValueError:
                return tries
            return 0

    assert await outcome(durable, Stamina) == 6


async def test_aiojobs(durable: Durable) -> None:
    aiojobs = library("aiojobs")

    class Aiojobs:
        async def run(self, ctx: Context) -> list[str]:
            found: list[str] = []

            async def job(seconds: int) -> str:
                await asyncio.sleep(seconds)
                found.append(await ctx.run(f"job {seconds}", step, f"job {seconds}"))
                return f"{seconds} s"

            async with aiojobs.Scheduler(limit=3) as scheduler:
                jobs = [await scheduler.spawn(job(seconds)) for seconds in (2, 1, 3)]
                return [await each.wait() for each in jobs] + found

    assert await outcome(durable, Aiojobs) == ["2 s", "1 s", "3 s", "JOB 1", "JOB 2", "JOB 3"]


async def test_aiometer_keeps_its_rate(durable: Durable) -> None:
    aiometer = library("aiometer")

    class Aiometer:
        async def run(self, ctx: Context) -> list[Any]:
            async def shout(word: str) -> str:
                return await ctx.run(word, step, word)

            found = await aiometer.run_on_each(shout, list("abc"), max_per_second=0.5)
            return [found, round(asyncio.get_running_loop().time())]

    assert await outcome(durable, Aiometer) == [None, 4]


async def test_aiodataloader_makes_batches(durable: Durable) -> None:
    aiodataloader = library("aiodataloader")

    class Aiodataloader:
        async def run(self, ctx: Context) -> list[str]:
            async def load(keys: list[str]) -> list[str]:
                return list(await ctx.run(f"load {len(keys)}", step, "".join(keys)))

            loader = aiodataloader.DataLoader(load)
            return [*await asyncio.gather(*map(loader.load, "aba")), await loader.load("c")]

    assert await outcome(durable, Aiodataloader) == ["A", "B", "A", "C"]


async def test_aiocache_within_an_invocation(durable: Durable) -> None:
    """What is kept in memory belongs to the class: a handler clears it, or has names of its own."""
    aiocache = library("aiocache")

    class Aiocache:
        async def run(self, ctx: Context) -> list[Any]:
            cache = aiocache.SimpleMemoryCache()
            await cache.clear()
            await cache.set("word", await ctx.run("word", step, "word"), ttl=5)
            await asyncio.sleep(3)
            before = await cache.get("word")
            await asyncio.sleep(3)
            return [before, await cache.get("word")]

    assert await outcome(durable, Aiocache) == ["WORD", None]


async def test_pyee_when_it_is_waited_for(durable: Durable) -> None:
    library("pyee.asyncio")
    from pyee.asyncio import AsyncIOEventEmitter

    class Pyee:
        async def run(self, ctx: Context) -> list[str]:
            found: list[str] = []
            emitter = AsyncIOEventEmitter()

            async def hears(word: str) -> None:
                found.append(await ctx.run(word, step, word))

            emitter.on("word", hears)
            for word in "ab":
                emitter.emit("word", word)
            await emitter.wait_for_complete()
            return found

    assert await outcome(durable, Pyee) == ["A", "B"]


def test_what_pyee_has_begun_and_nobody_waits_for_is_left_behind() -> None:
    library("pyee.asyncio")
    from pyee.asyncio import AsyncIOEventEmitter

    class Pyee:
        async def run(self, ctx: Context) -> None:
            emitter = AsyncIOEventEmitter()

            async def hears() -> None:
                await ctx.run("heard", step, "heard")

            emitter.on("word", hears)
            emitter.emit("word")

    assert "behind, which will never go on" in refusal(Pyee)


async def test_dishka_opens_and_closes_by_steps(durable: Durable) -> None:
    dishka = library("dishka")

    class Dishka:
        async def run(self, ctx: Context) -> list[str]:
            found: list[str] = []

            async def connection() -> Any:
                yield await ctx.run("open", step, "open")
                found.append(await ctx.run("close", step, "close"))

            connection.__annotations__["return"] = AsyncIterable[str]
            provider = dishka.Provider(scope=dishka.Scope.REQUEST)
            provider.provide(connection)
            container = dishka.make_async_container(provider)
            async with container() as request:
                found.append(await request.get(str))
            await container.close()
            return found

    assert await outcome(durable, Dishka) == ["OPEN", "CLOSE"]


def refusal(cls: type, handler: str = "run") -> str:
    durable = Durable(max_crashes=0)
    with pytest.raises(HandlerBugError) as caught:
        durable.run(lambda: outcome(durable, cls, handler))
    return str(caught.value)


def test_the_threaded_side_of_janus_is_refused() -> None:
    janus = library("janus")

    class Janus:
        async def run(self, ctx: Context) -> str:
            queue = janus.Queue()
            await asyncio.to_thread(queue.sync_q.put, "a")
            return str(await queue.async_q.get())

    assert "a thread can't be used in handler code" in refusal(Janus)


def test_a_thread_of_anyio_is_refused_before_it_starts_and_at_the_users_line() -> None:
    library("anyio")
    import anyio.to_thread

    class Anyio:
        async def direct(self, ctx: Context) -> Any:
            return await anyio.to_thread.run_sync(done.append, "ran in a thread")

        async def in_a_group(self, ctx: Context) -> None:
            async with anyio.create_task_group() as group:
                group.start_soon(anyio.to_thread.run_sync, done.append, "ran in a thread")

        async def file(self, ctx: Context) -> str:
            async with await anyio.open_file(__file__) as file:
                return str(await file.read())

        async def swallowed(self, ctx: Context) -> str:
            try:
                return str(await anyio.to_thread.run_sync(done.append, "ran in a thread"))
            except BaseException:
                return await ctx.run("fallback", step, "fallback")

    done.clear()
    for handler in ("direct", "in_a_group", "file", "swallowed"):
        message = refusal(Anyio, handler)
        assert "a thread can't be used in handler code" in message
        assert f"test_libraries.py:{line_of(Anyio, handler)}" in message, message
    assert done == []


def line_of(cls: type, handler: str) -> int:
    """Where the handler reaches for anyio first: in its first line that names ``to_thread`` or ``open_file``."""
    lines, first = inspect.getsourcelines(getattr(cls, handler))
    return first + next(n for n, line in enumerate(lines) if "to_thread" in line or "open_file" in line)


@pytest.mark.parametrize("sync", ["tool", "model"])
def test_sync_functions_of_pydantic_ai_run_in_threads_and_are_refused(sync: str) -> None:
    pydantic_ai = library("pydantic_ai")
    from pydantic_ai.models.function import FunctionModel

    class PydanticAi:
        async def run(self, ctx: Context) -> str:
            def plain_model(messages: list[Any], info: Any) -> Any:
                return asks_for_two_towns(messages)

            async def model(messages: list[Any], info: Any) -> Any:
                return asks_for_two_towns(messages)

            def weather(city: str) -> str:
                done.append(city)
                return city

            agent = pydantic_ai.Agent(FunctionModel(plain_model if sync == "model" else model), tools=[weather])
            return str((await agent.run("How is it?")).output)

    done.clear()
    message = refusal(PydanticAi)
    assert "a thread can't be used in handler code" in message
    assert "test_libraries.py:" in message
    assert "in test_sync_functions_of" in message
    assert done == []


@pytest.mark.parametrize(
    "url, thing",
    [("http://127.0.0.1:9/", "a network connection"), ("http://localhost:9/", "a name look-up")],
)
def test_sockets_of_httpx_are_refused(url: str, thing: str) -> None:
    """Which opens them through httpcore and anyio."""
    httpx = library("httpx")

    class Httpx:
        async def run(self, ctx: Context) -> str:
            async with httpx.AsyncClient(trust_env=False) as client:
                return str((await client.get(url)).text)

    message = refusal(Httpx)
    assert f"{thing} can't be used in handler code" in message
    assert "test_libraries.py:" in message


async def reads_a_file() -> Any:
    async with library("aiofiles").open(__file__) as file:
        return await file.read()


opened: list[Any] = []


class ClosedAtLast(sqlite3.Connection):
    """Nobody else closes it where the thread that has opened it may not tell so."""

    def __del__(self) -> None:
        self.close()


async def asks_a_database() -> Any:
    opened.append(library("aiosqlite").connect(":memory:", factory=ClosedAtLast, check_same_thread=False))
    async with opened[-1] as database:
        return await database.execute_fetchall("SELECT 1")


async def asks_redis() -> Any:
    return await library("redis.asyncio").Redis(host="127.0.0.1", port=9).get("key")


async def speaks_websocket() -> Any:
    async with library("websockets").connect("ws://127.0.0.1:9/", proxy=None) as connection:
        return await connection.recv()


async def fetches_with_aiohttp() -> Any:
    async with library("aiohttp").ClientSession() as session, session.get("http://127.0.0.1:9/") as answer:
        return await answer.text()


@pytest.mark.parametrize(
    "name, ask, thing",
    [
        ("aiofiles", reads_a_file, "a thread can't be used in handler code"),
        (
            "aiosqlite",
            asks_a_database,
            "thread",
        ),  # of its own: refused when it is waited for, or answers, whichever is first
        ("redis", asks_redis, "a network connection can't be used in handler code"),
        ("websockets", speaks_websocket, "a network connection can't be used in handler code"),
        ("aiohttp", fetches_with_aiohttp, "can't be used in handler code"),
    ],
)
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_clients_are_refused_although_the_handler_catches_everything(name: str, ask: Any, thing: str) -> None:
    library(name)

    class Swallows:
        async def run(self, ctx: Context) -> str:
            try:
                return str(await ask())
            except Exception:
                return await ctx.run("fallback", step, "fallback")

    threads = set(threading.enumerate())
    message = refusal(Swallows)
    while opened:  # what the handler could not close
        opened.pop().stop()
    for thread in set(threading.enumerate()) - threads:
        thread.join(10)
    assert thing in message
    assert "test_libraries.py:" in message
