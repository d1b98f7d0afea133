"""A page gets the bundle of its modules, and these one by one where the bundle is of others."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from web.page_bundle import (
    BUNDLE,
    SCRIPT_BUNDLE,
    SOURCES,
    STATIC,
    STYLES,
    is_of_now,
    main,
    page_files,
    write,
)


@pytest.fixture
def static(tmp_path: Path) -> Path:
    """A copy of static/, bundled."""
    shutil.copytree(STATIC, tmp_path / "static")
    write(tmp_path / "static", "bundled();")
    return tmp_path / "static"


def test_the_bundle_in_the_repository_is_of_the_sources_in_it() -> None:
    assert is_of_now(STATIC), "run scripts/bundle-page, and commit static/bundle"
    assert main(["--check"]) == 0


@pytest.mark.parametrize("changed", ["playground/main.js", "realtime/words.js", "css/views.css"])
def test_a_page_gets_the_sources_where_one_has_changed(static: Path, changed: str) -> None:
    assert page_files(static) == BUNDLE
    with (static / changed).open("a") as file:
        file.write("\n")
    assert page_files(static) == SOURCES
    assert not is_of_now(static)
    write(static, "bundled();")
    assert page_files(static) == BUNDLE


@pytest.mark.parametrize("path", [BUNDLE.script, *BUNDLE.styles])
def test_a_page_gets_the_sources_where_a_half_of_the_bundle_is_missing(
    static: Path, path: str
) -> None:
    (static / path).unlink()
    assert page_files(static) == SOURCES


def test_a_module_more_or_by_another_name_is_another_source(static: Path) -> None:
    (static / "playground" / "one.js").write_text("1")
    assert page_files(static) == SOURCES
    write(static, "bundled();")
    (static / "playground" / "one.js").rename(static / "playground" / "two.js")
    assert page_files(static) == SOURCES


def test_styles_that_somebody_changed_in_the_bundle_are_found(static: Path) -> None:
    with (static / BUNDLE.styles[0]).open("a") as file:
        file.write("body { color: red }")
    assert not is_of_now(static)


def test_the_bundle_has_each_style_sheet_and_script_once(static: Path) -> None:
    assert (static / BUNDLE.script).read_text().splitlines()[1:] == ["bundled();"]
    lines = (static / BUNDLE.styles[0]).read_text().splitlines()[1:]
    sources = [(static / path).read_text() for path in STYLES]
    assert [line.split() for line in lines] == [source.split() for source in sources]


def test_each_style_sheet_is_of_the_page_or_of_the_descriptions() -> None:
    sheets = {f"css/{file.name}" for file in (STATIC / "css").glob("*.css")}
    assert sheets == {*STYLES, "css/described.css"}


def test_what_a_source_names_by_its_own_place_is_at_the_same_place_from_the_bundle() -> None:
    """The bundle is one directory below static/: the one module that asks where it is must be, too, and no style sheet may."""
    asking = {
        path.relative_to(STATIC).as_posix()
        for path in STATIC.rglob("*.js")
        if "import.meta" in path.read_text()
    }
    assert asking <= {SCRIPT_BUNDLE, "playground/root.js", "realtime/job-progress.js"}
    for path in STYLES:
        assert not re.search(r"url\(|@import", (STATIC / path).read_text()), path
