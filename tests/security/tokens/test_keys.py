"""Keys that are changed while the server is in use, and headers that try to choose their own key."""

from __future__ import annotations

import base64
import hmac
import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from settings import Settings
from settings.defaults import Expected
from settings.keys import TrustedKey, secret_keys
from settings.public_keys import MAX_KEYS, public_keys
from tests.harness import StartProduct, eventually, is_alive
from web.callers.tokens import TokenRefused, TokenVerifier

OLD, NEW = "old " * 8, "new " * 8
RSA_KEY, SHORT_RSA_KEY = (rsa.generate_private_key(65_537, bits) for bits in (2_048, 1_024))
EC_KEY, OTHER_EC_KEY = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()


def jwk(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, **members: Any) -> dict[str, Any]:
    public = key.public_key()
    if isinstance(public, rsa.RSAPublicKey):
        found = RSAAlgorithm.to_jwk(public, as_dict=True)
    else:
        found = ECAlgorithm.to_jwk(public, as_dict=True)
    kept = {name: value for name, value in found.items() if name != "key_ops"}
    return {**kept, **members}


def jwks(*keys: Any) -> str:
    return json.dumps({"keys": keys})


def token(key: Any, algorithm: str = "HS256", scope: str = "jobs:read", **header: Any) -> str:
    claims = {"sub": "ann", "tenant_id": "default", "exp": int(time.time()) + 600}
    return jwt.encode({**claims, "scope": scope}, key, algorithm, headers=header)


def forged(header: dict[str, Any], secret: str) -> str:
    """A token made by hand: PyJWT's own encoder refuses to make what an attacker would send."""
    claims = {"tenant_id": "default", "exp": int(time.time()) + 600}
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()) for part in (header, claims)]
    text = b".".join(part.rstrip(b"=") for part in parts)
    signature = base64.urlsafe_b64encode(hmac.digest(secret.encode(), text, "sha256"))
    return (text + b"." + signature.rstrip(b"=")).decode()


def lets_in(keys: tuple[TrustedKey, ...], sent: str) -> bool:
    try:
        TokenVerifier("default", keys, Expected()).verify(sent)
    except TokenRefused:
        return False
    return True


# ---------------------------------------------------------------- two keys at once


def test_while_a_secret_is_changed_the_previous_one_still_counts() -> None:
    environ = {"JWT_SECRET": NEW.strip(), "JWT_SECRET_PREVIOUS": OLD.strip()}
    both = Settings.from_env({name: value + "x" * 8 for name, value in environ.items()})
    keys = both.trusted_keys()
    new, old = (value + "x" * 8 for value in environ.values())
    assert lets_in(keys, token(new))
    assert lets_in(keys, token(old))
    assert not lets_in(keys, token("other " * 8))
    assert both.signing_key() == new, "new tokens are signed with the current one"


def test_once_the_change_is_over_the_old_secret_counts_no_more() -> None:
    assert not lets_in(secret_keys(NEW), token(OLD))


def test_with_two_keys_an_expired_token_of_the_second_is_told_so() -> None:
    claims = {"tenant_id": "default", "exp": int(time.time()) - 60}
    verifier = TokenVerifier("default", secret_keys(NEW, OLD), Expected())
    with pytest.raises(TokenRefused, match="expired"):
        verifier.verify(jwt.encode(claims, OLD, "HS256"))


def test_two_pem_blocks_one_after_the_other_are_two_keys() -> None:
    keys = public_keys(pem(RSA_KEY) + "\n# the next one\n" + pem(EC_KEY))
    assert [key.algorithm for key in keys] == ["RS256", "ES256"]
    assert lets_in(keys, token(RSA_KEY, "RS256"))
    assert lets_in(keys, token(EC_KEY, "ES256"))
    assert not lets_in(keys, token(OTHER_EC_KEY, "ES256"))


def test_a_pem_block_on_one_line_of_a_file_of_variables_is_a_key() -> None:
    """Docker and systemd take no other: key="-----BEGIN PUBLIC KEY-----\\nMIIB…"."""
    [key] = public_keys(pem(EC_KEY).replace("\n", "\\n"))
    assert lets_in((key,), token(EC_KEY, "ES256"))


