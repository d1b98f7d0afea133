"""Excel files of XlsxWriter, and of hand-made XML, as rows: what stands in a cell, and nothing beside it."""

from __future__ import annotations

import re
import resource
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import fastexcel
import pyarrow as pa
import pytest
import xlsxwriter
from hypothesis import given
from hypothesis import strategies as st

from program_lib.columns.narrowest_types import narrowest_types
from program_lib.errors import ProgramError, RowRefused
from program_lib.excel_files.dates import NoDate, iso_moment, moment, sections, shows
from program_lib.excel_files.numbers import number_text
from program_lib.excel_files.reader import CELL_BYTES, ExcelReader
from program_lib.ports import BATCH_BYTES
from program_lib.types import COLUMN_TYPES, TEXT

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
STRICT = "http://purl.oclc.org/ooxml/spreadsheetml/main"
RELATED = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def opener(path: str) -> Any:
    return open(path, "rb")


def reader(path: Path, types: dict[str, str] | None = None, **settings: Any) -> ExcelReader:
    named = {column: COLUMN_TYPES[name] for column, name in (types or {}).items()}
    return ExcelReader(str(path), types=named, opener=opener, **settings)


def read(path: Path, types: dict[str, str] | None = None, **settings: Any) -> list[dict[str, Any]]:
    """All rows; what is refused names its place, as a program's message does."""
    with closing(reader(path, types, **settings)) as source:
        source.open()
        rows: list[dict[str, Any]] = []
        try:
            for table in source.batches():
                rows += table.to_pylist()
        except RowRefused as error:
            raise ProgramError(f"{source.where(len(rows) + error.index + 1)}: {error}") from error
        return rows


def book(path: Path, *rows: list[Any], **options: Any) -> Path:
    """A file of XlsxWriter, with numbers, texts, booleans and dates."""
    with xlsxwriter.Workbook(path, options) as made:
        sheet, day = made.add_worksheet("Data"), made.add_format({"num_format": "yyyy-mm-dd"})
        for number, row in enumerate(rows):
            for column, value in enumerate(row):
                if isinstance(value, date):
                    sheet.write_datetime(number, column, value, day)
                elif value is not None:
                    sheet.write(number, column, value)
    return path


def by_hand(path: Path, cells: str, **more: str) -> Path:
    """A file with one sheet of this XML; `more`: other parts, by the end of their names."""
    main = more.pop("namespace", MAIN)
    parts = {
        "_rels/.rels": f'<Relationships><Relationship Id="r" Type="{RELATED}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{RELATED}">{more.get("about", "")}<sheets><sheet name="S" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": "<Relationships>"
        f'<Relationship Id="r1" Type="{RELATED}/worksheet" Target="worksheets/sheet1.xml"/>'
        f'<Relationship Id="r2" Type="{RELATED}/sharedStrings" Target="/xl/sharedStrings.xml"/>'
        f'<Relationship Id="r3" Type="{RELATED}/styles" Target="styles.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": more.get("sheet") or f'<worksheet xmlns="{main}"><sheetData>{cells}</sheetData></worksheet>',
    }  # fmt: skip
    for name in ("sharedStrings", "styles"):
        if name in more:
            parts[f"xl/{name}.xml"] = more[name]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in parts.items():
            made.writestr(name, content)
    return path


def text_cell(text: str) -> str:
    return f'<c t="inlineStr"><is><t>{text}</t></is></c>'


A_HEADER = f"<row>{text_cell('a')}</row>"


# ---------------------------------------------------------------- what stands in cells


