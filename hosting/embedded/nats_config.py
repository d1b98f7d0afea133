"""The configuration of the embedded nats-server, and how its grammar quotes a text."""

import hashlib
import os
from pathlib import Path
from urllib.parse import unquote, urlsplit

from jobs.run.nkeys import Issuer
from settings import NATS_USER, Settings

LOGIN_WAIT = 2.0  # seconds for a login, the runner's answer included
MAX_LOG = 10 << 20  # bytes of one log file of nats-server
LOGS = 2  # with the one that is written; by its default nats-server keeps all of them
_AS_IT_IS = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 /._-+=:@,~")


def nats_text(value: str | Path) -> str:
    """A text or a path, quoted so that nats-server reads it byte for byte.

    Its grammar knows the escapes `\\n \\r \\t \\" \\\\ \\xHH` and no other. With JSON's `\\u00fc` it would not start.
    """
    written = (chr(byte) if byte in _AS_IT_IS else f"\\x{byte:02x}" for byte in os.fsencode(value))
    return f'"{"".join(written)}"'


def nats_config(settings: Settings, issuer: Issuer) -> str:
    """The embedded server's configuration: loopback only, with a password, and its log in DATA_DIR.

    Our own processes share one user. The server asks the runner about all others (jobs/run/admission.py).

    `sync_interval: always` is not set: it would reduce the throughput from 105,000 to 4,200 messages/s.
    Runs that a power loss takes from the queue are in the database, and are queued again.
    """
    return (
        f"listen: 127.0.0.1:{settings.nats.port}\n"
        f"http: 127.0.0.1:{settings.nats.monitor_port}\n"
        f"http_base_path: {nats_text(monitor_path(settings))}\n"
        f"log_file: {nats_text(nats_log(settings))}\n"
        f"logfile_size_limit: {MAX_LOG}\n"
        f"logfile_max_num: {LOGS}\n"
        f"authorization {{\n"
        f"  timeout: {LOGIN_WAIT:g}\n"
        f"  users: [ {{ user: {NATS_USER}, password: {nats_text(_password(settings))} }} ]\n"
        f"  auth_callout {{ issuer: {issuer.public}, auth_users: [ {NATS_USER} ] }}\n"
        "}\n"
        f"jetstream {{ store_dir: {nats_text(settings.data_dir / 'nats')}, sync_interval: 10s }}\n"
    )


def monitor_path(settings: Settings) -> str:
    """The secret path of nats-server's monitor, which asks for no password, so any page could read it."""
    secret = f"path of the monitor {_password(settings)}"
    return f"/{hashlib.sha256(secret.encode()).hexdigest()[:32]}"


def nats_log(settings: Settings) -> Path:
    return settings.data_dir / "nats.log"


def _password(settings: Settings) -> str:
    return unquote(urlsplit(settings.own_nats_url()).password or "")
