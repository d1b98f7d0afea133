"""One browser: what it asks, and whether it may go on. What it is sent is in realtime/clients/outgoing.py."""

import logging
import time
from typing import Protocol

from wsproto import events

from realtime.clients.actions import (
    NEEDED_SCOPE,
    Action,
    Authenticate,
    BadAction,
    LeaveAll,
    LeaveJob,
    WatchAll,
    WatchJob,
    parse_action,
)
from realtime.clients.floods import ALL_JOBS_SHARE, MessagePace, most_at_once
from realtime.clients.outgoing import Outgoing
from realtime.events import topic_named
from realtime.hub.commands import (
    LeaveTenant,
    Register,
    Subscribe,
    Unregister,
    Unsubscribe,
    WatchTenant,
)
from realtime.hub.hub import Hub
from realtime.sockets import frames
from realtime.sockets.close_codes import REASONS, CloseCode
from realtime.sockets.websocket import Closed, MessageReader, WebSocket
from settings.defaults import ClientLimits
from web.callers.limits import Limit
from web.callers.tokens import Identity, TokenRefused

LOG = logging.getLogger(__name__)

PONG_WAIT = 60.0  # seconds without a word from the browser
CLOSE_WAIT = 1.0  # seconds the browser has to answer a close frame
TURN = 32  # messages of one browser that are served in a row,
TURN_PAUSE = 0.002  # seconds of rest after them: a flood leaves most of the processor to the others
# What wsproto finds wrong with a frame it says as if the browser had closed with it
BAD_FRAMES = {CloseCode.PROTOCOL_ERROR, CloseCode.INVALID_TEXT, CloseCode.MESSAGE_TOO_BIG}
DISCARD_PAUSE = 0.005  # seconds between two reads of what nobody wants any more


class Verifier(Protocol):
    def verify(self, token: str) -> Identity:
        """Whom the token of an `auth` speaks for. Raises TokenRefused."""


