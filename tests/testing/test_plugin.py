"""The pytest plugin in projects of its users: each test writes one and runs pytest on it.

In this process, which is 1.5 s of CPU cheaper, unless other plugins take part: those are set up once per process.
"""

from __future__ import annotations

import importlib.util
import os

import pytest

from tests.support import ROOT

pytest_plugins = ["pytester"]

SHOP = """
    import asyncio
    import random
    import pytest
    from restate_reflect import Context, ObjectContext

    async def number(value: int) -> int:
        return value

    class Shop:
        async def buy(self, ctx: Context, amount: int) -> int:
            first = await ctx.run("first", number, amount)
            return first + await ctx.run("second", number, 1)

        async def chance(self, ctx: Context) -> None:
            await ctx.run("begin", number, 0)
            await ctx.run(f"step {random.random()}", number, 1)

        async def leak(self, ctx: Context) -> None:
            ATTEMPTS.append(1)
            await ctx.run("begin", number, 0)
            await ctx.run("attempts", number, len(ATTEMPTS))

    class Counter:
        async def add(self, ctx: ObjectContext, amount: int) -> int:
            total = await ctx.get("total", int, default=0) + amount
            ctx.set("total", total)
            return total

    ATTEMPTS: list[int] = []
    RUNS: list[int] = []
"""


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """An empty project; other plugins take part only where a test asks for them."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTEST_ADDOPTS", "")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]))
    pytester.makepyfile(shop=SHOP)
    return pytester


def run(project: pytest.Pytester, body: str, *arguments: str, plugins: tuple[str, ...] = ()) -> pytest.RunResult:
    """One test file, and pytest over it with warnings as errors."""
    project.makepyfile(test_it=f"    from shop import *\n{body}")
    loaded = [argument for name in ("restate_reflect.testing._plugin", *plugins) for argument in ("-p", name)]
    if plugins:
        return project.runpytest_subprocess(*loaded, "-Werror", *arguments, timeout=100)
    # The plugin was imported before pytest could rewrite its assertions, of which it has none.
    return project.runpytest_inprocess(*loaded, "-Werror", "-Wignore::pytest.PytestAssertRewriteWarning", *arguments)


def needs(module: str) -> None:
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"{module} is not installed")


BUY = """
    async def test_buy(durable):
        RUNS.append(1)
        env = await durable(Shop)
        assert await env.call(Shop.buy, 2) == 3

    def test_runs():
        assert len(RUNS) == {runs}
"""


def test_async_tests_need_no_other_plugin(project: pytest.Pytester) -> None:
    """6 entries, hence 8 runs: undisturbed, suspending, and a crash after each entry."""
    run(project, BUY.format(runs=8)).assert_outcomes(passed=2)


def test_crashes_can_be_switched_off(project: pytest.Pytester) -> None:
    """By option, or for one test by the marker."""
    run(project, BUY.format(runs=1), "--no-crashes").assert_outcomes(passed=2)
    marked = "    @pytest.mark.no_crashes" + BUY.format(runs=1)
    run(project, marked, "--strict-markers").assert_outcomes(passed=2)


def test_crashes_can_be_limited(project: pytest.Pytester) -> None:
    """One run more than crashes: the undisturbed one."""
    run(project, BUY.format(runs=4), "--max-crashes=3").assert_outcomes(passed=2)
    refused = run(project, BUY.format(runs=1), "--max-crashes=-1")
    refused.stderr.fnmatch_lines(["*argument --max-crashes: invalid*-1*"])


def test_restate_env_runs_once(project: pytest.Pytester) -> None:
    """The same environment, no crashes."""
    run(project, BUY.format(runs=1).replace("durable", "restate_env")).assert_outcomes(passed=2)


@pytest.mark.parametrize("mode", ["strict", "auto"])
def test_works_beside_pytest_asyncio(project: pytest.Pytester, mode: str) -> None:
    """Ours runs on its own loop, theirs on theirs."""
    needs("pytest_asyncio")
    theirs = """
    @pytest.mark.asyncio
    async def test_theirs():
        await asyncio.sleep(0)
"""
    options = (f"--asyncio-mode={mode}", "-oasyncio_default_fixture_loop_scope=function")
    result = run(project, BUY.format(runs=8) + theirs, *options, plugins=("pytest_asyncio.plugin",))
    result.assert_outcomes(passed=3)


def test_works_beside_anyio(project: pytest.Pytester) -> None:
    """Its marker on a test of ours makes no difference."""
    needs("anyio")
    theirs = """
    @pytest.fixture
    def anyio_backend():
        return "asyncio"

    @pytest.mark.anyio
    async def test_theirs():
        await asyncio.sleep(0)

    @pytest.mark.anyio
    async def test_both(restate_env):
        env = await restate_env(Shop)
        assert await env.call(Shop.buy, 1) == 2
"""
    run(project, BUY.format(runs=8) + theirs, plugins=("anyio.pytest_plugin",)).assert_outcomes(passed=4)


def test_parametrised_tests_and_classes(project: pytest.Pytester) -> None:
    """Each case has its own matrix; other fixtures and ``self`` arrive."""
    body = """
    @pytest.fixture
    def amount():
        return 5

    class TestShop:
        @pytest.mark.parametrize("more", [1, 2])
        async def test_buy(self, durable, amount, more):
            assert isinstance(self, TestShop)
            env = await durable(Shop)
            assert await env.call(Shop.buy, amount + more) == 6 + more

        def test_plain_function(self, durable):
            assert durable.engine == "embedded"
