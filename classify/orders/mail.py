"""A message -> one reading of its order: documents, tables, the writer's words, what he quotes.

In: a parsed `Message`. Out: a `Reading` with buyer, kind and everything that disagrees. The
writer's own words come first; only when they merely say yes ("passt so, bitte bestellen") the
quoted text is read, and then never surely.

Limits: a document inside an archive or an attached message is not opened here: "attachment-unread".
"""

import datetime
import re
from collections.abc import Sequence, Set
from dataclasses import replace

from postroom.message import Attachment, Message
from postroom.order import OrderKind, OrderLine

from .asides import without
from .audit import beside
from .body import read_body
from .buyer import buyer_of_mail
from .caseless import Caseless
from .closing import until_signature
from .enclosed import says_attached
from .heading import names_several, surroundings
from .hostile import Unreadable
from .htmlgrids import is_struck
from .htmltable import read_html
from .kind import Kind, kind_of_mail
from .known import by_template, is_picture, read_known
from .means import Means
from .noise import ends_text
from .pair import paired
from .phrases import CANCELS, CHANGES, DECIDES, ORDER_TITLE
from .places import names_places
from .reading import Reading
from .remarks import may_remark, speaks_beside, squeezed
from .shown import parts_of_message

_REFERS = "refers-to-earlier-order"
_QUOTED = 0.7  # highest confidence of a line that stands only in quoted text
_MOST_ATTACHMENTS = 30
_MESSAGES = ("message/", "text/rfc822")
_NO_DOCUMENT = (
    "audio/",
    "video/",
    "text/calendar",
    "text/vcard",
    "text/x-vcard",
    "application/pgp",
    "application/pkcs7",
    "application/x-pkcs7",
    "multipart/",
    "application/ics",
    "font/",
)
_IMAGE_NAMES = re.compile(
    r"(?i)^(?:image\d+|logo\w*|signature\w*|facebook|linkedin|banner\w*|icon\w*|spacer|pixel)\.\w+$"
)
_PARAGRAPH = re.compile(r"\n\s*\n")
_CODE = re.compile(r"\d\W?[^\W\d_]|[^\W\d_]\W?\d")  # letters beside digits: "B-200"
_SPEAKS = re.compile(r"(?:^|\s)[^\W\dA-ZÄÖÜА-ЯЁ_]{2}")  # not only the names of people and firms
# What makes a paragraph of a signature a lawyer's or a list's, whose words call nothing in doubt.
_DISCLAIMS = Caseless(
    r"\b(?:intended|recipients?|addressees?|confidential\w*|privileged|prohibited|in error"
    r"|disclaimer|unsubscribe|mailing list|vertraulich\w*|empfänger\w*|irrtümlich\w*|abmelden"
    r"|конфиденциальн\w+|по ошибке|отписаться|confidentiel\w*|destinataires?|confidencial\w*"
    r"|destinatarios?)\b"
)


def read_mail(
    message: Message,
    means: Means = Means(),  # noqa: B008  frozen
    asides: Set[str] = frozenset(),
) -> Reading:
    """Everything a message says of an order, as one reading.

    `asides` are sentences known to say nothing of the goods: no lines are looked for in them, and
    no doubt comes from them; who ordered, by what number and where to is still read there.
    """
    heard = without(message, asides)
    means = means.of(message.author.text if message.author else "")
    written = message.date.date() if message.date else None
    language = message.language if message.language != "other" else ""
    names = tuple(attachment.filename for attachment in message.attachments)
    kind = _kind(message, heard, names)
    documents, problems = _documents(message, language, written, means)
    body = _taught(message, written, means) or _body(heard, language)
    readings = [*documents, body]
    if (
        kind.kind is not OrderKind.NONE
        and not any(one.lines for one in readings)
        and message.quoted_text.strip()
    ):
        readings.append(_quoted(message, language))
    merged = paired(readings)
    more: list[str] = []
    if body.strength > 0 or any(one.lines for one in documents):  # else read_body looked at it
        more += beside(heard.new_text)
        if (body.strength > 0 or not body.lines) and speaks_beside(heard.new_text, merged.lines):
            more.append("remark-unread")
    if merged.lines and _says_more_below(heard, language, merged.lines):
        more.append("signature-says-more")
    if merged.lines and is_struck(message.html):
        more.append("rows-struck")
    merged = replace(merged, problems=(*merged.problems, *more))
    completed = _completed(message, merged, kind, language, written)
    return _judged_kind(completed, kind, documents, problems, message)


