"""How gunicorn hosts the product: every value comes from settings/, by environment variables.

The embedded nats-server and runner are started before the workers and stopped after them, by one
child process that also restarts what dies (hosting/embedded/supervisor.py, held by hosting/embedded/lifeline.py).
"""

import gc
import logging
import os
import shutil
import signal
import sys
import warnings
from functools import partial
from pathlib import Path

from gunicorn.sock import BaseSocket

from hosting import environments, open_files, served_settings
from hosting.embedded.lifeline import EmbeddedError, Lifeline, claim
from hosting.start.listening import PIPE, Listening
from hosting.start.prepare_apart import INTERRUPTED, no_collection, prepare_apart
from hosting.start.taken_ports import check_ports
from hosting.worker_places import free_place
from logs.json_lines import write_json
from logs.text_lines import write_clean
from metrics import shared
from settings import SettingsError, keep_private
from settings.shared import MAX_TOKEN
from web.gunicorn_log import RedactingLogger
from web.serving.listeners import Ending

HTTP_THREADS = 40  # for requests, beside one thread for each WebSocket


def _give_up(sentence: object) -> None:
    print(f"settings: {sentence}", file=sys.stderr)
    sys.exit(2)


environments.put_connections_aside()
os.environ.pop("PYTHONSAFEPATH", None)  # our processes find their modules where they are started
keep_private()
try:
    SETTINGS = served_settings.renew()
except SettingsError as error:
    _give_up(error)

LISTENING = Listening()

# the master imports the NATS link, and so ssl, which it does not use
warnings.filterwarnings("ignore", message="Monkey-patching ssl after ssl has already been imported")

_HOST = f"[{SETTINGS.server.host}]" if ":" in SETTINGS.server.host else SETTINGS.server.host  # IPv6
bind = [f"{_HOST}:{SETTINGS.server.api_port}", f"{_HOST}:{SETTINGS.server.ws_port}"]
workers = SETTINGS.server.workers
threads = SETTINGS.clients.per_worker + HTTP_THREADS
# above threads: who has no request yet, or has had its answer, waits without one (web/serving/http_connection.py)
worker_connections = threads + 1_024
sendfile = False  # it would wait for a client without a deadline
worker_class = {
    "gthread": "web.serving.workers.ThreadWorker",
    "gevent": "web.serving.gevent_worker.GeventWorker",
}[SETTINGS.server.worker_class]
timeout = 30  # seconds without a sign of life until a worker is replaced
graceful_timeout = 10  # seconds for browsers to be sent away and requests to end
keepalive = 5  # seconds
backlog = 4096  # connections that wait to be accepted: a whole crowd that comes back
# bytes; a token in a header as long as one may be, and one of an identity provider in an address
limit_request_field_size = MAX_TOKEN + 256
limit_request_line = 8_190  # the most that gunicorn takes
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
    try:
        _prepare(server)
    except KeyboardInterrupt:  # which gunicorn does not expect before its sockets are there
        sys.exit(INTERRUPTED)


def _prepare(server) -> None:  # type: ignore[no-untyped-def]
    _tell_of_parts()
    _prepare_upgrade(server)
    is_upgrade = bool(server.master_pid)  # by USR2, beside the master that started this one
    try:
        if not is_upgrade:
            check_ports(SETTINGS)
        _check_files(server.cfg)
    except (SettingsError, EmbeddedError) as error:
        _give_up(error)
    if SETTINGS.server.worker_class == "gthread":
        _import_for_all()
    has_own_nats = SETTINGS.nats.url is None
    has_parts = has_own_nats or SETTINGS.runner.mode == "embedded"
    has_claim = has_parts and _claim(is_upgrade)
    gc.freeze()  # what is imported stays: neither a fork nor the exit looks at it again
    if code := prepare_apart(SETTINGS):
        sys.exit(code)
    _warn(server.log)
    if few := open_files.allow(worker_connections):
        server.log.warning(few)
    try:
        figures = shared.make_directory(SETTINGS.data_dir, SETTINGS.server.api_port)
        os.environ[shared.DIRECTORY] = str(figures)
        if has_own_nats:
            os.environ["NATS_URL"] = SETTINGS.own_nats_url()
    except (OSError, SettingsError) as error:  # a full disk, say
        _give_up(f"DATA_DIR: {error}")
    server.lifeline = None
    if has_parts:
        server.lifeline = Lifeline(SETTINGS, has_own_nats=has_own_nats, has_claim=has_claim)
        try:
            server.lifeline.hold()
        except EmbeddedError as error:
            _give_up(error)


