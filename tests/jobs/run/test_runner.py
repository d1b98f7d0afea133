"""Runners as real processes with real programs: every run ends truly, whatever is killed."""

import itertools
import json
import os
import signal
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import jobs.run.execution.execution
from jobs.run.execution.said_since import said_since
from jobs.run.taker import ANNOUNCED_AFTER
from jobs.runner import parse
from jobs.store.process_identity import ProcessIdentity, this_machine
from jobs.store.records import NewRun, Run
from jobs.store.runs.node_states import NodeState
from jobs.store.runs.run_states import RunStatus
from jobs.store.store import Store
from jobs.work.run_files import RunFiles
from jobs.work.run_queue import RunQueue
from progress_lib.nats.jetstream import JetStream
from progress_lib.nats.link import Link, Subscription
from realtime.bridge.stream import ProgressStream
from tests.harness import DEADLINE, NatsServer, eventually, freeze, is_alive
from tests.jobs.conftest import (
    FOR_EVER,
    GOOD,
    GRAPH,
    TENANT,
    UNTIL_TOLD,
    Heard,
    RunnerElsewhere,
    StartRunner,
    ended,
    new_runner,
    pids_with,
    program,
    record,
    running,
)

IGNORES_SIGTERM = "\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + FOR_EVER
HAS_A_CHILD = (
    """
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
open("child.tmp", "w").write(str(child.pid)); os.rename("child.tmp", "child")
"""
    + FOR_EVER
)


def queued(store: Store, run_queue: RunQueue, body: str, tenant_id: str = TENANT) -> Run:
    run = record(store, body, tenant_id)
    run_queue.put(run)
    return run


def program_pid(run: Run) -> int:
    assert run.program_pid is not None
    return run.program_pid


def run_directory(data_dir: Path, run: Run) -> Path:
    return data_dir / "runs" / run.run_id


def last_word(heard: Heard, run: Run, status: str) -> None:
    """Waits until `status` was said of the run, and checks that it was the last word."""
    eventually(lambda: heard.statuses(run)[-1:] == [status], what=f"{status} is said")
    assert heard.kinds(run)[-1] == "status"


# ---- a run that goes well, and runs that do not


def test_a_good_run_is_told_in_order_and_its_states_are_kept(
    store: Store, run_queue: RunQueue, heard: Heard, start_runner: StartRunner, data_dir: Path
) -> None:
    start_runner()
    run = queued(store, run_queue, GOOD + "print('hello')\n")
    end = ended(store, run)
    assert (end.status, end.reason, end.exit_code) == (RunStatus.COMPLETED, None, 0)
    last_word(heard, run, "completed")
    assert heard.statuses(run) == ["running", "completed"]
    said = [(p["nodeId"], p["status"], p["rowCount"]) for p in heard.progress(run)]
    assert said == [(n, s, r) for n in (1, 2) for s, r in (("running", 10), ("completed", 20))]
    _, nodes = store.run_with_nodes(run.tenant_id, run.run_id)
    assert [(n.progress.status, n.progress.row_count) for n in nodes] == [("completed", 20)] * 2
    assert (run_directory(data_dir, run) / "log.txt").read_text() == "hello\n"


def test_a_program_knows_its_run_and_no_secret_of_ours(
    store: Store, run_queue: RunQueue, start_runner: StartRunner, data_dir: Path
) -> None:
    start_runner()
    run = queued(
        store,
        run_queue,
        "import json; print(json.dumps(dict(os.environ)), os.getpgid(0) == os.getpid())",
    )
    assert ended(store, run).status is RunStatus.COMPLETED
    printed, _, leads = (run_directory(data_dir, run) / "log.txt").read_text().rpartition(" ")
    environment = json.loads(printed)
    assert leads.strip() == "True"
    assert environment["RUN_ID"] == run.run_id
    assert environment["TENANT_ID"] == run.tenant_id
    assert environment["JOB_ID"] == str(run.job_id)
    assert environment["DATA_DIR"] == str(data_dir)
    assert environment["CONNECTION_SHOP"] == "sqlite:///shop.db"
    hidden = {"JWT_SECRET", "DATABASE_URL", "CONNECTION_PAYROLL"}  # the graph names shop alone
    assert not hidden & environment.keys()


