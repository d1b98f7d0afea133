"""The cells of a sheet, row by row, as texts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from program_lib.errors import ProgramError
from program_lib.excel_files.dates import NoDate, iso_moment, moment, shows
from program_lib.excel_files.numbers import number_text
from program_lib.excel_files.workbook import (
    LONGEST_TEXT,
    SharedTexts,
    Sheet,
    TextElements,
    Workbook,
    unescaped,
)
from program_lib.notation.excel_cells import (
    MOST_COLUMNS,
    MOST_ROWS,
    NO_VALUE,
    column_of,
    letters_of,
)

_MAY_BE_EMPTY = ("str", "inlineStr")  # kinds of cells
_BOOLEANS = {"1": "true", "true": "true", "0": "false", "false": "false"}
MOST_OF_ROW = 64 * 1024 * 1024  # characters; the texts of its cells may be shared by many


@dataclass(frozen=True, slots=True)
class SheetRow:
    """A row with at least one value."""

    number: int  # as Excel shows it, from 1 on
    cells: dict[
        int, str
    ]  # by the column, from 1 on; of a cell without a value NO_VALUE and the reason
    size: int  # characters


class SheetRows:
    """Reads a sheet from its start. `rows` gives what each CHUNK of its XML has."""

    def __init__(self, workbook: Workbook, sheet: Sheet, texts: SharedTexts) -> None:
        self._workbook, self._sheet, self._texts = workbook, sheet, texts
        self._name = f"{sheet.name} of {workbook.package.name}"
        self._inline = TextElements("is", self._take_inline, self._name)
        self._found: list[SheetRow] = []
        self._row = self._column = 0  # of the last that began
        self._cells: dict[int, str] = {}
        self._size = 0  # characters of the row
        self._is_in_rows = False
        self._kind, self._style = "n", 0  # of the cell
        self._value: list[str] | None = None  # of the cell's `v`, while it is read
        self._length = 0
        self._written: str | None = None
        self._is_formula = False

    def rows(self) -> Iterator[tuple[list[SheetRow], int]]:
        """Rows, and how many bytes of the sheet they come from. Raises ProgramError."""
        package, part = self._workbook.package, self._sheet.part
        for size in package.parsing(part, self._start, self._end, self._text):
            found, self._found = self._found, []
            yield found, size

    # ------------------------------------------------ XML

    def _start(self, element: str, about: Mapping[str, str]) -> None:
        if element == "c" and self._is_in_rows:
            self._begin_cell(about)
        elif element == "v":
            self._value, self._length = [], 0
        elif element == "row" and self._is_in_rows:
            self._begin_row(about)
        elif element == "f":
            self._is_formula = True
        elif element == "sheetData":
            self._is_in_rows = True
        else:
            self._inline.start(element, about)

    def _end(self, element: str) -> None:
        if element == "c" and self._is_in_rows:
            self._end_cell()
        elif element == "v" and self._value is not None:
            self._written, self._value = "".join(self._value), None
        elif element == "row" and self._is_in_rows:
            self._end_row()
        elif element == "sheetData":
            self._is_in_rows = False
        else:
            self._inline.end(element)

    def _text(self, text: str) -> None:
        if self._value is None:
            self._inline.text(text)
            return
        self._value.append(text)
        self._length += len(text)
        if self._length > LONGEST_TEXT:
            raise self._refused(f"has a text of more than {LONGEST_TEXT:,} characters")

    def _take_inline(self, text: str) -> None:
        self._written = unescaped(text)

    # ------------------------------------------------ rows and cells

    def _begin_row(self, about: Mapping[str, str]) -> None:
        row = _place(about.get("r"), self._row + 1)
        if not self._row < row <= MOST_ROWS:
            raise ProgramError(f"{self._name} is damaged: row {row:,} follows row {self._row:,}")
        self._row, self._column, self._cells, self._size = row, 0, {}, 0

    def _begin_cell(self, about: Mapping[str, str]) -> None:
        column = column_of(about["r"]) if "r" in about else self._column + 1
        if not self._column < column <= MOST_COLUMNS:
            raise ProgramError(
                f"{self._name} is damaged: a cell of row {self._row:,} is out of order"
            )
        self._column, self._kind = column, about.get("t", "n")
        self._style = _place(about.get("s"), 0)
        self._written, self._is_formula = None, False

    def _end_cell(self) -> None:
        if self._written is None or (not self._written and self._kind not in _MAY_BE_EMPTY):
            if self._is_formula:
                self._cells[self._column] = self._no_value(
                    "is a formula whose result is not in the file: open it in Excel, and save it"
                )
            return
        text = self._cell_text(self._written)
        self._cells[self._column] = text
        self._size += len(text)
        if self._size > MOST_OF_ROW:
            raise ProgramError(
                f"row {self._row:,} of {self._name} has more than {MOST_OF_ROW:,} characters"
            )

    def _end_row(self) -> None:
        if self._cells:
            self._found.append(SheetRow(self._row, self._cells, self._size))
            self._cells = {}

    def _cell_text(self, written: str) -> str:
        match self._kind:
            case "n":
                return self._any_number(written.strip())
            case "s":
                return self._shared(written.strip())
            case "b":
                return self._boolean(written.strip())
            case "e":
                return self._no_value(f"holds the error {written.strip()[:40]}")
            case "d":
                return iso_moment(written.strip())
            case "str":
                return unescaped(written)
        return written  # inlineStr

    def _boolean(self, written: str) -> str:
        if (text := _BOOLEANS.get(written.lower())) is None:
            raise self._refused(f"is damaged: {written[:40]!r} is neither 1 nor 0")
        return text

    def _shared(self, written: str) -> str:
        number = _place(written, -1)
        if not 0 <= number < len(self._texts):
            raise self._refused(f"names a text {written[:20]!r} that the file has not")
        return self._texts[number]

    def _any_number(self, written: str) -> str:
        formats = self._workbook.formats
        sections = formats[self._style] if self._style < len(formats) else ()
        try:
            text = number_text(written)
            shown = shows(sections, float(text)) if sections else None
            if shown is None:
                return text
            return moment(float(text), shown, from_1904=self._workbook.from_1904)
        except NoDate as error:
            return self._no_value(f"holds no date: {error}")
        except ValueError as error:
            raise self._refused(f"is damaged: {error}") from error

    def _no_value(self, why: str) -> str:
        return f"{NO_VALUE}{self._cell} {why}"

    def _refused(self, why: str) -> ProgramError:
        return ProgramError(f"the cell {self._cell} of {self._name} {why}")

    @property
    def _cell(self) -> str:
        return f"{letters_of(self._column)}{self._row}"


def _place(text: str | None, otherwise: int) -> int:
    return int(text) if text is not None and text.isdecimal() and len(text) < 10 else otherwise
