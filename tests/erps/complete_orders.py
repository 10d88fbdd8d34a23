"""Order mails about the test catalogue, as customers write them, with the lines they mean.

In: a seed. Out: raw messages and what each orders: text with prices, text without, an HTML table,
a CSV and an XLSX attachment, in English, German and Russian; all of our own making.
"""

import csv
import io
import random
from dataclasses import dataclass
from decimal import Decimal
from email.message import EmailMessage
from email.policy import SMTP

from openpyxl import Workbook

from tests.erps.catalogue import CUSTOMERS, PRODUCTS

# language -> (greeting, words of the heading, subject, unit words)
_WORDS = {
    "en": (
        "Dear all,\n\nplease deliver against our order {number}:",
        ("Item no.", "Description", "Quantity", "Unit", "Unit price"),
        "Purchase order {number}",
        {"pcs": "pcs", "kg": "kg", "m": "m"},
    ),
    "de": (
        "Guten Tag,\n\nbitte liefern Sie zu unserer Bestellung {number}:",
        ("Artikelnummer", "Bezeichnung", "Menge", "Einheit", "Einzelpreis"),
        "Bestellung {number}",
        {"pcs": "Stück", "kg": "kg", "m": "m"},
    ),
    "ru": (
        "Добрый день!\n\nПросим отгрузить по заявке № {number}:",
        ("Артикул", "Наименование", "Количество", "Ед. изм.", "Цена"),
        "Заявка № {number}",
        {"pcs": "шт", "kg": "кг", "m": "м"},
    ),
}
FORMS = ("text", "text-no-price", "html", "csv", "xlsx")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordered:
    """One mail and what it means."""

    form: str  # language and form, such as "de csv"
    number: str
    customer: str  # mail address
    raw: bytes
    lines: tuple[tuple[str, Decimal, Decimal | None], ...]  # part number, quantity, price


def written(seed: int, each: int) -> list[Ordered]:
    """`each` orders of every language and form."""
    chance = random.Random(seed)
    return [
        _one(chance, language, form, f"{language.upper()}{1000 + n}-{form[:2]}{len(form)}")
        for language in _WORDS
        for form in FORMS
        for n in range(each)
    ]


def _one(chance: random.Random, language: str, form: str, number: str) -> Ordered:
    greeting, heading, subject, units = _WORDS[language]
    customer = chance.choice(CUSTOMERS)[2]
    rows = []
    for code, name, price, unit in chance.sample(PRODUCTS, chance.randint(1, 8)):
        quantity = Decimal(chance.randint(1, 900))
        if unit != "pcs" and chance.random() < 0.5:
            quantity += Decimal("0.5")
        rows.append((code, name, quantity, units[unit], Decimal(price)))
    priced = form != "text-no-price"
    message = EmailMessage(policy=SMTP)
    message["From"] = f"Buyer <{customer}>"
    message["To"] = "info@firma.test"
    message["Subject"] = subject.format(number=number)
    message["Date"] = "Fri, 20 Nov 2026 10:00:00 +0000"
    message["Message-ID"] = f"<{number}@{customer.partition('@')[2]}>"
    start = greeting.format(number=number)
    point = "." if language == "en" else ","
    texts = [
        (c, n, _said(q, point), u, *([_said(p, point)] if priced else [])) for c, n, q, u, p in rows
    ]
    shown = heading if priced else heading[:4]
    match form:
        case "csv" | "xlsx":
            message.set_content(start + "\n")
            _attach(message, form, number, shown, texts, rows)
        case "html":
            message.set_content(_table_text(start, shown, texts))
            message.add_alternative(_table_html(start, shown, texts), subtype="html")
        case _:
            message.set_content(_table_text(start, shown, texts))
    return Ordered(
        form=f"{language} {form}",
        number=number,
        customer=customer,
        raw=message.as_bytes(),
        lines=tuple(sorted((c, q, p if priced else None) for c, _, q, _, p in rows)),
    )


def _said(value: Decimal, point: str) -> str:
    return f"{value:f}".replace(".", point)


def _table_text(start: str, heading: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    widths = [max(len(row[i]) for row in [heading, *rows]) + 2 for i in range(len(heading))]
    lines = [
        "".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in [heading, *rows]
    ]
    return start + "\n\n" + "\n".join(lines) + "\n"


def _table_html(start: str, heading: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    body = "".join(
        "<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in [heading, *rows]
    )
    return f"<p>{start}</p><table>{body}</table>"


def _attach(
    message: EmailMessage,
    form: str,
    number: str,
    heading: tuple[str, ...],
    texts: list[tuple[str, ...]],
    rows: list[tuple[str, str, Decimal, str, Decimal]],
) -> None:
    if form == "csv":
        out = io.StringIO()
        csv.writer(out, delimiter=";").writerows([heading, *texts])
        content = out.getvalue().encode("utf-8")
        message.add_attachment(content, maintype="text", subtype="csv", filename=f"{number}.csv")
        return
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(list(heading))
    for code, name, quantity, unit, price in rows:
        sheet.append([code, name, float(quantity), unit, float(price)])
    stream = io.BytesIO()
    book.save(stream)
    message.add_attachment(
        stream.getvalue(),
        maintype="application",
        subtype="vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        filename=f"{number}.xlsx",
    )
