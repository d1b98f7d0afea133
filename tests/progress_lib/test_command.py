"""progress-report: progress from a shell, which changes nothing of what the shell does."""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from progress_lib.command import _parsed
from progress_lib.reporting.environment import run_id_of, told_run_of
from tests.harness import ROOT, NatsServer, eventually, free_port
from tests.progress_lib.listener import Listener

REPORT = f"{sys.executable} -m progress_lib"

Shell = Callable[..., "subprocess.CompletedProcess[str]"]


def environment(url: str, **variables: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return {**kept, "PYTHONPATH": str(ROOT), "NATS_URL": url, "REPORT": REPORT, **variables}


@pytest.fixture
def shell(nats_server: NatsServer, tmp_path: Path) -> Shell:
    """Runs a line of bash, in which $REPORT is the command."""

    def run(line: str, **options: Any) -> subprocess.CompletedProcess[str]:
        variables = options.pop("variables", {})
        return subprocess.run(
            ["bash", "-uo", "pipefail", "-c", line],
            env=environment(nats_server.url, **variables),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            **options,
        )

    return run


# ---------------------------------------------------------------- one message


def test_one_message_says_what_is_now_true(shell: Shell, listener: Listener) -> None:
    done = shell("$REPORT --name Load --total 9000 42 1 running 5000 'half of it'")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    said = eventually(listener.said)
    assert said.pop("ts") > 0
    assert said == {
        "nodeId": 1,
        "nodeName": "Load",
        "status": "running",
        "rowCount": 5000,
        "message": "half of it",
        "rowTotal": 9000,
    }


def test_messages_belong_to_the_run_of_the_environment(shell: Shell, listener: Listener) -> None:
    line = "$REPORT 42 1 running; $REPORT 42 1 completed 7 done; $REPORT 42 2 failed 0 'no disk'"
    assert shell(line, variables={"RUN_ID": "r1"}).returncode == 0
    assert eventually(lambda: listener.end(1)) == ("completed", 7, "done")
    assert eventually(lambda: listener.end(2)) == ("failed", 0, "no disk")
    assert {(m["runId"], m.get("seq")) for m in listener.messages} == {("r1", None)}


@pytest.mark.parametrize("message", ["-hard disk failure", "-x", "--", "--- no room", "-5"])
def test_a_message_may_begin_with_a_dash(message: str) -> None:
    """As the last line of a log may, in a trap: it was taken for options, and the end of the node was not told."""
    options, command = _parsed(["--name", "Load", "42", "1", "failed", "0", message])
    assert (options.node, options.status, options.rows) == (1, "failed", 0)
    assert (options.name, options.message, command) == ("Load", message, [])


@pytest.mark.parametrize(
    ("line", "name", "command"),
    [
        (["42", "1", "running", "5", "--name=Load"], "Load", []),
        (["42", "1", "--", "log", "running", "5", "-x"], "", ["log", "running", "5", "-x"]),
    ],
)
def test_an_option_behind_a_count_and_a_commands_own_are_no_message(
    line: list[str], name: str, command: list[str]
) -> None:
    options, found = _parsed(line)
    assert (options.name, options.message, found) == (name, "", command)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", "JOB"),
        ("42", "NODE is missing"),
        ("42 1", "STATUS, --lines, --bytes or a command"),
        ("42 1 dancing", "invalid choice: 'dancing'"),
        ("0 1 running", "'0' is no positive whole number"),
        ("x 1 running", "'x' is no positive whole number"),
        ("42 1 running many", "invalid int value: 'many'"),
        ("42 1 running 9223372036854775808", "must be a whole number of 64 bits"),
        ("42 9223372036854775808 running", "must be a whole number of 64 bits"),
        ("9007199254740992 1 running", "is no whole number from 1 to"),
        ("9223372036854775808 1 running", "'9223372036854775808' is no positive whole number"),
        ("--lines --bytes 42 1", "not allowed with"),
        ("--lines 42 1 running", "STATUS sends one message"),
        ("42 1 --", "a command must follow --"),
        ("42 -- true", "NODE is missing"),
        ("42 1 running -- true", "STATUS and a command"),
    ],
)
def test_wrong_usage_says_what_is_wrong(shell: Shell, line: str, words: str) -> None:
    done = shell(f"$REPORT {line}")
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr


def test_help_shows_each_form(shell: Shell) -> None:
    done = shell("$REPORT --help")
    assert done.returncode == 0
    for words in ("--lines", "-- COMMAND", "NATS_URL", "RUN_ID", "--run"):
        assert words in done.stdout


