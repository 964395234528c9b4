"""``restate-reflect lint``: what breaks replay, found in the sources."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from restate_reflect.cli._terminal import say

if TYPE_CHECKING:
    from restate_reflect.lint import Config, Finding

__all__ = ["command"]

FOUND = 1
UNUSABLE = 2


@click.command("lint")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--select", multiple=True, metavar="CODE", help="Only these rules, or groups like RR1. May be repeated.")
@click.option("--ignore", multiple=True, metavar="CODE", help="Not these rules or groups. May be repeated.")
@click.option("--fix", is_flag=True, help="Mend what is mechanical, and show the rest.")
@click.option(
    "--format", "form", type=click.Choice(("text", "json", "github", "sarif")), default="text", show_default=True,
    help="Of the report.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option("--rules", is_flag=True, help="List all rules, and do nothing else.")
@click.pass_context
def command(
    ctx: click.Context,
    paths: tuple[Path, ...],
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    fix: bool,
    form: str,
    as_json: bool,
    rules: bool,
) -> None:
    """Find what breaks replay in the files and folders PATHS (this folder if there are none), without running them.

    Handlers are looked at, and whatever they call within PATHS. Exit code 1: something was found.
    """
    from restate_reflect.lint import ConfigError, LintError, lint, render

    if rules:
        say(_rules())
        return
    form = "json" if as_json else form
    given = paths or (Path(),)
    try:
        config = _config(given, select, ignore)
        findings = lint(given, config)
        if fix:
            say(_mend(findings), err=True)
            findings = lint(given, config)
    except (ConfigError, LintError) as error:
        say(f"error: {error}", err=True)
        ctx.exit(UNUSABLE)
    text = render(findings, form)
    if text:
        say(text)
    if form == "text":
        say(_summary(findings), err=True)
    ctx.exit(FOUND if findings else 0)


def _config(paths: Sequence[Path], select: tuple[str, ...], ignore: tuple[str, ...]) -> Config:
    """That of the first path's project; options of the command line replace ``select`` and add to ``ignore``."""
    from dataclasses import replace

    from restate_reflect.lint import checked_codes, read_config

    first = paths[0] if paths[0].is_dir() else paths[0].parent
    config = read_config(first)
    return replace(
        config,
        select=checked_codes(select, "--select") or config.select,
        ignore=(*config.ignore, *checked_codes(ignore, "--ignore")),
    )


def _mend(findings: Sequence[Finding]) -> str:
    """Writes the files anew, and says how many findings are gone."""
    from restate_reflect.lint import fix_files

    mended = fix_files(findings)
    return f"{mended} mended" if mended else "nothing could be mended mechanically"


def _summary(findings: Sequence[Finding]) -> str:
    if not findings:
        return "nothing found"
    fixable = sum(bool(each.edits) for each in findings)
    hint = f", {fixable} of them [*] can be mended by --fix" if fixable else ""
    return f"{len(findings)} found{hint}"


def _rules() -> str:
    from restate_reflect.lint import RULES

    return "\n".join(f"{rule.code}  {rule.title}{'  [*]' if rule.is_fixed else ''}" for rule in RULES.values())