"""
    run(project, body).assert_outcomes(passed=3)


def test_a_journal_mismatch_shows_both_sides_and_the_source(project: pytest.Pytester) -> None:
    """As production would log it, with the disturbance and the line."""
    result = run(
        project,
        """
    from restate_reflect.durable.guards import Guard

    async def test_chance(durable):
        env = await durable(Shop, guard=Guard.OFF)
        await env.call(Shop.chance)
""",
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*HandlerBugError: Shop/chance: journal mismatch at command 2*",
            "*recorded: run 'step 0.*'",
            "*current:  run 'step 0.*'",
            "*at:       shop.py:16 in Shop.chance",
            "*    1  run 'begin'",
            '*shop.py:15 in Shop.chance: await ctx.run("begin", number, 0)',
            "*Likeliest cause: a part of run 'step 0.*' changes between attempts*",
            "*make the step deterministic*",
            "*This happened only in the run *; undisturbed, the test passed.",
            '*shop.py:16: await ctx.run(f"step {random.random()}", number, 1)',
        ]
    )


def test_a_difference_shows_both_sides_and_the_source(project: pytest.Pytester) -> None:
    """Nothing mismatches, yet a result is another one."""
    result = run(
        project,
        """
    async def test_leak(durable):
        ATTEMPTS.clear()
        env = await durable(Shop)
        await env.call(Shop.leak)
""",
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*Divergence: Shop/leak #1 is not durable: run suspended at every await, it differs * at command 2.",
            "*undisturbed: run name='attempts' → b'1'",
            "*disturbed:   run name='attempts' → b'2'",
            "*undisturbed: shop.py:21 in Shop.leak",
            '*await ctx.run("attempts", number, len(ATTEMPTS))',
            "*disturbed:   shop.py:21 in Shop.leak",
        ]
    )


def test_a_failing_assertion_is_explained_by_pytest(project: pytest.Pytester) -> None:
    """In the first run, without a word about crashes; journals compare as lists of words."""
    result = run(
        project,
        """
    async def test_wrong(durable):
        env = await durable(Shop)
        sent = await env.send(Shop.buy, 1)
        await sent.attach()
        assert env.journal(sent).outline == ["input", "run 'first'", "output"]
""",
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(['E * At index 2 diff: "run *second*" != *output*'])
    result.stdout.no_fnmatch_line("*This happened only*")


def test_an_assertion_that_fails_in_a_disturbed_run_says_so(project: pytest.Pytester) -> None:
    """What the test itself keeps is not rolled back, for example."""
    result = run(
        project,
        """
    async def test_wrong(durable):
        RUNS.append(1)
        env = await durable(Shop)
        assert await env.call(Shop.buy, len(RUNS)) == 2
""",
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*This happened only in the run suspended at every await; undisturbed*"])


def test_both_fixtures_in_one_test_are_refused(project: pytest.Pytester) -> None:
    """Each of them runs the test."""
    result = run(project, "\n    async def test_both(durable, restate_env):\n        pass\n")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["take either 'durable' or 'restate_env' in one test: both run it."])


def test_a_fixture_of_the_same_name_is_left_alone(project: pytest.Pytester) -> None:
    """A project's own ``durable`` is none of our business."""
    body = """
    @pytest.fixture
    def durable():
        return "oak"

    def test_wood(durable):
        assert durable == "oak"
"""
    run(project, body).assert_outcomes(passed=1)


def test_works_under_xdist(project: pytest.Pytester) -> None:
    """Two workers."""
    needs("xdist")
    body = """
    @pytest.mark.parametrize("amount", range(4))
    async def test_buy(durable, amount):
        env = await durable(Shop)
        assert await env.call(Shop.buy, amount) == amount + 1
"""
    run(project, body, "-n2", plugins=("xdist.plugin",)).assert_outcomes(passed=4)


@pytest.mark.server
def test_the_same_tests_run_on_a_real_server(project: pytest.Pytester) -> None:
    """Each test on either engine; one that skips three days is skipped there, with the reason."""
    body = """
    import datetime

    class Sleeper:
        async def nap(self, ctx: Context, seconds: float) -> str:
            await asyncio.sleep(seconds)
            return "slept"

    async def test_state(durable):
        env = await durable(Counter)
        assert await env.call(Counter.add, 2, key="a") == 2
        assert env.state(Counter, "a").get("total", int) == 2
        env.state(Counter, "a").set("total", 40)
        assert await env.call(Counter.add, 2, key="a") == 42

    async def test_other_tests_leave_no_state(durable):
        env = await durable(Counter)
        assert env.state(Counter, "a").keys() == []
        assert env.invocations() == []

    async def test_short_naps_are_waited_for(durable):
        env = await durable(Sleeper)
        sent = await env.send(Sleeper.nap, 0.2)
        await env.advance(seconds=0.5)
        assert (await sent.output()).value == "slept"
        assert [str(each) for each in env.invocations(Sleeper.nap)] == ["Sleeper/nap completed"]
        assert env.journal(sent).outline == ["input", "sleep", "output"]

    async def test_long_naps_are_not(durable):
        env = await durable(Sleeper)
        assert await env.call(Sleeper.nap, 3 * 86400) == "slept"
"""
    result = run(project, body, "--engine=both", "-rs")
    result.assert_outcomes(passed=7, skipped=1)
    reason = "not possible with --engine=server: a server's time can't be moved*Sleeper/nap*"
    result.stdout.fnmatch_lines([f"SKIPPED*{reason}"])