def test_values_arrive_as_what_they_are(tmp_path: Path) -> None:
    path = book(
        tmp_path / "x.xlsx",
        ["n", "x", "t", "d", "b"],
        [7, 19.99, "007", date(2026, 7, 31), True],
        [None, None, None, None, None],
        [-3, 0.1 + 0.2, "  a\nb ", datetime(2026, 7, 31, 12, 30), False],
    )
    types = {"n": "integer", "x": "double", "d": "timestamp", "b": "boolean"}
    assert read(path, types) == [
        {"n": 7, "x": 19.99, "t": "007", "d": datetime(2026, 7, 31), "b": True},
        {"n": -3, "x": 0.3, "t": "  a\nb ", "d": datetime(2026, 7, 31, 12, 30), "b": False},
    ]
    assert [row["d"] for row in read(path)] == ["2026-07-31", "2026-07-31 12:30:00"]


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("1.1000000000000001", "1.1"),  # as Excel writes 1.1
        ("19.989999999999998", "19.99"),
        ("0.30000000000000004", "0.30000000000000004"),  # 0.1 + 0.2
        ("9007199254740993", "9007199254740993"),  # which no double has
        ("12345678901234567890.123456789", "12345678901234567890.123456789"),
        ("1.5E-7", "0.00000015"),
        ("1E+20", "1" + "0" * 20),
        ("-0", "-0"),  # of a double
        ("0.50", "0.5"),
        ("+7", "7"),
    ],
)  # fmt: skip
def test_a_number_has_the_digits_that_were_typed(written: str, text: str) -> None:
    assert number_text(written) == text


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e300, max_value=1e300))
def test_each_double_comes_back(number: float) -> None:
    for written in (repr(number), f"{number:.17g}", f"{number:.17G}"):
        assert float(number_text(written)) == number


@given(st.decimals(-(10**9), 10**9, places=5))
def test_a_decimal_that_excel_keeps_is_read_as_it_was_typed(number: Any) -> None:
    assert float(number_text(f"{float(number):.17g}")) == float(number)
    assert len(number_text(f"{float(number):.17g}").lstrip("-").replace(".", "")) <= 15


@pytest.mark.parametrize(
    "written",
    ["", "nan", "inf", "1e999", "0x10", "1,5", "1 2", "²", "1_0", "１", "1e9999999999999999999999"],
)
def test_what_is_no_number_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="is no number"):
        number_text(written)


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        ("General", None), ("0.00", None), ("#,##0.00 \"days\"", None), ("0.00E+00", None), ("[Red]0", None), ("@", None),
        ("yyyy-mm-dd", "date"), ("[$-409]d\\-mmm;@", "date"), ("mmmm", "date"), ("[$-F800]dddd\\,\\ mmmm", "date"),
        ("h:mm AM/PM", "time"), ("mm:ss.0", "time"), ("dd.mm.yy hh:mm", "both"), ("[h]:mm", "elapsed"), ("[ss]", "elapsed"),
        ("#,##0.00 USD", None), ("0.0 h", None), ("# ??/?? d", None), ("Standard", None),  # as no Excel writes them
        ("hh:mm:ss.000", "time"), ("[h]:mm:ss.00", "elapsed"), ("yyyy-mm-ddThh:mm:ss.0", "both"),
        ('0 "h"', None), ("0\\d", None), ("_(* #,##0_);_(* d)", None), ('yyyy"年"m"月"d"日"', "date"),
    ],
)  # fmt: skip
def test_the_format_of_a_number_says_whether_it_is_a_date(code: str, shown: str | None) -> None:
    assert shows(sections(code), 1) == shown


@pytest.mark.parametrize(
    ("code", "number", "shown"),
    [
        ('[=0]"";yyyy-mm-dd', 46234, "date"), ('[=0]"";yyyy-mm-dd', 0, None),
        ("[>0]dd/mm/yyyy;0", 46234, "date"), ("[>0]dd/mm/yyyy;0", 0, None),
        ("[<1]h:mm;[h]:mm", 0.5, "time"), ("[<1]h:mm;[h]:mm", 1.5, "elapsed"),
        ("[Red][<1]h:mm;[<> 2]0.00;d/m/yy", 2, "date"), ("[Red][<1]h:mm;[<> 2]0.00;d/m/yy", 3, None),
        ("[<1]h:mm;[<2]h:mm", 3, None), ("yyyy-mm-dd;[Red]-0;@", 46234, "date"), ("0.00;yyyy", 46234, None),
    ],
)  # fmt: skip
def test_a_format_with_conditions_shows_some_numbers_as_dates(
    code: str, number: float, shown: str | None
) -> None:
    assert shows(sections(code), number) == shown


