"""Sessions: how they begin, slide and end, and who a request is taken for. Pure, and over a whole server in both worker classes."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from flask import Flask, request

from settings.addresses import parse_proxies
from settings.defaults import Expected
from settings.keys import secret_keys
from settings.public_keys import public_keys
from settings.shared import SCOPES
from tests.harness import Answer, Product, eventually, running_product
from tests.realtime.raw import Raw, subscribe, text
from tests.web.sessions import cookie_of, sessions_of
from tests.web.test_tokens import public_pem
from web.callers import sessions as sessions_module
from web.callers.callers import Callers, TrustedUsers
from web.callers.cookies import SessionCookie
from web.callers.sessions import DAY, TICKET_LIFE, Sessions
from web.callers.tokens import LEEWAY, Identity, TokenRefused, TokenVerifier, signer_of
from web.origins import Origins
from web.proxies import behind_proxies

SECRET, OTHER = "a secret of more than 32 bytes, one", "a secret of more than 32 bytes, two"
READ = frozenset({"jobs:read"})


def ann(secret: str = SECRET, *, life: float = 3_600, lent: float = 0) -> Identity:
    signer = signer_of(secret_keys(secret)[0])
    return Identity("default", READ, time.time() + life, "ann", signer, lent)


class Clock:
    """time.time of web/callers/sessions.py, which a test moves."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def time(self) -> float:
        return time.time() + self.ahead


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(sessions_module, "time", clock)
    return clock


def refused(sessions: Sessions, cookie: str) -> str:
    with pytest.raises(TokenRefused) as error:
        sessions.read(cookie)
    return str(error.value)


# ---------------------------------------------------------------- life


def test_a_session_says_of_its_token_all_but_when_it_ends() -> None:
    """A further field of a token, as a limit to some jobs, has to be in the session too, or be named here."""
    begun = sessions_of(SECRET)
    found = begun.read(begun.written(begun.begin(ann()))).identity
    for field in fields(Identity):
        if field.name not in ("expires_at", "session_days"):
            assert getattr(found, field.name) == getattr(ann(), field.name), field.name


def test_a_session_ends_with_its_token_unless_the_tokens_signer_allows_more() -> None:
    now = time.time()
    sessions = sessions_of(SECRET, days=7, most_days=30)
    assert sessions.begin(ann(life=3_600)).ends_at == pytest.approx(now + 3_600, abs=5)
    assert sessions.begin(ann(life=90 * DAY)).ends_at == pytest.approx(now + 30 * DAY, abs=5)
    lent = sessions.begin(ann(life=3_600, lent=14))
    assert lent.ends_at == pytest.approx(now + 14 * DAY, abs=5)
    assert lent.identity.expires_at == pytest.approx(now + 7 * DAY, abs=5)
    assert sessions.begin(ann(lent=400)).ends_at == pytest.approx(now + 30 * DAY, abs=5)


def test_a_session_slides_once_half_of_its_time_has_passed_and_never_beyond_its_end(
    clock: Clock,
) -> None:
    sessions = sessions_of(SECRET, days=7, most_days=30)
    session = sessions.begin(ann(lent=10))
    began = clock.time()
    clock.ahead = 3 * DAY
    assert sessions.renewed(session) is None, "not half yet"
    clock.ahead = 4 * DAY
    second = sessions.renewed(session)
    assert second is not None
    assert second.ends_at == session.ends_at
    assert second.session_id == session.session_id
    assert second.identity.expires_at == pytest.approx(began + 10 * DAY, abs=5), "11 would be more"
    clock.ahead = 8 * DAY
    assert sessions.renewed(second) is None, "nothing to be gained"
    cookie = sessions.written(second)
    assert sessions.read(cookie).identity.subject == "ann"
    clock.ahead = 10 * DAY + 10
    assert "ended" in refused(sessions, cookie)


def test_a_session_that_is_not_used_ends(clock: Clock) -> None:
    sessions = sessions_of(SECRET, days=7)
    cookie = sessions.written(sessions.begin(ann(lent=30)))
    clock.ahead = 7 * DAY - 10
    sessions.read(cookie)
    clock.ahead = 7 * DAY + 10
    assert "ended" in refused(sessions, cookie)


