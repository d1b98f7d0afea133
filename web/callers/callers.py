"""Who is asking: a bearer token, the cookie of a session, or a user whom a known proxy names.

A browser sends the last two by itself, whoever made it ask. So they count only where the request comes from a page of
this server: a page of another origin, even one on the same host at another port, is refused (CSRF).
"""

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from flask import Request
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Forbidden, Unauthorized, UnsupportedMediaType

from settings.addresses import Network, is_one_of
from web.callers.cookies import SessionCookie
from web.callers.sessions import Session, Sessions
from web.callers.tokens import (
    MAX_SUBJECT,
    Identity,
    TokenRefused,
    TokenVerifier,
    WrongTenant,
    printable,
)
from web.origins import Origins

# Seconds; a WebSocket of a proxy's user ends unless the page asks again through the proxy
PROXY_LIFE = 900
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
# What a form of any page can send without asking (fetch.spec.whatwg.org, CORS-safelisted)
FORMS = frozenset({"application/x-www-form-urlencoded", "multipart/form-data", "text/plain"})


class Kind(StrEnum):
    """How the caller proves who it is."""

    BEARER = "bearer"
    SESSION = "session"
    PROXY = "proxy"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. `mark` is what connections are counted by; `renewed` is to go into the cookie."""

    kind: Kind
    identity: Identity
    mark: bytes
    ends_at: float | None  # seconds since 1970; None: only the proxy knows
    session: Session | None = None
    renewed: Session | None = None


@dataclass(frozen=True, slots=True)
class TrustedUsers:
    """Users whom a proxy signs in and names in a header."""

    header: str
    proxies: Sequence[Network]
    tenant_id: str
    scopes: frozenset[str]

    def named(self, request: Request) -> str | None:
        """The user's name; None where no known proxy names one. A header that another peer sends is not looked at."""
        if not is_one_of(request.remote_addr or "", self.proxies):
            return None
        name = _as_text(request.headers.get(self.header, "").strip())
        if not name:
            return None
        if "," in name or len(name) > MAX_SUBJECT or name != printable(name):
            raise Unauthorized(f"{self.header} does not name one user")
        return name


