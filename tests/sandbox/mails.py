"""A mail on its way into the sandbox, and what must become of it.

In: the sandbox's parties and keys. Out: `Mail` values: who connects, the envelope, the bytes, and
an `Expected` that the demo and tests/e2e/test_demo.py compare with the real stores.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from openpyxl import Workbook

from .world import INFO, Keys, Party

XLSX = ("application", "vnd.openxmlformats-officedocument.spreadsheetml.sheet")


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What must become of a mail; an empty field of a delivered mail means "nothing of it"."""

    smtp: str = "250"  # how the reply to the end of data begins
    dmarc: str = ""  # DMARC result in the verdict
    category: str = ""  # empty: any will do
    outcome: str = ""  # act, review or deliver; empty: it was not stored
    erp: str = ""  # orders, invoices or tickets: what the ERP has got
    customer: str = ""  # the author's name in the ERP
    number: str = ""  # order or invoice number in the ERP
    amount: str = ""  # invoices: what is to be paid
    lines: tuple[tuple[str, str], ...] = ()  # (sku, or description without one; quantity)
    attachments: tuple[str, ...] = ()  # names on the ticket
    reply: bool = False  # one answer reaches the sender
    forward: bool = False  # one copy reaches the colleague
    folder: str = ""  # of the mailbox; empty: not looked at
    same_as: str = ""  # name of the mail that this one repeats


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """One mail on its way in."""

    name: str
    party: Party  # whose host connects
    sender: str  # MAIL FROM
    recipients: tuple[str, ...] = (INFO,)
    raw: bytes = field(repr=False)
    message_id: str
    expected: Expected


class Writer:
    """Makes mails: the same few headers for all, DKIM where the party signs."""

    def __init__(self, keys: Keys, run: str) -> None:
        self._keys, self._run = keys, run

    def mail(
        self,
        name: str,
        party: Party,
        author: str,
        subject: str,
        text: str,
        expected: Expected,
        *,
        to: str = INFO,
        sender: str | None = None,
        charset: str = "utf-8",
        more: Callable[[EmailMessage], None] = lambda message: None,
    ) -> Mail:
        """A mail from `author` ("Name <address>"), with `more` done to it before it is signed."""
        message = EmailMessage(policy=SMTP)
        message["From"] = author
        message["To"] = to
        message["Subject"] = subject
        message["Date"] = format_datetime(datetime.now(UTC))
        message["Message-ID"] = self._message_id(name, party)
        # Old programs send their charset as it is; Python would wrap it in base64.
        message.set_content(text, charset=charset, cte=None if charset == "utf-8" else "8bit")
        more(message)
        name_of_author, _, address = author.rstrip(">").rpartition(" <")
        if expected.erp:
            expected = replace(expected, customer=name_of_author)
        return self._sent(name, party, message.as_bytes(), expected, address, to, sender)

    def finished(
        self,
        name: str,
        party: Party,
        text: str,
        expected: Expected,
        *,
        author: str,
        sender: str | None = None,
    ) -> Mail:
        """A mail whose text stands already, {date} and {id} to be filled in."""
        date, message_id = format_datetime(datetime.now(UTC)), self._message_id(name, party)
        raw = text.format(date=date, id=message_id).replace("\n", "\r\n").encode()
        return self._sent(name, party, raw, expected, author, INFO, sender)

    def _sent(
        self,
        name: str,
        party: Party,
        raw: bytes,
        expected: Expected,
        address: str,
        to: str,
        sender: str | None,
    ) -> Mail:
        # A forger has no key of the domain it pretends to be.
        if party.signs and address.endswith("@" + party.domain):
            raw = self._keys.sign(raw, party.domain)
        return Mail(
            name=name,
            party=party,
            sender=address if sender is None else sender,
            recipients=(to,),
            raw=raw,
            message_id=self._message_id(name, party),
            expected=expected,
        )

    def _message_id(self, name: str, party: Party) -> str:
        return f"<{name}.{self._run}@{party.domain}>"


def sheet(rows: list[list[object]]) -> bytes:
    """An .xlsx file with one sheet."""
    book = Workbook()
    page = book.active
    assert page is not None
    for row in rows:
        page.append(row)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def pdf(lines: list[str]) -> bytes:
    """A one-page PDF with these lines of Latin text, as simple as ISO 32000 allows."""
    text = "".join(f"({_escaped(line)}) Tj T* " for line in lines)
    content = f"BT /F1 11 Tf 14 TL 60 780 Td {text}ET".encode("latin-1")
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R"
        b" /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    file, offsets = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(file))
        file += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    rows = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    count = len(objects) + 1
    return file + (
        b"xref\n0 %d\n0000000000 65535 f \n%strailer\n<< /Size %d /Root 1 0 R >>\n"
        b"startxref\n%d\n%%%%EOF\n" % (count, rows, count, len(file))
    )


def _escaped(line: str) -> str:
    return line.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")