def test_a_secret_that_counts_no_more_ends_its_sessions() -> None:
    before = sessions_of(OTHER)
    cookie = before.written(before.begin(ann(OTHER)))
    between = sessions_of(SECRET, OTHER)
    session = between.read(cookie)
    assert between.marks[1] == before.marks[0], "its cookie has the former name"
    anew = between.written(session)  # signed with the new secret, and still of a token of the old
    after = sessions_of(SECRET)
    assert "ended" in refused(after, cookie)
    assert "ended" in refused(after, anew)


def test_a_public_key_that_counts_no_more_ends_the_sessions_of_its_tokens() -> None:
    one, other = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))

    def trusting(key: ec.EllipticCurvePrivateKey) -> tuple[TokenVerifier, Sessions]:
        verifier = TokenVerifier("default", public_keys(public_pem(key)), Expected())
        return verifier, Sessions([SECRET], verifier, days=7, most_days=30)

    verifier, sessions = trusting(one)
    claims = {"sub": "ann", "exp": int(time.time()) + 600, "scope": "jobs:read"}
    cookie = sessions.written(sessions.begin(verifier.verify(jwt.encode(claims, one, "ES256"))))
    assert trusting(one)[1].read(cookie).identity.subject == "ann", "also on another server"
    assert "ended" in refused(trusting(other)[1], cookie)


def test_a_tenant_that_is_served_no_more_ends_its_sessions() -> None:
    cookie = sessions_of(SECRET).written(sessions_of(SECRET).begin(ann()))
    assert "ended" in refused(sessions_of(SECRET, tenant_id="other"), cookie)
    assert sessions_of(SECRET, tenant_id="*").read(cookie).identity.tenant_id == "default"


def test_no_sessions_where_they_are_off() -> None:
    cookie = sessions_of(SECRET).written(sessions_of(SECRET).begin(ann()))
    assert "SESSION_DAYS" in refused(sessions_of(SECRET, days=0), cookie)


def test_a_ticket_counts_for_a_minute_and_as_nothing_else(clock: Clock) -> None:
    sessions = sessions_of(SECRET)
    ticket = sessions.ticket(ann(life=500))
    taken = sessions.taken(ticket)
    assert taken is not None
    assert taken.expires_at == pytest.approx(time.time() + 500, abs=5), "as long as the session"
    refused(sessions, ticket)
    verifier = TokenVerifier("default", secret_keys(SECRET), Expected())
    for text_ in (ticket, sessions.written(sessions.begin(ann()))):
        with pytest.raises(TokenRefused):
            verifier.verify(text_)
    assert sessions.taken(sessions.written(sessions.begin(ann()))) is None
    clock.ahead = TICKET_LIFE + 1
    assert sessions.taken(ticket) is None


def forgeries() -> Iterator[str]:
    sessions = sessions_of(SECRET)
    good = sessions.written(sessions.begin(ann()))
    head, body, signature = good.split(".")
    claims = jwt.decode(good, options={"verify_signature": False})
    more = {**claims, "scope": " ".join(SCOPES), "exp": claims["exp"] + DAY}
    typ = {"typ": "session+jwt"}
    yield jwt.encode(more, SECRET, "HS256", headers=typ)  # the secret of tokens itself
    yield jwt.encode(more, OTHER, "HS256", headers=typ)
    yield jwt.encode(more, None, "none", headers=typ)  # type: ignore[arg-type]
    yield f"{head}.{jwt.encode(more, OTHER).split('.')[1]}.{signature}"
    yield f"{head}.{body}."
    yield f"{good}x" * 30
    yield good[:-3]
    yield from ("", ".", "..", "\x00", "é", "eyJ", '{"a":1}', "a" * 5_000)


@pytest.mark.parametrize("forged", list(forgeries()))
def test_a_forged_cookie_opens_nothing(forged: str) -> None:
    assert "ended" in refused(sessions_of(SECRET), forged)


