"""A backup that is made while a server works becomes a server with the same jobs, runs, secrets and data."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hosting.backup import command as commands
from hosting.backup import databases, making
from hosting.backup.errors import BackupError, NotRead
from hosting.backup.kept_files import kept_files
from hosting.backup.making import make_backup
from hosting.backup.restoring import move_whole, restore
from hosting.stop_signals import ENDING
from jobs.graph.fields.paths import path_errors
from jobs.store.records import NewRun
from jobs.store.store import Store
from settings import Settings
from tests.harness import ROOT, StartProduct, running_product
from tests.jobs.conftest import GRAPH, TENANT
from tests.servers.databases import Database


def command(name: str, *arguments: object, data_dir: Path, **environ: str) -> Any:
    return subprocess.run(
        [sys.executable, "-m", "hosting.backup", name, *map(str, arguments)],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "DATA_DIR": str(data_dir), **environ},
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_a_server_goes_on_from_a_backup_that_was_made_while_it_ran(
    start_product: StartProduct, shop_database: Path, tmp_path: Path
) -> None:
    product = start_product(SAMPLE_ORDERS="2000")
    job_id = product.sample_job_id()
    ended = product.run_end(product.execute(job_id))
    assert ended["status"] == "completed", ended
    working = product.execute(job_id)
    archive, place = tmp_path / "backup.tar.gz", tmp_path / "restored"
    made = command("backup", archive, data_dir=product.data_dir)
    assert made.returncode == 0, made.stderr
    assert "the database and" in made.stdout
    assert stat.S_IMODE(archive.stat().st_mode) == 0o600
    assert product.run_end(working)["status"] == "completed", "the server was not disturbed"
    job = product.get(f"/api/jobs/{job_id}").json()
    product.stop()
    restored = command("restore", archive, data_dir=place)
    assert restored.returncode == 0, restored.stderr
    assert sqlite3.connect(place / "shop.db").execute("PRAGMA integrity_check").fetchone() == (
        "ok",
    )
    with running_product(place, shop_database, SAMPLE_ORDERS="2000") as again:
        assert again.get(f"/api/jobs/{job_id}").json() == job
        assert again.get(f"/api/runs/{ended['runId']}").json() == ended
        assert again.get(f"/api/runs/{ended['runId']}/log").json()["size"] > 0
        cut_off = again.run_end(working)
        assert cut_off["status"] in ("completed", "lost"), "its runner is not there any more"
        assert again.run_end(again.execute(job_id))["status"] == "completed"


def test_a_database_on_postgresql_is_part_of_it(postgresql: Database, tmp_path: Path) -> None:
    data_dir, archive, place = tmp_path / "data", tmp_path / "backup.tar.gz", tmp_path / "again"
    data_dir.mkdir()
    (data_dir / "orders.csv").write_text("id\n1\n")
    store = Store(postgresql.url)
    store.open()
    job = store.create_job(TENANT, "kept", GRAPH)
    store.record_run(TENANT, NewRun(job.job_id, GRAPH, ""))
    made = command("backup", archive, data_dir=data_dir, DATABASE_URL=postgresql.url)
    assert made.returncode == 0, made.stderr
    url = postgresql.url
    full = command("restore", archive, data_dir=place, DATABASE_URL=url)
    assert full.returncode == 2, "the database is not empty"
    assert "already exists" in full.stderr
    assert not place.exists()
    assert [job.name for job in store.jobs(TENANT)] == ["kept"]
    store.close()
    for table in postgresql.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"):
        postgresql.execute(f'DROP TABLE "{table[0]}" CASCADE')
    done = command("restore", archive, data_dir=place, DATABASE_URL=url)
    assert done.returncode == 0, done.stderr
    assert (place / "orders.csv").read_text() == "id\n1\n"
    store = Store(postgresql.url)
    store.open()
    assert [job.name for job in store.jobs(TENANT)] == ["kept"]
    store.close()


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """One with a database, in which a test puts what it is about."""
    place = tmp_path / "data"
    place.mkdir()
    with contextlib.closing(sqlite3.connect(place / "progress.db")) as database:
        database.execute("CREATE TABLE jobs (id)")
    return place


def there_and_back(data_dir: Path, **environ: str) -> Path:
    """A DATA_DIR restored from a backup of this one; `environ`: of the restore."""
    archive, place = data_dir.parent / "there.tar.gz", data_dir.parent / "back"
    assert make_backup(Settings.from_env({"DATA_DIR": str(data_dir)}), archive) == 0
    assert restore(Settings.from_env({"DATA_DIR": str(place), **environ}), archive) == 0
    return place


def below(directory: Path) -> set[str]:
    return {str(path.relative_to(directory)) for path in directory.rglob("*")}


def test_a_file_with_two_names_is_a_file_by_each_of_them(data_dir: Path) -> None:
    """The second one was a link in the archive, and the restore refused all of it: "scripts/backup made none such"."""
    (data_dir / "a.csv").write_text("id\n1\n")
    os.link(data_dir / "a.csv", data_dir / "b.csv")
    place = there_and_back(data_dir)
    assert (place / "b.csv").read_text() == (place / "a.csv").read_text() == "id\n1\n"


def test_an_archive_with_such_a_link_is_restored(data_dir: Path, tmp_path: Path) -> None:
    """As those of before are."""
    (data_dir / "a.csv").write_text("id\n1\n")
    os.link(data_dir / "a.csv", data_dir / "b.csv")
    with tarfile.open(tmp_path / "old.tar.gz", "w:gz") as old:
        for path in ("a.csv", "b.csv", "progress.db"):
            old.add(data_dir / path, path if path == "progress.db" else f"data/{path}")
        assert old.getmember("data/b.csv").islnk()
    settings = Settings.from_env({"DATA_DIR": str(tmp_path / "back")})
    assert restore(settings, tmp_path / "old.tar.gz") == 0
    assert (tmp_path / "back" / "b.csv").read_text() == "id\n1\n"


def test_directories_are_data_whatever_they_are_called_and_whatever_is_in_them(
    data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What lay in general-journal was missing without a word, and so was out/, without which an output fails."""
    directories = {"out", "runs", "runs/a", "general-journal", "general-journal/2026", "a.csv-wal"}
    directories |= {"of links", "of pipes"}
    for name in (*directories, "lost+found"):  # the last is the disk's own, and a new disk has one
        (data_dir / name).mkdir(parents=True, exist_ok=True)
    files = {"general-journal/accounts.csv", "a.csv-wal/b.csv"}
    for name in (*files, "runs/a/.b.part"):
        (data_dir / name).write_text("")
    (data_dir / "of links" / "a").symlink_to("b")
    os.mkfifo(data_dir / "of pipes" / "a")
    assert below(there_and_back(data_dir)) == directories | files | {"progress.db"}
    assert "a is a link, and is left out" in capsys.readouterr().err


