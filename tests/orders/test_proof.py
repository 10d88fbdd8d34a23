"""The page that shows a document beside what was read: every line leads to its source."""

import base64
import re
import zlib
from email.message import EmailMessage
from pathlib import Path

import pytest

from postroom import jobs
from postroom.classify.orders import extract, extract_document
from postroom.config import ReadingSection
from postroom.order import Order, OrderKind, OrderLine
from postroom.reading.reader import read

DOCUMENTS = Path(__file__).resolve().parent.parent / "corpus" / "orders" / "documents"
NAMES = sorted(path.name for path in DOCUMENTS.iterdir() if path.suffix != ".json")
HOSTILE = "<script>alert(1)</script>\"'&{{ 7*7 }}"


def page_of_document(path: Path) -> tuple[str, Order]:
    content = path.read_bytes()
    order = extract_document(path.name, content)
    return jobs.proof_page(path.name, content, False, ReadingSection(), order), order


def leads(page: str) -> set[int]:
    """The lines whose number leads to a source that is on the page."""
    sources = {int(one) for one in re.findall(r'id="source-(\d+)"', page)}
    return {int(one) for one in re.findall(r'href="#source-(\d+)"', page)} & sources


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_every_line_of_every_sort_of_document_leads_to_its_source(name: str) -> None:
    page, order = page_of_document(DOCUMENTS / name)
    assert leads(page) == {line.line for line in order.lines}


def test_a_mails_own_words_and_its_attachment_are_shown() -> None:
    message = EmailMessage()
    message["From"] = "anna@firma.test"
    message["Subject"] = "Заказ"
    message.set_content("Добрый день!\n\nпрошу отгрузить:\nБолт М8 - 200 шт\nГайка М8 - 200 шт\n")
    sheet = (DOCUMENTS / "d4-ru-merged.xlsx").read_bytes()
    message.add_attachment(
        sheet, maintype="application", subtype="octet-stream", filename="заявка.xlsx"
    )
    raw = message.as_bytes()
    order = extract(read(raw))
    page = jobs.proof_page("mail.eml", raw, True, ReadingSection(), order)
    assert leads(page) == {line.line for line in order.lines}
    assert "Болт М8 - 200 шт" in page
    assert "ПД-40" in page


def test_hostile_words_are_only_words() -> None:
    lines = (
        OrderLine(line=1, sku=HOSTILE, description=HOSTILE, source="body:2", problems=(HOSTILE,)),
    )
    order = Order(kind=OrderKind.ORDER, number=HOSTILE, lines=lines, problems=(HOSTILE,))
    message = EmailMessage()
    message["From"] = "eve@evil.test"
    message["Subject"] = HOSTILE
    message.set_content(f"hello\n{HOSTILE}\n")
    page = jobs.proof_page(HOSTILE, message.as_bytes(), True, ReadingSection(), order)
    assert "<script" not in page
    assert "{{ 7*7 }}" in page
    assert page.count("Content-Security-Policy") == 1
    assert not re.search(r"(?:src|href)=\"(?!#|data:image/png)", page)


def test_a_pdfs_page_is_drawn_with_a_box_per_line() -> None:
    page, order = page_of_document(DOCUMENTS / "d4-ru-ruled.pdf")
    picture = re.search(r"data:image/png;base64,([\w+/=]+)", page)
    assert picture
    octets = base64.b64decode(picture[1])
    assert octets.startswith(b"\x89PNG\r\n\x1a\n")
    size = int.from_bytes(octets[33:37], "big")
    assert zlib.decompress(octets[41 : 41 + size])
    assert page.count('class="box') == len(order.lines)


def test_what_cannot_be_opened_is_said() -> None:
    order = extract_document("x.xlsx", b"PK\x03\x04 no zip at all")
    page = jobs.proof_page("x.xlsx", b"PK\x03\x04 no zip", False, ReadingSection(), order)
    assert "It is damaged." in page
    assert "No lines were read." in page
