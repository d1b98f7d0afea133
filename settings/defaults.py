"""The settings with their defaults and bounds, which stand only here, in groups: each for the part of the product that uses it.

A new setting is one line here, a line of README's table, and a bad value in tests/settings/test_settings.py.
"""

from dataclasses import dataclass
from pathlib import Path

from progress_lib.nats.link import PING_PERIOD, Link
from progress_lib.subjects import check_prefix
from settings.addresses import Network, PrivateHosts
from settings.checks import (
    MAX_PORT,
    address,
    base_path,
    certificates,
    check_certificate,
    file,
    header_name,
    hosts,
    key_file,
    metrics_token,
    name_of,
    nats_urls,
    networks,
    origins,
    private_hosts,
    public_key,
    public_url,
    replicas,
    scopes,
    sign_out,
    tenant_id,
    words,
)
from settings.keys import check_secret
from settings.reading import (
    Reader,
    SettingsError,
    checked,
    choice,
    found_by,
    group,
    limit,
    number,
    switch,
)
from settings.roots import own_roots, paths, roots
from settings.shared import AUTO, LANDLOCK_MODES, MAX_EDGES, MAX_NODES, SCOPES
from settings.tags import runner_tags

WORKER_CLASSES = ("gthread", "gevent")  # gunicorn's
MAX_MB = 1 << 30  # a petabyte; more is a mistake
MIN_MEMORY_MB = 256  # of a program; Python, DuckDB and Arrow alone take 105, one with a filter 220
MIN_OPEN_FILES = 16  # of a program; one that copies a small file has 7 open
MAX_RUN_TIMEOUT = 366 * 86_400  # seconds; more is a mistake
MAX_SESSION_DAYS = 400  # as long as a token may live
MAX_CANCEL_TIMEOUT = 300  # seconds; a stop of the server waits for it


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """How gunicorn serves the application: ports, workers, origins, metrics, the sample and logs."""

    host: str = checked("HOST", address, "127.0.0.1")
    api_port: int = number("API_PORT", 8080, 1, MAX_PORT)
    ws_port: int = number("WS_PORT", 8081, 1, MAX_PORT)
    workers: int = number("WORKERS", 1, 1, 256)
    worker_class: str = choice("WORKER_CLASS", "gthread", WORKER_CLASSES)
    base_path: str = checked("BASE_PATH", base_path, unset="")  # "": at the root
    allowed_origins: tuple[str, ...] = checked("ALLOWED_ORIGINS", origins, unset=())  # empty: all
    metrics_token: str | None = checked("METRICS_TOKEN", metrics_token)  # None: all read /metrics
    sample_orders: int = number("SAMPLE_ORDERS", 200_000, 0, 10_000_000)  # 0: no sample at all
    log_level: str = choice("LOG_LEVEL", "info", ("debug", "info", "warning", "error"))
    log_format: str = choice("LOG_FORMAT", "text", ("text", "json"))
    access_log: bool = switch("ACCESS_LOG", "on")  # a line a request


@dataclass(frozen=True, slots=True)
class DatabaseLimits:
    """How long a request may wait for PostgreSQL, in seconds, and how many connections a process may have."""

    # for a connection, and for the answer whether one that was kept still lives
    connect: int = number("DATABASE_CONNECT_TIMEOUT", 5, 2, 60)
    statement: int = number("DATABASE_TIMEOUT", 10, 1, 600)  # for the answer to one statement
    pool_wait: int = number("DATABASE_POOL_TIMEOUT", 5, 1, 60)  # while all connections are in use
    pool: int = number("DATABASE_POOL", 15, 1, 500)  # connections of one web worker or runner


def _nats_key(reader: Reader) -> Path | None:
    """The key of NATS_CERT_FILE, which is checked here: each says little without the other."""
    own, key = (reader.checked(name, file) for name in ("NATS_CERT_FILE", "NATS_KEY_FILE"))
    if own is not None:
        reader.checked("NATS_CERT_FILE", lambda _: check_certificate(own, key))
    elif key is not None:
        raise SettingsError("NATS_KEY_FILE is the key of NATS_CERT_FILE, which is not set")
    return key


