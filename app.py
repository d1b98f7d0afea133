"""Builds the web application: introduces realtime and jobs, which do not know each other."""

import json
import logging
from collections.abc import Iterable

import prometheus_client
from flask import Flask, Response, jsonify, render_template, request
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Forbidden, Unauthorized

from jobs import api, problems
from jobs.documents import status_event
from jobs.run_queue import RunQueue
from jobs.store import Store, StoreUnavailable
from progress_lib.nats import Link
from realtime.limits import ClientLimits
from realtime.origins import Origins
from realtime.service import Realtime
from realtime.tokens import TokenRefused, TokenVerifier, WrongTenant
from settings import Settings

LOG = logging.getLogger(__name__)

SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; connect-src 'self' ws: wss:; img-src 'self' data:; "
        "frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


class Parts:
    """What a web worker is made of; built without starting, started and stopped as one."""

    def __init__(self, settings: Settings) -> None:
        assert settings.nats_url is not None, "gunicorn.conf.py sets NATS_URL for the workers"
        self.settings = settings
        self.verifier = TokenVerifier(settings.tenant_id, settings.trusted_keys())
        self.origins = Origins(settings.allowed_origins)
        self.realtime = Realtime(
            settings.nats_url,
            settings.tenant_id,
            self.verifier,
            origins=self.origins,
            max_clients=settings.max_clients,
            limits=ClientLimits(
                subscriptions=settings.max_subscriptions,
                messages_per_second=settings.max_messages_per_second,
                clients_per_token=settings.max_clients_per_token,
                clients_per_address=settings.max_clients_per_address,
            ),
            proxies=settings.forwarded_allow_ips,
            last_run=self._last_run,
            nats_ping_period=settings.nats_ping_period,
        )
        self.link = Link(settings.nats_url, name="api", ping_period=settings.nats_ping_period)
        self.store = Store(settings.database_url)
        self.run_queue = RunQueue(self.link)

    def start(self) -> None:
        """Opens the database and starts the threads; in the process that serves, after the fork."""
        self.store.open()
        self.link.start()
        self.realtime.start()

    def close(self) -> None:
        """Stops in the reverse order."""
        self.realtime.close()
        self.link.close()
        self.store.close()

    def _last_run(self, tenant_id: str, job_id: int) -> Iterable[tuple[str, bytes]]:
        """What the database knows of a job's last run, as the messages that told it."""
        run = self.store.last_run(tenant_id, job_id)
        if run is not None:
            yield "status", json.dumps(status_event(run)["payload"]).encode()
            for node in self.store.run_with_nodes(tenant_id, run.run_id)[1]:
                yield "progress", node.payload

    def authenticate(self, scope: str) -> str:
        """The tenant of the request's bearer token. Raises Unauthorized or Forbidden."""
        try:
            identity = self.verifier.verify(_bearer_token())
        except WrongTenant as error:
            raise Forbidden(str(error)) from None
        except TokenRefused as error:
            raise Unauthorized(str(error), www_authenticate=WWWAuthenticate("bearer")) from None
        if scope not in identity.scopes:
            raise Forbidden(f"the token's scope does not hold {scope}")
        return identity.tenant_id

    def readiness(self) -> dict[str, str]:
        """Each thing that must work, by name: "ok", or what is wrong."""
        return {
            "nats": _both_up(self.realtime.bridge.link, self.link),
            "database": _database_state(self.store),
            "history": "on" if self.realtime.bridge.has_history else "off",
        }


def create_app(settings: Settings) -> Flask:
    """The Flask application, with its parts in `app.extensions["parts"]`. Starts nothing."""
    app = Flask(__name__)
    parts = Parts(settings)
    app.extensions["parts"] = parts
    problems.register(app)
    parts.realtime.install(app)
    app.register_blueprint(
        api.create_blueprint(
            parts.store,
            parts.run_queue,
            parts.link,
            parts.authenticate,
            settings,
            past=parts.realtime.bridge.past,
        )
    )
    _add_pages(app, parts)
    app.after_request(_add_security_headers)
    return app


def _add_pages(app: Flask, parts: Parts) -> None:
    registry = prometheus_client.CollectorRegistry()
    registry.register(_Collector(parts))

    @app.get("/")
    def playground() -> str:
        return render_template("playground.html")

    @app.get("/healthz")
    def healthz() -> Response:
        return jsonify({"status": "alive"})

    @app.get("/readyz")
    def readyz() -> tuple[Response, int]:
        state = parts.readiness()
        is_ready = state["nats"] == "ok" and state["database"] == "ok"
        return jsonify({"ready": is_ready, **state}), 200 if is_ready else 503

    @app.get("/metrics")
    def metrics() -> Response:
        text = prometheus_client.generate_latest(registry)
        return Response(text, content_type=prometheus_client.CONTENT_TYPE_LATEST)


def _add_security_headers(response: Response) -> Response:
    response.headers.update(SECURITY_HEADERS)
    return response


class _Collector:
    """The figures of this worker, read when they are asked for."""

    def __init__(self, parts: Parts) -> None:
        self._realtime = parts.realtime

    def collect(self) -> Iterable[Metric]:
        hub, bridge = self._realtime.hub.counts, self._realtime.bridge
        yield GaugeMetricFamily("progress_clients", "Connected browsers", hub.clients)
        yield GaugeMetricFamily("progress_subscriptions", "Subscriptions", hub.subscriptions)
        yield GaugeMetricFamily("progress_jobs", "Jobs whose state is known", hub.jobs)
        yield GaugeMetricFamily("progress_nats_up", "1 while NATS is there", bridge.link.is_up)
        yield CounterMetricFamily("progress_received", "Messages from NATS", hub.received + bridge.unasked)
        yield CounterMetricFamily("progress_delivered", "Messages to browsers", hub.delivered)
        yield CounterMetricFamily("progress_stale", "Messages that came late or twice", hub.stale)
        yield CounterMetricFamily("progress_malformed", "Messages dropped", bridge.malformed)
        yield CounterMetricFamily("progress_clients_cut", "Browsers too slow", hub.cut)


def _bearer_token() -> str:
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""


def _both_up(*links: Link) -> str:
    return "ok" if all(link.is_up for link in links) else "away"


def _database_state(store: Store) -> str:
    try:
        store.ping()
    except StoreUnavailable as error:
        return str(error)
    return "ok"