KILLED_AT_ITS_END = """
from program_lib.program import _note_commit
_note_commit("Shop")
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_of_a_program_that_is_killed_while_it_commits_it_is_told_what_may_stand(
    store: Store, run_queue: RunQueue, start_runner: StartRunner
) -> None:
    start_runner()
    end = ended(store, queued(store, run_queue, KILLED_AT_ITS_END))
    assert (end.status, end.exit_code) == (RunStatus.FAILED, -signal.SIGKILL)
    assert "signal SIGKILL; it was killed at its very end" in (end.reason or "")
    assert "so that what Shop wrote may stand" in (end.reason or "")


SPOOLS = (
    "open(f'{os.environ[\"DATA_DIR\"]}/runs/{os.environ[\"RUN_ID\"]}/duckdb_temp_1', 'w').close()"
)


@pytest.mark.parametrize(
    ("body", "exit_code", "reason"),
    [
        (f"\n{SPOOLS}\nreporter.close(); raise ValueError('no such thing')", 1, "exit code 1: "),
        ("\nsay(1, 'running', 5); say(1, 'failed', 5, 'disk full'); reporter.close(); sys.exit(3)", 3,
         'exit code 3: node 1 "Node 1" failed: disk full'),
        ("\nsay(1, 'running', 5); reporter.close()", 0, 'node 1 "Node 1" was still running'),
        ("\nsay(1, 'running', 5); reporter.close(); os.kill(os.getpid(), 11)", -11, "signal SIGSEGV"),
        ("\nthis is no Python", 1, "SyntaxError"),
    ],
)  # fmt: skip
def test_a_bad_run_fails_with_what_is_known(
    store: Store,
    run_queue: RunQueue,
    heard: Heard,
    data_dir: Path,
    start_runner: StartRunner,
    body: str,
    exit_code: int,
    reason: str,
) -> None:
    start_runner()
    run = queued(store, run_queue, body)
    end = ended(store, run)
    assert (end.status, end.exit_code) == (RunStatus.FAILED, exit_code)
    assert reason in (end.reason or "")
    assert not list(run_directory(data_dir, run).glob("duckdb_temp_*")), "nothing unfinished stays"
    last_word(heard, run, "failed")
    _, nodes = store.run_with_nodes(run.tenant_id, run.run_id)
    for node in nodes:
        assert (node.progress.status, node.progress.row_count) == ("failed", 5)
        assert node.progress.message
        assert json.loads(node.payload) == heard.progress(run)[-1]
    assert is_sorted([p["seq"] for p in heard.progress(run)])


def is_sorted(numbers: list[int]) -> bool:
    return all(a < b for a, b in itertools.pairwise(numbers))


def test_a_run_directory_that_cannot_be_written_fails_the_run(
    store: Store, run_queue: RunQueue, start_runner: StartRunner, data_dir: Path
) -> None:
    (data_dir / "runs").write_text("a file where the directory should be")
    start_runner()
    end = ended(store, queued(store, run_queue, GOOD))
    assert end.status is RunStatus.FAILED
    assert "could not be started" in (end.reason or "")
    assert str(data_dir) not in (end.reason or "")


def test_a_machine_that_starts_nothing_does_not_fail_all_that_waits(
    store: Store, run_queue: RunQueue, start_runner: StartRunner, data_dir: Path
) -> None:
    """A full disk, say: its runner took run after run, also those that others would have started."""
    (data_dir / "runs").write_text("a file where the directory should be")
    runs = [queued(store, run_queue, GOOD) for _ in range(10)]
    runner = start_runner(slots=2)
    eventually(lambda: "no runs are taken for 2 s" in runner.output)  # the second rest
    (data_dir / "runs").unlink()
    assert ended(store, runs[-1]).status is RunStatus.COMPLETED


def test_the_reason_of_a_run_that_could_not_start_tells_nothing_of_the_server(
    store: Store,
    run_queue: RunQueue,
    nats_server: NatsServer,
    link: Link,
    data_dir: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    open_to_all = data_dir / "connections-of-ours"
    open_to_all.write_text("shop=sqlite:///x.db\n")
    open_to_all.chmod(0o644)
    runner = new_runner(store, link, nats_server, data_dir, connections_file=open_to_all)
    runner.start()
    try:
        end = ended(store, queued(store, run_queue, GOOD))
    finally:
        runner.stop()
    assert end.status is RunStatus.FAILED
    assert "log says why" in (end.reason or "")
    for ours in (str(data_dir), "connections-of-ours"):
        assert ours not in (end.reason or "")
    assert "connections-of-ours" in caplog.text


def test_a_runner_that_fails_once_the_program_has_ended_does_not_have_it_run_again(
    store: Store, run_queue: RunQueue, nats_server: NatsServer, link: Link, data_dir: Path
) -> None:
    """What it wrote may stand: a retry would write it a second time."""
    graph = {**GRAPH, "retries": {"count": 2, "wait": 60}}
    job = store.create_job(TENANT, "a job", graph)
    run = store.record_run(TENANT, NewRun(job.job_id, graph, program(GOOD), attempts=3)).run
    run_queue.put(run)
    runner = new_runner(store, link, nats_server, data_dir)
    runner.start()
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(jobs.run.execution.execution, "decide", lambda seen: 1 / 0)
            end = ended(store, run)
    finally:
        runner.stop()
    assert (end.status, end.exit_code) == (RunStatus.FAILED, 0)
    assert end.reason == "the runner failed; its log has the details"
    assert store.retry_of(end) is None


def test_a_run_for_which_no_thread_is_left_fails_and_leaves_no_subscription(
    store: Store,
    run_queue: RunQueue,
    nats_server: NatsServer,
    link: Link,
    data_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begin, listen, leave = threading.Thread.start, Link.subscribe, Link.unsubscribe
    listening: set[Subscription] = set()

    def start(thread: threading.Thread) -> None:
        if thread.name.startswith("exit-"):
            raise RuntimeError("can't start new thread")
        begin(thread)

    def subscribe(of: Link, subject: str, *more: Any) -> Subscription:
        subscription = listen(of, subject, *more)
        if subject.endswith(".progress"):
            listening.add(subscription)
        return subscription

    def unsubscribe(of: Link, subscription: Subscription) -> None:
        listening.discard(subscription)
        leave(of, subscription)

    runner = new_runner(store, link, nats_server, data_dir)
    runner.start()
    try:
        monkeypatch.setattr(threading.Thread, "start", start)
        monkeypatch.setattr(Link, "subscribe", subscribe)
        monkeypatch.setattr(Link, "unsubscribe", unsubscribe)
        end = ended(store, queued(store, run_queue, GOOD))
    finally:
        runner.stop()
    assert end.status is RunStatus.FAILED
    assert end.reason == "the program could not be started: the runner's log says why"
    assert not listening


def test_a_run_for_whose_own_thread_none_is_left_fails_at_once_and_keeps_no_slot(
    store: Store,
    run_queue: RunQueue,
    nats_server: NatsServer,
    link: Link,
    data_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Its runner had taken it, and took one more each second: all were lost half a minute later, as runs of a runner that is gone."""
    begin = threading.Thread.start

    def start(thread: threading.Thread) -> None:
        if thread.name.startswith("run-"):
            raise RuntimeError("can't start new thread")
        begin(thread)

    runner = new_runner(store, link, nats_server, data_dir)
    runner.start()
    try:
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", start)
            end = ended(store, queued(store, run_queue, GOOD))
        after = ended(store, queued(store, run_queue, GOOD))
    finally:
        runner.stop()
    assert (end.status, end.exit_code) == (RunStatus.FAILED, None)
    assert end.reason == "the program could not be started: the runner's log says why"
    assert after.status is RunStatus.COMPLETED
    assert "no runs are taken for 1 s" in caplog.text


