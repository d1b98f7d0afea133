"""A runner that an operator starts tells its figures at METRICS_PORT."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

from hosting.trial.ports import free_port
from tests.harness import NatsServer, eventually


def environment(tmp_path: Path, nats: NatsServer, port: int) -> dict[str, str]:
    own = {"DATA_DIR": str(tmp_path / "data"), "NATS_URL": nats.url, "PROGRAM_SPARES": "0"}
    return {**os.environ, **own, "METRICS_PORT": str(port)}


def told(port: int) -> str | None:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            return str(answer.read().decode())
    except urllib.error.URLError:
        return None


def test_it_tells_its_slots_and_the_figures_of_its_process(
    tmp_path: Path, nats_server: NatsServer
) -> None:
    (tmp_path / "data").mkdir()
    port = free_port()
    runner = subprocess.Popen(
        [sys.executable, "-m", "jobs.runner"], env=environment(tmp_path, nats_server, port)
    )
    try:
        text = eventually(lambda: told(port))
        assert text is not None
        assert 'progress_runner_slots{worker="runner"} 4.0' in text
        assert 'process_resident_memory_bytes{worker="runner"}' in text
        assert 'progress_runs_ended_total{reason="lost",status="lost",worker="runner"} 0.0' in text
    finally:
        runner.terminate()
        assert runner.wait(30) == 0


def test_a_port_that_is_taken_ends_its_start_with_one_line(
    tmp_path: Path, nats_server: NatsServer
) -> None:
    (tmp_path / "data").mkdir()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "jobs.runner"],
            env=environment(tmp_path, nats_server, port),
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert done.returncode == 2
    assert f"METRICS_PORT {port} cannot be used" in done.stderr
    assert "Traceback" not in done.stderr
