"""The settings of the whole system: read once from the environment, checked, then frozen."""

import errno
import os
import re
import resource
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from progress_lib.subjects import EVERY_TENANT, ID, check_id
from settings.addresses import Network, parse_proxies
from settings.keys import TrustedKey, check_secret, public_keys, secret_keys
from settings.own_files import ROOT, TRUST_VARIABLES, code, ways_to
from settings.secret_files import make_secret
from settings.shared import (
    AUTO,
    LANDLOCK_MODES,
    MAX_EDGES,
    MAX_NODES,
    SCOPES,
    TENANT,
    TENANTS,
    Expected,
)

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

STORES = ("sqlite", "postgresql")  # whose indexes hold the law that a job has one active run
WORKER_CLASSES = ("gthread", "gevent")  # of gunicorn; the first is what it has unasked
NATS_USER = "progress"  # of our own processes on the embedded nats-server
MAX_DIGITS = 10  # of a number
MAX_MB = 1 << 30  # of a limit: a petabyte; more is a mistake
MIN_MEMORY_MB = 64  # of a program: Python and SQLAlchemy alone take 32
MIN_OPEN_FILES = 16  # of a program: one that copies a small file has 7 open
MAX_RUN_TIMEOUT = 366 * 86_400  # seconds; more is a mistake
MAX_CANCEL_TIMEOUT = 300  # seconds; a stop of the server waits for it
MIN_METRICS_TOKEN = 16  # characters
_HASHED = re.compile(r"\$2[abxy]\$")
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^\s/?#@]+")


def check_place(name: str, place: Path) -> None:
    """Raises SettingsError for a directory in which the product cannot work."""
    found = str(place)
    if os.pathsep in found or os.pathsep in os.path.realpath(place):
        why = f"holds a {os.pathsep!r}, which separates directories (DATA_ROOTS, PYTHONPATH)"
    elif not found.isprintable() and found != found.encode(errors="replace").decode():
        why = "is no UTF-8 text, so SQLite opens no file there"
    elif TENANT in found:
        why = f"holds {TENANT}, which stands for a tenant's name (DATA_ROOTS)"
    elif found[-1].isspace():
        why = "ends in white space, which gunicorn takes away"
    else:
        return
    raise SettingsError(f"{name} {found!r:.200} {why}; choose another place")


def keep_private() -> None:
    """From now on, files of this process, and of those that it starts, are for its user alone.

    There is no core file: it would hold keys and passwords.
    """
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