def test_no_more_programs_run_at_once_than_there_are_slots(
    store: Store, run_queue: RunQueue, start_runner: StartRunner, data_dir: Path
) -> None:
    start_runner(slots=2)
    runs = [queued(store, run_queue, UNTIL_TOLD) for _ in range(3)]
    for run in runs[:2]:
        running(store, run)
    assert store.run(runs[2].tenant_id, runs[2].run_id).status is RunStatus.QUEUED
    for run in runs:
        running(store, run)
        (run_directory(data_dir, run) / "go").touch()
        assert ended(store, run).status is RunStatus.COMPLETED


# ---- cancel


@pytest.mark.parametrize("body", [FOR_EVER, HAS_A_CHILD])
def test_a_cancelled_run_ends_with_all_its_processes_and_true_counts(
    store: Store,
    run_queue: RunQueue,
    heard: Heard,
    start_runner: StartRunner,
    data_dir: Path,
    body: str,
) -> None:
    start_runner()
    run = running(store, queued(store, run_queue, body))
    child = run_directory(data_dir, run) / "child"
    pids = [program_pid(run), *([int(child.read_text())] if child.exists() else [])]
    assert store.request_cancel(run.tenant_id, run.run_id)
    assert store.request_cancel(run.tenant_id, run.run_id)
    run_queue.tell_cancel(run)
    run_queue.tell_cancel(run)
    end = ended(store, run)
    assert (end.status, end.reason) == (RunStatus.CANCELLED, "cancelled")
    last_word(heard, run, "cancelled")
    closing = heard.progress(run)[-1]
    assert (closing["status"], closing["rowCount"], closing["message"]) == (
        "failed",
        7,
        "cancelled",
    )
    eventually(lambda: not any(is_alive(pid) for pid in pids), what="all its processes are gone")


