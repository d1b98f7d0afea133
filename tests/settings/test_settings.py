"""A setting that cannot work ends the start with one line that names it, and exit code 2."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import create_mock_engine

from hosting.start.server import COMMAND
from hosting.trial.ports import port_settings
from jobs.store.tables import METADATA
from settings import Settings, SettingsError
from settings.checks import STORES, sqlite_url
from settings.keys import MIN_SECRET_BYTES
from tests.harness import BIN, ROOT

LONG_SECRET = "0123456789abcdef0123456789abcdef"
BAD: list[tuple[str, str]] = [
    *((name, bad) for name in ("API_PORT", "WS_PORT") for bad in ("0", "65536", "-1", "http")),
    ("API_PORT", "8080.0"),
    ("API_PORT", "٨٠٨٠"),
    ("API_PORT", "9" * 5_000),
    ("NATS_PORT", "none"),
    ("NATS_MONITOR_PORT", "70000"),
    ("NATS_URL", "http://127.0.0.1:4222"),
    ("NATS_URL", "127.0.0.1:4222"),
    ("NATS_URL", "nats://"),
    ("NATS_URL", "nats://127.0.0.1:port"),
    ("NATS_URL", "nats://127.0.0.1:4222,http://127.0.0.1"),
    ("DATABASE_URL", "nonsense"),
    ("DATABASE_URL", "oracle-of-delphi://x/y"),
    ("DATABASE_URL", "mysql+pymysql://x/y"),
    ("DATABASE_URL", "mssql://x/y"),
    ("DATABASE_URL", "postgresql://u:hun@ter@h/n"),
    ("DATABASE_CONNECT_TIMEOUT", "1"),
    ("DATABASE_TIMEOUT", "0"),
    ("DATABASE_POOL_TIMEOUT", "soon"),
    ("DATABASE_POOL", "0"),
    ("JWT_SECRET", "short"),
    ("JWT_SECRET", "x" * (MIN_SECRET_BYTES - 1)),
    ("JWT_SECRET_PREVIOUS", "x" * (MIN_SECRET_BYTES - 1)),
    ("JWT_PUBLIC_KEY", "no such file"),
    ("JWT_PUBLIC_KEY", "{}"),
    ("JWT_PUBLIC_KEY", '{"keys": []}'),
    ("JWT_PUBLIC_KEY", '{"keys": [{"kty": "oct", "k": "eA"}]}'),
    ("JWT_PUBLIC_KEY", '{"keys": [{"kty": "EC", "crv": "P-256", "x": "eA", "y": "eA"}]}'),
    ("JWT_PUBLIC_KEY", "-----BEGIN PRIVATE KEY-----"),
    ("JWT_PUBLIC_KEY", "-----BEGIN PUBLIC KEY-----\nnonsense\n-----END PUBLIC KEY-----"),
    ("JWT_DEFAULT_SCOPE", "jobs:reed"),
    ("JWT_DEFAULT_SCOPE", "jobs:read,jobs:write"),
    ("DATA_DIR", "a:b"),
    ("DATA_DIR", "{tenant}/x"),
    ("DATA_DIR", "\udcff"),
    ("DATA_DIR", "~/progress"),
    ("DATA_DIR", "/srv/$HOME/progress"),
    ("DATA_ROOTS", "/"),
    ("DATA_ROOTS", ":"),
    ("DATA_ROOTS", "/srv/data:~/data"),
    ("SHARED_DATA_ROOTS", ":"),
    ("SHARED_DATA_ROOTS", "${HOME}/data"),
    ("PROGRAM_READS", "~/driver.so"),
    ("TENANT_ID", "a.b"),
    ("TENANT_ID", ">"),
    ("TENANT_ID", "x" * 65),
    ("WORKERS", "0"),
    ("WORKERS", "many"),
    ("WORKER_CLASS", "sync"),
    ("WORKER_CLASS", "GTHREAD"),
    ("MAX_CLIENTS", "0"),
    ("MAX_CLIENTS", "1e3"),
    ("MAX_CLIENTS_PER_TOKEN", "0"),
    ("MAX_CLIENTS_PER_ADDRESS", "many"),
    ("MAX_SUBSCRIPTIONS", "0"),
    ("MAX_MESSAGES_PER_SECOND", "0"),
    ("MAX_BODY_BYTES", "1"),
    ("UPLOAD_MB", "-1"),
    ("UPLOAD_TOTAL_MB", "0"),
    ("BODY_TIMEOUT", "0"),
    ("MAX_JSON_DEPTH", "1000000"),
    ("MAX_GRAPH_NODES", "201"),
    ("MAX_GRAPH_EDGES", "0"),
    ("MAX_QUEUED_RUNS", "0"),
    ("WS_PING_PERIOD", "0"),
    ("WS_PING_PERIOD", "60"),
    ("FORWARDED_ALLOW_IPS", "nginx"),
    ("SESSION_DAYS", "401"),
    ("SESSION_MAX_DAYS", "0"),
    ("TRUSTED_USER_HEADER", "X-Forwarded-For"),
    ("TRUSTED_USER_HEADER", "X Auth"),
    ("TRUSTED_USER_HEADER", "X_Auth_User"),
    ("TRUSTED_USER_HEADER", "Authorization"),
    ("TRUSTED_USER_HEADER", "cookie"),
    ("TRUSTED_USER_TENANT", "*"),
    ("TRUSTED_USER_SCOPES", "jobs:read admin"),
    ("TRUSTED_SIGN_OUT", "oauth2/sign_out"),
    ("TRUSTED_SIGN_OUT", "//evil.example"),
    ("TRUSTED_SIGN_OUT", "javascript:alert(1)"),
    ("BASE_PATH", "progress"),
    ("BASE_PATH", "/a b"),
    ("BASE_PATH", "//evil.example"),
    ("BASE_PATH", "/a/../b"),
    ("BASE_PATH", "/api/"),
    ("BASE_PATH", "/docs"),
    ("BASE_PATH", "/api/jobs"),
    ("BASE_PATH", "/api/files/progress"),
    ("FORWARDED_ALLOW_IPS", "10.0.0.1 10.0.0.2"),
    ("FORWARDED_ALLOW_IPS", "10.0.0.1/8"),
    ("METRICS_TOKEN", "short"),
    ("METRICS_PORT", "70000"),
    ("RUNNER", "on"),
    ("MAX_CONCURRENT_RUNS", "0"),
    ("RUNNER_TAGS", "GPU"),
    ("RUNNER_TAGS", "gpu eu"),
    ("RUNNER_TAGS", "gpu,"),
    ("RUNNER_UNTAGGED", "no"),
    ("RUNNER_UNTAGGED", "off"),  # and RUNNER_TAGS names none
    ("RUN_QUEUED_TIMEOUT", "-1"),
    ("RUN_START_TIMEOUT", "1.5"),
    ("RUN_TIMEOUT", "1h"),
    ("RUN_SILENCE_TIMEOUT", "9999999999"),
    ("RUN_CANCEL_TIMEOUT", "301"),
    ("KEEP_RUNS_DAYS", "-1"),
    ("KEEP_RUNS_PER_JOB", "all"),
    ("KEEP_OUTPUTS_NODE_MB", "0"),
    ("KEEP_OUTPUTS_RUN_MB", "much"),
    ("KEEP_OUTPUTS_TENANT_MB", "-1"),
    ("KEEP_OUTPUTS_DAYS", "0"),
    ("KEEP_DELIVERIES_DAYS", "-1"),
    ("MAX_WEBHOOKS", "many"),
    ("WEBHOOK_PRIVATE_HOSTS", "10.0.0.0/33"),
    ("WEBHOOK_TIMEOUT", "0"),
    ("WEBHOOK_RETRY_WAIT", "0"),
    ("WEBHOOK_ATTEMPTS", "0"),
    ("WEBHOOK_DISABLE_DAYS", "-1"),
    ("PUBLIC_URL", "progress.example"),
    ("PUBLIC_URL", "https://progress.example:99999"),
    ("PUBLIC_URL", "https://[::1"),
    ("NATS_PING_PERIOD", "0"),
    ("NATS_PREFIX", "a.b"),
    ("NATS_PREFIX", "_INBOX"),
    ("NATS_PREFIX", "x" * 33),
    ("NATS_REPLICAS", "0"),
    ("NATS_REPLICAS", "6"),
    ("NATS_REPLICAS", "three"),
    ("NATS_CA_FILE", "no such file"),
    ("NATS_CA_FILE", __file__),
    ("NATS_CERT_FILE", "no such file"),
    ("NATS_CERT_FILE", __file__),
    ("NATS_KEY_FILE", __file__),
    ("PROGRAM_LANDLOCK", "yes"),
    ("PYTHON_NODES", "yes"),
    ("PROGRAM_OPEN_FILES", "15"),
    ("PROGRAM_OPEN_FILES", "-1"),
    ("PROGRAM_MEMORY_MB", "255"),
    ("PROGRAM_SPARES", "17"),
    ("PROGRAM_SPARES", "-1"),
    ("PROGRAM_CPU_SECONDS", "1h"),
    ("PROGRAM_FILE_MB", "-1"),
    ("SAMPLE_ORDERS", "-1"),
    ("LOG_LEVEL", "loud"),
    ("LOG_FORMAT", "xml"),
    ("ACCESS_LOG", "maybe"),
    ("HTTP_INPUT_HOSTS", "https://api.example.com"),
    ("HTTP_INPUT_HOSTS", "*"),
    ("HTTP_INPUT_HOSTS", "*.example.com"),
    ("HTTP_INPUT_HOSTS", "api.example.com evil.example.com"),
    ("HTTP_INPUT_HOSTS", "api.example.com:0"),
    ("HTTP_INPUT_HOSTS", "api.example.com:65536"),
    ("HTTP_INPUT_HOSTS", "user@api.example.com"),
    ("HTTP_INPUT_HOSTS", "10.0.0.1/8"),
    ("HTTP_INPUT_HOSTS", "2130706433"),
    ("HTTP_INPUT_HOSTS", "127.1"),
    ("HTTP_INPUT_HOSTS", "0x7f000001"),
    ("HTTP_INPUT_HOSTS", "[::1"),
    ("HTTP_INPUT_HOSTS", "::1"),
    ("ALLOWED_ORIGINS", "example.com"),
    ("ALLOWED_ORIGINS", "https://a..example"),
    ("ALLOWED_ORIGINS", "https://example.com/path"),
    ("ALLOWED_ORIGINS", "https://*.example.com"),
    ("ALLOWED_ORIGINS", ", ,"),
    ("JWT_AUDIENCE", ","),
    ("HTTP_INPUT_HOSTS", ","),
    ("WEBHOOK_PRIVATE_HOSTS", ","),
    ("HOST", "ü" * 70),
    ("HOST", "0"),
    ("HOST", "127.1"),
    ("HOST", "0x7f000001"),
]


def refusal(**environ: str) -> str:
    with pytest.raises(SettingsError) as refused:
        Settings.from_env(environ)
    said = str(refused.value)
    assert said
    assert "\n" not in said
    return said


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("mysql+pymysql://user:hush@h/n", "of 'mysql'"),
        ("mariadb+pymysql://user:hush@h/n", "of 'mariadb'"),
        ("sqlite://", "in memory"),
        ("sqlite:///:memory:", "in memory"),
        ("sqlite:///file::memory:?cache=shared&uri=true", "in memory"),
        ("sqlite:///file:x?mode=memory&uri=true", "in memory"),
    ],
)
def test_a_database_that_processes_cannot_share_under_our_law_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str, why: str
) -> None:
    """Also where its driver is there."""
    monkeypatch.setitem(sys.modules, "pymysql", ModuleType("pymysql"))
    with pytest.raises(SettingsError, match=why) as refused:
        Settings.from_env({"DATA_DIR": str(tmp_path), "DATABASE_URL": url})
    assert "hush" not in str(refused.value)


@pytest.mark.parametrize("backend", STORES)
def test_a_database_that_is_taken_lets_a_job_have_one_active_run_and_many_that_ended(
    backend: str,
) -> None:
    made: list[str] = []

    def make(ddl: Any, *_: object) -> None:
        made.append(str(ddl.compile(dialect=engine.dialect)))

    engine = create_mock_engine(f"{backend}://", make)
    METADATA.create_all(engine, checkfirst=False)
    [index] = [ddl for ddl in made if "one_active_run_a_job" in ddl]
    assert "WHERE status IN" in index


@pytest.mark.parametrize(("name", "bad"), BAD)
def test_a_value_that_cannot_work_is_refused_in_one_line_that_names_it(name: str, bad: str) -> None:
    said = refusal(**{name: bad})
    assert name in said
    assert len(said) < 400


@pytest.mark.parametrize("path", ["/", "/api/progress", "/docs/progress", "/apis", "/api/job"])
def test_a_base_path_beside_the_paths_of_ours_is_taken(path: str) -> None:
    """Behind a gateway, /api/progress is usual: such a server did not start any more."""
    assert Settings.from_env({"BASE_PATH": path}).server.base_path == path.rstrip("/")


def test_a_relative_database_is_one_file_wherever_it_is_asked_for() -> None:
    """scripts/backup, which works where it is called, looked for another one than the server had."""

    def read(url: str) -> str:
        return Settings.from_env({"DATABASE_URL": url}).database_url

    assert read("sqlite:///kept/a.db?timeout=5") == f"{sqlite_url(ROOT / 'kept/a.db')}?timeout=5"
    for whole in ("sqlite:////srv/a.db", "sqlite:///file:/srv/a.db?uri=true", "postgresql://h/a"):
        assert read(whole) == whole


def test_a_database_may_be_named_as_libpq_knows_it() -> None:
    settings = Settings.from_env({"DATABASE_URL": "postgres://u:p@h/postgres"})
    assert settings.database_url == "postgresql://u:p@h/postgres"


def test_a_secret_is_not_repeated_when_it_is_refused() -> None:
    assert "hunter2" not in refusal(JWT_SECRET="hunter2")


@pytest.mark.parametrize(
    ("url", "secret", "is_warned"),
    [
        ("postgresql://h/n", "", True),
        ("postgresql+psycopg://h/n", LONG_SECRET, False),
        ("sqlite:////srv/p.db", "", False),
    ],
)
def test_web_servers_that_may_share_a_database_are_warned_of_secrets_of_their_own(
    url: str, secret: str, is_warned: bool
) -> None:
    said = Settings.from_env({"DATABASE_URL": url, "JWT_SECRET": secret}).warnings()
    assert [sentence.startswith("JWT_SECRET") for sentence in said] == [True] * is_warned


def test_nothing_set_is_a_good_setting() -> None:
    settings = Settings.from_env({})
    assert (settings.server.host, settings.server.api_port, settings.server.ws_port) == (
        "127.0.0.1",
        8080,
        8081,
    )
    assert settings.nats.url is None
    assert settings.data_dir == Path("var").absolute()
    assert settings.database_url == f"sqlite:///{settings.data_dir / 'progress.db'}"
    assert (settings.server.worker_class, settings.runner.mode, settings.tenant_id) == (
        "gthread",
        "embedded",
        "default",
    )


def test_a_limit_that_no_program_could_start_with_is_refused_and_none_is_0() -> None:
    none = {"PROGRAM_OPEN_FILES": "0", "PROGRAM_MEMORY_MB": "0"}
    limits = Settings.from_env(none).program.limits
    assert (limits.open_files, limits.memory_mb) == (0, 0)
    assert "from 16 to 1000000, or 0" in refusal(PROGRAM_OPEN_FILES="3")


def test_an_empty_value_counts_as_unset() -> None:
    names = {name: "" for name, _ in BAD}
    assert Settings.from_env(names) == Settings.from_env({})


def test_good_values_are_taken(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    encoding, form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    pem = key.public_bytes(encoding, form).decode()
    (tmp_path / "key.pem").write_text(pem)
    settings = Settings.from_env(
        {
            "NATS_URL": "nats://a:4222, tls://user:pw@b",
            "TENANT_ID": "*",
            "JWT_SECRET": LONG_SECRET,
            "JWT_PUBLIC_KEY": str(tmp_path / "key.pem"),
            "ALLOWED_ORIGINS": "https://a.example, http://localhost:3000",
            "DATA_DIR": str(tmp_path),
        }
    )
    assert settings.server.allowed_origins == ("https://a.example", "http://localhost:3000")
    assert settings.tenant_id == "*"
    assert settings.tokens.public_key == pem
    assert settings.signing_key() == LONG_SECRET
    assert Settings.from_env({"JWT_PUBLIC_KEY": pem}).tokens.public_key == pem.strip()


@pytest.mark.parametrize(
    ("named", "sent"),
    [
        ("https://München.example:8443", "https://xn--mnchen-3ya.example:8443"),
        ("https://bücher.example", "https://xn--bcher-kva.example"),
        ("http://[::1]:3000", "http://[::1]:3000"),
        ("https://[2001:DB8:0::1]", "https://[2001:db8::1]"),
    ],
)
def test_an_origin_is_what_browsers_send(named: str, sent: str) -> None:
    settings = Settings.from_env({"ALLOWED_ORIGINS": named})
    assert settings.server.allowed_origins == (sent,)


@pytest.mark.parametrize("name", ["ALLOWED_ORIGINS", "HTTP_INPUT_HOSTS"])
@pytest.mark.parametrize("host", ["faß.example", "FAẞ.example", "ας.example", "a\u200db.example"])
def test_a_host_that_is_another_one_to_browsers_is_refused(name: str, host: str) -> None:
    """fass.example may be somebody else's, whose page would be let in."""
    value = f"https://{host}" if name == "ALLOWED_ORIGINS" else host
    with pytest.raises(SettingsError, match="xn--"):
        Settings.from_env({name: value})


