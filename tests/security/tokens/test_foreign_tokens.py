"""Tokens that another service's identity provider signs, and tokens made to break the server."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from scripts.mint import mint_for
from settings import Settings, SettingsError
from settings.shared import SCOPES
from tests.harness import Product, StartProduct, product_of_each_class, running_product
from tests.realtime.raw import Raw, subscribe, text

KEY = ec.generate_private_key(ec.SECP256R1())
PEM = (
    KEY.public_key()
    .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    .decode()
)
AUDIENCE, ISSUER = "progress", "https://idp.example/realm"
WITH_AUDIENCE = {
    "JWT_PUBLIC_KEY": PEM,
    "JWT_AUDIENCE": f"{AUDIENCE}, https://progress.example",
    "JWT_ISSUER": ISSUER,
    "SAMPLE_ORDERS": "0",
    "RUNNER": "off",
}
WARNING = "JWT_PUBLIC_KEY without JWT_AUDIENCE and JWT_ISSUER"
product = product_of_each_class("odd-tokens")


def foreign(header: dict[str, Any] | None = None, **claims: Any) -> str:
    """A token of the identity provider; a claim that is None is left out."""
    said = {"aud": AUDIENCE, "iss": ISSUER, "scope": "jobs:read", "exp": time.time() + 600}
    said = {**said, "tenant_id": "default", **claims}
    kept = {name: value for name, value in said.items() if value is not None}
    return jwt.PyJWS().encode(json.dumps(kept).encode(), KEY, "ES256", headers=header)


@pytest.fixture(scope="module", params=["gthread", "gevent"])
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, shop_database: Path
) -> Iterator[Product]:
    data_dir = tmp_path_factory.mktemp("foreign") / request.param
    with running_product(
        data_dir, shop_database, worker_class=request.param, **WITH_AUDIENCE
    ) as found:
        yield found


@pytest.mark.parametrize("aud", [AUDIENCE, ["other", AUDIENCE], ["https://progress.example"]])
def test_a_token_for_this_server_opens_every_door(served: Product, aud: Any) -> None:
    token = foreign(aud=aud)
    assert served.get("/api/jobs", token=token).status == 200
    with Raw(served, token=token) as client:
        assert client.status == 101
        client.send(text(json.dumps({"action": "auth", "token": foreign(aud=aud)})))
        client.send(text('{"action":"echo"}'))
        assert client.message()["code"] == "unknown_action"


FOREIGN: list[tuple[str, dict[str, Any]]] = [
    ("aud", {"aud": "another-service"}),
    ("aud", {"aud": None}),
    ("aud", {"aud": ["another-service"]}),
    ("aud", {"aud": "progres"}),
    ("aud", {"aud": []}),
    ("aud", {"aud": {AUDIENCE: True}}),
    ("iss", {"iss": "https://idp.example/another-realm"}),
    ("iss", {"iss": None}),
    ("iss", {"iss": "https://idp.example"}),
    ("iss", {"iss": [ISSUER]}),
    ("nbf", {"nbf": int(time.time()) + 90_000}),
    ("iat", {"iat": int(time.time()) + 90_000}),
]


# times are in some: the processes that share the tests must call them the same
@pytest.mark.parametrize(
    ("named", "claims"), FOREIGN, ids=[f"{named}-{n}" for n, (named, _) in enumerate(FOREIGN)]
)
def test_a_token_for_another_service_opens_no_door(
    served: Product, named: str, claims: dict[str, Any]
) -> None:
    token = foreign(**claims)
    answer = served.get("/api/jobs", token=token)
    assert answer.status == 401
    assert f"its {named} is not" in answer.json()["detail"] or f"{named} is" in str(answer.json())
    with Raw(served, token=token) as client:
        assert client.status == 401
    with Raw(served, token=foreign()) as client:
        client.send(text(json.dumps({"action": "auth", "token": token})))
        assert client.message()["code"] == "bad_token"


def test_a_token_of_typ_logout_opens_no_door(served: Product) -> None:
    assert served.get("/api/jobs", token=foreign({"typ": "logout+jwt"})).status == 401
    assert served.get("/api/jobs", token=foreign({"typ": "at+jwt"})).status == 200


@pytest.mark.parametrize(
    ("claims", "status"),
    [
        ({"scope": None}, 403),
        ({"scope": None, "scp": "jobs:read"}, 200),
        ({"scope": None, "scp": ["jobs:read"]}, 200),
        ({"scope": ["jobs:read"]}, 200),
        ({"scope": None, "scopes": ["jobs:read"], "roles": ["jobs:read"]}, 403),
    ],
    ids=str,
)
def test_of_a_foreign_token_no_scope_is_no_scope(
    served: Product, claims: dict[str, Any], status: int
) -> None:
    token = foreign(**claims)
    assert served.get("/api/jobs", token=token).status == status
    with Raw(served, token=token) as client:
        client.send(subscribe(1) + text('{"action":"echo"}'))
        assert client.message()["code"] == ("unknown_action" if status == 200 else "forbidden")


def test_a_server_that_asks_for_aud_and_iss_does_not_warn(served: Product) -> None:
    assert "JWT_" not in served.log()


def test_a_server_that_asks_for_neither_warns_once_and_says_what_to_set(
    start_product: StartProduct,
) -> None:
    settings = {"JWT_PUBLIC_KEY": PEM, "SAMPLE_ORDERS": "0", "RUNNER": "off"}
    found = start_product(**settings, JWT_DEFAULT_SCOPE="jobs:read", WORKERS="2")
    [line] = [line for line in found.log().splitlines() if WARNING in line]
    assert "set JWT_AUDIENCE" in line
    assert found.get("/api/jobs", token=foreign(scope=None)).status == 200
    assert found.post("/api/jobs", {}, token=foreign(scope=None)).status == 403


# ---------------------------------------------------------------- numbers, kinds, sizes


DIGITS = "9" * 400
DEEP = '"x":' + "[" * 1_100 + "]" * 1_100  # Python 3.13 reads it, those before do not
ODD = [
    *(
        f'"{name}":{value}'
        for name in ("exp", "nbf", "iat")
        for value in (
            *(
                DIGITS,
                f"-{DIGITS}",
                "1e400",
                "-1e400",
                "NaN",
                "Infinity",
                "-Infinity",
                "-0",
            ),
            *(
                "true",
                '"4102444800"',
                "[]",
                "{}",
                f"[{DIGITS}]",
                "9" * 5_000,
                "1e308",
                "[[[[[]]]]]",
            ),
        )
    ),
    *(f'"sub":{value}' for value in ("true", "[]", "{}", "1.5", "NaN", "9" * 2_000)),
    *(f'"aud":{value}' for value in ("1", "{}", "[1]", "[[]]", "true")),
    *(f'"tenant_id":{value}' for value in ("1", "[]", DIGITS, '"\\u0000"', '"\\ud800"')),
    *(f'"scope":{value}' for value in ("1", "{}", "[1]", DIGITS)),
    DEEP,
]
ODD_HEADERS: dict[str, list[Any]] = {
    "kid": [1, None, [], {}, "x" * 1_000],
    "typ": [1, [], {}, True],
    "alg": [None, 1, [], {}, "none", "HS512", ["HS256"]],
    "crit": [1, [], ["exp"], ["b64"], {}, "b64"],
    "b64": [False, 0, "x"],
    "zip": ["DEF"],
    "enc": ["A256GCM"],
}
HEADERS = [{name: value} for name, values in ODD_HEADERS.items() for value in values]
HARMLESS = ('"sub":' + "9" * 2_000, '"nbf":-0', '"iat":-0', DEEP)


def sealed(secret: str, header: bytes, claims: bytes) -> str:
    parts = (base64.urlsafe_b64encode(part).rstrip(b"=") for part in (header, claims))
    said = b".".join(parts)
    seal = base64.urlsafe_b64encode(hmac.digest(secret.encode(), said, hashlib.sha256))
    return (said + b"." + seal.rstrip(b"=")).decode()


def odd_tokens(product: Product) -> Iterator[tuple[str, str]]:
    """What is odd in it, and the token."""
    end = int(time.time()) + 600
    plain = b'{"tenant_id":"default","exp":%d}' % end
    for said in ODD:
        first = "" if said.startswith('"exp"') else f'"exp":{end},'
        tenant = "" if said.startswith('"tenant_id"') else '"tenant_id":"default",'
        claims = f"{{{first}{tenant}{said}}}"
        yield said, sealed(product.secret, b'{"alg":"HS256"}', claims.encode())
    for header in HEADERS:
        given = json.dumps({"alg": "HS256", **header}).encode()
        yield str(header), sealed(product.secret, given, plain)
    for whole in (b"", b"null", b"[]", b"1", b'"x"', b"\xff", b"{" * 900, b"[" * 1_100):
        yield repr(whole), sealed(product.secret, b'{"alg":"HS256"}', whole)
        yield repr(whole), sealed(product.secret, whole, plain)


def test_no_token_makes_an_error_of_ours(product: Product) -> None:
    for said, token in odd_tokens(product):
        status = product.get("/api/jobs", token=token).status
        assert status in (200, 401, 403), (said[:60], status)
        assert status != 200 or said in HARMLESS or said.startswith("{'"), said[:60]
    assert "Traceback" not in product.log()
    assert product.get("/api/jobs").status == 200


def test_a_token_as_long_as_one_may_be_is_read(product: Product) -> None:
    """As of people in hundreds of groups. gunicorn took headers of 8 KB, and addresses of 4 KB."""
    for size, path in ((12_000, "/api/jobs"), (5_800, "/")):
        token = product.token(groups="g" * size)
        assert product.get(path, token=token).status == 200
    assert product.get(f"/?token={token}", token=None).status == 200


def test_no_token_in_an_auth_action_ends_the_connection(product: Product) -> None:
    with Raw(product) as client:
        for said, token in odd_tokens(product):
            sent = json.dumps({"action": "auth", "token": token})
            if len(sent) > 4_000:
                continue  # a message of more than 4,096 bytes is no action at all
            client.send(text(sent) + text('{"action":"echo"}'))
            codes = [client.message()["code"]]
            if codes == ["bad_token"]:
                codes.append(client.message()["code"])
            assert codes[-1] == "unknown_action", (said[:60], codes)
    for said, token in odd_tokens(product):
        if len(token) < 3_000:
            with Raw(product, token=token) as other:
                assert other.status in (101, 401, 403), said[:60]
    assert "Traceback" not in product.log()
    assert not re.search(r"ws closed .*(\b1011\b|server error)|ws failed", product.log())


def test_a_numeric_subject_is_let_in(product: Product) -> None:
    assert product.get("/api/jobs", token=product.token(sub=42)).status == 200


# ---------------------------------------------------------------- settings


def scope_of(**environ: str) -> frozenset[str]:
    return Settings.from_env(environ).tokens.expected.default_scopes


def test_with_a_secret_of_our_own_no_scope_is_every_scope_unless_said_otherwise() -> None:
    assert scope_of() == SCOPES
    assert scope_of(JWT_DEFAULT_SCOPE="jobs:read") == {"jobs:read"}
    assert scope_of(JWT_PUBLIC_KEY=PEM) == frozenset()
    assert scope_of(JWT_PUBLIC_KEY=PEM, JWT_DEFAULT_SCOPE="jobs:read jobs:write") == {
        *("jobs:read", "jobs:write")
    }
    with pytest.raises(SettingsError, match=r"JWT_DEFAULT_SCOPE.*jobs:reed"):
        scope_of(JWT_DEFAULT_SCOPE="jobs:reed")


def test_scripts_token_makes_what_the_server_takes(start_product: StartProduct) -> None:
    settings = {"JWT_AUDIENCE": "b,a", "JWT_ISSUER": "us", "JWT_DEFAULT_SCOPE": "jobs:read"}
    found = start_product(**settings, SAMPLE_ORDERS="0", RUNNER="off")
    assert found.get("/api/jobs").status == 401, "without aud and iss"
    made = mint_for(Settings.from_env(found.environment()))
    assert found.get("/api/jobs", token=made).status == 200
    assert found.post("/api/jobs", {}, token=made).status == 422