def _prepare_upgrade(server) -> None:  # type: ignore[no-untyped-def]
    """For USR2: gunicorn would start the file that `-m gunicorn` found, and find its own `http` in the place of Python's."""
    server.START_CTX["args"] = [sys.executable, *sys.orig_argv[1:]]
    server.cfg.env_orig.pop(PIPE, None)  # whoever waits for it has heard of this one
    server.first_environment = server.cfg.env_orig


def _claim(is_upgrade: bool) -> bool:
    try:
        return claim(SETTINGS, is_upgrade=is_upgrade)
    except EmbeddedError as error:
        _give_up(error)
        return False


def _import_for_all() -> None:
    """Imports once, without starting anything, what the preparation and each worker would import for themselves.

    A gevent worker must import it itself, since gevent has to be there first.
    """
    with no_collection():
        import app  # noqa: F401


def _tell_of_parts() -> None:
    """What happens to the embedded parts is logged by this process, whose logging is gunicorn's own."""
    log = logging.getLogger("hosting.embedded.lifeline")
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    log.addHandler(handler)
    write_clean(log)
    log.propagate = False
    if SETTINGS.server.log_format == "json":
        write_json(log, "master")


def on_reload(server):  # type: ignore[no-untyped-def]
    """After SIGHUP: this file was read again."""
    # gunicorn took what we have set since for an operator's: by USR2 our own NATS_URL would be somebody else's server
    server.cfg.env_orig = server.first_environment
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
    """Raises SettingsError where gunicorn's own files, by its command line or GUNICORN_CMD_ARGS, are data or of no use."""
    names = ("certfile", "keyfile", "ca_certs", "pidfile", "logconfig", "accesslog", "errorlog")
    for name in names:
        value = getattr(cfg, name, None)
        if value and value != "-":
            SETTINGS.check_no_data(f"gunicorn's {name}", Path(value).absolute())
    if cfg.is_ssl:  # its sockets would be called https, and our workers speak plain HTTP on them
        raise SettingsError(
            "gunicorn's certfile and keyfile: this server speaks plain HTTP; put a proxy with TLS before it, as docs/deploy/nginx.conf"
        )


def when_ready(server):  # type: ignore[no-untyped-def]
    """The sockets listen, and no worker is there yet."""
    _watch_for_the_end(server)
    LISTENING.tell()
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


def pre_fork(server, worker):  # type: ignore[no-untyped-def]
    worker.ending = server.ending
    worker.place = free_place(getattr(other, "place", -1) for other in server.WORKERS.values())


def post_fork(server, worker):  # type: ignore[no-untyped-def]
    # until the worker has handlers of its own; the master's would note the signal for a master that is not here
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)
    if server.lifeline is not None:
        server.lifeline.let_go()
    environments.close_aside()
    gc.disable()  # until the application is imported, see no_collection
    os.environ[shared.WORKER] = str(worker.place)


def post_worker_init(worker):  # type: ignore[no-untyped-def]
    from web.serving.workers import settle, spare_the_old  # only where gunicorn's workers run

    gc.enable()
    spare_the_old()
    settle(worker.cfg)


def worker_exit(server, worker):  # type: ignore[no-untyped-def]
    parts = getattr(getattr(worker, "wsgi", None), "extensions", {}).get("parts")
    if parts is not None:
        parts.close()


def on_exit(server):  # type: ignore[no-untyped-def]
    if server.reexec_pid or server.master_pid:  # the other master of an upgrade keeps the parts
        return
    if server.lifeline is not None:
        server.lifeline.stop()
    shutil.rmtree(os.environ.get(shared.DIRECTORY, ""), ignore_errors=True)
