"""The keys that tokens are checked with: which of them are safe. Pure."""

from dataclasses import dataclass
from typing import Any

MIN_SECRET_BYTES = 32  # as many as HS256's hash; a shorter secret is easier to guess

_OF_PUBLIC_KEYS = ("-----BEGIN", "{", "ssh-", "ecdsa-")  # PEM, JWK, OpenSSH


@dataclass(frozen=True, slots=True)
class TrustedKey:
    """A key and the only algorithm it may be used with. `key_id` is None when it has no name."""

    algorithm: str  # HS256 | RS256 | ES256
    key: Any
    key_id: str | None = None


def secret_keys(*secrets: str | None) -> tuple[TrustedKey, ...]:
    """HS256 keys, the current one first. Raises ValueError for a secret that can be guessed."""
    return tuple(TrustedKey("HS256", check_secret(secret)) for secret in secrets if secret)


def check_secret(secret: str) -> str:
    """The secret itself. Raises ValueError when it can be guessed, or may be known to everybody."""
    if secret.startswith(_OF_PUBLIC_KEYS):
        raise ValueError("is the text of a key, not a secret; JWT_PUBLIC_KEY takes public keys")
    size = len(secret.encode())
    if size < MIN_SECRET_BYTES:
        raise ValueError(f"{size} bytes are too short; use {MIN_SECRET_BYTES} random bytes or more")
    return secret