def _kind(message: Message, heard: Message, names: tuple[str, ...]) -> Kind:
    """What the mail is by all of its words; an aside ("ice as always") points to no other order.

    Whether it is an order at all, only the whole says: its asides may be a delivery note's.
    """
    kind = kind_of_mail(message.subject, message.new_text, names)
    if _REFERS not in kind.problems or heard is message:
        return kind
    if _REFERS in kind_of_mail(message.subject, heard.new_text, names).problems:
        return kind
    return replace(kind, problems=tuple(one for one in kind.problems if one != _REFERS))


def _taught(message: Message, written: datetime.date | None, means: Means) -> Reading | None:
    """The message's own text by a template; None when none finds lines in it."""
    if not means.templates:
        return None
    return by_template(parts_of_message(replace(message, attachments=())), written, means)[0]


def _documents(
    message: Message, language: str, written: datetime.date | None, means: Means
) -> tuple[list[Reading], list[str]]:
    """The readings of the attachments, and what could not be read."""
    readings: list[Reading] = []
    problems: list[str] = []
    if len(message.attachments) > _MOST_ATTACHMENTS:
        problems.append("too-many-attachments")
    for attachment in message.attachments[:_MOST_ATTACHMENTS]:
        name = attachment.filename or "attachment"
        if _is_no_document(attachment):
            continue
        if _is_of_a_message(attachment) or (
            attachment.type.startswith("image/")
            and (means.ocr is None or not is_picture(attachment.data))
        ):
            problems.append(f"attachment-unread:{name}")
            continue
        try:
            reading = read_known(
                name, attachment.data, language, written, means, attachment.charset
            )
            readings.append(reading)
        except Unreadable as error:
            problems.append(f"attachment-unreadable:{name}")
            if error.reason in ("encrypted", "bomb", "scanned"):
                problems.append(f"attachment-{error.reason}:{name}")
    return readings, problems


def _is_of_a_message(attachment: Attachment) -> bool:
    """Whether it is, or came in, a message inside this one: another's order, or an old one."""
    if "inside-message" in attachment.problems:
        return True
    return attachment.type.startswith(_MESSAGES) or attachment.filename.lower().endswith(".eml")


def _is_no_document(attachment: Attachment) -> bool:
    if attachment.type.startswith(_NO_DOCUMENT) or attachment.filename.lower().endswith(
        (".p7s", ".asc", ".ics", ".vcf")
    ):
        return True
    return attachment.type.startswith("image/") and (
        attachment.inline or bool(_IMAGE_NAMES.match(attachment.filename))
    )


def _body(message: Message, language: str) -> Reading:
    """The writer's own words; a table of the HTML part where it holds them."""
    text = read_body(message.new_text, language)
    if "<table" not in message.html.lower():
        return text
    table = read_html(message.html, "body", language)
    own = squeezed(message.new_text)
    written = [line for line in table.lines if squeezed(_name(line)) in own]
    if not written:
        return text
    of_tables = {_table_of(line) for line in written}
    words = _words_of(message.new_text)
    lines = tuple(
        line
        for line in table.lines
        if line in written or (_table_of(line) in of_tables and _is_said(line, words))
    )
    tabled = squeezed(
        " ".join(f"{line.sku} {line.gtin} {line.description}" for line in table.lines)
    )
    spoken = [line for line in text.lines if squeezed(_name(line)) not in tabled]
    problems = table.problems
    if any(line.confidence >= 0.8 for line in spoken) and not table.lines:
        problems = (*problems, "sources-differ:body")
    elsewhere = _words_of(f"{message.quoted_text}\n{message.signature}")
    if any(line not in lines and not _is_said(line, elsewhere) for line in table.lines):
        problems = (*problems, "sources-differ:body")  # nobody's, as far as the text tells
    return replace(
        table,
        lines=lines,
        totals=table.totals if len(lines) == len(table.lines) else (),
        around=text.around,
        problems=problems,
        source="body",
    )


def _table_of(line: OrderLine) -> str:
    """The table of the page that a line stands in."""
    return line.source.rpartition(" row ")[0]


def _is_said(line: OrderLine, words: set[str]) -> bool:
    """True when all words of a line's name and code stand in a text.

    A cell that spans several rows stands there once, away from most of them.
    """
    named = _words_of(f"{line.description} {line.sku}") or _words_of(line.gtin)
    return bool(named) and named <= words


def _words_of(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower()))


def _name(line: OrderLine) -> str:
    return line.description or line.sku or line.gtin


