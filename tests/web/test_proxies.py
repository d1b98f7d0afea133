"""What a proxy may say of where its clients see this server, and who is believed."""

from __future__ import annotations

import pytest
from flask import Flask, request
from flask.testing import FlaskClient

from settings.addresses import is_one_of, parse_proxies
from web.proxies import behind_proxies

PROXY, STRANGER = "10.0.0.7", "10.0.0.8"


def client(base_path: str = "") -> FlaskClient:
    app = Flask(__name__)

    @app.get("/api/seen")
    def seen() -> dict[str, str]:
        return {"root": request.script_root, "host": request.host, "path": request.path}

    app.wsgi_app = behind_proxies(app.wsgi_app, base_path, parse_proxies(PROXY))  # type: ignore[assignment,method-assign]
    return app.test_client()


def seen(base_path: str, path: str, peer: str = PROXY, **headers: str) -> tuple[str, str, str]:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = client(base_path).get(path, headers=sent, environ_base={"REMOTE_ADDR": peer})
    assert answer.status_code == 200, (answer.status_code, path)
    told = answer.get_json()
    return told["root"], told["host"], told["path"]


@pytest.mark.parametrize("path", ["/api/seen", "/progress/api/seen"])
def test_a_base_path_is_taken_off_where_the_proxy_leaves_it(path: str) -> None:
    assert seen("/progress", path, STRANGER) == ("/progress", "localhost", "/api/seen")


@pytest.mark.parametrize(("query", "told"), [("", ""), ("?job=4&x=%2F", "?job=4&x=%2F")])
def test_a_base_path_without_its_slash_leads_to_the_page(query: str, told: str) -> None:
    answer = client("/progress").get(f"/progress{query}")
    assert (answer.status_code, answer.headers["Location"]) == (307, f"/progress/{told}")


def test_a_known_proxy_says_under_which_host_and_path_it_has_us() -> None:
    told = {"X_Forwarded_Host": "p.example", "X_Forwarded_Prefix": "/a/progress/"}
    assert seen("", "/api/seen", **told) == ("/a/progress", "p.example", "/api/seen")
    assert seen("/other", "/api/seen", **told) == ("/a/progress", "p.example", "/api/seen")


def test_a_known_proxy_is_known_by_its_ipv4_address_on_a_socket_of_ipv6() -> None:
    told = {"X_Forwarded_Prefix": "/progress"}
    assert seen("", "/api/seen", f"::ffff:{PROXY}", **told)[0] == "/progress"


@pytest.mark.parametrize("written", ["::ffff:10.0.0.7", "::ffff:a00:0/120"])
@pytest.mark.parametrize("peer", ["10.0.0.7", "::ffff:10.0.0.7"])
def test_a_proxy_may_be_named_as_a_log_of_a_socket_of_ipv6_has_it(written: str, peer: str) -> None:
    assert is_one_of(peer, parse_proxies(written))
    assert not is_one_of("10.0.1.7", parse_proxies(written))


def test_a_stranger_is_not_believed() -> None:
    told = {"X_Forwarded_Host": "evil.example", "X_Forwarded_Prefix": "/evil"}
    assert seen("", "/api/seen", STRANGER, **told) == ("", "localhost", "/api/seen")


@pytest.mark.parametrize(
    "prefix", ["//evil.example", "https://evil.example", "progress", "/a b", "/a\\b", "/", ""]
)
def test_a_prefix_that_would_lead_elsewhere_is_not_believed(prefix: str) -> None:
    assert seen("", "/api/seen", X_Forwarded_Prefix=prefix) == ("", "localhost", "/api/seen")


@pytest.mark.parametrize("prefix", ["/api", "/api/", "/api/jobs"])
def test_a_prefix_that_is_a_path_of_ours_is_not_believed(prefix: str) -> None:
    """It was taken off once more behind a proxy that had taken it off: each request to the API was 404."""
    assert seen("", "/api/seen", X_Forwarded_Prefix=prefix) == ("", "localhost", "/api/seen")
    assert seen("", "/api/seen", X_Forwarded_Prefix="/api/progress")[0] == "/api/progress"


def test_a_path_that_only_begins_like_the_base_path_is_another() -> None:
    assert client("/api").get("/api/seen").status_code == 404  # what is below /api is /seen
    assert client("/ap").get("/api/seen").status_code == 200