class Client(Outgoing):
    """A browser. The hub pushes (`Outgoing`); the handler's thread runs `read_pump`."""

    __slots__ = (
        "_hub",
        "_limits",
        "_pace",
        "_verifier",
        "_watched",
        "_watches_all",
        "has_left",
        "identity",
    )

    pong_wait = PONG_WAIT  # seconds

    def __init__(
        self,
        hub: Hub,
        socket: WebSocket,
        identity: Identity,
        verifier: Verifier,
        limits: ClientLimits,
    ) -> None:
        super().__init__(socket)
        self.identity = identity  # (reader thread)
        self._watched: set[int] = set()  # (reader thread) jobs that were asked for
        self._watches_all = False  # (reader thread)
        self.has_left = False  # (reader thread) the browser closed it, and this side had not
        self._hub = hub
        self._verifier = verifier
        self._limits = limits
        most = most_at_once(limits.messages_per_second, limits.subscriptions)
        # (reader thread)
        self._pace = MessagePace(limits.messages_per_second, most, time.monotonic())

    def read_pump(self) -> str:
        """Serves the browser until the connection ends, for whatever reason; returns the reason."""
        self._hub.put(Register(self))
        end = "server error"
        try:
            self._serve_until_end()
        except Closed as closed:
            end = str(closed)
            if closed.code is not None:
                self.close(closed.code, end)
                self._discard_until_end()
        except Exception:
            LOG.exception("serving a browser failed")
            self.close(CloseCode.SERVER_ERROR, REASONS[CloseCode.SERVER_ERROR])
            self._discard_until_end()
        finally:
            self._hub.put(Unregister(self))
            self.release()
        return self.reason or end

    def _serve_until_end(self) -> None:
        """Returns by raising Closed."""
        message = MessageReader()
        served = 0
        next_ping = time.monotonic() + self._limits.ping_period
        while True:
            due = min(next_ping, self._socket.last_heard + self.pong_wait, self._expiry())
            if not self._socket.wait_readable(due - time.monotonic()):
                next_ping = self._keep_alive(next_ping)
                continue
            for event in self._socket.read():
                self._handle(event, message)
                served += 1
                if served % TURN == 0:
                    time.sleep(TURN_PAUSE)

    def _expiry(self) -> float:
        """When the token ends, on the monotonic clock."""
        return time.monotonic() + self.identity.expires_at - time.time()

    def _keep_alive(self, next_ping: float) -> float:
        """Ends what is over, pings when it is time, and returns when the next ping is due."""
        now = time.monotonic()
        if self._expiry() <= now:
            raise _closed(CloseCode.TOKEN_EXPIRED)
        if now - self._socket.last_heard >= self.pong_wait:
            raise _closed(CloseCode.PONG_MISSING)
        if now < next_ping:
            return next_ping
        self.push(frames.frame(frames.PING, b""))
        return now + self._limits.ping_period

    def _handle(self, event: events.Event, message: MessageReader) -> None:
        if time.time() >= self.identity.expires_at:
            raise _closed(CloseCode.TOKEN_EXPIRED)
        self._check_pace()
        match event:
            case events.TextMessage():
                text = message.add(event)
                if text is not None:
                    self._answer(text)
            case events.BytesMessage():
                raise _closed(CloseCode.UNSUPPORTED)
            case events.Ping():
                self.push(frames.frame(frames.PONG, bytes(event.payload)))
            case events.CloseConnection():  # the browser's own, or wsproto's word for bad frames
                code = CloseCode.NORMAL if event.code == 1005 else event.code
                self.has_left = code not in BAD_FRAMES and self.reason is None
                raise Closed(code, event.reason or "browser left")

    def _check_pace(self, share: float = 0.0) -> None:
        if not self._pace.allows(time.monotonic(), share):
            raise _closed(CloseCode.TOO_MANY_MESSAGES)

    def _answer(self, text: str) -> None:
        """Serves one request. A bad one is answered, not cut off."""
        action: Action | None = None
        try:
            action = parse_action(text)
            self._check_scope(NEEDED_SCOPE[type(action)])
            self._check_limit(action)
            match action:
                case WatchJob(job_id, more):
                    self._subscribe(job_id, more)
                case LeaveJob(job_id):
                    self._watched.discard(job_id)
                    self._hub.put(Unsubscribe(self, topic_named(self.identity.tenant_id, job_id)))
                case WatchAll():
                    self._check_pace(ALL_JOBS_SHARE)
                    self._watches_all = True
                    self._hub.put(WatchTenant(self, self.identity.tenant_id))
                case LeaveAll():
                    self._watches_all = False
                    self._hub.put(LeaveTenant(self, self.identity.tenant_id))
                case Authenticate(token):
                    self._renew(token)
        except BadAction as error:
            about = action.job_id if isinstance(action, WatchJob) else None
            self.push(frames.error_frame(error.code, str(error), about))

    def _check_scope(self, scope: str | None) -> None:
        if scope is not None and scope not in self.identity.scopes:
            raise BadAction("forbidden", f"the token's scope does not hold {scope}")

    def _check_limit(self, action: Action) -> None:
        """What a token limited to a job may watch: that job, and not all of them."""
        limit = self.identity.limit
        if limit is None:
            return
        match action:
            case WatchJob(job_id) if job_id == limit.job_id:
                return
            case LeaveJob() | LeaveAll() | Authenticate():
                return
        raise BadAction("forbidden", f"the token is limited to {limit}, and may not ask this")

    def _subscribe(self, job_id: int, more: bool) -> None:
        most = self._limits.subscriptions
        if len(self._watched) >= most and job_id not in self._watched:
            raise BadAction(
                "too_many_subscriptions",
                f"this connection watches {most} jobs already; unsubscribe from some",
            )
        self._watched.add(job_id)
        topic = topic_named(self.identity.tenant_id, job_id)
        self._hub.put(Subscribe(self, topic, more, self.identity.only_run))

    def _renew(self, token: str) -> None:
        """A new token for the same tenant, limited to the same: the connection lives as long as it does."""
        try:
            identity = self._verifier.verify(token)
        except TokenRefused as error:
            raise BadAction("bad_token", str(error)) from None
        if identity.tenant_id != self.identity.tenant_id:
            raise BadAction("bad_token", "the token is for another tenant than this connection")
        if identity.limit != self.identity.limit:
            raise BadAction(
                "bad_token",
                f"the token is limited to {_words(identity.limit)}, and this connection to {_words(self.identity.limit)}",
            )
        if (self._watched or self._watches_all) and "jobs:read" not in identity.scopes:
            raise BadAction("bad_token", "the token's scope does not hold jobs:read")
        self.identity = identity

    def _discard_until_end(self) -> None:
        """Reads on until the browser ends too: a socket closed with unread bytes resets, and a
        reset may overtake our close frame."""
        deadline = time.monotonic() + CLOSE_WAIT
        while self._socket.wait_readable(deadline - time.monotonic()):
            if not self._socket.discard() or time.monotonic() >= deadline:
                return
            time.sleep(DISCARD_PAUSE)


def _words(limit: Limit | None) -> str:
    return "nothing" if limit is None else str(limit)


def _closed(code: CloseCode) -> Closed:
    return Closed(code, REASONS[code])
