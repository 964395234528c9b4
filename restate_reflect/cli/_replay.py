"""``restate-reflect replay``: a recorded invocation, run through the code that is here."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from restate_reflect.cli import _completing
from restate_reflect.cli._asking import ask_admin
from restate_reflect.cli._choosing import check_target, id_of
from restate_reflect.cli._errors import REFUSED, plain_errors
from restate_reflect.cli._options import admin_option, files, json_option, payloads_option, print_json
from restate_reflect.cli._terminal import say

if TYPE_CHECKING:
    from collections.abc import Iterator

    from restate_reflect.ingress import AdminClient
    from restate_reflect.replay import RecordedJournal, Replay

__all__ = ["command"]

FILES: Final = "RESTATE_REFLECT_REPLAYED_FILES"
"""Names a file, into which a replay that is repeated on each save writes what it has imported."""


@click.command("replay")
@click.argument("invocation", metavar="INVOCATION|FILE", shell_complete=_completing.invocations)
@click.argument("targets", metavar="[TARGET...]", nargs=-1, shell_complete=files)
@click.option("--save", metavar="FILE", type=click.Path(dir_okay=False), help="Write the journal to FILE, as JSON.")
@click.option("--mask", "masked", metavar="PATH", multiple=True, help="Replace what is at PATH of the payloads.")
@click.option("--execute", metavar="NAME", multiple=True, help="Execute this step if it has no result.")
@click.option(
    "--pdb",
    "stop",
    is_flag=False,
    flag_value="",
    metavar="[STEP]",
    help="Stop a debugger at a step, by number or name; else at the first that the journal does not have.",
)
@click.option("--edit", is_flag=True, help="Replay again whenever the code is saved.")
@click.option("--interceptor", "interceptors", metavar="TARGET", multiple=True, help="As for serve.")
@click.option(
    "--guard",
    type=click.Choice(("off", "warn", "fail")),
    default="fail",
    show_default=True,
    help="What happens when handler code does I/O outside of steps.",
)
@admin_option
@payloads_option
@json_option
def command(
    invocation: str,
    targets: tuple[str, ...],
    save: str | None,
    masked: tuple[str, ...],
    execute: tuple[str, ...],
    stop: str | None,
    edit: bool,
    interceptors: tuple[str, ...],
    guard: str,
    admin_url: str,
    payloads: str | None,
    as_json: bool,
) -> None:
    """Run the code of TARGETs against the journal of an invocation, without side effects.

    INVOCATION is an id, or Workflow/key for the run of a workflow; FILE is a journal that --save has
    written. Steps that have no result are not executed, unless --execute names them. With the
    services' --payloads what these have encoded is decoded.

    Exits with 1 if the code can't go on with the journal.
    """
    if not targets and not save:
        raise click.UsageError("name the code: restate-reflect replay INVOCATION shop.py; or --save FILE, to keep it.")
    if stop is not None and (as_json or edit):
        raise click.UsageError("--pdb is for a terminal: it can't be combined with --json or --edit.")
    journal = _masked(_journal(invocation, admin_url, payloads, as_json), masked, as_json)
    if save:
        _save(journal, save, as_json)
    if not targets:
        return
    options = _Options(targets, execute, stop, interceptors, guard, as_json)
    if edit:
        _repeated(journal, options)
    elif not _replayed(journal, options):
        raise SystemExit(REFUSED)


# ---------------------------------------------------------------- journals


def _journal(text: str, admin_url: str, payloads: str | None, as_json: bool) -> RecordedJournal:
    from restate_reflect.replay import journal_of, load

    if text.endswith(".json") or os.path.isfile(text):
        if not os.path.isfile(text):
            raise click.BadParameter(f"there is no file {text!r}.", param_hint="FILE")
        with plain_errors(as_json=as_json):
            return load(text)
    check_target(text)

    async def work(admin: AdminClient) -> RecordedJournal:
        return await journal_of(admin, await id_of(admin, text))

    return ask_admin(admin_url, as_json, work, payloads=payloads)


def _masked(journal: RecordedJournal, paths: Sequence[str], as_json: bool) -> RecordedJournal:
    from restate_reflect.replay import mask_secrets

    with plain_errors(as_json=as_json):
        return mask_secrets(journal, paths)


def _save(journal: RecordedJournal, file: str, as_json: bool) -> None:
    from restate_reflect.replay import save

    try:
        save(journal, file)
    except OSError as error:
        raise click.FileError(file, error.strerror) from error
    if not as_json:
        say(f"{journal.invocation} ({len(journal.entries)} entries) is in {file}", err=True)


# ---------------------------------------------------------------- replays


class _Options:
    """How to replay."""

    def __init__(
        self,
        targets: Sequence[str],
        execute: Sequence[str],
        stop: str | None,
        interceptors: Sequence[str],
        guard: str,
        as_json: bool,
    ) -> None:
        self.targets, self.execute, self.stop = targets, execute, stop
        self.interceptors, self.guard, self.as_json = interceptors, guard, as_json

    def again(self) -> list[str]:
        """The words for one more replay."""
        words = [*self.targets, "--guard", self.guard, *(["--json"] if self.as_json else [])]
        for option, values in (("--execute", self.execute), ("--interceptor", self.interceptors)):
            words += [word for value in values for word in (option, value)]
        return words


def _replayed(journal: RecordedJournal, options: _Options) -> bool:
    """Replays and prints; whether the code can go on."""
    from restate_reflect.cli._manifest import definitions
    from restate_reflect.replay import Replayer
    from restate_reflect.targets.interceptors import load_interceptors

    stop = _stop(journal, options)
    with plain_errors(as_json=options.as_json), _told_files():
        services = definitions(options.targets)
        replayer = Replayer(
            services,
            interceptors=load_interceptors(options.interceptors),
            execute=options.execute,
            guard=options.guard,
            on_step=stop,
        )
        found = replayer.replay(journal)
    _show(found, options.as_json)
    if stop is not None:
        _look_back(found, stop.has_stopped)
    return found.fits


def _stop(journal: RecordedJournal, options: _Options) -> Any:
    if options.stop is None:
        return None
    from restate_reflect.replay._debugging import Stop

    return Stop(options.stop, None if journal.failure is None else journal.failure.command_index)


def _look_back(found: Replay, has_stopped: bool) -> None:
    """The debugger, where an exception was raised; or why it has not stopped."""
    import bdb
    import pdb

    if found.exception is not None and not isinstance(found.exception, bdb.BdbQuit):
        pdb.post_mortem(found.exception.__traceback__)
    elif not has_stopped:
        say("the debugger has not stopped: no such step. Name one by its number or name: --pdb=3", err=True)


def _show(found: Replay, as_json: bool) -> None:
    from restate_reflect.replay._showing import as_data, as_text

    if as_json:
        print_json(as_data(found))
    else:
        say(as_text(found))


# ---------------------------------------------------------------- again on each save


@contextmanager
def _told_files() -> Iterator[None]:
    """Tells who repeats this replay which files it depends on, also if they can't be imported."""
    import sys

    try:
        yield
    finally:
        if (told := os.environ.get(FILES)) is not None:
            found = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
            Path(told).write_text("\n".join(file for file in found if file and _is_edited(file)), encoding="utf-8")


