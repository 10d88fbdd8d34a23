"""What reading an order costs: CPU milliseconds per source, beside the limits set for it.

In: --rounds. Out: a table: the least and the median CPU time of one reading in a warm process, the
limit, and how it compares with reading the bytes by the library alone where there is one (calamine,
pdfium), so that a loaded machine shows as such in both.
"""

import argparse
import io
import time
from collections.abc import Callable
from decimal import Decimal
from itertools import count
from statistics import median

import pypdfium2 as pdfium  # type: ignore[import-untyped]
from python_calamine import CalamineWorkbook

from postroom.classify.orders import extract, extract_document
from postroom.reading.reader import read
from tests.fakes.order_documents import pdf, workbook

_LINES = 50
_LIMITS = {"xlsx, 50 lines": 5, "pdf, two pages": 60, "mail of text": 5}  # CPU milliseconds


def sheet() -> bytes:
    """A workbook with a title, a heading, 50 lines and a total."""
    rows: list[list[object]] = [["Заказ № 118 от 03.06.2024"], []]
    rows.append(["№", "Артикул", "Наименование", "Кол-во", "Ед.", "Цена", "Сумма"])
    total = Decimal(0)
    for n in range(1, _LINES + 1):
        price = Decimal(n) * Decimal("1.25")
        total += n * price
        name = f"Болт М{n}х{n * 5} оцинкованный"
        rows.append([n, f"B-{n:04}", name, n, "шт", float(price), float(n * price)])
    rows.append([None, None, None, None, None, "Итого", float(total)])
    return workbook([{"name": "Заказ", "rows": rows}])


def pages() -> bytes:
    """A PDF of two pages with 50 lines and a total."""
    table = [["№", "Артикул", "Наименование", "Кол-во", "Ед.", "Цена", "Сумма"]]
    total = Decimal(0)
    for n in range(1, _LINES + 1):
        price = Decimal(n) * Decimal("1.25")
        total += n * price
        name = f"Болт М{n}х{n * 5} оцинкованный"
        table.append([str(n), f"B-{n:04}", name, str(n), "шт", f"{price:.2f}", f"{n * price:.2f}"])
    table.append(["", "", "", "", "", "Итого", f"{total:.2f}"])
    widths = [10, 24, 76, 18, 12, 22, 24]
    return pdf([[{"title": "Заказ № 118 от 03.06.2024"}, {"table": table, "widths": widths}]])


def mail(turn: int) -> bytes:
    """A mail that lists ten things, other ones each turn: no line is read twice."""
    goods = "\n".join(
        f"{n}. Болт М{n}х{n * 5 + turn} оцинкованный - {n * 10 + turn} шт" for n in range(4, 14)
    )
    body = f"Добрый день!\n\nПросим отгрузить:\n{goods}\n\nС уважением,\nАнна Орлова\n"
    head = "From: anna@firma.test\nTo: info@us.test\nSubject: =?utf-8?b?0JfQsNC60LDQtyAxMTg=?=\n"
    return f"{head}Content-Type: text/plain; charset=utf-8\n\n{body}".encode()


def cost(work: Callable[[], object], rounds: int) -> list[float]:
    """CPU milliseconds of each round, after three to warm up."""
    for _ in range(3):
        work()
    spent = []
    for _ in range(rounds):
        begin = time.process_time()
        work()
        spent.append(1000 * (time.process_time() - begin))
    return sorted(spent)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=40)
    rounds = parser.parse_args().rounds
    book, paper = sheet(), pages()
    mails = (mail(turn) for turn in count())
    works: dict[str, tuple[Callable[[], object], int]] = {
        "xlsx, 50 lines": (lambda: extract_document("order.xlsx", book), _LINES),
        "pdf, two pages": (lambda: extract_document("order.pdf", paper), _LINES),
        "mail of text": (lambda: extract(read(next(mails))), 10),
    }
    print(f"{'source':24}{'lines':>6}{'least ms':>10}{'median ms':>11}{'limit':>7}  ")
    for name, (work, lines) in works.items():
        found = work()
        read_lines = len(getattr(found, "lines", ()))
        spent = cost(work, rounds)
        met = "met" if spent[0] <= _LIMITS[name] else "missed"
        read_right = "" if read_lines == lines else f" ({read_lines} lines read!)"
        print(
            f"{name:24}{lines:6}{spent[0]:10.2f}{median(spent):11.2f}{_LIMITS[name]:7}  "
            f"{met}{read_right}"
        )
    for name, alone in (
        ("  calamine alone", lambda: _sheet_alone(book)),
        ("  pdfium alone (text)", lambda: _text_alone(paper)),
        ("  reading the mail", lambda: read(next(mails))),
    ):
        spent = cost(alone, rounds)
        print(f"{name:24}{'':6}{spent[0]:10.2f}{median(spent):11.2f}")


def _sheet_alone(book: bytes) -> object:
    return CalamineWorkbook.from_filelike(io.BytesIO(book)).get_sheet_by_index(0).to_python()


def _text_alone(paper: bytes) -> object:
    document = pdfium.PdfDocument(paper)
    try:
        return [page.get_textpage().get_text_range() for page in document]
    finally:
        document.close()


if __name__ == "__main__":
    main()
