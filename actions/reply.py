"""Composes a reply: template, words from the order, RFC 3834 headers; bytes out.

In: a `PlannedReply`, a `Wording`, the ERP's number, the time. Out: the message, ready for SMTP:
plain text, and HTML beside it where the wording has it. Templates run in Jinja2's sandbox with
StrictUndefined and without a loader: one that asks for what is not there, or for another file,
sends nothing. Everything a stranger wrote becomes one clean line before a template sees it, and is
escaped in HTML, so that neither headers, further lines nor markup can be smuggled in.

Standards: RFC 3834 3.1 (Auto-Submitted, null sender, In-Reply-To, References), RFC 5322 3.6.4,
RFC 2045 (encodings). X-Auto-Response-Suppress is Exchange's word for the same wish, X-Loop that of
older robots.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from email import policy
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from functools import lru_cache
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from postroom.config import ReplySection
from postroom.envelope import parse_path
from postroom.failure import PermanentFailure

from .addressing import address_of
from .gates import LOOP_HEADER, MESSAGE_ID_MARK, ascii_domain
from .plan import PlannedReply, QuotedLine
from .slots import filled
from .wording import Wording

_MOST_LINES = 100  # of an order quoted
_LONGEST = 200  # characters of one value shown; a subject is cut at 150
_LONGEST_SUBJECT = 150
_MOST_TEMPLATES = 128  # compiled ones kept; each name has up to three languages and two forms
_MOST_REFERENCES = 900  # octets of the References field, which must stay on one line
_ANSWER_MARKS = re.compile(
    r"(?:re|aw|antw|wg|fwd?|на|отв|ответ|пересл)\s*(?:\[\d+\])?\s*:\s*", re.I
)
# English, German and Russian write 1234.5 differently: thousands separator, decimal mark.
_MARKS = {"en": (",", "."), "de": (".", ","), "ru": ("\u00a0", ",")}
# Identifiers in References and In-Reply-To must not be folded or encoded to be found again.
_UNFOLDED = policy.SMTP.clone(max_line_length=998, cte_type="7bit")


@dataclass(frozen=True, slots=True, kw_only=True)
class Composed:
    """A reply ready to be handed to Postfix; its envelope sender is null, RFC 3834 3.3."""

    recipient: str  # for RCPT TO
    message_id: str
    content: bytes


class Composer:
    """Knows who we are, and how a wording is rendered."""

    def __init__(self, config: ReplySection) -> None:
        self._config = config

    def compose(
        self, reply: PlannedReply, wording: Wording, *, key: str, erp: str, now: datetime
    ) -> Composed:
        """The reply as bytes; the same key gives the same Message-ID.

        Raises PermanentFailure(template-broken or reply-unbuildable).
        """
        words = self._words(reply, wording.language, erp)
        # The subject is a header: what a person put into slots is in the body alone.
        subject, _ = _subject_and_text(_rendered(wording.text, words))
        words |= {"slot": filled(self._personal(reply, wording)), "title": subject}
        _, text = _subject_and_text(_rendered(wording.text, words))
        html = _rendered(wording.html, words, autoescape=True)
        author = self._config.author or reply.mailbox
        message_id = f"<{key}{MESSAGE_ID_MARK}{ascii_domain(parse_path(author).domain)}>"
        recipient = _with_ascii_domain(reply.recipient)
        message = EmailMessage(policy=_UNFOLDED.clone(max_line_length=78))
        try:
            message["From"] = _address(self._config.company, _with_ascii_domain(author))
            message["To"] = _address(reply.name if _is_author(reply) else "", recipient)
            message["Subject"] = subject
            message["Date"] = format_datetime(now)
            message["Message-ID"] = message_id
            if reply.message_id:
                message["In-Reply-To"] = reply.message_id
                message["References"] = _references(reply)
            message["Auto-Submitted"] = "auto-replied"
            message["X-Auto-Response-Suppress"] = "All"
            message[LOOP_HEADER] = author
            message.set_content(text)
            if html.strip():
                message.add_alternative(html, subtype="html")
                message.set_boundary(f"=-{key}")
            wire = _UNFOLDED if recipient.isascii() else _UNFOLDED.clone(utf8=True)
            content = message.as_bytes(policy=wire)
            _check_fields(content, message.keys())
        except (MessageError, ValueError, LookupError) as error:
            raise PermanentFailure("reply-unbuildable", error) from error
        return Composed(recipient=recipient, message_id=message_id, content=content)

    def _personal(self, reply: PlannedReply, wording: Wording) -> Mapping[str, str]:
        """The texts a person approved for this reply with this wording; else none."""
        personal = reply.personal
        if personal is None or not (self._config.personalise and reply.facts.approved):
            return {}
        return personal.texts if personal.wording == wording.digest else {}

    def _words(self, reply: PlannedReply, language: str, erp: str) -> dict[str, Any]:
        return {
            "slot": filled({}),
            "subject": _bare_subject(reply.subject),
            "name": address_of(_clean(reply.name)),
            "number": _clean(reply.number),
            "erp": _clean(erp),
            "lines": [_line(line, language) for line in reply.lines[:_MOST_LINES]],
            "more": max(0, len(reply.lines) - _MOST_LINES),
            "total": _number(reply.total, language),
            "currency": _clean(reply.currency),
            "company": _clean(self._config.company),
            "mailbox": _clean(reply.mailbox),
        }


@lru_cache(maxsize=_MOST_TEMPLATES)
def _compiled(source: str, *, autoescape: bool) -> Template:
    """A template by its source: compiling costs ten times what rendering does."""
    environment = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined,
        autoescape=autoescape,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.from_string(source)


def _rendered(source: str, words: dict[str, Any], *, autoescape: bool = False) -> str:
    try:
        return _compiled(source, autoescape=autoescape).render(words)
    except (TemplateError, ArithmeticError, TypeError, ValueError, LookupError) as error:
        raise PermanentFailure("template-broken", error) from error


def _subject_and_text(rendered: str) -> tuple[str, str]:
    first, _, text = rendered.partition("\n")
    if not first.lower().startswith("subject:"):
        raise PermanentFailure("template-broken", ValueError('the first line is no "Subject: "'))
    return _in_header(first[len("subject:") :]), text.strip("\n") + "\n"


def _line(line: QuotedLine, language: str) -> dict[str, str]:
    return {
        "text": _clean(" ".join(part for part in (line.sku, line.description) if part)),
        "sku": _clean(line.sku),
        "description": _clean(line.description),
        "quantity": _number(line.quantity, language),
        "unit": _clean(line.unit),
        "price": _number(line.unit_price, language),
    }


def _number(value: Decimal | None, language: str) -> str:
    if value is None or not value.is_finite() or abs(value.adjusted()) > 30:
        return ""
    thousands, mark = _MARKS[language]
    return f"{value:,f}".translate({ord(","): thousands, ord("."): mark})


def _bare_subject(subject: str) -> str:
    """The subject without its chain of "Re:", so that the template's own is the only one."""
    subject = _clean(subject)
    while match := _ANSWER_MARKS.match(subject):
        subject = subject[match.end() :]
    return subject[:_LONGEST_SUBJECT]