def test_a_file_of_keys_is_read_again_on_sighup_and_nobody_is_locked_out(
    tmp_path: Path, start_product: StartProduct
) -> None:
    file = tmp_path / "keys.json"
    file.write_text(jwks(jwk(EC_KEY, kid="a")))
    product = start_product(JWT_PUBLIC_KEY=str(file), SAMPLE_ORDERS="0", RUNNER="off")

    def status(key: ec.EllipticCurvePrivateKey, kid: str) -> int:
        return product.get("/api/jobs", token=token(key, "ES256", kid=kid)).status

    assert status(EC_KEY, "a") == 200
    assert status(OTHER_EC_KEY, "b") == 401
    file.write_text(jwks(jwk(EC_KEY, kid="a"), jwk(OTHER_EC_KEY, kid="b")))
    os.kill(product.pid, signal.SIGHUP)
    eventually(lambda: status(OTHER_EC_KEY, "b") == 200, what="the new key counts")
    assert status(EC_KEY, "a") == 200


@pytest.mark.parametrize("fault", ["empty", "removed", "twice", "half", "a directory"])
def test_a_file_of_keys_that_cannot_be_used_changes_nothing_on_sighup(
    tmp_path: Path, start_product: StartProduct, fault: str
) -> None:
    file = tmp_path / "keys.json"
    good = jwks(jwk(EC_KEY, kid="a"))
    file.write_text(good)
    product = start_product(JWT_PUBLIC_KEY=str(file), SAMPLE_ORDERS="0", RUNNER="off")

    def status(key: ec.EllipticCurvePrivateKey, kid: str) -> int:
        return product.get("/api/jobs", token=token(key, "ES256", kid=kid)).status

    first = product.worker_pid
    file.unlink()
    if fault == "a directory":
        file.mkdir()
    elif fault != "removed":
        entry = jwk(EC_KEY, kid="a")
        file.write_text({"empty": "", "twice": jwks(entry, entry), "half": good[:-9]}[fault])
    os.kill(product.pid, signal.SIGHUP)
    eventually(lambda: not is_alive(first), what="the workers are new")
    assert eventually(lambda: status(EC_KEY, "a") == 200)
    os.kill(product.worker_pid, signal.SIGKILL)  # and so is one that was killed meanwhile
    assert eventually(lambda: status(EC_KEY, "a") == 200)
    errors = [line for line in product.log().splitlines() if "JWT_PUBLIC_KEY" in line]
    assert ["[ERROR] SIGHUP changes nothing" in line for line in errors] == [False, True], errors
    if file.is_dir():
        file.rmdir()
    file.write_text(jwks(jwk(OTHER_EC_KEY, kid="b")))
    os.kill(product.pid, signal.SIGHUP)
    eventually(lambda: status(OTHER_EC_KEY, "b") == 200, what="a good file counts again")
    assert status(EC_KEY, "a") == 401


def test_a_key_of_another_kind_is_passed_over_with_a_warning(
    tmp_path: Path, start_product: StartProduct
) -> None:
    file = tmp_path / "keys.json"
    file.write_text(jwks(jwk(RSA_KEY, kid="r"), *OF_NO_USE.values()))
    product = start_product(JWT_PUBLIC_KEY=str(file), SAMPLE_ORDERS="0", RUNNER="off")
    assert product.get("/api/jobs", token=token(RSA_KEY, "RS256", kid="r")).status == 200
    for place in range(2, len(OF_NO_USE) + 2):
        assert product.log().count(f"JWT_PUBLIC_KEY: key {place} of the JWKS ") == 1


OF_NO_USE: dict[str, dict[str, Any]] = {
    "Ed25519": {
        "kty": "OKP",
        "crv": "Ed25519",
        "use": "sig",
        "kid": "e",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    },
    "another algorithm": jwk(RSA_KEY, kid="s", alg="RS512"),
    "for encryption": jwk(RSA_KEY, kid="t", alg="RSA-OAEP", key_ops=["encrypt"]),
    "its use": jwk(RSA_KEY, kid="u", use="enc"),
    "its operations": jwk(EC_KEY, kid="v", key_ops=["deriveKey"]),
    "operations that are no list": jwk(EC_KEY, kid="w", key_ops="verify"),
    "another curve": {"kty": "EC", "crv": "P-384", "x": "eA", "y": "eA", "kid": "x"},
    "a kind of the future": {"kty": "AKP", "alg": "ML-DSA-44", "pub": "eA", "kid": "y"},
    "no kind": {"kid": "z"},
    "a certificate alone": {"kty": "RSA", "x5c": ["eA"], "kid": "za"},
    "a point that is not on its curve": jwk(EC_KEY, y="eA", kid="zb"),
    "a short RSA key": jwk(SHORT_RSA_KEY, kid="zc"),
}


