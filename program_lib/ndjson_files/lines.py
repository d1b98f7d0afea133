"""Whole lines of a file, many at a time, with their numbers; of a file that is one list, its elements as lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec

from program_lib.csv_files.source import NoText, OtherEncoding, Source
from program_lib.errors import ProgramError
from program_lib.ndjson_files.objects import NotAnObject, elements

MAX_LINE = 64 * 1024 * 1024  # bytes, also of a list; more would fill the memory
FIRST_LINES = 1_000  # that tell the columns …
FIRST_BYTES = 1024 * 1024  # … as far as they have so many bytes
READ = 2 * 1024 * 1024  # bytes; as columns in memory they take up to six times as much


@dataclass(frozen=True, slots=True)
class Block:
    """Lines that stand together."""

    start: int  # the number of the first one
    content: bytes

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """Those that are not blank, with their numbers."""
        for number, line in enumerate(self.content.split(b"\n"), self.start):
            if line and not line.isspace():
                yield number, line


class Lines:
    """Cuts a source's bytes after whole lines.

    A file that begins with "[" is taken for a list, and read at once: each element becomes a line, and lines are counted so.
    """

    def __init__(self, source: Source, name: str) -> None:
        self._source, self._name = source, name
        self._rest = b""  # read, and not yet handed on
        self._start = 1  # the number of its first line
        self._is_list: bool | None = None  # None: no byte has told

    @property
    def called(self) -> str:
        """What the lines are to people."""
        return "element" if self._is_list else "line"

    def first(self) -> Block:
        """The lines that tell the columns; `next` gives them again. The same, however fast they come."""
        while not self._is_enough():
            self._read()
        lines = self._rest[: self._whole()].split(b"\n", FIRST_LINES)[:FIRST_LINES]
        return Block(1, b"\n".join(_within(lines, FIRST_BYTES)))

    def next(self) -> Block | None:
        """The next lines; None at the end. Raises ProgramError for bytes that are not UTF-8, or a line that has no end."""
        while not (end := self._whole()):
            if self._source.is_at_end:
                return None
            self._read()
        block = Block(self._start, self._rest[:end])
        self._check_utf8(block)
        self._rest = self._rest[end:]
        self._start += block.content.count(b"\n")
        return block

    def share(self) -> float | None:
        """Which part of the file's bytes the blocks so far are, from 0 to 1; None where its size is not known."""
        return self._source.share(len(self._rest))

    def refused(self, number: int, what: str) -> ProgramError:
        return ProgramError(f"{self.called} {number:,} of {self._name} {what}")

    def _is_enough(self) -> bool:
        if self._source.is_at_end:
            return True
        has_many = len(self._rest) >= FIRST_BYTES or self._rest.count(b"\n") >= FIRST_LINES
        return has_many and b"\n" in self._rest

    def _whole(self) -> int:
        """Where the whole lines in `_rest` end; 0 where it has none. The last line of a file needs no end."""
        if not self._source.is_at_end:
            return self._rest.rfind(b"\n") + 1
        if len(self._rest) <= READ:
            return len(self._rest)
        return self._rest.find(b"\n", READ) + 1 or len(self._rest)

    def _read(self) -> None:
        """Takes more bytes; of a list all that there are."""
        self._read_more()
        if self._is_list is None:
            begun = self._rest.lstrip()
            self._is_list = begun.startswith(b"[") if begun else None
            if self._is_list:
                self._take_list()

    def _take_list(self) -> None:
        """Makes lines of the elements."""
        while not self._source.is_at_end:
            self._read_more()
        try:
            found = elements(self._rest)
        except NotAnObject as error:
            raise ProgramError(
                f"{self._name} begins with [, as a list, and {error}: it must be one list, or have an object a line"
            ) from error
        self._rest = b"\n".join(_as_lines(found))

    def _read_more(self) -> None:
        """Takes more bytes; as many again as are there, where these are no whole line."""
        most = MAX_LINE + 1 - len(self._rest)
        if most <= 0:
            raise self._too_long()
        try:
            self._rest += self._source.read(min(max(READ, len(self._rest)), most))
        except NoText as error:
            raise ProgramError(f"{self._name} {error}") from error
        except OtherEncoding as error:
            raise ProgramError(f"{self._name} {error}, and JSON is UTF-8: write it so") from error

    def _too_long(self) -> ProgramError:
        size = f"{MAX_LINE // 1024 // 1024} MB"
        if self._is_list:
            return ProgramError(
                f"{self._name} is a list of more than {size}: write an object a line"
            )
        return self.refused(self._start, f"is longer than {size}")

    def _check_utf8(self, block: Block) -> None:
        if block.content.isascii():
            return
        try:
            block.content.decode()
        except UnicodeDecodeError as error:
            number = block.start + block.content.count(b"\n", 0, error.start)
            found = block.content[error.start]
            raise self.refused(
                number, f"holds 0x{found:02x}, which is not UTF-8, as JSON is"
            ) from None


def _as_lines(found: Sequence[msgspec.Raw]) -> Iterator[bytes]:
    """Some elements after the other, each on a line: a line end in JSON is no part of a text, and may be a space."""
    for at in range(0, len(found), FIRST_LINES):
        some = found[at : at + FIRST_LINES]
        yield b"\n".join(bytes(one).replace(b"\n", b" ") for one in some)


def _within(lines: list[bytes], size: int) -> Iterator[bytes]:
    """The first lines that have so many bytes together, but at least one."""
    for at, line in enumerate(lines):
        size -= len(line)
        if at and size < 0:
            return
        yield line