def _clean(value: str) -> str:
    """One line of printable text."""
    printable = "".join(c if c.isprintable() else " " for c in value[: 4 * _LONGEST])
    return " ".join(printable.split())[:_LONGEST]


def _in_header(value: str) -> str:
    """One line that holds no encoded word: the email package would decode it, line ends and all."""
    return _clean(value).replace("=?", "= ?")


def _is_author(reply: PlannedReply) -> bool:
    return reply.recipient.casefold() == reply.facts.author.casefold()


def _check_fields(content: bytes, names: Sequence[str]) -> None:
    """Raises ValueError where the header holds other fields than we gave it."""
    header = content.partition(b"\r\n\r\n")[0]
    found = [line.partition(b":")[0] for line in header.split(b"\r\n") if line[:1] not in b" \t"]
    if found != [name.encode() for name in names]:
        raise ValueError("the header would hold other fields than ours")


def _address(name: str, address: str) -> Address:
    if "=?" in address:
        raise ValueError("an encoded word stands in the address")
    path = parse_path(address)
    return Address(display_name=_in_header(name), username=path.local, domain=path.domain)


def _with_ascii_domain(address: str) -> str:
    path = parse_path(address)
    return f"{path.local}@{ascii_domain(path.domain)}"


def _references(reply: PlannedReply) -> str:
    """References of the reply, RFC 5322 3.6.4, the oldest left out where they grow too long."""
    chain = [reply.message_id]
    for reference in reversed(reply.references):
        if sum(len(known) + 1 for known in chain) + len(reference) > _MOST_REFERENCES:
            break
        chain.insert(0, reference)
    return " ".join(chain)
