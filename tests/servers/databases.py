"""Real database servers for tests: Debian's PostgreSQL and MariaDB, on free ports of 127.0.0.1.

    def test_something(postgresql: Database) -> None: ...     a new database on a real PostgreSQL
    def test_something(mariadb: Database) -> None: ...        a new database on a real MariaDB

A server starts when the first test asks for it. All processes of one pytest run share it, and the last one to
end stops it. Where the server is not installed, the tests are skipped, and the summary says so; in CI they fail.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from hosting.trial.ports import free_port
from hosting.trial.processes import is_alive
from tests.harness import IN_CI, children, eventually

USER, PASSWORD = "tester", "hush-hush-51"
START_SECONDS = 60.0  # a machine that four test processes share is slow
STOP_SECONDS = 30.0


@dataclass(frozen=True)
class Database:
    """An empty database of one test's own; `url` is a connection that a job may name."""

    server: DatabaseServer
    name: str
    port: int
    connection: Any  # of the driver's own, with autocommit

    @property
    def url(self) -> str:
        return f"{self.server.scheme}://{USER}:{PASSWORD}@127.0.0.1:{self.port}/{self.name}"

    def connect(self) -> Any:
        """One more connection such as `connection`."""
        return self.server.connect(self.port, self.name)

    def execute(self, *statements: str) -> None:
        with self.connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with self.connection.cursor() as cursor:
            cursor.execute(query)
            return [tuple(row) for row in cursor.fetchall()]

    def value(self, query: str) -> Any:
        [[value]] = self.rows(query)
        return value


