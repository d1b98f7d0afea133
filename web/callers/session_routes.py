"""/api/session: a browser signs in with a token, asks who it is, and signs out."""

import logging
import time
from typing import Any

from flask import Flask, Response, g, jsonify, request
from werkzeug.exceptions import Conflict, NotFound

from logs.context import note
from web.callers.callers import Caller, Callers, Kind, bearer_token
from web.callers.sessions import Session, Sessions
from web.callers.tokens import Identity

LOG = logging.getLogger(__name__)

PATH = "/api/session"


def install(app: Flask, callers: Callers, sessions: Sessions, sign_out: str | None) -> None:
    """Adds the routes, and renews the cookie of whoever comes with one. `sign_out`: where a proxy signs its users out."""
    routes = _SessionRoutes(callers, sessions, sign_out)
    for method, handler in (
        ("POST", routes.sign_in),
        ("GET", routes.tell_session),
        ("DELETE", routes.sign_out),
    ):
        app.add_url_rule(PATH, handler.__name__, handler, methods=[method])
    app.after_request(routes.renew)


class _SessionRoutes:
    def __init__(self, callers: Callers, sessions: Sessions, sign_out: str | None) -> None:
        self._callers = callers
        self._sessions = sessions
        self._sign_out = sign_out

    def sign_in(self) -> Response:
        """Turns the request's bearer token into a session. A session of somebody else stays as it is: a link does not sign people over."""
        self._callers.check_origin(request)
        if not self._sessions.are_on:
            raise NotFound("sessions are off here (SESSION_DAYS); go on with the token")
        caller = self._callers.of_token(bearer_token(request) or "")
        present = self._callers.signed_in(request)
        if present is not None and not _are_same(present, caller):
            raise Conflict(
                f"this browser is signed in as {present.identity.subject or 'somebody'!r:.100} of the tenant "
                f"{present.identity.tenant_id}, with other rights; sign out first, or go on with the token"
            )
        session = self._sessions.begin(caller.identity)
        _log("signed in", caller)
        answer = Response(status=204)
        self._put(answer, session)
        return answer

    def tell_session(self) -> Response:
        caller = self._callers.of_request(request)
        note_caller(caller)
        return jsonify(self._document(caller))

    def sign_out(self) -> Response:
        """Takes the cookie back. Another copy of it counts until its end: no server keeps sessions."""
        self._callers.check_origin(request)
        answer = Response(status=204)
        self._callers.cookie.drop(answer, request)
        if (caller := self._callers.signed_in(request)) is not None:
            _log("signed out", caller)
        return answer

    def renew(self, response: Response) -> Response:
        """(after each request) Writes the session anew, once half of its time has passed."""
        session = g.pop("renewed_session", None)
        if session is not None and response.status_code < 400:
            self._put(response, session)
        return response

    def _put(self, response: Response, session: Session) -> None:
        text = self._sessions.written(session)
        seconds = session.identity.expires_at - time.time()
        self._callers.cookie.put(response, request, text, seconds)

    def _document(self, caller: Caller) -> dict[str, Any]:
        identity = caller.identity
        return {
            "kind": caller.kind.value,
            "tenantId": identity.tenant_id,
            "subject": identity.subject,
            "scopes": sorted(identity.scopes),
            "jobId": None if identity.limit is None else identity.limit.job_id,
            "runId": identity.only_run,
            "expiresAt": identity.expires_at,
            "endsAt": caller.ends_at,
            "ticket": None if caller.kind is Kind.BEARER else self._sessions.ticket(identity),
            "signOut": self._sign_out if caller.kind is Kind.PROXY else None,
        }


def note_caller(caller: Caller) -> None:
    """Has the answer renew the cookie, and each line of the log name the tenant."""
    note(tenant=caller.identity.tenant_id)
    if caller.renewed is not None:
        g.renewed_session = caller.renewed


def _are_same(one: Caller, other: Caller) -> bool:
    return _rights(one.identity) == _rights(other.identity)


def _rights(identity: Identity) -> tuple[object, ...]:
    return identity.tenant_id, identity.subject, identity.scopes, identity.limit


def _log(what: str, caller: Caller) -> None:
    identity = caller.identity
    LOG.info("%s tenant=%s sub=%s by %s", what, identity.tenant_id, identity.subject, caller.kind)
