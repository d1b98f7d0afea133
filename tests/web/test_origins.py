"""Which origins are this server's own, or named: also as proxies and operators spell them."""

import pytest

from web.origins import Origins, refusal


@pytest.mark.parametrize(
    ("origin", "host", "is_own"),
    [
        ("https://p.example", "p.example", True),
        ("https://p.example", "p.example:443", True),  # as some proxies hand it on
        ("http://p.example", "p.example:80", True),
        ("https://p.example:443", "p.example", True),
        ("https://p.example", "P.Example:443", True),
        ("https://p.example:8443", "p.example:8443", True),
        ("https://[::1]", "[::1]:443", True),
        ("https://p.example", "p.example:80", False),
        ("http://p.example", "p.example:443", False),
        ("https://p.example:8443", "p.example", False),
        ("https://p.example", "p.example:4430", False),
        ("https://p.example.evil", "p.example", False),
        ("https://p.example/", "p.example", False),
        ("ftp://p.example", "p.example", False),
        ("null", "null", False),
        ("https://", "", False),
        (None, "p.example", False),
    ],
)
def test_an_origin_is_our_own_when_it_names_the_host_that_was_asked(
    origin: str | None, host: str, is_own: bool
) -> None:
    assert Origins(["https://portal.example"]).is_own(origin, host) is is_own


def test_an_operator_may_name_the_schemes_own_port() -> None:
    origins = Origins(["https://Portal.example:443", "http://localhost:4200"])
    assert origins.names("https://portal.example")
    assert origins.names("http://localhost:4200")
    assert not origins.names("http://localhost")
    assert not origins.names("https://portal.example:4430")


def test_a_refusal_says_what_was_seen() -> None:
    told = refusal("https://p.example", "10.0.0.7:8080")
    assert "'https://p.example'" in told
    assert "ALLOWED_ORIGINS does not name it" in told
    assert "the host '10.0.0.7:8080'" in told
    assert "no Origin header" in refusal(None, "p.example")