class SettingsError(Exception):
    """A setting that cannot work; the text is one line that names it, the value and what fits."""


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings by name. Read the README's table for what each one means."""

    host: str
    api_port: int
    ws_port: int
    nats_url: str | None  # None: an embedded nats-server
    nats_port: int
    nats_monitor_port: int
    nats_ping_period: int  # seconds; a silent server is given up within two of them
    nats_issuer_seed: Path | None  # None: that of the embedded server, where NATS_URL is its own
    data_dir: Path
    database_url: str
    jwt_secret: str | None  # None: the one kept in data_dir
    jwt_secret_previous: str | None  # still good for tokens that were signed with it
    jwt_public_key: str | None  # PEM blocks or a JWKS, as text
    jwt_public_key_file: Path | None  # where that was read; None: it was in the setting itself
    jwt_audience: tuple[str, ...]  # empty: a token's aud is not looked at
    jwt_issuer: str | None  # None: nor is its iss
    jwt_default_scope: frozenset[str]  # of a token that names none
    tenant_id: str
    workers: int
    worker_class: str
    max_clients: int  # WebSocket clients of one worker
    max_clients_per_token: int
    max_clients_per_address: int
    max_subscriptions: int  # of one WebSocket client
    max_messages_per_second: int  # of one WebSocket client
    max_body_bytes: int
    body_timeout: int  # seconds
    max_json_depth: int
    max_graph_nodes: int
    max_graph_edges: int
    max_queued_runs: int  # of one tenant
    forwarded_allow_ips: tuple[Network, ...]  # proxies whose X-Forwarded-For counts
    metrics_token: str | None  # None: everybody may read /metrics
    runner: str
    max_concurrent_runs: int
    run_queued_timeout: int  # seconds, as all five; 0: no limit
    run_start_timeout: int
    run_timeout: int
    run_silence_timeout: int
    run_cancel_timeout: int  # 0: SIGKILL follows SIGTERM at once
    program_memory_mb: int  # as all four: 0: no limit
    program_cpu_seconds: int
    program_file_mb: int
    program_open_files: int
    program_landlock: str  # auto, required or off
    program_reads: tuple[Path, ...]  # beside its data, the interpreter and the system's libraries
    data_roots: tuple[str, ...]  # directories, which may hold {tenant}
    connections_file: Path | None
    trust_files: tuple[Path, ...]  # certificates and passwords that libraries are told of
    allowed_origins: tuple[str, ...]  # empty: every origin
    sample_orders: int  # orders of the sample shop; 0: no sample at all
    log_level: str
    access_log: bool  # a line a request

    @classmethod
    def from_env(
        cls, environ: Mapping[str, str] = os.environ, *, reads_keys: bool = True
    ) -> "Settings":
        """Raises SettingsError for the first setting that cannot work.

        `reads_keys` False: JWT_PUBLIC_KEY is not read, by processes that check no tokens.
        """
        read = _Reader(environ)
        data_dir = Path(read.text("DATA_DIR", "var")).absolute()
        check_place("DATA_DIR", data_dir)
        check_place("the product's own directory", ROOT)
        settings = cls(
            host=read.text("HOST", "127.0.0.1"),
            api_port=read.number("API_PORT", 8080, 1, 65_535),
            ws_port=read.number("WS_PORT", 8081, 1, 65_535),
            nats_url=read.checked("NATS_URL", None, _nats_urls),
            nats_port=read.number("NATS_PORT", 4222, 1, 65_535),
            nats_monitor_port=read.number("NATS_MONITOR_PORT", 8222, 1, 65_535),
            nats_ping_period=read.number("NATS_PING_PERIOD", 2, 1, 300),
            nats_issuer_seed=read.file("NATS_ISSUER_SEED"),
            data_dir=data_dir,
            database_url=read.checked("DATABASE_URL", None, _database_url)
            or _sqlite_url(data_dir / "progress.db"),
            jwt_secret=read.checked("JWT_SECRET", None, check_secret),
            jwt_secret_previous=read.checked("JWT_SECRET_PREVIOUS", None, check_secret),
            jwt_public_key=read.checked("JWT_PUBLIC_KEY", None, _public_key)
            if reads_keys
            else None,
            jwt_public_key_file=_key_file(read),
            jwt_audience=tuple(read.words("JWT_AUDIENCE", ",")),
            jwt_issuer=read.text("JWT_ISSUER", "") or None,
            jwt_default_scope=_default_scope(read),
            tenant_id=read.checked("TENANT_ID", "default", _tenant) or "default",
            workers=read.number("WORKERS", 1, 1, 256),
            worker_class=read.choice("WORKER_CLASS", WORKER_CLASSES[0], WORKER_CLASSES),
            max_clients=read.number("MAX_CLIENTS", 2_000, 1, 50_000),
            max_clients_per_token=read.number("MAX_CLIENTS_PER_TOKEN", 1_500, 1, 50_000),
            max_clients_per_address=read.number("MAX_CLIENTS_PER_ADDRESS", 1_500, 1, 50_000),
            max_subscriptions=read.number("MAX_SUBSCRIPTIONS", 1_000, 1, 100_000),
            max_messages_per_second=read.number("MAX_MESSAGES_PER_SECOND", 200, 1, 1_000_000),
            max_body_bytes=read.number("MAX_BODY_BYTES", 1_048_576, 1_024, 1 << 30),
            body_timeout=read.number("BODY_TIMEOUT", 15, 1, 3_600),
            max_json_depth=read.number("MAX_JSON_DEPTH", 32, 8, 200),
            max_graph_nodes=read.number("MAX_GRAPH_NODES", MAX_NODES, 1, MAX_NODES),
            max_graph_edges=read.number("MAX_GRAPH_EDGES", MAX_EDGES, 1, MAX_EDGES),
            max_queued_runs=read.number("MAX_QUEUED_RUNS", 1_000, 1, 1_000_000),
            forwarded_allow_ips=read.networks("FORWARDED_ALLOW_IPS", "127.0.0.1,::1"),
            metrics_token=read.checked("METRICS_TOKEN", None, _metrics_token),
            runner=read.choice("RUNNER", "embedded", ("embedded", "off")),
            max_concurrent_runs=read.number("MAX_CONCURRENT_RUNS", 4, 1, 256),
            run_queued_timeout=read.number("RUN_QUEUED_TIMEOUT", 0, 0, MAX_RUN_TIMEOUT),
            run_start_timeout=read.number("RUN_START_TIMEOUT", 0, 0, MAX_RUN_TIMEOUT),
            run_timeout=read.number("RUN_TIMEOUT", 0, 0, MAX_RUN_TIMEOUT),
            run_silence_timeout=read.number("RUN_SILENCE_TIMEOUT", 0, 0, MAX_RUN_TIMEOUT),
            run_cancel_timeout=read.number("RUN_CANCEL_TIMEOUT", 10, 0, MAX_CANCEL_TIMEOUT),
            program_memory_mb=read.limit("PROGRAM_MEMORY_MB", 4_096, MIN_MEMORY_MB, MAX_MB),
            program_cpu_seconds=read.number("PROGRAM_CPU_SECONDS", 86_400, 0, MAX_RUN_TIMEOUT),
            program_file_mb=read.number("PROGRAM_FILE_MB", 102_400, 0, MAX_MB),
            program_open_files=read.limit("PROGRAM_OPEN_FILES", 1_024, MIN_OPEN_FILES, 1_000_000),
            program_landlock=read.choice("PROGRAM_LANDLOCK", AUTO, LANDLOCK_MODES),
            program_reads=tuple(Path(path) for path in _roots(read.text("PROGRAM_READS", ""))),
            data_roots=_data_roots(read, data_dir),
            connections_file=read.file("CONNECTIONS_FILE"),
            trust_files=tuple(filter(None, map(read.file, TRUST_VARIABLES))),
            allowed_origins=tuple((read.checked("ALLOWED_ORIGINS", None, _origins) or "").split()),
            sample_orders=read.number("SAMPLE_ORDERS", 200_000, 0, 10_000_000),
            log_level=read.choice("LOG_LEVEL", "info", ("debug", "info", "warning", "error")),
            access_log=read.choice("ACCESS_LOG", "on", ("on", "off")) == "on",
        )
        settings._check_ports()
        settings._check_data_roots()
        return settings

    def _check_ports(self) -> None:
        ports = {"API_PORT": self.api_port, "WS_PORT": self.ws_port}
        if self.nats_url is None:
            ports |= {"NATS_PORT": self.nats_port, "NATS_MONITOR_PORT": self.nats_monitor_port}
        for name, port in ports.items():
            same = [other for other, number in ports.items() if number == port and other != name]
            if same:
                raise SettingsError(f"{name} and {same[0]} are both {port}; give each its own port")

    def _check_data_roots(self) -> None:
        """Raises SettingsError when graphs could write what runs, or what says who may come in."""
        for root in self.data_roots:
            if os.pathsep in os.path.realpath(root):  # programs would take it for two
                raise SettingsError(
                    f"DATA_ROOTS holds {root!r:.200}, a link to a directory with a {os.pathsep!r} in its "
                    "path; rename that one"
                )
            if found := next((place for place in code() if _may_meet(root, str(place))), None):
                raise SettingsError(
                    f"DATA_ROOTS holds {root!r:.200}, and with it code that runs ({found}), which "
                    "graphs must not write; name a directory that holds data alone"
                )
        # a runner beside the server has the same settings, and so knows the file for the server's
        if self.jwt_public_key_file is not None and self.runner == "off":
            self.check_no_data("JWT_PUBLIC_KEY", self.jwt_public_key_file)

    def check_no_data(self, name: str, path: Path) -> None:
        """Raises SettingsError for a file in a data root that no runner would know to be the server's."""
        for way in ways_to(path):
            for root in self.data_roots:
                if _may_hold(root, way):
                    raise SettingsError(
                        f"{name} {str(way)!r:.200} lies in the data root {root!r:.200}, where graphs "
                        "may write, and runners on their own do not know it: move it elsewhere, "
                        "or let DATA_ROOTS name another directory"
                    )

    def make_data_dir(self) -> None:
        """Makes DATA_DIR when it is missing. Raises SettingsError when it cannot be used."""
        try:
            self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            _ask_access(self.data_dir)
        except OSError as error:
            raise SettingsError(f"DATA_DIR {str(self.data_dir)!r}: {error.strerror}") from None

    def signing_key(self) -> str:
        """The HS256 secret: JWT_SECRET, or one that is made once and kept (0600) in data_dir.

        Raises SettingsError when the kept one cannot be read or made.
        """
        return self.jwt_secret or _kept_secret(self.data_dir / "jwt_secret")

    def is_own_nats(self, url: str | None) -> bool:
        """Whether a URL is the embedded server's, as a runner beside it is given. Raises SettingsError."""
        is_made = (self.data_dir / "nats_password").exists()
        return is_made and url == self.own_nats_url()

    def own_nats_url(self) -> str:
        """The embedded nats-server's, with the password that is made once and kept in data_dir.

        Raises SettingsError when it cannot be read or made.
        """
        password = _kept_secret(self.data_dir / "nats_password", "DATA_DIR")
        if _HASHED.match(password):  # nats-server would take it for the hash of a password
            raise SettingsError(f"{self.data_dir / 'nats_password'}: begins like a bcrypt hash")
        return f"nats://{NATS_USER}:{quote(password, safe='')}@127.0.0.1:{self.nats_port}"

    def expected_of_tokens(self) -> Expected:
        """What a token must say beside its signature."""
        return Expected(frozenset(self.jwt_audience), self.jwt_issuer, self.jwt_default_scope)

    def warnings(self) -> list[str]:
        """What works and may not be meant, a sentence each."""
        found: list[str] = []
        if self.jwt_public_key is not None:
            public_keys(self.jwt_public_key, lambda said: found.append(f"JWT_PUBLIC_KEY: {said}"))
            if not self.jwt_audience and self.jwt_issuer is None:
                found.append(
                    "JWT_PUBLIC_KEY without JWT_AUDIENCE and JWT_ISSUER: each token of that signer counts "
                    "here, also one for another service; set JWT_AUDIENCE to this server's name there"
                )
        return found

    def trusted_keys(self) -> tuple[TrustedKey, ...]:
        """What tokens are checked with. Raises SettingsError as `signing_key` does."""
        if self.jwt_public_key is not None:
            return public_keys(self.jwt_public_key)
        return secret_keys(self.signing_key(), self.jwt_secret_previous)


