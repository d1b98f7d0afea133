"""How gunicorn hosts the product: every value comes from settings/, by environment variables.

The embedded nats-server and runner are started before the workers and stopped after them, by one
child process that also restarts what dies (hosting/supervisor.py, held by hosting/lifeline.py).
"""

import contextlib
import errno
import gc
import os
import shutil
import socket
import sys
import traceback
import warnings
from functools import partial
from pathlib import Path

from gunicorn.sock import BaseSocket

from hosting import environments, served_settings
from hosting.lifeline import EmbeddedError, EmbeddedProcesses, Lifeline, is_kept
from hosting.worker_places import free_place
from metrics import shared
from settings import SettingsError, keep_private
from web.listeners import Ending
from web.redaction import RedactingLogger

HTTP_THREADS = 40  # for requests, beside one thread for each WebSocket


def _give_up(sentence: object) -> None:
    print(f"settings: {sentence}", file=sys.stderr)
    sys.exit(2)


environments.put_connections_aside()
keep_private()
try:
    SETTINGS = served_settings.renew()
except SettingsError as error:
    _give_up(error)

# the master imports the NATS link, and so ssl, which it does not use
warnings.filterwarnings("ignore", message="Monkey-patching ssl after ssl has already been imported")

_HOST = f"[{SETTINGS.server.host}]" if ":" in SETTINGS.server.host else SETTINGS.server.host  # IPv6
bind = [f"{_HOST}:{SETTINGS.server.api_port}", f"{_HOST}:{SETTINGS.server.ws_port}"]
workers = SETTINGS.server.workers
threads = SETTINGS.clients.per_worker + HTTP_THREADS
# above threads: who has no request yet, or has had its answer, waits without one (web/http_connection.py)
worker_connections = threads + 1_024
sendfile = False  # it would wait for a client without a deadline
worker_class = {
    "gthread": "web.workers.ThreadWorker",
    "gevent": "web.gevent_worker.GeventWorker",
}[SETTINGS.server.worker_class]
timeout = 30  # seconds without a sign of life until a worker is replaced
graceful_timeout = 10  # seconds for browsers to be sent away and requests to end
keepalive = 5  # seconds
backlog = 4096  # connections that wait to be accepted: a whole crowd that comes back
preload_app = False  # threads must start after the fork
control_socket_disable = True
# a path is what the request line says, not what a header that a proxy lets through says
forwarder_headers = ""
accesslog = "-" if SETTINGS.server.access_log else None
errorlog = "-"
loglevel = SETTINGS.server.log_level
RedactingLogger.writes_json = SETTINGS.server.log_format == "json"
RedactingLogger.proxies = SETTINGS.clients.proxies
logger_class = RedactingLogger
# the path without its query: a query may hold a token
access_log_format = '%(h)s "%(m)s %(U)s" %(s)s %(B)s %(M)sms %({x-request-id}o)s'


def on_starting(server):  # type: ignore[no-untyped-def]
    """Before any socket or worker: the ports, the sample, and the embedded parts."""
    _check_ports()
    _check_files(server.cfg)
    if SETTINGS.server.worker_class == "gthread":
        _import_for_all()
    gc.freeze()  # what is imported stays: neither a fork nor the exit looks at it again
    _prepare()
    _warn(server.log)
    figures = shared.make_directory(SETTINGS.data_dir, SETTINGS.server.api_port)
    os.environ[shared.DIRECTORY] = str(figures)
    has_own_nats = SETTINGS.nats.url is None
    server.lifeline = None
    if has_own_nats:
        os.environ["NATS_URL"] = SETTINGS.own_nats_url()
    if has_own_nats or SETTINGS.runner.mode == "embedded":
        server.lifeline = Lifeline(SETTINGS, has_own_nats=has_own_nats)
        try:
            server.lifeline.hold()
        except EmbeddedError as error:
            _give_up(error)


def on_reload(server):  # type: ignore[no-untyped-def]
    """After SIGHUP: this file was read again."""
    if served_settings.fault():
        server.log.error(
            "SIGHUP changes nothing, the keys of before count: %s", served_settings.fault()
        )
    else:
        _warn(server.log)


def _warn(log) -> None:  # type: ignore[no-untyped-def]
    for sentence in SETTINGS.warnings():
        log.warning(sentence)


def _check_files(cfg) -> None:  # type: ignore[no-untyped-def]
    """gunicorn's own files, by its command line or GUNICORN_CMD_ARGS, are no data."""
    names = ("certfile", "keyfile", "ca_certs", "pidfile", "logconfig", "accesslog", "errorlog")
    for name in names:
        value = getattr(cfg, name, None)
        if value and value != "-":
            try:
                SETTINGS.check_no_data(f"gunicorn's {name}", Path(value).absolute())
            except SettingsError as error:
                _give_up(error)


