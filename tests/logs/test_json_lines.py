"""The log as JSON: one line an event, with what the event is about."""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

import pytest

from logs.context import about, begin, note
from logs.json_lines import write_json
from logs.text_lines import write_clean

RUN_ID = "0123456789abcdef" * 2


def told(message: str, *args: object, **more: Any) -> dict[str, Any]:
    """The line of an event, as a web worker's handlers write it."""
    record = logging.LogRecord("jobs.x", logging.WARNING, "x.py", 1, message, args, None)
    vars(record).update(more)
    logger, handler = logging.Logger("web"), logging.StreamHandler()
    logger.addHandler(handler)
    write_json(logger, "web")
    write_clean(logger)
    line = handler.format(record)
    assert "\n" not in line
    return dict(json.loads(line))


def test_a_line_says_when_what_and_about_what() -> None:
    begin(request="r-1")
    note(tenant="acme", job=7, run=None)
    try:
        line = told("run %s is late", RUN_ID, created=1_790_000_000.25)
    finally:
        begin()
    assert about() == {}
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


@pytest.mark.parametrize(
    "path", ['/?token=a"b', "/token=a\\", "/\u00eeyJaaaaaaaaaa", "/\udc80token=\udc80"]
)
def test_a_request_cannot_break_the_line_that_tells_of_it(path: str) -> None:
    """A token was cut out of the finished line, and half of an escape with it: collectors dropped the line."""
    line = told("GET %s", path, fields={"path": path})
    assert line["message"] == f"GET {line['path']}"


def test_work_begins_with_nothing_of_the_work_before() -> None:
    begin(request="a")
    note(tenant="acme")
    begin(request="b")
    assert about() == {"request": "b"}
    begin()