class DatabaseServer(ABC):
    """How one kind of server is found, made, started and asked."""

    name: str
    scheme: str
    package: str
    accounts: Sequence[str]  # who may run it; root may not

    def __init__(self, shared: Path) -> None:
        # If it was this process that started it
        self._process: subprocess.Popen[bytes] | None = None
        self.state_file = shared / f"{self.name}.json"  # {"pid", "port", "directory"} while it runs
        self._start_lock = shared / f"{self.name}.start.lock"
        self._use_lock = shared / f"{self.name}.use.lock"

    # ------------------------------------------------ one for all processes

    @contextlib.contextmanager
    def used(self) -> Iterator[int]:
        """The port of the server, which runs for as long as some process uses it."""
        with self._use_lock.open("w") as use:
            with self._locked():
                fcntl.flock(use, fcntl.LOCK_SH)
                if not self.state_file.exists():
                    self._start()
                port = int(self._state()["port"])
            try:
                yield port
            finally:
                with self._locked():
                    if _is_last(use.fileno()):
                        self._stop(**self._state())

    def stop_left(self) -> None:
        """Stops the server where those that used it were killed."""
        if self.state_file.exists():
            self._stop(**self._state())

    def directory(self) -> Path:
        """Where the running server keeps its data."""
        return Path(self._state()["directory"])

    def _state(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.state_file.read_text())
        return found

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        with self._start_lock.open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _start(self) -> None:
        directory = Path(tempfile.mkdtemp(prefix=f"{self.name}-"))  # pytest's own is root's alone
        if account := self._account():
            os.chown(directory, account.pw_uid, account.pw_gid)
        with self._log(directory).open("ab") as said:
            subprocess.run(
                self.making(directory),
                check=True,
                stdout=said,
                stderr=said,
                **self._surroundings(directory),
            )
        port = free_port()
        self._serve(directory, port)
        try:
            self.make_user(directory, port)
        except BaseException:
            self.kill()
            raise
        self._remember(directory, port)

    @staticmethod
    def _log(directory: Path) -> Path:
        return directory / "server.log"

    def _serve(self, directory: Path, port: int) -> None:
        """Starts the server, and waits until it answers."""
        log = self._log(directory)
        with log.open("ab") as said:
            process = subprocess.Popen(
                self.command(directory, port),
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,
                **self._surroundings(directory),
            )

        self._process = process

        def answers() -> bool:
            assert process.poll() is None, log.read_text(errors="replace")[-2000:]
            assert self.listens(directory, port)
            try:
                self.connect_as_root(directory, port).close()
            except Exception as error:
                raise AssertionError(str(error)) from None
            return True

        try:
            eventually(answers, START_SECONDS, what=f"{self.name} answers")
        except BaseException:
            process.kill()
            raise

    def _remember(self, directory: Path, port: int) -> None:
        assert self._process is not None
        state = {"pid": self._process.pid, "port": port, "directory": str(directory)}
        self.state_file.write_text(json.dumps(state))

    def kill(self) -> None:
        """Ends the server and its sessions as a power cut does. For a server of one test's own."""
        assert self._process is not None
        sessions = children(self._process.pid)
        self._process.kill()
        for pid in sessions:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait(STOP_SECONDS)
        eventually(lambda: not any(map(is_alive, sessions)), what="its sessions are gone")

    def start_again(self) -> None:
        """Starts the server that was killed, with its data, on its port."""
        state = self._state()
        directory, port = Path(state["directory"]), int(state["port"])
        self._serve(directory, port)
        self._remember(directory, port)

    def _stop(self, pid: int, directory: str, **_: object) -> None:
        self.state_file.unlink()
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, self.stop_signal)
        if self._process is not None:
            self._process.wait(STOP_SECONDS)
        eventually(lambda: not is_alive(pid), STOP_SECONDS, what=f"{self.name} ends")
        shutil.rmtree(directory, ignore_errors=True)

    def _account(self) -> pwd.struct_passwd | None:
        """Whom the server runs as; None: whoever runs the tests."""
        if os.geteuid() != 0:
            return None
        for name in self.accounts:
            with contextlib.suppress(KeyError):
                return pwd.getpwnam(name)
        return None

    def _surroundings(self, directory: Path) -> dict[str, Any]:
        """A MariaDB that starts deletes temporary tables in TMPDIR, also those of others."""
        around: dict[str, Any] = {"cwd": "/", "env": {**os.environ, "TMPDIR": str(directory)}}
        if (account := self._account()) is None:
            return around
        return {**around, "user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}

    # ------------------------------------------------ what differs

    stop_signal = signal.SIGTERM

    @classmethod
    @abstractmethod
    def missing(cls) -> str:
        """The program that is not installed; "" when all are there."""

    @abstractmethod
    def making(self, directory: Path) -> list[str]:
        """The command that makes an empty server."""

    @abstractmethod
    def command(self, directory: Path, port: int) -> list[str]:
        """The server, in the foreground, as fast as one may be that need not survive a power cut."""

    def listens(self, directory: Path, port: int) -> bool:
        """Whether it makes sense to connect."""
        return True

    @abstractmethod
    def connect_as_root(self, directory: Path, port: int) -> Any: ...

    @abstractmethod
    def make_user(self, directory: Path, port: int) -> None: ...

    @abstractmethod
    def connect(self, port: int, database: str) -> Any: ...

    @abstractmethod
    def make(self, port: int, database: str) -> None: ...

    @abstractmethod
    def drop(self, port: int, database: str) -> None: ...

    def renew(self, connection: Any) -> bool:
        """Empties the database of a connection; whether it is as a new one again, for another test."""
        return False


SCHEMAS = (
    "SELECT quote_ident(nspname) FROM pg_namespace WHERE nspname !~ '^pg_|^information_schema$'"
)
FIRST_OID = 16_384  # of what is made after initdb
KINDS = (
    *("class", "type", "proc", "cast", "extension", "language", "collation", "operator"),
    *("largeobject_metadata", "event_trigger", "foreign_server", "publication", "default_acl"),
)
IS_NEW = " AND ".join(
    [
        *(f"NOT EXISTS (SELECT FROM pg_{kind} WHERE oid >= {FIRST_OID})" for kind in KINDS),
        *(
            f"NOT EXISTS (SELECT FROM {view} WHERE {column} = current_database() {more})"
            for view, column, more in (
                ("pg_stat_activity", "datname", "AND pid <> pg_backend_pid()"),
                ("pg_prepared_xacts", "database", ""),
                ("pg_replication_slots", "database", ""),
                ("pg_db_role_setting JOIN pg_database ON oid = setdatabase", "datname", ""),
            )
        ),
    ]
)
IS_NEW = f"SELECT {IS_NEW}"


class Postgresql(DatabaseServer):
    name, scheme, package = "postgresql", "postgresql+psycopg", "postgresql"
    accounts = ("postgres", "nobody")
    stop_signal = signal.SIGINT  # ends its sessions; SIGTERM waits for them

    @staticmethod
    def program(name: str) -> str | None:
        """Debian keeps them out of the PATH, one directory for each version."""
        found = sorted(
            Path("/usr/lib/postgresql").glob(f"*/bin/{name}"),
            key=lambda path: int(path.parent.parent.name),
        )
        return str(found[-1]) if found else shutil.which(name)

    @classmethod
    def missing(cls) -> str:
        return next((name for name in ("initdb", "postgres") if not cls.program(name)), "")

    def making(self, directory: Path) -> list[str]:
        password = directory / "password"
        password.write_text(PASSWORD)
        password.chmod(0o644)
        return [
            *(str(self.program("initdb")), "--no-sync", "--no-instructions"),
            *("-D", str(directory / "data"), "-U", USER, "-A", "scram-sha-256"),
            *("--pwfile", str(password), "-E", "UTF8", "--locale", "C.UTF-8"),
        ]

    def command(self, directory: Path, port: int) -> list[str]:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": port,
            "unix_socket_directories": directory,
            "fsync": "off",
            "full_page_writes": "off",
            "synchronous_commit": "off",
            "max_connections": 200,
            # what a session does not set itself must not matter
            "timezone": "Europe/Berlin",
            "datestyle": "German, DMY",
            "intervalstyle": "iso_8601",
            "bytea_output": "escape",
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [str(self.program("postgres")), "-D", str(directory / "data"), *options]

    def connect_as_root(self, directory: Path, port: int) -> Any:
        return self.connect(port, "postgres")

    def make_user(self, directory: Path, port: int) -> None:
        """initdb made it."""

    def connect(self, port: int, database: str) -> Any:
        import psycopg

        return psycopg.connect(
            host="127.0.0.1",
            port=port,
            dbname=database,
            user=USER,
            password=PASSWORD,
            autocommit=True,
        )

    def make(self, port: int, database: str) -> None:
        with contextlib.closing(self.connect(port, "postgres")) as connection:
            connection.execute(f'CREATE DATABASE "{database}"')

    def drop(self, port: int, database: str) -> None:
        with contextlib.closing(self.connect(port, "postgres")) as connection:
            connection.execute(f'DROP DATABASE "{database}" WITH (FORCE)')

    def renew(self, connection: Any) -> bool:
        """A new one would cost a tenth of a second of a core, and a new connection's first look at its catalogs."""
        import psycopg

        try:
            connection.rollback()
            connection.autocommit = True
            connection.execute("DISCARD ALL")
            for [schema] in connection.execute(SCHEMAS).fetchall():
                connection.execute(f"DROP SCHEMA {schema} CASCADE")
            connection.execute("CREATE SCHEMA public AUTHORIZATION pg_database_owner")
            connection.execute("GRANT USAGE ON SCHEMA public TO PUBLIC")
            [is_new] = connection.execute(IS_NEW).fetchone()
        except psycopg.Error:
            return False
        return bool(is_new)


class Mariadb(DatabaseServer):
    name, scheme, package = "mariadb", "mariadb+pymysql", "mariadb-server"
    accounts = ("mysql", "nobody")

    @staticmethod
    def program(name: str) -> str | None:
        return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")

    @classmethod
    def missing(cls) -> str:
        names = ("mariadb-install-db", "mariadbd")
        return next((name for name in names if not cls.program(name)), "")

    def making(self, directory: Path) -> list[str]:
        return [
            *(str(self.program("mariadb-install-db")), "--no-defaults", "--skip-test-db"),
            *(f"--datadir={directory / 'data'}", "--auth-root-authentication-method=normal"),
        ]

    def command(self, directory: Path, port: int) -> list[str]:
        settings = {
            "datadir": directory / "data",
            "bind-address": "127.0.0.1",
            "port": port,
            "socket": directory / "socket",
            "pid-file": directory / "pid",
            "innodb-flush-log-at-trx-commit": 0,
            "innodb-flush-method": "nosync",
            "innodb-buffer-pool-size": "64M",
            "innodb-log-file-size": "32M",
            "max-connections": 200,
            # what a session does not set itself must not matter
            "default-time-zone": "+02:00",
            "sql-mode": "",
            "character-set-server": "latin1",
        }
        options = [f"--{name}={value}" for name, value in settings.items()]
        return [str(self.program("mariadbd")), "--no-defaults", "--skip-name-resolve", *options]

    def listens(self, directory: Path, port: int) -> bool:
        return (directory / "socket").exists()

    def connect_as_root(self, directory: Path, port: int) -> Any:
        import pymysql

        return pymysql.connect(
            unix_socket=str(directory / "socket"),
            user="root",
            autocommit=True,
            charset="utf8mb4",
            ssl_disabled=True,
        )

    def make_user(self, directory: Path, port: int) -> None:
        with contextlib.closing(self.connect_as_root(directory, port)) as connection:
            connection.query(f"CREATE USER {USER}@'%' IDENTIFIED BY '{PASSWORD}'")
            connection.query(f"GRANT ALL ON *.* TO {USER}@'%' WITH GRANT OPTION")

    def connect(self, port: int, database: str | None) -> Any:
        import pymysql

        return pymysql.connect(
            host="127.0.0.1",
            port=port,
            user=USER,
            password=PASSWORD,
            database=database,
            autocommit=True,
            charset="utf8mb4",
            ssl_disabled=True,  # each connection would read all certificates of the machine anew
        )

    def make(self, port: int, database: str) -> None:
        self._run(port, f"CREATE DATABASE `{database}` CHARACTER SET utf8mb4")

    def drop(self, port: int, database: str) -> None:
        self._run(port, f"DROP DATABASE `{database}`")

    def _run(self, port: int, statement: str) -> None:
        with contextlib.closing(self.connect(port, None)) as connection:
            connection.query(statement)


@dataclass(frozen=True)
class Running:
    """A server that the tests of this process use."""

    server: DatabaseServer
    port: int
    free: list[str] = field(default_factory=list)  # names of databases that are as new

    @contextlib.contextmanager
    def database(self) -> Iterator[Database]:
        name, is_new = self.free.pop() if self.free else self._made(), False
        try:
            with contextlib.closing(self.server.connect(self.port, name)) as connection:
                try:
                    yield Database(self.server, name, self.port, connection)
                finally:
                    is_new = self.server.renew(connection)
        finally:
            if is_new:
                self.free.append(name)
            else:
                self.server.drop(self.port, name)

    def _made(self) -> str:
        name = f"test_{secrets.token_hex(6)}"
        self.server.make(self.port, name)
        return name


def _is_last(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def skip_where_missing(kind: type[DatabaseServer]) -> None:
    if missing := kind.missing():
        reason = f"NO {kind.name.upper()} TEST RAN: there is no {missing} (apt-get install {kind.package})"
        if IN_CI:
            pytest.fail(reason)
        pytest.skip(reason)


def believing_nobody(patch: pytest.MonkeyPatch) -> None:
    """Takes away the certificates of CAs, which our servers do without: PyMySQL reads all for each connection, 26 ms of a core."""
    patch.setenv("SSL_CERT_FILE", os.devnull)


def stop_left(shared: Path) -> None:
    """Stops the servers that processes which were killed had shared in this directory."""
    for kind in (Postgresql, Mariadb):
        kind(shared).stop_left()


@contextlib.contextmanager
def _server(kind: type[DatabaseServer], factory: pytest.TempPathFactory) -> Iterator[Running]:
    skip_where_missing(kind)
    base = factory.getbasetemp()
    server = kind(base.parent if "PYTEST_XDIST_WORKER" in os.environ else base)
    with server.used() as port:
        yield Running(server, port)


@pytest.fixture(scope="session")
def postgresql_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with _server(Postgresql, tmp_path_factory) as running:
        yield running


@pytest.fixture(scope="session")
def mariadb_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with _server(Mariadb, tmp_path_factory) as running:
        yield running


@pytest.fixture
def postgresql(postgresql_server: Running) -> Iterator[Database]:
    """A new database on a real PostgreSQL, whose defaults of time zone and formats are not ours."""
    with postgresql_server.database() as database:
        yield database


@pytest.fixture
def mariadb(mariadb_server: Running, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """A new database on a real MariaDB, which by default forgives and has another time zone."""
    believing_nobody(monkeypatch)
    with mariadb_server.database() as database:
        yield database