@pytest.mark.parametrize(
    ("first", "second"),
    [("API_PORT", "WS_PORT"), ("WS_PORT", "NATS_PORT"), ("NATS_PORT", "NATS_MONITOR_PORT")],
)
def test_two_ports_of_one_number_are_refused_and_both_named(first: str, second: str) -> None:
    said = refusal(**{first: "9000", second: "9000"})
    assert first in said
    assert second in said


def test_the_embedded_servers_ports_are_no_matter_with_another_server() -> None:
    Settings.from_env({"NATS_URL": "nats://a", "NATS_PORT": "8080", "NATS_MONITOR_PORT": "8080"})


# ---------------------------------------------------------------- the secret that is kept


def test_the_secret_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    settings = Settings.from_env({"DATA_DIR": str(tmp_path / "new" / "deep")})
    secret = settings.signing_key()
    assert len(secret) >= MIN_SECRET_BYTES
    path = tmp_path / "new" / "deep" / "jwt_secret"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert Settings.from_env({"DATA_DIR": str(tmp_path / "new" / "deep")}).signing_key() == secret


def test_processes_that_start_together_agree_on_the_secret(tmp_path: Path) -> None:
    program = "from settings import Settings; print(Settings.from_env().signing_key())"
    environ = {"PATH": os.environ["PATH"], "DATA_DIR": str(tmp_path)}
    started = [
        subprocess.Popen(
            [sys.executable, "-c", program], cwd=ROOT, env=environ, stdout=subprocess.PIPE
        )
        for _ in range(6)
    ]
    secrets = {process.communicate(timeout=30)[0] for process in started}
    assert len(secrets) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["jwt_secret"]


