"""Requests to the admin API about the whole: health, versions, queries, its own document."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from aiohttp import web

from restate_reflect.embedded.http.admin_document import ANY_JSON, EMPTY, Operation, admin_document, json_of
from restate_reflect.embedded.http.bodies import LATEST_VERSION, OLDEST_VERSION, empty, read_json, unfit
from restate_reflect.embedded.http.replies import json_reply, send_file
from restate_reflect.embedded.query.sql import Form, Queries, QueryError
from restate_reflect.embedded.runtime import Runtime

__all__ = ["General"]

_FEATURES: Final = (
    "invoker_yield",
    "kafka_scope",
    "preflight_invocation_termination_retention",
    "protocol_v7",
    "scoped_promise_table_migration",
    "scoped_state_table_migration",
    "scoped_virtual_objects",
    "unique_random_seeds",
    "vqueue_obsolete_cleanup",
    "vqueues",
    "vqueues_async_refill",
    "vqueues_migration_skip_completed",
)
"""The experiments of restate-server 1.7; clients ask whether one is on."""


class General:
    """Requests about the whole."""

    def __init__(self, runtime: Runtime, version: str, ingress_url: str | None) -> None:
        self._runtime, self._version, self._ingress_url = runtime, version, ingress_url
        self._queries = Queries(runtime.kernel)
        self.served: Sequence[Operation] = ()
        """All operations of the API."""

    def operations(self) -> tuple[Operation, ...]:
        return (
            Operation("GET", "/health", self.health, "health", "health", {200: EMPTY}),
            Operation("GET", "/version", self.version, "version", "version", {200: json_of("VersionInformation")}),
            Operation("GET", "/openapi", self.openapi, "openapi", "openapi", {200: ANY_JSON}),
            Operation(
                "GET",
                "/cluster-health",
                self.cluster_health,
                "cluster_health",
                "cluster_health",
                {200: json_of("ClusterHealthResponse")},
            ),
            Operation(
                "GET",
                "/subscriptions",
                self.subscriptions,
                "list_subscriptions",
                "subscription",
                {200: json_of("ListSubscriptionsResponse")},
            ),
            Operation(
                "GET",
                "/kafka-clusters",
                self.kafka_clusters,
                "list_kafka_clusters",
                "kafka_cluster",
                {200: json_of("ListKafkaClustersResponse")},
            ),
            Operation(
                "POST",
                "/query",
                self.query,
                "query",
                "introspection",
                {200: {each: {} for each in _TYPES.values()}},
                body="QueryRequest",
            ),
        )

    async def health(self, request: web.Request) -> web.StreamResponse:
        """Whether it is there."""
        return empty(200)

    async def openapi(self, request: web.Request) -> web.StreamResponse:
        """This document."""
        return json_reply(200, admin_document(self.served, self._version))

    async def version(self, request: web.Request) -> web.StreamResponse:
        """Versions of the server and of its API, and which experiments are on."""
        features = dict.fromkeys(_FEATURES, False)
        features["protocol_v7"] = self._runtime.settings.max_protocol_version >= 7
        features["scoped_virtual_objects"] = self._runtime.settings.scoped_virtual_objects
        body = {
            "version": self._version,
            "min_admin_api_version": OLDEST_VERSION,
            "max_admin_api_version": LATEST_VERSION,
            **({} if self._ingress_url is None else {"ingress_endpoint": self._ingress_url}),
            "features": features,
        }
        return json_reply(200, body)

    async def cluster_health(self, request: web.Request) -> web.StreamResponse:
        """That of a server that is alone."""
        return json_reply(200, {"cluster_name": "localcluster", "metadata_cluster_health": {"members": [1]}})

    async def subscriptions(self, request: web.Request) -> web.StreamResponse:
        """None: reading from Kafka is a server's work."""
        return json_reply(200, {"subscriptions": []})

    async def kafka_clusters(self, request: web.Request) -> web.StreamResponse:
        """None: reading from Kafka is a server's work."""
        return json_reply(200, {"clusters": []})

    async def query(self, request: web.Request) -> web.StreamResponse:
        """Rows of SQL: as JSON if that is all that is accepted, else as a stream of Arrow's."""
        sql = (await read_json(request)).get("query")
        if not isinstance(sql, str):
            raise unfit("missing field `query`")
        form: Form = "json" if request.headers.get("accept") == "application/json" else "arrow"
        try:
            answer = await self._queries.run(sql, form)
        except QueryError as error:
            return json_reply(error.status, {"message": str(error)})
        with answer:
            return await send_file(request, answer, {"content-type": _TYPES[form]})


_TYPES: Final[dict[Form, str]] = {"json": "application/json", "arrow": "application/vnd.apache.arrow.stream"}
