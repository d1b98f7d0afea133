"""The page's files are kept by browsers, and never old."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest
from flask import Flask, render_template_string

from web import assets
from web.assets import Assets, assets_of
from web.page_bundle import SOURCES


def files(directory: Path) -> Path:
    (directory / "static" / "part").mkdir(parents=True)
    (directory / "static" / "main.js").write_text("import './part/one.js';")
    (directory / "static" / "part" / "one.js").write_text("1")
    return directory / "static"


def version_of(directory: Path) -> str:
    return assets_of(directory).version


def test_the_version_changes_with_what_is_in_a_file_and_with_its_name(tmp_path: Path) -> None:
    directory = files(tmp_path)
    versions = [version_of(directory)]
    assert version_of(directory) == versions[0]
    (directory / "part" / "one.js").write_text("2")
    os.utime(directory / "part" / "one.js", (1, 1))
    versions.append(version_of(directory))
    (directory / "part" / "one.js").rename(directory / "part" / "two.js")
    versions.append(version_of(directory))
    assert len(set(versions)) == 3


def test_servers_with_the_same_files_agree(tmp_path: Path) -> None:
    one, other = files(tmp_path / "one"), files(tmp_path / "other")
    os.utime(other / "main.js", (1, 1))  # unpacked at another time
    assert version_of(one) == version_of(other)


def test_what_a_page_names_may_be_kept_and_what_another_version_names_not(tmp_path: Path) -> None:
    app = Flask("test", static_folder=str(files(tmp_path)))
    assets.install(app)
    version = version_of(tmp_path / "static")
    client = app.test_client()
    kept = client.get(f"/static-{version}/part/one.js")
    assert (kept.status_code, kept.headers["Cache-Control"]) == (200, assets.KEPT)
    other = client.get("/static-0123/part/one.js")
    assert (other.status_code, other.headers["Cache-Control"]) == (200, "no-cache")
    for path in ("../secret", "%2e%2e/secret", "nothing.js"):
        assert client.get(f"/static-{version}/{path}").status_code == 404


def test_answers_of_the_api_say_which_version_the_server_has(tmp_path: Path) -> None:
    app = Flask("test", static_folder=str(files(tmp_path)))
    assets.install(app)
    app.add_url_rule("/api/jobs", "jobs", lambda: "[]")
    client = app.test_client()
    versions = [client.get(path).headers.get("Page-Version") for path in ("/api/jobs", "/api/none")]
    assert versions == [version_of(tmp_path / "static")] * 2
    assert "Page-Version" not in client.get("/elsewhere").headers


def test_a_page_that_names_many_files_looks_at_them_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[Path] = []

    def look(directory: Path) -> Assets:
        looks.append(directory)
        return Assets(f"v{len(looks)}", SOURCES)

    monkeypatch.setattr(assets, "assets_of", look)
    app = Flask("test", static_folder=str(files(tmp_path)))
    assets.install(app)
    app.add_url_rule("/", "page", lambda: render_template_string("{{ assets() }} " * 50))
    client = app.test_client()
    assert client.get("/").text.split() == ["static-v1"] * 50
    assert client.get("/").text.split() == ["static-v2"] * 50
    for _ in range(9):
        kept = client.get("/static-v2/main.js")
        assert kept.headers["Cache-Control"] == assets.KEPT
    assert len(looks) == 2


def test_text_is_sent_in_fewer_bytes_to_who_can_read_them(tmp_path: Path) -> None:
    directory = files(tmp_path)
    text = "// the same again\n" * 1000
    (directory / "main.js").write_text(text)
    (directory / "photo.png").write_bytes(text.encode())
    app = Flask("test", static_folder=str(directory))
    assets.install(app)
    client = app.test_client()
    plain = client.get("/static-1/main.js")
    assert (plain.text, plain.headers["Vary"]) == (text, "Accept-Encoding")
    assert "Content-Encoding" not in plain.headers
    short = client.get("/static-1/main.js", headers={"Accept-Encoding": "br, gzip"})
    assert gzip.decompress(short.data).decode() == text
    assert (short.content_encoding, short.content_length) == ("gzip", len(short.data))
    assert short.headers["Vary"] == "Accept-Encoding"
    picture = client.get("/static-1/photo.png", headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in picture.headers


def test_a_path_through_what_is_not_there_leads_to_the_same_file_in_fewer_bytes(
    tmp_path: Path,
) -> None:
    """It was an error of ours, with a traceback in the log for whoever asked."""
    app = Flask("test", static_folder=str(files(tmp_path)))
    assets.install(app)
    asked = {"Accept-Encoding": "gzip"}
    found = app.test_client().get("/static-1/nothing/../main.js", headers=asked)
    assert (found.status_code, gzip.decompress(found.data)) == (200, b"import './part/one.js';")


def test_a_file_that_changed_is_compressed_anew_and_one_that_did_not_is_not_sent_again(
    tmp_path: Path,
) -> None:
    directory = files(tmp_path)
    app = Flask("test", static_folder=str(directory))
    assets.install(app)
    client = app.test_client()
    asked = {"Accept-Encoding": "gzip"}
    first = client.get("/static-1/main.js", headers=asked)
    since = {**asked, "If-Modified-Since": first.headers["Last-Modified"]}
    assert client.get("/static-1/main.js", headers=since).status_code == 304
    (directory / "main.js").write_text("changed")
    os.utime(directory / "main.js", (2_000_000_000, 2_000_000_000))
    again = client.get("/static-1/main.js", headers=since)
    assert gzip.decompress(again.data) == b"changed"


def test_a_part_of_a_file_is_a_part_of_its_plain_bytes(tmp_path: Path) -> None:
    app = Flask("test", static_folder=str(files(tmp_path)))
    assets.install(app)
    asked = {"Accept-Encoding": "gzip", "Range": "bytes=0-5"}
    part = app.test_client().get("/static-1/main.js", headers=asked)
    assert (part.status_code, part.data) == (206, b"import")
    assert "Content-Encoding" not in part.headers