def test_what_lies_beside_a_database_is_in_its_copy_and_files_of_such_a_name_are_kept(
    data_dir: Path,
) -> None:
    """Of accounts and accounts-journal, both an operator's tables, the second was missing without a word."""
    files = {"accounts", "accounts-journal", "an own-journal", "pipe-wal", "-shm"}
    for name in (*files, "sales.db-wal", ".sales.db.part-journal"):
        (data_dir / name).write_text("id\n")
    os.mkfifo(data_dir / "pipe")
    for name in ("sales.db", ".sales.db.part"):
        shutil.copy(data_dir / "progress.db", data_dir / name)
    found = {str(name) for name, path in kept_files(data_dir) if path.is_file()}
    assert found == files | {"sales.db", "progress.db"}


def test_a_directory_that_cannot_be_looked_into_is_named(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What lay in it was missing, and the backup said that it is complete. Not so of what a disk keeps for itself, or of what has just been deleted."""
    errors = {"closed": errno.EACCES, "lost+found": errno.EACCES, "gone": errno.ENOENT}
    for name in errors:
        (data_dir / name).mkdir()
    scandir = os.scandir

    def scanned(path: Any) -> Any:
        if number := errors.get(Path(path).name):
            raise OSError(number, os.strerror(number), str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", scanned)
    with pytest.raises(PermissionError, match="closed"):
        list(kept_files(data_dir))
    del errors["closed"]
    assert {str(name) for name, _ in kept_files(data_dir)} == {"closed", "progress.db"}


def test_a_database_that_is_named_by_a_uri_is_restored_where_the_server_has_it(
    data_dir: Path, tmp_path: Path
) -> None:
    """It came into a directory called file:, and the server made an empty one."""
    url = f"sqlite:///file:{tmp_path}/a%2520name.db?uri=true"
    place = there_and_back(data_dir, DATABASE_URL=url)
    assert (tmp_path / "a name.db").exists()
    assert not (place / "progress.db").exists()


@pytest.mark.parametrize(
    "url", ["postgresql://u:hush@h/n", "postgresql://h/n?user=u&password=hush"]
)
def test_no_password_is_seen_in_the_list_of_processes(
    url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    told = tmp_path / "pg_dump"
    told.write_text('#!/bin/sh\necho "$PGPASSWORD; $*" >&2\nexit 1\n')
    told.chmod(0o755)
    monkeypatch.setattr(databases, "_found", lambda _: str(told))
    settings = Settings.from_env({"DATA_DIR": str(tmp_path), "DATABASE_URL": url})
    with pytest.raises(BackupError, match=r"hush; --dbname=postgresql://[^:]*/n") as failed:
        make_backup(settings, tmp_path / "a.tar.gz")
    assert str(failed.value).count("hush") == 1


@pytest.fixture(autouse=True)
def own_signals() -> Iterator[None]:
    """A terminal's signals at their defaults, also where the tests run under nohup, and afterwards as before."""
    before = {number: signal.getsignal(number) for number in ENDING}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in ENDING - {signal.SIGINT}:
        signal.signal(number, signal.SIG_DFL)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", sorted(ENDING))
def test_whatever_ends_a_backup_leaves_nothing_behind(
    number: signal.Signals, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where its terminal was closed, half of an archive stayed, with secrets, under a hidden name. So it was at a second signal."""
    monkeypatch.setenv("DATA_DIR", str(data_dir))
    monkeypatch.setattr(commands, "keep_private", lambda: None)

    def ends(_: Path) -> list[Any]:
        signal.raise_signal(number)
        return []

    removes = shutil.rmtree

    def removes_late(*arguments: Any, **options: Any) -> None:
        signal.raise_signal(number)
        removes(*arguments, **options)

    monkeypatch.setattr(making, "kept_files", ends)
    monkeypatch.setattr(shutil, "rmtree", removes_late)
    assert commands.main(["backup", str(data_dir.parent / "a.tar.gz")]) == 130
    assert [path.name for path in data_dir.parent.iterdir()] == ["data"]


@pytest.mark.parametrize(
    ("number", "code"), [(errno.EINVAL, 0), (errno.ENOTSUP, 0), (errno.EACCES, 0), (errno.EIO, 1)]
)
def test_a_stop_once_the_archive_is_whole_is_too_late_and_a_broken_disk_is_told(
    number: int,
    code: int,
    data_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It said that nothing was left behind, beside a whole archive; and nothing of a disk that may lose its name."""
    monkeypatch.setenv("DATA_DIR", str(data_dir))
    monkeypatch.setattr(commands, "keep_private", lambda: None)

    def syncs(path: Path) -> None:
        if path.is_dir():
            signal.raise_signal(signal.SIGINT)
            raise OSError(number, os.strerror(number))

    monkeypatch.setattr(making, "_sync", syncs)
    archive = data_dir.parent / "a.tar.gz"
    assert commands.main(["backup", str(archive)]) == code
    said = capsys.readouterr()
    assert ("the database and" in said.out) is (code == 0)
    assert (f"{archive} is whole, but" in said.err) is (code == 1)
    assert {path.name for path in data_dir.parent.iterdir()} == {"data", "a.tar.gz"}


def test_a_stop_of_a_restore_whose_database_is_in_place_is_too_late(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It said that nothing was left behind, and the database was there without its files."""
    archive, place = tmp_path / "b.tar.gz", tmp_path / "restored"
    assert make_backup(Settings.from_env({"DATA_DIR": str(data_dir)}), archive) == 0
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for name, value in {"DATA_DIR": place, "DATABASE_URL": f"sqlite:///{tmp_path}/c.db"}.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.setattr(commands, "keep_private", lambda: None)
    rename = Path.rename

    def renames(path: Path, target: Path) -> Path:
        if path.name == "data":
            signal.raise_signal(signal.SIGINT)
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", renames)
    assert commands.main(["restore", str(archive)]) == 0
    assert place.is_dir() and (tmp_path / "c.db").exists()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"NATS_URL": "nats://127.0.0.1:1", "NATS_PREFIX": "p"}, ["nats stream purge p_PROGRESS"]),
        ({}, []),  # the archive has no streams
    ],
)
def test_who_restores_beside_a_nats_of_their_own_is_told_what_to_empty(
    data_dir: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    more: dict[str, str],
    said: list[str],
) -> None:
    """A job that was made after the restore was shown with the run of another one, which had its number before."""
    archive = tmp_path / "a.tar.gz"
    assert make_backup(Settings.from_env({"DATA_DIR": str(data_dir)}), archive) == 0
    assert restore(Settings.from_env({"DATA_DIR": str(tmp_path / "new"), **more}), archive) == 0
    assert re.findall("nats stream purge [a-zA-Z_]+", capsys.readouterr().out) == said


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    data_dir = tmp_path / "of archive"
    data_dir.mkdir()
    Store(f"sqlite:///{data_dir}/progress.db").open()
    for name in ("nats.log", "embedded.lock", "notes.txt", ".part"):
        (data_dir / name).write_text("x")
    (data_dir / "nats").mkdir()
    (data_dir / "nats" / "stream").write_text("x")
    os.mkfifo(data_dir / "a.fifo")
    made = command("backup", tmp_path / "a.tar.gz", data_dir=data_dir)
    assert made.returncode == 0, made.stderr
    return tmp_path / "a.tar.gz"


def test_what_a_start_makes_anew_is_not_in_it(archive: Path) -> None:
    with tarfile.open(archive) as found:
        assert sorted(found.getnames()) == ["data/notes.txt", "progress.db"]


def test_data_is_kept_whatever_its_name_is(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    Store(f"sqlite:///{data_dir}/progress.db").open()
    names = ["embedded.csv", "nats.configured.csv", "once.log.csv", "sales.csv.part"]
    for name in names:
        assert not list(path_errors(name)), "a graph may write it"
        (data_dir / name).write_text("id\n1\n")
    made = command("backup", tmp_path / "a.tar.gz", data_dir=data_dir)
    assert made.returncode == 0, made.stderr
    with tarfile.open(tmp_path / "a.tar.gz") as found:
        assert {f"data/{name}" for name in names} <= set(found.getnames())


def test_links_in_the_place_of_what_is_our_own_are_followed_and_others_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A secret that was mounted, and runs on a larger disk, were missing without a word."""
    data_dir, disk = tmp_path / "data", tmp_path / "disk"
    (disk / "runs" / "a").mkdir(parents=True)
    data_dir.mkdir()
    for name in ("runs/a/log.txt", "jwt_secret", "orders.csv"):
        (disk / name).write_text(name)
    for name in ("runs", "jwt_secret", "orders.csv"):
        (data_dir / name).symlink_to(disk / name)
    (disk / "runs" / "b").symlink_to("a")
    kept = {str(name): path for name, path in kept_files(data_dir)}
    assert {name for name, path in kept.items() if path.is_dir()} == {"runs", "runs/a"}
    found = {name: path.read_text() for name, path in kept.items() if path.is_file()}
    assert found == {name: name for name in ("runs/a/log.txt", "jwt_secret")}
    left_out = [data_dir / "orders.csv", disk / "runs" / "b"]
    said = {f"scripts/backup: {link} is a link, and is left out" for link in left_out}
    assert set(capsys.readouterr().err.splitlines()) == said
    (disk / "jwt_secret").unlink()
    with pytest.raises(BackupError, match=r"jwt_secret is a link to .*, which is not there"):
        list(kept_files(data_dir))


def test_a_broken_database_of_a_graph_keeps_nothing_from_the_archive(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    Store(f"sqlite:///{data_dir}/progress.db").open()
    with contextlib.closing(sqlite3.connect(tmp_path / "whole.db")) as whole:
        whole.execute("CREATE TABLE t AS SELECT hex(randomblob(9000)) AS a")
        whole.commit()
    content = (tmp_path / "whole.db").read_bytes()[:9_000]
    (data_dir / "broken.db").write_bytes(content)
    made = command("backup", tmp_path / "a.tar.gz", data_dir=data_dir)
    assert made.returncode == 0, made.stderr
    assert "broken.db" in made.stderr, "the operator is told"
    with tarfile.open(tmp_path / "a.tar.gz") as found:
        kept = found.extractfile("data/broken.db")
        assert kept is not None and kept.read() == content


def test_the_disk_has_an_archive_before_it_has_its_name(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A loss of power may leave an empty file by that name: the backup had said how large it is."""
    done: list[str] = []
    sync, rename = os.fsync, Path.rename

    def synced(descriptor: int) -> None:
        done.append(os.readlink(f"/proc/self/fd/{descriptor}").rpartition("/")[2])
        sync(descriptor)

    def renamed(source: Path, target: Path) -> Path:
        done.append(f"-> {target.name}")
        return rename(source, target)

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", synced)
        patched.setattr(Path, "rename", renamed)
        make_backup(Settings.from_env({"DATA_DIR": str(data_dir)}), data_dir.parent / "a.tar.gz")
    assert done == ["a.tar.gz", "-> a.tar.gz", data_dir.parent.name]


def test_a_file_that_becomes_shorter_meanwhile_is_named(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error was "unexpected end of data", of any of a thousand files."""
    (data_dir / "orders.csv").write_text("id\n1\n")
    told = tarfile.TarFile.gettarinfo

    def told_before_it_was_cut(*arguments: Any, **named: Any) -> tarfile.TarInfo:
        found = told(*arguments, **named)
        if found.name == "data/orders.csv":
            os.truncate(data_dir / "orders.csv", 1)
        return found

    monkeypatch.setattr(tarfile.TarFile, "gettarinfo", told_before_it_was_cut)
    with pytest.raises(OSError, match=r"orders\.csv became shorter while it was read"):
        there_and_back(data_dir)


def test_a_database_that_another_process_keeps_to_itself_is_named(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a tool that was left open in a transaction: the backup waited for it without a word, and heard no Ctrl-C."""
    monkeypatch.setattr(databases, "LOCKED_WAIT", 0.0)
    monkeypatch.setattr(databases, "LOCKED_TRY", 0.0)
    with contextlib.closing(sqlite3.connect(data_dir / "tool.db", isolation_level=None)) as tool:
        tool.execute("CREATE TABLE t (a)")
        tool.execute("BEGIN EXCLUSIVE")
        with pytest.raises(NotRead, match=r"tool\.db: another process has had it"):
            there_and_back(data_dir)
    assert "tool.db" in below(there_and_back(data_dir))


def test_a_broken_database_of_ours_is_named(tmp_path: Path) -> None:
    (tmp_path / "progress.db").write_bytes(b"SQLite format 3\0" + bytes(5_000))
    made = command("backup", tmp_path / "a.tar.gz", data_dir=tmp_path)
    assert made.returncode == 1
    assert str(tmp_path / "progress.db") in made.stderr
    assert not (tmp_path / "a.tar.gz").exists()


def test_a_database_that_is_not_there_is_named_with_its_setting(tmp_path: Path) -> None:
    """As in a crontab that lacks DATABASE_URL: it was “unable to open database file”."""
    settings = Settings.from_env({"DATA_DIR": str(tmp_path)})
    with pytest.raises(BackupError, match=r"there is no database .*progress\.db: set DATABASE_URL"):
        make_backup(settings, tmp_path.parent / "never.tar.gz")
    assert not (tmp_path.parent / "never.tar.gz").exists()


def test_nothing_is_ever_overwritten(archive: Path, tmp_path: Path) -> None:
    again = command("backup", archive, data_dir=tmp_path / "of archive")
    assert (again.returncode, "exists already" in again.stderr) == (2, True)
    full = command("restore", archive, data_dir=tmp_path / "of archive")
    assert (full.returncode, "is not empty" in full.stderr) == (2, True)
    url = f"sqlite:///{tmp_path}/other.db"
    for name in ("other.db-wal", "other.db"):  # SQLite would write the first into the restored one
        (tmp_path / name).write_text("")
        taken = command("restore", archive, data_dir=tmp_path / "new", DATABASE_URL=url)
        assert (taken.returncode, f"{name} exists already" in taken.stderr) == (2, True)
        assert not (tmp_path / "new").exists()
    assert sorted(p.name for p in tmp_path.iterdir() if p.name.startswith(".")) == []


def test_a_data_dir_on_a_disk_that_is_not_there_gets_no_half_of_a_restore(
    data_dir: Path, tmp_path: Path
) -> None:
    """The database was in its place, and the files nowhere."""
    (tmp_path / "back").symlink_to(tmp_path / "disk" / "data")
    with pytest.raises(BackupError, match=r"back is a link to .*/disk/data, which is not there"):
        there_and_back(data_dir, DATABASE_URL=f"sqlite:///{tmp_path}/other.db")
    assert not (tmp_path / "other.db").exists()


def test_a_disk_without_room_for_the_database_keeps_no_half_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A start on that half found a broken database."""

    def full(source: Path, place: Path) -> None:
        place.write_bytes(source.read_bytes()[:1])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    source, place = tmp_path / "copy", tmp_path / "disk" / "progress.db"
    source.write_text("a database")
    place.parent.mkdir()
    with monkeypatch.context() as patched:
        patched.setattr(shutil, "move", full)
        with pytest.raises(OSError, match="No space"):
            move_whole(source, place)
    assert not list(place.parent.iterdir())
    move_whole(source, place)
    assert place.read_text() == "a database"


BEFORE_FILTERS = (
    "import sys, tarfile; from hosting.backup.command import main; "
    "del tarfile.TarFile.extractall, tarfile.TarFile.extract; sys.exit(main(sys.argv[1:]))"
)


def test_a_python_whose_tarfile_has_no_filters_restores(archive: Path, tmp_path: Path) -> None:
    """As Debian 12's 3.11.2."""
    place = tmp_path / "new"
    with tarfile.open(archive) as found:
        before = found.getmember("data/notes.txt")
    done = subprocess.run(
        [sys.executable, "-c", BEFORE_FILTERS, "restore", str(archive)],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "DATA_DIR": str(place)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    after = (place / "notes.txt").stat()
    assert (place / "notes.txt").read_text() == "x"
    assert (stat.S_IMODE(after.st_mode), int(after.st_mtime)) == (before.mode, int(before.mtime))
    assert stat.S_IMODE(place.stat().st_mode) == 0o700


WITHOUT_TMP = (
    "import sys, tempfile; tempfile.tempdir = '/nowhere'; from hosting.backup.command import main; "
    "sys.exit(main(sys.argv[1:]))"
)


def test_copies_of_databases_lie_beside_the_archive_and_never_in_tmp(tmp_path: Path) -> None:
    """/tmp may be small, or memory. The archive may lie in DATA_DIR, and holds nothing of itself."""
    for name in ("progress.db", "shop.db"):
        Store(f"sqlite:///{tmp_path / name}").open()
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TMP, "backup", str(tmp_path / "a.tar.gz")],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "DATA_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    with tarfile.open(tmp_path / "a.tar.gz") as found:
        assert sorted(found.getnames()) == ["data/shop.db", "progress.db"]
    assert sorted(path.name for path in tmp_path.glob(".*")) == []


def test_an_empty_directory_is_filled_and_not_replaced(archive: Path, tmp_path: Path) -> None:
    """It may be a volume, which cannot be removed, in a directory that is not ours."""
    place = tmp_path / "volume"
    (place / "lost+found").mkdir(parents=True)
    before = place.stat().st_ino
    done = command("restore", archive, data_dir=place)
    assert done.returncode == 0, done.stderr
    assert place.stat().st_ino == before
    kept = sorted(path.name for path in place.iterdir())
    assert kept == ["lost+found", "notes.txt", "progress.db"]


def with_a_way_out(path: Path) -> None:
    with tarfile.open(path, "w:gz") as archive:
        for name in ("progress.db", "../outside.txt"):
            archive.addfile(tarfile.TarInfo(name))


@pytest.mark.parametrize("share", [0.2, 0.9, 1.0])
def test_an_archive_that_was_not_copied_to_its_end_is_named(
    share: float, archive: Path, tmp_path: Path
) -> None:
    content = archive.read_bytes()
    cut = tmp_path / "cut.tar.gz"
    cut.write_bytes(content[: int(len(content) * share) - 1])
    done = command("restore", cut, data_dir=tmp_path / "new")
    assert done.returncode == 2
    assert f"{cut} cannot be read to its end" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "new").exists()


def with_a_link(path: Path) -> None:
    with tarfile.open(path, "w:gz") as archive:
        archive.addfile(tarfile.TarInfo("progress.db"))
        link = tarfile.TarInfo("data")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc"
        archive.addfile(link)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (with_a_way_out, "outside the destination"),
        (with_a_link, "is no file"),
        (lambda path: path.write_text("no archive"), "not a gzip file"),
        (lambda path: tarfile.open(path, "w:gz").close(), "is no archive of scripts/backup"),
        (lambda path: None, "No such file"),
    ],
)
def test_what_is_no_backup_is_refused(make: Any, said: str, tmp_path: Path) -> None:
    make(tmp_path / "x.tar.gz")
    done = command("restore", tmp_path / "x.tar.gz", data_dir=tmp_path / "new")
    assert done.returncode in (1, 2)
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert [path.name for path in tmp_path.iterdir() if path.suffix != ".gz"] == []