def test_a_cancel_whose_word_was_lost_is_found_in_the_store(
    store: Store, run_queue: RunQueue, start_runner: StartRunner
) -> None:
    start_runner()
    run = running(store, queued(store, run_queue, FOR_EVER))
    store.request_cancel(run.tenant_id, run.run_id)
    assert ended(store, run).status is RunStatus.CANCELLED


def test_a_program_that_ignores_sigterm_is_killed_in_time(
    store: Store, run_queue: RunQueue, start_runner: StartRunner
) -> None:
    start_runner(cancel=0.5)
    run = running(store, queued(store, run_queue, IGNORES_SIGTERM))
    store.request_cancel(run.tenant_id, run.run_id)
    run_queue.tell_cancel(run)
    end = ended(store, run)
    assert (end.status, end.exit_code) == (RunStatus.CANCELLED, -signal.SIGKILL)


def test_another_tenant_cannot_cancel(
    store: Store, run_queue: RunQueue, link: Link, start_runner: StartRunner, data_dir: Path
) -> None:
    start_runner()
    run = running(store, queued(store, run_queue, UNTIL_TOLD))
    link.publish(f"tenant.mallory.run.{run.run_id}.cancel", b"")
    assert link.flush(DEADLINE)
    (run_directory(data_dir, run) / "go").touch()
    assert ended(store, run).status is RunStatus.COMPLETED


# ---- time-outs


@pytest.mark.parametrize(
    ("body", "deadlines", "reason"),
    [
        (FOR_EVER, {"run": 1.0}, "time-out: ran longer than 1 s"),
        (FOR_EVER, {"silence": 1.0}, "time-out: no progress for 1 s"),
        ("\ntime.sleep(600)", {"start": 1.0}, "time-out: no node started within 1 s"),
    ],
)
def test_a_time_out_ends_the_run_with_its_reason(
    store: Store,
    run_queue: RunQueue,
    start_runner: StartRunner,
    body: str,
    deadlines: dict[str, float],
    reason: str,
) -> None:
    start_runner(**deadlines)
    end = ended(store, queued(store, run_queue, body))
    assert (end.status, end.reason) == (RunStatus.FAILED, reason)


def test_a_run_that_no_slot_took_in_time_fails(
    store: Store, run_queue: RunQueue, heard: Heard, start_runner: StartRunner
) -> None:
    runner = start_runner(slots=1, periods={"queue_sweep": 0.2}, queued=2.0)
    eventually(lambda: "takes runs" in runner.output)
    running(store, queued(store, run_queue, FOR_EVER))
    late = queued(store, run_queue, GOOD)
    end = ended(store, late)
    assert (end.status, end.reason) == (
        RunStatus.FAILED,
        "time-out: waited longer than 2 s in the queue",
    )
    last_word(heard, late, "failed")


# ---- the queue and NATS fail


def test_a_run_whose_queue_message_was_lost_is_found_and_run(
    store: Store, link: Link, run_queue: RunQueue, start_runner: StartRunner
) -> None:
    start_runner(periods={"queue_sweep": 0.2, "queue_again_after": 0.5})
    assert ended(store, queued(store, run_queue, GOOD)).status is RunStatus.COMPLETED
    JetStream(link).call("STREAM.DELETE.RUNS", {})
    never_put = record(store, GOOD)
    assert ended(store, never_put).status is RunStatus.COMPLETED