def test_threads_that_start_together_agree_on_the_secret(tmp_path: Path) -> None:
    settings = Settings.from_env({"DATA_DIR": str(tmp_path)})
    with ThreadPoolExecutor(16) as pool:
        secrets = set(pool.map(lambda _: settings.signing_key(), range(64)))
    assert len(secrets) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["jwt_secret"]


def test_a_kept_secret_that_is_too_short_is_refused_by_its_path(tmp_path: Path) -> None:
    (tmp_path / "jwt_secret").write_text("short\n")
    with pytest.raises(SettingsError, match=r"jwt_secret.*short.*without the file"):
        Settings.from_env({"DATA_DIR": str(tmp_path)}).signing_key()


# ---------------------------------------------------------------- the real start


def start(tmp_path: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """Starts the product; it is expected to end by itself."""
    usual = {
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "DATA_DIR": str(tmp_path / "data"),
        **port_settings(),
        "SAMPLE_ORDERS": "0",
        "RUNNER": "off",
    }
    return subprocess.run(
        [*COMMAND, "wsgi:app"],
        cwd=ROOT,
        env={**usual, **environ},
        capture_output=True,
        text=True,
        timeout=60,
    )


def one_line(ended: subprocess.CompletedProcess[str]) -> str:
    """What it said before it ended with 2; gunicorn's own lines begin with a bracket."""
    assert ended.returncode == 2, ended
    [line] = [line for line in ended.stderr.splitlines() if not line.startswith("[")]
    return line


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("WORKERS", "many"),
        ("JWT_SECRET", "short"),
        ("DATABASE_URL", "nonsense"),
        ("DATABASE_URL", "sqlite:////no/such/directory/progress.db"),
        ("DATA_DIR", "/proc/here"),
        ("DATA_DIR", "/dev/null"),
        ("HOST", "no.such.host.invalid"),
        ("LOG_LEVEL", "loud"),
    ],
)
def test_the_start_ends_with_that_one_line_and_exit_code_2(
    tmp_path: Path, name: str, bad: str
) -> None:
    assert name in one_line(start(tmp_path, **{name: bad}))


