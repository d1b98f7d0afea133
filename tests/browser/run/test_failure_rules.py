"""What the page makes of a failure's fields, in Chromium: which field of the form it is about, and what of a row is shown."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page

CALL = """async ([name, args]) => (await import('/playground/failure/rules.js'))[name](...args)"""
FIELDS = [
    {"name": "path", "kind": "path"},
    {"name": "columns", "kind": "columns"},
    {"name": "types", "kind": "types"},
]
CONFIG = {"path": "a.csv", "columns": [{"column": "x", "expression": "1 / n"}], "types": []}


def call(page: Page, name: str, *args: Any) -> Any:
    return page.evaluate(CALL, [name, list(args)])


def fault(
    field: str | None = None, text: str | None = None, columns: tuple[str, ...] = ()
) -> dict[str, Any]:
    return {"field": field, "text": text, "columns": list(columns)}


@pytest.mark.parametrize(
    ("told", "field"),
    [
        (None, None),
        (fault("path"), "path"),
        (fault("gone"), None),
        (fault(text="1 / n", columns=("n",)), "columns"),
        (fault(text="1 / m", columns=("n",)), None),
        (fault(columns=("n",)), "types"),
        (fault(), None),
    ],
)
def test_a_failure_is_about_the_field_that_is_named_or_holds_its_expression(
    modules: Page, told: Any, field: str | None
) -> None:
    assert call(modules, "fieldAtFault", {"fields": FIELDS}, CONFIG, told) == field
    assert call(modules, "fieldAtFault", None, CONFIG, told) is None


def test_it_stands_until_the_field_is_changed(modules: Page) -> None:
    assert call(modules, "isStanding", "columns", CONFIG, CONFIG) is True
    assert call(modules, "isStanding", "columns", CONFIG, {**CONFIG, "path": "b"}) is True
    assert call(modules, "isStanding", "columns", CONFIG, {**CONFIG, "columns": []}) is False


def test_a_row_of_another_publisher_shows_what_its_node_looked_up(modules: Page) -> None:
    row = {"number": 3, "values": {"a": "1"}, "place": "", "cells": [], "more": 0}
    assert call(modules, "cellsOf", row, None) == [{"name": "a", "value": "1", "isAtFault": False}]
    whole = {**row, "cells": [["a", "1"], ["b", None]]}
    assert call(modules, "cellsOf", whole, fault(columns=("b",))) == [
        {"name": "a", "value": "1", "isAtFault": False},
        {"name": "b", "value": None, "isAtFault": True},
    ]


def test_a_run_begins_again_with_the_values_that_the_job_still_takes(modules: Page) -> None:
    declared = [{"name": "day"}, {"name": "new"}]
    values = {"day": None, "old": "1"}
    assert call(modules, "valuesFor", declared, values) == {"day": None}
    assert call(modules, "valuesFor", declared, None) == {}
    assert call(modules, "valuesFor", [], values) is None


@pytest.mark.parametrize(
    ("place", "is_read", "shown"),
    [
        ("line 5,004 of visits.csv", True, "Line 5,004 of visits.csv. Row 5,003 of its source."),
        ("line 5,004 of visits.csv", False, "Line 5,004 of visits.csv."),
        ("row 5,003", True, "Row 5,003 of its source."),
        ("row 5,003", False, "Row 5,003."),
        ("", True, "Row 5,003 of its source."),
        ("", False, ""),
    ],
)
def test_where_a_row_at_fault_stands_is_told_once(
    modules: Page, place: str, is_read: bool, shown: str
) -> None:
    """Of a table of a database it was “Row 777. Row 777 of its source.”"""
    row = {"place": place, "number": 5_003}
    assert modules.evaluate(CALL, ["placeText", [row, is_read]]) == shown


def test_rows_around_are_counted_from_the_one_at_fault(modules: Page) -> None:
    assert call(modules, "countsAround", 4, 2, 5003) == ["−2", "−1", "5,003", "+1"]


MESSAGE = """async (payload) => {
  const { parseMessage } = await import('/realtime/messages.js');
  const { event } = parseMessage(JSON.stringify({ type: 'job.progress', jobId: 1, payload }));
  return [event.row, event.fault];
}"""


@pytest.mark.parametrize(
    ("theirs", "read"),
    [
        ({}, [None, None]),
        ({"row": 5, "fault": "x"}, [None, None]),
        (
            {
                "row": {
                    "number": 2,
                    "cells": [["a", 1], ["b"], 7, ["c", None]],
                    "more": "x",
                    "place": 3,
                }
            },
            [{"number": 2, "values": {}, "place": "", "cells": [["c", None]], "more": 0}, None],
        ),
        ({"fault": {"field": 1, "text": [], "columns": [1, "a"]}}, [None, fault(columns=("a",))]),
    ],
)
def test_what_is_no_row_or_fault_disturbs_nothing(
    modules: Page, theirs: Any, read: list[Any]
) -> None:
    assert modules.evaluate(MESSAGE, {"nodeId": 1, "status": "failed", **theirs}) == read