def test_runs_that_merely_wait_their_turn_are_not_queued_again(
    store: Store, link: Link, run_queue: RunQueue, start_runner: StartRunner
) -> None:
    """A thousand of them would be a hundred writes a second, for nothing."""
    runner = start_runner(slots=1, periods={"queue_sweep": 0.1, "queue_again_after": 0.3})
    eventually(lambda: "takes runs" in runner.output)
    at_work = running(store, queued(store, run_queue, FOR_EVER))
    waiting = [queued(store, run_queue, GOOD) for _ in range(5)]
    before = [store.run(run.tenant_id, run.run_id).queued_at for run in waiting]
    asked = threading.Event()
    looks = itertools.count()
    link.subscribe("$JS.API.STREAM.INFO.RUNS", lambda _: asked.set() if next(looks) >= 5 else None)
    assert asked.wait(30.0), "the sweep looked at the queue five times"
    assert [store.run(run.tenant_id, run.run_id).queued_at for run in waiting] == before
    JetStream(link).call("STREAM.PURGE.RUNS", {})  # now they are lost, and found
    store.request_cancel(at_work.tenant_id, at_work.run_id)
    for run in waiting:
        assert ended(store, run).status is RunStatus.COMPLETED


def test_to_end_lost_runs_does_not_stop_the_beats_of_our_own(
    store: Store, run_queue: RunQueue, start_runner: StartRunner, data_dir: Path
) -> None:
    """Another runner would take ours for lost, and end it."""
    runner = start_runner(periods={"beat": 0.2, "lost_sweep": 0.3})
    eventually(lambda: "takes runs" in runner.output)
    ours = running(store, queued(store, run_queue, UNTIL_TOLD))
    gone = ProcessIdentity(this_machine(), 2**22 - 1, 1)  # no such process: known to be dead
    lost = record(store, FOR_EVER)
    held_up = RunFiles(data_dir, lost.run_id).committing  # what it reads first of a lost run
    held_up.parent.mkdir(parents=True)
    os.mkfifo(held_up)
    assert store.start_run(lost.tenant_id, lost.run_id, gone) is not None
    # there is a reader once the runner waits for what is written here
    with eventually(lambda: open(os.open(held_up, os.O_WRONLY | os.O_NONBLOCK), "wb")):
        beat = store.run(ours.tenant_id, ours.run_id).beat
        eventually(lambda: store.run(ours.tenant_id, ours.run_id).beat >= beat + 3)
        assert not store.run(lost.tenant_id, lost.run_id).has_ended
    assert ended(store, lost).status is RunStatus.LOST
    (run_directory(data_dir, ours) / "go").touch()
    assert ended(store, ours).status is RunStatus.COMPLETED


def test_a_run_goes_on_and_ends_truly_while_nats_is_away(
    store: Store,
    run_queue: RunQueue,
    heard: Heard,
    link: Link,
    start_runner: StartRunner,
    nats_server: NatsServer,
    data_dir: Path,
) -> None:
    start_runner()
    run = running(store, queued(store, run_queue, UNTIL_TOLD), nodes=2)
    nats_server.kill()
    (run_directory(data_dir, run) / "go").touch()
    end = ended(store, run)
    assert (end.status, end.exit_code) == (RunStatus.COMPLETED, 0)
    _, nodes = store.run_with_nodes(run.tenant_id, run.run_id)
    assert {node.progress.status for node in nodes} == {"completed"}
    nats_server.start()
    last_word(heard, run, "completed")


COUNTS = """
say(1, "running", 1)
wait_for_file("go")
for rows in range(2, 10_000):
    say(1, "running", rows)
    time.sleep(0.01)
    if rows == 10:
        open("said", "w").close()
"""


def told_to_end(link: Link, run: Run) -> list[NodeState]:
    """What the history has of the run's one node; nothing until that has ended."""
    found = said_since(link, run, ())
    return found if found and found[-1].progress.status.is_terminal else []


def test_a_program_that_is_killed_while_nats_stands_still_keeps_the_count_that_browsers_see(
    store: Store,
    run_queue: RunQueue,
    link: Link,
    start_runner: StartRunner,
    nats_server: NatsServer,
    data_dir: Path,
) -> None:
    """What it said last came to them from NATS later, and the end of its run took it back."""
    ProgressStream(link, TENANT).open()
    runner = start_runner()
    run = running(store, queued(store, run_queue, COUNTS))
    freeze(nats_server.pid)
    try:
        (run_directory(data_dir, run) / "go").touch()
        eventually((run_directory(data_dir, run) / "said").exists)
        os.kill(program_pid(run), signal.SIGKILL)
        eventually(lambda: f"run {run.run_id}: its program's last words" in runner.output)
    finally:
        os.kill(nats_server.pid, signal.SIGCONT)
    end = ended(store, run)
    assert (end.status, end.exit_code) == (RunStatus.FAILED, -signal.SIGKILL)
    told = [state.progress.row_count for state in eventually(lambda: told_to_end(link, run))]
    assert told == sorted(told), "a count went back"
    assert told[-1] > 1
    _, [node] = store.run_with_nodes(run.tenant_id, run.run_id)
    assert (node.progress.status, node.progress.row_count) == ("failed", told[-1])


