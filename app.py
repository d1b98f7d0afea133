"""Builds the web application: introduces realtime and jobs, which do not know each other."""

import hmac
import json
import logging
import os
import re
from collections.abc import Iterable

from flask import Flask, Response, jsonify, render_template, request
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Forbidden, Unauthorized

from described import events, server
from described.routes import Descriptions
from described.routes import install as install_descriptions
from jobs.graph.fields.code import allow_code
from jobs.graph.fields.passwords import SECRET_NAMES
from jobs.http import api, problems, schemas
from jobs.http.documents import status_event
from jobs.http.files import operations as file_operations
from jobs.http.kept import operations as kept_operations
from jobs.http.limited import may_ask
from jobs.http.parts import ApiParts
from jobs.http.webhooks import documents as webhook_documents
from jobs.sandbox import landlock
from jobs.store.connections.database import NoRoom, ReadOnly
from jobs.store.figures import InstallationFigures
from jobs.store.migration import SchemaUnusable
from jobs.store.store import NotFound, Store, StoreUnavailable
from jobs.work import channels as run_channels
from jobs.work.figures import QueueFigures, StreamFigures
from jobs.work.run_queue import RunQueue
from logs.repeated import Repeated
from metrics import requests as counted_requests
from metrics.families import new_registry
from metrics.shared import Figures
from realtime import channels as socket_channels
from realtime.bridge.records import DatabaseAway
from realtime.figures import RealtimeFigures
from realtime.service import Realtime
from settings import Settings
from traces.traces import Traces
from web import assets, cors, request_ids
from web.callers import session_routes
from web.callers.callers import Callers, TrustedUsers, bearer_token
from web.callers.sessions import Sessions
from web.callers.tokens import Identity, TokenVerifier
from web.origins import Origins
from web.proxies import behind_proxies

