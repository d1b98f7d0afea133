"""JSON Web Tokens: signature and claims, checked against what PyJWT would let through by default."""

import hashlib
import hmac
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jwt

from progress_lib.subjects import EVERY_TENANT, check_id
from settings.defaults import Expected
from settings.keys import TrustedKey
from settings.shared import MAX_TOKEN, SCOPES
from web.callers.limits import Limit, limit_of

LEEWAY = 10  # seconds two machines' clocks may differ
MAX_KNOWN = 10_000  # good tokens that need no second check before they expire
MAX_LIFE = 400 * 24 * 3600  # seconds; a token that outlives this was made by mistake
MAX_SUBJECT = 200  # characters of `sub` that are kept
MAX_DATE = 10**12  # seconds since 1970; an integer beyond what a float holds has no time
TYPES = frozenset({"jwt", "at+jwt"})  # what `typ` may say (RFC 9068)


UNREADABLE = (
    jwt.PyJWTError,
    ValueError,
    TypeError,
    RecursionError,
    ArithmeticError,
    LookupError,
    AttributeError,
)  # what PyJWT lets out of a token that somebody made to break it

Claims = dict[str, object]


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
    signer: str = ""  # names the key that signed the token
    session_days: float = 0.0  # a session of it may live so long; 0: no longer than the token
    limit: Limit | None = None  # None: all jobs of the tenant

    @property
    def only_run(self) -> str | None:
        """The one run that it lets in to; None: any of its jobs'."""
        return None if self.limit is None else self.limit.run_id


class TokenVerifier:
    """Checks tokens with pinned keys, of which more than one counts while keys are changed.

    Safe for any thread.
    """

    def __init__(
        self,
        tenant_id: str,
        keys: Sequence[TrustedKey],
        expected: Expected,
    ) -> None:
        assert keys, "a verifier without a key would let nobody in"
        self._tenant_id = tenant_id
        self._keys = tuple(keys)
        self._signers = {id(key): signer_of(key) for key in self._keys}
        self._expected = expected
        # good tokens, by their hashes: a page that comes back has the same
        self._known: dict[bytes, Identity] = {}

    def verify(self, token: str) -> Identity:
        """Raises TokenRefused."""
        if not token:
            raise TokenRefused(
                "no token: send 'Authorization: Bearer <token>'; for a WebSocket ?token=<token> does, too"
            )
        mark = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
        known = self._known.get(mark)
        if known is not None and time.time() < known.expires_at:
            return known
        identity = self._identity(*self._claims(token))
        if len(self._known) >= MAX_KNOWN:  # any will do: it costs one more check
            self._known.clear()
        self._known[mark] = identity
        return identity

    def trusts(self, signer: str) -> bool:
        """Whether the key that signed a token still counts."""
        return signer in self._signers.values()

    def serves(self, tenant_id: str) -> bool:
        return self._tenant_id in (EVERY_TENANT, tenant_id)

    def _identity(self, claims: Claims, signer: str) -> Identity:
        expires_at = _lifetime(claims)
        _check_audience(claims.get("aud"), self._expected.audiences)
        _check_issuer(claims.get("iss"), self._expected.issuer)
        return Identity(
            tenant_id=self._tenant(claims.get("tenant_id")),
            scopes=_scopes(claims, self._expected.default_scopes),
            expires_at=expires_at,
            subject=_subject(claims.get("sub")),
            signer=signer,
            session_days=_session_days(claims.get("session_days")),
            limit=_limit(claims),
        )

    def _claims(self, token: str) -> tuple[Claims, str]:
        """What one of the trusted keys has signed, and the key's name."""
        if len(token) > MAX_TOKEN:
            raise TokenRefused(f"the token is longer than {MAX_TOKEN:,} characters")
        for key in self._candidates(token):
            try:
                return _decoded(token, key), self._signers[id(key)]
            except jwt.InvalidSignatureError:
                continue  # another key may have signed it
            except UNREADABLE:
                break
        raise TokenRefused("the token's signature or form is not valid here")

    def _candidates(self, token: str) -> list[TrustedKey]:
        """The trusted keys that may have signed it. Its kid only picks among them. Raises TokenRefused where none may."""
        try:
            header = jwt.get_unverified_header(token)
        except UNREADABLE:
            return []
        _check_type(header.get("typ"))
        algorithm, key_id = header.get("alg"), header.get("kid")
        fitting = [key for key in self._keys if key.algorithm == algorithm]
        if not fitting:
            known = " or ".join(sorted({key.algorithm for key in self._keys}))
            raise TokenRefused(f"the token's alg is not {known}, for which this server has a key")
        named = [key for key in fitting if key_id is None or key.key_id in (None, key_id)]
        if not named:
            raise TokenRefused("the token's kid is that of no key of this server")
        return named

    def _tenant(self, claimed: object) -> str:
        if claimed is None:
            if self._tenant_id == EVERY_TENANT:
                raise TokenRefused("the token has no tenant_id claim")
            return self._tenant_id
        try:
            tenant_id = check_id(claimed)
        except ValueError:
            raise TokenRefused("the token's tenant_id is not of the form [A-Za-z0-9_-]") from None
        if not self.serves(tenant_id):
            raise WrongTenant(
                f"the token is for tenant {tenant_id}; this server serves {self._tenant_id}"
            )
        return tenant_id


