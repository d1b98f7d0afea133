"""Reads and checks JSON bodies (size, type, depth, text, numbers) before a handler uses them, and the key that goes with one."""

import contextlib
import hashlib
import json
import socket
import sys
import threading
import unicodedata
from collections import Counter
from collections.abc import Sequence
from typing import Any

from flask import request
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import ClientDisconnected

from jobs.graph.documents.unchecked import password_errors, refused_code_errors
from jobs.graph.errors import GraphInvalid
from jobs.http.graph_size import check_size
from jobs.http.problems import Problem
from jobs.work.preview_questions import AroundRow
from settings.defaults import RequestLimits

MAX_NAME = 200  # characters of a job's name
MAX_KEY = 255  # characters of an Idempotency-Key
EXECUTE_MEMBERS = ("parameters", "fromRun", "fromNode")
MAX_PLACE = 4_000  # characters of where a row stands: the path of a file, and its line


def json_object(limits: RequestLimits, *, required: bool = True) -> dict[str, Any]:
    """The request's JSON object; {} for an empty body when that is allowed.

    Raises Problem: 400 for what is not JSON, too deep, not text, or has a number too large; 408 when it comes
    too slowly; 413 when it is too large; 415 for another content type, and when it is packed.
    """
    check_not_packed()
    if (request.content_length or 0) > limits.body_bytes:
        raise _too_large(limits.body_bytes)
    request.max_content_length = limits.body_bytes + 1  # of one in chunks werkzeug reads no more
    body = _read_body(limits.body_wait)
    if len(body) > limits.body_bytes:
        raise _too_large(limits.body_bytes)
    if not body and not required:
        return {}
    if request.mimetype != "application/json":
        found = request.mimetype or "none"
        raise Problem(415, f"the body must be application/json; its content type is {found:.80}")
    parsed = _parsed(body, limits.json_depth)
    if not isinstance(parsed, dict):
        raise Problem(400, "the body must be a JSON object")
    return parsed


def check_not_packed() -> None:
    """Raises Problem (415) where the body is not as it stands, but by a Content-Encoding."""
    found = request.headers.get("Content-Encoding", "identity").strip().lower()
    if found not in ("", "identity"):
        raise Problem(
            415,
            f"the body has the Content-Encoding {found:.80}; send it as it is, without one",
            headers={"Accept-Encoding": "identity"},
        )


def around_row(body: dict[str, Any]) -> AroundRow | None:
    """The member `around` of a preview, {"number", "place"}; None where there is none. Raises Problem (422)."""
    around = body.get("around")
    if around is None:
        return None
    number = around.get("number") if isinstance(around, dict) else None
    if type(number) is not int or not 0 < number < 2**63:
        raise invalid(
            "around", 'must be {"number": …, "place": …}, with the number of a row, from 1 on'
        )
    place = around.get("place", "")
    if not isinstance(place, str) or len(place) > MAX_PLACE:
        raise invalid("around", f"its place must be a text of at most {MAX_PLACE:,} characters")
    return AroundRow(number, place)


def _read_body(wait: float) -> bytes:
    """The whole body. Raises Problem: 408 when it takes longer than `wait` seconds, 400 for broken chunks."""
    if not (request.content_length or "Transfer-Encoding" in request.headers):
        return b""
    ended = threading.Event()
    connection: socket.socket | None = request.environ.get("gunicorn.socket")

    def end() -> None:
        ended.set()
        if connection is not None:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RD)  # ends the read below

    deadline = threading.Timer(wait, end)
    deadline.name, deadline.daemon = "body-deadline", True
    deadline.start()
    try:
        body = request.get_data(cache=False)
    except (ClientDisconnected, TimeoutError, ParseException) as error:
        if ended.is_set():
            raise _too_slow(wait) from None
        raise _unreadable(error) from None
    finally:
        deadline.cancel()
        deadline.join()
    if ended.is_set():
        raise _too_slow(wait)
    return body


def _unreadable(error: Exception) -> Exception:
    if isinstance(error, ParseException):
        return Problem(400, f"the body is not in chunks as HTTP/1.1 has them: {error!s:.200}")
    if isinstance(error, TimeoutError) or isinstance(error.__context__, TimeoutError):
        return Problem(408, "the body came too slowly")  # raised in web/serving/patience.py
    return error


def _too_slow(wait: float) -> Problem:
    return Problem(
        408, f"the body was not there within {wait:g} s", headers={"Connection": "close"}
    )


def _too_large(most: int) -> Problem:
    text = f"the body has more than {most:,} bytes (MAX_BODY_BYTES), which is all that is taken"
    return Problem(413, text, headers={"Connection": "close"})


def idempotency_key() -> str | None:
    """The header of that name; None where there is none. Raises Problem (400)."""
    key = request.headers.get("Idempotency-Key")
    if key is None or (0 < len(key) <= MAX_KEY and key.isascii() and key.isprintable()):
        return key
    raise Problem(400, f"Idempotency-Key must be 1 to {MAX_KEY} printable ASCII characters")