class _Reader:
    """Reads one variable at a time; an empty one counts as unset."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def text(self, name: str, default: str) -> str:
        return self._environ.get(name, "").strip() or default

    def words(self, name: str, separator: str | None = None) -> list[str]:
        parts = self.text(name, "").split(separator)
        return [part.strip() for part in parts if part.strip()]

    def file(self, name: str) -> Path | None:
        found = self.text(name, "")
        return Path(found).absolute() if found else None

    def number(self, name: str, default: int, least: int, most: int) -> int:
        found = self.text(name, str(default))
        is_number = found.isascii() and found.isdigit() and len(found) <= MAX_DIGITS
        if is_number and least <= int(found) <= most:
            return int(found)
        raise SettingsError(f"{name} is {found!r:.80}; it must be a number from {least} to {most}")

    def limit(self, name: str, default: int, least: int, most: int) -> int:
        """A number, or 0 for no limit; between the two nothing could work."""
        if self.text(name, str(default)) == "0":
            return 0
        try:
            return self.number(name, default, least, most)
        except SettingsError as error:
            raise SettingsError(f"{error}, or 0 for no limit") from None

    def choice(self, name: str, default: str, allowed: tuple[str, ...]) -> str:
        found = self.text(name, default)
        if found in allowed:
            return found
        raise SettingsError(f"{name} is {found!r:.80}; it must be {' or '.join(allowed)}")

    def networks(self, name: str, default: str) -> tuple[Network, ...]:
        try:
            return parse_proxies(self.text(name, default))
        except ValueError as error:
            raise SettingsError(f"{name}: {error}; use 10.0.0.1, 10.0.0.0/8 or *") from None

    def checked(self, name: str, default: str | None, check: Callable[[str], str]) -> str | None:
        found = self.text(name, default or "")
        if not found:
            return None
        try:
            return check(found)
        except ValueError as error:
            raise SettingsError(f"{name}: {error}") from None


def _metrics_token(found: str) -> str:
    """Never repeats it."""
    if len(found) < MIN_METRICS_TOKEN or not found.isascii() or not found.isprintable():
        raise ValueError(f"must be {MIN_METRICS_TOKEN} or more printable ASCII characters")
    return found


def _public_key(found: str) -> str:
    """PEM blocks or a JWKS document, or the text of a file that holds them."""
    text = found if _is_key_text(found) else _file_text(found)
    public_keys(text)
    return text


def _is_key_text(found: str) -> bool:
    return "-----BEGIN" in found or found.startswith("{")


def _key_file(read: "_Reader") -> Path | None:
    found = read.text("JWT_PUBLIC_KEY", "")
    return Path(found).absolute() if found and not _is_key_text(found) else None


def _default_scope(read: "_Reader") -> frozenset[str]:
    """With our own secret every scope, as we sign for ourselves; of another's tokens none."""
    named = frozenset(read.words("JWT_DEFAULT_SCOPE"))
    if unknown := sorted(named - SCOPES):
        raise SettingsError(
            f"JWT_DEFAULT_SCOPE holds {unknown[0]!r:.80}; known are {' '.join(sorted(SCOPES))}"
        )
    is_anothers = bool(read.text("JWT_PUBLIC_KEY", ""))
    return named or (frozenset() if is_anothers else SCOPES)


