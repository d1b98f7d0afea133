"""The page's modules in one file, and its style sheets in one: a first visit asks for two files, where it asked for 156.

    python -m web.page_bundle BUNDLED    writes static/bundle/, with the script that deno made of the modules (scripts/bundle-page calls it)
    python -m web.page_bundle --check    says whether static/bundle/ was made of the sources beside it

Both files say in their first line of which sources they were made. Where these are not the ones beside it, a page gets the sources,
one by one: a change is seen at once, and nobody gets an old page because somebody forgot to bundle.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

STATIC = Path(__file__).parent.parent / "static"
ENTRY = "playground/main.js"
STYLES = tuple(
    f"css/{name}.css"  # in this order: a later one overrides
    for name in (
        "tokens",
        "playground",
        "editor",
        "runs",
        "parameters",
        "webhooks",
        "files",
        "home",
        "views",
        "failure",
    )
)
SCRIPT_BUNDLE = "bundle/playground.js"
STYLE_BUNDLE = "bundle/playground.css"


class PageFiles(NamedTuple):
    """What a page has to name; paths below static/."""

    script: str
    styles: tuple[str, ...]


SOURCES = PageFiles(ENTRY, STYLES)
BUNDLE = PageFiles(SCRIPT_BUNDLE, (STYLE_BUNDLE,))


def page_files(static: Path) -> PageFiles:
    """The bundle, where it was made of the sources of now, else these."""
    first_line = _first_line(sources_version(static))
    bundle = (BUNDLE.script, *BUNDLE.styles)
    return BUNDLE if all(_begins(static / path, first_line) for path in bundle) else SOURCES


def sources_version(static: Path) -> str:
    """What tells the sources of now from others: the same on each machine with the same files."""
    modules = [
        path for part in ("playground", "realtime") for path in (static / part).rglob("*.js")
    ]
    styles = [static / path for path in STYLES if (static / path).is_file()]
    return hashed(static, sorted(modules) + styles)


def hashed(directory: Path, files: Iterable[Path]) -> str:
    """16 hexadecimal digits of these files' names and what is in them."""
    content = hashlib.sha256()
    for path in files:
        data = path.read_bytes()
        content.update(f"{path.relative_to(directory)}\0{len(data)}\0".encode())
        content.update(data)
    return content.hexdigest()[:16]


def write(static: Path, script: str) -> None:
    """Writes the bundle of the sources of now; `script`: the modules as one."""
    first_line = _first_line(sources_version(static))
    (static / SCRIPT_BUNDLE).parent.mkdir(exist_ok=True)
    (static / SCRIPT_BUNDLE).write_text(first_line + script)
    (static / STYLE_BUNDLE).write_text(first_line + _all_styles(static))


def is_of_now(static: Path) -> bool:
    """Whether the bundle is the one of the sources of now; of the script, what it says of itself is believed."""
    if page_files(static) != BUNDLE:
        return False
    _, _, styles = (static / STYLE_BUNDLE).read_text().partition("\n")
    return styles == _all_styles(static)


def _all_styles(static: Path) -> str:
    """A line a sheet."""
    return "".join(_in_a_line((static / path).read_text()) + "\n" for path in STYLES)


def _in_a_line(style: str) -> str:
    return " ".join(line.strip() for line in style.splitlines() if line.strip())


def _first_line(version: str) -> str:
    return f"/* Made by scripts/bundle-page of the sources {version}: change those. */\n"


def _begins(file: Path, first_line: str) -> bool:
    try:
        with file.open() as opened:
            return opened.readline() == first_line
    except FileNotFoundError:
        return False


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m web.page_bundle", description=__doc__)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("bundled", nargs="?", type=Path, help="the script that deno made")
    what.add_argument("--check", action="store_true")
    asked = parser.parse_args(arguments)
    if not asked.check:
        write(STATIC, asked.bundled.read_text())
    elif not is_of_now(STATIC):
        print("static/bundle/ was made of other sources: run scripts/bundle-page", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
