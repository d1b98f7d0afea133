"""A runner moves files for a web server on another machine, and lets go of what stands still or is left behind."""

from __future__ import annotations

import errno
import io
import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from jobs.http.problems import Problem
from jobs.http.runners import files as asking
from jobs.http.runners.files import FileRequests
from jobs.run.files import service
from jobs.run.files.listing import MOST_LOOKED_AT, Page, listed
from jobs.run.files.places import Place, Reach, Refused
from jobs.run.files.service import TRANSFERS, Files
from jobs.run.files.uploads import LEFT_OVER, Upload
from jobs.work.file_questions import (
    END_OF_UPLOAD,
    PIECE,
    files_subject,
    packed,
    unpacked,
)
from progress_lib.nats.link import Link
from settings.defaults import UploadSettings
from tests.harness import DEADLINE, NatsServer, eventually, linked, plain_nats
from tests.jobs.conftest import TENANT
from tests.programs import allowance

CONTENT = bytes(range(256)) * 2048  # four pieces


@pytest.fixture
def root(tmp_path: Path) -> Path:
    found = tmp_path / "of the runner"
    found.mkdir()
    return found


@contextmanager
def serving(server: NatsServer, data_dir: Path, root: Path) -> Iterator[Files]:
    """The part of a runner that moves files; the web server's `link` knows nothing of its disk."""
    with linked(server.url) as link:
        made = Files(link, data_dir, allowance(root, of=TENANT), UploadSettings())
        made.start()
        assert link.flush(DEADLINE)
        yield made
        made.stop()


@pytest.fixture
def files(nats_server: NatsServer, tmp_path: Path, root: Path) -> Iterator[Files]:
    with serving(nats_server, tmp_path / "var", root) as made:
        yield made


def asked(link: Link, **question: Any) -> dict[str, Any]:
    return answered(link, files_subject(TENANT), packed(question))


def answered(link: Link, subject: str, payload: bytes) -> dict[str, Any]:
    return unpacked(link.request(subject, payload, DEADLINE).payload)[0]


def parts(root: Path) -> list[Path]:
    return list(root.glob(".upload-*"))


def test_an_upload_that_cannot_begin_leaves_nothing_behind(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a file system that refuses the mode of the file before: each try kept two descriptors and a hidden file."""

    def refused(file: int, mode: int) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    place = Place(root, ("a.csv",), True)
    (root / "a.csv").write_text("a\n")
    (root / "a.csv").chmod(0o600)
    monkeypatch.setattr(os, "fchmod", refused)
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(Refused):
        Upload(place, 1, replace=True)
    assert parts(root) == []
    assert len(os.listdir("/proc/self/fd")) <= before


def test_files_lie_on_the_runners_disk_alone(files: Files, link: Link, root: Path) -> None:
    web = FileRequests(link, has_many_tenants=False)
    rest = memoryview(CONTENT)

    def read(most: int) -> bytes:
        nonlocal rest
        piece, rest = rest[:most], rest[most:]
        return bytes(piece)

    told = web.upload(TENANT, "a.csv", len(CONTENT), read, replace=False)
    assert (told["path"], told["replaced"]) == ("a.csv", False)
    assert (root / "a.csv").read_bytes() == CONTENT
    found, pieces = web.download(TENANT, "a.csv")
    assert found["size"] == len(CONTENT)
    assert b"".join(pieces) == CONTENT


class SlowDisk:
    """`os.fsync` of a disk that writes nothing until it is released."""

    def __init__(self) -> None:
        self._fsync = os.fsync
        self._lock = threading.Lock()
        self._released = threading.Event()
        self.waiting = 0

    def fsync(self, file: int) -> None:
        with self._lock:
            self.waiting += 1
        assert self._released.wait(DEADLINE)
        self._fsync(file)

    def release(self) -> None:
        self._released.set()


@pytest.fixture
def slow_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[SlowDisk]:
    disk = SlowDisk()
    monkeypatch.setattr(os, "fsync", disk.fsync)
    yield disk
    disk.release()


def test_a_file_that_is_complete_waits_for_a_slow_disk_also_behind_others(
    files: Files, link: Link, slow_disk: SlowDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After five seconds nobody was said to have answered; what had waited behind others so long was thrown away."""
    sessions = [
        asked(link, do="write", path=name, size=0, replace=False)["session"] for name in "abc"
    ]
    with ThreadPoolExecutor() as pool:
        ends = [pool.submit(link.request, session, END_OF_UPLOAD, DEADLINE) for session in sessions]
        eventually(lambda: slow_disk.waiting == service.THREADS_EACH)
        monkeypatch.setattr(service, "ANSWER_WAIT", 0.0)
        slow_disk.release()
        told = [unpacked(end.result(DEADLINE).payload)[0] for end in ends]
    assert [one.get("path") for one in told] == ["a", "b", "c"]


def test_who_does_not_hear_whether_a_file_is_there_is_told_to_look(
    files: Files, link: Link, slow_disk: SlowDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "FINISH_WAIT", 0.1)
    web = FileRequests(link, has_many_tenants=False)
    with pytest.raises(Problem, match="look whether it is there") as unknown:
        web.upload(TENANT, "a.csv", 3, lambda most: b"abc"[:most], replace=False)
    assert unknown.value.code == 503


def test_a_runner_of_another_tenant_says_so(files: Files, link: Link) -> None:
    web = FileRequests(link, has_many_tenants=True)
    with pytest.raises(Problem) as refused:
        web.ask("other", {"do": "look", "path": "a.csv"})
    assert refused.value.code == 403


@pytest.fixture
def _the_keeper_looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "LOOK_PERIOD", 0.02)


