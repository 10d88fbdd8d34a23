"""Raw bytes to a `Message`: the one entry of this package, which never raises and never stalls.

In: a message as received, hostile. Out: `Message` with every field filled and `problems` naming
what could not be read. The steps are those of this file, top to bottom: structure, headers,
content, new and quoted text, forwards, machine or person, language. Standards: at each step's
module.

Limits: those of config.ReadingSection; README.md says what each does. The memory a message needs
is a small multiple of its size: decoded attachments are held whole.
"""

from dataclasses import replace

from postroom.config import ReadingSection
from postroom.envelope import Address
from postroom.message import Attachment, Automatic, Forwarded, Message

from . import automatic, documents, fields, forwards, language, quotes, words
from .addresses import read_addresses
from .author import find_author
from .bodies import Body, best_body
from .budget import Budget
from .content import Content, sort_parts
from .dates import read_date, read_ids
from .mime import parse_message
from .parts import Part
from .problems import Problems

_DEFAULTS = ReadingSection()
_SUBJECT_JUDGED = 1_000  # characters of the subject that rules look at

Headers = tuple[tuple[str, str], ...]


def read(raw: bytes, limits: ReadingSection = _DEFAULTS) -> Message:
    """The message in `raw`; whatever the octets are, a Message comes back."""
    problems = Problems()
    root = parse_message(raw, limits, problems)
    budget = Budget.of(limits)
    problems.add("header-unclear" if fields.is_unclear(raw[: limits.max_header_bytes]) else "")
    content = sort_parts(root, limits, budget, problems)
    headers = _headers(root, limits, problems, content.charset)
    first = {name.lower(): value for name, value in reversed(headers)}  # the first of each name
    authors = _addresses(root, b"from", limits, problems)
    author = find_author(root.fields)
    problems.add(author.problem and f"author-{author.problem}")
    subject = first.get("subject", "")
    body = best_body(content, budget, problems)
    references = _references(first)
    division = quotes.divide(body.lines, answers=forwards.follows(subject, references))
    if division.unsure or (division.unannounced and not references):
        problems.add("quotes-unsure")
    inside = forwards.attached(content, limits, budget, problems)
    hands_on = forwards.says_nothing(division.new) and not forwards.is_answer(subject, references)
    forwarded = _forwarded(division, hands_on, [one for one, _ in inside], problems)
    new_text = _new_text(division, hands_on, forwarded, problems)
    return Message(
        raw=raw,
        headers=headers,
        author=_named(author.address, authors),
        authors=authors,
        reply_to=_addresses(root, b"reply-to", limits, problems),
        to=_addresses(root, b"to", limits, problems),
        cc=_addresses(root, b"cc", limits, problems),
        subject=subject,
        date=read_date(first.get("date", "")),
        message_id=next(iter(read_ids(first.get("message-id", ""), 1)), ""),
        references=references,
        text=body.text or new_text,
        new_text=new_text,
        quoted_text=division.quoted,
        signature=division.signature,
        html=body.html,
        language=language.of_mail(new_text or body.text, subject, division.signature),
        attachments=_attachments(content, [one for _, one in inside], body, limits, problems),
        forwarded=forwarded,
        automatic=_automatic(root, first, authors, content, body, division),
        problems=problems.tokens,
    )


def _named(author: Address | None, authors: tuple[Address, ...]) -> Address | None:
    """The author with the display name as people see it; the strict parser leaves it encoded."""
    if author is None:
        return None
    shown = authors[0].name if authors else words.decode_words(author.name)[0]
    return replace(author, name=shown)


def _headers(root: Part, limits: ReadingSection, problems: Problems, charset: str) -> Headers:
    """Every header field decoded, as many as allowed."""
    found = []
    for one in root.fields[: limits.max_headers]:
        value, token = words.decode(one.value, charset)
        problems.add(token)
        found.append((words.clean(one.name.decode("ascii", "replace")), value))
    return tuple(found)


def _addresses(
    root: Part, key: bytes, limits: ReadingSection, problems: Problems
) -> tuple[Address, ...]:
    found: list[Address] = []
    for one in root.fields:
        if one.key == key and len(found) < limits.max_addresses:
            found.extend(read_addresses(one.value, limits.max_addresses - len(found), problems))
    return tuple(found)


def _references(first: dict[str, str]) -> tuple[str, ...]:
    """Ids of References, then In-Reply-To, each once (RFC 5322 3.6.4)."""
    ids = read_ids(first.get("references", "")) + read_ids(first.get("in-reply-to", ""), 5)
    return tuple(dict.fromkeys(ids))


def _forwarded(
    division: quotes.Division, hands_on: bool, attached: list[Forwarded], problems: Problems
) -> tuple[Forwarded, ...]:
    """What was forwarded: the quoted forward first, then the attached messages."""
    if division.forwarded or hands_on:
        quoted = forwards.quoted(division.quoted, division.forwarded, problems)
        if quoted is not None:
            return (quoted, *attached)
    return tuple(attached)


def _new_text(
    division: quotes.Division,
    hands_on: bool,
    forwarded: tuple[Forwarded, ...],
    problems: Problems,
) -> str:
    """The new text; of a forward that says nothing by itself, what it forwards.

    An answer that says nothing repeats no order and accepts no offer by what it quotes.
    """
    if forwarded and hands_on:
        problems.add("forwarded")
        return forwarded[0].text
    if not division.new and (division.quoted or forwarded):
        problems.add("no-new-text")
    return division.new


def _attachments(
    content: Content,
    inside: list[Content],
    body: Body,
    limits: ReadingSection,
    problems: Problems,
) -> tuple[Attachment, ...]:
    """The message's own documents, then those of the messages attached to it, marked as such."""
    found = list(documents.attachments(content, body.html, limits, problems))
    for one in inside:
        for attachment in documents.attachments(one, one.html, limits, problems):
            said = dict.fromkeys((*attachment.problems, documents.INSIDE_MESSAGE))
            found.append(replace(attachment, problems=tuple(said)))
    if len(found) > limits.max_attachments:
        problems.add("attachments-limit")
    return tuple(found[: limits.max_attachments])


def _automatic(
    root: Part,
    first: dict[str, str],
    authors: tuple[Address, ...],
    content: Content,
    body: Body,
    division: quotes.Division,
) -> Automatic:
    written = first.get("from", "")
    author = authors[0] if authors else None
    return automatic.judge(
        automatic.Evidence(
            headers=first,
            local=author.local if author else written[:200].strip('<>" '),
            name=author.name if author else written[:200],
            subject=first.get("subject", "")[:_SUBJECT_JUDGED],
            text=body.text,
            own=division.new,
            root=root,
            content=content,
        )
    )
