"""What a browser may ask, and how it is told that it asked for nonsense."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from progress_lib.subjects import MAX_JOB_ID
from realtime.clients.actions import (
    Authenticate,
    BadAction,
    LeaveAll,
    LeaveJob,
    WatchAll,
    WatchJob,
    parse_action,
)

LONGEST = 4_096  # bytes of a message; more never reaches the parser


def refusal(text: str) -> BadAction:
    with pytest.raises(BadAction) as refused:
        parse_action(text)
    assert len(str(refused.value)) < 1_000
    return refused.value


def test_the_three_actions_are_understood() -> None:
    assert parse_action('{"action":"subscribe","jobId":123}') == WatchJob(123)
    assert parse_action('{"action":"unsubscribe","jobId":123}') == LeaveJob(123)
    assert parse_action('{"action":"auth","token":"a.b.c"}') == Authenticate("a.b.c")


def test_a_star_in_place_of_a_number_is_all_jobs() -> None:
    assert parse_action('{"action":"subscribe","jobId":"*"}') == WatchAll()
    assert parse_action('{"action":"unsubscribe","jobId":"*"}') == LeaveAll()


def test_fields_that_are_not_known_yet_are_left_alone() -> None:
    assert parse_action('{"action":"subscribe","jobId":1,"since":5}') == WatchJob(1)


@pytest.mark.parametrize("job_id", [1, MAX_JOB_ID])
def test_every_number_that_a_browser_keeps_exactly_is_a_job(job_id: int) -> None:
    assert parse_action(json.dumps({"action": "subscribe", "jobId": job_id})) == WatchJob(job_id)


@pytest.mark.parametrize(
    "job_id", [-1, 0, MAX_JOB_ID + 1, 1.0, 1.5, True, None, "1", "one", [1], {"id": 1}, 10**400]
)
@pytest.mark.parametrize("action", ["subscribe", "unsubscribe"])
def test_anything_else_as_a_job_is_refused_by_name(action: str, job_id: Any) -> None:
    error = refusal(json.dumps({"action": action, "jobId": job_id}))
    assert error.code == "bad_job_id"
    assert "jobId" in str(error)


def test_a_missing_job_is_refused_by_name() -> None:
    assert refusal('{"action":"subscribe"}').code == "bad_job_id"


@pytest.mark.parametrize("text", ["", "not json", "{", "[" * LONGEST, "\x00"])
def test_what_is_not_json_is_said_to_be_so(text: str) -> None:
    assert refusal(text).code == "not_json"


@pytest.mark.parametrize("text", ["[]", "1", "null", '"subscribe"', "true", "NaN"])
def test_json_that_is_no_object_is_said_to_be_so(text: str) -> None:
    assert refusal(text).code == "not_an_object"


@pytest.mark.parametrize("action", ["dance", "SUBSCRIBE", "", None, 1, [], {"a": 1}, "\ud800"])
def test_an_unknown_action_is_told_which_there_are(action: Any) -> None:
    error = refusal(json.dumps({"action": action, "jobId": 1}))
    assert error.code == "unknown_action"
    assert "subscribe, unsubscribe or auth" in str(error)


@pytest.mark.parametrize("token", [None, 1, ["a"], {}])
def test_a_token_must_be_a_string_and_is_not_repeated(token: Any) -> None:
    assert refusal(json.dumps({"action": "auth", "token": token})).code == "bad_token"


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_no_depth_of_nesting_gets_past_the_refusal(opening: str) -> None:
    """Where the interpreter's recursion limit lies depends on the caller; none may be the gap."""
    closing = "]" if opening == "[" else "}"
    for depth in range(1, 2_000, 7 if opening == "[" else 13):
        value = opening * depth + "1" + closing * depth
        assert refusal(f'{{"action":{value}}}').code in ("unknown_action", "not_json")
        assert refusal(f'{{"action":"subscribe","jobId":{value}}}').code in (
            "bad_job_id",
            "not_json",
        )


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(st.text() | JSON_VALUES.map(json.dumps))
@example("\ufeff{}")
def test_no_text_does_more_than_be_refused(text: str) -> None:
    with contextlib.suppress(BadAction):
        parse_action(text)