def request_hash(about: str, body: dict[str, Any]) -> str:
    """A hash of the request that does not depend on how its JSON is laid out."""
    text = json.dumps([about, body], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def job_name(body: dict[str, Any]) -> str:
    """The `name` member. Raises Problem (422)."""
    name = body.get("name")
    if isinstance(name, str) and _is_seen(name) and len(name) <= MAX_NAME and _is_line(name):
        return name
    raise invalid("name", f"must be one line of 1 to {MAX_NAME} characters that can be seen")


def job_graph(body: dict[str, Any], limits: RequestLimits) -> dict[str, Any]:
    """The `graph` member, unchecked but for its size, passwords and code that is off. Raises Problem (422) when it is missing.

    Raises GraphInvalid for a graph that is too large, has a password, or has code where that is off, since none of these is ever stored.
    """
    graph = body.get("graph")
    if isinstance(graph, dict):
        errors = [*password_errors(graph), *refused_code_errors(graph)]
        if errors:
            raise GraphInvalid(errors)
        check_size(graph, limits)
        return graph
    raise invalid("graph", 'must be an object {"nodes": […], "edges": […]}')


def check_execute(body: dict[str, Any]) -> None:
    """Raises Problem (422) for a member that nobody knows: of misspelt parameters a run would take the defaults, silently."""
    for name in body:
        if name not in EXECUTE_MEMBERS:
            hint = "; values of the job's parameters stand in parameters"
            raise unknown_member(name, "an execute", EXECUTE_MEMBERS, hint)


def given_parameters(body: dict[str, Any]) -> dict[str, Any]:
    """The `parameters` member, values by name, unchecked; {} where it is missing. Raises Problem (422)."""
    given = body.get("parameters")
    if given is None or isinstance(given, dict):
        return given or {}
    raise invalid("parameters", 'must be an object {"name": value, …}')


def _is_line(text: str) -> bool:
    return all(unicodedata.category(character) not in ("Cc", "Zl", "Zp") for character in text)


def _is_seen(text: str) -> bool:
    """Whether any of it is more than a space, or a sign without a width: lists of jobs would show nothing to click."""
    return any(unicodedata.category(sign) not in ("Cc", "Cf", "Zs", "Zl", "Zp") for sign in text)


def unknown_member(name: str, of: str, known: Sequence[str], hint: str = "") -> Problem:
    """422 for a member of the body that is not known; `of` what, and what to do instead."""
    return invalid(f"{name:.60}", f"is no member of {of}, which has {', '.join(known)}{hint}")


def invalid(field: str, message: str) -> Problem:
    """422 for a member of the body."""
    error = {"nodeId": None, "field": field, "message": message}
    return Problem(422, f"{field} {message}", errors=[error], errorCount=1)


def _parsed(body: bytes, most_levels: int) -> Any:
    try:
        text = body.decode("utf-8").removeprefix("\ufeff")  # as Windows begins files
        parsed = json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_object)
    except RecursionError:
        raise _too_deep(most_levels) from None
    except ValueError as error:
        raise Problem(400, f"the body is not JSON: {error}"[:300]) from None
    _check_depth(parsed, most_levels)
    _check_numbers(parsed)
    try:
        json.dumps(parsed, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        raise Problem(400, "the body holds half of a surrogate pair, which is no text") from None
    return parsed


def _object(members: list[tuple[str, Any]]) -> dict[str, Any]:
    """Raises Problem (400) where two have one name, as after a merge by hand: the first would go without a word."""
    found = dict(members)
    if len(found) < len(members):
        [(twice, _)] = Counter(name for name, _ in members).most_common(1)
        raise Problem(400, f"an object of the body has two members {twice!r:.80}: take one out")
    return found


def _check_depth(parsed: Any, most_levels: int) -> None:
    level = [parsed]
    for _ in range(most_levels + 1):
        level = [child for value in level for child in _children(value)]
        if not level:
            return
    raise _too_deep(most_levels)


def _children(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _check_numbers(parsed: Any) -> None:
    """Raises Problem (400) for numbers like 1e999: Python reads infinity, which JSON cannot hold."""
    place = _place_beyond({"": parsed})
    if place is not None:
        where = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in place[1:])
        raise Problem(400, f"{where.lstrip('.'):.200} is a number beyond {sys.float_info.max:.1e}")


def _place_beyond(within: dict[str, Any] | list[Any]) -> list[str | int] | None:
    """The keys and indexes that lead to the first number that no float holds; None when there is none."""
    for key, child in within.items() if isinstance(within, dict) else enumerate(within):
        if isinstance(child, dict | list):
            found = _place_beyond(child)
            if found is not None:
                return [key, *found]
        elif isinstance(child, int | float) and abs(child) > sys.float_info.max:
            return [key]
    return None


def _too_deep(most_levels: int) -> Problem:
    return Problem(400, f"the body is nested deeper than {most_levels} levels")


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