# ---- runners are asked for help, killed, stopped, doubled


@pytest.mark.parametrize(("argument", "code"), [("--help", 0), ("--slots=2", 2)])
def test_a_runner_takes_no_arguments(argument: str, code: int) -> None:
    """It started whatever was asked of it."""
    with pytest.raises(SystemExit) as asked:
        parse([argument])
    assert asked.value.code == code


def test_a_runner_killed_in_the_middle_loses_the_run_and_leaves_no_program(
    store: Store, run_queue: RunQueue, heard: Heard, start_runner: StartRunner, data_dir: Path
) -> None:
    first = start_runner()
    run = running(store, queued(store, run_queue, HAS_A_CHILD))
    child = int((run_directory(data_dir, run) / "child").read_text())
    first.kill()
    start_runner()
    end = ended(store, run)
    assert end.status is RunStatus.LOST
    assert "the runner died" in (end.reason or "")
    last_word(heard, run, "lost")
    assert (heard.progress(run)[-1]["status"], heard.progress(run)[-1]["rowCount"]) == ("failed", 7)
    assert is_sorted([p["seq"] for p in heard.progress(run)])
    eventually(lambda: not is_alive(program_pid(run)) and not is_alive(child))


def test_a_runner_killed_on_another_machine_takes_its_program_with_it(
    store: Store, run_queue: RunQueue, start_runner: StartRunner
) -> None:
    """No runner elsewhere can kill that program, and the job's next run must not work beside it."""
    if os.geteuid() != 0:
        pytest.skip("only root makes a process-id space (unshare --pid)")
    quick = {"beat": 0.3, "stale_after": 2.0, "lost_sweep": 0.3}
    first = start_runner(periods=quick, kind=RunnerElsewhere)
    run = running(store, queued(store, run_queue, HAS_A_CHILD))
    mark = f"RUN_ID={run.run_id}"
    eventually(lambda: len(pids_with(mark)) == 2, what="the program and its child are there")
    first.kill()
    eventually(lambda: not pids_with(mark), what="the program is gone")
    start_runner(periods=quick)
    end = ended(store, run)
    assert (end.status, end.reason) == (RunStatus.LOST, "the runner was not heard of any more")


def test_a_runner_that_hangs_loses_its_run_and_ends_it_when_it_wakes(
    store: Store, run_queue: RunQueue, start_runner: StartRunner
) -> None:
    quick = {"beat": 0.3, "stale_after": 2.0, "lost_sweep": 0.3}
    hung = start_runner(periods=quick)
    run = running(store, queued(store, run_queue, FOR_EVER))
    freeze(hung.pid)
    start_runner(periods=quick)
    end = ended(store, run)
    assert end.status is RunStatus.LOST
    eventually(lambda: not is_alive(program_pid(run)))
    os.kill(hung.pid, signal.SIGCONT)
    assert hung.stop() == 0
    assert store.run(run.tenant_id, run.run_id) == end


def test_two_runners_share_the_queue_and_start_each_run_once(
    store: Store, run_queue: RunQueue, heard: Heard, data_dir: Path, start_runner: StartRunner
) -> None:
    start_runner(slots=3)
    start_runner(slots=3)
    waiting = [queued(store, run_queue, UNTIL_TOLD) for _ in range(6)]  # all slots of both
    waiting = [running(store, run, nodes=2) for run in waiting]
    assert Counter(run.runner for run in waiting).most_common(1)[0][1] == 3
    runs = [*waiting, *(queued(store, run_queue, GOOD) for _ in range(6))]
    for run in waiting:
        (run_directory(data_dir, run) / "go").touch()
    for run in runs:
        assert ended(store, run, 40.0).status is RunStatus.COMPLETED
        last_word(heard, run, "completed")
        assert heard.statuses(run) == ["running", "completed"]