def test_the_longest_name_fits_into_a_cookie() -> None:
    for name in ("\U0001f600" * 200, "é" * 200, '"' * 200):
        sessions = sessions_of(SECRET)
        identity = Identity("t" * 64, SCOPES, time.time() + 900, name, "5" * 16)
        assert len(sessions.written(sessions.begin(identity))) < 4_000


# ---------------------------------------------------------------- the cookie's name and place


def cookie_at(base: str, *, path: str = "") -> str:
    app = Flask(__name__)
    cookie = SessionCookie(["0123abcd"])

    @app.get("/in")
    def sign_in() -> Any:
        answer = app.response_class(status=204)
        cookie.put(answer, request, "text", 60)
        return answer

    app.wsgi_app = behind_proxies(app.wsgi_app, path, parse_proxies("10.0.0.7"))  # type: ignore[assignment,method-assign]
    peer = {"REMOTE_ADDR": "10.0.0.7" if "proxied" in base else "10.0.0.8"}
    headers = {"X-Forwarded-Proto": "https"} if base != "https://h" else {}
    answer = app.test_client().get(f"{path}/in", base_url=base, environ_base=peer, headers=headers)
    return answer.headers["Set-Cookie"]


@pytest.mark.parametrize(
    ("base", "path", "name", "is_secure"),
    [
        ("http://h:8080", "", "progress-0123abcd", False),  # a stranger says it is HTTPS
        ("http://proxied", "", "__Host-progress-0123abcd", True),
        ("https://h", "", "__Host-progress-0123abcd", True),
        ("https://h", "/jobs", "__Secure-progress-0123abcd", True),
        ("http://proxied", "/jobs", "__Secure-progress-0123abcd", True),
        ("http://h", "/jobs", "progress-0123abcd", False),
    ],
)
def test_the_cookie_is_as_strict_as_its_address_allows(
    base: str, path: str, name: str, is_secure: bool
) -> None:
    said = cookie_at(base, path=path)
    assert said.startswith(f"{name}=text;")
    parts = {part.strip() for part in said.split(";")[1:]}
    assert {"HttpOnly", "SameSite=Strict", f"Path={path or '/'}"} <= parts
    assert ("Secure" in parts) is is_secure
    assert not any(part.startswith("Domain") for part in parts)


def test_installations_on_one_host_have_cookies_of_their_own() -> None:
    assert len({*sessions_of(SECRET).marks, *sessions_of(OTHER).marks}) == 2
    assert SECRET not in str(sessions_of(SECRET).marks)


# ---------------------------------------------------------------- a user whom a proxy names


def users() -> Callers:
    sessions = sessions_of(SECRET)
    named = TrustedUsers("X-Auth-Request-User", parse_proxies("10.0.0.7"), "default", READ)
    verifier = TokenVerifier("default", secret_keys(SECRET), Expected())
    return Callers(verifier, sessions, Origins(()), named)


def asked(
    headers: dict[str, str], *, peer: str = "10.0.0.7", method: str = "GET", **options: Any
) -> Any:
    """What the callers make of a request."""
    with Flask(__name__).test_request_context(
        "/api/jobs", method=method, headers=headers, environ_base={"REMOTE_ADDR": peer}, **options
    ):
        return users().of_request(request._get_current_object())  # type: ignore[attr-defined]


def test_a_known_proxy_names_the_user_and_nobody_else_does() -> None:
    caller = asked({"X-Auth-Request-User": "ann@example.com"})
    assert caller.identity.subject == "ann@example.com"
    assert caller.identity.scopes == READ
    assert caller.kind == "proxy"
    for peer in ("10.0.0.8", "127.0.0.1", "", "::1"):
        with pytest.raises(Exception, match="no token"):
            asked({"X-Auth-Request-User": "ann"}, peer=peer)
    with pytest.raises(Exception, match="no token"):
        asked({"X-Auth-Request-User": " "})


