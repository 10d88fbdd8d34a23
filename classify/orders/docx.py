"""Word documents (.docx) -> order lines: their tables, then their paragraphs as text.

In: octets of a checked zip container. Out: a `Reading`, strength 2 when a table held the lines,
else 1. Standard: ECMA-376 WordprocessingML.

Text that is struck out is a problem: whether it is ordered is not said.

Limits: text boxes, headers, footers and tracked deletions are not read; text that a style strikes
out is not told from other text.
"""

from decimal import Decimal

from lxml import etree

from .body import read_body
from .cells import Cell
from .hostile import MOST_LINES, MOST_OCTETS, Unreadable, check_container, parse_xml, part_of
from .lines import numbered
from .reading import Reading
from .table import Grid, number_of, read_table

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_PART = "word/document.xml"
_STRUCK = (f"{_W}rPr/{_W}strike", f"{_W}rPr/{_W}dstrike")


def read_docx(filename: str, content: bytes, language: str = "") -> Reading:
    """The order in a Word document. Raises Unreadable for a bomb or a broken file."""
    body = _body(content)
    paragraphs, grids = _parts(body, filename, language)
    struck = ("rows-struck",) if _is_struck(body) else ()
    tables = [read_table(grid) for grid in grids]
    held = [table for table in tables if table.lines]
    if not held:
        text = read_body("\n".join(paragraphs), language, filename)
        return Reading(
            lines=text.lines, totals=text.totals, currency=text.currency, around=text.around,
            problems=(*text.problems, *struck), strength=1, source=filename,
        )  # fmt: skip
    number, several = number_of(held)
    around = [*paragraphs, *(line for table in tables for line in table.around)]
    return Reading(
        lines=numbered(line for table in held for line in table.lines),
        number=number,
        totals=tuple(total for table in tables for total in table.totals),
        charges=sum((table.charges for table in tables), Decimal(0)),
        currency=held[0].currency,
        around=tuple(line for line in around if line.strip()),
        problems=tuple(
            dict.fromkeys(
                [*(problem for table in held for problem in table.problems), *several, *struck]
            )
        ),
        strength=2,
        source=filename,
    )


def parts_of_docx(
    filename: str, content: bytes, language: str = ""
) -> tuple[list[str], list[Grid]]:
    """(paragraphs, tables) of a Word document. Raises Unreadable like read_docx."""
    return _parts(_body(content), filename, language)


def _body(content: bytes) -> etree._Element:
    if _PART not in check_container(content):
        raise Unreadable("unknown-format")
    body = parse_xml(part_of(content, _PART, MOST_OCTETS)).find(f"{_W}body")
    if body is None:
        raise Unreadable("broken")
    return body


def _is_struck(body: etree._Element) -> bool:
    """True when some run of the text, not of the space behind it, is struck out."""
    for run in body.iter(f"{_W}r"):
        if any(
            mark.get(f"{_W}val", "true") not in ("0", "false", "off")
            for name in _STRUCK
            for mark in run.findall(name)
        ) and any((text.text or "").strip() for text in run.findall(f"{_W}t")):
            return True
    return False


def _parts(body: etree._Element, filename: str, language: str) -> tuple[list[str], list[Grid]]:
    grids = [
        Grid(rows=_rows(table), source=f"{filename}:table {place} row ", language=language)
        for place, table in enumerate(body.findall(f"{_W}tbl"), start=1)
    ]
    return [_text(paragraph) for paragraph in body.findall(f"{_W}p")][:4000], grids


def _rows(table: etree._Element) -> list[list[Cell]]:
    rows: list[list[Cell]] = []
    for row in table.findall(f"{_W}tr")[: MOST_LINES + 1]:
        cells: list[Cell] = []
        for cell in row.findall(f"{_W}tc"):
            span = cell.find(f"{_W}tcPr/{_W}gridSpan")
            width = (
                int(span.get(f"{_W}val") or 1)
                if span is not None and (span.get(f"{_W}val") or "").isdecimal()
                else 1
            )
            cells += [_text(cell), *[""] * (min(width, 40) - 1)]
        rows.append(cells)
    return rows


def _text(element: etree._Element) -> str:
    parts: list[str] = []
    for node in element.iter(f"{_W}t", f"{_W}tab", f"{_W}br", f"{_W}p"):
        if node.tag == f"{_W}t":
            parts.append(node.text or "")
        elif node.tag == f"{_W}tab":
            parts.append("\t")
        elif parts:
            parts.append(" ")
    return "".join(parts).strip()
