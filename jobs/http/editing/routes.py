"""The handlers of what whoever edits a graph asks, about graphs that may not be saved yet, and may have errors."""

from __future__ import annotations

from typing import Any

from flask import jsonify

from jobs.graph.engine import ENGINE
from jobs.graph.errors import GraphInvalid
from jobs.graph.gallery import gallery_document
from jobs.graph.node_types import node_types_document
from jobs.graph.parsing import parse_graph, parse_parts
from jobs.http.body import around_row, given_parameters, job_graph, json_object
from jobs.http.documents import first_error, graph_errors
from jobs.http.editing.columns import columns_document
from jobs.http.editing.source_columns import SourceColumns
from jobs.http.handlers import Answer, Routes, TenantOf
from jobs.http.kept.routes import KeptRoutes
from jobs.http.problems import Problem
from jobs.http.runners.previews import PreviewRequests
from program_lib.expressions import functions_document
from settings.defaults import RequestLimits


class EditingRoutes:
    def __init__(
        self,
        previews: PreviewRequests,
        kept: KeptRoutes,
        tenant: TenantOf,
        limits: RequestLimits,
        *,
        has_shop: bool,
    ) -> None:
        """`has_shop`: this server has the sample shop, which the gallery's jobs read."""
        self._previews = previews
        self._kept = kept
        self._sources = SourceColumns(previews)
        self._tenant = tenant
        self._limits = limits
        self._has_shop = has_shop

    def routes(self) -> Routes:
        return [
            ("GET", "/node-types", self.node_types),
            ("GET", "/functions", self.functions),
            ("GET", "/gallery", self.gallery),
            ("POST", "/jobs/validate", self.validate),
            ("POST", "/jobs/preview", self.preview),
            ("POST", "/jobs/find-types", self.find_types),
            ("POST", "/jobs/columns", self.columns),
            ("POST", "/tables", self.tables),
        ]

    def node_types(self) -> Answer:
        self._tenant("jobs:read")
        return jsonify({"nodeTypes": node_types_document(), "engine": ENGINE})

    def functions(self) -> Answer:
        self._tenant("jobs:read")
        return jsonify({"functions": functions_document()})

    def gallery(self) -> Answer:
        """Jobs to start from; none where the server has no sample shop, whose data they read."""
        self._tenant("jobs:read")
        return jsonify({"jobs": gallery_document() if self._has_shop else []})

    def validate(self) -> Answer:
        """Takes {"graph": …}. Answers whether it can run, with the errors that execute would report."""
        self._tenant("jobs:read")
        graph = job_graph(json_object(self._limits), self._limits)
        try:
            parse_graph(graph)
        except GraphInvalid as invalid:
            return jsonify(
                {"valid": False, "detail": first_error(invalid), **graph_errors(invalid)}
            )
        return jsonify({"valid": True, "errors": []})

    def preview(self) -> Answer:
        """Takes {"graph", "nodeId"}, and "parameters" as execute: the first rows that the node gives; nothing is written.

        With "around", {"number", "place"} of a row at fault: what came to the node before and behind that row. With "fromRun"
        it shows what that run kept, as far as the graph is as it was.
        """
        tenant_id, body = self._tenant_and_body()
        before = self._kept.before(tenant_id, body)
        return jsonify(
            self._previews.ask(tenant_id, *self._node_of(body), around_row(body), before)
        )

    def find_types(self) -> Answer:
        """Takes {"graph", "nodeId"}: what the columns of a file, or of the first page of a service, hold."""
        tenant_id, body = self._tenant_and_body()
        return jsonify(self._previews.find_types(tenant_id, *self._node_of(body)))

    def columns(self) -> Answer:
        """Takes {"graph", "parameters"}; the graph may have errors. The columns that each node gives, without a run."""
        tenant_id = self._tenant("jobs:execute")  # what a run would open is opened
        body = json_object(self._limits)
        graph = job_graph(body, self._limits)
        parts = parse_parts(graph)
        sources = self._sources.of(tenant_id, graph, parts, given_parameters(body))
        return jsonify(columns_document(parts, sources))

    def tables(self) -> Answer:
        """Takes {"connection", "runnerTag"}: the tables of a database with their columns."""
        tenant_id = self._tenant("jobs:execute")
        body = json_object(self._limits)
        tables = self._previews.tables(tenant_id, body.get("connection"), body.get("runnerTag"))
        return jsonify(tables)

    def _tenant_and_body(self) -> tuple[str, dict[str, Any]]:
        tenant_id = self._tenant("jobs:execute")  # what a run would read is read
        return tenant_id, json_object(self._limits)

    def _node_of(self, body: dict[str, Any]) -> tuple[dict[str, Any], int, dict[str, Any]]:
        node_id = body.get("nodeId")
        if type(node_id) is not int:
            raise Problem(422, "nodeId must be the id of a node of the graph")
        return job_graph(body, self._limits), node_id, given_parameters(body)
