"""The door for JSON from outside: size, type, depth and text are checked before anyone looks."""

import hashlib
import json
import unicodedata
from typing import Any

from flask import request

from jobs.problems import Problem

MAX_BODY = 1024 * 1024  # bytes; a graph of 1,000 nodes has some 300 KB
MAX_DEPTH = 32  # levels of lists and objects; a graph has six
MAX_NAME = 200  # characters of a job's name


def json_object(*, required: bool = True) -> dict[str, Any]:
    """The request's JSON object; {} for an empty body when that is allowed.

    Raises Problem: 400 not JSON, too deep or not text; 413 too large; 415 another type.
    """
    request.max_content_length = MAX_BODY  # werkzeug answers 413 beyond it
    body = request.get_data(cache=False)
    if not body and not required:
        return {}
    if request.mimetype != "application/json":
        found = request.mimetype or "none"
        raise Problem(415, f"the body must be application/json; its content type is {found:.80}")
    parsed = _parsed(body)
    if not isinstance(parsed, dict):
        raise Problem(400, "the body must be a JSON object")
    return parsed


def request_hash(about: str, body: dict[str, Any]) -> str:
    """The same for the same request, however its JSON is laid out."""
    text = json.dumps([about, body], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def job_name(body: dict[str, Any]) -> str:
    """The `name` member. Raises Problem (422)."""
    name = body.get("name")
    if isinstance(name, str) and name.strip() and len(name) <= MAX_NAME and _is_line(name):
        return name
    raise _invalid("name", f"must be one line of 1 to {MAX_NAME} characters")


def job_graph(body: dict[str, Any]) -> dict[str, Any]:
    """The `graph` member; what is in it is checked by validate and execute. Raises Problem (422)."""
    graph = body.get("graph")
    if isinstance(graph, dict):
        return graph
    raise _invalid("graph", 'must be an object {"nodes": […], "edges": […]}')


def _is_line(text: str) -> bool:
    return all(unicodedata.category(character) not in ("Cc", "Zl", "Zp") for character in text)


def _invalid(field: str, message: str) -> Problem:
    error = {"nodeId": None, "field": field, "message": message}
    return Problem(422, f"{field} {message}", errors=[error])


def _parsed(body: bytes) -> Any:
    try:
        parsed = json.loads(body.decode("utf-8"), parse_constant=_refuse_constant)
    except RecursionError:
        raise _too_deep() from None
    except ValueError as error:
        raise Problem(400, f"the body is not JSON: {error}"[:300]) from None
    _check_depth(parsed)
    try:
        json.dumps(parsed, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        raise Problem(400, "the body holds half of a surrogate pair, which is no text") from None
    return parsed


def _check_depth(parsed: Any) -> None:
    level = [parsed]
    for _ in range(MAX_DEPTH + 1):
        level = [child for value in level for child in _children(value)]
        if not level:
            return
    raise _too_deep()


def _children(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _too_deep() -> Problem:
    return Problem(400, f"the body is nested deeper than {MAX_DEPTH} levels")


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
