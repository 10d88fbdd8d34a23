"""Makes order documents (xlsx, csv, pdf) from what a YAML file says stands in them.

In: a case: `file`, and `sheets` (rows of cells; a cell "=..." is a formula nobody has calculated),
`text` with `encoding`, or `pages` (blocks of text, tables ruled or not). Out: the document's
octets. The corpus keeps the made documents beside their expected lines, so that tests need neither
fonts nor fpdf2; `python -m tests.fakes.order_documents FILE.yaml` makes them anew.
"""

import io
import json
import sys
from pathlib import Path
from typing import Any

import openpyxl

from . import yamls

_FONT = "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"
_BOLD = "/usr/share/fonts/truetype/dejavu/DejaVuSans-Bold.ttf"
_CORPUS = Path(__file__).resolve().parent.parent / "corpus" / "orders"


def document(case: dict[str, Any]) -> bytes:
    """The octets of the document a case describes."""
    if "sheets" in case:
        return workbook(case["sheets"])
    if "pages" in case:
        return pdf(case["pages"])
    text: str = case["text"]
    return text.encode(case.get("encoding", "utf-8"))


def workbook(sheets: list[dict[str, Any]]) -> bytes:
    """An xlsx; a sheet may have merged ranges, hidden rows, hidden itself."""
    book = openpyxl.Workbook()
    if book.active is not None:
        book.remove(book.active)
    for said in sheets:
        sheet = book.create_sheet(said.get("name", "Sheet1"))
        for row in said["rows"]:
            sheet.append(row)
        for merged in said.get("merged", ()):
            sheet.merge_cells(merged)
        for number in said.get("hidden_rows", ()):
            sheet.row_dimensions[number].hidden = True
        if said.get("hidden"):
            sheet.sheet_state = "hidden"
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def pdf(pages: list[list[dict[str, Any]]]) -> bytes:
    """A PDF with text; a block is {text}, {title} or {table, widths, ruled, size, align}."""
    from fpdf import FPDF

    made = FPDF()
    made.add_font("Sans", "", _FONT)
    made.add_font("Sans", "B", _BOLD)
    for blocks in pages:
        made.add_page()
        for block in blocks:
            if "table" in block:
                _table(made, block)
                continue
            titled = "title" in block
            made.set_font("Sans", "B" if titled else "", 14 if titled else block.get("size", 9))
            made.multi_cell(
                0,
                7 if titled else 5,
                block.get("title") or block["text"],
                new_x="LMARGIN",
                new_y="NEXT",
            )
            made.ln(2)
    return bytes(made.output())


def _table(made: Any, block: dict[str, Any]) -> None:
    made.set_font("Sans", "", block.get("size", 8))
    widths: list[float] = block["widths"]
    aligns: str = block.get("align", "L" * len(widths))
    ruled = 1 if block.get("ruled", True) else 0
    for row in block["table"]:
        cells = [str(cell) for cell in row]
        wrapped = [
            made.multi_cell(width, 4.5, cell, dry_run=True, output="LINES") if cell else [""]
            for width, cell in zip(widths, cells, strict=True)
        ]
        height = 4.5 * max(len(lines) for lines in wrapped)
        if made.get_y() + height > made.page_break_trigger:
            made.add_page()
            made.set_font("Sans", "", block.get("size", 8))
        left, top = made.get_x(), made.get_y()
        for width, lines, align in zip(widths, wrapped, aligns, strict=True):
            if ruled:
                made.rect(left, top, width, height)
            for place, line in enumerate(lines):
                made.set_xy(left, top + 4.5 * place)
                made.cell(width, 4.5, line, align=align)
            left += width
        made.set_xy(made.l_margin, top + height)
    made.ln(3)


def main(names: list[str]) -> None:
    """Writes each case's document and its expected lines into the corpus."""
    for name in names:
        for case in yamls.load(Path(name)):
            target = _CORPUS / "documents" / case["file"]
            target.write_bytes(document(case))
            expected = {
                key: case[key]
                for key in ("file", "kind", "number", "complete", "lines", "due_date", "total")
                if key in case
            }
            said = json.dumps(expected, ensure_ascii=False, indent=1)
            target.with_suffix(".json").write_text(said + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
