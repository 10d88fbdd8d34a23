"""What must hold for any octets whatever: functions that raise when it does not.

fuzz.py looks for such octets with atheris; test_fuzz.py replays those it kept in corpus/TARGET/.
"""

from collections.abc import Callable
from pathlib import Path

from postroom.config import ReadingSection
from postroom.jobs import read_leaves
from postroom.message import Message
from postroom.reading import charsets, rtf, smime, tnef, words
from postroom.reading.addresses import read_addresses
from postroom.reading.archives import inspect
from postroom.reading.author import find_author
from postroom.reading.calendar import read_calendar
from postroom.reading.dates import read_date, read_ids
from postroom.reading.digest import content_digest
from postroom.reading.fields import split
from postroom.reading.html import read_html
from postroom.reading.parameters import parse
from postroom.reading.problems import Problems
from postroom.reading.quotes import divide, plain_lines
from postroom.reading.reader import read
from tests.orders.fuzz_targets import TARGETS as ORDERS

CORPUS = Path(__file__).parent / "corpus"
LIMITS = ReadingSection()


def message(octets: bytes) -> None:
    """Any octets become a message and its leaves, and all text of them can be written."""
    found = read(octets, LIMITS)
    assert isinstance(found, Message)
    assert found.raw == octets
    for text in (found.subject, found.text, found.new_text, found.quoted_text, found.signature):
        text.encode("utf-8")
    for name, value in found.headers:
        assert "\n" not in name + value
        assert "\r" not in name + value
    for leaf in read_leaves(octets, LIMITS):
        leaf["text"].encode("utf-8")
    assert content_digest(octets) == content_digest(octets)


def header(octets: bytes) -> None:
    """One field's value, read as each kind of field."""
    problems = Problems()
    text, _ = words.decode(octets)
    assert text.isprintable() or not set(text) & set("\r\n\0")
    text.encode("utf-8")
    for address in read_addresses(octets, 20, problems):
        assert address.local
        assert address.domain
        address.text.encode("utf-8")
    parse(octets, problems, 20)
    date = read_date(text)
    assert date is None or date.tzinfo is not None
    assert all(one.startswith("<") and one.endswith(">") for one in read_ids(text))


def author(octets: bytes) -> None:
    """The author is one mailbox that the tolerant reader finds as well, or there is none."""
    fields, _ = split(octets)
    found = find_author(fields)
    assert bool(found.address) != bool(found.problem)
    if found.address is None:
        return
    assert found.address.local
    assert not set(found.address.text) & set("\r\n\0")
    (value,) = (field.value for field in fields if field.key == b"from")
    if not is_utf8(value):  # the tolerant reader guesses the charset of the whole field
        return
    seen = [one.text for one in read_addresses(value, 20, Problems())]
    assert seen == [found.address.text], (value, seen)


def is_utf8(octets: bytes) -> bool:
    try:
        octets.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def quotes(octets: bytes) -> None:
    """Each word of a text is in its new text, its quoted text or its signature."""
    text = octets.decode("utf-8", "replace").replace("\r", "\n")
    division = divide(plain_lines(text))
    kept = set((division.new + "\n" + division.quoted + "\n" + division.signature).split())
    for line in plain_lines(text):
        assert kept.issuperset(line.text.split()), line
    lines, _ = read_html(text, 100_000)
    divide(lines)


def winmail(octets: bytes) -> None:
    """What is no winmail.dat is refused, and nothing else is raised."""
    signed = b"\x78\x9f\x3e\x22\0\0" + octets
    for one in (octets, signed):
        try:
            found = tnef.read_tnef(one)
        except tnef.TnefError:
            continue
        (found.text + found.html).encode("utf-8")
    rtf.to_text(rtf.decompress(octets, 100_000))[0].encode("utf-8")
    rtf.to_text(b"{\\rtf1 " + octets)[0].encode("utf-8")


def container(octets: bytes) -> None:
    """Archives, documents, signed messages, calendars: looked at or refused."""
    for start in (b"", b"PK\x03\x04", b"\x1f\x8b", b"%PDF-", b"\xd0\xcf\x11\xe0"):
        for name in inspect(start + octets, LIMITS).members:
            assert name.isprintable()
    content, problem = smime.unwrap(octets)
    assert not (content and problem)
    try:
        read_calendar(octets)
        read_calendar(b"BEGIN:VCALENDAR\n" + octets)
    except ValueError:
        pass


def charset(octets: bytes) -> None:
    """The first line names a charset, however strange; the rest is text in it."""
    label, _, text = octets.partition(b"\n")
    charsets.decode(text, label.decode("latin-1"))[0].encode("utf-8")
    charsets.decode(text)[0].encode("utf-8")


TARGETS: dict[str, Callable[[bytes], None]] = {
    one.__name__: one for one in (message, header, author, quotes, winmail, container, charset)
}
TARGETS |= ORDERS
