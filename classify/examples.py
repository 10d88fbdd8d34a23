"""Labelled mail for training and judging: JSON lines in, `Example`s out.

In: *.jsonl files, one mail a row (id, lang, from, subject, body, attachment_names, label,
certainty, source). Out: `Example`s whose messages are divided by the same code that reads
arriving mail, and groups: mails of one sender, of one small domain, of one thread or with the
same opening belong together and must never stand on both sides of a split.

Limits: a row has no headers, so nothing is learnt here of lists and automatic mail; rules and
reading/automatic.py know those.
"""

import json
import mimetypes
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from postroom.failure import PermanentFailure
from postroom.message import Attachment, Message
from postroom.reading import language, quotes
from postroom.reading.addresses import make_address

SHIPPED = Path(__file__).parent / "corpus"
_SMALL_DOMAIN = 25  # mails; a larger domain (a provider, a corporation) is split by address
_PREFIX = re.compile(r"(?:\s{0,3}(?:re|fw|fwd|aw|wg|ответ|отв)(?:\[\d{1,3}\])?:)+\s{0,5}", re.I)
_FROM = re.compile(r"^\s*(?:\"?(?P<name>[^\"<]*)\"?\s*)<(?P<address>[^<>]*)>\s*$")


class CorpusError(PermanentFailure):
    """A row cannot be used; says file, line and mend."""

    def __init__(self, path: Path, line: int, mend: str) -> None:
        super().__init__("corpus-unreadable")
        self.text = f"{path}:{line}: {mend}"

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One labelled mail."""

    id: str
    message: Message
    label: str
    language: str  # as the row says
    is_certain: bool  # false where a careful colleague could choose another label
    source: str  # the file's name without its suffix


def read_path(path: Path) -> list[Example]:
    """Every example of a *.jsonl file or of a folder of them. Raises CorpusError."""
    return read_folder(path) if path.is_dir() else read_file(path)


def read_folder(folder: Path) -> list[Example]:
    """Every example of every *.jsonl file in a folder, in the order of names and lines.

    Raises CorpusError.
    """
    files = sorted(folder.glob("*.jsonl"))
    if not files:
        raise CorpusError(folder, 0, "has no *.jsonl file; give the folder that holds them")
    return [example for path in files for example in read_file(path)]


def read_file(path: Path) -> list[Example]:
    """Every example of one file. Raises CorpusError."""
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise CorpusError(path, 0, "cannot be read as UTF-8 text") from error
    examples = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            examples.append(_example(json.loads(line), path.stem))
        except (ValueError, KeyError, TypeError) as error:
            mend = "is no JSON object with id, from, subject, body and label"
            raise CorpusError(path, number, mend) from error
    return examples


def _example(row: dict[str, Any], source: str) -> Example:
    return Example(
        id=str(row["id"]),
        message=message_of(row),
        label=str(row["label"]),
        language=str(row.get("lang", "")),
        is_certain=row.get("certainty", "h") == "h",
        source=source,
    )


def message_of(row: dict[str, Any]) -> Message:
    """The message that a row tells of."""
    body, subject = str(row["body"]), str(row["subject"])
    division = quotes.divide(quotes.plain_lines(body))
    found = _FROM.match(str(row["from"]))
    name, written = (found["name"].strip(), found["address"]) if found else ("", str(row["from"]))
    author = make_address(written, name)
    return Message(
        raw=b"",
        author=author,
        authors=(author,) if author else (),
        subject=subject,
        text=body,
        new_text=division.new,
        quoted_text=division.quoted,
        signature=division.signature,
        language=language.of_mail(division.new or body, subject, division.signature),
        attachments=tuple(_attachment(str(name)) for name in row.get("attachment_names") or ()),
    )


def _attachment(name: str) -> Attachment:
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return Attachment(filename=name, type=kind, size=0, sha256="")


def groups(examples: Sequence[Example], *, by_domain: bool = False) -> list[int]:
    """For each example the number of its group.

    `by_domain`: a subject makes a thread within a domain only. Of a company's own mail much has
    subjects such as "Order 123", whoever wrote it.
    """
    domains = Counter(_domain(example) for example in examples)
    group = list(range(len(examples)))
    first: dict[str, int] = {}
    for number, example in enumerate(examples):
        for key in _ties(example, domains, by_domain):
            other = _root(group, first.setdefault(key, number))
            group[_root(group, number)] = other
    return [_root(group, number) for number in range(len(examples))]


def _root(group: list[int], number: int) -> int:
    while group[number] != number:
        group[number] = group[group[number]]
        number = group[number]
    return number


def _domain(example: Example) -> str:
    return example.message.author.domain if example.message.author else ""


def _ties(example: Example, domains: Counter[str], by_domain: bool) -> Iterable[str]:
    """What an example shares with the others of its group."""
    message, domain = example.message, _domain(example)
    if message.author is not None:
        yield f"address {message.author.text.lower()}"
        if domains[domain] <= _SMALL_DOMAIN:
            yield f"domain {domain}"
    thread = re.sub(r"\d+", "0", _PREFIX.sub("", message.subject.lower()).strip())
    if len(thread) > 8:
        yield f"thread {domain} {thread}" if by_domain else f"thread {thread}"
    for text in (message.text, message.new_text):
        opening = re.sub(r"\W+", "", text[:600].lower())[:200]
        if len(opening) > 40:
            yield f"text {opening}"