@pytest.mark.parametrize("name", ["ann,bob", "x" * 201, "a\x01b", "a\u202eb"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    sent = name.encode().decode("latin-1")
    with pytest.raises(Exception, match="does not name one user"):
        asked({"X-Auth-Request-User": sent})


def test_a_name_in_utf_8_is_read_as_it_was_meant() -> None:
    sent = "Jürgen".encode().decode("latin-1")
    assert asked({"X-Auth-Request-User": sent}).identity.subject == "Jürgen"


def test_a_bearer_token_wins_over_the_proxys_user_and_a_password_of_the_proxy_does_not() -> None:
    named = {"X-Auth-Request-User": "ann"}
    with pytest.raises(Exception, match="signature or form"):
        asked({**named, "Authorization": "Bearer not.a.token"})
    with pytest.raises(Exception, match="no token"):
        asked({**named, "Authorization": "Bearer "})
    assert asked({**named, "Authorization": "Basic YTpi"}).identity.subject == "ann"


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": "http://localhost:9"},
        {"Origin": "http://localhost:9"},
        {"Origin": "null"},
        {},
    ],
)
def test_a_page_of_another_origin_changes_nothing_in_the_name_of_a_proxys_user(
    headers: dict[str, str],
) -> None:
    """The cookies of proxies are seldom SameSite=Strict."""
    with pytest.raises(Exception, match="pages of this server alone"):
        asked({"X-Auth-Request-User": "ann", **headers}, method="POST")


# ---------------------------------------------------------------- over a whole server


@pytest.fixture(scope="module", params=["gthread", "gevent"])
def product(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    shop_database: Path,
) -> Iterator[Product]:
    data_dir = tmp_path_factory.mktemp("sessions") / "data"
    settings = {"SAMPLE_ORDERS": "0", "RUNNER": "off", "WORKERS": "2"}
    with running_product(
        data_dir, shop_database, worker_class=request.param, **settings
    ) as product:
        yield product


def sign_in(product: Product, **claims: Any) -> str:
    """The Cookie header of a browser that has signed in."""
    answer = product.post("/api/session", token=product.token(**claims), headers=page(product))
    assert answer.status == 204, answer
    return (answer.header("Set-Cookie") or "").partition(";")[0]


def page(product: Product) -> dict[str, str]:
    """What a browser says of a page of this server."""
    return {"Origin": product.url, "Sec-Fetch-Site": "same-origin"}


def by_cookie(product: Product, method: str, path: str, cookie: str, body: Any = None) -> Answer:
    headers = {**page(product), "Cookie": cookie}
    return product.request(method, path, body, token=None, headers=headers)


def test_a_session_does_what_its_token_did_and_no_more(product: Product) -> None:
    cookie = sign_in(product, scope="jobs:read", sub="ann")
    told = by_cookie(product, "GET", "/api/session", cookie).json()
    assert (told["kind"], told["subject"], told["tenantId"]) == ("session", "ann", "default")
    assert told["scopes"] == ["jobs:read"]
    assert told["endsAt"] == pytest.approx(time.time() + 3_600 + LEEWAY, abs=30)
    assert by_cookie(product, "GET", "/api/jobs", cookie).status == 200
    made = by_cookie(product, "POST", "/api/jobs", cookie, {"name": "x", "graph": {}})
    assert made.status == 403
    assert "session's scope does not hold jobs:write" in made.json()["detail"]


def test_a_session_is_told_by_who_signs_in_and_what_is_signed_out_is_dropped(
    product: Product,
) -> None:
    assert product.get("/api/session", token=None).status == 401
    for token in (None, "bad", product.token(exp=1_000)):
        answer = product.post("/api/session", token=token, headers=page(product))
        assert (answer.status, answer.header("Set-Cookie")) == (401, None)
    bearer = product.get("/api/session").json()
    assert (bearer["kind"], bearer["ticket"]) == ("bearer", None)
    cookie = sign_in(product)
    gone = by_cookie(product, "DELETE", "/api/session", cookie)
    assert gone.status == 204
    said = gone.header("Set-Cookie") or ""
    assert said.startswith(f"{cookie.partition('=')[0]}=;")
    assert "Max-Age=0" in said


