"""Traces of a process: told to a real collector, and no harm where it is away, slow, or nobody asked."""

from __future__ import annotations

import logging
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from hosting.environments import for_nats, for_runner
from tests.harness import ROOT, eventually
from tests.traces.collector import Collector, collecting
from traces import exported
from traces.parent import checked_parent, trace_id_of
from traces.span import Span
from traces.traces import Traces
from traces.wanted import NotPossible
from traces.wanted import collector as wanted_collector

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = f"00-{TRACE}-{SPAN}-01"


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as collector:
        yield collector


@pytest.fixture
def traces(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> Iterator[Traces]:
    """What is told to `collector`, within milliseconds."""
    yield from opened(monkeypatch, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)


def opened(monkeypatch: pytest.MonkeyPatch, **environ: str) -> Iterator[Traces]:
    for name, value in {"OTEL_BSP_SCHEDULE_DELAY": "20", **environ}.items():
        monkeypatch.setenv(name, value)  # the package reads the process's own
    traces = Traces("test")
    traces.open(environ)
    yield traces
    traces.close()


# ---- whose trace


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (PARENT, PARENT),
        (f"  {PARENT} ", PARENT),
        (PARENT[:-2] + "00", PARENT[:-2] + "00"),
        (f"cc{PARENT[2:]}-what-comes-later", PARENT),
        *((wrong, None) for wrong in (None, "", "00", PARENT[:-1], f"{PARENT}-more", f"{PARENT}x")),
        (f"ff{PARENT[2:]}", None),
        (f"cc{PARENT[2:]}x", None),
        (PARENT.upper().replace("4BF9", "4BFG"), None),
        (f"00-{'0' * 32}-{SPAN}-01", None),
        (f"00-{TRACE}-{'0' * 16}-01", None),
        ("00-" + "é" * 32 + f"-{SPAN}-01", None),
    ],
)
def test_a_traceparent_is_taken_as_the_standard_has_it(sent: str | None, kept: str | None) -> None:
    assert checked_parent(sent) == kept
    assert trace_id_of(kept) == (TRACE if kept else None)


# ---- whether, and where


@pytest.mark.parametrize(
    ("environ", "place"),
    [
        ({}, None),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, None),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, "http://c:4318"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://[::1]:4318/x"}, "http://[::1]:4318"),
        (
            {
                "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318",
                "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://user:secret@t.example/key/v1/traces",
            },
            "https://t.example",
        ),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c", "OTEL_SDK_DISABLED": "true"}, None),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c", "OTEL_TRACES_EXPORTER": "none"}, None),
    ],
)
def test_the_standard_variables_say_where_traces_go(
    environ: dict[str, str], place: str | None
) -> None:
    assert wanted_collector(environ) == place


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317", "must be a URL such as"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:port", "must be a URL such as"),
        ("OTEL_TRACES_EXPORTER", "zipkin", "must be otlp or none"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "http/protobuf is the one protocol"),
    ],
)
def test_what_cannot_work_is_told_in_one_line_and_nothing_else_suffers(
    name: str, value: str, says: str, caplog: pytest.LogCaptureFixture
) -> None:
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318", name: value}
    with pytest.raises(NotPossible, match=says):
        wanted_collector(environ)
    traces = Traces("test")
    traces.open(environ)
    [line] = caplog.messages
    assert says in line
    assert not traces.are_told
    with traces.serve("x", PARENT, {}) as work:
        assert work.parent == PARENT, "what it leads to belongs to the caller's trace"
    traces.tell(None, Span("x", 1.0, 2.0))
    traces.close()


