"""What a workbook says of its sheets, and of how numbers are shown."""

from __future__ import annotations

import mmap
import re
import tempfile
from array import array
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from program_lib.errors import ProgramError
from program_lib.excel_files.dates import BUILT_IN, Section, sections
from program_lib.excel_files.package import Package
from program_lib.process.settings import temporary_directory
from program_lib.types import listed

MOST_STYLES = 65_536  # Excel has 65,490
LONGEST_TEXT = 1024 * 1024  # characters of a cell; Excel has 32,767
# What other programs write of a character that XML has not, or of a line end that it would change: _x000D_
_ESCAPED = re.compile("_x([0-9A-Fa-f]{4})_")


def unescaped(text: str) -> str:
    """The text that a cell means. A NUL stays as it is written, since no column holds it."""
    return _ESCAPED.sub(_character, text) if "_x" in text else text


def _character(found: re.Match[str]) -> str:
    code = int(found[1], 16)
    return found[0] if code == 0 or 0xD800 <= code < 0xE000 else chr(code)


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet with cells; charts are none."""

    name: str
    part: str


@dataclass
class Workbook:
    """What stands in xl/workbook.xml and in the parts that it names."""

    package: Package
    sheets: list[Sheet] = field(default_factory=list)
    from_1904: bool = False
    # How numbers are shown, by the number of a style; no sections: as numbers
    formats: list[tuple[Section, ...]] = field(default_factory=list)
    texts: str | None = None  # the part with the texts that cells share

    def sheet(self, wanted: str) -> Sheet:
        """By its name or, where none is called so, by its number from 1 on; "" is the first one. Raises ProgramError."""
        by_name = {sheet.name.lower(): sheet for sheet in reversed(self.sheets)}
        if (found := by_name.get(wanted.lower())) is not None:
            return found
        number = 1 if not wanted else int(wanted) if wanted.isdecimal() and len(wanted) < 6 else 0
        if 1 <= number <= len(self.sheets):
            return self.sheets[number - 1]
        names = listed(repr(sheet.name) for sheet in self.sheets)
        raise ProgramError(f"{self.package.name} has no sheet {wanted!r}; it has {names}")


def read_workbook(package: Package) -> Workbook:
    """Raises ProgramError for a file that is no workbook of cells."""
    main = next(
        (part for kind, part in package.relations("").values() if kind == "officeDocument"), ""
    )
    if main.endswith(".bin"):
        raise ProgramError(f"{package.name} is an .xlsb file: save it as .xlsx")
    if not package.has(main):
        raise ProgramError(f"{package.name} is a zip, and no .xlsx file")
    workbook, related = Workbook(package), package.relations(main)

    def start(element: str, about: Mapping[str, str]) -> None:
        if element == "workbookPr":
            workbook.from_1904 = about.get("date1904", "0").lower() in ("1", "true", "on")
        elif element == "sheet":
            kind, part = related.get(_relation(about), ("", ""))
            if kind == "worksheet":
                workbook.sheets.append(Sheet(about.get("name", ""), part))

    package.parse(main, start, _nothing, _nothing)
    if not workbook.sheets:
        raise ProgramError(f"{package.name} has no sheet with cells")
    parts = dict(related.values())
    workbook.texts = parts.get("sharedStrings")
    if styles := parts.get("styles"):
        workbook.formats = _styles(package, styles)
    return workbook


def _relation(about: Mapping[str, str]) -> str:
    return next((value for name, value in about.items() if name.endswith(":id")), "")


def _styles(package: Package, part: str) -> list[tuple[Section, ...]]:
    formats: dict[int, tuple[Section, ...]] = {n: (Section(of),) for n, of in BUILT_IN.items()}
    styles: list[tuple[Section, ...]] = []
    inside: list[str] = []

    def start(element: str, about: Mapping[str, str]) -> None:
        if element == "cellXfs":
            inside.append(element)
        elif element == "numFmt":
            formats[_number(about.get("numFmtId"))] = sections(about.get("formatCode", "")[:1000])
        elif element == "xf" and inside:
            styles.append(formats.get(_number(about.get("numFmtId")), ()))
            if len(styles) > MOST_STYLES:
                raise ProgramError(f"{package.name} has more than {MOST_STYLES:,} styles")

    def end(element: str) -> None:
        if element == "cellXfs":
            inside.clear()

    package.parse(part, start, end, _nothing)
    return styles


def _number(text: str | None) -> int:
    return int(text) if text is not None and text.isdecimal() and len(text) < 10 else 0


def _nothing(*_: object) -> None:
    """An event that nobody needs."""


class SharedTexts:
    """The texts that cells name by their numbers. They lie in a file of the run, since there may be millions."""

    def __init__(self, package: Package, part: str | None) -> None:
        self._ends = array("Q", [0])
        self._content: mmap.mmap | bytes = b""
        if part is not None and package.has(part):
            self._read(package, part)

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __getitem__(self, number: int) -> str:
        start, end = self._ends[number], self._ends[number + 1]
        return self._content[start:end].decode()

    def close(self) -> None:
        if isinstance(self._content, mmap.mmap):
            with suppress(OSError):
                self._content.close()

    def _read(self, package: Package, part: str) -> None:
        with tempfile.TemporaryFile(dir=temporary_directory()) as file:

            def take(text: str) -> None:
                content = unescaped(text).encode()
                file.write(content)
                self._ends.append(self._ends[-1] + len(content))

            texts = TextElements("si", take, package.name)
            for _ in package.parsing(part, texts.start, texts.end, texts.text):
                pass
            file.flush()
            if self._ends[-1]:
                self._content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


class TextElements:
    """Puts a text together of its runs: each `t` within `element`, but for what tells how it is pronounced."""

    def __init__(self, element: str, take: Callable[[str], None], name: str) -> None:
        self._element, self._take, self._name = element, take, name
        self._parts: list[str] | None = None
        self._length = 0
        self._is_text = self._is_phonetic = False

    def start(self, element: str, about: Mapping[str, str]) -> None:
        if element == self._element:
            self._parts, self._length = [], 0
        elif element == "rPh":
            self._is_phonetic = True
        elif element == "t" and not self._is_phonetic:
            self._is_text = self._parts is not None

    def end(self, element: str) -> None:
        if element == "t":
            self._is_text = False
        elif element == "rPh":
            self._is_phonetic = False
        elif element == self._element and self._parts is not None:
            self._take("".join(self._parts))
            self._parts = None

    def text(self, text: str) -> None:
        if self._is_text and self._parts is not None:
            self._parts.append(text)
            self._length += len(text)
            if self._length > LONGEST_TEXT:
                raise ProgramError(
                    f"{self._name} has a text of more than {LONGEST_TEXT:,} characters"
                )