@dataclass(frozen=True, slots=True)
class NatsSettings:
    """The NATS servers, or the embedded one."""

    url: str | None = checked("NATS_URL", nats_urls)  # None: an embedded nats-server
    port: int = number("NATS_PORT", 4222, 1, MAX_PORT)  # of the embedded server, like the next one
    monitor_port: int = number("NATS_MONITOR_PORT", 8222, 1, MAX_PORT)
    # seconds; the connection to a silent server is closed within two periods
    ping_period: int = number("NATS_PING_PERIOD", int(PING_PERIOD), 1, 300)
    # None: the embedded server's seed, if NATS_URL is that server
    issuer_seed: Path | None = checked("NATS_ISSUER_SEED", file)

    # before the names of all subjects and streams, so that several installations share a NATS
    prefix: str = checked("NATS_PREFIX", check_prefix, unset="")
    # of our streams; None: 3 where the cluster has room for so many, else 1
    replicas: int | None = checked(
        "NATS_REPLICAS", replicas, shown="3 in a cluster of 3 and more, else 1"
    )
    # certificates of the CA of NATS, beside those of the system
    ca_file: Path | None = checked("NATS_CA_FILE", certificates)
    cert_file: Path | None = checked("NATS_CERT_FILE", file)  # None: NATS asks its clients for none
    # None: the key is in `cert_file`
    key_file: Path | None = found_by(_nats_key, "NATS_KEY_FILE", default=None)

    @property
    def known_url(self) -> str:
        """The URL, in processes that start after it was set."""
        assert self.url is not None, "who starts this process sets NATS_URL"
        return self.url

    def link(self, name: str) -> Link:
        """A connection to NATS that is not started yet."""
        return Link(
            self.known_url,
            name=name,
            ping_period=self.ping_period,
            tls_ca=name_of(self.ca_file),
            tls_cert=name_of(self.cert_file),
            tls_key=name_of(self.key_file),
            prefix=self.prefix,
        )


def _public_key(reader: Reader) -> str | None:
    return reader.checked("JWT_PUBLIC_KEY", public_key) if reader.reads_keys else None


def _default_scopes(reader: Reader) -> frozenset[str]:
    """The scopes of a token that names none: all if we sign the tokens, none if somebody else does."""
    named = frozenset(reader.text("JWT_DEFAULT_SCOPE").split())
    if unknown := sorted(named - SCOPES):
        raise SettingsError(
            f"JWT_DEFAULT_SCOPE holds {unknown[0]!r:.80}; known are {' '.join(sorted(SCOPES))}"
        )
    is_anothers = bool(reader.text("JWT_PUBLIC_KEY"))
    return named or (frozenset() if is_anothers else SCOPES)


@dataclass(frozen=True, slots=True)
class Expected:
    """The claims that a token must have. A claim for which nothing is set is not checked."""

    audiences: frozenset[str] = checked("JWT_AUDIENCE", words, unset=frozenset())  # `aud` holds one
    issuer: str | None = checked("JWT_ISSUER", str)  # `iss` is this
    default_scopes: frozenset[str] = found_by(  # of a token without `scope`
        _default_scopes, "JWT_DEFAULT_SCOPE", "all; with `JWT_PUBLIC_KEY` none", default=SCOPES
    )


@dataclass(frozen=True, slots=True)
class TokenSettings:
    """The keys that tokens are signed and checked with."""

    # None: the secret that is kept in DATA_DIR
    secret: str | None = checked("JWT_SECRET", check_secret, shown="made once, kept in `DATA_DIR`")
    # still good for tokens that were signed with it
    secret_previous: str | None = checked("JWT_SECRET_PREVIOUS", check_secret)
    # PEM blocks or a JWKS, as text
    public_key: str | None = found_by(_public_key, "JWT_PUBLIC_KEY", default=None)
    # the file of the keys; None: they are in the setting itself
    public_key_file: Path | None = checked("JWT_PUBLIC_KEY", key_file)
    expected: Expected = group(Expected)


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """How long a browser stays signed in, and the users that a proxy signs in (docs/decisions/sessions.md)."""

    days: int = number("SESSION_DAYS", 7, 0, MAX_SESSION_DAYS)  # without a request; 0: no sessions
    most_days: int = number("SESSION_MAX_DAYS", 30, 1, MAX_SESSION_DAYS)  # since the sign-in
    # in which a known proxy names the user; None: no proxy does
    user_header: str | None = checked("TRUSTED_USER_HEADER", header_name)
    # of such users; None: the server's own
    user_tenant: str | None = checked("TRUSTED_USER_TENANT", tenant_id, shown="`TENANT_ID`")
    user_scopes: frozenset[str] = checked("TRUSTED_USER_SCOPES", scopes, "jobs:read")
    # where the proxy signs its users out; None: the page has no button for it
    sign_out: str | None = checked("TRUSTED_SIGN_OUT", sign_out)