@pytest.mark.parametrize(
    ("number", "shown", "from_1904", "text"),
    [
        (1, "date", False, "1900-01-01"),
        (59, "date", False, "1900-02-28"),
        (61, "date", False, "1900-03-01"),  # 60 is 29 February 1900
        (46234, "date", False, "2026-07-31"),
        (46234.5, "date", False, "2026-07-31 12:00:00"),  # what the format hides
        (46234, "both", False, "2026-07-31 00:00:00"),
        (46234.999999999, "both", False, "2026-08-01 00:00:00"),
        (46234.520833333336, "both", False, "2026-07-31 12:30:00"),
        (0.5, "time", False, "12:00:00"),
        (0.5, "both", False, "12:00:00"),
        (1.5, "elapsed", False, "36:00:00"),
        (0, "date", True, "1904-01-01"),
        (44772, "date", True, "2026-07-31"),
        (2958465, "date", False, "9999-12-31"),
    ],
)
def test_days_are_counted_as_excel_counts(
    number: float, shown: str, from_1904: bool, text: str
) -> None:
    assert moment(number, shown, from_1904=from_1904) == text


@pytest.mark.parametrize(
    ("number", "from_1904", "why"),
    [(60, False, "29 February 1900"), (60.5, False, "29 February 1900"), (-1, False, "is none"),
     (2958466, False, "is none"), (2958465, True, "beyond the year 9999")],
)  # fmt: skip
def test_a_day_that_is_none_is_refused(number: float, from_1904: bool, why: str) -> None:
    with pytest.raises(NoDate, match=why):
        moment(number, "date", from_1904=from_1904)


@pytest.mark.parametrize("from_1904", [False, True])
def test_moments_are_those_that_another_reader_finds(tmp_path: Path, from_1904: bool) -> None:
    first = datetime(1904, 1, 2) if from_1904 else datetime(1900, 3, 1)
    days = [first + timedelta(days=n * 97, milliseconds=n * 7919) for n in range(900)]
    path = book(tmp_path / "x.xlsx", ["d"], *[[day] for day in days], date_1904=from_1904)
    assert [row["d"] for row in read(path, {"d": "timestamp"})] == days
    others = fastexcel.read_excel(path).load_sheet(0).to_arrow().column(0).to_pylist()
    assert others == days


def test_an_error_in_a_cell_is_never_a_value(tmp_path: Path) -> None:
    path = tmp_path / "x.xlsx"
    with xlsxwriter.Workbook(path) as made:
        sheet = made.add_worksheet("Data")
        sheet.write_column(0, 0, ["a", "ok"])
        sheet.write_formula(3, 0, "=NA()", None, "#N/A")
    with pytest.raises(ProgramError, match=r"^row 4 of Data in x.xlsx: A4 holds the error #N/A$"):
        read(path)
    with closing(reader(path)) as source:
        source.open()
        [written] = source.written()
        assert source.texts(written).to_pylist() == [{"a": "ok"}, {"a": "#N/A"}]


def test_a_formula_gives_its_result_and_without_one_it_is_refused(tmp_path: Path) -> None:
    cells = '<row><c><f>1+1</f><v>2</v></c><c t="str"><f>"x"</f><v>x</v></c><c t="b"><f>TRUE()</f><v>1</v></c></row>'
    path = by_hand(
        tmp_path / "x.xlsx",
        f"<row>{text_cell('a')}{text_cell('b')}{text_cell('c')}</row>{cells}",
    )
    assert read(path) == [{"a": "2", "b": "x", "c": "true"}]
    path = by_hand(tmp_path / "y.xlsx", f"{A_HEADER}<row><c><f>1+1</f></c></row>")
    with pytest.raises(
        ProgramError, match=r"row 2 of S in y.xlsx: A2 is a formula whose result is not"
    ):
        read(path)


