"""How gunicorn hosts the product: every value comes from settings.py, by environment variables.

The embedded nats-server and runner are started before the workers and stopped after them, by one
child process that also restarts what dies (scripts/embedded.py).
"""

import os
import socket
import subprocess
import sys

from settings import Settings, SettingsError

HTTP_THREADS = 40  # for requests, beside one thread for each WebSocket


def _give_up(sentence: object) -> None:
    print(f"settings: {sentence}", file=sys.stderr)
    sys.exit(2)


try:
    SETTINGS = Settings.from_env()
    SETTINGS.signing_key()
except SettingsError as error:
    _give_up(error)

bind = [f"{SETTINGS.host}:{SETTINGS.api_port}", f"{SETTINGS.host}:{SETTINGS.ws_port}"]
workers = SETTINGS.workers
threads = SETTINGS.max_clients + HTTP_THREADS
worker_connections = threads + 64  # above threads: the rest waits in the poller, not in silence
worker_class = {
    "gthread": "realtime.workers.ThreadWorker",
    "gevent": "realtime.gevent_worker.GeventWorker",
}[SETTINGS.worker_class]
timeout = 30  # seconds without a sign of life until a worker is replaced
graceful_timeout = 10  # seconds for browsers to be sent away and requests to end
keepalive = 5  # seconds
backlog = 4096  # connections that wait to be accepted: a whole crowd that comes back
preload_app = False  # threads must start after the fork
control_socket_disable = True
accesslog = "-" if os.environ.get("ACCESS_LOG", "on") == "on" else None
errorlog = "-"
loglevel = os.environ.get("LOG_LEVEL", "info")
# the path without its query: a query may hold a token
access_log_format = '%(h)s "%(m)s %(U)s" %(s)s %(B)s %(M)sms'


def on_starting(server):  # type: ignore[no-untyped-def]
    """Before any socket or worker: the ports, the sample, and the embedded parts."""
    _check_ports()
    _run("scripts.prepare")
    server.embedded = None
    if SETTINGS.nats_url is None:
        os.environ["NATS_URL"] = f"nats://127.0.0.1:{SETTINGS.nats_port}"
    if SETTINGS.nats_url is None or SETTINGS.runner == "embedded":
        server.embedded = _start_embedded()


def _check_ports() -> None:
    ports = [("API_PORT", SETTINGS.host, SETTINGS.api_port)]
    ports += [("WS_PORT", SETTINGS.host, SETTINGS.ws_port)]
    if SETTINGS.nats_url is None:
        ports += [("NATS_PORT", "127.0.0.1", SETTINGS.nats_port)]
        ports += [("NATS_MONITOR_PORT", "127.0.0.1", SETTINGS.nats_monitor_port)]
    for name, host, port in ports:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                reason = "is taken" if error.errno == 98 else f"cannot be used ({error.strerror})"
                _give_up(f"{name} {port} on {host} {reason}; set {name} to another port")


def _run(module: str) -> None:
    ended = subprocess.run([sys.executable, "-m", module], check=False)
    if ended.returncode != 0:
        sys.exit(ended.returncode)


def _start_embedded() -> "subprocess.Popen[bytes]":
    """The child that keeps the embedded parts; its standard input ends when this master does."""
    child = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "scripts.embedded",
            "--nats",
            "on" if SETTINGS.nats_url is None else "off",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C in a terminal is for the master, which stops it last
    )
    assert child.stdout is not None
    if child.stdout.readline().strip() != b"ready":
        sys.exit(child.wait() or 1)
    return child


def post_fork(server, worker):  # type: ignore[no-untyped-def]
    """A worker must not keep the embedded parts' standard input open when the master is gone."""
    if server.embedded is not None:
        server.embedded.stdin.close()


def worker_exit(server, worker):  # type: ignore[no-untyped-def]
    parts = getattr(worker.wsgi, "extensions", {}).get("parts")
    if parts is not None:
        parts.close()


def on_exit(server):  # type: ignore[no-untyped-def]
    if getattr(server, "embedded", None) is not None:
        server.embedded.terminate()
        try:
            server.embedded.wait(40)
        except subprocess.TimeoutExpired:
            server.embedded.kill()
