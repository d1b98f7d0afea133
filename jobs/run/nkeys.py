"""Keys and JWTs with which we sign NATS auth-callout answers: nkeys.

An nkey is an Ed25519 key in base32: its kind, 32 bytes, a checksum. Seeds are secret and begin with S.
"""

import base64
import binascii
import json
import secrets
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from settings.secret_files import make_secret, read_secret

Claims = dict[str, Any]

ACCOUNT = 0  # kind "account": letter A, number 0 of base32
OWN_SEED = "nats_seed"  # the embedded server's file in DATA_DIR
_SEED = 18  # kind "seed": letter S
_KEY_BYTES = 32
_SEED_BYTES = 2 + _KEY_BYTES + 2  # 2 bytes hold both kinds, 2 the checksum


class KeyUnusable(ValueError):
    """A text is no account seed. The message does not contain the text."""


class Issuer:
    """Signs for one account. `public` is the public key that the server's configuration names as issuer."""

    def __init__(self, seed: str) -> None:
        """`seed`: "SA…". Raises KeyUnusable."""
        raw = _raw_seed(seed)
        self.raw_seed = raw
        self._key = Ed25519PrivateKey.from_private_bytes(raw)
        public = self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.public = _encoded(bytes([ACCOUNT << 3]) + public)

    def sign(self, claims: Claims) -> str:
        """`claims` as a JWT signed by this account."""
        head = {"typ": "JWT", "alg": "ed25519-nkey"}
        body = f"{_part(head)}.{_part({**claims, 'iss': self.public})}"
        return f"{body}.{_base64(self._key.sign(body.encode()))}"


def new_seed() -> str:
    """The seed of a new account."""
    kinds = bytes([_SEED << 3 | ACCOUNT >> 2, (ACCOUNT & 3) << 6])
    return _encoded(kinds + secrets.token_bytes(_KEY_BYTES))


def own_issuer(data_dir: Path) -> Issuer:
    """The embedded nats-server's issuer, whose seed is kept in DATA_DIR. Raises OSError, ValueError."""
    return made_issuer(data_dir / OWN_SEED)


def made_issuer(path: Path) -> Issuer:
    """The issuer whose seed is in the file, which is made when it is missing. Raises OSError, ValueError."""
    if not path.exists():
        make_secret(path, new_seed() + "\n")
    return read_issuer(path)


def read_issuer(path: Path) -> Issuer:
    """The issuer whose seed is in the file. ValueError's text says what is wrong with the file.

    That is: it is missing, readable by other users, or holds no seed.
    """
    try:
        return Issuer(read_secret(path))
    except ValueError as error:
        raise ValueError(f"{path} {error}") from None


def claims_of(token: bytes) -> Claims:
    """The claims of a JWT. The signature is not checked. Raises ValueError."""
    try:
        claims = json.loads(base64.urlsafe_b64decode(token.split(b".")[1] + b"=="))
    except (IndexError, RecursionError, binascii.Error):
        raise ValueError("not a JWT") from None
    if not isinstance(claims, dict):
        raise ValueError("a JWT without claims")
    return claims


def _raw_seed(seed: str) -> bytes:
    try:
        decoded = base64.b32decode(seed.strip() + "=" * (-len(seed.strip()) % 8))
    except binascii.Error:
        decoded = b""
    kinds = new_seed()[:2]
    if len(decoded) != _SEED_BYTES or decoded[-2:] != _checksum(decoded[:-2]):
        raise KeyUnusable("holds no nkey seed")
    if not seed.strip().startswith(kinds):
        raise KeyUnusable(
            f"holds the seed of another kind of key; an account's begins with {kinds}"
        )
    return decoded[2:-2]


def _encoded(content: bytes) -> str:
    return base64.b32encode(content + _checksum(content)).decode().rstrip("=")


def _checksum(content: bytes) -> bytes:
    return binascii.crc_hqx(content, 0).to_bytes(2, "little")


def _part(claims: Claims) -> str:
    return _base64(json.dumps(claims).encode())


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
