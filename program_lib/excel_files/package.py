"""The parts of an .xlsx file: a zip with XML in it, of which nothing is believed."""

from __future__ import annotations

import posixpath
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import BinaryIO
from xml.parsers import expat

from program_lib.errors import ProgramError, shortened

CHUNK = 32 * 1024  # bytes of XML that are parsed at a time; its texts may be many times as long
# A part that is larger than SMALL and this many times as large as it is packed is a bomb: sheets of one value reach 60
SMALL, MOST_PACKED = 16 * 1024 * 1024, 200
MOST_PARTS = 10_000  # of a file
MOST_ABOUT = 64 * 1024 * 1024  # bytes of a part that describes the workbook, all of which is kept
OLD_FORMAT = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # begins .xls, and .xlsx with a password

Start = Callable[[str, Mapping[str, str]], None]
End = Callable[[str], None]
Text = Callable[[str], None]


class Package:
    """An open .xlsx file. Raises ProgramError for one that is none, or that is damaged."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self.name = name
        self._check_kind(file)
        with self.reading():
            self._zip = zipfile.ZipFile(file)
        if len(self._zip.namelist()) > MOST_PARTS:
            raise ProgramError(f"{name} has more than {MOST_PARTS:,} parts, and is refused")

    def _check_kind(self, file: BinaryIO) -> None:
        if not file.seekable():
            raise ProgramError(
                f"{self.name} is no file but a pipe: an Excel file is read from its end"
            )
        begun = file.read(len(OLD_FORMAT))
        file.seek(0)
        if begun == OLD_FORMAT:
            raise ProgramError(
                f"{self.name} is an .xls file of old, or has a password: save it as .xlsx, without one"
            )

    def close(self) -> None:
        with suppress(Exception):
            self._zip.close()

    @contextmanager
    def reading(self) -> Iterator[None]:
        """What the zip or its XML have wrong is said of the file."""
        try:
            yield
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
            raise ProgramError(
                f"{self.name} is no .xlsx file, or is damaged: {shortened(str(error))}"
            ) from error
        except expat.ExpatError as error:
            raise ProgramError(f"{self.name} is damaged: {shortened(str(error))}") from error
        except RuntimeError as error:  # a part that is encrypted
            raise ProgramError(f"{self.name} cannot be read: {shortened(str(error))}") from error

    def has(self, part: str) -> bool:
        return self._info(part) is not None

    def size(self, part: str) -> int:
        """Bytes of a part, unpacked."""
        info = self._info(part)
        return 0 if info is None else info.file_size

    def parse(self, part: str, start: Start, end: End, text: Text) -> None:
        """A part that describes the workbook, as events; names are without their prefix. Nothing where it is missing."""
        if self.size(part) > MOST_ABOUT:
            raise ProgramError(f"{self.name} is refused: {part} has {self.size(part):,} bytes")
        if self.has(part):
            for _ in self.parsing(part, start, end, text):
                pass

    def parsing(self, part: str, start: Start, end: End, text: Text) -> Iterator[int]:
        """As `parse`, at the pace of the caller: after each CHUNK the bytes that it has."""
        parser = _parser(start, end, text, self.name)
        with self._opened(part) as stream:
            while True:
                with self.reading():
                    chunk = stream.read(CHUNK)
                    parser.Parse(chunk, not chunk)
                if not chunk:
                    return
                yield len(chunk)

    def relations(self, part: str) -> dict[str, tuple[str, str]]:
        """What a part refers to: by its id the kind, the last word of its type, and the part."""
        folder, name = posixpath.split(part)
        found: dict[str, tuple[str, str]] = {}

        def start(element: str, about: Mapping[str, str]) -> None:
            if element == "Relationship" and about.get("TargetMode") != "External":
                target = posixpath.normpath(posixpath.join("/", folder, about.get("Target", "")))
                kind = about.get("Type", "").rpartition("/")[2]
                found[about.get("Id", "")] = (kind, target.lstrip("/"))

        self.parse(posixpath.join(folder, "_rels", f"{name}.rels"), start, _nothing, _nothing)
        return found

    def _info(self, part: str) -> zipfile.ZipInfo | None:
        with suppress(KeyError):
            return self._zip.getinfo(part)
        return self._by_small_letters.get(part.lower())

    @property
    def _by_small_letters(self) -> dict[str, zipfile.ZipInfo]:
        """Some programs spell xl/SharedStrings.xml in one place and xl/sharedStrings.xml in another."""
        return {info.filename.lower(): info for info in self._zip.infolist()}

    def _opened(self, part: str) -> BinaryIO:
        info = self._info(part)
        if info is None:
            raise ProgramError(f"{self.name} is damaged: its part {part} is missing")
        if info.file_size > max(SMALL, info.compress_size * MOST_PACKED):
            raise ProgramError(
                f"{self.name} is refused: {part} unpacks to {info.file_size:,} bytes,"
                f" more than {MOST_PACKED} times what it has packed"
            )
        with self.reading():
            return self._zip.open(info)  # type: ignore[return-value]


def _parser(start: Start, end: End, text: Text, name: str) -> expat.XMLParserType:
    """Names come without the prefix of the first element, and a document type, which could define entities, is refused."""

    def refuse(*_: object) -> None:
        raise ProgramError(
            f"{name} is refused: its XML declares a document type, as no Excel file does"
        )

    def first(element: str, about: dict[str, str]) -> None:
        is_plain = ":" not in element
        parser.StartElementHandler = start if is_plain else starts
        parser.EndElementHandler = end if is_plain else ends
        starts(element, about)

    def starts(element: str, about: dict[str, str]) -> None:
        start(element.rpartition(":")[2], about)

    def ends(element: str) -> None:
        end(element.rpartition(":")[2])

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler, parser.CharacterDataHandler = first, text
    parser.buffer_text = True
    return parser


def _nothing(*_: object) -> None:
    """An event that nobody needs."""