def _file_text(path: str) -> str:
    try:
        return Path(path).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(
            f"{path!r} is neither a PEM or JWKS text nor a readable file: {error}"
        ) from None


def _nats_urls(found: str) -> str:
    """Never repeats what may be a password, or a part of one that a sign in it has cut off."""
    from progress_lib.nats import check_url

    try:
        for url in found.split(","):
            check_url(url.strip())
            parts = urlsplit(url.strip())
            if "@" in parts.path + parts.query + parts.fragment:
                raise ValueError
    except ValueError:
        if "@" not in found:
            raise
        raise ValueError(
            "is not of the form nats://[user:password@]host[:port]; in a user or password write "
            ", / ? # @ : and % as %2C %2F %3F %23 %40 %3A and %25"
        ) from None
    return found


def _database_url(found: str) -> str:
    """Never repeats it: it may hold a password."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(found)
        if url.get_backend_name() in STORES:
            url.get_dialect().import_dbapi()
    except (ArgumentError, ValueError):
        raise ValueError("is no SQLAlchemy URL, such as postgresql://user@host/name") from None
    except ImportError as error:
        raise ValueError(f"the driver for it is not installed ({error})") from None
    if url.get_backend_name() not in STORES:
        raise ValueError(
            f"is a URL of {url.get_backend_name()!r:.40}; jobs and runs are kept in SQLite or PostgreSQL"
        )
    if url.get_backend_name() == "sqlite" and _is_in_memory(url):
        raise ValueError(
            "is a database in memory, which each process would have for itself; "
            "name a file, such as sqlite:////srv/progress.db"
        )
    return found


def _is_in_memory(url: "URL") -> bool:
    """Of a URL of SQLite."""
    name = url.database or ""
    return name in ("", ":memory:", "file::memory:") or url.query.get("mode") == "memory"


def _sqlite_url(path: Path) -> str:
    """SQLAlchemy ends a file's name at the first `?`, and undoes what is quoted in it."""
    return f"sqlite:///{quote(os.fsencode(path))}"


