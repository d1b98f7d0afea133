"""URLs and paths in JSON, taken apart: what is one, and what only looks like one."""

from __future__ import annotations

import pytest

from program_lib.network.urls import WrongUrl, parse_url
from program_lib.notation.json_paths import parse_path, path_text
from program_lib.parameters import Parameter, Value, in_url


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("https://API.example.com", "https://api.example.com/"),
        ("HTTP://api.example.com.:8080/a?b=c#d", "http://api.example.com:8080/a?b=c"),
        ("https://api.example.com:443/a%20b?x=%2F+1", "https://api.example.com/a%20b?x=%2F+1"),
        ("https://bücher.example/ü?q=ä", "https://xn--bcher-kva.example/%C3%BC?q=%C3%A4"),
        ("http://[::1]:8080/", "http://[::1]:8080/"),
        ("http://[0:0::1]/", "http://[::1]/"),
        ("http://127.0.0.1/", "http://127.0.0.1/"),
        ("https://api.example.com?$filter=a eq 1".replace(" ", "%20"), "https://api.example.com/?$filter=a%20eq%201"),
    ],
)  # fmt: skip
def test_a_url_has_one_spelling(text: str, means: str) -> None:
    assert str(parse_url(text)) == means
    assert parse_url(means) == parse_url(text)


@pytest.mark.parametrize(
    "text",
    [
        "ftp://api.example.com/",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "//api.example.com/",
        "/orders",
        "",
        "https://",
        "https:///a",
        "https://user@api.example.com/",
        "http://api.example.com@evil.example/",
        "http://api.example.com:80@evil.example/",
        "http://api.example.com\\@evil.example/",
        "http://evil.example\\.api.example.com/",
        "http://api.example.com /",
        "http://api.example.com/a b",
        "http://api.example.com/\r\nHost: evil.example",
        "http://api.exam\tple.com/",
        "http://api.example.com/\0",
        "http://api.example.com:99999/",
        "http://api.example.com:x/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0177.0.0.1/",
        "http://127.1/",
        "http://127.0.0.1./",
        "http://１２７.0.0.1/",
        "http://127。0。0。1/",
        "http://[::1/",
        "http://[fe80::1%25eth0]/",
        "http://[127.0.0.1]/",
        "http://a..b/",
        "http://*.example.com/",
        "http://faß.example/",
        "http://{host}/",
        f"http://api.example.com/{'a' * 8_000}",
    ],
)
def test_what_is_no_url_or_could_mean_another_host_is_refused(text: str) -> None:
    with pytest.raises(WrongUrl):
        parse_url(text)


def test_a_parameter_takes_the_place_of_its_name_and_leaves_the_others_as_they_are() -> None:
    url = parse_url("https://h.example/a?filter[x]=1;2&cursor=old&c%75rsor=odd&&x=%20+")
    assert str(url.with_parameter("cursor", "a b&c=d/é")) == (
        "https://h.example/a?filter[x]=1;2&x=%20+&cursor=a%20b%26c%3Dd%2F%C3%A9"
    )


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("", ()),
        ("$", ()),
        ("data", ("data",)),
        ("$.data.items", ("data", "items")),
        ("data[0].id", ("data", 0, "id")),
        ("[-1]", (-1,)),
        ('$["odd.name"][\'it"s\'].x', ("odd.name", 'it"s', "x")),
        ("a b.ü", ("a b", "ü")),
        ("@odata.nextLink", ("@odata", "nextLink")),
        ('["@odata.nextLink"]', ("@odata.nextLink",)),
    ],
)
def test_a_path_is_names_and_places(text: str, steps: tuple[str | int, ...]) -> None:
    assert parse_path(text) == steps
    assert parse_path(path_text(steps)) == steps


@pytest.mark.parametrize("text", [".a", "a..b", "a.", "a[", "a[x]", "a[*]", "$..a", "a]", "a['b]", " a", "a ", "a .b", "a[0] ", "a." * 21 + "b"])  # fmt: skip
def test_what_is_no_path_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"path|steps"):
        parse_path(text)


def value(text: str) -> dict[str, Value]:
    parameter = Parameter("q", "text")
    return {"q": parameter.value(parameter.text_of(text))}


@pytest.mark.parametrize("text", ["a/b", "a&b=c", "#x", "a b", "é", "%2e", "?", "http://evil.example", "a\nb", "+"])  # fmt: skip
def test_a_value_stays_one_part_of_a_url_whatever_it_holds(text: str) -> None:
    from urllib.parse import parse_qs, unquote, urlsplit

    parts = urlsplit(in_url("https://h.example/a/{q}/b?x={q}&y=1", value(text)))
    assert parts.netloc == "h.example"
    assert [unquote(step) for step in parts.path.split("/")] == ["", "a", text, "b"]
    assert parse_qs(parts.query) == {"x": [text], "y": ["1"]}
    assert parts.fragment == ""


@pytest.mark.parametrize(
    ("template", "text", "told"),
    [
        ("https://{q}.example/", "evil", "in the host"),
        ("https://h.example{q}/", ".evil", "in the host"),
        ("https://h.example/a/{q}/b", "..", "lead elsewhere"),
        ("{q}/admin", "..", "lead elsewhere"),
        ("https://h.example/{q}", "", "needs one"),
        ("https://h.example/{r}", "a", "no parameter r"),
    ],
)
def test_a_value_that_could_lead_elsewhere_is_refused(template: str, text: str, told: str) -> None:
    with pytest.raises(Exception, match=told):
        in_url(template, value(text))