def test_shared_texts_may_be_rich_phonetic_or_escaped(tmp_path: Path) -> None:
    shared = (
        f'<sst xmlns="{MAIN}"><si><t>a</t></si><si><r><t>bold </t></r><r><rPr/><t xml:space="preserve">and not </t></r></si>'
        "<si><t>課</t><rPh><t>カ</t></rPh></si><si><t>1_x000D_\n2_x005F_x000D__x0000_</t></si><si><t/></si></sst>"
    )
    cells = "".join(f'<row><c t="s"><v>{n}</v></c></row>' for n in range(5))
    path = by_hand(tmp_path / "x.xlsx", cells, sharedStrings=shared)
    texts = ["bold and not ", "課", "1\r\n2_x000D__x0000_", ""]
    assert [row["a"] for row in read(path)] == texts
    path = by_hand(
        tmp_path / "y.xlsx", A_HEADER + '<row><c t="s"><v>5</v></c></row>', sharedStrings=shared
    )
    with pytest.raises(ProgramError, match=r"the cell A2 of S of y.xlsx names a text '5' that"):
        read(path)


def test_an_empty_text_is_null_but_in_a_column_of_texts(tmp_path: Path) -> None:
    path = by_hand(
        tmp_path / "x.xlsx",
        f'{A_HEADER}<row><c t="str"><f>""</f><v></v></c></row><row><c><v>1</v></c></row>',
    )
    assert read(path) == [{"a": ""}, {"a": "1"}]
    assert read(path, {"a": "integer"}) == [{"a": None}, {"a": 1}]


def test_a_date_whose_format_hides_zeros_is_a_date(tmp_path: Path) -> None:
    formats = '<numFmts><numFmt numFmtId="164" formatCode="[=0]&quot;&quot;;dd/mm/yyyy"/></numFmts>'
    styles = (
        f'<styleSheet xmlns="{MAIN}">{formats}<cellXfs><xf numFmtId="164"/></cellXfs></styleSheet>'
    )
    cells = '<row><c s="0"><v>46234</v></c></row>'
    path = by_hand(tmp_path / "x.xlsx", A_HEADER + cells, styles=styles)
    assert read(path) == [{"a": "2026-07-31"}]
    assert read(path, {"a": "date"}) == [{"a": date(2026, 7, 31)}]


def test_a_boolean_is_spelt_in_any_case_or_refused(tmp_path: Path) -> None:
    cells = "".join(f'<row><c t="b"><v>{v}</v></c></row>' for v in ("1", "TRUE", "0", "False"))
    path = by_hand(tmp_path / "x.xlsx", A_HEADER + cells)
    assert [row["a"] for row in read(path, {"a": "boolean"})] == [True, True, False, False]


def test_a_date_that_is_shown_with_its_midnight_is_a_date(tmp_path: Path) -> None:
    styles = f'<styleSheet xmlns="{MAIN}"><cellXfs><xf numFmtId="0"/><xf numFmtId="22"/></cellXfs></styleSheet>'
    path = by_hand(
        tmp_path / "x.xlsx", f'{A_HEADER}<row><c s="1"><v>46234</v></c></row>', styles=styles
    )
    assert read(path, {"a": "date"}) == [{"a": date(2026, 7, 31)}]
    path = by_hand(
        tmp_path / "y.xlsx", f'{A_HEADER}<row><c s="1"><v>46234.5</v></c></row>', styles=styles
    )
    with pytest.raises(ProgramError, match="'2026-07-31 12:00:00' is not a date"):
        read(path, {"a": "date"})


def test_the_strict_form_and_prefixes_are_read_too(tmp_path: Path) -> None:
    cells = f'{A_HEADER}<row><c t="d"><v>2026-07-31T12:00:00</v></c></row>'
    assert read(by_hand(tmp_path / "x.xlsx", cells, namespace=STRICT), {"a": "timestamp"}) == [
        {"a": datetime(2026, 7, 31, 12)}
    ]
    prefixed = re.sub(
        r"<(/?)(\w)", r"<\1x:\2", f"<worksheet><sheetData>{cells}</sheetData></worksheet>"
    )
    sheet = prefixed.replace("<x:worksheet>", f'<x:worksheet xmlns:x="{MAIN}">')
    assert read(by_hand(tmp_path / "y.xlsx", "", sheet=sheet)) == [{"a": "2026-07-31 12:00:00"}]


