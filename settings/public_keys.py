"""Public keys, read from text: PEM blocks or a JWKS. Unsafe ones are refused. Pure.

Apart from keys.py: it imports PyJWT and `cryptography`, 30 ms of each start, which few installations and not all
processes need.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from jwt import PyJWKError
from jwt.algorithms import ECAlgorithm, RSAAlgorithm
from jwt.exceptions import InvalidKeyError

from settings.keys import TrustedKey

MIN_RSA_BITS = 2_048
MAX_KEYS = 32  # a token without a kid is tried with each of them

_MEMBERS = {"RSA": "n and e", "EC": "x and y of a point on its curve"}

_BEGIN, _END = "-----BEGIN PUBLIC KEY-----", "-----END PUBLIC KEY-----"


class _OfNoUse(Exception):
    """A key of a JWKS that is for another use, lacks a member, or is weak. RFC 7517, section 5: such keys are ignored."""


def public_keys(text: str, skipped: Callable[[str], None] | None = None) -> tuple[TrustedKey, ...]:
    """The keys of PEM blocks, one after the other, or of a JWKS document. Raises ValueError.

    `skipped` is called with a sentence about each key of a JWKS that is of no use beside those that are.
    """
    passed_over: list[str] = []
    text = text.removeprefix("\ufeff")  # as Windows begins files
    keys = tuple(_jwks(text, passed_over) if text.lstrip().startswith("{") else _pems(text))
    if not keys and passed_over:
        raise ValueError(f"holds no key of use here: {passed_over[0]}")
    if not keys:
        raise ValueError(f"holds no PEM public key ({_BEGIN}) and no JWKS")
    for sentence in passed_over if skipped else ():
        assert skipped is not None
        skipped(sentence)
    if len(keys) > MAX_KEYS:
        raise ValueError(f"holds {len(keys)} keys; at most {MAX_KEYS} make sense")
    # two of different kinds may share one (RFC 7517, section 4.5)
    names = [(key.key_id, key.algorithm) for key in keys if key.key_id is not None]
    if len(names) != len(set(names)):
        raise ValueError("holds two keys of one kind with the same kid")
    return keys


def _pems(text: str) -> Iterator[TrustedKey]:
    if "PRIVATE KEY-----" in text:
        raise ValueError("holds a private key; only public keys belong here")
    text = text.replace("\\n", "\n")  # as a file of variables has line ends, which is one line each
    for piece in text.split(_BEGIN)[1:]:
        block = f"{_BEGIN}{piece.partition(_END)[0]}{_END}\n"
        try:
            key = load_pem_public_key(block.encode())
        except (ValueError, UnsupportedAlgorithm):
            raise ValueError("a PEM public key in it cannot be read") from None
        yield _checked(key, None)


def _jwks(text: str, passed_over: list[str]) -> Iterator[TrustedKey]:
    try:
        entries = json.loads(text)["keys"]
    except (ValueError, KeyError, RecursionError):
        raise ValueError('is no JWKS: {"keys": […]} is expected') from None
    if not isinstance(entries, list):
        raise ValueError('is no JWKS: its "keys" are no list')
    for place, entry in enumerate(entries, 1):
        try:
            yield _jwk(entry)
        except _OfNoUse as reason:
            passed_over.append(f"key {place} of the JWKS {reason}")
        except ValueError as error:
            raise ValueError(f"key {place} of the JWKS {error}") from None


def _jwk(entry: Any) -> TrustedKey:
    """The key of a JWKS entry. Raises _OfNoUse, or ValueError for a private key, which is known to others now."""
    if not isinstance(entry, dict):
        raise _OfNoUse("is no object")
    entry = {name: value for name, value in entry.items() if value is not None}  # as .NET fills up
    if "d" in entry or entry.get("kty") == "oct":
        raise ValueError("is private; only public keys belong here")
    _check_use(entry)
    kid = entry.get("kid")
    if kid is not None and not isinstance(kid, str):
        raise _OfNoUse("has a kid that is no string")
    reader: Any = {"RSA": RSAAlgorithm, "EC": ECAlgorithm}.get(str(entry.get("kty")))
    if reader is None:
        raise _OfNoUse(f"has kty {entry.get('kty')!r:.40}; RSA and EC are known")
    if reader is ECAlgorithm and entry.get("crv") != "P-256":
        raise _OfNoUse(f"is on the curve {entry.get('crv')!r:.40}; P-256 is known")
    try:
        key = reader.from_jwk(entry)
    except (InvalidKeyError, PyJWKError, KeyError, TypeError, ValueError, UnsupportedAlgorithm):
        raise _OfNoUse(f"cannot be read: {_MEMBERS[entry['kty']]} are expected") from None
    try:
        return _checked(key, kid)
    except ValueError as error:
        raise _OfNoUse(str(error)) from None


def _check_use(entry: dict[str, Any]) -> None:
    """Raises _OfNoUse for a key that is not meant to check signatures."""
    if entry.get("use", "sig") != "sig":
        raise _OfNoUse(f"is for the use {entry['use']!r:.40}")
    operations = entry.get("key_ops", ["verify"])
    if not isinstance(operations, list) or "verify" not in operations:
        raise _OfNoUse(f"is for {operations!r:.40}, not to verify signatures")
    known = {"RSA": "RS256", "EC": "ES256"}.get(str(entry.get("kty")))
    if known is not None and entry.get("alg", known) != known:
        raise _OfNoUse(f"is for {entry['alg']!r:.40}; RS256 and ES256 are known")


def _checked(key: object, key_id: str | None) -> TrustedKey:
    if isinstance(key, RSAPublicKey):
        if key.key_size < MIN_RSA_BITS:
            raise ValueError(
                f"is an RSA key of {key.key_size} bits; {MIN_RSA_BITS} is the least that is safe"
            )
        return TrustedKey("RS256", key, key_id)
    if isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1):
        return TrustedKey("ES256", key, key_id)
    raise ValueError("is neither an RSA key (RS256) nor an EC key on P-256 (ES256)")