def _is_edited(file: str) -> bool:
    from restate_reflect.frames import is_users

    return is_users(os.path.abspath(file))


def _repeated(journal: RecordedJournal, options: _Options) -> None:
    """In a process of its own each time: what was imported once stays as it was."""
    import tempfile

    from restate_reflect.replay import save

    with tempfile.TemporaryDirectory(prefix="replay-") as folder:
        file = Path(folder, "journal.json")
        save(journal, file)
        try:
            _again(file, Path(folder, "files"), options)
        except KeyboardInterrupt:
            return


def _again(file: Path, told: Path, options: _Options) -> None:
    import asyncio
    import subprocess
    import sys

    from restate_reflect.processes.watch import Watch

    words = [sys.executable, "-m", "restate_reflect", "replay", str(file), *options.again()]
    known = {each for target in options.targets if os.path.isfile(each := target.partition(":")[0])}
    while True:
        watch = Watch(known)  # before the files are read, or what is saved meanwhile would be missed
        subprocess.run(words, env={**os.environ, FILES: str(told)}, check=False)
        if told.exists():
            watch.add(told.read_text(encoding="utf-8").splitlines())
        say("waiting for changes; Ctrl-C ends", err=True)
        changed = asyncio.run(watch.changed())
        known = set(watch.files)
        say(f"\n{', '.join(map(os.path.relpath, changed))} changed", err=True)