def test_of_merged_cells_the_first_has_the_value(tmp_path: Path) -> None:
    path = tmp_path / "x.xlsx"
    with xlsxwriter.Workbook(path) as made:
        sheet = made.add_worksheet("Data")
        sheet.write_row(0, 0, ["a", "b"])
        sheet.merge_range(1, 0, 2, 0, "both")
        sheet.write_column(1, 1, [1, 2])
    assert read(path) == [{"a": "both", "b": "1"}, {"a": None, "b": "2"}]


# ---------------------------------------------------------------- which cells


def test_a_table_begins_where_it_is_said_and_empty_rows_are_none(tmp_path: Path) -> None:
    path = book(
        tmp_path / "x.xlsx",
        ["A title"],
        [],
        ["note", "a", "b"],
        ["note", 1, None],
        [None] * 3,
        ["only a note"],
        [None, None, 2],
    )
    assert read(path, start="B3") == [{"a": "1", "b": None}, {"a": None, "b": "2"}]
    with closing(reader(path, start="B3")) as source:
        source.open()
        assert sum(len(table) for table in source.batches()) == 2
        assert source.where(1) == "row 4 of Data in x.xlsx"
        assert source.where(2) == "row 7 of Data in x.xlsx"
        assert source.share() == 1.0


def test_without_a_header_columns_are_called_by_their_letters(tmp_path: Path) -> None:
    path = book(tmp_path / "x.xlsx", [None, 1], [None, 2, 3])
    assert read(path, {"C": "integer"}, has_header=False, start="B1") == [
        {"B": "1", "C": None},
        {"B": "2", "C": 3},
    ]


def test_a_sheet_is_found_by_name_or_number(tmp_path: Path) -> None:
    path = tmp_path / "x.xlsx"
    with xlsxwriter.Workbook(path) as made:
        for name in ("Jan", "2", "Ü & <b>"):
            made.add_worksheet(name).write_column(0, 0, ["a", name])
        made.add_chartsheet("Chart")
    assert [read(path, sheet=name)[0]["a"] for name in ("", "1", "jan", "2", "Ü & <b>", "3")] == [
        *("Jan", "Jan", "Jan", "2", "Ü & <b>", "Ü & <b>")
    ]
    for wanted in ("4", "0", "Chart", "Feb", "-1"):
        with pytest.raises(
            ProgramError, match=f"has no sheet '{wanted}'; it has 'Jan', '2', 'Ü & <b>'$"
        ):
            read(path, sheet=wanted)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], "row 1 of Data in x.xlsx is empty: it must name the columns"),
        ([[], ["a"]], "row 1 of Data in x.xlsx is empty"),
        ([["a", None, "b"]], "B1 of Data in x.xlsx is empty: it must name its column"),
        ([["a", "b", "a"]], "columns A, C of Data in x.xlsx are called 'a'"),
        (
            [["a"], [1, "x"]],
            "B2 of Data in x.xlsx holds 'x', in a column beyond those that row 1 names; where that is a title, let the table start below it",
        ),
    ],
)
def test_a_table_that_is_none_is_refused(tmp_path: Path, rows: list[Any], said: str) -> None:
    with pytest.raises(ProgramError, match=re.escape(said)):
        read(book(tmp_path / "x.xlsx", *rows))


def test_a_column_that_is_typed_must_be_there(tmp_path: Path) -> None:
    path = book(tmp_path / "x.xlsx", ["a"], ["x"])
    with pytest.raises(ProgramError, match=r"Data in x.xlsx has no column 'b'; it has a"):
        read(path, {"b": "integer"})
    with pytest.raises(ProgramError, match=r"row 2 of Data in x.xlsx: 'x' is not a whole number"):
        read(path, {"a": "integer"})
    book(path, ["unit\nprice"], ["x"])
    with pytest.raises(ProgramError, match=r"has no column 'unit price'; it has 'unit\\nprice'$"):
        read(path, {"unit price": "integer"})