@pytest.mark.parametrize("kind", OF_NO_USE)
def test_a_key_that_was_passed_over_counts_for_nothing(kind: str) -> None:
    told: list[str] = []
    keys = public_keys(jwks(jwk(OTHER_EC_KEY, kid="b"), OF_NO_USE[kind]), told.append)
    assert [key.key_id for key in keys] == ["b"]
    assert len(told) == 1
    for key, algorithm in ((RSA_KEY, "RS256"), (EC_KEY, "ES256")):
        assert not lets_in(keys, token(key, algorithm))
        assert not lets_in(keys, token(key, algorithm, kid=OF_NO_USE[kind]["kid"]))
    with pytest.raises(ValueError, match="no key of use"):
        public_keys(jwks(OF_NO_USE[kind]))


@pytest.mark.parametrize("entry", [None, "x", [], jwk(EC_KEY, kid=5)])
def test_an_entry_that_names_no_key_is_passed_over(entry: Any) -> None:
    told: list[str] = []
    keys = public_keys(jwks(jwk(OTHER_EC_KEY, kid="b"), entry), told.append)
    assert [key.key_id for key in keys] == ["b"]
    assert len(told) == 1


def test_a_member_that_is_null_counts_as_one_that_is_missing() -> None:
    """As a JsonWebKey of .NET is written."""
    nulls: dict[str, Any] = dict.fromkeys(["alg", "d", "k", "key_ops", "kid", "use", "x5c"])
    keys = public_keys(jwks(jwk(EC_KEY, **nulls)))
    assert lets_in(keys, token(EC_KEY, "ES256", kid="a"))


# ---------------------------------------------------------------- what a kid can do


def test_a_kid_picks_among_the_trusted_keys_and_does_nothing_else() -> None:
    keys = public_keys(jwks(jwk(EC_KEY, kid="a"), jwk(OTHER_EC_KEY, kid="b")))
    assert lets_in(keys, token(EC_KEY, "ES256", kid="a"))
    assert lets_in(keys, token(EC_KEY, "ES256")), "without a kid each key is tried"
    assert not lets_in(keys, token(EC_KEY, "ES256", kid="b")), "signed with another than it says"


@pytest.mark.parametrize(
    "kid",
    [
        "c",
        "",
        "../../../dev/null",
        "/proc/self/environ",
        "a' OR '1'='1",
        "http://127.0.0.1/keys",
        "a\x00",
        "x" * 10_000,
    ],
)
def test_a_kid_that_names_no_trusted_key_is_refused(kid: str) -> None:
    verifier = TokenVerifier("default", public_keys(jwks(jwk(EC_KEY, kid="a"))), Expected())
    with pytest.raises(TokenRefused, match="kid is that of no key"):
        verifier.verify(token(EC_KEY, "ES256", kid=kid))


@pytest.mark.parametrize("kid", [0, None, True, ["a"], {"a": 1}])
def test_a_kid_that_is_no_string_reaches_nothing(kid: Any) -> None:
    keys = public_keys(jwks(jwk(EC_KEY, kid="a")))
    assert not lets_in(keys, forged({"alg": "ES256", "kid": kid}, "anything"))


def test_a_key_that_the_token_brings_with_it_is_not_looked_at() -> None:
    keys = public_keys(jwks(jwk(EC_KEY, kid="a")))
    mine = jwk(OTHER_EC_KEY, kid="a")
    for header in ({"jwk": mine}, {"jku": "http://127.0.0.1:1/k"}, {"x5u": "http://127.0.0.1:1/"}):
        assert not lets_in(keys, token(OTHER_EC_KEY, "ES256", kid="a", **header))


def test_a_jwks_that_windows_wrote_begins_with_a_mark() -> None:
    keys = public_keys("\ufeff" + jwks(jwk(EC_KEY, kid="a")))
    assert lets_in(keys, token(EC_KEY, "ES256", kid="a"))


def test_keys_of_two_kinds_may_share_a_name() -> None:
    keys = public_keys(jwks(jwk(EC_KEY, kid="a"), jwk(RSA_KEY, kid="a")))
    assert lets_in(keys, token(EC_KEY, "ES256", kid="a"))
    assert lets_in(keys, token(RSA_KEY, "RS256", kid="a"))


