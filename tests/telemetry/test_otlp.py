"""``dev --otlp`` sends spans to a collector; the collector here is ours."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.dev.running import dev
from tests.realserver.waiting import eventually
from tests.support import run_cli

pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason="belongs to the extra 'otlp'")

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from restate_reflect.telemetry.otlp import traces_url

pytestmark = pytest.mark.slow

SHOP = """
from restate_reflect import Context


async def charge(amount: int) -> str:
    return f"charge of {amount}"


class Bank:
    async def book(self, ctx: Context, amount: int) -> str:
        return await ctx.run("charge", charge, amount)


class Shop:
    async def buy(self, ctx: Context, amount: int) -> str:
        return await ctx.call(Bank.book, amount)
"""


class Collector(ThreadingHTTPServer):
    """Takes what exporters post to ``/v1/traces``."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Posted)
        self.requests: list[ExportTraceServiceRequest] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def spans(self) -> list[Any]:
        found = [
            scope.spans for each in self.requests for resource in each.resource_spans for scope in resource.scope_spans
        ]
        return [span for spans in found for span in spans]


class Posted(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, Collector)
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        if self.path == "/v1/traces":
            self.server.requests.append(ExportTraceServiceRequest.FromString(body))
        self.send_response(200 if self.path == "/v1/traces" else 404)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as made:
        thread = threading.Thread(target=made.serve_forever, daemon=True)
        thread.start()
        yield made
        made.shutdown()
        thread.join()


@pytest.mark.parametrize("engine", ["embedded", pytest.param("server", marks=pytest.mark.server)])
def test_dev_sends_spans(collector: Collector, tmp_path: Path, engine: str) -> None:
    """While it runs: of one trace, that hangs together across two services."""
    (tmp_path / "shop.py").write_text(SHOP)
    with dev(tmp_path, "--otlp", collector.url, "--engine", engine) as running:
        assert running.post("Shop/buy", 5) == "charge of 5"
        names = ["Bank/book", "Shop/buy", "call Bank/book", "run charge"]
        assert eventually(lambda: sorted(span.name for span in collector.spans) == names)
    assert len({span.trace_id for span in collector.spans}) == 1
    by_name = {span.name: span for span in collector.spans}
    assert by_name["run charge"].parent_span_id == by_name["Bank/book"].span_id
    if engine == "embedded":  # restate-server's own spans stand in between, and it may have no collector
        assert by_name["Bank/book"].parent_span_id == by_name["call Bank/book"].span_id
    assert by_name["call Bank/book"].parent_span_id == by_name["Shop/buy"].span_id
    attributes = collector.requests[0].resource_spans[0].resource.attributes
    assert {each.key: each.value.string_value for each in attributes}["service.name"] == "shop"


def test_what_is_left_is_sent_at_the_end(collector: Collector, tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(SHOP)
    with dev(tmp_path, "--otlp", collector.url) as running:
        running.post("Shop/buy", 5)
        running.end()
        assert "Shop/buy" in {span.name for span in collector.spans}


def test_a_collector_that_is_not_there_breaks_nothing(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(SHOP)
    with dev(tmp_path, "--otlp", "http://127.0.0.1:1") as running:
        assert running.post("Shop/buy", 5) == "charge of 5"


def test_the_path_of_traces_is_added() -> None:
    assert traces_url("http://localhost:4318") == "http://localhost:4318/v1/traces"
    assert traces_url("http://collector/otlp/v1/traces") == "http://collector/otlp/v1/traces"


def test_what_is_no_url_is_told(tmp_path: Path) -> None:
    assert "is no URL of a server" in run_cli("dev", "shop.py", "--otlp", "ftp://x", cwd=tmp_path).stderr
