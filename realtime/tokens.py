"""Who is asking: JSON Web Tokens, checked against what PyJWT would let through by default."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

import jwt

from progress_lib.subjects import EVERY_TENANT, check_id
from realtime.keys import TrustedKey

LEEWAY = 10  # seconds two machines' clocks may differ
MAX_KNOWN = 10_000  # good tokens that need no second check before they expire
MAX_LIFE = 400 * 24 * 3600  # seconds; a token that outlives this was made by mistake
SCOPES = frozenset({"jobs:read", "jobs:write", "jobs:execute"})


class TokenRefused(Exception):
    """The token does not let its bearer in; the text says why and holds nothing of the token."""


class WrongTenant(TokenRefused):
    """A good token, for a tenant that this server does not serve."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom a token speaks for; `expires_at` in seconds since 1970, leeway included."""

    tenant_id: str
    scopes: frozenset[str]
    expires_at: float
    subject: str


class TokenVerifier:
    """Checks tokens with pinned keys, of which more than one counts while keys are changed.

    Safe for any thread.
    """

    def __init__(self, tenant_id: str, keys: Sequence[TrustedKey]) -> None:
        assert keys, "a verifier without a key would let nobody in"
        self._tenant_id = tenant_id
        self._keys = tuple(keys)
        self._known: dict[str, Identity] = {}  # good tokens: a page that comes back has the same

    def verify(self, token: str) -> Identity:
        """Raises TokenRefused."""
        if not token:
            raise TokenRefused("no token: send 'Authorization: Bearer <token>' or ?token=<token>")
        known = self._known.get(token)
        if known is not None and time.time() < known.expires_at:
            return known
        identity = self._identity(self._claims(token))
        if len(self._known) >= MAX_KNOWN:  # any will do: it costs one more check
            self._known.clear()
        self._known[token] = identity
        return identity

    def _identity(self, claims: dict[str, object]) -> Identity:
        expires_at = _expiry(claims.get("exp"))
        return Identity(
            tenant_id=self._tenant(claims.get("tenant_id")),
            scopes=_scopes(claims.get("scope")),
            expires_at=expires_at,
            subject=_printable(str(claims.get("sub", ""))[:200]),
        )

    def _claims(self, token: str) -> dict[str, object]:
        for key in self._candidates(token):
            try:
                return _decoded(token, key)
            except jwt.InvalidSignatureError:
                continue  # another key may have signed it
            except jwt.ExpiredSignatureError:
                raise TokenRefused(
                    "the token has expired; make a new one with scripts/token"
                ) from None
            except jwt.MissingRequiredClaimError:
                raise TokenRefused("the token has no exp claim") from None
            except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
                break
        raise TokenRefused("the token's signature or form is not valid here")

    def _candidates(self, token: str) -> list[TrustedKey]:
        """The trusted keys that may have signed it. Its kid only picks among them."""
        try:
            header = jwt.get_unverified_header(token)
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
            return []
        algorithm, key_id = header.get("alg"), header.get("kid")
        fitting = [key for key in self._keys if key.algorithm == algorithm]
        if key_id is None:
            return fitting
        return [key for key in fitting if key.key_id in (None, key_id)]

    def _tenant(self, claimed: object) -> str:
        if claimed is None:
            if self._tenant_id == EVERY_TENANT:
                raise TokenRefused("the token has no tenant_id claim")
            return self._tenant_id
        try:
            tenant_id = check_id(claimed)
        except ValueError:
            raise TokenRefused("the token's tenant_id is not of the form [A-Za-z0-9_-]") from None
        if self._tenant_id not in (EVERY_TENANT, tenant_id):
            raise WrongTenant(
                f"the token is for tenant {tenant_id}; this server serves {self._tenant_id}"
            )
        return tenant_id


def _decoded(token: str, key: TrustedKey) -> dict[str, object]:
    claims: dict[str, object] = jwt.decode(
        token,
        key.key,
        algorithms=[key.algorithm],
        leeway=LEEWAY,
        options={"require": ["exp"], "verify_aud": False},
    )
    return claims


def _printable(text: str) -> str:
    """On one line: the name is logged, and must not write a line of its own."""
    return "".join(sign if sign.isprintable() else "?" for sign in text)


def _expiry(exp: object) -> float:
    if isinstance(exp, bool) or not isinstance(exp, (int, float)) or not math.isfinite(exp):
        raise TokenRefused("the token's exp is not a number")
    if exp > time.time() + MAX_LIFE:
        raise TokenRefused(f"the token lives longer than {MAX_LIFE // 86400} days")
    return exp + LEEWAY


def _scopes(scope: object) -> frozenset[str]:
    """The scopes of a token: all when it has no scope claim, else those that it names."""
    if scope is None:
        return SCOPES
    if not isinstance(scope, str):
        raise TokenRefused("the token's scope is not a string")
    return SCOPES & frozenset(scope.split())


def mint(key: str, *, tenant_id: str | None, hours: float, scope: str | None, subject: str) -> str:
    """A new HS256 token, for scripts and tests."""
    now = int(time.time())
    claims: dict[str, object] = {"sub": subject, "iat": now, "exp": now + int(hours * 3600)}
    if tenant_id is not None:
        claims["tenant_id"] = tenant_id
    if scope is not None:
        claims["scope"] = scope
    return jwt.encode(claims, key, algorithm="HS256")
