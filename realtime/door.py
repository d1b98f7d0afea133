"""The door to the hub: who may open a WebSocket, and what happens once it is open."""

import logging
import math
import re
import threading
import time
from collections import Counter
from typing import Any, NamedTuple

from flask import Blueprint, Flask, Request, Response, g, request
from werkzeug.exceptions import (
    BadRequest,
    Forbidden,
    HTTPException,
    ServiceUnavailable,
    TooManyRequests,
)

from logs.context import note
from logs.repeated import Repeated
from realtime.clients.client import Client
from realtime.clients.floods import Penalties, penalty
from realtime.hub.hub import Hub
from realtime.sockets.close_codes import CloseCode
from realtime.sockets.handshake import Sock, check_handshake
from realtime.sockets.websocket import WebSocket
from settings.addresses import client_address
from settings.defaults import ClientLimits
from web.callers.callers import Callers
from web.callers.tokens import Identity
from web.origins import Origins, refusal

LOG = logging.getLogger(__name__)

BEARER = "bearer."  # before the token, as a second subprotocol: keeps tokens out of URLs
REFUSAL_WAIT = 0.5  # seconds a 429 is held back, since the client may ask again at once
MAX_WAITING = 16  # refusals held back, each of which holds a thread; full: the next is told at once
_QUOTED = re.compile("['\"]")
REFUSAL_PERIOD = 60.0  # seconds in which the log has one refusal of a kind
RETRY_AFTER = 2  # seconds a browser should wait when there is no room, or the server stops


