"""The settings of the whole system: read once from the environment, checked, then frozen."""

import errno
import os
import re
import resource
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from settings.addresses import Network
from settings.checks import (
    check_place,
    database_url,
    is_key_text,
    metrics_token,
    nats_urls,
    origins,
    public_key,
    sqlite_url,
    tenant,
)
from settings.keys import TrustedKey, check_secret, public_keys, secret_keys
from settings.own_files import ROOT, TRUST_VARIABLES, code, ways_to
from settings.reading import Reader, SettingsError
from settings.roots import data_roots, may_hold, may_meet, roots
from settings.secret_files import make_secret
from settings.shared import AUTO, LANDLOCK_MODES, MAX_EDGES, MAX_NODES, SCOPES, Expected

WORKER_CLASSES = ("gthread", "gevent")  # of gunicorn; the first is what it has unasked
NATS_USER = "progress"  # of our own processes on the embedded nats-server
MAX_MB = 1 << 30  # of a limit: a petabyte; more is a mistake
MIN_MEMORY_MB = 64  # of a program: Python and SQLAlchemy alone take 32
MIN_OPEN_FILES = 16  # of a program: one that copies a small file has 7 open
MAX_RUN_TIMEOUT = 366 * 86_400  # seconds; more is a mistake
MAX_CANCEL_TIMEOUT = 300  # seconds; a stop of the server waits for it
_HASHED = re.compile(r"\$2[abxy]\$")


def keep_private() -> None:
    """From now on, files of this process, and of those that it starts, are for its user alone.

    There is no core file: it would hold keys and passwords.
    """
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


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
        read = Reader(environ)
        data_dir = Path(read.text("DATA_DIR", "var")).absolute()
        check_place("DATA_DIR", data_dir)
        check_place("the product's own directory", ROOT)
        settings = cls(
            host=read.text("HOST", "127.0.0.1"),
            api_port=read.number("API_PORT", 8080, 1, 65_535),
            ws_port=read.number("WS_PORT", 8081, 1, 65_535),
            nats_url=read.checked("NATS_URL", None, nats_urls),
            nats_port=read.number("NATS_PORT", 4222, 1, 65_535),
            nats_monitor_port=read.number("NATS_MONITOR_PORT", 8222, 1, 65_535),
            nats_ping_period=read.number("NATS_PING_PERIOD", 2, 1, 300),
            nats_issuer_seed=read.file("NATS_ISSUER_SEED"),
            data_dir=data_dir,
            database_url=read.checked("DATABASE_URL", None, database_url)
            or sqlite_url(data_dir / "progress.db"),
            jwt_secret=read.checked("JWT_SECRET", None, check_secret),
            jwt_secret_previous=read.checked("JWT_SECRET_PREVIOUS", None, check_secret),
            jwt_public_key=read.checked("JWT_PUBLIC_KEY", None, public_key) if reads_keys else None,
            jwt_public_key_file=_key_file(read),
            jwt_audience=tuple(read.words("JWT_AUDIENCE", ",")),
            jwt_issuer=read.text("JWT_ISSUER", "") or None,
            jwt_default_scope=_default_scope(read),
            tenant_id=read.checked("TENANT_ID", "default", tenant) or "default",
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
            metrics_token=read.checked("METRICS_TOKEN", None, metrics_token),
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
            program_reads=tuple(Path(path) for path in roots(read.text("PROGRAM_READS", ""))),
            data_roots=data_roots(read, data_dir),
            connections_file=read.file("CONNECTIONS_FILE"),
            trust_files=tuple(filter(None, map(read.file, TRUST_VARIABLES))),
            allowed_origins=tuple((read.checked("ALLOWED_ORIGINS", None, origins) or "").split()),
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
            if found := next((place for place in code() if may_meet(root, str(place))), None):
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
                if may_hold(root, way):
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


def _key_file(read: Reader) -> Path | None:
    found = read.text("JWT_PUBLIC_KEY", "")
    return Path(found).absolute() if found and not is_key_text(found) else None


def _default_scope(read: Reader) -> frozenset[str]:
    """With our own secret every scope, as we sign for ourselves; of another's tokens none."""
    named = frozenset(read.words("JWT_DEFAULT_SCOPE"))
    if unknown := sorted(named - SCOPES):
        raise SettingsError(
            f"JWT_DEFAULT_SCOPE holds {unknown[0]!r:.80}; known are {' '.join(sorted(SCOPES))}"
        )
    is_anothers = bool(read.text("JWT_PUBLIC_KEY", ""))
    return named or (frozenset() if is_anothers else SCOPES)


def _ask_access(directory: Path) -> None:
    """Raises OSError unless files can be made in `directory`."""
    if not os.access(directory, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def _kept_secret(path: Path, settings: str = "JWT_SECRET or DATA_DIR") -> str:
    """Reads the secret at `path`, which is made first when it is missing; safe for many processes."""
    try:
        if not path.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            make_secret(path, secrets.token_urlsafe(48) + "\n")
        return check_secret(path.read_text().strip())
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path}: {error}; set {settings}") from None
