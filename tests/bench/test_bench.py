"""scripts/bench accounts for every delivery: its frames, its meter, and runs against real servers."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import threading
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import Server, ServerConnection, serve

from bench import command, execute, lists, reporter_cost, small_runs
from bench.chart import chart
from bench.command import parse
from bench.load.meter import Ear, Latencies, Meter
from bench.load.wire import PING, BadFrame, Template, client_frame, frame_at
from bench.programs import command as programs
from bench.report import Document, our_faults, ratio, table
from bench.scenarios import _search
from realtime.sockets import frames
from tests.harness import DEADLINE, ROOT, NatsServer, ends_on_ctrl_c

JOB = 1_000_042
SENT, READ = 1_795_485_530_900_000_000, 1_795_485_530_903_000_000  # ns; 3 ms later


def _payload(message: bytes) -> bytes:
    """Of a PUB."""
    return message.split(b"\r\n")[1]


def _stream(count: int) -> list[bytes]:
    """A warm-up frame and `count` live ones, as the product sends them."""
    template = Template("default", JOB)
    live = [_payload(template.live(SENT)) for _ in range(count)]
    return [frames.progress_frame(JOB, payload) for payload in (_payload(template.warm()), *live)]


class _Heard:
    def __init__(self) -> None:
        self.warm = [0]
        self.meter = Meter(1, JOB, self.warm)
        self.ear = Ear(0)

    def hear(self, data: bytes) -> list[tuple[int, bytes]]:
        return self.meter.hear(self.ear, data, READ)

    def account(self) -> tuple[int, int, int, int]:
        meter = self.meter
        return meter.received, meter.skipped, meter.doubled, meter.strange


# ---------------------------------------------------------------- frames


@pytest.mark.parametrize("size", [0, 125, 126, 65_535, 65_536])
def test_a_frame_is_found_when_its_last_byte_is_there(size: int) -> None:
    data = b"before" + frames.frame(frames.TEXT, b"x" * size) + b"after"
    found = frame_at(data, 6)
    assert found is not None
    assert data[found.start : found.end] == b"x" * size
    assert data[found.end :] == b"after"
    assert frame_at(data[: found.end - 1], 6) is None


@pytest.mark.parametrize("data", [b"\x81\x80", b"\xc1\x00"])
def test_what_no_server_may_send_is_refused(data: bytes) -> None:
    with pytest.raises(BadFrame):
        frame_at(data, 0)


def test_a_clients_frame_is_masked() -> None:
    for size in (5, 300):
        sent = client_frame(1, b"hello" * (size // 5))
        header = 2 if size < 126 else 4
        key, masked = sent[header : header + 4], sent[header + 4 :]
        assert sent[1] & 0x80
        assert bytes(b ^ key[i % 4] for i, b in enumerate(masked)) == b"hello" * (size // 5)


# ---------------------------------------------------------------- the meter


@given(st.lists(st.integers(1, 4_000), max_size=40))
def test_every_message_counts_once_wherever_reads_are_cut(sizes: list[int]) -> None:
    heard = _Heard()
    data = b"".join(_stream(70))
    for size in sizes:
        heard.hear(data[:size])
        data = data[size:]
    heard.hear(data)
    assert heard.account() == (70, 0, 0, 0)
    assert sum(heard.meter.latencies.counts.values()) == 70
    assert heard.meter.latencies.percentile(0.99) == 3.0
    assert (heard.warm, heard.ear.last_seq, heard.ear.rest) == ([1], 70, b"")


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize(
    ("order", "account"),
    [
        ([1, 2, 4, 5], (4, 1, 0, 0)),  # one is missing
        ([1, 2, 2, 3], (3, 0, 1, 0)),  # one came twice
        ([2, 1, 3, 4], (3, 1, 1, 0)),  # two changed places
        ([1, 2, 3, 13], (4, 9, 0, 0)),  # the last digits alone look right
    ],
)
def test_what_is_missing_doubled_or_out_of_order_is_found(
    order: list[int], account: tuple[int, ...], at_once: bool
) -> None:
    sent, heard = _stream(20), _Heard()
    heard.hear(sent[0])
    chosen = [sent[number] for number in order]
    for data in [b"".join(chosen)] if at_once else chosen:
        heard.hear(data)
    assert heard.account() == account


def test_a_ping_between_messages_is_handed_out() -> None:
    sent, heard = _stream(4), _Heard()
    heard.hear(sent[0])
    ping = frames.frame(frames.PING, b"?")
    assert heard.hear(sent[1] + sent[2] + ping + sent[3] + sent[4]) == [(PING, b"?")]
    assert heard.account() == (4, 0, 0, 0)


def test_a_ping_behind_messages_is_handed_out_at_once() -> None:
    sent, heard = _stream(2), _Heard()
    heard.hear(sent[0])
    assert heard.hear(sent[1] + sent[2] + frames.frame(frames.PING, b"?")) == [(PING, b"?")]
    assert heard.hear(frames.frame(frames.PING, b"!")) == [(PING, b"!")]


@pytest.mark.parametrize("count", [1, 7, 8, 70])
def test_some_of_the_messages_of_one_read_stand_for_all(count: int) -> None:
    """Sent a millisecond apart, the last of them just now."""
    latencies = Latencies()
    stamps = [b"%019d|" % (10**18 + number * 1_000_000) for number in range(count)]
    now = 10**18 + (count - 1) * 1_000_000
    latencies.add_alike(now, b"..." + b"".join(stamps), 3, len(stamps[0]), count)
    assert sum(latencies.counts.values()) == count
    assert latencies.longest == (count - 1) * 1_000_000
    assert latencies.percentile(0.5) == pytest.approx(count / 2 - 0.5, abs=count / 8 + 0.5)
    assert latencies.percentile(0.99) == pytest.approx(count - 1, abs=count / 8 + 0.5)


def test_another_jobs_message_and_one_without_a_stamp_are_strange() -> None:
    heard = _Heard()
    warm = _payload(Template("default", JOB).warm())
    heard.hear(frames.progress_frame(JOB + 1, warm))
    heard.hear(frames.error_frame("bad_json", "no"))
    assert (heard.meter.strange, heard.warm) == (2, [0])
    assert str(JOB + 1) in heard.meter.first_strange


def test_percentiles_are_of_all_messages() -> None:
    latencies = Latencies()
    latencies.add(1_000_000, 98)
    latencies.add(50_000_000)
    latencies.add(90_000_000)
    assert latencies.percentile(0.5) == pytest.approx(1.0, abs=0.01)
    assert latencies.percentile(0.99) == pytest.approx(50.0, abs=0.01)
    assert latencies.percentile(0.999) == 90.0
    assert Latencies().percentile(0.99) == 0.0


def test_the_search_ends_within_nine_percent_below_the_limit() -> None:
    for limit in (600.0, 3_300.0, 64_000.0):
        found = _search(lambda rate, limit=limit: rate <= limit, 500.0)  # type: ignore[misc]
        assert limit / 1.1 < found <= limit


# ---------------------------------------------------------------- the report


def _document() -> Document:
    def result(target: str, number: int, us: float, faults: list[str]) -> dict[str, Any]:
        figures = {"us": us, "p50": 1.0, "p99": 10.0, "received": 500_000.0, "lost": 0.0}
        base = {"scenario": "S1", "target": target, "round": number, "runs": []}
        return {**base, "figures": figures, "faults": faults}

    costs = {"go": (8.0, 12.0, 10.0), "gevent": (6.0, 6.0, 9.0)}
    return {
        "command": "scripts/bench",
        "machine": {
            "date": "2026-11-24 08:00 UTC",
            "commit": "abc",
            "python": "3.11.7",
            "cores": 2,
            "processor": "x",
            "kernel": "Linux",
            "load": [0.1],
        },
        "options": {"rounds": 3},
        "targets": [{"name": "go", "is_ours": False}, {"name": "gevent", "is_ours": True}],
        "results": [
            result(name, number + 1, us, ["3 lost"] if name == "go" else [])
            for name, values in costs.items()
            for number, us in enumerate(values)
        ],
    }


def test_a_ratio_is_of_figures_that_were_taken_in_turn() -> None:
    document = _document()
    assert ratio(document, "S1", "gevent", "us") == pytest.approx(0.75)
    assert ratio(document, "S1", "go", "us") is None
    row = next(line for line in table(document) if "CPU per delivery" in line)
    assert row.split()[-3:] == ["10.00", "6.00", "0.75"]


def test_the_yardsticks_losses_are_shown_and_only_ours_decide() -> None:
    document = _document()
    assert "! S1 go round 1: 3 lost" in table(document)
    assert our_faults(document) == []
    document["results"][-1]["faults"] = ["1 lost"]
    assert our_faults(document) == ["1 lost"]


def test_the_chart_is_svg_for_light_and_dark_pages() -> None:
    drawn = chart(_document())
    texts = [element.text for element in ET.fromstring(drawn).iter() if element.text]
    assert "6.00  0.75 ×" in texts
    assert "prefers-color-scheme: dark" in drawn


# ---------------------------------------------------------------- the command


def _bench(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bench.command", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


def test_a_small_bench_of_the_product_accounts_for_every_delivery(tmp_path: Path) -> None:
    written, drawn = tmp_path / "bench.json", tmp_path / "bench.svg"
    small = ("--only", "S1", "--scale", "0.02", "--seconds", "1", "--worker-class", "gthread")
    ended = _bench(*small, "--json", str(written), "--chart", str(drawn), TMPDIR=str(tmp_path))
    assert ended.returncode == 0, ended.stdout + ended.stderr
    run = json.loads(written.read_text())["results"][0]["runs"][0]
    assert (run["expected"], run["received"], run["lost"]) == (2_000, 2_000, 0)
    assert (run["skipped"], run["doubled"], run["behind"]) == (0, 0, 0)
    assert 0 < run["latency"]["p50"] <= run["latency"]["p99"] <= run["latency"]["max"]
    assert re.search(r"delivered +2,000", ended.stdout)
    assert ET.parse(drawn).getroot().tag.endswith("svg")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bench.json", "bench.svg"]


class _Lossy:
    """A server that forgets one message in `every`; 0: none."""

    def __init__(self, nats: NatsServer, every: int) -> None:
        self._every = every
        self._watchers: dict[int, list[ServerConnection]] = {}
        self._lock = threading.Lock()
        self._nats = socket.create_connection(("127.0.0.1", nats.port))
        self._nats.sendall(b"CONNECT {}\r\nSUB tenant.*.job.*.progress 1\r\nPING\r\n")
        self._server: Server = serve(self._watch, "127.0.0.1", 0, compression=None)
        self.port = self._server.socket.getsockname()[1]
        work = (self._server.serve_forever, self._relay)
        self._threads = [threading.Thread(target=target, daemon=True) for target in work]
        for thread in self._threads:
            thread.start()

    def _watch(self, client: ServerConnection) -> None:
        with self._lock:
            wish = json.loads(client.recv())
            self._watchers.setdefault(wish["jobId"], []).append(client)
        try:
            client.recv()
        except ConnectionClosed:
            pass

    def _relay(self) -> None:
        lines = self._nats.makefile("rb")
        count = 0
        for line in lines:
            words = line.split()
            if words[:1] != [b"MSG"]:
                continue
            payload = lines.read(int(words[-1]) + 2)[:-2]
            count += b"@T" in payload
            if self._every and b"@T" in payload and count % self._every == 0:
                continue
            job_id = int(words[1].split(b".")[3])
            text = f'{{"type":"job.progress","jobId":{job_id},"payload":{payload.decode()}}}'
            with self._lock:
                watchers = list(self._watchers.get(job_id, ()))
            for client in watchers:
                try:
                    client.send(text)
                except ConnectionClosed:
                    pass

    def close(self) -> None:
        self._nats.shutdown(socket.SHUT_RDWR)
        self._server.shutdown()
        for thread in self._threads:
            thread.join(DEADLINE)
        self._nats.close()


@pytest.fixture(params=[0, 50])
def lossy(request: pytest.FixtureRequest, nats_server: NatsServer) -> Iterator[tuple[_Lossy, int]]:
    server = _Lossy(nats_server, request.param)
    try:
        yield server, request.param
    finally:
        server.close()


def test_a_server_that_loses_messages_is_found_out(
    lossy: tuple[_Lossy, int], nats_server: NatsServer
) -> None:
    server, every = lossy
    against = ("--against", f"ws://127.0.0.1:{server.port}/ws", "--against-nats", nats_server.url)
    small = ("--only", "S1", "--scale", "0.01", "--seconds", "1", "--worker-class", "none")
    ended = _bench(*small, *against, JWT_SECRET="x" * 32)
    assert ended.returncode == (1 if every else 0), ended.stdout + ended.stderr
    assert ("20 of 1000 deliveries lost" in ended.stdout) == bool(every)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--only", "S9"), "S9: there are S1"),
        (("--worker-class", "sync"), "sync: there are gthread"),
        (("--worker-class", "none"), "nothing to measure"),
        (("--against", "ws://127.0.0.1:1/ws"), "--against-nats"),
        (("--rounds", "0"), "1 or more"),
        (("--seconds", "nan"), "--seconds more than 0"),
        (("--json", "no-such/figures.json"), "there is no directory"),
        (("--chart", "no-such/chart.svg"), "there is no directory"),
    ],
)
def test_a_wrong_option_is_one_sentence(
    arguments: tuple[str, ...], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(list(arguments))
    assert ended.value.code == 2
    assert sentence in capsys.readouterr().err.splitlines()[-1]


def test_figures_that_cannot_be_kept_are_shown_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A bench of minutes ended with one sentence about its file, and nothing else."""
    monkeypatch.setattr(command, "interruptible", lambda: None)
    monkeypatch.setattr(command, "raise_file_limit", lambda: 20_000)
    monkeypatch.setattr(command, "bench", lambda *_: _document())
    assert command.main(["--only", "S1", "--json", str(tmp_path)]) == 2
    said = capsys.readouterr()
    assert "S1 one hot job" in said.out
    assert "Is a directory" in said.err