def test_types_are_found(tmp_path: Path) -> None:
    path = book(
        tmp_path / "x.xlsx",
        ["n", "x", "code", "d", "b", "none"],
        [1, 1.5, "007", date(2026, 7, 31), True],
        [2, 2, "8", datetime(2026, 7, 31, 1), False],
    )
    found = narrowest_types(reader(path))
    types = {column.name: str(column.type) for column in found}
    assert types == {"n": "integer", "x": "numeric", "code": "text", "d": "timestamp", "b": "boolean", "none": "text"}  # fmt: skip
    assert found[-1].type == TEXT


# ---------------------------------------------------------------- files that are none, or attacks


def corrupt(path: Path) -> None:
    content = bytearray(path.read_bytes())
    middle = content.index(b"xl/worksheets/sheet1.xml") + 60
    content[middle : middle + 20] = bytes(20)
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda path: path.write_bytes(b""), "is no .xlsx file, or is damaged"),
        (lambda path: path.write_text("a,b\n1,2\n"), "is no .xlsx file, or is damaged"),
        (lambda path: path.write_bytes(path.read_bytes()[:-200]), "is no .xlsx file, or is damaged"),
        (lambda path: path.write_bytes(bytes.fromhex("d0cf11e0a1b11ae1")), "is an .xls file of old, or has a password"),
        (corrupt, "damaged"),
    ],
)  # fmt: skip
def test_a_file_that_is_none_is_refused(
    tmp_path: Path, change: Callable[[Path], object], said: str
) -> None:
    path = book(tmp_path / "x.xlsx", ["a"], *[[f"{n * 7919}"] for n in range(1000)])
    change(path)
    with pytest.raises(ProgramError, match=f"x.xlsx .*{said}"):
        read(path)


def test_a_zip_of_something_else_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.xlsx", "w") as made:
        made.writestr("word/document.xml", "<a/>")
    with pytest.raises(ProgramError, match=r"is a zip, and no .xlsx file"):
        read(tmp_path / "x.xlsx")


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
OUTSIDE = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'


@pytest.mark.parametrize("declared", [BOMB, OUTSIDE, '<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x">'])
def test_entities_are_refused_before_they_mean_anything(tmp_path: Path, declared: str) -> None:
    sheet = f'{declared}<worksheet xmlns="{MAIN}"><sheetData><row>{text_cell("&a;")}</row></sheetData></worksheet>'
    with pytest.raises(ProgramError, match="its XML declares a document type"):
        read(by_hand(tmp_path / "x.xlsx", "", sheet=sheet))
    shared = f'{declared}<sst xmlns="{MAIN}"><si><t>&a;</t></si></sst>'
    with pytest.raises(ProgramError, match="its XML declares a document type"):
        read(by_hand(tmp_path / "y.xlsx", A_HEADER, sharedStrings=shared))


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = by_hand(tmp_path / "x.xlsx", f"{A_HEADER}<row><c><v>{' ' * 40_000_000}1</v></c></row>")
    assert path.stat().st_size < 100_000
    with pytest.raises(ProgramError, match=r"is refused: .*sheet1.xml unpacks to 40,000,"):
        read(path)


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ('<row r="5"/><row r="5"><c><v>1</v></c></row>', "row 5 follows row 5"),
        ('<row r="1048577"><c><v>1</v></c></row>', "row 1,048,577 follows row 1"),
        ('<row><c r="B2"><v>1</v></c><c r="A2"><v>1</v></c></row>', "a cell of row 2 is out of order"),
        ('<row><c r="XFE2"><v>1</v></c></row>', "a cell of row 2 is out of order"),
        ('<row><c r="²"><v>1</v></c></row>', "a cell of row 2 is out of order"),
        ("<row><c><v>one</v></c></row>", "the cell A2 of S of x.xlsx is damaged: 'one' is no number"),
        ("<row><c><v>1_000</v></c></row>", "the cell A2 of S of x.xlsx is damaged: '1_000' is no number"),
        ('<row><c t="b"><v>2</v></c></row>', "the cell A2 of S of x.xlsx is damaged: '2' is neither 1 nor 0"),
        ('<row><c t="b"><v>yes</v></c></row>', "the cell A2 of S of x.xlsx is damaged: 'yes' is neither 1 nor 0"),
        ('<row><c t="s"><v>-1</v></c></row>', "names a text '-1'"),
        (f"<row>{text_cell('x' * 1_100_000)}</row>", "has a text of more than 1,048,576 characters"),
    ],
)  # fmt: skip
def test_cells_that_no_excel_writes_are_refused(tmp_path: Path, cells: str, said: str) -> None:
    with pytest.raises(ProgramError, match=said):
        read(by_hand(tmp_path / "x.xlsx", A_HEADER + cells))