def test_a_setting_that_the_package_refuses_is_told_too(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    url = "http://127.0.0.1:4318"
    [traces] = [
        next(opened(monkeypatch, OTEL_EXPORTER_OTLP_ENDPOINT=url, OTEL_BSP_MAX_QUEUE_SIZE="7"))
    ]
    assert not traces.are_told
    [line] = caplog.messages
    assert line.startswith("no traces are told: OpenTelemetry refuses its settings: ")


def test_without_the_package_all_else_works_and_one_line_says_so() -> None:
    code = """
import logging, os, sys
logging.basicConfig(level="INFO", format="%(message)s")
sys.modules["opentelemetry"] = None  # not importable
from traces.traces import Traces
traces = Traces("test")
traces.open({})
assert not traces.are_told
traces.open({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"})
with traces.serve("x", None, {}) as work:
    assert work.parent is None
    work.note({"a": 1}), work.fail("b")
traces.close()
import app, jobs.runner
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    [line] = done.stderr.splitlines()
    assert line.startswith("no traces are told: the package opentelemetry-sdk")


# ---- what is told


def test_spans_come_with_their_times_parents_and_errors(
    traces: Traces, collector: Collector
) -> None:
    with traces.serve("execute job", PARENT, {"progress.job.id": 7}) as work:
        work.note({"progress.run.id": "r"})
        parent = work.parent
    node = Span("Orders", 11.0, 12.5, {"progress.node.rows": 5}, error="failed")
    traces.tell(parent, Span("run job", 10.0, 13.0, {"ok": True}, "exit_code", (node,)))
    odd = Span("\ud800", 5.0, 6.0, {"progress.node.type": "half \udfff"})
    traces.tell(None, Span("alone", 5.0, 4.0), odd)
    eventually(lambda: len(collector.spans) == 5, what="all are told")
    by_name = {span.name: span for span in collector.spans}
    execute, run, orders, alone = (
        by_name[name] for name in ("execute job", "run job", "Orders", "alone")
    )
    assert {span.service for span in collector.spans} == {"test"}
    assert (execute.trace_id, execute.parent_id) == (TRACE, SPAN)
    assert execute.attributes == {"progress.job.id": 7, "progress.run.id": "r"}
    assert (run.parent_id, orders.parent_id) == (execute.span_id, run.span_id)
    assert {run.trace_id, orders.trace_id} == {TRACE}
    assert (run.began, run.ended, orders.began, orders.ended) == (10.0, 13.0, 11.0, 12.5)
    assert (run.error, orders.error, execute.error) == ("exit_code", "failed", None)
    assert (alone.parent_id, alone.began, alone.ended) == ("", 5.0, 5.0)
    assert alone.trace_id != TRACE
    assert by_name["?"].attributes == {"progress.node.type": "half ?"}, (
        "halves of characters cost no others"
    )


def test_what_a_caller_does_not_sample_is_not_told(traces: Traces, collector: Collector) -> None:
    with traces.serve("unsampled", PARENT[:-2] + "00", {}) as work:
        assert work.parent is not None
        assert work.parent.startswith(f"00-{TRACE}-")
        assert work.parent.endswith("-00")
    traces.tell(work.parent, Span("unsampled, too", 1.0, 2.0))
    traces.tell(None, Span("sampled", 1.0, 2.0))
    eventually(lambda: collector.spans)
    traces.close()
    assert [span.name for span in collector.spans] == ["sampled"]


def test_headers_and_the_name_of_the_service_are_those_of_the_environment(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    for traces in opened(
        monkeypatch,
        OTEL_EXPORTER_OTLP_ENDPOINT=collector.url,
        OTEL_EXPORTER_OTLP_HEADERS="authorization=Bearer%20s3cret",
        OTEL_SERVICE_NAME="ours",
    ):
        traces.tell(None, Span("x", 1.0, 2.0))
    assert [span.service for span in collector.spans] == ["ours"]
    assert collector.headers[0]["authorization"] == "Bearer s3cret"


def test_nats_server_does_not_get_the_password_of_the_collector() -> None:
    ours = {"OTEL_EXPORTER_OTLP_HEADERS": "authorization=s3cret", "PATH": "/bin"}
    assert for_nats(ours) == {"PATH": "/bin"}
    assert for_runner(ours) == ours


# ---- a collector that is away, slow, or refuses


@pytest.fixture
def away() -> Iterator[str]:
    """The URL of a collector that is away; nobody else gets its port."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


def test_a_collector_that_is_away_costs_nothing_and_one_line(
    away: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    settings = {"OTEL_EXPORTER_OTLP_TIMEOUT": "1", "OTEL_BSP_MAX_QUEUE_SIZE": "64"}
    batch = {"OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "16"}
    for traces in opened(monkeypatch, OTEL_EXPORTER_OTLP_ENDPOINT=away, **settings, **batch):
        began = time.monotonic()
        for number in range(5_000):
            traces.tell(None, Span(f"span {number}", 1.0, 2.0))
        assert time.monotonic() - began < 5.0, "nobody waits for the collector"
        eventually(lambda: "spans of traces are lost" in caplog.text)
        monkeypatch.setattr(exported, "CLOSE_WAIT", 0.1)
        closing = time.monotonic()
        traces.close()
        assert time.monotonic() - closing < 5.0
    told = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(told) == 1, caplog.text
    assert away in told[0].getMessage()


@pytest.mark.parametrize("answer", [None, 503, 400])
def test_it_is_told_why_a_collector_takes_nothing(
    answer: int | None,
    away: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It was “due to timeout, max retries or shutdown” of a collector that is away."""
    with collecting() as collector:
        url = f"{collector.url}/v1/traces"
        collector.answer = answer or 200
        if answer is None:
            url = f"{away}/a-secret?key=another-secret"
        settings = {"OTEL_EXPORTER_OTLP_TIMEOUT": "2.5"}
        for traces in opened(monkeypatch, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=url, **settings):
            traces.tell(None, Span("x", 1.0, 2.0))
            eventually(lambda: "spans of traces are lost" in caplog.text)
    reasons = {None: "Connection refused", 503: "Service Unavailable", 400: "Bad Request"}
    assert reasons[answer] in caplog.text
    assert "secret" not in caplog.text


def test_a_collector_that_never_answers_does_not_hold_up_the_end(
    traces: Traces, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exported, "CLOSE_WAIT", 0.1)
    monkeypatch.setattr(exported, "GIVE_UP_WAIT", 0.1)
    collector.go.clear()
    traces.tell(None, Span("x", 1.0, 2.0))
    began = time.monotonic()
    traces.close()
    traces.close()
    assert time.monotonic() - began < 5.0, "the package waits ten seconds"


def test_spans_come_when_the_collector_is_back(traces: Traces, collector: Collector) -> None:
    collector.answer = 503
    traces.tell(None, Span("kept", 1.0, 2.0))
    collector.answer = 200
    eventually(lambda: [s.name for s in collector.spans] == ["kept"])