def when_ready(server):  # type: ignore[no-untyped-def]
    """The sockets listen, and no worker is there yet."""
    _watch_for_the_end(server)
    _tell_listening()
    if server.lifeline is not None:
        server.lifeline.watch()


def _watch_for_the_end(server) -> None:  # type: ignore[no-untyped-def]
    """gunicorn's master closes its listeners first of all when the server ends.

    They live on where another master has them, in an upgrade by USR2, or systemd.
    """
    server.ending = Ending()

    def close(listener):  # type: ignore[no-untyped-def]
        is_shared = server.reexec_pid or server.master_pid or server.systemd
        if os.getpid() == server.pid and not is_shared:  # a worker closes its own in a reload
            server.ending.begin()
        BaseSocket.close(listener)

    for listener in server.LISTENERS:
        listener.close = partial(close, listener)


def _tell_listening() -> None:
    """One byte to who started us and waits for it (hosting/launch.py), once."""
    global _listening_fd
    if _listening_fd is not None:
        with contextlib.suppress(OSError):
            os.write(_listening_fd, b"!")
        os.close(_listening_fd)
        _listening_fd = None


def _take_listening_fd() -> int | None:
    """The pipe of LISTENING_FD, kept from every process that we start."""
    number = os.environ.pop("LISTENING_FD", "")
    if not number.isdigit():
        return None
    try:
        os.set_inheritable(int(number), False)
    except OSError:
        return None
    return int(number)


_listening_fd = _take_listening_fd()


def _check_ports() -> None:
    ports = [("API_PORT", SETTINGS.server.host, SETTINGS.server.api_port)]
    ports += [("WS_PORT", SETTINGS.server.host, SETTINGS.server.ws_port)]
    if SETTINGS.nats.url is None and not (
        is_kept(SETTINGS) or EmbeddedProcesses(SETTINGS).left_over()
    ):
        ports += [("NATS_PORT", "127.0.0.1", SETTINGS.nats.port)]
        ports += [("NATS_MONITOR_PORT", "127.0.0.1", SETTINGS.nats.monitor_port)]
    taken = [(name, host, port) for name, host, port in ports if _is_taken(name, host, port)]
    if taken:
        found = ", ".join(f"{name} {port} on {host}" for name, host, port in taken)
        others = " ".join(f"{name}={_other_port(port)}" for name, _, port in taken)
        _give_up(
            f"taken by another program: {found}. Stop that one, or choose other ports: {others} scripts/run"
        )


def _is_taken(name: str, host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return True
            _give_up(f"{name} {port} on HOST {host} cannot be used ({error.strerror})")
    return False


def _other_port(port: int) -> int:
    return port + 100 if port + 100 <= 65_535 else port - 100


def _import_for_all() -> None:
    """Imports once, without starting anything, what the preparation and each worker would import for themselves.

    A gevent worker must import it itself, since gevent has to be there first.
    """
    with _no_collection():
        import app  # noqa: F401


@contextlib.contextmanager
def _no_collection():  # type: ignore[no-untyped-def]
    """Without the collector of garbage, which takes a third of the time of imports and finds nothing."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _prepare() -> None:
    """Prepares in a process of its own: the connections that it reads would stay in the memory of this one.

    It is a fork, which finds imported what it needs. This process has no thread yet.
    """
    child = os.fork()
    if child == 0:
        os._exit(_prepared())
    _, status = os.waitpid(child, 0)
    if code := os.waitstatus_to_exitcode(status):
        sys.exit(code)


def _prepared() -> int:
    """(in the fork) The exit code. Raises nothing: what called us is the master's."""
    try:
        with _no_collection():
            # not in the master: where gevent serves, it must not import these packages
            from hosting.prepare import prepare
        code = prepare(SETTINGS)
        sys.stdout.flush()
    except BaseException:
        traceback.print_exc()
        return 1
    return code


def pre_fork(server, worker):  # type: ignore[no-untyped-def]
    worker.ending = server.ending
    worker.place = free_place(getattr(other, "place", -1) for other in server.WORKERS.values())


def post_fork(server, worker):  # type: ignore[no-untyped-def]
    if server.lifeline is not None:
        server.lifeline.let_go()
    environments.close_aside()
    gc.disable()  # until the application is imported, see _no_collection
    os.environ[shared.WORKER] = str(worker.place)


def post_worker_init(worker):  # type: ignore[no-untyped-def]
    from web.workers import settle, spare_the_old  # only where gunicorn's workers run

    gc.enable()
    spare_the_old()
    settle(worker.cfg)


def worker_exit(server, worker):  # type: ignore[no-untyped-def]
    parts = getattr(getattr(worker, "wsgi", None), "extensions", {}).get("parts")
    if parts is not None:
        parts.close()


def on_exit(server):  # type: ignore[no-untyped-def]
    if server.lifeline is not None:
        server.lifeline.stop()
    shutil.rmtree(os.environ.get(shared.DIRECTORY, ""), ignore_errors=True)