def test_tenants_take_turns_however_many_runs_of_one_wait(
    store: Store, run_queue: RunQueue, data_dir: Path, start_runner: StartRunner
) -> None:
    """A tenant with a thousand queued runs held up all others for as long as these took."""
    start_runner(slots=1)
    holder = running(store, queued(store, run_queue, UNTIL_TOLD), nodes=2)
    many = [queued(store, run_queue, GOOD) for _ in range(5)]
    few = [queued(store, run_queue, GOOD, "globex") for _ in range(2)]
    assert [store.queued.position(run) for run in (many[4], few[1])] == [6, 2]
    waited = many[-1].created_at + ANNOUNCED_AFTER
    eventually(lambda: time.time() > waited, what="all were told as queued for sure")
    (run_directory(data_dir, holder) / "go").touch()
    ends = [ended(store, run) for run in (*many, *few)]
    assert {run.status for run in ends} == {RunStatus.COMPLETED}
    started = sorted(ends, key=lambda run: run.started_at or 0.0)
    tenants = [run.tenant_id for run in started]
    assert tenants == ["globex", TENANT, "globex", TENANT, TENANT, TENANT, TENANT]
    own = [run.run_id for run in started if run.tenant_id == TENANT]
    assert own == [run.run_id for run in many], "of one tenant, who came first is first"
    eventually(lambda: run_queue.holds() == 0, what="no message is left")


def test_after_a_restart_with_runs_running_and_queued_all_end_truly(
    store: Store, run_queue: RunQueue, heard: Heard, start_runner: StartRunner
) -> None:
    first = start_runner(slots=2)
    running_ones = [running(store, queued(store, run_queue, FOR_EVER)) for _ in range(2)]
    queued_ones = [queued(store, run_queue, GOOD) for _ in range(3)]
    assert first.stop() == 0
    for run in running_ones:
        end = ended(store, run)
        assert (end.status, end.reason) == (RunStatus.CANCELLED, "the server was stopped")
        last_word(heard, run, "cancelled")
        assert not is_alive(program_pid(run))
    for run in queued_ones:
        assert store.run(run.tenant_id, run.run_id).status is RunStatus.QUEUED
    start_runner(slots=2)
    for run in queued_ones:
        assert ended(store, run).status is RunStatus.COMPLETED


def test_a_runner_waits_for_nats_and_then_takes_runs(
    store: Store, nats_server: NatsServer, start_runner: StartRunner, link: Link
) -> None:
    nats_server.stop()
    start_runner(periods={"queue_sweep": 0.2, "queue_again_after": 0.5})
    run = record(store, GOOD)
    nats_server.start()
    assert ended(store, run).status is RunStatus.COMPLETED


def test_a_runner_that_is_told_to_drain_ends_with_its_last_run(
    store: Store, run_queue: RunQueue, start_runner: StartRunner, data_dir: Path
) -> None:
    runner = start_runner()
    run = running(store, queued(store, run_queue, UNTIL_TOLD))
    os.kill(runner.pid, signal.SIGUSR1)
    eventually(lambda: "drains" in runner.output)
    waiting = queued(store, run_queue, GOOD)
    drains = "the runner that is there takes no more runs: it ends those that it has at work"
    eventually(lambda: store.runners.takers().why_waiting(None) == drains)
    (run_directory(data_dir, run) / "go").touch()
    assert runner.process.wait(30.0) == 0
    assert store.run(run.tenant_id, run.run_id).status is RunStatus.COMPLETED
    assert store.run(run.tenant_id, waiting.run_id).status is RunStatus.QUEUED
    eventually(lambda: store.runners.takers().why_waiting(None) is None, what="it has left")


def test_a_draining_runner_can_still_be_stopped(
    store: Store, run_queue: RunQueue, start_runner: StartRunner
) -> None:
    runner = start_runner()
    run = running(store, queued(store, run_queue, FOR_EVER))
    os.kill(runner.pid, signal.SIGUSR1)
    eventually(lambda: "drains" in runner.output)
    assert runner.stop() == 0
    assert ended(store, run).status is RunStatus.CANCELLED


def test_a_stop_is_noticed_by_a_runner_that_was_suspended(start_runner: StartRunner) -> None:
    runner = start_runner()
    eventually(lambda: "takes runs" in runner.output)
    for _ in range(3):
        freeze(runner.pid)
        os.kill(runner.pid, signal.SIGCONT)
    assert runner.stop() == 0