def _decoded(token: str, key: TrustedKey) -> Claims:
    """The claims, of which PyJWT has checked nothing but the signature: some numbers break its checks."""
    unchecked = ("exp", "nbf", "iat", "aud", "iss", "sub", "jti")
    claims: Claims = jwt.decode(
        token,
        key.key,
        algorithms=[key.algorithm],
        options={f"verify_{claim}": False for claim in unchecked},  # type: ignore[arg-type]
    )
    return claims


def signer_of(key: TrustedKey) -> str:
    """A name of the key that tells nothing of it."""
    found = key.key
    material = found.encode() if isinstance(found, str) else _public_bytes(found)
    return hmac.new(material, b"signer of tokens", hashlib.sha256).hexdigest()[:16]


def _public_bytes(key: Any) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    told: bytes = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return told


def _check_type(kind: object) -> None:
    """Refuses a token that says of itself that it is for something else (RFC 8725, 3.11)."""
    if kind is None:
        return
    if not isinstance(kind, str) or kind.lower().removeprefix("application/") not in TYPES:
        raise TokenRefused("the token's typ is neither JWT nor at+jwt: it is for something else")


def _lifetime(claims: Claims) -> float:
    """When it ends, leeway included; refuses one that has ended, or has not begun."""
    now = time.time()
    exp = _date(claims, "exp")
    if exp is None:
        raise TokenRefused("the token has no exp claim")
    if exp <= now - LEEWAY:
        raise TokenRefused("the token has expired; make a new one with scripts/token")
    if exp > now + MAX_LIFE:
        raise TokenRefused(f"the token lives longer than {MAX_LIFE // 86400} days")
    for name in ("nbf", "iat"):
        begin = _date(claims, name)
        if begin is not None and begin > now + LEEWAY:
            raise TokenRefused(f"the token's {name} is in the future")
    return exp + LEEWAY


def _date(claims: Claims, name: str) -> float | None:
    """Seconds since 1970; compared before it is anything else, since an integer may have 400 digits."""
    found = claims.get(name)
    if found is None:
        return None
    if isinstance(found, bool) or not isinstance(found, (int, float)):
        raise TokenRefused(f"the token's {name} is not a number")
    if not -MAX_DATE < found < MAX_DATE:  # nor is NaN
        raise TokenRefused(f"the token's {name} is no time")
    return float(found)


def _check_audience(aud: object, audiences: frozenset[str]) -> None:
    """`aud` is a text, or a list of them."""
    named = [aud] if isinstance(aud, str) else aud
    if named is not None and not _are_texts(named):
        raise TokenRefused("the token's aud is neither a string nor a list of strings")
    if audiences and audiences.isdisjoint(named or ()):  # type: ignore[arg-type]
        raise TokenRefused("the token is not for this server: its aud is not in JWT_AUDIENCE")


def _check_issuer(iss: object, issuer: str | None) -> None:
    if issuer is not None and (not isinstance(iss, str) or iss != issuer):
        raise TokenRefused("the token is of another issuer: its iss is not JWT_ISSUER")


def _subject(sub: object) -> str:
    """For the log. RFC 7519 wants a text; identity providers write numbers, too."""
    if sub is None:
        return ""
    if isinstance(sub, bool) or not isinstance(sub, (str, int)):
        raise TokenRefused("the token's sub is not a string")
    try:
        return printable(str(sub)[:MAX_SUBJECT])
    except ValueError:  # Python writes no integer of more than 4,300 digits
        raise TokenRefused("the token's sub is not a string") from None


def _session_days(found: object) -> float:
    """How long a session of the token may live, by its signer's word."""
    if found is None:
        return 0.0
    if isinstance(found, bool) or not isinstance(found, (int, float)) or not 0 <= found <= MAX_DATE:
        raise TokenRefused("the token's session_days is not a number of days")
    return min(float(found), MAX_LIFE / 86400)


def _limit(claims: Claims) -> Limit | None:
    try:
        return limit_of(claims)
    except ValueError as error:
        raise TokenRefused(f"the token's {error}") from None


def printable(text: str) -> str:
    """On one line: the name is logged, and must not write a line of its own."""
    return "".join(sign if sign.isprintable() else "?" for sign in text)


def _scopes(claims: Claims, default: frozenset[str]) -> frozenset[str]:
    """Those that `scope` names, or where there is none `scp` (Entra ID, Okta); without both the default."""
    name = "scp" if claims.get("scope") is None else "scope"
    found = claims.get(name)
    if found is None:
        return default
    named = found.split() if isinstance(found, str) else found
    if not _are_texts(named):
        raise TokenRefused(f"the token's {name} is neither a string nor a list of strings")
    return SCOPES.intersection(named)  # type: ignore[arg-type]


def _are_texts(found: object) -> bool:
    return isinstance(found, list) and all(isinstance(item, str) for item in found)


def mint(
    key: str,
    *,
    tenant_id: str | None,
    hours: float,
    scope: str | None,
    subject: str,
    expected: Expected | None = None,
    session_days: int | None = None,
    limit: Limit | None = None,
) -> str:
    """A new HS256 token, for scripts and tests, that says what is expected of it."""
    now = int(time.time())
    claims: Claims = {
        "sub": subject,
        "iat": now,
        "exp": now + int(hours * 3600),
        "tenant_id": tenant_id,
        "scope": scope,
        "session_days": session_days,
        "aud": min(expected.audiences, default=None) if expected else None,
        "iss": expected.issuer if expected else None,
        **(limit.claims if limit else {}),
    }
    said = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(said, key, algorithm="HS256")