def _origins(found: str) -> str:
    """Separated by white space or commas; returned as browsers write them, separated by a space."""
    origins = found.lower().replace(",", " ").split()
    for origin in origins:
        if not _ORIGIN.fullmatch(origin):
            raise ValueError(f"{origin!r:.80} is not of the form https://host[:port]")
    return " ".join(origins)


def _data_roots(read: _Reader, data_dir: Path) -> tuple[str, ...]:
    """DATA_ROOTS, then SHARED_DATA_ROOTS. Tenants of `*` share what the latter names, and nothing else."""
    serves_many = read.text("TENANT_ID", "") == EVERY_TENANT
    default = data_dir / TENANTS / TENANT if serves_many else data_dir
    own = _roots(read.text("DATA_ROOTS", str(default)))
    shared = _roots(read.text("SHARED_DATA_ROOTS", ""))
    if not own:
        raise SettingsError("DATA_ROOTS names no directory; write some, separated by a colon")
    if serves_many:
        _check_apart(own, shared)
    return own + shared


def _check_apart(own: tuple[str, ...], shared: tuple[str, ...]) -> None:
    """Raises SettingsError when tenants would reach each other's files unasked."""
    for root in own:
        if TENANT not in root:
            raise SettingsError(
                f"DATA_ROOTS holds {root!r:.200}, which all tenants of TENANT_ID=* would share; "
                f"write {TENANT} in it, as in {root:.200}/{TENANT}, or name it in SHARED_DATA_ROOTS"
            )
    for root in own:
        for other in (*own, *shared):
            if _may_meet(root, other):
                raise SettingsError(
                    f"{'DATA_ROOTS' if other in own else 'SHARED_DATA_ROOTS'} holds {other!r:.200}, "
                    f"and so, for some name of a tenant, that tenant's own files in {root!r:.200}, "
                    "or the other way round; name a directory beside them"
                )