def test_a_public_key_is_for_its_own_algorithm_only() -> None:
    public = EC_KEY.public_key()
    for text in (pem(EC_KEY), jwks(jwk(EC_KEY, kid="a"))):
        keys = public_keys(text)
        for secret in (text, pem(EC_KEY), str(public.public_numbers().x)):
            assert not lets_in(keys, forged({"alg": "HS256", "kid": "a"}, secret))
    assert not lets_in(public_keys(pem(RSA_KEY)), token(RSA_KEY, "PS256"))
    assert not lets_in(public_keys(pem(RSA_KEY)), token(RSA_KEY, "RS512"))


# ---------------------------------------------------------------- keys that must not be taken


def private_pem() -> str:
    form, none = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return EC_KEY.private_bytes(serialization.Encoding.PEM, form, none).decode()


BAD_KEYS: dict[str, str] = {
    "nothing": "",
    "no JWKS": "{}",
    "keys that are no list": '{"keys": {}}',
    "an empty list": '{"keys": []}',
    "a secret": jwks({"kty": "oct", "k": "eA", "kid": "a"}),
    "a private JWK": jwks(jwk(EC_KEY, d="eA")),
    "a private JWK for encryption": jwks(jwk(EC_KEY), jwk(EC_KEY, use="enc", d="eA")),
    "a private key": private_pem() + pem(EC_KEY),
    "an unknown kind": jwks({"kty": "OKP", "crv": "Ed25519", "x": "eA"}),
    "a kid that is no string": jwks(jwk(EC_KEY, kid=1)),
    "two of one kid": jwks(jwk(EC_KEY, kid="a"), jwk(OTHER_EC_KEY, kid="a")),
    "another algorithm": jwks(jwk(RSA_KEY, alg="RS512")),
    "half a key": jwks({"kty": "EC", "crv": "P-256", "x": "eA"}),
    "a short RSA key": pem(SHORT_RSA_KEY),
    "another curve": pem(ec.generate_private_key(ec.SECP384R1())),
    "too many": jwks(*[jwk(EC_KEY, kid=str(n)) for n in range(MAX_KEYS + 1)]),
    "only keys for encryption": jwks(jwk(RSA_KEY, use="enc")),
}


@pytest.mark.parametrize("case", BAD_KEYS)
def test_a_key_that_must_not_be_trusted_is_refused_at_the_start(case: str) -> None:
    with pytest.raises(ValueError) as refused:
        public_keys(BAD_KEYS[case])
    assert "\n" not in str(refused.value)
    assert "PRIVATE" not in str(refused.value)


@pytest.mark.parametrize("kind", ["PEM", "JWK", "JWKS", "SSH"])
def test_a_public_key_is_no_secret(kind: str) -> None:
    """Everybody may know it, and sign HS256 with it (CVE-2022-29217, CVE-2026-48526)."""
    text = {
        "PEM": pem(EC_KEY),
        "JWK": json.dumps(jwk(EC_KEY)),
        "JWKS": jwks(jwk(EC_KEY)),
        "SSH": "ssh-ed25519 " + "A" * 60,
    }[kind]
    with pytest.raises(ValueError, match="JWT_PUBLIC_KEY"):
        secret_keys(text)


def test_a_claim_that_is_there_twice_counts_as_the_last_one() -> None:
    """RFC 7519, 4: either that or a refusal; one parser reads it, so nobody else counts the first."""
    end = int(time.time()) + 600
    both = f'{{"tenant_id":"other","tenant_id":"default","exp":1,"exp":{end}}}'
    parts = (base64.urlsafe_b64encode(p).rstrip(b"=") for p in (b'{"alg":"HS256"}', both.encode()))
    said = b".".join(parts)
    seal = base64.urlsafe_b64encode(hmac.digest(NEW.encode(), said, "sha256")).rstrip(b"=")
    sent = (said + b"." + seal).decode()
    assert (
        TokenVerifier("default", secret_keys(NEW), Expected()).verify(sent).tenant_id == "default"
    )


def test_a_secret_that_can_be_guessed_is_refused() -> None:
    with pytest.raises(ValueError):
        secret_keys("x" * 31)
    with pytest.raises(ValueError):
        secret_keys(NEW, "x" * 31)