def test_a_bearer_token_wins_over_the_cookie_also_one_that_is_not_good(product: Product) -> None:
    cookie = {"Cookie": sign_in(product, sub="ann")}
    told = product.get("/api/session", token=product.token(sub="bob"), headers=cookie).json()
    assert told["subject"] == "bob"
    assert product.get("/api/jobs", token="bad", headers=cookie).status == 401
    with Raw(product, token="bad", headers={**cookie, "Origin": ws_origin(product)}) as client:
        assert client.status == 401


def test_a_session_is_renewed_by_any_request_once_half_of_its_time_has_passed(
    product: Product,
) -> None:
    name, value = cookie_of(product, seconds=100, age=50)
    young = by_cookie(product, "GET", "/api/jobs", f"{name}={value}")
    assert (young.status, young.header("Set-Cookie")) == (200, None)
    name, value = cookie_of(product, seconds=100, age=200, days=2)
    for path in ("/api/jobs", "/api/session"):
        said = by_cookie(product, "GET", path, f"{name}={value}").header("Set-Cookie") or ""
        assert said.startswith(f"{name}=")
        assert int(said.split("Max-Age=")[1].split(";")[0]) == pytest.approx(2 * DAY, abs=60)
        assert "HttpOnly" in said
        assert "SameSite=Strict" in said
    refused_ = by_cookie(product, "GET", "/api/runs/none", f"{name}={value}")
    assert (refused_.status, refused_.header("Set-Cookie")) == (404, None)


def ws_origin(product: Product) -> str:
    return f"http://127.0.0.1:{product.ws_port}"


def socket_of(product: Product, cookie: str) -> Raw:
    return Raw(product, token=None, headers={"Cookie": cookie, "Origin": ws_origin(product)})


def test_a_websocket_opens_by_the_cookie_and_ends_with_the_session(product: Product) -> None:
    cookie = "=".join(cookie_of(product, seconds=6, days=6 / DAY))
    with socket_of(product, cookie) as client:
        assert client.status == 101
        assert "set-cookie" not in client.headers
        client.send(subscribe(5))
        assert client.close_code() == 4501
    assert by_cookie(product, "GET", "/api/jobs", cookie).status == 401


def test_a_websocket_goes_on_with_a_session_that_slides_on(product: Product) -> None:
    """It may be open in another worker than the one that renewed the cookie."""
    began = time.monotonic()
    cookie = "=".join(cookie_of(product, seconds=5, age=20))
    with socket_of(product, cookie) as client:
        told = by_cookie(product, "GET", "/api/session", cookie).json()
        assert told["expiresAt"] > time.time() + 3_600
        client.send(text(json.dumps({"action": "auth", "token": told["ticket"]})))
        eventually(lambda: time.monotonic() - began > 7, what="the first end has passed")
        client.send(text('{"action":"echo"}'))
        assert client.message()["code"] == "unknown_action", "it lives, and took the ticket"


def test_a_ticket_is_no_token(product: Product) -> None:
    ticket = by_cookie(product, "GET", "/api/session", sign_in(product)).json()["ticket"]
    assert product.get("/api/jobs", token=ticket).status == 401
    with Raw(product, token=ticket) as client:
        assert client.status == 401


def test_connections_of_a_session_are_counted_together_also_after_it_was_renewed(
    tmp_path: Path, shop_database: Path
) -> None:
    settings = {"SAMPLE_ORDERS": "0", "RUNNER": "off", "MAX_CLIENTS_PER_TOKEN": "2"}
    with running_product(tmp_path / "data", shop_database, **settings) as product:
        cookie = "=".join(cookie_of(product, seconds=100, age=200))
        said = by_cookie(product, "GET", "/api/jobs", cookie).header("Set-Cookie") or ""
        anew = said.partition(";")[0]
        assert anew != cookie
        with (
            socket_of(product, cookie),
            socket_of(product, anew),
            socket_of(product, anew) as third,
        ):
            assert third.status == 429
