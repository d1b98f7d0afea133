"""What the embedded nats-server reads: its configuration, and texts as its grammar wants them."""

import hashlib
import os
from pathlib import Path
from urllib.parse import unquote, urlsplit

from jobs.run.nkeys import Issuer
from settings import NATS_USER, Settings

LOGIN_WAIT = 2.0  # seconds for a client to say who it is, and the runner to know it
MAX_LOG = 10 << 20  # bytes of one log file of nats-server
_AS_IT_IS = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 /._-+=:@,~")


def nats_text(value: str | Path) -> str:
    """A text or a path as nats-server reads it back, byte for byte.

    Its grammar knows the escapes `\\n \\r \\t \\" \\\\ \\xHH` and no other, so JSON's `\\u00fc` ends its start.
    """
    written = (chr(byte) if byte in _AS_IT_IS else f"\\x{byte:02x}" for byte in os.fsencode(value))
    return f'"{"".join(written)}"'


def nats_config(settings: Settings, issuer: Issuer) -> str:
    """The embedded server's configuration: loopback only, a password, its log in the data directory.

    Our own processes have the one user. Who has another name is asked about over NATS (jobs/run/admission.py).

    `sync_interval: always` would cost 25 times the throughput (4,200 instead of 105,000
    messages/s); what a power loss takes from the queue is found in the database and queued again.
    """
    return (
        f"listen: 127.0.0.1:{settings.nats.port}\n"
        f"http: 127.0.0.1:{settings.nats.monitor_port}\n"
        f"http_base_path: {nats_text(monitor_path(settings))}\n"
        f"log_file: {nats_text(nats_log(settings))}\n"
        f"logfile_size_limit: {MAX_LOG}\n"
        f"authorization {{\n"
        f"  timeout: {LOGIN_WAIT:g}\n"
        f"  users: [ {{ user: {NATS_USER}, password: {nats_text(_password(settings))} }} ]\n"
        f"  auth_callout {{ issuer: {issuer.public}, auth_users: [ {NATS_USER} ] }}\n"
        "}\n"
        f"jetstream {{ store_dir: {nats_text(settings.data_dir / 'nats')}, sync_interval: 10s }}\n"
    )


def monitor_path(settings: Settings) -> str:
    """Under which nats-server's monitor answers: it asks for no password, and any page may ask it."""
    secret = f"path of the monitor {_password(settings)}"
    return f"/{hashlib.sha256(secret.encode()).hexdigest()[:32]}"


def nats_log(settings: Settings) -> Path:
    return settings.data_dir / "nats.log"


def _password(settings: Settings) -> str:
    return unquote(urlsplit(settings.own_nats_url()).password or "")