class Callers:
    """Tells who sends a request. Safe for any thread."""

    def __init__(
        self,
        verifier: TokenVerifier,
        sessions: Sessions,
        origins: Origins,
        users: TrustedUsers | None = None,
    ) -> None:
        self._verifier = verifier
        self._sessions = sessions
        self._origins = origins
        self._users = users
        self.cookie = SessionCookie(sessions.marks)

    def of_request(self, request: Request) -> Caller:
        """Raises Unauthorized or Forbidden.

        A bearer token wins over a cookie, also one that is not good: who sends it means it.
        """
        if (token := bearer_token(request)) is not None:
            return self.of_token(token)
        caller = self._by_itself(request)
        if caller is None:
            return self.of_token("")
        self._check_page(request)
        return caller

    def of_socket(self, request: Request, token: str) -> Caller:
        """The same of a WebSocket's handshake: the answer sets no cookie, and the Origin must be there."""
        if token:
            return self.of_token(token)
        caller = self._by_itself(request, slides=False)
        if caller is None:
            return self.of_token("")
        if not self._is_own(request):
            raise Forbidden(_foreign("a WebSocket", request))
        return caller

    def signed_in(self, request: Request) -> Caller | None:
        """Whoever is signed in, by cookie or proxy, whatever token is there."""
        try:
            return self._by_itself(request, slides=False)
        except (Unauthorized, Forbidden):
            return None

    def verify(self, token: str) -> Identity:
        """Whom the token of an open WebSocket's `auth` speaks for: also a ticket of a session. Raises TokenRefused."""
        return self._sessions.taken(token) or self._verifier.verify(token)

    def check_origin(self, request: Request) -> None:
        """Raises Forbidden for a request that a browser says is of another page; who says nothing is no browser."""
        site, origin = _site(request), request.headers.get("Origin")
        is_foreign = (
            site != "same-origin" if site else origin is not None and not self._is_own(request)
        )
        if is_foreign:
            raise Forbidden(_foreign("this", request))

    def of_token(self, token: str) -> Caller:
        identity = identify(self._verifier, token)
        return Caller(Kind.BEARER, identity, _mark(token), identity.expires_at)

    def _by_itself(self, request: Request, *, slides: bool = True) -> Caller | None:
        """Whom the browser itself tells of. Raises Unauthorized for a session that has ended."""
        name = self._users.named(request) if self._users is not None else None
        if name is not None:
            return self._user(name)
        why: TokenRefused | None = None
        for text in self.cookie.found(request):
            try:
                return self._of_session(self._sessions.read(text), slides=slides)
            except TokenRefused as error:
                why = error
        if why is not None:
            raise _unauthorized(why)
        return None

    def _user(self, name: str) -> Caller:
        assert self._users is not None
        users, until = self._users, time.time() + PROXY_LIFE
        identity = Identity(users.tenant_id, users.scopes, until, name)
        return Caller(Kind.PROXY, identity, _hash(f"user {name}"), None)

    def _of_session(self, session: Session, *, slides: bool) -> Caller:
        renewed = self._sessions.renewed(session) if slides else None
        identity = (renewed or session).identity
        mark = _hash(f"session {session.session_id}")
        return Caller(Kind.SESSION, identity, mark, session.ends_at, session, renewed)

    def _check_page(self, request: Request) -> None:
        """Raises Forbidden unless a page of this server asks; a form can send none of what it may change."""
        site, origin = _site(request), request.headers.get("Origin")
        if request.method in SAFE:
            is_ours = site in ("same-origin", "none", "") and (
                origin is None or self._is_own(request)
            )
        elif site:
            is_ours = site == "same-origin"
        else:
            is_ours = self._is_own(request)
        if not is_ours:
            raise Forbidden(_foreign("this", request))
        if request.method not in SAFE and request.mimetype in FORMS:
            raise UnsupportedMediaType(
                f"a session changes nothing by {request.mimetype}, which a form of any page can send"
            )

    def _is_own(self, request: Request) -> bool:
        origin = request.headers.get("Origin", "")
        if request.is_secure and not origin.lower().startswith("https:"):
            return False
        return self._origins.is_own(origin, request.host) and _site(request) in ("", "same-origin")


def bearer_token(request: Request) -> str | None:
    """The token of the Authorization header; None where it is no Bearer's, as behind a proxy that asks for a password."""
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else None


def identify(verifier: TokenVerifier, token: str) -> Identity:
    """Whom a request's token speaks for. Raises Unauthorized or Forbidden."""
    try:
        return verifier.verify(token)
    except WrongTenant as error:
        raise Forbidden(str(error)) from None
    except TokenRefused as error:
        raise _unauthorized(error) from None


def _unauthorized(error: TokenRefused) -> Unauthorized:
    return Unauthorized(str(error), www_authenticate=WWWAuthenticate("bearer"))


def _as_text(header: str) -> str:
    """Proxies write names in UTF-8, which WSGI hands on a byte a character."""
    try:
        return header.encode("latin-1").decode()
    except UnicodeError:
        return header


def _site(request: Request) -> str:
    """Where the page is that asks, in the browser's own word, which no page can write; "" of older browsers, and on plain HTTP."""
    return request.headers.get("Sec-Fetch-Site", "").lower()


def _foreign(what: str, request: Request) -> str:
    origin = request.headers.get("Origin")
    page = "a page that has no Origin" if origin is None else f"a page of {origin!r:.100}"
    return (
        f"a session opens {what} to pages of this server alone, at {request.host!r:.100}, and {page} asks; "
        "send a bearer token, or let the proxy tell its host (X-Forwarded-Host)"
    )


def _mark(token: str) -> bytes:
    """A hash of what a token says, without its signature, of which base64 has several spellings."""
    return _hash(token.rpartition(".")[0])


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
