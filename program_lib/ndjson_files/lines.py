"""Whole lines of a file, many at a time, with their numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from program_lib.csv_files.source import NoText, OtherEncoding, Source
from program_lib.errors import ProgramError

MAX_LINE = 64 * 1024 * 1024  # bytes; more would fill the memory
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
    """Cuts a source's bytes after whole lines."""

    def __init__(self, source: Source, name: str) -> None:
        self._source, self._name = source, name
        self._rest = b""  # read, and not yet handed on
        self._start = 1  # the number of its first line

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
        return ProgramError(f"line {number:,} of {self._name} {what}")

    def _is_enough(self) -> bool:
        if self._source.is_at_end:
            return True
        has_many = len(self._rest) >= FIRST_BYTES or self._rest.count(b"\n") >= FIRST_LINES
        return has_many and b"\n" in self._rest

    def _whole(self) -> int:
        """Where the whole lines in `_rest` end; 0 where it has none. The last line of a file needs no end."""
        return len(self._rest) if self._source.is_at_end else self._rest.rfind(b"\n") + 1

    def _read(self) -> None:
        """Takes more bytes; as many again as are there, where these are no whole line."""
        most = MAX_LINE + 1 - len(self._rest)
        if most <= 0:
            raise self.refused(self._start, f"is longer than {MAX_LINE // 1024 // 1024} MB")
        try:
            self._rest += self._source.read(min(max(READ, len(self._rest)), most))
        except NoText as error:
            raise ProgramError(f"{self._name} {error}") from error
        except OtherEncoding as error:
            raise ProgramError(f"{self._name} {error}, and JSON is UTF-8: write it so") from error

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


def _within(lines: list[bytes], size: int) -> Iterator[bytes]:
    """The first lines that have so many bytes together, but at least one."""
    for at, line in enumerate(lines):
        size -= len(line)
        if at and size < 0:
            return
        yield line
