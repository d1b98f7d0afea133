"""What the supervisor starts its parts with, and how long it waits for them."""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import re
import signal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from hosting.embedded import supervisor
from hosting.embedded.lifeline import EmbeddedError, is_kept
from hosting.embedded.supervisor import Child, is_heard, nats_command, wait_for_nats
from hosting.trial.ports import free_port
from settings import Settings, SettingsError
from tests.harness import eventually


def test_a_broken_seed_is_named_and_what_to_do(tmp_path: Path) -> None:
    """It ended the start in a traceback."""
    seed = tmp_path / "nats_seed"
    seed.write_text("SAhalf of one\n")
    seed.chmod(0o600)
    with pytest.raises(SettingsError, match="holds no nkey seed; without the file, a start makes"):
        nats_command(Settings.from_env({"DATA_DIR": str(tmp_path)}))


@pytest.mark.parametrize(
    ("number", "said"),
    [(errno.EACCES, "Permission denied; are its files"), (errno.ENOLCK, "No locks available$")],
)
def test_a_lock_that_cannot_be_had_is_named(
    number: int, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a start by root: the next one ended in a traceback. On NFS without locks it named None, and asked whose that is."""

    def refused(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    lock = tmp_path / "embedded.lock"
    lock.touch()
    monkeypatch.setattr(fcntl, "flock", refused)
    with pytest.raises(EmbeddedError, match=f"{re.escape(str(lock))}: {said}"):
        is_kept(Settings.from_env({"DATA_DIR": str(tmp_path)}))


def test_nats_server_keeps_two_logs(tmp_path: Path) -> None:
    """It kept all of them, though docs/operate.md promises two of 10 MB: by itself it never deletes one."""
    nats_command(Settings.from_env({"DATA_DIR": str(tmp_path)}))
    written = (tmp_path / "nats.conf").read_text().splitlines()
    assert {"logfile_size_limit: 10485760", "logfile_max_num: 2"} <= set(written)


def test_a_nats_server_that_reads_its_streams_for_long_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """After a loss of power, on a slow disk, it was ended after 20 s, each time anew."""
    assert supervisor.READY_WAIT >= 600
    monkeypatch.setattr(supervisor, "SAY_READING", 0.0)
    settings = Settings.from_env({"NATS_PORT": str(free_port())})
    child: Any = SimpleNamespace(is_running=True)
    looks = iter((True, True, False))
    with caplog.at_level(logging.WARNING):
        assert not wait_for_nats(settings, child, lambda: next(looks))
    [told] = caplog.messages
    assert "nats-server does not answer yet" in told


def test_a_master_that_has_ended_waits_for_nothing_any_more() -> None:
    """nats-server went on without anybody until it had answered."""
    reader, writer = os.pipe()
    assert is_heard(writer)
    os.close(reader)
    assert not is_heard(writer)
    os.close(writer)


def test_of_a_part_that_is_replaced_again_and_again_no_more_than_three_are_there(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A master that the kernel kills again and again, for its memory, got one more runner each time."""
    child = Child("runner", ["sleep", "600"], lambda: dict(os.environ), 5.0, {})

    def tended() -> dict[str, int]:
        child.tend()
        return child.pids

    try:
        child.start()
        for there in (1, 2, 3, 3, 3):
            assert len(tended()) == there
            child.replace()
        assert "3 of runner end what they have at work: another" in caplog.text
        [oldest, *_] = child.pids.values()
        os.kill(oldest, signal.SIGKILL)
        eventually(lambda: oldest not in tended().values() and "runner" in tended())
        assert len(child.pids) == 3
    finally:
        child.stop()
