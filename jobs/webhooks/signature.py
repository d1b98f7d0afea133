"""Signs deliveries as https://www.standardwebhooks.com describes: HMAC-SHA256 over id, time and body. Pure."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable

PREFIX = "whsec_"
SECRET_BYTES = 32  # as many as SHA-256's hash
VERSION = "v1"


def new_secret() -> str:
    """A secret for one webhook, as receivers' libraries take it."""
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def signature(secret: str, delivery_id: str, timestamp: int, body: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(PREFIX))
    signed = f"{delivery_id}.{timestamp}.".encode() + body
    made = hmac.new(key, signed, hashlib.sha256).digest()
    return f"{VERSION},{base64.b64encode(made).decode()}"


def headers(keys: Iterable[str], delivery_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """What a receiver checks the body with: a signature for each secret that counts now."""
    signed = (signature(key, delivery_id, timestamp, body) for key in keys)
    return {
        "webhook-id": delivery_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signed),
    }
