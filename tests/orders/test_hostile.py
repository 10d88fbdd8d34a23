"""Hostile documents: bombs, doctypes, nonsense. Each costs little and becomes a problem."""

import io
import struct
import time
import zipfile
from decimal import Decimal
from pathlib import Path

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl.utils.exceptions import IllegalCharacterError

from postroom.classify.orders import extract_document
from postroom.classify.orders.body import read_body
from postroom.classify.orders.hostile import MOST_LINES, MOST_OCTETS
from postroom.classify.orders.htmlgrids import tables_of
from postroom.classify.orders.pair import paired
from postroom.classify.orders.reading import Reading
from postroom.order import OrderKind, OrderLine


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as container:
        for name, content in files.items():
            container.writestr(name, content)
    return buffer.getvalue()


def corner_to_corner() -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet["A1"] = "Qty"
    sheet["XFD1048576"] = 1
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


CORPUS = Path(__file__).resolve().parent.parent / "corpus" / "orders"


def circular_xls() -> bytes:
    """A workbook whose every sector says that it is followed by itself."""
    content = bytearray((CORPUS / "documents" / "ru-xls.xls").read_bytes())
    fat = (struct.unpack_from("<I", content, 76)[0] + 1) * 512
    for number in range(128):
        if struct.unpack_from("<I", content, fat + 4 * number)[0] < 0xFFFFFFF0:
            struct.pack_into("<I", content, fat + 4 * number, number)
    return bytes(content)


ODS = (
    '<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" '
    'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"><office:body>'
    '<office:spreadsheet><table:table table:name="a">'
    '<table:table-row table:number-rows-repeated="1048576">'
    '<table:table-cell table:number-columns-repeated="16384" office:value-type="float" '
    'office:value="1"><text:p>1</text:p></table:table-cell></table:table-row>'
    "</table:table></office:spreadsheet></office:body></office:document-content>"
)
ENTITY = (
    b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "b">]><Order xmlns="x:ubl:Order">&b;</Order>'
)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("corner.xlsx", corner_to_corner(), "bomb"),
        ("zeros.xlsx", zipped({"xl/workbook.xml": b"0" * 30_000_000}), "bomb"),
        ("many.zip", zipped({f"{place}": b"" for place in range(2500)}), "bomb"),
        (
            "repeat.ods",
            zipped({"mimetype": b"x", "content.xml": ODS.encode()}),
            "bomb",
        ),
        ("corner.xls", (CORPUS / "hostile" / "corner.xls").read_bytes(), "bomb"),
        ("circle.xls", circular_xls(), "broken"),
        ("entity.xml", ENTITY, "doctype"),
        ("deep.xml", b"<a>" * 50_000, "broken"),
        ("big.txt", b"a" * (MOST_OCTETS + 1), "too-large"),
        ("x.pdf", b"%PDF-1.7 nothing", "broken"),
        ("x.zip", b"PK\x03\x04 nothing", "broken"),
        ("x.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 600, "unknown-format"),
        ("x.jpg", b"\xff\xd8\xff\xe0" + bytes(range(256)) * 9, "unknown-format"),
        ("empty", b"", "empty"),
    ],
)
def test_a_hostile_document_is_a_problem(name: str, content: bytes, reason: str) -> None:
    begin = time.process_time()
    order = extract_document(name, content)
    assert order.problems == (f"attachment-unreadable:{name}", reason)
    assert order.lines == ()
    assert not order.complete
    assert time.process_time() - begin < 2


_HEAD = "<html><table><tr><th>SKU</th><th>Description</th><th>Qty</th></tr>"


def rows_of_html(count: int) -> str:
    rows = (f"<tr><td>A-{place}</td><td>Bolt</td><td>5</td></tr>" for place in range(count))
    return _HEAD + "".join(rows) + "</table>"


@pytest.mark.parametrize(
    "page",
    [
        "<html>" + "<table><tr><td>" * 10_000 + "10 pcs bolts",
        "<html>" + "<table>" * 10_000 + "<tr><td>10 pcs bolts",
        "<html><table>" + "<tr>" * 100_000,
        "<html><table><tr>" + "<td colspan=999 rowspan=999>5" * 50_000,
        "<html>" + "<table><tr><td>5</table>" * 10_000,
    ],
    ids=["nested", "unclosed", "rows", "cells", "tables"],
)
def test_tables_without_end_are_cut_and_named(page: str) -> None:
    begin = time.process_time()
    order = extract_document("page.html", page.encode())
    assert "too-many-lines" in order.problems
    assert not order.complete
    assert time.process_time() - begin < 5


def test_the_table_deep_inside_others_is_read() -> None:
    page = "<table><tr><td>" * 150 + rows_of_html(3) + "</td></tr></table>" * 150
    order = extract_document("page.html", page.encode())
    assert [line.sku for line in order.lines] == ["A-0", "A-1", "A-2"]
    assert all(line.quantity == 5 for line in order.lines)
    assert "too-many-lines" not in order.problems


