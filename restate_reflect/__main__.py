"""``python -m restate_reflect``: the command line without the installed script."""

from __future__ import annotations

from restate_reflect.cli import main

if __name__ == "__main__":
    main(prog_name="restate-reflect")
