"""Tokens that must not let anybody in, and those that must."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import time
import tracemalloc
from typing import Any, cast

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from progress_lib.subjects import EVERY_TENANT
from settings.defaults import Expected
from settings.keys import secret_keys
from settings.public_keys import public_keys
from settings.shared import SCOPES
from web.callers.tokens import LEEWAY, MAX_LIFE, TokenRefused, TokenVerifier, WrongTenant, mint

SECRET = "0123456789abcdef0123456789abcdef"
RSA_KEY = rsa.generate_private_key(65_537, 2_048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())


def public_pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    return (
        key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )


def by_secret(tenant_id: str = "acme") -> TokenVerifier:
    return TokenVerifier(tenant_id, secret_keys(SECRET), Expected())


def good_claims(**changed: Any) -> dict[str, Any]:
    claims = {"sub": "ann", "tenant_id": "acme", "exp": int(time.time()) + 600, **changed}
    return {name: value for name, value in claims.items() if value is not None}


def signed(claims: dict[str, Any], header: dict[str, Any] | None = None) -> str:
    """A token made by hand: PyJWT's own encoder refuses some of what an attacker would send."""
    parts = [header or {"alg": "HS256", "typ": "JWT"}, claims]
    text = b".".join(_base64(json.dumps(part).encode()) for part in parts)
    return (text + b"." + _base64(hmac.digest(SECRET.encode(), text, hashlib.sha256))).decode()