def _says_more_below(message: Message, language: str, found: Sequence[OrderLine]) -> bool:
    """Whether what stands below the closing, in the signature's place, is about the order.

    Of goods only those count that have a unit or a code: streets and rooms have numbers as well.
    """
    own = message.new_text.split("\n")
    lines = [*own[len(until_signature(own)) :], "", *message.signature.split("\n")]
    below = "\n".join(line for line in lines if not ends_text(line))
    if not below.strip():
        return False
    said = "\n".join(one for one in _PARAGRAPH.split(below) if not _DISCLAIMS.search(one))
    if beside(said) or CANCELS.search(said) or CHANGES.search(said):
        return True
    words = [line for line in said.split("\n") if _SPEAKS.search(line) and may_remark(line)]
    elsewhere = [replace(line, source="") for line in found]  # their places are of other text
    if words and speaks_beside("\n".join(words), elsewhere):
        return True
    return any(
        line.unit_code or _CODE.search(line.sku) for line in read_body(below, language).lines
    )


def _quoted(message: Message, language: str) -> Reading:
    """What the writer quotes and perhaps confirms; never sure."""
    unquoted = "\n".join(
        re.sub(r"^\s*(?:>\s?)+", "", line) for line in message.quoted_text.split("\n")
    )
    reading = read_body(unquoted, language, "quoted")
    lines = tuple(replace(line, confidence=min(line.confidence, _QUOTED)) for line in reading.lines)
    problems = (*reading.problems, "from-quoted-text") if lines else reading.problems
    return replace(reading, lines=lines, problems=problems)


def _completed(
    message: Message, reading: Reading, mail: Kind, language: str, written: datetime.date | None
) -> Reading:
    """What the mail itself adds: number, dates, delivery, buyer."""
    around = (message.subject, *message.new_text.split("\n"))
    bill = mail.kind is OrderKind.INVOICE  # its own number, not that of the order it is for
    kind = reading.kind or (OrderKind.INVOICE if bill else OrderKind.ORDER)
    said = surroundings(around, kind, language, written)
    signature = message.signature.split("\n")
    buyer, problems = buyer_of_mail(message.author, signature, message.new_text.split("\n")[-40:])
    known = reading.buyer
    return replace(
        reading,
        number=reading.number or said.number,
        date=reading.date or said.date or written,
        currency=reading.currency or said.currency,
        due_date=reading.due_date or said.due_date,
        delivery=replace(
            reading.delivery,
            address=reading.delivery.address or said.delivery.address,
            date=reading.delivery.date or said.delivery.date,
        ),
        buyer=replace(
            known,
            name=known.name or buyer.name,
            email=known.email or buyer.email,
            tax_id=known.tax_id or buyer.tax_id,
        ),
        problems=(
            *reading.problems,
            *problems,
            *(("several-orders",) if names_several(around) else ()),
            *(("places-differ",) if names_places(around[1:]) else ()),
        ),
    )


def _judged_kind(
    reading: Reading, mail: Kind, documents: list[Reading], problems: list[str], message: Message
) -> Reading:
    """The kind: a structured document's own, else the mail's words weighed with the documents'."""
    doubts = list(mail.problems)
    said = reading.kind
    if said is not None and reading.strength >= 3:
        kind = said
        doubts = [
            doubt
            for doubt in doubts
            if doubt in ("cancellation", "change", "refers-to-earlier-order")
        ]
    elif mail.kind is OrderKind.ORDER and "kind-unsure" in doubts and said is not None:
        kind = said
        doubts.remove("kind-unsure")
    elif mail.kind is OrderKind.ORDER and said in (OrderKind.INVOICE, OrderKind.ORDER_CHANGE):
        kind = said
    else:
        kind = mail.kind
    if (
        kind is OrderKind.ORDER
        and not reading.lines
        and not _means_to_order(message, reading, documents, doubts)
    ):
        kind, doubts = OrderKind.NONE, []
    unread = problems if kind is not OrderKind.NONE else []
    if (
        kind is OrderKind.ORDER
        and not documents
        and not message.attachments
        and says_attached(message.new_text, bool(reading.lines))
    ):
        doubts.append("attachment-missing")
    return replace(reading, kind=kind, problems=(*reading.problems, *doubts, *unread))


def _means_to_order(
    message: Message, reading: Reading, documents: list[Reading], doubts: list[str]
) -> bool:
    """True when a mail without lines still wants to order: its subject, a decision, a document."""
    if "kind-unsure" in doubts:
        return False
    if "numbers-unread" in reading.problems:
        return True
    if ORDER_TITLE.search(message.subject) or DECIDES.search(message.new_text[:20_000]):
        return True
    return bool(documents) or bool(message.attachments) or "refers-to-earlier-order" in doubts
