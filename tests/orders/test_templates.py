"""Templates: a sender's layout in YAML, its faults named, its lines read."""

from dataclasses import replace
from decimal import Decimal
from email.message import EmailMessage
from pathlib import Path

import pytest

from postroom.classify.orders import Means, extract, extract_document
from postroom.classify.orders.templatefile import TemplateError, load_templates
from postroom.order import OrderKind
from postroom.reading.reader import read
from tests.fakes.order_documents import workbook

TEXT = r"""
name: metro
senders: ["@metro.test"]
keywords: [Abruf, METRO]
kind: order
decimal: ","
currency: EUR
fields:
  number: 'Abruf-Nr\.\s+(\S+)'
  date: 'Datum (\S+)'
  total: 'Summe\s+([\d.,]+)'
  delivery_address: 'Markt:\s+(.+)'
lines:
  start: '^Artikel'
  end: '^Summe'
  line: '^(?P<sku>\d+) (?P<description>.+?) (?P<quantity>[\d.,]+)/(?P<unit>\w+) (?P<unit_price>\S+)'
  more: '^    (?P<description>\S.*)'
  skip: '^-+$'
"""
MAIL = """\
METRO Abruf-Nr. A-77 Datum 03.06.2024
Markt: Ulm, Blaubeurer Str. 1
Artikel
------
100234 Apfelsaft klar 1.200/FL 0,89
    naturtrüb, Pfand
100900 Birnen Dose 24/KAR 12,50
Summe 1.368,00
"""


def saved(tmp_path: Path, text: str, name: str = "t.yaml") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def mail(body: str, author: str = "filiale7@ulm.metro.test") -> bytes:
    message = EmailMessage()
    message["From"] = author
    message["To"] = "info@firma.test"
    message["Subject"] = "Abruf"
    message.set_content(body)
    return message.as_bytes()


def means(tmp_path: Path, text: str = TEXT) -> Means:
    return Means(templates=load_templates(saved(tmp_path, text)))


def test_a_taught_mail_is_read_and_complete(tmp_path: Path) -> None:
    order = extract(read(mail(MAIL)), means(tmp_path))
    assert order.kind is OrderKind.ORDER
    assert order.number == "A-77"
    assert order.currency == "EUR"
    assert order.delivery.address.startswith("Ulm")
    assert [(one.sku, one.quantity, one.unit, one.unit_price) for one in order.lines] == [
        ("100234", Decimal(1200), "FL", Decimal("0.89")),
        ("100900", Decimal(24), "KAR", Decimal("12.50")),
    ]
    assert order.lines[0].description == "Apfelsaft klar naturtrüb, Pfand"
    assert order.lines[0].source == "body:5"
    assert order.complete


def test_another_sender_is_read_without_it(tmp_path: Path) -> None:
    order = extract(read(mail(MAIL, "someone@else.test")), means(tmp_path))
    assert not order.complete


def test_a_row_that_was_not_taught_takes_the_certainty_away(tmp_path: Path) -> None:
    body = MAIL.replace("100900", "!100900")
    order = extract(read(mail(body)), means(tmp_path))
    assert "template-row-unread" in order.problems
    assert not order.complete


def test_a_layout_that_changed_falls_back_and_says_so(tmp_path: Path) -> None:
    body = MAIL.replace("Artikel", "Ware")
    order = extract(read(mail(body)), means(tmp_path))
    assert not order.complete


def test_columns_are_found_under_the_taught_headings(tmp_path: Path) -> None:
    text = """
name: sheet
columns: {sku: Ref A, description: What, quantity: Abruf Menge, unit_price: EK2}
"""
    content = workbook(
        [
            {
                "rows": [
                    ["Ref A", "Menge alt", "What", "Abruf Menge", "EK1", "EK2"],
                    ["K-1", 99, "Schraube", 5, 1, 2.5],
                    ["K-2", 98, "Mutter", 7, 1, 0.5],
                ]
            }
        ]
    )
    order = extract_document("abruf.xlsx", content, means(tmp_path, text))
    assert [(one.sku, one.quantity, one.unit_price) for one in order.lines] == [
        ("K-1", Decimal(5), Decimal("2.5")),
        ("K-2", Decimal(7), Decimal("0.5")),
    ]
    assert order.lines[0].source == "abruf.xlsx:Sheet1!A2"


def test_problems_of_the_means_are_problems_of_the_order(tmp_path: Path) -> None:
    given = replace(means(tmp_path), problems=("templates-unusable",))
    assert "templates-unusable" in extract(read(mail(MAIL)), given).problems


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("- a\n", 1, "a template is a mapping"),
        ("", 1, "a template is a mapping"),
        ("keywords: [a]\nlines: {line: '(?P<sku>a)(?P<quantity>1)'}\n", 1, "name is missing"),
        ("name: x\n", 1, "either `columns:`"),
        ("name: x\nfelds: {}\n", 2, "no key 'felds'"),
        ("name: x\nfields: {number: 'No ('}\n", 2, "is no pattern"),
        ("name: x\nfields: {number: 'No'}\n", 2, "needs a group"),
        ("name: x\nfields: {number: '(?=a)'}\n", 2, "is no pattern"),
        ("name: x\nlines:\n  line: '(?P<quantity>1)'\n", 3, "one of sku, gtin, description"),
        ("name: x\nlines:\n  line: '(?P<qty>1)'\n", 3, "unknown group qty"),
        ("name: x\nlines: {start: a}\n", 2, "lines need `line:`"),
        ("name: x\ncolumns: {sku: A}\n", 2, "columns need `quantity`"),
        ("name: x\nsenders: [metro]\n", 2, "write an address, or @domain"),
        ("name: x\nkind: bill\n", 2, "'bill' is none of order"),
        ("name: [x]\n", 1, "write one text here"),
        ("name: 'x\n", 2, "is no YAML"),
    ],
)
def test_each_fault_is_named_with_its_line_and_mend(
    tmp_path: Path, text: str, line: int, said: str
) -> None:
    path = saved(tmp_path, text)
    with pytest.raises(TemplateError) as caught:
        load_templates(path)
    assert len(caught.value.faults) == 1
    assert caught.value.faults[0].startswith(f"{path}:{line}: ")
    assert said in caught.value.faults[0]


def test_all_faults_of_a_folder_are_told_at_once(tmp_path: Path) -> None:
    saved(tmp_path, "name: x\n", "a.yaml")
    saved(tmp_path, TEXT, "b.yaml")
    saved(tmp_path, TEXT, "c.yaml")
    with pytest.raises(TemplateError) as caught:
        load_templates(tmp_path)
    assert len(caught.value.faults) == 2
    assert "another file has a template named 'metro'" in caught.value.faults[1]
