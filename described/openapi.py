"""The OpenAPI document of the routes that a Flask application has, with what the tables of operations say of each.

A route without an operation is an error here, and so is an operation without a route.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Any

from werkzeug.routing import Map, Rule

from described.operation import JSON, Answer, Operation, Parameter, Posted
from described.schema import TEXT, WHOLE, Schema, listed, needed, nullable, record, ref, told

VERSION = "3.1.0"
PROBLEM = "application/problem+json"
BY_FLASK = {"HEAD", "OPTIONS"}  # methods that Flask adds to each route
_PART = re.compile(r"<(?:(\w+):)?(\w+)>")
_CONVERTERS = {"int": {"type": "integer", "minimum": 0}, "path": TEXT, None: TEXT}

# Why a request is refused, by what the route looks at
OF_TOKEN, OF_QUERY, OF_PATH = (401, 403), (400,), (404,)
OF_BODY = (400, 408, 413, 415, 422)
OF_BYTES = (400, 408, 413, 415)
OF_EVERY_ROUTE = (500,)
OF_DATABASE = (503,)  # each route that checks a scope may ask the database, or NATS

ABOUT = """\
Jobs, runs and what is told of them. Errors are problem documents (RFC 9457). Each answer has an `X-Request-ID`, and a
`Page-Version`, which is another one where the server has another release of the page. A GET route takes HEAD, too. Members may be \
added to answers at any time: ignore those that you do not know. The WebSocket and NATS are described in \
`asyncapi.json` beside this document; docs/protocol.md tells both in words."""

HEADERS: dict[str, Schema] = {
    "ETag": told(
        TEXT, "another one after each change: of a job for If-Match, of a file for If-Range, too"
    ),
    "Content-Range": TEXT,
    "Location": told(TEXT, "the path of what was made"),
    "Retry-After": told(TEXT, "seconds"),
    "Content-Disposition": TEXT,
    "Set-Cookie": told(TEXT, "the session, or its end"),
    "WWW-Authenticate": TEXT,
}
OF_PROBLEM = {401: ("WWW-Authenticate",), 429: ("Retry-After",), 503: ("Retry-After",)}

GRAPH_ERROR = record(
    {
        "nodeId": nullable(WHOLE),
        "field": nullable(TEXT),
        "message": TEXT,
        "text": told(TEXT, "what of the field is at fault: an expression, or the name of a column"),
    },
    "an error, with its node and field where it belongs to one",
    optional=("text",),
)
SCHEMAS: dict[str, Schema] = {
    "GraphError": GRAPH_ERROR,
    "Problem": record(
        {
            "type": TEXT,
            "title": TEXT,
            "status": WHOLE,
            "detail": told(TEXT, "a sentence: what was found, where, what to do"),
            "errors": listed(ref("GraphError"), "the first 100 errors of a graph or a body"),
            "errorCount": told(WHOLE, "how many errors there are in all"),
            "runId": told(TEXT, "the run that is in the way"),
            "jobId": WHOLE,
        },
        "RFC 9457",
        optional=("detail", "errors", "errorCount", "runId", "jobId"),
    ),
}
SECURITY = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "The scopes are jobs:read, jobs:write and jobs:execute.",
    },
    "metrics": {
        "type": "http",
        "scheme": "bearer",
        "description": "METRICS_TOKEN, where it is set.",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "progress-00000000",
        "description": "The cookie of POST /api/session. Each installation has eight digits of its own in its name. For pages of this server alone.",
    },
    "query": {"type": "apiKey", "in": "query", "name": "token", "description": "The JWT."},
}


class Undescribed(LookupError):
    """A route without an operation, or the other way round; the text names it."""


def document(
    routes: Map,
    operations: Mapping[str, Operation],
    schemas: Mapping[str, Schema],
    posted: Iterable[Posted] = (),
) -> dict[str, Any]:
    """The document, without `servers`. `operations` by endpoint. Raises Undescribed."""
    paths: dict[str, dict[str, Any]] = {}
    rules = list(routes.iter_rules())
    if unused := set(operations) - {rule.endpoint for rule in rules}:
        raise Undescribed(f"there is no route for the operations {sorted(unused)}")
    for rule in rules:
        for method in _methods(rule):
            found = paths.setdefault(_PART.sub(r"{\2}", rule.rule), {})
            found[method.lower()] = _operation(rule, _described(rule, operations))
    every = {**SCHEMAS, **schemas}
    webhooks = {one.name: {"post": _posted(one)} for one in posted}
    return {
        "openapi": VERSION,
        "info": {"title": "Job progress", "version": "1", "description": ABOUT},
        "paths": dict(sorted(paths.items())),
        "webhooks": webhooks,
        "components": {
            "schemas": needed((paths, webhooks, ref("Problem")), every),
            "securitySchemes": SECURITY,
            "headers": {name: {"schema": schema} for name, schema in HEADERS.items()},
            "responses": {str(status): _problem(status) for status in _all_problems(operations)},
        },
    }


def _posted(one: Posted) -> dict[str, Any]:
    return {
        "summary": one.says,
        "requestBody": {"required": True, "content": {JSON: {"schema": one.schema}}},
        "responses": {"2XX": {"description": "it is taken; other answers have it sent again"}},
    }


def _methods(rule: Rule) -> list[str]:
    return sorted((rule.methods or set()) - BY_FLASK)


def _described(rule: Rule, operations: Mapping[str, Operation]) -> Operation:
    if rule.endpoint in operations:
        return operations[rule.endpoint]
    raise Undescribed(f"the route {rule.rule} ({rule.endpoint}) has no operation that describes it")


def _operation(rule: Rule, operation: Operation) -> dict[str, Any]:
    parts = _PART.findall(rule.rule)
    told_answers = {str(status): _answer(one) for status, one in operation.answers.items()}
    problems = problems_of(operation, has_path=bool(parts))
    return {
        "operationId": rule.endpoint.rpartition(".")[2],
        "summary": operation.says,
        "tags": [operation.tag],
        "parameters": [*map(_in_path, parts), *map(_parameter, operation.parameters)],
        **(_body(operation)),
        "responses": {
            **told_answers,
            **{
                str(status): {"$ref": f"#/components/responses/{status}"}
                for status in problems
                if str(status) not in told_answers
            },
        },
        "security": _security(operation),
    }


def problems_of(operation: Operation, *, has_path: bool) -> list[int]:
    """The statuses of the problem documents that the route may answer with."""
    found = {*operation.problems, *OF_EVERY_ROUTE}
    found.update(OF_PATH if has_path else ())
    found.update((*OF_TOKEN, *OF_DATABASE) if operation.scope else ())
    found.update(OF_QUERY if operation.parameters else ())
    found.update(_of_body(operation))
    return sorted(found)


def _of_body(operation: Operation) -> tuple[int, ...]:
    if operation.body is None:
        return ()
    return OF_BODY if operation.body.media == JSON else OF_BYTES


def _all_problems(operations: Mapping[str, Operation]) -> list[int]:
    of_each = (problems_of(one, has_path=True) for one in operations.values())
    return sorted(set().union(*of_each))


def _in_path(part: tuple[str, str]) -> dict[str, Any]:
    schema = _CONVERTERS[part[0] or None]
    return {"name": part[1], "in": "path", "required": True, "schema": schema}


def _parameter(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": parameter.place,
        "description": parameter.says,
        "schema": parameter.schema,
    }


def _body(operation: Operation) -> dict[str, Any]:
    if operation.body is None:
        return {}
    content = {operation.body.media: {"schema": operation.body.schema}}
    return {"requestBody": {"required": operation.body.required, "content": content}}


def _answer(answer: Answer) -> dict[str, Any]:
    content = {media: {"schema": schema} for media, schema in answer.content.items()}
    return {
        "description": answer.says,
        **({"content": content} if content else {}),
        **_headers(answer.headers),
    }


def _problem(status: int) -> dict[str, Any]:
    return {
        "description": HTTPStatus(status).phrase,
        "content": {PROBLEM: {"schema": ref("Problem")}},
        **_headers(OF_PROBLEM.get(status, ())),
    }


def _headers(names: Iterable[str]) -> dict[str, Any]:
    found = {name: {"$ref": f"#/components/headers/{name}"} for name in names}
    return {"headers": found} if found else {}


def _security(operation: Operation) -> list[Mapping[str, list[str]]]:
    if operation.scope is None:
        return list(operation.security)
    return [{name: [operation.scope]} for name in ("bearer", "session")]


def operations_in(described: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(method, path, operation) of a document."""
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation
