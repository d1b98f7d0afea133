"""Asks runners for previews (the first rows of a node). The side that answers is jobs/run/previews.py."""

import json
import queue
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from jobs.graph.documents.again import Again, Before, begin_preview, declare_the_same
from jobs.graph.documents.feeding import Document, feeding_part, file_part, rejecting_nodes
from jobs.graph.errors import GraphError, GraphInvalid, shortened
from jobs.graph.filled import checked_values
from jobs.graph.parsing import parse_graph
from jobs.graph.settings.runner_tag import parse_runner_tag
from jobs.http.problems import Problem, unavailable
from jobs.http.runners.foreign import WhyNotOurs, check_ours, nobody_elses
from jobs.http.runners.takers import BUSY, nobody_shown
from jobs.store.runs.runners import Takers
from jobs.work.fair_shares import FairPlaces
from jobs.work.preview_questions import (
    ANSWER_WAIT,
    BUSY_WAIT,
    KILL_AFTER,
    LOOK_WAIT,
    TAKEN_WAIT,
    AroundRow,
    Find,
    Page,
    PreviewQuestion,
    kept_subject,
    preview_subject,
)
from progress_lib.nats.link import Link, Message

# Requests of a web worker that wait for a preview; each holds a thread under gthread
ASKING = 8
# Characters of the reason why a node failed; a database may quote a whole query
MOST_SAID = 2_000


class PreviewRequests:
    """Asks runners for previews, few at a time, with a fair share for each tenant."""

    def __init__(
        self,
        link: Link,
        takers: Callable[[], Takers] = nobody_shown,
        *,
        has_many_tenants: bool,
        why_not_ours: WhyNotOurs = nobody_elses,
    ) -> None:
        self._link = link
        self._takers = takers
        self._why_not_ours = why_not_ours
        self._places = FairPlaces(ASKING, has_many_tenants=has_many_tenants)

    def ask(
        self,
        tenant_id: str,
        graph: Document,
        node_id: int,
        given: Document,
        around: AroundRow | None = None,
        before: Before | None = None,
    ) -> Document:
        """{"columns", "types", "rows", "truncated", "timedOut"}; with `around`, of the rows that come to the node.

        Those are the ones before and behind that one, and `at` says which it is, from 0 on; null: it did not come.
        `before`: a run, of which it shows what was kept, in place of running nodes that are as they were; "fromRun" and
        "fromNodes" of the answer say so. `given`: values of parameters; others have those of that run, or their defaults. Raises WrongParameters, and GraphInvalid for errors
        in the part that feeds the node. Raises Problem: 422 when the node
        failed, 503 when nobody can answer now, 504 when it took too long.
        """
        tag = _checked_tag(graph)
        part, last = feeding_part(graph, node_id, before=around is not None)
        if before is not None and not declare_the_same(before.graph, part):
            before = None
        values = given if before is None else {**before.parameters, **given}
        parameters = checked_values(parse_graph(part), values)
        question = PreviewQuestion(
            part,
            last,
            parameters=parameters,
            rejecting=rejecting_nodes(graph),
            around=around,
        )
        if before is not None and around is None:
            question = replace(question, again=_kept_rows(before, question))
        return self._in_turn(tenant_id, tag, question)

    def page(self, tenant_id: str, part: Document, start: int, rows: int) -> Document:
        """{"columns", …, "from", "count"}: rows that the one node of a graph gives, from row `start` on, or the last -`start`.

        Raises as `ask`.
        """
        tag = _checked_tag(part)
        [node] = part["nodes"]
        question = PreviewQuestion(part, [(node["id"], None)], page=Page(start, rows))
        return self._in_turn(tenant_id, tag, question)

    def find_types(
        self, tenant_id: str, graph: Document, node_id: int, given: Document
    ) -> Document:
        """{"columns", "types"} of the file that the node reads. Raises as `ask`."""
        tag = _checked_tag(graph)
        part = file_part(graph, node_id)
        parameters = checked_values(parse_graph(part), given)
        question = PreviewQuestion(part, find=Find.TYPES, parameters=parameters)
        return self._in_turn(tenant_id, tag, question)

    def columns(self, tenant_id: str, graph: Document, node_id: int, given: Document) -> Document:
        """{"columns", "types"} of the rows that the node gives, of which none is read. Raises as `ask`."""
        tag = _checked_tag(graph)
        part, last = feeding_part(graph, node_id)
        parameters = checked_values(parse_graph(part), given)
        question = PreviewQuestion(part, last, Find.COLUMNS, parameters)
        answer = self._in_turn(tenant_id, tag, question)
        if answer.get("timedOut"):
            raise Problem(504, "its columns were not told in time")
        return answer

    def tables(self, tenant_id: str, connection: Any, runner_tag: Any) -> Document:
        """{"tables": [{"name", "columns": [{"name", "type"}]}], "truncated"}, as a runner with the tag sees them. Raises as `ask`."""
        tag = _checked_tag({"runnerTag": runner_tag})
        config = {"connection": connection, "sql": "SELECT 1"}
        graph = {"nodes": [{"id": 1, "type": "db_input", "config": config}], "edges": []}
        try:
            parse_graph(graph)
        except GraphInvalid as invalid:
            raise GraphInvalid([replace(e, node_id=None) for e in invalid.errors]) from None
        return self._in_turn(tenant_id, tag, PreviewQuestion(graph, find=Find.TABLES))

    def kept(self, tenant_id: str, place: str, question: Document) -> Document:
        """What a runner tells of kept outputs that has the runs' directory `place`. Raises Problem as `ask`."""
        subject = kept_subject(tenant_id, place)
        return self._asked(tenant_id, subject, json.dumps(question).encode(), _NOBODY_HAS_IT)

    def missing(self, tenant_id: str, place: str, run_id: str, nodes: Sequence[int]) -> list[int]:
        """Of which of these nodes nothing that the run kept is there any more. Raises Problem as `ask`.

        It takes no place of a preview, and waits for none: a run is to begin.
        """
        check_ours(self._why_not_ours)
        question = json.dumps({"run": run_id, "look": list(nodes)}).encode()
        subject = kept_subject(tenant_id, place)
        answer = _unpacked(self._answer(subject, question, _NOBODY_HAS_IT, LOOK_WAIT))
        missing: list[int] = answer["missing"]
        return missing

    def _in_turn(self, tenant_id: str, tag: str | None, question: PreviewQuestion) -> Document:
        subject = preview_subject(tenant_id, tag)
        return self._asked(
            tenant_id, subject, question.to_json(), _nobody(tag), lambda: self._takers().has(tag)
        )

    def _asked(
        self,
        tenant_id: str,
        subject: str,
        question: bytes,
        nobody: str,
        is_there: Callable[[], bool] | None = None,
    ) -> Document:
        check_ours(self._why_not_ours)
        if not self._places.take(tenant_id):
            raise unavailable("too many previews are being made; try again in a moment")
        try:
            answer = self._answer(subject, question, nobody, TAKEN_WAIT, is_there)
        finally:
            self._places.give_back(tenant_id)
        return _unpacked(answer)

    def _answer(
        self,
        subject: str,
        question: bytes,
        nobody: str,
        taken_wait: float,
        is_there: Callable[[], bool] | None = None,
    ) -> Document:
        """`nobody`: why there is no answer where no runner is there; `is_there`: whether one is, None where that is not known."""
        answers: queue.SimpleQueue[Message] = queue.SimpleQueue()
        reply = self._link.new_inbox()
        inbox = self._link.subscribe(reply, answers.put)
        try:
            if not self._link.wait_up(TAKEN_WAIT) or not self._publish(subject, question, reply):
                raise unavailable("a preview needs NATS, which is away")
            first = _next(answers, taken_wait)
            if first is None and is_there is not None and is_there():
                first, nobody = _next(answers, BUSY_WAIT), BUSY
            if first is None:
                raise unavailable(nobody)
            if not first.get("taken"):
                return first
            answer = _next(answers, ANSWER_WAIT)
            return answer or {"timeout": True}
        finally:
            self._link.unsubscribe(inbox)

    def _publish(self, subject: str, question: bytes, reply: str) -> bool:
        try:
            return self._link.publish(subject, question, reply)
        except ValueError:
            raise Problem(413, "the graph is too large for a preview") from None