@dataclass(frozen=True, slots=True)
class ClientLimits:
    """How many WebSocket clients there may be (a worker, a token, an address), and what one client may do."""

    per_worker: int = number("MAX_CLIENTS", 2_000, 1, 50_000)
    per_token: int = number("MAX_CLIENTS_PER_TOKEN", 1_500, 1, 50_000)
    per_address: int = number("MAX_CLIENTS_PER_ADDRESS", 1_500, 1, 50_000)
    # proxies whose X-Forwarded-For is trusted
    proxies: tuple[Network, ...] = checked("FORWARDED_ALLOW_IPS", networks, "127.0.0.1,::1")
    # jobs that one browser watches; each costs a read of the history
    subscriptions: int = number("MAX_SUBSCRIPTIONS", 1_000, 1, 100_000)
    # frames of one browser, on average
    messages_per_second: int = number("MAX_MESSAGES_PER_SECOND", 200, 1, 1_000_000)
    # seconds between two pings to an idle browser: proxies close what is silent for 30 or 60
    ping_period: int = number("WS_PING_PERIOD", 25, 1, 50)


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """How large one request may be, and how many runs of one tenant may wait. A request above is refused."""

    # a node of a graph takes about 300 bytes
    body_bytes: int = number("MAX_BODY_BYTES", 1_048_576, 1_024, 1 << 30)
    body_wait: int = number("BODY_TIMEOUT", 15, 1, 3_600)  # seconds for a whole body
    json_depth: int = number("MAX_JSON_DEPTH", 32, 8, 200)  # levels; a graph has six
    graph_nodes: int = number("MAX_GRAPH_NODES", MAX_NODES, 1, MAX_NODES)
    graph_edges: int = number("MAX_GRAPH_EDGES", MAX_EDGES, 1, MAX_EDGES)
    queued_runs: int = number("MAX_QUEUED_RUNS", 1_000, 1, 1_000_000)  # of one tenant


@dataclass(frozen=True, slots=True)
class UploadSettings:
    """How large the files are that browsers and others bring."""

    upload_mb: int = number("UPLOAD_MB", 1_024, 0, MAX_MB)  # of one file; 0: none can be brought
    # of all files of a tenant, with the one that is brought; programs may write more
    total_mb: int = number("UPLOAD_TOTAL_MB", 102_400, 1, MAX_MB)


@dataclass(frozen=True, slots=True)
class RunnerSettings:
    """Where runners come from, which runs one takes, and how many at a time."""

    mode: str = choice("RUNNER", "embedded", ("embedded", "off"))  # off: you start them
    slots: int = number("MAX_CONCURRENT_RUNS", 4, 1, 256)
    tags: tuple[str, ...] = checked("RUNNER_TAGS", runner_tags, unset=())  # a job may ask for one
    takes_untagged: bool = switch("RUNNER_UNTAGGED", "on")  # runs of jobs that ask for no tag
    metrics_port: int = number(
        "METRICS_PORT", 0, 0, MAX_PORT
    )  # of a runner that you start; 0: none

    @property
    def takes(self) -> tuple[str | None, ...]:
        """The tags of the runs that it takes; None: of those without one."""
        return (*((None,) if self.takes_untagged else ()), *self.tags)


@dataclass(frozen=True, slots=True)
class Deadlines:
    """The time-outs of a run, in seconds. 0 means no limit, but for `cancel`."""

    queued: float = number("RUN_QUEUED_TIMEOUT", 0, 0, MAX_RUN_TIMEOUT)  # from execute to start
    # from start to the first message of a node
    start: float = number("RUN_START_TIMEOUT", 0, 0, MAX_RUN_TIMEOUT)
    run: float = number("RUN_TIMEOUT", 0, 0, MAX_RUN_TIMEOUT)  # from start to end
    # between two messages of the program
    silence: float = number("RUN_SILENCE_TIMEOUT", 0, 0, MAX_RUN_TIMEOUT)
    # from SIGTERM to SIGKILL; 0: at once
    cancel: float = number("RUN_CANCEL_TIMEOUT", 10, 0, MAX_CANCEL_TIMEOUT)