def test_what_another_command_wrote_is_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It was a traceback."""
    file = tmp_path / "figures.json"
    monkeypatch.setattr(command, "raise_file_limit", lambda: 20_000)
    for module in (command, programs):
        monkeypatch.setattr(module, "interruptible", lambda: None)
        for text in ('{"command": ""}', "[]", "1", "no JSON"):
            file.write_text(text)
            assert module.main(["--show", str(file)]) in (1, 2)
            assert "scripts/bench" in capsys.readouterr().err


def test_ctrl_c_leaves_no_process_and_no_directory(tmp_path: Path) -> None:
    options = ("--only", "S1", "--worker-class", "gthread")
    ends_on_ctrl_c("bench.command", *options, begun="S1 gthread", directory=tmp_path)


INTERRUPTED_IN_A_FORK = """
import multiprocessing, os, signal
from bench.load import child

def interrupt(number, frame):
    raise KeyError("interrupted")

signal.signal(signal.SIGINT, interrupt)
os.register_at_fork(after_in_parent=lambda: os.kill(os.getpid(), signal.SIGINT))
process = multiprocessing.get_context("fork").Process(target=child.begin)
try:
    child.start(process)
except KeyError:
    process.join()
    raise SystemExit(process.exitcode)
raise SystemExit("the signal was swallowed")
"""


def test_a_signal_that_comes_while_a_process_is_forked_is_not_lost() -> None:
    """Python ignores what is raised within its hooks around a fork."""
    command = [sys.executable, "-c", INTERRUPTED_IN_A_FORK]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("module", [execute, lists, reporter_cost, small_runs])
def test_help_of_a_small_bench_measures_nothing(
    module: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """That of reporter_cost was its two minutes."""
    monkeypatch.setattr(sys, "argv", ["…", "--help"])
    with pytest.raises(SystemExit) as ended:
        module.main()
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: python -m {module.__name__} [-h]")