def test_a_server_that_is_not_there_is_named(tmp_path: Path) -> None:
    port = free_port()
    done = subprocess.run(
        [*REPORT.split(), "42", "1", "running"],
        env=environment(f"nats://user:secret@127.0.0.1:{port}"),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert f"127.0.0.1:{port}" in done.stderr
    assert "no NATS server has taken the message" in done.stderr
    assert "secret" not in done.stderr


@pytest.mark.parametrize("variables", [{"NATS_URL": "http://x"}, {"TENANT_ID": "a.b"}])
def test_wrong_settings_are_named(shell: Shell, variables: dict[str, str]) -> None:
    done = shell("$REPORT 42 1 running", variables=variables)
    assert done.returncode == 2
    assert "is not of the form" in done.stderr
    passed = shell("echo row | $REPORT --lines 42 1", variables=variables)
    assert (passed.returncode, passed.stdout) == (0, "row\n")
    assert "progress is not reported" in passed.stderr


# ---------------------------------------------------------------- what passes through


@pytest.mark.parametrize(
    ("made", "lines"), [("seq 1000", 1000), ("printf 'a\\nb'", 2), ("true", 0), ("printf '\\n'", 1)]
)
def test_lines_are_counted_and_passed_on(
    shell: Shell, listener: Listener, made: str, lines: int
) -> None:
    done = shell(f"{made} | $REPORT --lines --name Load --total 2000 42 1")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == shell(made).stdout
    assert eventually(listener.end) == ("completed", lines, "")
    assert (listener.said()["nodeName"], listener.said()["rowTotal"]) == ("Load", 2000)


def test_bytes_are_counted_and_passed_on_unchanged(
    shell: Shell, listener: Listener, tmp_path: Path
) -> None:
    content = os.urandom(5_000_000)
    (tmp_path / "in").write_bytes(content)
    assert shell("$REPORT --bytes 42 1 <in >out").returncode == 0
    written = (tmp_path / "out").read_bytes()
    assert hashlib.sha256(written).digest() == hashlib.sha256(content).digest()
    assert eventually(listener.end) == ("completed", len(content), "")


def test_two_of_a_pipeline_tell_of_two_nodes(shell: Shell, listener: Listener) -> None:
    done = shell("seq 100 | $REPORT --lines 42 1 | grep 0 | $REPORT --lines 42 2 | tail -1")
    assert done.stdout == "100\n"
    assert eventually(lambda: listener.end(2)) == ("completed", 10, "")
    assert eventually(lambda: listener.end(1)) == ("completed", 100, "")
    assert {message.get("runId") for message in listener.messages} == {None}


def test_a_reader_that_wants_no_more_ends_it_as_it_ends_cat(
    shell: Shell, listener: Listener
) -> None:
    done = shell("seq 10000000 | $REPORT --lines 42 1 | head -1; echo ${PIPESTATUS[1]}")
    assert done.stdout == "1\n141\n"
    assert done.stderr == ""
    assert eventually(listener.end)[0] == "completed"


def test_what_cannot_be_written_fails_the_node(shell: Shell, listener: Listener) -> None:
    done = shell("seq 9 | $REPORT --lines 42 1 >/dev/full")
    assert (done.returncode, done.stderr) == (1, "progress-report: No space left on device\n")
    assert eventually(listener.end) == ("failed", 0, "OSError: [Errno 28] No space left on device")


@pytest.mark.parametrize("closed", ["<&-", ">&-"])
def test_a_closed_input_or_output_is_not_mistaken_for_another_file(
    shell: Shell, closed: str
) -> None:
    done = shell(f"seq 9 | $REPORT --lines 42 1 {closed}")
    assert done.returncode == 2
    assert done.stderr == "progress-report: standard input or output is closed\n"


def test_what_it_says_goes_nowhere_else_where_standard_error_is_closed(shell: Shell) -> None:
    done = shell("seq 3 | $REPORT --lines 42 1 2>&-", variables={"TENANT_ID": "a.b"})
    assert (done.returncode, done.stdout) == (0, "1\n2\n3\n")


def test_a_pipe_that_does_not_block_is_waited_for(shell: Shell, listener: Listener) -> None:
    hold = f"{sys.executable} -c 'import os; os.set_blocking(0, False); os.set_blocking(1, False)'"
    line = f"(seq 200000; sleep 0.2; echo) | ({hold}; $REPORT --lines 42 1) | (sleep 0.2; wc -l)"
    done = shell(line)
    assert (done.stdout, done.stderr) == ("200001\n", "")
    assert eventually(listener.end) == ("completed", 200_001, "")


Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def start(nats_server: NatsServer) -> Iterator[Start]:
    """Starts the command with these arguments; in the end it and what it started are killed."""
    processes = []

    def started(*arguments: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [*REPORT.split(), *arguments],
            env=environment(nats_server.url),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        processes.append(process)
        return process

    yield started
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=30)


@pytest.mark.parametrize(
    ("number", "reason"), [(signal.SIGINT, "interrupted"), (signal.SIGTERM, "ended by SIGTERM")]
)
def test_a_signal_ends_it_and_is_told(
    start: Start, listener: Listener, number: signal.Signals, reason: str
) -> None:
    process = start("--run", "--lines", "42", "1")
    assert process.stdin is not None
    process.stdin.write(b"1\n2\n")
    process.stdin.flush()
    eventually(lambda: listener.last() == {1: ("running", 2)})
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (-number, b"1\n2\n", b"")
    assert eventually(listener.end) == ("failed", 2, reason)
    eventually(lambda: listener.runs[-1]["status"] == "failed")
    assert listener.runs[-1]["reason"] == reason


def test_without_a_server_the_pipeline_does_its_work(tmp_path: Path) -> None:
    url = f"nats://127.0.0.1:{free_port()}"
    done = subprocess.run(
        [*REPORT.split(), "--lines", "42", "1"],
        env=environment(url),
        input=b"1\n" * 100_000,
        capture_output=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (0, b"1\n" * 100_000)
    assert b"Connection refused" in done.stderr


# ---------------------------------------------------------------- a command, and its run


def test_a_command_that_succeeds_completes_its_node(shell: Shell, listener: Listener) -> None:
    done = shell("$REPORT --name List 42 1 -- ls -- /dev/null")
    assert (done.returncode, done.stdout, done.stderr) == (0, "/dev/null\n", "")
    assert eventually(listener.end) == ("completed", 0, "")


def test_a_script_without_an_interpreters_name_runs_in_sh(shell: Shell, listener: Listener) -> None:
    write = "echo 'echo \"$1\"; exit $2' >nightly; chmod +x nightly; "
    for command in ("./nightly", "PATH=.:$PATH nightly"):
        variables, _, name = command.rpartition(" ")
        done = shell(f"{write} {variables} $REPORT --lines 42 1 -- {name} 'a b' 3")
        assert (done.returncode, done.stdout) == (3, "a b\n")
    assert eventually(listener.end) == ("failed", 1, "exit code 3")


@pytest.mark.parametrize(
    ("command", "code", "reason"),
    [
        ("bash -c 'exit 3'", 3, "exit code 3"),
        ("bash -c 'kill -9 $$'", 137, "ended by SIGKILL"),
        ("/no/such/tool", 127, "exit code 127"),
        ("/dev/null", 126, "exit code 126"),
    ],
)
@pytest.mark.parametrize("count", ["", "--lines"])
def test_a_command_that_fails_fails_its_node_and_the_run_and_its_code_is_ours(
    shell: Shell, listener: Listener, command: str, code: int, reason: str, count: str
) -> None:
    assert shell(f"$REPORT --run {count} 42 1 -- {command}").returncode == code
    assert eventually(listener.end) == ("failed", 0, reason)
    eventually(lambda: [run["status"] for run in listener.runs] == ["running", "failed"])
    assert listener.runs[-1]["reason"] == f"{command.split()[0]}: {reason}"


def test_what_a_command_writes_is_counted(shell: Shell, listener: Listener) -> None:
    done = shell("$REPORT --lines 42 1 -- bash -c 'seq 10; exit 4'")
    assert (done.returncode, len(done.stdout.split())) == (4, 10)
    assert eventually(listener.end) == ("failed", 10, "exit code 4")


def test_a_command_whose_reader_wants_no_more_ends_by_sigpipe(
    shell: Shell, listener: Listener
) -> None:
    done = shell("$REPORT --lines 42 1 -- seq 10000000 | head -1; echo ${PIPESTATUS[0]}")
    assert done.stdout == "1\n141\n"


def test_a_run_holds_what_its_script_says(shell: Shell, listener: Listener, tmp_path: Path) -> None:
    (tmp_path / "night.sh").write_text(
        "seq 5 | $REPORT --lines 42 3 >rows\n"
        "$REPORT 42 8 completed 1 sent\n"
        f"{sys.executable} within.py\n"
        "$REPORT --run 42 6 -- true\n"
        "$REPORT --run 43 -- bash -c 'echo $JOB_ID $RUN_ID >other'\n"
        "$REPORT 42 7 completed 7\n"
    )
    (tmp_path / "within.py").write_text(
        "import os\n"
        "from progress_lib import ProgressReporter, track\n"
        "list(track([1, 2]))\n"  # its id is none of a node around it
        "for node_id, is_run in ((4, False), (5, True)):\n"
        "    reporter = ProgressReporter(os.environ['NATS_URL'], 'default', 42, announces_run=is_run)\n"
        "    with reporter, reporter.node(node_id) as node:\n"
        "        node.advance(node_id)\n"
    )
    done = shell("$REPORT --run --name Night 42 1 -- bash night.sh")
    assert (done.returncode, done.stderr) == (0, "")
    eventually(lambda: [run["status"] for run in listener.runs] == ["running", "completed"])
    rows = {1: 0, 2: 2, 3: 5, 4: 4, 5: 5, 6: 0, 7: 7, 8: 1}
    assert listener.last() == {node_id: ("completed", count) for node_id, count in rows.items()}
    [run_id] = {run["runId"] for run in listener.runs}
    assert {message["runId"] for message in listener.messages} == {run_id}
    assert listener.heard[-1][0] == "status"
    job_id, other = (tmp_path / "other").read_text().split()
    assert job_id == "43"
    assert other != run_id


@pytest.mark.parametrize(
    ("variables", "job_id", "run_id", "is_told"),
    [
        ({}, 42, "", False),
        ({"RUN_ID": "r"}, 42, "r", False),
        ({"RUN_ID": "r", "JOB_ID": "042"}, 42, "r", False),
        ({"RUN_ID": "r", "JOB_ID": "43"}, 42, "", False),
        ({"RUN_ID": "r", "JOB_ID": "42", "RUN_TOLD": "42/r"}, 42, "r", True),
        ({"RUN_ID": "s", "JOB_ID": "42", "RUN_TOLD": "42/r"}, 42, "s", False),
        ({"RUN_ID": "r", "JOB_ID": "43", "RUN_TOLD": "42/r"}, 43, "", False),
        ({"RUN_ID": "r", "JOB_ID": "x"}, 42, "", False),
        ({"RUN_ID": "r", "RUN_TOLD": "42/r"}, "no number", "", False),
    ],
)
def test_a_run_of_the_environment_is_that_of_one_job(
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    job_id: object,
    run_id: str,
    is_told: bool,
) -> None:
    for name in ("JOB_ID", "RUN_ID", "RUN_TOLD"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert run_id_of(job_id) == run_id
    assert told_run_of(job_id) == (run_id if is_told else "")


COUNTED = pytest.mark.parametrize(("count", "rows"), [((), 0), (("--lines",), 1)])


@COUNTED
def test_a_stop_is_passed_on_to_the_command(
    start: Start, listener: Listener, count: tuple[str, ...], rows: int
) -> None:
    ask = "trap 'echo stopped; exit 0' TERM; echo ready; while :; do read -t 0.05; done"
    process = start("--run", *count, "42", "1", "--", "bash", "-c", ask)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    eventually(lambda: listener.last() == {1: ("running", rows)})
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == -signal.SIGTERM
    assert process.stdout.read() == b"stopped\n"
    assert eventually(listener.end) == ("failed", rows, "ended by SIGTERM")


@COUNTED
def test_ctrl_c_lets_the_command_end_in_its_own_way(
    start: Start, listener: Listener, count: tuple[str, ...], rows: int
) -> None:
    ask = "trap 'echo tidied; exit 0' INT; echo ready; while :; do read -t 0.05; done"
    process = start(*count, "42", "1", "--", "bash", "-c", ask)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    eventually(lambda: listener.last() == {1: ("running", rows)})
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    assert process.wait(30) == -signal.SIGINT
    assert process.stdout.read() == b"tidied\n"
    assert eventually(listener.end) == ("failed", rows, "interrupted")


def test_a_stop_while_the_command_is_being_started_does_not_leave_it_alone(
    start: Start, listener: Listener
) -> None:
    """The command itself stops us, as soon as it runs: before we know that it does."""
    command = "trap 'echo stopped; exit 0' TERM; kill -TERM $PPID; while :; do sleep 0.02; done"
    for _ in range(10):
        process = start("42", "1", "--", "bash", "-c", command)
        out, _ = process.communicate(timeout=30)
        assert (process.returncode, out) == (-signal.SIGTERM, b"stopped\n")
