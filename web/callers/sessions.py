"""Sessions: what a browser keeps, in a cookie, in place of the token that it was given.

A session is a text that this server signs, and keeps nowhere: each web server with the same secret reads it. It holds
who its token spoke for, and never more than that. It slides on while it is used, up to an end that does not move.
"""

import hashlib
import hmac
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import jwt

from settings.shared import SCOPES
from web.callers.limits import limit_of
from web.callers.tokens import UNREADABLE, Claims, Identity, TokenRefused, TokenVerifier

DAY = 86_400  # seconds
TICKET_LIFE = 60  # seconds in which a page hands a ticket to its WebSocket
SESSION, TICKET = (
    "session+jwt",
    "ticket+jwt",
)  # `typ`: neither is taken for the other, nor for a token
MAX_SESSION = 4_096  # characters, as many as a browser keeps in a cookie
ENDED = "the session has ended; sign in again"


@dataclass(frozen=True, slots=True)
class Session:
    """A browser that is signed in. Times are in seconds since 1970; `identity.expires_at` is when it ends unless it is used."""

    identity: Identity
    session_id: str
    renewed_at: float
    ends_at: float  # whatever happens


class Sessions:
    """Begins, reads and renews sessions. Safe for any thread."""

    def __init__(
        self, own_secrets: Sequence[str], verifier: TokenVerifier, *, days: float, most_days: float
    ) -> None:
        """`own_secrets`: the current one first; `days`: without a request, 0 for no sessions at all; `most_days`: since the sign-in."""
        self._keys = tuple(_derived(secret) for secret in own_secrets)
        self._verifier = verifier
        self._life = days * DAY
        self._most = most_days * DAY

    @property
    def are_on(self) -> bool:
        return self._life > 0

    @property
    def marks(self) -> tuple[str, ...]:
        """What tells the cookies of this installation from those of others on the same host, the current one first."""
        return tuple(
            hmac.new(key, b"name of the cookie", hashlib.sha256).hexdigest()[:8]
            for key in self._keys
        )

    def begin(self, identity: Identity) -> Session:
        """A session of a good token: it ends with the token, or after the days that its signer allows."""
        now = time.time()
        lent = now + min(identity.session_days * DAY, self._most)
        ends_at = max(min(identity.expires_at, now + self._most), lent)
        session = Session(identity, secrets.token_hex(8), now, ends_at)
        return self._slid(session, now)

    def renewed(self, session: Session) -> Session | None:
        """The session as it is from now on; None while less than half of its time has passed, or nothing would be gained."""
        now = time.time()
        expires_at = session.identity.expires_at
        is_young = now < (session.renewed_at + expires_at) / 2
        return None if is_young or expires_at >= session.ends_at else self._slid(session, now)

    def _slid(self, session: Session, now: float) -> Session:
        expires_at = min(now + self._life, session.ends_at)
        identity = replace(session.identity, expires_at=expires_at)
        return replace(session, identity=identity, renewed_at=now)

    def written(self, session: Session) -> str:
        """What stands in the cookie."""
        claims = {
            "sid": session.session_id,
            "iat": session.renewed_at,
            "end": session.ends_at,
            "exp": session.identity.expires_at,
        }
        return self._signed({**claims, **_told(session.identity)}, SESSION)

    def read(self, text: str) -> Session:
        """The session of a cookie. Raises TokenRefused."""
        if not self.are_on:
            raise TokenRefused("sessions are off here (SESSION_DAYS); send a token")
        claims = self._claims(text, SESSION)
        try:
            ends_at = float(claims["end"])  # type: ignore[arg-type]
            expires_at = min(float(claims["exp"]), ends_at)  # type: ignore[arg-type]
            identity = self._identity(claims, expires_at)
            session = Session(identity, str(claims["sid"]), float(claims["iat"]), ends_at)  # type: ignore[arg-type]
        except (KeyError, TypeError, ValueError):
            raise TokenRefused(ENDED) from None
        if not time.time() < expires_at:
            raise TokenRefused(ENDED)
        return session

    def ticket(self, identity: Identity) -> str:
        """What the page of a session sends over its WebSocket, which then lives as long as the session: a script does not see the cookie."""
        claims = {"exp": time.time() + TICKET_LIFE, "until": identity.expires_at}
        return self._signed({**claims, **_told(identity)}, TICKET)

    def taken(self, ticket: str) -> Identity | None:
        """Whom a ticket speaks for; None where it is none of ours, or too old."""
        try:
            claims = self._claims(ticket, TICKET)
            if time.time() >= float(claims["exp"]):  # type: ignore[arg-type]
                return None
            return self._identity(claims, float(claims["until"]))  # type: ignore[arg-type]
        except (TokenRefused, KeyError, TypeError, ValueError):
            return None

    def _identity(self, claims: Claims, expires_at: float) -> Identity:
        """Raises TokenRefused where its key or tenant counts no more."""
        signer, tenant_id = str(claims["key"]), str(claims["tenant"])
        is_known = signer == "" or self._verifier.trusts(signer)
        if not is_known or not self._verifier.serves(tenant_id):
            raise TokenRefused(ENDED)
        named: list[str] = str(claims["scope"]).split()
        return Identity(
            tenant_id,
            SCOPES.intersection(named),
            expires_at,
            str(claims["sub"]),
            signer,
            limit=limit_of(claims),
        )

    def _signed(self, claims: Claims, kind: str) -> str:
        return jwt.encode(claims, self._keys[0], algorithm="HS256", headers={"typ": kind})

    def _claims(self, text: str, kind: str) -> Claims:
        """What one of our secrets has signed for this use. Raises TokenRefused."""
        if len(text) > MAX_SESSION:
            raise TokenRefused(ENDED)
        unchecked = {f"verify_{claim}": False for claim in ("exp", "nbf", "iat", "aud", "sub")}
        for key in self._keys:
            try:
                if jwt.get_unverified_header(text).get("typ") != kind:
                    break
                claims: Claims = jwt.decode(text, key, algorithms=["HS256"], options=unchecked)  # type: ignore[arg-type]
            except UNREADABLE:
                continue
            return claims
        raise TokenRefused(ENDED)


def _told(identity: Identity) -> Claims:
    return {
        "tenant": identity.tenant_id,
        "scope": " ".join(sorted(identity.scopes)),
        "sub": identity.subject,
        "key": identity.signer,
        **(identity.limit.claims if identity.limit else {}),
    }


def _derived(secret: str) -> bytes:
    """A key of its own: what is signed with it is no token, and no token is a session."""
    return hmac.new(secret.encode(), b"sessions of browsers", hashlib.sha256).digest()
