"""``restate-reflect sql``: the tables of the admin API."""

from __future__ import annotations

import json
import sys
from typing import Any

import click

from restate_reflect.cli._asking import ask_admin
from restate_reflect.cli._columns import columns
from restate_reflect.cli._options import admin_option, json_option, print_json
from restate_reflect.cli._terminal import say

__all__ = ["command"]


@click.command("sql")
@click.argument("query")
@admin_option
@json_option
def command(query: str, admin_url: str, as_json: bool) -> None:
    """Run a SQL QUERY and print its rows; - reads it from stdin.

    \b
    restate-reflect sql "SELECT id, target, status FROM sys_invocation"
    restate-reflect sql "SELECT service_key, key, value_utf8 FROM state" --json
    """
    text = sys.stdin.read() if query == "-" else query
    rows = ask_admin(admin_url, as_json, lambda admin: admin.query(text))
    if as_json:
        print_json(rows)
    elif rows:
        # Null columns are left out of a row, so no single row has all names.
        names = list(dict.fromkeys(name for row in rows for name in row))
        say(columns([names, *([_cell(row.get(name)) for name in names] for row in rows)]))
    else:
        say("no rows", err=True)


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
