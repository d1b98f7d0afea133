"""What stands around the rows of an Excel file. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from xml.sax.saxutils import quoteattr

from program_lib.types import TEXT, Column, Kind, Schema

SHEET = "xl/worksheets/sheet{}.xml"
SHEET_END = b"</sheetData></worksheet>"
_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATED = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_TYPES = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_WIDTHS = {Kind.DATE: 11, Kind.TIMESTAMP: 23, Kind.TIMESTAMPTZ: 30, Kind.TIME: 13}  # characters
FIRST_STYLE = 164  # the number of the first format that a file defines itself


def sheet_begin(schema: Schema) -> bytes:
    """All before the first row. The names of the columns stay in sight."""
    return "".join(
        [
            _HEAD,
            f'<worksheet xmlns="{_MAIN}"><sheetViews><sheetView workbookViewId="0">',
            '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/>',
            f"</sheetView></sheetViews>{_columns(schema)}<sheetData>",
        ]
    ).encode()


def _columns(schema: Schema) -> str:
    """Where dates stand the columns are as wide: Excel would show #### instead."""
    widths = "".join(
        f'<col min="{at}" max="{at}" width="{_WIDTHS[column.type.kind]}" customWidth="1"/>'
        for at, column in enumerate(schema, 1)
        if column.type.kind in _WIDTHS
    )
    return f"<cols>{widths}</cols>" if widths else ""


def as_texts(schema: Schema) -> Schema:
    return Schema(Column(column.name, TEXT) for column in schema)


def around(sheets: Sequence[str], formats: Sequence[str]) -> Iterator[tuple[str, str]]:
    """All parts but the sheets, by their names."""
    numbers = range(1, len(sheets) + 1)
    yield "[Content_Types].xml", _content_types(numbers)
    main = f'<Relationship Id="rId1" Type="{_RELATED}/officeDocument" Target="xl/workbook.xml"/>'
    yield "_rels/.rels", _relations(main)
    yield "xl/workbook.xml", _workbook(sheets)
    related = "".join(
        f'<Relationship Id="rId{n}" Type="{_RELATED}/worksheet" Target="worksheets/sheet{n}.xml"/>'
        for n in numbers
    )
    styles = (
        f'<Relationship Id="rId{len(sheets) + 1}" Type="{_RELATED}/styles" Target="styles.xml"/>'
    )
    yield "xl/_rels/workbook.xml.rels", _relations(related + styles)
    yield "xl/styles.xml", _styles(formats)


def _relations(entries: str) -> str:
    return f'{_HEAD}<Relationships xmlns="{_PACKAGE}/relationships">{entries}</Relationships>'


def _content_types(numbers: Sequence[int]) -> str:
    sheets = "".join(
        f'<Override PartName="/{SHEET.format(n)}" ContentType="{_TYPES}.worksheet+xml"/>'
        for n in numbers
    )
    return (
        f'{_HEAD}<Types xmlns="{_PACKAGE}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPES}.sheet.main+xml"/>'
        f'<Override PartName="/xl/styles.xml" ContentType="{_TYPES}.styles+xml"/>{sheets}</Types>'
    )


def _workbook(sheets: Sequence[str]) -> str:
    listed = "".join(
        f'<sheet name={quoteattr(name)} sheetId="{n}" r:id="rId{n}"/>'
        for n, name in enumerate(sheets, 1)
    )
    return f'{_HEAD}<workbook xmlns="{_MAIN}" xmlns:r="{_RELATED}"><sheets>{listed}</sheets></workbook>'


def _styles(formats: Sequence[str]) -> str:
    """The style 0 is that of a cell without one, those of `formats` follow."""
    own = "".join(
        f'<numFmt numFmtId="{n}" formatCode={quoteattr(code)}/>'
        for n, code in enumerate(formats, FIRST_STYLE)
    )
    used = "".join(
        f'<xf numFmtId="{n}" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>'
        for n in range(FIRST_STYLE, FIRST_STYLE + len(formats))
    )
    plain = '<xf numFmtId="0" fontId="0" fillId="0" borderId="0"'
    return (
        f'{_HEAD}<styleSheet xmlns="{_MAIN}">'
        + (f'<numFmts count="{len(formats)}">{own}</numFmts>' if formats else "")
        + '<fonts count="1"><font><sz val="11"/><name val="Calibri"/></font></fonts>'
        '<fills count="2"><fill><patternFill patternType="none"/></fill>'
        '<fill><patternFill patternType="gray125"/></fill></fills>'
        '<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>'
        f'<cellStyleXfs count="1">{plain}/></cellStyleXfs>'
        f'<cellXfs count="{len(formats) + 1}">{plain} xfId="0"/>{used}</cellXfs>'
        '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>'
    )
