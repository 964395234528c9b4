"""``restate-reflect state``: what an object or a workflow keeps under its key."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from restate_reflect.cli import _completing
from restate_reflect.cli._address import parse_object, read_body, shown
from restate_reflect.cli._asking import ask_admin
from restate_reflect.cli._columns import columns
from restate_reflect.cli._confirming import confirmed, yes_option
from restate_reflect.cli._errors import NOT_FOUND
from restate_reflect.cli._numbers import TakesNumbers
from restate_reflect.cli._options import admin_option, json_option, payloads_option, print_json
from restate_reflect.cli._terminal import say, show_result

if TYPE_CHECKING:
    from restate_reflect.ingress import AdminClient

__all__ = ["command"]

T = TypeVar("T")


@click.command("state", cls=TakesNumbers)
@click.argument("action", metavar="get|set|clear", type=click.Choice(("get", "set", "clear")))
@click.argument("owner", metavar="OBJECT/KEY", shell_complete=_completing.keyed_services)
@click.argument("names", metavar="[NAME...] [VALUE]", nargs=-1)
@yes_option
@admin_option
@json_option
@payloads_option
def command(
    action: str, owner: str, names: tuple[str, ...], yes: bool, admin_url: str, as_json: bool, payloads: str | None
) -> None:
    """Read, write and clear the state of an object's or a workflow's key.

    `get` shows all of it, or the value of NAME as it is stored. `set` stores VALUE, which is JSON
    (a word that is none is a string, @FILE is the content of a file, - is stdin); it is applied
    between invocations of that key. `clear` removes NAMEs, or after a question all of it. With the
    services' --payloads values are decoded and encoded.

    \b
    restate-reflect state get Counter/my-key
    restate-reflect state set Counter/my-key count 5
    restate-reflect state clear Counter/my-key count
    """
    place = _Place(owner, *parse_object(owner), admin_url, as_json, payloads)
    match action, names:
        case "get", ():
            _show_all(place)
        case "get", (name,):
            _show(place, name)
        case "set", (name, value):
            _set(place, name, read_body(value, None).data)
        case "clear", _:
            _clear(place, names, yes=yes)
        case _:
            raise click.UsageError("Write state get OBJECT/KEY [NAME], or state set OBJECT/KEY NAME VALUE.")


class _Place(NamedTuple):
    """Whose state it is, and where to ask."""

    owner: str
    service: str
    key: str
    admin_url: str
    as_json: bool
    payloads: str | None

    def read(self) -> dict[str, bytes]:
        return self._ask(lambda admin: admin.state(self.service, self.key))

    def write(self, state: dict[str, bytes]) -> None:
        self._ask(lambda admin: admin.replace_state(self.service, self.key, state))

    def _ask(self, work: Callable[[AdminClient], Awaitable[T]]) -> T:
        return ask_admin(self.admin_url, self.as_json, work, payloads=self.payloads)

    def done(self, data: Any, text: str) -> None:
        if self.as_json:
            print_json(data)
        else:
            say(text)


def _show_all(place: _Place) -> None:
    found = place.read()
    if place.as_json:
        print_json({name: shown(value) for name, value in found.items()})
    elif found:
        rows = [(name, value.decode(errors="backslashreplace")) for name, value in found.items()]
        say(columns([("NAME", "VALUE"), *rows]))
    else:
        say(f"{place.owner} has no state", err=True)


def _show(place: _Place, name: str) -> None:
    found = place.read()
    if name not in found:
        there = f" It has {', '.join(found)}." if found else ""
        say(f"{place.owner} has no state {name!r}.{there}", err=True)
        raise SystemExit(NOT_FOUND)
    if place.as_json:
        print_json(shown(found[name]))
    else:
        show_result(found[name])


def _set(place: _Place, name: str, data: bytes) -> None:
    place.write({**place.read(), name: data})
    place.done({"set": [name]}, f"{place.owner} has {name} = {data.decode(errors='backslashreplace')}")


def _clear(place: _Place, names: Sequence[str], *, yes: bool) -> None:
    before = place.read()
    gone = [name for name in names or before if name in before]
    if not names and before and not yes:
        confirmed(f"Clear all {len(before)} of {place.owner} ({', '.join(before)})?")
    if gone:
        place.write({name: value for name, value in before.items() if name not in gone})
    place.done({"clear": gone}, f"{place.owner}: {', '.join(gone) or 'nothing'} cleared")