def test_texts_that_are_shared_often_stay_in_bounds(tmp_path: Path) -> None:
    """A file of 20 KB, whose rows would have 3 GB."""
    letters = bytes(range(65, 91)).decode() * 1200
    shared = f'<sst xmlns="{MAIN}"><si><t>a</t></si><si><t>{letters}</t></si></sst>'
    cells = '<row><c t="s"><v>0</v></c></row>' + '<row><c t="s"><v>1</v></c></row>' * 100_000
    path = by_hand(tmp_path / "x.xlsx", cells, sharedStrings=shared)
    with closing(reader(path)) as source:
        source.open()
        count, most = 0, 0
        for table in source.batches():
            count += len(table)
            most = max(most, table.nbytes)
        assert count == 100_000
        assert most < 20_000_000


def test_a_long_sheet_takes_no_more_memory_than_a_short_one(tmp_path: Path) -> None:
    """The rows are made while they are read; all of them would be 200 MB."""
    path = tmp_path / "x.xlsx"
    with xlsxwriter.Workbook(path, {"constant_memory": True}) as made:
        sheet = made.add_worksheet()
        sheet.write_row(0, 0, ["a", "b"])
        for n in range(60_000):
            sheet.write_row(n + 1, 0, [f"{n:0200}", n])
    with closing(reader(path, {"b": "integer"})) as source:
        source.open()
        tables = source.batches()
        first = len(next(tables))
        before = pa.total_allocated_bytes(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        assert sum(len(table) for table in tables) == 60_000 - first
        assert pa.total_allocated_bytes() - before[0] < 20_000_000


def test_many_cells_of_little_text_travel_in_small_batches(tmp_path: Path) -> None:
    row = f"<row>{'<c><v>1</v></c>' * 2000}</row>"
    header = "".join(text_cell(f"c{n}") for n in range(2000))
    path = by_hand(tmp_path / "x.xlsx", f"<row>{header}</row>{row * 500}")
    with closing(reader(path)) as source:
        source.open()
        sizes = [len(table) for table in source.batches()]
    assert sum(sizes) == 500
    assert max(sizes) * 2000 * CELL_BYTES <= BATCH_BYTES * 1.1


@pytest.fixture
def a_pipe(tmp_path: Path) -> Iterator[Path]:
    import os

    path = tmp_path / "x.xlsx"
    os.mkfifo(path)
    keeping = os.open(path, os.O_RDWR)
    yield path
    os.close(keeping)


def test_a_pipe_is_refused(a_pipe: Path) -> None:
    with pytest.raises(ProgramError, match="is no file but a pipe"):
        read(a_pipe)


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("2026-07-31", "2026-07-31"),
        ("2026-07-31T00:00:00.000", "2026-07-31 00:00:00"),  # a day, whose midnight does not count
        ("2026-07-31T12:30:00.050", "2026-07-31 12:30:00.05"),
        ("T12:30:00", "12:30:00"),
        ("12:30:00.", "12:30:00"),
        ("2026-07-31T12:30:00Z", "2026-07-31 12:30:00Z"),
    ],
)
def test_a_date_that_is_written_as_such_has_the_form_of_one_that_is_counted(
    written: str, text: str
) -> None:
    assert iso_moment(written) == text


def test_a_time_of_day_is_a_time(tmp_path: Path) -> None:
    path = tmp_path / "x.xlsx"
    with xlsxwriter.Workbook(path) as made:
        sheet = made.add_worksheet()
        sheet.write(0, 0, "t")
        sheet.write_datetime(
            1, 0, time(23, 59, 59, 999000), made.add_format({"num_format": "hh:mm"})
        )
    assert read(path, {"t": "time"}) == [{"t": time(23, 59, 59, 999000)}]
