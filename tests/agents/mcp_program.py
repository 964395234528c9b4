"""An MCP server, in a process of its own: ``python mcp_program.py stdio`` or ``… streamable-http PORT``.

It notes what it is asked in the file that ``MCP_LOG`` names.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import sys
from pathlib import Path
from typing import Any

VERSION = importlib.metadata.version("mcp")
PACKAGE, CLASS = ("fastmcp", "FastMCP") if VERSION.startswith("1.") else ("mcpserver", "MCPServer")
Server: Any = getattr(importlib.import_module(f"mcp.server.{PACKAGE}"), CLASS)
ToolError: Any = importlib.import_module(f"mcp.server.{PACKAGE}.exceptions").ToolError

LOG = Path(os.environ["MCP_LOG"])


def note(line: str) -> None:
    with LOG.open("a") as file:
        file.write(f"{line}\n")


class Noting(Server):
    async def list_tools(self) -> Any:
        note("list")
        return await super().list_tools()


server = Noting("weather", instructions="Ask for one city at a time.")


@server.tool()
def forecast(city: str) -> dict[str, str]:
    """How it will be."""
    note(f"forecast {city}")
    if city == "nowhere":
        raise ToolError("there is no such city")
    if city == "gone" and LOG.read_text().splitlines().count("forecast gone") == 1:
        os._exit(1)
    return {"city": city.upper()}


def main(transport: str, port: str = "") -> None:
    note("start")
    if not port:
        server.run("stdio")
        return
    uvicorn: Any = importlib.import_module("uvicorn")  # comes with mcp
    uvicorn.run(server.streamable_http_app(), host="127.0.0.1", port=int(port), log_level="warning")


if __name__ == "__main__":
    main(*sys.argv[1:])