def test_a_data_dir_that_cannot_be_used_is_named_with_a_secret_too(tmp_path: Path) -> None:
    said = one_line(start(tmp_path, DATA_DIR="/dev/null", JWT_SECRET=LONG_SECRET))
    assert "DATA_DIR" in said


@pytest.mark.parametrize("name", ["API_PORT", "WS_PORT", "NATS_PORT", "NATS_MONITOR_PORT"])
def test_a_taken_port_ends_the_start_with_one_line_that_names_it(tmp_path: Path, name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = one_line(start(tmp_path, **{name: str(port)}))
    assert f"{name} {port}" in said
    assert "taken" in said


# ---------------------------------------------------------------- users whom a proxy names


def test_a_proxys_users_are_believed_of_named_proxies_alone() -> None:
    header = {"TRUSTED_USER_HEADER": "X-Auth-Request-User"}
    for proxies in ("*", "0.0.0.0/0", "10.0.0.1,::/0"):
        said = refusal(**header, FORWARDED_ALLOW_IPS=proxies)
        assert "TRUSTED_USER_HEADER" in said
        assert "FORWARDED_ALLOW_IPS" in said
    found = Settings.from_env({**header, "FORWARDED_ALLOW_IPS": "10.0.0.1"})
    assert found.sessions.user_scopes == {"jobs:read"}
    assert not [said for said in found.warnings() if "TRUSTED_USER_HEADER" in said]


def test_a_proxy_on_this_machine_shares_its_word_with_all_of_its_users() -> None:
    [said] = Settings.from_env({"TRUSTED_USER_HEADER": "X-Auth-Request-User"}).warnings()
    assert "each of its processes and users may say who it is" in said


def test_a_proxys_users_have_a_tenant_that_is_served() -> None:
    header = {"TRUSTED_USER_HEADER": "X-User"}
    assert "TRUSTED_USER_TENANT" in refusal(**header, TENANT_ID="*")
    assert "'b'" in refusal(**header, TENANT_ID="a", TRUSTED_USER_TENANT="b")
    for tenant_id in ("*", "b"):
        Settings.from_env({**header, "TENANT_ID": tenant_id, "TRUSTED_USER_TENANT": "b"})


def test_servers_that_check_foreign_tokens_share_the_secret_of_sessions() -> None:
    form = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    key = ec.generate_private_key(ec.SECP256R1()).public_key().public_bytes(*form).decode()
    shared = {"JWT_PUBLIC_KEY": key, "JWT_AUDIENCE": "progress"}
    shared["DATABASE_URL"] = "postgresql://u@h/n"
    [said] = Settings.from_env(shared).warnings()
    assert "sessions" in said
    assert Settings.from_env({**shared, "JWT_SECRET": "x" * 40}).warnings() == []
