"""ProgressReporter in real programs, against a real nats-server and against none."""

import base64
import functools
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from progress_lib import Progress, ProgressReporter, Status
from progress_lib.ends import shown, text_of
from progress_lib.logs import NodeHandler
from progress_lib.nats import connection as nats_connection
from progress_lib.nats.jetstream import JetStream
from progress_lib.nats.link import Link
from progress_lib.progress import Row
from progress_lib.reporting import reporter as reporter_module
from progress_lib.reporting.outbox import MAX_NODES
from progress_lib.reporting.reporter import ABSENT_WAIT
from progress_lib.tracking import len_of
from tests.harness import DEADLINE, ROOT, NatsServer, eventually, free_port
from tests.progress_lib.listener import Listener


def program(url: str, body: str) -> "subprocess.Popen[str]":
    """A program of its own that reports as `r` and runs `body`."""
    source = (
        "import os, time\n"
        "from progress_lib import Progress, ProgressReporter, Status\n"
        f"with ProgressReporter({url!r}, 'default', 42) as reporter:\n"
        "    r = reporter.report_func()\n" + "".join(f"    {line}\n" for line in body.splitlines())
    )
    return subprocess.Popen(
        [sys.executable, "-c", source], cwd=ROOT, text=True, stderr=subprocess.PIPE
    )


def test_the_context_manager_lets_everything_out_before_the_program_ends(
    nats_server: NatsServer, listener: Listener
) -> None:
    body = "for n in range(1000): r(Progress(1, 'DB Input', Status.RUNNING, n))\n"
    body += "r(Progress(1, 'DB Input', Status.COMPLETED, 1000, 'done'))"
    assert program(nats_server.url, body).wait(DEADLINE) == 0
    eventually(lambda: listener.last() == {1: ("completed", 1000)})
    first, last = listener.messages[0], listener.messages[-1]
    assert set(first) == {
        "nodeId", "nodeName", "status", "rowCount", "message", "runId", "seq", "ts"
    }  # fmt: skip
    assert first["status"] == "running"
    assert last["message"] == "done"
    numbers = [message["seq"] for message in listener.messages]
    assert numbers == sorted(set(numbers))


def test_twenty_counts_a_second_leave_however_often_the_program_reports(
    nats_server: NatsServer, listener: Listener
) -> None:
    with ProgressReporter(nats_server.url, "default", 42) as reporter:
        end = time.monotonic() + 1.0
        while time.monotonic() < end:
            reporter.report(Progress(1, "n", Status.RUNNING, 1))
        reporter.report(Progress(1, "n", Status.COMPLETED, 2))
    eventually(lambda: listener.last() == {1: ("completed", 2)})
    assert 5 <= len(listener.messages) <= 23


def test_a_program_whose_nats_is_away_runs_and_ends_as_if_nothing_was() -> None:
    url = f"nats://127.0.0.1:{free_port()}"
    began = time.monotonic()
    running = program(
        url, "for n in range(1000): r(Progress(1, 'n', Status.RUNNING, n))\nos._exit(7)"
    )
    assert running.wait(DEADLINE) == 7
    ended = program(url, "r(Progress(1, 'n', Status.COMPLETED, 1))")
    assert ended.wait(DEADLINE) == 0
    assert time.monotonic() - began < 30


def test_close_waits_for_a_first_connection_that_is_still_being_made(
    nats_server: NatsServer, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reporter_module, "FIRST_WAIT", DEADLINE)
    monkeypatch.setattr(nats_connection, "CONNECT_WAIT", DEADLINE)
    nats_server.pause()
    reporter = ProgressReporter(nats_server.url, "default", 42)
    reporter.report(Progress(1, "n", Status.COMPLETED, 3))
    closing = threading.Thread(target=reporter.close, args=(DEADLINE,))
    closing.start()
    closing.join(ABSENT_WAIT + 0.2)
    assert closing.is_alive()
    nats_server.resume()
    closing.join()
    eventually(lambda: listener.last() == {1: ("completed", 3)})