@dataclass(frozen=True, slots=True)
class Retention:
    """How long runs that have ended are kept, with their logs and files, and deliveries. 0 means for ever."""

    days: int = number("KEEP_RUNS_DAYS", 90, 0, 36_500)  # after a run's end
    runs_per_job: int = number("KEEP_RUNS_PER_JOB", 1_000, 0, 1_000_000)  # the newest
    # of what was delivered to webhooks
    deliveries_days: int = number("KEEP_DELIVERIES_DAYS", 30, 0, 36_500)


@dataclass(frozen=True, slots=True)
class KeptOutputs:
    """How much is kept of what nodes gave, of jobs that ask for it, and for how long."""

    node_mb: int = number("KEEP_OUTPUTS_NODE_MB", 256, 1, MAX_MB)  # of one node of a run
    run_mb: int = number("KEEP_OUTPUTS_RUN_MB", 1_024, 1, MAX_MB)  # of all nodes of a run
    # of all runs of a tenant; 0: nothing is kept
    tenant_mb: int = number("KEEP_OUTPUTS_TENANT_MB", 10_240, 0, MAX_MB)
    days: int = number("KEEP_OUTPUTS_DAYS", 7, 1, 36_500)  # and no longer than their run


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    """How receivers are told of runs that ended."""

    per_tenant: int = number("MAX_WEBHOOKS", 100, 0, 10_000)
    private_hosts: PrivateHosts = checked(
        "WEBHOOK_PRIVATE_HOSTS", private_hosts, unset=PrivateHosts()
    )
    timeout: int = number("WEBHOOK_TIMEOUT", 15, 1, 120)  # seconds for one attempt in all
    # seconds until the second attempt; each wait is five times the one before, to eight hours
    retry_wait: int = number("WEBHOOK_RETRY_WAIT", 5, 1, 3_600)
    attempts: int = number("WEBHOOK_ATTEMPTS", 9, 1, 50)  # of one delivery
    # without any delivery, until a webhook is disabled; 0: never
    disable_days: int = number("WEBHOOK_DISABLE_DAYS", 5, 0, 365)
    public_url: str | None = checked("PUBLIC_URL", public_url)  # None: no links to runs


@dataclass(frozen=True, slots=True)
class ProgramLimits:
    """What a program may use of the machine. 0 means no limit."""

    memory_mb: int = limit("PROGRAM_MEMORY_MB", 4_096, MIN_MEMORY_MB, MAX_MB)
    cpu_seconds: int = number("PROGRAM_CPU_SECONDS", 86_400, 0, MAX_RUN_TIMEOUT)
    file_mb: int = number("PROGRAM_FILE_MB", 102_400, 0, MAX_MB)
    open_files: int = limit("PROGRAM_OPEN_FILES", 1_024, MIN_OPEN_FILES, 1_000_000)


@dataclass(frozen=True, slots=True)
class ProgramRules:
    """What programs may use and reach."""

    # directories of data, which may hold {tenant}
    own_roots: tuple[str, ...] = found_by(
        own_roots, "DATA_ROOTS", "`DATA_DIR`; with `TENANT_ID=*` `DATA_DIR/tenants/{tenant}`"
    )
    landlock: str = choice("PROGRAM_LANDLOCK", AUTO, LANDLOCK_MODES)
    # whether graphs may have nodes that run Python code of their authors
    python_nodes: bool = switch("PYTHON_NODES", "off")
    # what a confined program may read beside its data, the interpreter and the system's libraries
    reads: tuple[Path, ...] = checked("PROGRAM_READS", paths, unset=())
    # further directories of data, which all tenants share
    shared_roots: tuple[str, ...] = checked("SHARED_DATA_ROOTS", roots, unset=())
    connections_file: Path | None = checked("CONNECTIONS_FILE", file)
    # that HTTP Input may ask, and networks of addresses behind their names; empty: it is off
    http_hosts: tuple[str, ...] = checked("HTTP_INPUT_HOSTS", hosts, unset=())
    limits: ProgramLimits = group(ProgramLimits)
    # 0: the interpreter that programs are forked from is made with the first one, and not with the runner
    spares: int = number("PROGRAM_SPARES", 1, 0, 16)

    @property
    def data_roots(self) -> tuple[str, ...]:
        """All directories under which graphs read and write."""
        return self.own_roots + self.shared_roots