LOG = logging.getLogger(__name__)
_NOT_READY = Repeated()

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
POLICY = (  # {sockets}: not every browser takes 'self' for the WebSocket beside the page
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; "
    "img-src 'self' data:; connect-src 'self'{sockets}; object-src 'none'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)
_HOST = re.compile(r"[A-Za-z0-9.\[\]:-]{1,255}")


class WebParts:
    """What a web worker is made of; built without starting, started and stopped as one."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.verifier = TokenVerifier(
            settings.tenant_id, settings.trusted_keys(), settings.tokens.expected
        )
        self.origins = Origins(settings.server.allowed_origins)
        self.sessions = Sessions(
            settings.session_secrets(),
            self.verifier,
            days=settings.sessions.days,
            most_days=settings.sessions.most_days,
        )
        self.callers = Callers(self.verifier, self.sessions, self.origins, _trusted_users(settings))
        self.store = Store(settings.database_url, settings.database)
        rules = settings.stream_rules(self.store.installation)
        self.realtime = Realtime(
            settings.nats,
            settings.tenant_id,
            self.callers,
            origins=self.origins,
            limits=settings.clients,
            last_run=self._last_run,
            rules=rules,
        )
        self.link = settings.nats.link("api")
        self.run_queue = RunQueue(self.link, rules=rules)
        self.traces = Traces("progress-web")
        self.figures = self._new_figures()

    def start(self) -> None:
        """Opens the database and starts the threads; in the process that serves, after the fork."""
        try:
            self.store.open()
        # It was there, and of use, when the server started. A worker that ends here ends the server and all other workers
        except StoreUnavailable as error:
            LOG.warning("the database is away, what needs it is answered 503: %s", error)
        except SchemaUnusable as error:  # a newer release came; this one's other workers go on, too
            LOG.warning("this worker goes on, and the server does not start again: %s", error)
        self.link.start()
        self.realtime.start()
        self.figures.start()
        self.traces.open(os.environ)

    def close(self) -> None:
        """Stops in the reverse order."""
        self.traces.close()
        self.figures.close()
        self.realtime.close()
        self.link.close()
        self.store.close()

    def _new_figures(self) -> Figures:
        # a tenant's name is no matter of other tenants: only an operator with a token sees them
        shows_tenants = self.settings.server.metrics_token is not None
        own = new_registry()
        own.register(RealtimeFigures(self.realtime, shows_tenants=shows_tenants))
        own.register(QueueFigures(self.run_queue))
        counted_requests.register(own)
        common = CollectorRegistry()
        common.register(StreamFigures(self.link))
        common.register(InstallationFigures(self.store))
        common.register(_MachineFigures())
        return Figures.of_process(own, common=common)

    def _last_run(self, tenant_id: str, job_id: int) -> Iterable[tuple[str, bytes, float]]:
        """What the database knows of a job's last run, as the messages that told it, and when the run changed last. Raises DatabaseAway."""
        try:
            run = self.store.last_run(tenant_id, job_id)
            nodes = [] if run is None else self.store.run_with_nodes(tenant_id, run.run_id)[1]
        except StoreUnavailable as error:
            raise DatabaseAway(str(error)) from error
        if run is not None:
            status = status_event(run)["payload"]
            yield "status", json.dumps(status).encode(), status["ts"]
            for node in nodes:
                yield "progress", node.payload, status["ts"]

    def authenticate(self, scope: str) -> Identity:
        """Whom the request's token, session or proxy speaks for. Raises Unauthorized or Forbidden."""
        caller = self.callers.of_request(request)
        session_routes.note_caller(caller)
        whose = "token" if caller.session is None else "session"
        if scope not in caller.identity.scopes:
            raise Forbidden(f"the {whose}'s scope does not hold {scope}")
        self._check_limit(caller.identity, whose)
        return caller.identity

    def _check_limit(self, identity: Identity, whose: str) -> None:
        """Raises Forbidden for what is not of the job or run that the caller is limited to, whether it is there or not."""
        limit = identity.limit
        if limit is None:
            return

        def job_of(run_id: str) -> int | None:
            try:
                return self.store.run(identity.tenant_id, run_id).job_id
            except NotFound:
                return None

        named = request.view_args or {}
        if not may_ask(request.endpoint, named, limit.job_id, limit.run_id, job_of):
            raise Forbidden(f"the {whose} is limited to {limit}, and may not ask this")

    def readiness(self) -> dict[str, str]:
        """Each thing that must work, by name: "ok", or what is wrong. And whether there is a history; if not, why."""
        bridge = self.realtime.bridge
        why = {} if bridge.has_history else {"historyReason": bridge.why_no_history}
        database = _database_state(self.store)
        is_known = database == "ok"  # whether there were ever runs for a tag
        return {
            "nats": self._nats_state(),
            "database": database,
            "runs": self.run_queue.state(),
            "taggedRuns": self.run_queue.tagged_state() if is_known else "not known",
            "history": "on" if bridge.has_history else "off",
            **why,
        }

    def _nats_state(self) -> str:
        bridge = self.realtime.bridge
        if not (bridge.link.is_up and self.link.is_up):
            return "away"
        return "ok" if bridge.is_listening else "connected, and not listened to yet"


def create_app(settings: Settings) -> Flask:
    """The Flask application, with its parts in `app.extensions["parts"]`. Starts nothing."""
    app = Flask(__name__)
    app.url_map.merge_slashes = False  # Flask would redirect //, to the host that the request names
    allow_code(settings.program.python_nodes)
    parts = WebParts(settings)
    app.extensions["parts"] = parts
    problems.register(app)
    counted_requests.install(app)
    request_ids.install(app)
    cors.install(app, parts.origins)
    session_routes.install(app, parts.callers, parts.sessions, settings.sessions.sign_out)
    parts.realtime.install(app)
    app.register_blueprint(
        api.create_blueprint(
            ApiParts(
                parts.store,
                parts.run_queue,
                parts.link,
                parts.authenticate,
                settings,
                past=parts.realtime.bridge.past,
                why_not_ours=lambda: parts.realtime.bridge.why_not_ours,
                traces=parts.traces,
                is_stopping=lambda: parts.realtime.is_stopping,
            )
        )
    )
    assets.install(app)
    _add_pages(app, parts)
    install_descriptions(app, descriptions(app))
    app.after_request(_add_security_headers)
    app.wsgi_app = behind_proxies(  # type: ignore[assignment,method-assign]
        app.wsgi_app, settings.server.base_path, settings.clients.proxies
    )
    return app


def descriptions(app: Flask) -> Descriptions:
    """What the application takes and answers, from the tables beside the code that does it."""
    return Descriptions(
        app,
        {**server.OPERATIONS, **socket_channels.OPERATIONS, **api.operations()},
        (*socket_channels.CHANNELS, *run_channels.CHANNELS),
        {
            **events.SCHEMAS,
            **schemas.SCHEMAS,
            **file_operations.SCHEMAS,
            **kept_operations.SCHEMAS,
            **webhook_documents.SCHEMAS,
        },
        webhook_documents.POSTED,
    )


def _add_pages(app: Flask, parts: WebParts) -> None:
    nats = parts.settings.nats
    told = {
        "secret_names": " ".join(SECRET_NAMES),
        # where programs of people report: of somebody else's NATS the page tells nothing
        "own_nats": f"127.0.0.1:{nats.port}" if parts.settings.is_own_nats(nats.url) else "",
        "nats_prefix": nats.prefix or "",
    }

    @app.get("/")
    def playground() -> str:
        return render_template("playground.html", **told)

    @app.get("/healthz")
    def healthz() -> Response:
        return jsonify({"status": "alive"})

    @app.get("/readyz")
    def readyz() -> tuple[Response, int]:
        state = parts.readiness()
        is_ready = all(state[name] == "ok" for name in ("nats", "database", "runs"))
        is_ready = is_ready and not parts.realtime.is_stopping
        return jsonify({"ready": is_ready, **state}), 200 if is_ready else 503

    @app.get("/metrics")
    def metrics() -> Response:
        _check_metrics_token(parts.settings.server.metrics_token)
        return Response(parts.figures.text(), content_type=CONTENT_TYPE_LATEST)


def _add_security_headers(response: Response) -> Response:
    response.headers.update(SECURITY_HEADERS)
    host = request.headers.get("Host", "")
    sockets = f" ws://{host} wss://{host}" if _HOST.fullmatch(host) else ""
    response.headers["Content-Security-Policy"] = POLICY.format(sockets=sockets)
    if not (request.endpoint in ("static", assets.ENDPOINT) and response.status_code < 400):
        response.headers["Cache-Control"] = (
            "no-store"  # of files Flask says no-cache: ask each time
        )
    return response


def _check_metrics_token(expected: str | None) -> None:
    if expected is not None and not hmac.compare_digest(
        (bearer_token(request) or "").encode(), expected.encode()
    ):
        raise Unauthorized(
            "/metrics asks for METRICS_TOKEN", www_authenticate=WWWAuthenticate("bearer")
        )


class _MachineFigures:
    """The figures of this machine, whatever the process."""

    def collect(self) -> Iterable[Metric]:
        yield GaugeMetricFamily(
            "progress_landlock",
            "Version of Landlock that this machine's kernel confines programs with; 0: none",
            landlock.abi(),
        )


def _trusted_users(settings: Settings) -> TrustedUsers | None:
    found = settings.sessions
    if found.user_header is None:
        return None
    tenant_id = found.user_tenant or settings.tenant_id
    return TrustedUsers(found.user_header, settings.clients.proxies, tenant_id, found.user_scopes)


def _database_state(store: Store) -> str:
    try:
        store.ping()
    except ReadOnly:
        return "read-only"
    except NoRoom:
        return "full"
    except StoreUnavailable as error:  # its text may tell hosts and users, and anyone may ask
        if (sentence := _NOT_READY.due(str(error))) is not None:
            LOG.warning("not ready: %s", sentence)
        return "away"
    return "ok"
