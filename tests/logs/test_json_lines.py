"""The log as JSON: one line an event, with what the event is about."""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

from logs.context import about, begin, note, working_on
from logs.json_lines import JsonLines
from web.redaction import Redacting

RUN_ID = "0123456789abcdef" * 2


def told(message: str, *args: object, **more: Any) -> dict[str, Any]:
    """The line of an event, as both logs write it."""
    record = logging.LogRecord("jobs.x", logging.WARNING, "x.py", 1, message, args, None)
    vars(record).update(more)
    line = Redacting(JsonLines("web")).format(record)
    assert "\n" not in line
    return dict(json.loads(line))


def test_a_line_says_when_what_and_about_what() -> None:
    begin(request="r-1")
    with working_on(tenant="acme", job=7, run=None):
        line = told("run %s is late", RUN_ID, created=1_790_000_000.25)
    assert about() == {"request": "r-1"}
    begin()
    assert line == {
        "time": "2026-09-21T14:13:20.250Z",
        "level": "warning",
        "process": "web",
        "logger": "jobs.x",
        "message": f"run {RUN_ID} is late",
        "request": "r-1",
        "tenant": "acme",
        "job": "7",
        "run": RUN_ID,
    }


def test_what_an_event_quotes_begins_no_line_and_no_field() -> None:
    line = told("quoted: %s", 'a\n{"level": "error"}\r\x1b[2J"')
    assert "level" in line["message"]
    assert line["level"] == "warning"


def test_a_traceback_is_a_field_of_its_line() -> None:
    try:
        raise ValueError("broken\nin two")
    except ValueError:
        line = told("it failed", exc_info=sys.exc_info())
    assert "ValueError: broken" in line["error"]


def test_a_token_is_hidden_in_every_field() -> None:
    token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl"
    line = told("asked with %s", token, fields={"path": f"/x?token={token}"})
    assert "eyJ" not in json.dumps(line)


def test_work_begins_with_nothing_of_the_work_before() -> None:
    begin(request="a")
    note(tenant="acme")
    begin(request="b")
    assert about() == {"request": "b"}
    begin()
