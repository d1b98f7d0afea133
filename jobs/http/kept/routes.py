"""The handler of kept outputs, and what a request to begin again from a node is checked for."""

from __future__ import annotations

from typing import Any

from flask import jsonify, request

from jobs.graph.documents.again import Again, Before, CannotBegin
from jobs.http import pages
from jobs.http.body import invalid
from jobs.http.handlers import Answer, Routes, TenantOf
from jobs.http.problems import Problem
from jobs.http.runners.previews import PreviewRequests
from jobs.store.runs.kept import Kept
from jobs.store.store import Store
from jobs.work.commands import Begin, known_of
from progress_lib.subjects import check_id

READ = "jobs:execute"  # what a run could read, as a preview
DELETED = "what run {} kept is deleted: it was kept for KEEP_OUTPUTS_DAYS"


class KeptRoutes:
    def __init__(self, store: Store, previews: PreviewRequests, tenant: TenantOf) -> None:
        self._store = store
        self._previews = previews
        self._tenant = tenant

    def routes(self) -> Routes:
        return [("GET", "/runs/<run_id>/kept/<int:node_id>", self.read_kept)]

    def read_kept(self, run_id: str, node_id: int) -> Answer:
        """The first rows that a node of a run gave, with figures of each column. `?output=` names one of several."""
        tenant_id = self._tenant(READ)
        pages.know("output")
        kept = self._kept(tenant_id, run_id, node_id)
        question = {"run": run_id, "node": node_id, "output": request.args.get("output")}
        return jsonify(self._previews.kept(tenant_id, kept.place, question))

    def _kept(self, tenant_id: str, run_id: str, node_id: int) -> Kept:
        kept = self._store.kept(tenant_id, run_id)
        if kept is None:
            raise Problem(404, f"run {run_id:.64} has kept nothing of its nodes")
        if kept.is_deleted:
            raise Problem(410, DELETED.format(run_id))
        node = kept.nodes.get(node_id)
        if node is None:
            raise Problem(404, f"run {run_id:.64} has kept nothing of a node {node_id}")
        if not node.is_kept:
            raise Problem(409, f"what this node gave was not kept: {node.reason}")
        return kept

    def begin(self, tenant_id: str, body: dict[str, Any]) -> Begin | None:
        """The members `fromRun` and `fromNode` of an execute; None where it has neither. Raises Problem (422)."""
        run_id, node_id = body.get("fromRun"), body.get("fromNode")
        if run_id is None and node_id is None:
            return None
        if not isinstance(run_id, str) or not _is_id(run_id):
            raise invalid(
                "fromRun", "must be the id of a run, with the node to begin at in fromNode"
            )
        if type(node_id) is not int:
            raise invalid("fromNode", "must be the id of a node, of the run in fromRun")
        return Begin(run_id, node_id, lambda again: self._check_there(tenant_id, again))

    def before(self, tenant_id: str, body: dict[str, Any]) -> Before | None:
        """What is known of the run `fromRun` of a preview; None: of none, or it kept nothing. Raises Problem (422), NotFound."""
        run_id = body.get("fromRun")
        if run_id is None:
            return None
        if not isinstance(run_id, str) or not _is_id(run_id):
            raise invalid("fromRun", "must be the id of a run, whose kept rows are shown")
        run = self._store.run(tenant_id, run_id)
        kept = self._store.kept(tenant_id, run_id)
        return None if kept is None or kept.is_deleted else known_of(self._store, run, kept)

    def _check_there(self, tenant_id: str, again: Again) -> None:
        """Asks a runner whether it has what is to be read. Raises Problem, CannotBegin."""
        if not again.read:
            return
        missing = self._previews.missing(tenant_id, again.place, again.run_id, again.read)
        if missing:
            raise CannotBegin(DELETED.format(again.run_id), missing[0], is_gone=True)


def _is_id(text: str) -> bool:
    try:
        check_id(text)
    except ValueError:
        return False
    return len(text) <= 64