class Door:
    """Admits browsers to the hub, as many as `limits` allow."""

    def __init__(
        self,
        hub: Hub,
        callers: Callers,
        *,
        origins: Origins,
        limits: ClientLimits,
    ) -> None:
        self._hub = hub
        self._callers = callers
        self._origins = origins
        self._limits = limits
        self._lock = threading.Lock()  # guards what follows
        self._inside: Counter[str] = Counter()  # clients by tenant
        self._of_token: Counter[bytes] = Counter()
        self._of_address: Counter[str | None] = Counter()
        self._closes: Counter[str] = Counter()  # WebSockets that ended, by close code
        self._penalties = Penalties(penalty(limits.messages_per_second, limits.subscriptions))
        self._is_closed = False
        self._waiting = threading.BoundedSemaphore(MAX_WAITING)
        # a page whose proxy is wrong comes again and again
        self._refused = Repeated(REFUSAL_PERIOD)

    def install(self, app: Flask) -> None:
        """Adds the routes /ws and /api/room."""
        app.add_url_rule("/api/room", view_func=self.tell_room)
        door = Blueprint("realtime", __name__)
        door.before_request(self.admit)
        door.teardown_request(self._leave)
        Sock(app).route("/ws", door)(self.serve_ws)
        app.register_blueprint(door)

    def shut(self) -> None:
        """Admits nobody any more: the server is stopping."""
        with self._lock:
            self._is_closed = True

    @property
    def is_shut(self) -> bool:
        with self._lock:
            return self._is_closed

    def admit(self) -> None:
        """Refuses, before the upgrade and with a real HTTP answer, who may not or cannot come in."""
        try:
            self._admit()
        except (BadRequest, Forbidden) as error:
            self._log_refusal(error)
            raise

    def _admit(self) -> None:
        check_handshake(request.environ)
        origin = request.environ.get("HTTP_ORIGIN")
        if self._origins.is_set and not self._origins.allows(origin, request.host):  # host is slow
            raise Forbidden(refusal(origin, request.host))
        caller = self._callers.of_socket(request, _token(request))
        g.identity = caller.identity
        try:
            self._enter(_Guest(g.identity.tenant_id, caller.mark, self._address(request)))
        except TooManyRequests:
            self._hold_back()
            raise

    def _log_refusal(self, error: HTTPException) -> None:
        """Browsers hide the answer to a handshake: nobody else sees what a proxy in front does wrong.

        What stands in quotes is of the request, which anybody may make up.
        """
        why = str(error.description)
        if (sentence := self._refused.due(why, kind=_QUOTED.split(why, 1)[0])) is not None:
            LOG.warning("ws refused: %s", sentence)

    def tell_room(self) -> Response:
        """204 where a WebSocket would be let in now, else the refusal: a browser does not see that of a handshake."""
        caller = self._callers.of_request(request)
        if "jobs:read" not in caller.identity.scopes:
            raise Forbidden("the token's scope does not hold jobs:read")
        guest = _Guest(caller.identity.tenant_id, caller.mark, self._address(request))
        with self._lock:
            self._check_room(guest)
        return Response(status=204)

    def _address(self, request: Request) -> str | None:
        forwarded = request.environ.get("HTTP_X_FORWARDED_FOR", "")  # of all such headers
        return client_address(request.remote_addr or "", forwarded, self._limits.proxies)

    def _enter(self, guest: "_Guest") -> None:
        with self._lock:
            self._check_room(guest)
            self._count(guest, 1)
            g.guest = guest

    def _check_room(self, guest: "_Guest") -> None:
        if self._is_closed or self._inside.total() >= self._limits.per_worker:
            why = "is stopping" if self._is_closed else "has no room for more clients"
            raise ServiceUnavailable(f"this server {why}", retry_after=RETRY_AFTER)
        wait = self._penalties.left(guest, time.monotonic())
        if wait:
            why = "it was cut off because it sent too many messages"
            raise TooManyRequests(why, retry_after=math.ceil(wait))
        if self._of_token[guest.token] >= self._limits.per_token:
            raise _too_many("this token", self._limits.per_token)
        if guest.address and self._of_address[guest.address] >= self._limits.per_address:
            raise _too_many(guest.address, self._limits.per_address)

    def _hold_back(self) -> None:
        """Slows the refusal down, or a client that comes back at once costs as much as the flood that it was cut for.

        Good for a few connections at a time: a proxy sees to those who open hundreds.
        """
        if self._waiting.acquire(blocking=False):
            try:
                time.sleep(REFUSAL_WAIT)
            finally:
                self._waiting.release()

    def _leave(self, _error: BaseException | None) -> None:
        guest = g.pop("guest", None)
        if guest is not None:
            with self._lock:
                self._count(guest, -1)

    def _count(self, guest: "_Guest", change: int) -> None:
        counts: list[tuple[Counter[Any], object]] = [
            (self._inside, guest.tenant_id),
            (self._of_token, guest.token),
            (self._of_address, guest.address),
        ]
        for counter, key in counts:
            counter[key] += change
            if not counter[key]:
                del counter[key]

    def clients_by_tenant(self) -> dict[str, int]:
        with self._lock:
            return dict(self._inside)

    def serve_ws(self, sock: Any) -> None:
        """Serves one accepted browser, in the handler's thread, until it leaves.

        Lets nothing out: Flask would write a page about it into the WebSocket's stream.
        """
        identity: Identity = g.identity
        began, end = time.monotonic(), "server error"
        try:
            client = Client(self._hub, WebSocket(sock), identity, self._callers, self._limits)
            note(tenant=identity.tenant_id)
            LOG.info("ws open tenant=%s sub=%s", identity.tenant_id, identity.subject)
            end = client.read_pump()
            self._note_end(None if client.has_left else client.closed_with)
        except Exception:
            LOG.exception("ws failed")
        finally:
            LOG.info(
                "ws closed tenant=%s sub=%s after=%.1fs: %s",
                identity.tenant_id,
                identity.subject,
                time.monotonic() - began,
                end,
            )

    def _note_end(self, code: int | None) -> None:
        with self._lock:
            self._closes["none" if code is None else str(code)] += 1
            if code == CloseCode.TOO_MANY_MESSAGES:
                self._penalties.add(g.guest, time.monotonic())

    def closes(self) -> dict[str, int]:
        """How many WebSockets ended, by the code that this side closed them with."""
        with self._lock:
            return dict(self._closes)


class _Guest(NamedTuple):
    """Whom a connection counts for."""

    tenant_id: str
    token: bytes  # its hash, or that of a session or user
    address: str | None  # None: not counted


def _too_many(whose: str, most: int) -> TooManyRequests:
    return TooManyRequests(
        f"{whose} has {most} connections already, which is all it may have", retry_after=RETRY_AFTER
    )


def _token(request: Request) -> str:
    """The token of the subprotocol list, else of the query."""
    offer: str = request.environ.get("HTTP_SEC_WEBSOCKET_PROTOCOL", "")
    for offered in offer.split(","):
        if offered.strip().startswith(BEARER):
            return offered.strip().removeprefix(BEARER)
    return request.args.get("token", "")
