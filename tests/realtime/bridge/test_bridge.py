"""What a NATS message must be to reach a browser."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from progress_lib.nats.jetstream import stream_sequences
from progress_lib.nats.link import Message
from progress_lib.progress import MalformedProgress, Progress, Status
from progress_lib.subjects import MAX_JOB_ID
from realtime.events import ProgressEvent, RunStatus, StatusEvent, Topic, topic_named
from tests.realtime.telling import read_event

SUBJECT = "tenant.acme.job.42.progress"
STATUS_SUBJECT = "tenant.acme.job.42.status"
FIVE = {"nodeId": 1, "nodeName": "Load", "status": "running", "rowCount": 5, "message": "…"}


def payload(**changed: Any) -> bytes:
    return json.dumps({**FIVE, **changed}).encode()


def test_the_five_original_fields_are_enough() -> None:
    event = read_event(SUBJECT, payload())
    assert isinstance(event, ProgressEvent)
    assert event.topic == Topic("acme", 42)
    assert event.progress == Progress(1, "Load", Status.RUNNING, 5, "…")


def test_tenant_and_job_come_from_the_subject_whatever_the_payload_says() -> None:
    said = payload(jobId=7, tenantId="other", tenant_id="other")
    assert read_event(SUBJECT, said).topic == Topic("acme", 42)


@given(st.lists(st.integers(1, 2**40), unique=True).map(sorted) | st.just([7, 8, 9]))
def test_each_message_of_a_batch_has_the_sequence_of_its_own_reply(numbers: list[int]) -> None:
    """Whether the stream gave all in a row, left some out, or gave none."""
    reply = "$JS.ACK.PROGRESS.a1.1.{}.5.1795485530123456789.0".format
    batch = [Message(1, SUBJECT, reply(number), b"") for number in numbers]
    assert list(stream_sequences(batch)) == numbers


def test_all_who_name_a_job_name_the_same_object() -> None:
    """The hub looks it up twice for each message: an equal one would be compared part by part."""
    assert read_event(SUBJECT, payload()).topic is topic_named("ac" + "me", 42)


def test_the_payload_is_kept_byte_for_byte() -> None:
    odd = b' {"nodeId": 1 ,"status":"failed", "mine":[1.50], "nodeName":"L\\u00f6ad"}\n'
    assert read_event(SUBJECT, odd).payload == odd


def test_a_status_message_becomes_a_status_event() -> None:
    event = read_event(STATUS_SUBJECT, b'{"runId":"r1","status":"queued","reason":null}')
    assert isinstance(event, StatusEvent)
    assert event.run == RunStatus("r1", "queued")


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"runId": "r1"},
        {"status": "queued"},
        {"runId": 1, "status": "queued"},
        {"runId": "r1", "status": None},
        {"runId": "r1", "status": "started"},
        {"runId": "r1", "status": "Completed"},
        {"runId": "r1", "status": ""},
    ],
)
def test_a_status_message_needs_run_and_status(fields: dict[str, Any]) -> None:
    with pytest.raises(MalformedProgress):
        read_event(STATUS_SUBJECT, json.dumps(fields).encode())


@pytest.mark.parametrize(
    "job",
    [
        "",
        "eight",
        "0",
        "-1",
        "+1",
        "1.5",
        "1e3",
        " 1",
        "1_000",
        "0x1",
        "٣",
        "²",
        "9" * 17,
        "9" * 5000,
        str(MAX_JOB_ID + 1),
    ],
)
def test_a_job_that_is_no_number_is_refused(job: str) -> None:
    with pytest.raises(MalformedProgress):
        read_event(f"tenant.acme.job.{job}.progress", payload())


@pytest.mark.parametrize(
    "subject", ["", "tenant", "tenant.acme.job.42", "tenant.acme.job.42.progress.more", "....."]
)
def test_a_subject_with_too_few_or_too_many_parts_is_refused(subject: str) -> None:
    with pytest.raises(MalformedProgress):
        read_event(subject, payload())


def test_the_largest_job_that_a_browser_keeps_exactly_is_served() -> None:
    topic = read_event(f"tenant.acme.job.{MAX_JOB_ID}.progress", payload()).topic
    assert topic.job_id == MAX_JOB_ID


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b" ",
        b"not json",
        b"\xff\xfe\x00",
        b"\xef\xbb\xbf{}",
        b"{",
        b"[]",
        b"null",
        b"1",
        b'"running"',
        b"[" * 100_000,
        b'{"nodeId":' * 50_000,
        b'{"nodeId":1,"status":"running"} {}',
        b'{"nodeId":1,"status":"running","x":NaN}',
        b'{"nodeId":1,"status":"running","x":-Infinity}',
        b'{"nodeId":1,"status":"running","message":"a\nb"}',
        b'{"nodeId":1,"status":"running","message":"\xed\xa0\x80"}',
        b"{'nodeId':1}",
        b'{"nodeId":1,"status":"running",}',
        b'{"nodeId":' + b"9" * 5_000 + b',"status":"running"}',
    ],
)
def test_a_payload_that_a_browser_could_not_read_is_refused(bad: bytes) -> None:
    with pytest.raises(MalformedProgress):
        read_event(SUBJECT, bad)


@pytest.mark.parametrize(
    "changed",
    [
        {"nodeId": None},
        {"nodeId": "1"},
        {"nodeId": 1.5},
        {"nodeId": 2**53},
        {"seq": 1.5},
        {"nodeId": True},
        {"status": None},
        {"status": "dancing"},
        {"status": 1},
        {"status": []},
        {"status": {}},
        {"nodeName": 1},
        {"rowCount": "5"},
        {"rowCount": 5.5},
        {"rowCount": True},
        {"message": ["x"]},
        {"runId": 7},
        {"seq": "1"},
        {"ts": "now"},
        {"ts": False},
    ],
)
def test_a_field_of_the_wrong_type_is_refused_by_name(changed: dict[str, Any]) -> None:
    [name] = changed
    with pytest.raises(MalformedProgress, match=name):
        read_event(SUBJECT, payload(**changed))


@given(
    st.text(),
    st.binary()
    | st.dictionaries(st.sampled_from(list(FIVE)), st.text() | st.integers() | st.none()).map(
        lambda fields: json.dumps(fields).encode()
    ),
)
def test_no_message_does_more_than_be_refused(subject: str, found: bytes) -> None:
    for tried in (subject, SUBJECT, STATUS_SUBJECT):
        with contextlib.suppress(MalformedProgress):
            event = read_event(tried, found)
            assert json.loads(event.payload.decode())["status"]