def test_of_the_text_beside_tables_little_is_kept() -> None:
    assert len(tables_of("<html><p>" + "10 pcs\n" * 100_000 + "<p>bolts" * 1000).around) == 400


@pytest.mark.slow
def test_a_table_of_50_000_rows_is_cut_and_named() -> None:
    begin = time.process_time()
    order = extract_document("page.html", rows_of_html(50_000).encode())
    assert len(order.lines) == MOST_LINES - 1  # the heading is a row too
    assert "too-many-lines" in order.problems
    assert not order.complete
    assert time.process_time() - begin < 10


@pytest.mark.slow
def test_a_million_lines_of_text_are_cut_and_named() -> None:
    begin = time.process_time()
    order = extract_document("order.txt", b"10 pcs bolts\n" * 1_000_000)
    assert order.lines
    assert {"text-too-long", "too-many-lines"} <= set(order.problems)
    assert not order.complete
    assert time.process_time() - begin < 10


def test_sources_too_long_to_be_compared_differ() -> None:
    lines = tuple(
        OrderLine(line=place, description=f"Bolt {place}", quantity=Decimal(5), confidence=0.9)
        for place in range(1, 3001)
    )
    sheet, body = (
        Reading(lines=lines, strength=strength, source=source)
        for strength, source in ((2, "o.xlsx"), (0, "body"))
    )
    merged = paired([sheet, body])
    assert merged.lines == lines
    assert merged.problems == ("sources-differ:body",)


def test_a_doctype_fetches_nothing() -> None:
    content = b'<!DOCTYPE cXML SYSTEM "file:///etc/hostname"><cXML><Request/></cXML>'
    assert extract_document("x.xml", content).kind is OrderKind.NONE


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        " " * 100_000 + "5" + " " * 100_000,
        "." * 100_000 + " 5 шт " + "-" * 100_000,
        "(" * 50_000 + "5 шт",
        "5 pcs bolts and " * 10_000,
        "5x" * 50_000,
        "1 " * 100_000,
        "," * 100_000,
        "a" * 150_000 + " 5 pcs",
        ("\t" * 2000 + "\n") * 100,
        "от " * 50_000,
        "№ " * 50_000,
        "please " * 30_000,
        ("please send 4 chairs" + " " * 1400 + "x\n") * 100,
        "1-2 " * 50_000,
        "\n".join(f"{n} " + "1-2 " * 490 for n in range(60)),
        "a|1|2|3\n" * 900,
        "a;1;2;3\n" * 900,
        "Item|Qty|Price\n" * 900,
        ("Chair" + "|1" * 60 + "\n") * 20,
        "|".join(["Part", *["Qty", "Price", "Total"] * 20]) + ("\nA-1" + "|2" * 60) * 60,
    ],
)
def test_long_text_is_read_in_little_time(text: str) -> None:
    begin = time.process_time()
    read_body(text, "ru")
    assert time.process_time() - begin < 2


_ALPHABET = st.sampled_from(
    list("0123456789.,-–—:;()[]|\t\n \u00a0xхм×=@№#/%€шткгpcsStkабвгдABCüß'\"<>&")
)
_RELAXED = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@_RELAXED
@given(st.text(alphabet=_ALPHABET, max_size=400))
def test_any_text_is_read(text: str) -> None:
    for line in read_body(text, "ru").lines:
        assert 0 <= line.confidence <= 1


_HEADS = st.sampled_from(
    [
        b"",
        b"%PDF-1.4\n",
        b"PK\x03\x04",
        b"UNA:+.? '",
        b"UNB+UNOC:3+",
        b"<?xml version='1.0'?><Order>",
        b"<html><table><tr><td>",
        b"\x03\x7c\x06\x03",
        b"\xff\xfe",
        b"Qty;Item\n",
        b"{\\rtf",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        b"\x09\x08\x10\x00",
    ]
)


@_RELAXED
@given(_HEADS, st.binary(max_size=600))
def test_any_octets_are_read(head: bytes, tail: bytes) -> None:
    order = extract_document("x", head + tail)
    assert not order.complete or order.lines


_CELLS = st.lists(
    st.lists(
        st.one_of(
            st.none(), st.integers(-5, 10**6), st.floats(allow_nan=False), st.text(max_size=12)
        ),
        max_size=6,
    ),
    max_size=8,
)


@pytest.mark.slow
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_CELLS)
def test_any_sheet_is_read(rows: list[list[object]]) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["Наименование", "Кол-во", "Цена"])
    for row in rows:
        try:
            sheet.append(row)
        except (ValueError, IllegalCharacterError):
            continue
    buffer = io.BytesIO()
    book.save(buffer)
    extract_document("x.xlsx", buffer.getvalue())


@pytest.mark.slow
@_RELAXED
@given(st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 255)), max_size=12))
def test_a_damaged_document_is_read_or_named(damage: list[tuple[int, int]]) -> None:
    content = bytearray(corner_free())
    for place, octet in damage:
        content[place % len(content)] = octet
    extract_document("x.xlsx", bytes(content))


def corner_free() -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["Item", "Qty"])
    sheet.append(["Bolt", 5])
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()