def test_a_url_of_a_variable_that_is_not_set_is_told_as_such(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with ProgressReporter(os.environ.get("NOT_SET"), "default", 42):  # type: ignore[arg-type]
        pass
    assert "NATS URL 'None' is not of the form nats://" in caplog.text


HANDLER = """
import signal
from progress_lib import Progress, Status, default_reporter
reporter, caught = default_reporter(), 0
report = reporter.report_func()

def handle(*_):
    global caught
    caught += 1
    report(Progress(900_002, "handler", Status.RUNNING, caught))
    with reporter.node():
        pass
    signal.setitimer(signal.ITIMER_REAL, 0.0005)  # not before: handlers would pile up on a busy machine

signal.signal(signal.SIGALRM, handle)
signal.setitimer(signal.ITIMER_REAL, 0.0005)
while caught < 2_000:
    with reporter.node(node_id=1_000_000 + caught % 7):
        report(Progress(900_001, "main", Status.RUNNING, caught))
signal.signal(signal.SIGALRM, signal.SIG_IGN)
report(Progress(900_001, "main", Status.COMPLETED, 1))
report(Progress(900_002, "handler", Status.COMPLETED, caught))
"""


def test_a_signals_handler_reports_whatever_it_interrupts(
    nats_server: NatsServer, listener: Listener
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", HANDLER],
        cwd=ROOT,
        env={**os.environ, "NATS_URL": nats_server.url, "JOB_ID": "42"},
        stderr=subprocess.DEVNULL,
    )
    try:
        assert process.wait(60) == 0
    finally:
        process.kill()
    both = (900_001, 900_002)
    eventually(lambda: all(listener.last()[node][0] == "completed" for node in both))
    assert listener.last()[900_002][1] >= 2_000


def test_a_wrong_url_or_tenant_does_not_stop_the_program() -> None:
    for url, tenant_id in (("http://x", "default"), ("nats://127.0.0.1:1", "a.b")):
        with ProgressReporter(url, tenant_id, 42) as reporter:
            reporter.report(Progress(1, "n", Status.RUNNING))


@pytest.mark.parametrize("job_id", ["042", " 42\n", "42", 42])
def test_a_job_is_a_number_however_it_is_written(
    nats_server: NatsServer, listener: Listener, job_id: Any
) -> None:
    with ProgressReporter(nats_server.url, "default", job_id) as reporter:
        reporter.report(Progress(1, "n", Status.RUNNING, 1))
    eventually(lambda: listener.last() == {1: ("running", 1)})


@pytest.mark.parametrize("job_id", ["daily", "4_2", "0", "-1", "", None, 4.5, True, 2**53])
def test_a_job_that_no_page_could_show_is_told(
    job_id: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with ProgressReporter("nats://127.0.0.1:1", "default", job_id) as reporter:
        reporter.report(Progress(1, "n", Status.RUNNING, 1))
    told = [record.message for record in caplog.records]
    assert told == [
        f"progress is not reported: job {job_id!r} is no whole number from 1 to {2**53 - 1}"
    ]


def test_an_exception_ends_the_program_with_its_own_exit_code(nats_server: NatsServer) -> None:
    crashed = program(nats_server.url, "raise RuntimeError('boom')")
    assert crashed.wait(DEADLINE) == 1
    assert crashed.stderr is not None
    assert "RuntimeError: boom" in crashed.stderr.read()


def test_a_program_that_forgets_to_close_still_ends_and_says_its_last_word(
    nats_server: NatsServer, listener: Listener
) -> None:
    source = (
        "from progress_lib import *\n"
        f"r = ProgressReporter({nats_server.url!r}, 'default', 42)\n"
        "r.report(Progress(1, 'n', Status.COMPLETED, 3))\n"
    )
    subprocess.run([sys.executable, "-c", source], cwd=ROOT, check=True, timeout=20)
    eventually(lambda: listener.last() == {1: ("completed", 3)})


def test_a_killed_program_is_gone_at_once(nats_server: NatsServer, listener: Listener) -> None:
    running = program(nats_server.url, "r(Progress(1, 'n', Status.RUNNING))\ntime.sleep(60)")
    eventually(lambda: listener.messages)
    running.send_signal(signal.SIGKILL)
    assert running.wait(DEADLINE) == -signal.SIGKILL


def test_nats_that_comes_later_gets_the_last_state_of_each_node(
    nats_server: NatsServer, listener: Listener
) -> None:
    JetStream(listener.link).call("STREAM.CREATE.ALL", {"name": "ALL", "subjects": ["tenant.>"]})
    nats_server.stop()
    with ProgressReporter(nats_server.url, "default", 42) as reporter:
        reporter.report(Progress(1, "a", Status.RUNNING, 1))
        reporter.report(Progress(1, "a", Status.COMPLETED, 10))
        for rows in range(100):
            reporter.report(Progress(2, "b", Status.RUNNING, rows))
        nats_server.start()
        eventually(lambda: stored(listener.link)[2:3] == [(2, "running", 0)])
        eventually(lambda: stored(listener.link)[-1] == (2, "running", 99))
        assert stored(listener.link)[:2] == [(1, "running", 1), (1, "completed", 10)]


def stored(link: Link) -> list[tuple[int, str, int]]:
    """What the stream has kept: node, status and rows of each message."""
    jetstream = JetStream(link)
    count = jetstream.call("STREAM.INFO.ALL", {})["state"]["messages"]
    found = []
    for number in range(1, count + 1):
        answer = jetstream.call("STREAM.MSG.GET.ALL", {"seq": number})
        message = json.loads(base64.b64decode(answer["message"]["data"]))
        found.append((message["nodeId"], message["status"], message["rowCount"]))
    return found


def test_a_terminal_state_survives_a_server_that_is_killed_as_it_is_sent(
    nats_server: NatsServer, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    JetStream(listener.link).call("STREAM.CREATE.ALL", {"name": "ALL", "subjects": ["tenant.>"]})
    with ProgressReporter(nats_server.url, "default", 42) as reporter:
        assert reporter._link is not None
        assert reporter._link.wait_up(DEADLINE)
        nats_server.pause()  # takes bytes, and will never read them
        made: list[Progress] = []
        complete = reporter._complete

        def noted(progress: Progress) -> Progress:
            made.append(progress)
            return complete(progress)

        monkeypatch.setattr(reporter, "_complete", noted)
        reporter.report(Progress(1, "a", Status.COMPLETED, 10))
        eventually(lambda: made)
        nats_server.kill()
        nats_server.start()
        eventually(lambda: set(stored(listener.link)) == {(1, "completed", 10)})


# ---------------------------------------------------------------- what a program may put there


class Whole:
    """A number as NumPy has it: of another type, equal to an int."""

    def __int__(self) -> int:
        return 5

    def __eq__(self, other: object) -> bool:
        return other == 5

    __hash__ = None  # type: ignore[assignment]


class Untold:
    """As an object of a session that is closed."""

    def __repr__(self) -> str:
        raise ValueError("it is detached")


def odd(**fields: Any) -> Progress:
    """A progress whose fields nobody has checked, as Python lets a program make it."""
    plain = {"node_id": 1, "node_name": "A", "status": Status.RUNNING, "row_count": 5}
    return Progress(**{**plain, **fields})


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        ({"row_count": Decimal(5)}, {"rowCount": 5}),
        ({"row_count": 5.0}, {"rowCount": 5}),
        ({"row_count": Whole()}, {"rowCount": 5}),
        ({"status": "running"}, {"status": "running"}),
        ({"message": None}, {"message": ""}),
        ({"message": b"done\xff"}, {"message": "done\ufffd"}),
        ({"message": ValueError("bad row")}, {"message": "bad row"}),
        ({"node_name": None}, {"nodeName": ""}),
        ({"node_name": "x" * 100_000}, {"nodeName": "x" * 8_192}),
    ],
)
def test_what_can_be_said_otherwise_is(
    nats_server: NatsServer, listener: Listener, fields: dict[str, Any], shown: dict[str, Any]
) -> None:
    with ProgressReporter(nats_server.url, "default", 42) as reporter:
        reporter.report(odd(**fields))
    [message] = eventually(lambda: listener.messages)
    assert {name: message[name] for name in shown} == shown


@pytest.mark.parametrize(
    "fields",
    [
        {"row_count": float("nan")},
        {"row_count": 5.5},
        {"row_count": True},
        {"row_count": "5"},
        {"row_count": 10**5_000},
        {"row_count": None},
        {"node_id": "1"},
        {"node_id": None},
        {"node_id": 10**5_000},
        {"node_id": Untold()},
        {"row_count": Untold()},
        {"status": "ok"},
        {"status": None},
        {"row": 7},
    ],
)
def test_what_cannot_be_said_is_told_once_and_stops_nothing(
    nats_server: NatsServer,
    listener: Listener,
    fields: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    with ProgressReporter(nats_server.url, "default", 42) as reporter:
        for _ in range(3):
            reporter.report(odd(**fields))
        reporter.report(Progress(2, "B", Status.RUNNING, 1))
        reporter.report(Progress(2, "B", Status.COMPLETED, 7))
    eventually(lambda: listener.last() == {2: ("completed", 7)})
    warnings = [
        record for record in caplog.records if record.name == "progress_lib.reporting.reporter"
    ]
    assert len(warnings) == 1, [record.message for record in warnings]
    assert "is not reported" in warnings[0].message


@pytest.mark.parametrize(
    "fields", [{"row_count": float("nan")}, {"row_count": 7.5}, {"row": 7}, {"ports": {"a": 0.5}}]
)
def test_an_end_is_told_whatever_its_details_are(
    nats_server: NatsServer,
    listener: Listener,
    fields: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    with ProgressReporter(nats_server.url, "default", 42) as reporter:
        reporter.report(odd(row_count=6))
        reporter.report(odd(status=Status.FAILED, **{"row_count": 6, **fields}))
    eventually(lambda: listener.last() == {1: ("failed", 6)})
    [told] = [record.message for record in caplog.records]
    assert "node 1 is reported without what was wrong with it: " in told


def test_nodes_beyond_the_most_are_told_of_once(
    nats_server: NatsServer, caplog: pytest.LogCaptureFixture
) -> None:
    with ProgressReporter(nats_server.url, "default", 42) as reporter:
        for node_id in range(MAX_NODES + 3):
            reporter.report(odd(node_id=node_id))
    [warning] = [
        record for record in caplog.records if record.name == "progress_lib.reporting.reporter"
    ]
    assert "any other node" in warning.message
    assert "10,000" in warning.message


def test_plain_words_for_a_status_end_a_node(nats_server: NatsServer, listener: Listener) -> None:
    with ProgressReporter(nats_server.url, "default", 42) as reporter:
        reporter.report(odd(status="running"))
        reporter.report(odd(status="completed", row_count=7))
        reporter.report(odd(status="running", row_count=8))
    eventually(lambda: listener.last() == {1: ("completed", 7)})


def test_texts_are_cut_to_what_a_server_takes(tmp_path: Path) -> None:
    config = tmp_path / "small.conf"
    config.write_text("max_payload: 1024\n")
    server = NatsServer(tmp_path / "small", port=free_port(), extra=("-c", str(config)))
    server.start()
    listener = Listener(server.url)
    try:
        with ProgressReporter(server.url, "default", 42) as reporter:
            assert reporter._link is not None
            assert reporter._link.wait_up(DEADLINE)
            values = {"a": "\U0001f600" * 5_000}
            reporter.report(odd(message="\U0001f600" * 8_192, row=Row(3, values)))
            reporter.report(odd(node_id=2, ports={f"{n:0100}": n for n in range(20)}))
            reporter.report(odd(node_id=3, status="completed"))
        eventually(lambda: set(listener.last()) == {1, 2, 3})
        assert listener.messages[0]["message"].count("\U0001f600") == 0
        assert listener.messages[0]["nodeName"] == "A"
    finally:
        listener.link.close()
        server.stop()


def test_last_words_are_written_whatever_their_texts_are(
    nats_server: NatsServer, tmp_path: Path
) -> None:
    last_words = tmp_path / "last"
    with ProgressReporter(nats_server.url, "default", 42, last_words=last_words) as reporter:
        reporter.report(odd(status=Status.COMPLETED, row_count=7))
        failed = odd(node_id=2, node_name="B", status=Status.FAILED, message=ValueError("bad row"))
        reporter.report(failed)
    written = [json.loads(line) for line in last_words.read_text().splitlines()]
    assert [(w["nodeId"], w["status"], w["message"]) for w in written] == [
        (1, "completed", ""),
        (2, "failed", "bad row"),
    ]


def test_a_stop_while_the_last_words_leave_does_not_cost_them(
    nats_server: NatsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that is cancelled while NATS is away: neither NATS nor the file had why its node failed."""
    last_words = tmp_path / "last"
    reporter = ProgressReporter(nats_server.url, "default", 42, last_words=last_words)
    reporter.report(Progress(1, "A", Status.FAILED, 7, "bad row"))
    say_last = reporter._say_last

    def stopped(link: Link, timeout: float) -> None:
        say_last(link, timeout)
        raise SystemExit(143)

    monkeypatch.setattr(reporter, "_say_last", stopped)
    with pytest.raises(SystemExit):
        reporter.close()
    assert json.loads(last_words.read_text())["message"] == "bad row"


# ---------------------------------------------------------------- signals


def raise_time_limit(*_: object) -> None:
    raise TimeoutError("the time limit")


class Interrupted:
    """Whatever it is read as, a signal comes meanwhile."""

    def __index__(self) -> int:
        signal.raise_signal(signal.SIGALRM)
        return 1

    def __str__(self) -> str:
        return str(self.__index__())

    __repr__, __len__ = __str__, __index__


class Wrong:
    """A count that is none."""

    def __index__(self) -> int:
        raise TimeoutError("no time limit")


@pytest.mark.parametrize("status", [Status.RUNNING, Status.COMPLETED])
@pytest.mark.parametrize("handler", [raise_time_limit, functools.partial(raise_time_limit, 1)])
def test_what_the_handler_of_a_signal_raises_is_not_swallowed(
    nats_server: NatsServer, status: Status, handler: Callable[..., None]
) -> None:
    """A program that reports each row is within `report` most of the time when its time limit comes."""
    before = signal.signal(signal.SIGALRM, handler)
    try:
        with ProgressReporter(nats_server.url, "default", 42) as reporter:
            with pytest.raises(TimeoutError, match="the time limit"):
                reporter.report(Progress(1, "A", status, Interrupted()))  # type: ignore[arg-type]
            reporter.report(Progress(1, "A", status, Wrong()))  # type: ignore[arg-type]
            log = logging.Logger("mine")
            log.addHandler(NodeHandler(reporter.node(2)))
            for way in (text_of, shown, len_of, log.error):
                with pytest.raises(TimeoutError, match="the time limit"):
                    way(Interrupted())
    finally:
        signal.signal(signal.SIGALRM, before)


class InterruptedOnce(Interrupted):
    """Its first reader in the main thread is interrupted."""

    def __init__(self) -> None:
        self._is_read = False

    def __index__(self) -> int:
        if self._is_read or threading.current_thread() is not threading.main_thread():
            return 7
        self._is_read = True
        return super().__index__()


def test_a_node_ends_though_a_signal_breaks_off_what_tells_its_beginning_or_its_end(
    nats_server: NatsServer, listener: Listener
) -> None:
    before = signal.signal(signal.SIGALRM, raise_time_limit)
    try:
        with ProgressReporter(nats_server.url, "default", 42) as reporter:
            node, watch = reporter.node(1), reporter.watch

            def interrupted(_: object) -> None:
                reporter.watch = watch  # type: ignore[method-assign]
                raise_time_limit()

            reporter.watch = interrupted  # type: ignore[assignment,method-assign]
            with pytest.raises(TimeoutError, match="the time limit"):
                node.begin()
            with pytest.raises(TimeoutError, match="the time limit"), reporter.node(2) as node:
                node.message = InterruptedOnce()  # type: ignore[assignment]
            eventually(lambda: listener.end(1) and listener.end(2), what="both have ended")
    finally:
        signal.signal(signal.SIGALRM, before)
    assert listener.end(1) == ("failed", 0, "TimeoutError: the time limit")
    assert listener.end(2) == ("completed", 0, "7")


def test_a_node_that_nobody_was_told_of_may_begin_again(
    nats_server: NatsServer, listener: Listener
) -> None:
    before = signal.signal(signal.SIGALRM, raise_time_limit)
    try:
        with ProgressReporter(nats_server.url, "default", 42) as reporter:
            node = reporter.node(1)
            node.name = InterruptedOnce()  # type: ignore[assignment]
            with pytest.raises(TimeoutError, match="the time limit"):
                node.begin()
            node.name = "again"
            with node:
                node.advance(5)
    finally:
        signal.signal(signal.SIGALRM, before)
    eventually(lambda: listener.end(1) == ("completed", 5, ""))


# ---------------------------------------------------------------- forks


def test_a_fork_leaves_the_parents_connection_alone_and_ends_at_once(
    nats_server: NatsServer, listener: Listener
) -> None:
    body = """
import sys
r(Progress(1, 'A', Status.RUNNING, 0))
reporter._link.wait_up(30)
for n in range(5):
    if os.fork() == 0:
        began = time.monotonic()
        reporter.close(60.0)
        assert time.monotonic() - began < 15.0, time.monotonic() - began  # it may wait 60 s
        sys.exit(0)
    assert os.wait()[1] == 0
    r(Progress(1, 'A', Status.RUNNING, n))
assert reporter._link.connects == 1, reporter._link.connects
r(Progress(1, 'A', Status.COMPLETED, 9))
"""
    process = program(nats_server.url, body)
    _, err = process.communicate(timeout=DEADLINE)
    assert process.returncode == 0, err
    eventually(lambda: listener.last() == {1: ("completed", 9)})


def test_a_forked_child_reports_on_a_connection_of_its_own(
    nats_server: NatsServer, listener: Listener
) -> None:
    body = """
import sys
r(Progress(1, 'A', Status.RUNNING, 1))
reporter._link.wait_up(30)
for n in (2, 3):
    if os.fork() == 0:
        r(Progress(n, 'child', Status.COMPLETED, n))
        sys.exit(0)
    os.wait()
r(Progress(1, 'A', Status.COMPLETED, 1))
"""
    process = program(nats_server.url, body)
    _, err = process.communicate(timeout=DEADLINE)
    assert process.returncode == 0, err
    ends = {1: ("completed", 1), 2: ("completed", 2), 3: ("completed", 3)}
    eventually(lambda: listener.last() == ends)


def test_the_child_of_a_child_that_said_nothing_reports(
    nats_server: NatsServer, listener: Listener
) -> None:
    """As a daemon, which forks twice, or a task of a worker that was forked itself."""
    body = """
import sys
r(Progress(1, 'A', Status.COMPLETED, 1))
reporter._link.wait_up(30)
if os.fork() == 0:
    if os.fork() == 0:
        r(Progress(2, 'grandchild', Status.COMPLETED, 2))
        sys.exit(0)
    sys.exit(os.wait()[1])
assert os.wait()[1] == 0
"""
    process = program(nats_server.url, body)
    _, err = process.communicate(timeout=DEADLINE)
    assert process.returncode == 0, err
    eventually(lambda: listener.last() == {1: ("completed", 1), 2: ("completed", 2)})


def test_what_gevent_keeps_alive_in_a_forked_child_says_and_does_nothing(
    nats_server: NatsServer, listener: Listener
) -> None:
    """Its threads live on there: those of the parent's reporter ended with a traceback each, or went on with the child's."""
    body = f"""
from gevent import monkey
monkey.patch_all()
import os, sys
from progress_lib import ProgressReporter
reporter = ProgressReporter({nats_server.url!r}, "default", 42)
with reporter.node(1, "parent"):
    reporter._link.wait_up(30)
    if os.fork() == 0:
        with reporter.node(2, "child"):
            reporter._link.wait_up(30)
        reporter.close()
        sys.exit(0)
    assert os.wait()[1] == 0
"""
    process = subprocess.run(
        [sys.executable, "-c", body], cwd=ROOT, stderr=subprocess.PIPE, timeout=DEADLINE
    )
    assert (process.returncode, process.stderr.decode()) == (0, "")
    eventually(lambda: listener.last() == {1: ("completed", 0), 2: ("completed", 0)})


CHILDREN = """
import multiprocessing
from progress_lib import default_reporter, track

def work(n):
    for row in track(range(10), node_id=n):
        if n == 3:
            raise ValueError("bad row")

if __name__ == "__main__":
    {before}
    context = multiprocessing.get_context("{how}")
    for n in (1, 2, 3):
        child = context.Process(target=work, args=(n,))
        child.start()
        child.join(20)
        assert child.exitcode == (n == 3), child.exitcode
"""


@pytest.mark.parametrize("how", ["fork", "forkserver", "spawn"])
@pytest.mark.parametrize("before", ["pass", "default_reporter()"])
def test_a_child_of_multiprocessing_says_its_last_word(
    nats_server: NatsServer, listener: Listener, tmp_path: Path, how: str, before: str
) -> None:
    program = tmp_path / "children.py"
    program.write_text(CHILDREN.format(how=how, before=before))
    variables = {"NATS_URL": nats_server.url, "JOB_ID": "42", "PYTHONPATH": str(ROOT)}
    result = subprocess.run(
        [sys.executable, program],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 0, result.stderr
    ends = {1: ("completed", 10), 2: ("completed", 10), 3: ("failed", 0)}
    eventually(lambda: listener.last() == ends)
    assert listener.messages[-1]["message"] == "ValueError: bad row"


FORK_MEANWHILE = """
import os, signal, sys, threading
from progress_lib import track
from progress_lib.reporting import default_reporter

making, forks = threading.Event(), threading.Event()
made = default_reporter.ProgressReporter

def slowly(*arguments, **options):
    making.set()
    forks.wait(0.3)
    return made(*arguments, **options)

default_reporter.ProgressReporter = slowly
threading.Thread(target=default_reporter.default_reporter).start()
making.wait()
child = os.fork()
if child == 0:
    signal.alarm(30)
    list(track(range(3), node_id=2))
    sys.exit(0)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_child_that_is_forked_while_a_thread_makes_the_reporter_reports(
    nats_server: NatsServer, listener: Listener
) -> None:
    variables = {"NATS_URL": nats_server.url, "JOB_ID": "42"}
    done = subprocess.run(
        [sys.executable, "-c", FORK_MEANWHILE],
        cwd=ROOT,
        env={**os.environ, **variables},
        timeout=60,
    )
    assert done.returncode == 0
    eventually(lambda: listener.last() == {2: ("completed", 3)})


CHILDS_RUN = """
import multiprocessing, os
from progress_lib import ProgressReporter

KEPT = []

def work():
    reporter = ProgressReporter(os.environ["NATS_URL"], "default", 42, announces_run=True)
    KEPT.append(reporter.node(1, "Load"))
    KEPT[0].begin_loop()
    raise ValueError("bad row")

if __name__ == "__main__":
    child = multiprocessing.get_context("{how}").Process(target=work)
    child.start()
    child.join(20)
"""


@pytest.mark.parametrize("how", ["fork", "forkserver", "spawn"])
def test_a_run_of_a_child_that_fails_is_told_as_failed(
    nats_server: NatsServer, listener: Listener, tmp_path: Path, how: str
) -> None:
    (tmp_path / "program.py").write_text(CHILDS_RUN.format(how=how))
    variables = {"NATS_URL": nats_server.url, "PYTHONPATH": str(ROOT)}
    subprocess.run(
        [sys.executable, tmp_path / "program.py"], env={**os.environ, **variables}, timeout=60
    )
    assert eventually(lambda: listener.runs[-1].get("reason")) == "ValueError: bad row"
    assert listener.runs[-1]["status"] == "failed"
    assert listener.end() == ("failed", 0, "ValueError: bad row")


FORKED_BY_A_HANDLER = """
import multiprocessing, os
from progress_lib import ProgressReporter

def work():
    ProgressReporter(os.environ["NATS_URL"], "default", 42, announces_run=True)

try:
    raise ValueError("of the parent")
except ValueError:
    child = multiprocessing.get_context("fork").Process(target=work)
    child.start()
    child.join(20)
"""


def test_a_child_that_is_forked_while_an_exception_is_handled_does_not_fail_by_it(
    nats_server: NatsServer, listener: Listener
) -> None:
    variables = {"NATS_URL": nats_server.url}
    command = [sys.executable, "-c", FORKED_BY_A_HANDLER]
    subprocess.run(command, cwd=ROOT, env={**os.environ, **variables}, timeout=60, check=True)
    eventually(lambda: listener.runs[-1]["status"] != "running")
    assert (listener.runs[-1]["status"], listener.runs[-1]["reason"]) == ("completed", None)