def _kept_rows(before: Before, question: PreviewQuestion) -> Again | None:
    """What of a run's kept rows a preview shows; none where it has other values."""
    if dict(before.parameters) != dict(question.parameters):
        return None
    shown = [node_id for node_id, _ in question.last]
    return begin_preview(before, question.graph, shown, question.rejecting)


def _checked_tag(graph: Document) -> str | None:
    """The tag that the graph asks for. Raises GraphInvalid."""
    wrong: list[str] = []
    tag = parse_runner_tag(graph.get("runnerTag"), wrong)
    if wrong:
        raise GraphInvalid([GraphError(None, "runnerTag", message) for message in wrong])
    return tag


_NOBODY_HAS_IT = "no runner answered that has what this run kept: it lies in DATA_DIR on the machine of the run's runner"


def _nobody(tag: str | None) -> str:
    if tag is None:
        return "no runner answered: previews are made by runners"
    return f"no runner with the tag {tag} answered: previews of this job are made by those"


def _next(answers: "queue.SimpleQueue[Message]", wait: float) -> Document | None:
    try:
        answer: Document = json.loads(answers.get(timeout=wait).payload)
        return answer
    except queue.Empty:
        return None


def _unpacked(answer: Document) -> Document:
    if "columns" in answer or "tables" in answer:
        return answer
    if "message" in answer:
        message = shortened(str(answer["message"]), MOST_SAID)
        error = {"nodeId": answer.get("nodeId"), "field": answer.get("field"), "message": message}
        raise Problem(422, message, errors=[error], errorCount=1)
    if answer.get("busy"):
        raise unavailable("the runner is busy with other previews; try again in a moment")
    raise Problem(504, f"no rows came within {KILL_AFTER:g} seconds")