def _base64(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def refusal(token: str, verifier: TokenVerifier | None = None) -> str:
    with pytest.raises(TokenRefused) as refused:
        (verifier or by_secret()).verify(token)
    said = str(refused.value)
    assert said
    assert len(token) < 20 or token[:20] not in said, "a token must not reach a log"
    return said


def test_a_good_token_says_who_asks() -> None:
    claims = good_claims()
    identity = by_secret().verify(signed(claims))
    assert (identity.tenant_id, identity.subject) == ("acme", "ann")
    assert identity.expires_at == claims["exp"] + LEEWAY
    assert identity.scopes == SCOPES


def test_a_token_that_was_good_takes_no_room_for_what_it_says() -> None:
    """10,000 are remembered: by 16 KB each, as of people in hundreds of groups, a worker had 160 MB of them."""
    verifier, count = by_secret(), 50
    verifier.verify(signed(good_claims()))
    tracemalloc.start()
    try:
        for number in range(count):
            verifier.verify(signed(good_claims(sub=number, groups="g" * 10_000)))
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < count * 5_000


def test_what_the_scripts_mint_is_good() -> None:
    token = mint(SECRET, tenant_id="acme", hours=1, scope="jobs:read", subject="script")
    assert by_secret().verify(token).scopes == {"jobs:read"}


# ---------------------------------------------------------------- signatures


def test_a_token_without_a_signature_is_refused() -> None:
    refusal(jwt.encode(good_claims(), "", algorithm="none"))
    refusal(signed(good_claims(), {"alg": "none"}))
    refusal(signed(good_claims()).rpartition(".")[0] + ".")


@pytest.mark.parametrize("algorithm", ["HS384", "HS512", "hs256", "", None, 1, ["HS256"]])
def test_another_algorithm_than_ours_is_refused(algorithm: Any) -> None:
    assert "alg is not HS256" in refusal(signed(good_claims(), {"alg": algorithm}))


def test_the_public_key_is_no_secret_to_sign_with() -> None:
    pem = public_pem(RSA_KEY)
    head = _base64(b'{"alg":"HS256"}') + b"." + _base64(json.dumps(good_claims()).encode())
    forged = head + b"." + _base64(hmac.digest(pem.encode(), head, hashlib.sha256))
    refusal(forged.decode(), TokenVerifier("acme", public_keys(pem), Expected()))


def test_with_a_public_key_the_secret_counts_for_nothing() -> None:
    verifier = TokenVerifier("acme", public_keys(public_pem(RSA_KEY)), Expected())
    refusal(signed(good_claims()), verifier)


@pytest.mark.parametrize(("key", "algorithm"), [(RSA_KEY, "RS256"), (EC_KEY, "ES256")])
def test_tokens_signed_elsewhere_are_checked_with_the_public_key(key: Any, algorithm: str) -> None:
    verifier = TokenVerifier("acme", public_keys(public_pem(key)), Expected())
    assert verifier.verify(jwt.encode(good_claims(), key, algorithm)).subject == "ann"
    other = EC_KEY if key is RSA_KEY else RSA_KEY
    refusal(jwt.encode(good_claims(), other, "ES256" if other is EC_KEY else "RS256"), verifier)


@pytest.mark.parametrize(
    "token",
    [
        "",
        " ",
        "a",
        "a.b",
        "a.b.c",
        "...",
        "é.é.é",
        "\ud800",
        "a" * 100_000,
        "\x00",
        "\r\n",
        "[" * 5_000 + "." + "]" * 5_000 + ".x",
    ],
)
def test_what_is_no_token_is_refused(token: str) -> None:
    refusal(token)


def test_a_header_or_claims_of_nested_nonsense_are_refused() -> None:
    deep = _base64(b"[" * 50_000)
    refusal((deep + b"." + deep + b".x").decode())
    refusal(signed(good_claims(), {"alg": "HS256", "kid": "../../dev/null", "crit": ["x"]}))
    for claims in ("[]", "x", 1, None):
        refusal(signed(cast("dict[str, Any]", claims)))


# ---------------------------------------------------------------- time


def test_a_token_must_say_when_it_ends() -> None:
    assert "exp" in refusal(signed(good_claims(exp=None)))


def test_an_expired_token_is_refused_after_the_leeway_and_told_so() -> None:
    by_secret().verify(signed(good_claims(exp=int(time.time()) - LEEWAY + 5)))
    assert "expired" in refusal(signed(good_claims(exp=int(time.time()) - LEEWAY - 1)))


@pytest.mark.parametrize(
    "exp", ["4102444800", "soon", True, [], {}, float("nan"), float("inf"), -float("inf"), 1e300]
)
def test_an_end_that_is_no_time_is_refused(exp: Any) -> None:
    refusal(signed(good_claims(exp=exp)))


def test_a_life_beyond_reason_is_refused() -> None:
    refusal(signed(good_claims(exp=int(time.time()) + MAX_LIFE + 100)))
    by_secret().verify(signed(good_claims(exp=int(time.time()) + MAX_LIFE - 100)))


@pytest.mark.parametrize("claim", ["nbf", "iat"])
@pytest.mark.parametrize("when", ["soon", [], float("inf"), float("nan"), 4_102_444_800])
def test_a_token_whose_beginning_is_no_time_or_not_yet_is_refused(claim: str, when: Any) -> None:
    refusal(signed(good_claims(**{claim: when})))


# ---------------------------------------------------------------- tenants and scopes


@pytest.mark.parametrize(
    "tenant_id", ["", "*", ">", "a.b", "a b", "a\n", "é", "x" * 65, 1, True, ["acme"], {"a": 1}]
)
def test_a_tenant_that_is_no_plain_name_is_refused(tenant_id: Any) -> None:
    for server in ("acme", EVERY_TENANT):
        refusal(signed(good_claims(tenant_id=tenant_id)), by_secret(server))


def test_a_good_token_for_another_tenant_is_told_apart() -> None:
    with pytest.raises(WrongTenant):
        by_secret().verify(signed(good_claims(tenant_id="other")))


def test_a_token_without_a_tenant_belongs_to_the_servers_own() -> None:
    assert by_secret().verify(signed(good_claims(tenant_id=None))).tenant_id == "acme"


def test_a_server_of_many_tenants_takes_each_token_at_its_word_and_none_without() -> None:
    verifier = by_secret(EVERY_TENANT)
    assert verifier.verify(signed(good_claims(tenant_id="other"))).tenant_id == "other"
    assert "tenant_id" in refusal(signed(good_claims(tenant_id=None)), verifier)


@pytest.mark.parametrize(
    ("scope", "allowed"),
    [
        (None, SCOPES),
        ("", frozenset()),
        ("jobs:read", {"jobs:read"}),
        ("jobs:read jobs:execute", {"jobs:read", "jobs:execute"}),
        ("openid admin jobs:write", {"jobs:write"}),
        ("jobs:readjobs:write", frozenset()),
    ],
)
def test_a_scope_limits_and_never_adds(scope: str | None, allowed: frozenset[str]) -> None:
    assert by_secret().verify(signed(good_claims(scope=scope))).scopes == allowed


@pytest.mark.parametrize("name", ["scope", "scp"])
@pytest.mark.parametrize("scope", [["jobs:read", 1], [["jobs:read"]], 1, {"jobs:read": True}, True])
def test_a_scope_that_is_no_string_and_no_list_of_strings_is_refused(name: str, scope: Any) -> None:
    assert name in refusal(signed(good_claims(**{name: scope})))


@pytest.mark.parametrize(
    ("claims", "allowed"),
    [
        ({"scope": ["jobs:read", "openid"]}, {"jobs:read"}),
        ({"scp": "jobs:read openid"}, {"jobs:read"}),
        ({"scp": ["jobs:write"]}, {"jobs:write"}),
        ({"scp": []}, frozenset()),
        ({"scope": "", "scp": "jobs:read"}, frozenset()),
        ({"scope": "jobs:write", "scp": "jobs:read"}, {"jobs:write"}),
        ({"scope": ["jobs:read jobs:write"]}, frozenset()),
        ({"scopes": "jobs:read", "roles": ["jobs:read"]}, frozenset()),
    ],
)
def test_scopes_as_identity_providers_write_them(
    claims: dict[str, Any], allowed: frozenset[str]
) -> None:
    expected = Expected(default_scopes=frozenset())
    verifier = TokenVerifier("acme", secret_keys(SECRET), expected)
    assert verifier.verify(signed(good_claims(**claims))).scopes == allowed


# ---------------------------------------------------------------- for whom, and by whom

OURS = Expected(
    audiences=frozenset({"progress", "https://p.example"}), issuer="https://idp.example"
)


@pytest.mark.parametrize("aud", ["progress", ["other", "progress"], ["https://p.example"]])
def test_a_token_for_this_server_is_good_in_either_form(aud: Any) -> None:
    verifier = TokenVerifier("acme", secret_keys(SECRET), OURS)
    assert verifier.verify(signed(good_claims(aud=aud, iss=OURS.issuer))).subject == "ann"


@pytest.mark.parametrize(
    "aud",
    [
        *(None, "", "other", "Progress", "progress ", "prog", "progress,other", "*", [], ["other"]),
        *([["progress"]], ["progress", 1], {"progress": 1}, 1, True),
    ],
)
def test_a_token_for_another_server_is_refused(aud: Any) -> None:
    verifier = TokenVerifier("acme", secret_keys(SECRET), OURS)
    assert "aud" in refusal(signed(good_claims(aud=aud, iss=OURS.issuer)), verifier)


@pytest.mark.parametrize(
    "iss",
    [
        *(None, "", "https://idp.example/", "https://idp", "https", "HTTPS://IDP.EXAMPLE"),
        *(["https://idp.example"], {"https://idp.example": 1}, 1, True),
    ],
)
def test_a_token_of_another_issuer_is_refused(iss: Any) -> None:
    """A part of the name is no match either, as it once was in PyJWT (CVE-2024-53861)."""
    verifier = TokenVerifier("acme", secret_keys(SECRET), OURS)
    assert "iss" in refusal(signed(good_claims(aud="progress", iss=iss)), verifier)


def test_what_the_scripts_mint_says_for_whom_it_is() -> None:
    token = mint(SECRET, tenant_id="acme", hours=1, scope=None, subject="x", expected=OURS)
    assert TokenVerifier("acme", secret_keys(SECRET), OURS).verify(token).scopes == SCOPES


@pytest.mark.parametrize("typ", ["JWT", "jwt", "at+jwt", "application/at+jwt", None])
def test_a_token_that_says_that_it_gives_access_is_good(typ: Any) -> None:
    by_secret().verify(signed(good_claims(), {"alg": "HS256", "typ": typ}))


@pytest.mark.parametrize(
    "typ", ["dpop+jwt", "logout+jwt", "secevent+jwt", "id+jwt", "JWE", "", 1, True, ["JWT"], {}]
)
def test_a_token_that_says_that_it_is_for_something_else_is_refused(typ: Any) -> None:
    assert "typ" in refusal(signed(good_claims(), {"alg": "HS256", "typ": typ}))


# ---------------------------------------------------------------- whatever a signer writes

HUGE = int("9" * 400)
ODD_VALUES: list[Any] = [
    *(HUGE, -HUGE, 10**12, -(10**12), 1e308, -1e308, float("nan"), float("inf"), -float("inf")),
    *(True, False, "", "1", "soon", [], {}, [HUGE], {"a": HUGE}, "\ud800", "\x00"),
]


@pytest.mark.parametrize("name", ["exp", "nbf", "iat"])
@pytest.mark.parametrize("value", ODD_VALUES, ids=lambda value: repr(value)[:20])
def test_a_time_that_is_none_names_its_claim(name: str, value: Any) -> None:
    said = refusal(signed(good_claims(**{name: value})))
    assert f"the token's {name} is " in said


@pytest.mark.parametrize("sub", [42, 0, -1, HUGE, ""])
def test_a_subject_may_be_a_whole_number(sub: Any) -> None:
    assert by_secret().verify(signed(good_claims(sub=sub))).subject == str(sub)[:200]


@pytest.mark.parametrize("sub", [True, 1.5, float("nan"), [], {}, ["ann"]])
def test_a_subject_of_another_kind_is_named(sub: Any) -> None:
    assert "sub" in refusal(signed(good_claims(sub=sub)))


@pytest.mark.parametrize("jti", [1, None, [], {}, "x" * 1_000, HUGE])
def test_the_name_of_a_token_is_not_looked_at(jti: Any) -> None:
    by_secret().verify(signed(good_claims(jti=jti)))


def test_a_token_beyond_reason_is_refused_before_it_is_read() -> None:
    assert "longer" in refusal(signed(good_claims(x="y" * 20_000)))


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(ODD_VALUES),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
CLAIMS = [*("exp", "nbf", "iat", "sub", "jti", "aud", "iss", "scope", "scp", "tenant_id")]


@settings(max_examples=400)
@given(
    claims=st.dictionaries(st.sampled_from(CLAIMS), JSON),
    header=st.dictionaries(
        st.sampled_from(["kid", "typ", "crit", "b64", "jwk", "jku", "zip", "cty"]), JSON
    ),
    expected=st.sampled_from([Expected(), OURS]),
)
def test_whatever_is_signed_is_let_in_or_refused(
    claims: dict[str, Any], header: dict[str, Any], expected: Expected
) -> None:
    token = signed(good_claims(**claims), {"alg": "HS256", **header})
    try:
        identity = TokenVerifier("acme", secret_keys(SECRET), expected).verify(token)
    except TokenRefused:
        return
    assert identity.tenant_id == "acme"
    assert identity.scopes <= SCOPES
    assert identity.subject.isprintable()


@settings(max_examples=300)
@given(st.binary(max_size=300), st.binary(max_size=300), st.booleans())
def test_whatever_is_between_the_dots_is_refused(
    header: bytes, claims: bytes, is_signed: bool
) -> None:
    head = b'{"alg":"HS256"}' if is_signed else header
    text = b".".join(_base64(part) for part in (head, claims))
    seal = _base64(hmac.digest(SECRET.encode(), text, hashlib.sha256))
    refusal((text + b"." + seal).decode())


def test_a_number_of_more_digits_than_python_reads_is_refused() -> None:
    claims = b'{"tenant_id":"acme","exp":' + b"9" * 5_000 + b"}"
    text = _base64(b'{"alg":"HS256"}') + b"." + _base64(claims)
    refusal((text + b"." + _base64(hmac.digest(SECRET.encode(), text, hashlib.sha256))).decode())


def test_a_name_that_would_write_its_own_log_line_cannot() -> None:
    name = "ann\n2026-01-01 ERROR forged: " + "x" * 1_000
    assert "\n" not in by_secret().verify(signed(good_claims(sub=name))).subject


def test_a_verifier_without_a_key_cannot_be_made() -> None:
    with pytest.raises(AssertionError):
        TokenVerifier("acme", (), Expected())


# ---------------------------------------------------------------- what it says of sessions


@pytest.mark.parametrize(
    ("said", "days"), [(None, 0), (0, 0), (30, 30), (0.5, 0.5), (400, 400), (10**9, 400)]
)
def test_a_signer_may_allow_sessions_that_outlive_the_token(said: Any, days: float) -> None:
    assert by_secret().verify(signed(good_claims(session_days=said))).session_days == days


@pytest.mark.parametrize("said", [True, "30", -1, [30], 10**400, {}])
def test_days_that_are_none_are_refused(said: Any) -> None:
    assert "session_days" in refusal(signed(good_claims(session_days=said)))


def test_a_token_tells_which_key_signed_it_and_nothing_of_that_key() -> None:
    of_rsa = TokenVerifier("acme", public_keys(public_pem(RSA_KEY)), Expected())
    found = {
        by_secret().verify(signed(good_claims())).signer,
        of_rsa.verify(jwt.encode(good_claims(), RSA_KEY, "RS256")).signer,
    }
    assert len(found) == 2
    assert all(re.fullmatch("[0-9a-f]{16}", signer) for signer in found)
    assert [of_rsa.trusts(signer) for signer in sorted(found)].count(True) == 1