@pytest.mark.usefixtures("_the_keeper_looks_often")
def test_a_transfer_that_stands_still_is_forgotten_with_what_it_wrote(
    files: Files, link: Link, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = asked(link, do="write", path="a.csv", size=PIECE * 2, replace=False)["session"]
    assert answered(link, session, packed({"at": 0}, b"x" * PIECE))["at"] == PIECE
    assert parts(root)
    monkeypatch.setattr(files, "_idle", 0.02)
    eventually(lambda: not parts(root), what="its half is removed")
    late = answered(link, session, packed({"at": PIECE}, b"x" * PIECE))
    assert late["status"] == 410


def test_a_runner_that_stops_leaves_no_half_of_a_file(files: Files, link: Link, root: Path) -> None:
    assert asked(link, do="write", path="a.csv", size=10, replace=False)["session"]
    files.stop()
    assert not parts(root)


def test_a_runner_that_drains_begins_nothing_and_ends_what_it_has(
    files: Files, link: Link, root: Path
) -> None:
    session = asked(link, do="write", path="a.csv", size=1, replace=False)["session"]
    files.drain()
    files.drain()
    assert answered(link, session, packed({"at": 0}, b"x")) == {"at": 1}
    assert answered(link, session, packed({"end": True}))["size"] == 1
    assert (root / "a.csv").read_bytes() == b"x"


def test_there_are_only_so_many_transfers_and_each_end_makes_room(
    files: Files, link: Link, root: Path
) -> None:
    (root / "a.csv").write_bytes(b"x")
    with ThreadPoolExecutor(4) as pool:
        ask = lambda _: asked(link, do="read", path="a.csv")  # noqa: E731
        begun = list(pool.map(ask, range(TRANSFERS + 4)))
    sessions = [one["session"] for one in begun if "session" in one]
    assert [one["status"] for one in begun if "status" in one] == [503] * 4
    for session in sessions:
        answered(link, session, packed({"drop": True}))
    assert "session" in asked(link, do="read", path="a.csv")


def test_what_is_no_question_is_answered_and_harms_nobody(files: Files, link: Link) -> None:
    for payload in (b"", b"null", b"[]", b"{", b'{"do": "fly"}', b'{"do": "list", "path": 7}'):
        answer = answered(link, files_subject(TENANT), payload)
        assert answer["status"] in (400, 500), payload
    assert asked(link, do="list", path="", after="", limit=5, search="")["entries"] == []


def test_what_a_killed_runner_left_of_an_upload_goes_with_the_next_one(tmp_path: Path) -> None:
    old, young = tmp_path / ".upload-00.part", tmp_path / ".upload-11.part"
    for part in (old, young):
        part.touch()
    since = time.time() - LEFT_OVER - 1
    os.utime(old, (since, since))
    Upload(Place(tmp_path, ("a.csv",), True), 1, replace=False).close()
    assert parts(tmp_path) == [young]


def test_a_file_that_is_replaced_keeps_who_may_read_and_write_it(tmp_path: Path) -> None:
    (tmp_path / "a.csv").touch()
    for mode in (0o600, 0o664):
        (tmp_path / "a.csv").chmod(mode)
        upload = Upload(Place(tmp_path, ("a.csv",), True), 1, replace=True)
        [part] = parts(tmp_path)
        assert part.stat().st_mode & 0o777 == mode, "nobody else reads it on its way"
        upload.write(0, b"x")
        upload.finish()
        assert ((tmp_path / "a.csv").stat().st_mode & 0o777) == mode


def test_of_a_very_large_directory_the_list_says_that_it_is_not_all(tmp_path: Path) -> None:
    for number in range(MOST_LOOKED_AT + 1):
        (tmp_path / f"{number}").touch()
    reach = Reach((tmp_path,), frozenset())
    found = listed(reach, "", Page())
    assert (len(found["entries"]), found["isAll"]) == (200, False)


def test_pieces_are_as_small_as_the_nats_server_wants_them(tmp_path: Path, root: Path) -> None:
    with plain_nats(tmp_path / "nats", "max_payload: 20000") as server, linked(server.url) as link:
        made = Files(link, tmp_path / "var", allowance(root, of=TENANT), UploadSettings())
        made.start()
        try:
            web = FileRequests(link, has_many_tenants=False)
            source = io.BytesIO(CONTENT)
            web.upload(TENANT, "a.csv", len(CONTENT), source.read, replace=False)
            assert b"".join(web.download(TENANT, "a.csv")[1]) == CONTENT
        finally:
            made.stop()