def _may_meet(one: str, other: str) -> bool:
    """Whether, of two tenants, the one's directory may be or hold the other's by the other root."""
    parts = (Path(os.path.realpath(root)).parts for root in (one, other))
    for mine, theirs in zip(*parts, strict=False):
        if mine == theirs and TENANT in mine:
            return False  # it is the same tenant's
        if not (_may_be(mine, theirs) or _may_be(theirs, mine)):
            return False
    return True


def _may_hold(root: str, file: Path) -> bool:
    """Whether a file lies in a root, for some tenant; both as they are written and where they really are."""
    for place in {root, os.path.realpath(root)}:
        parts = Path(place).parts
        if len(parts) < len(file.parts) and all(map(_may_be, parts, file.parts)):
            return True
    return False


def _may_be(part: str, other: str) -> bool:
    """Whether a part of a root is the other for some tenant; of two with tenants that is not ruled out."""
    if TENANT in part and TENANT in other:
        return True
    return re.fullmatch(re.escape(part).replace(re.escape(TENANT), ID.pattern), other) is not None


def _roots(found: str) -> tuple[str, ...]:
    """Directories, separated by a colon as in PATH."""
    return tuple(str(Path(part).absolute()) for part in found.split(os.pathsep) if part.strip())


def _ask_access(directory: Path) -> None:
    """Raises OSError unless files can be made in `directory`."""
    if not os.access(directory, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def _tenant(found: str) -> str:
    return found if found == EVERY_TENANT else check_id(found)


def _kept_secret(path: Path, settings: str = "JWT_SECRET or DATA_DIR") -> str:
    """Reads the secret at `path`, which is made first when it is missing; safe for many processes."""
    try:
        if not path.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            make_secret(path, secrets.token_urlsafe(48) + "\n")
        return check_secret(path.read_text().strip())
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path}: {error}; set {settings}") from None
