"""Errors of ours as problems: which status, and which members the problem has."""

import logging
from collections.abc import Callable
from typing import Any

from flask import Response, request

from jobs.graph.documents.again import CannotBegin
from jobs.graph.documents.reading_back import NothingToRead
from jobs.graph.errors import MOST_ERRORS, GraphError, GraphInvalid, shortened
from jobs.http.documents import first_error, graph_errors
from jobs.http.problems import Problem, answer, unavailable
from jobs.store.store import (
    AlreadyRunning,
    IdempotencyMismatch,
    JobChanged,
    NotFound,
    RunNotEnded,
    StoreUnavailable,
    TooManyQueued,
)
from jobs.store.webhooks.store import TooManyWebhooks, WebhookDisabled
from jobs.work.run_queue import QueueUnavailable
from logs.repeated import Repeated
from program_lib.parameters import WrongParameters

LOG = logging.getLogger(__name__)
_REFUSED = Repeated()  # for a database that is away; of each request the access log has a line

QUEUE_RETRY_AFTER = 10  # seconds until a full queue may have room


def _with_status(status: int) -> Callable[[Exception], Response]:
    """The answer to an error whose sentence says all."""
    return lambda error: answer(Problem(status, str(error)))


def _already_running(error: AlreadyRunning) -> Response:
    return answer(Problem(409, str(error), runId=error.run_id, jobId=error.job_id))


def _cannot_begin(error: CannotBegin) -> Response:
    """410 for what was there."""
    return answer(Problem(410 if error.is_gone else 409, str(error), nodeId=error.node_id))


def _too_many_queued(error: TooManyQueued) -> Response:
    headers = {"Retry-After": str(QUEUE_RETRY_AFTER)}
    return answer(Problem(429, str(error), headers=headers))


def _graph_invalid(error: GraphInvalid) -> Response:
    return answer(Problem(422, first_error(error), **graph_errors(error)))


def _wrong_parameters(error: WrongParameters) -> Response:
    """Each error's field is parameters.<name>."""
    found = [
        GraphError(None, f"parameters.{name}" if name else "parameters", message).document()
        for name, message in error.errors[:MOST_ERRORS]
    ]
    return answer(Problem(422, shortened(str(error)), errors=found, errorCount=len(error.errors)))


def _come_back(error: QueueUnavailable | StoreUnavailable) -> Response:
    if isinstance(error, StoreUnavailable):  # its text may name hosts and users
        if (sentence := _REFUSED.due(str(error))) is not None:
            LOG.warning("%s %s: %s", request.method, request.path, sentence)
        return answer(unavailable(error.public))
    return answer(unavailable(str(error)))


REFUSALS: dict[type[Exception], Callable[[Any], Response]] = {
    NotFound: _with_status(404),
    NothingToRead: _with_status(404),
    RunNotEnded: _with_status(409),
    TooManyWebhooks: _with_status(409),
    WebhookDisabled: _with_status(409),
    JobChanged: _with_status(412),
    IdempotencyMismatch: _with_status(422),
    AlreadyRunning: _already_running,
    CannotBegin: _cannot_begin,
    TooManyQueued: _too_many_queued,
    GraphInvalid: _graph_invalid,
    WrongParameters: _wrong_parameters,
    QueueUnavailable: _come_back,
    StoreUnavailable: _come_back,
}
