"""Header text: encoded words, addresses, dates, ids and parameters as programs write them."""

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.reading.addresses import read_addresses
from postroom.reading.dates import read_date, read_ids
from postroom.reading.parameters import parse
from postroom.reading.problems import Problems
from postroom.reading.reader import read
from postroom.reading.words import decode

TABLES = Path(__file__).resolve().parents[3] / "shared/conformance/mime/mail-parser/headers"
needs_tables = pytest.mark.skipif(not TABLES.is_dir(), reason="shared/conformance is absent")


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (b"plain", "plain"),
        (b"=?utf-8?B?0JfQsNC60LDQtw==?= 12", "Заказ 12"),
        (b"=?UTF-8?q?caf=C3=A9_au_lait?=", "café au lait"),
        (b"=?koi8-r?B?+sHLwdo=?=", "Заказ"),
        (b"a =?utf-8?q?b?= =?utf-8?q?c?= d", "a bc d"),
        (b"=?utf-8?B?0JfQsNA=?=\r\n =?utf-8?B?utCw0Lc=?=", "Заказ"),  # cut in mid-character
        (b"=?utf-8*ru?Q?=D0=B4=D0=B0?=", "да"),
        (b"=?utf-8?Q?not closed", "=?utf-8?Q?not closed"),
        (b"=?utf-8?X?odd?=", "=?utf-8?X?odd?="),
        (b'"=?utf-8?Q?quoted?="', '"quoted"'),
        (b"=?utf-8?Q?spaces in the word?=", "spaces in the word"),
        (b"=?iso-8859-1?Q?raw_\xf6?=", "raw ö"),
        ("сырой utf-8".encode(), "сырой utf-8"),
        ("сырой текст".encode("koi8-r"), "сырой текст"),
        ("сырой текст".encode("cp1251"), "сырой текст"),
        (b"=?unknown?Q?=E9?=", "é"),
        (b"=?utf-8?Q?two=0D=0ABcc:_x@y.test?=", "two  Bcc: x@y.test"),
    ],
)
def test_header_text_is_decoded_to_one_line(written: bytes, read: str) -> None:
    assert decode(written)[0] == read


@given(st.binary(max_size=200))
def test_any_header_becomes_one_printable_line(octets: bytes) -> None:
    text = decode(octets)[0]
    assert not any(character in text for character in "\r\n\0\u2028\u2029")
    text.encode("utf-8")


@pytest.mark.parametrize(
    ("written", "addresses"),
    [
        ("a@b.test", [("", "a@b.test")]),
        ("Anna Berg <a@b.test>, c@d.test", [("Anna Berg", "a@b.test"), ("", "c@d.test")]),
        ('"Berg, Anna" <a@b.test>', [("Berg, Anna", "a@b.test")]),
        ("a@b.test (Anna (of Berg))", [("Anna (of Berg)", "a@b.test")]),
        ("undisclosed-recipients:;", []),
        ("To: list: a@b.test, c@d.test;", [("", "a@b.test"), ("", "c@d.test")]),
        ("unlisted-recipients:; (no To-header on input)", []),
        ("<@route.test:a@b.test>", [("", "a@b.test")]),
        ("=?utf-8?B?0JDQvdC90LA=?= <a@b.test>", [("Анна", "a@b.test")]),
        ('"=?utf-8?B?0JDQvdC90LA=?=" <a@b.test>', [("Анна", "a@b.test")]),
        ("Anna a@b.test", [("Anna", "a@b.test")]),
        ("A <a@b.test> B <c@d.test>", [("A", "a@b.test"), ("B", "c@d.test")]),
        ('"very odd@local" <"a b"@b.test>', [("very odd@local", "a b@b.test")]),
        ("'a@b.test'", [("", "a@b.test")]),
        ("анна@почта.test", [("", "анна@почта.test")]),
        ("a@B.TEST; c@d.test", [("", "a@b.test"), ("", "c@d.test")]),
        (
            "Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>",
            [("Pete", "pete@silly.test")],
        ),
        ("MAILER-DAEMON (Mail Delivery System)", []),
        ("<>", []),
        ("", []),
    ],
)
def test_addresses_are_found(written: str, addresses: list[tuple[str, str]]) -> None:
    got = read_addresses(written.encode(), 100, Problems())
    assert [(one.name, one.text) for one in got] == addresses


@pytest.mark.parametrize(
    ("written", "address"),
    [
        (b'<"x(y"@b.test>', "x(y@b.test"),
        (b'<"a>b"@c.test>', "a>b@c.test"),
        (b"'a@b.test", "'a@b.test"),
        (b"Anna 'a@b.test'", "a@b.test"),
    ],
)
def test_a_quoted_or_odd_local_part_is_kept(written: bytes, address: str) -> None:
    assert [one.text for one in read_addresses(written, 9, Problems())] == [address]


def test_raw_octets_in_an_encoded_word_are_in_its_charset() -> None:
    (address,) = read_addresses(b"=?iso-8859-1?Q?J\xfcrgen_M=FCller?= <a@b.test>", 9, Problems())
    assert address.name == "Jürgen Müller"
    (address,) = read_addresses("=?latin1?Q?Jürgen?= <ü@b.test>".encode(), 9, Problems())
    assert (address.name, address.text) == ("Jürgen", "ü@b.test")


def test_addresses_stop_at_the_limit_and_say_so() -> None:
    problems = Problems()
    assert len(read_addresses(b"a@b.test," * 50, 10, problems)) == 10
    assert problems.tokens == ("addresses-limit",)


@given(st.binary(max_size=300))
def test_any_address_field_is_read(octets: bytes) -> None:
    for address in read_addresses(octets, 10, Problems()):
        assert address.local
        assert address.domain


@pytest.mark.parametrize(
    ("written", "iso"),
    [
        ("Tue, 12 Mar 2024 16:40:00 +0300", "2024-03-12T16:40:00+03:00"),
        ("12 Mar 24 16:40 GMT", "2024-03-12T16:40:00+00:00"),
        ("Tue, 12 Mar 2024 16:40:00 EST (comment)", "2024-03-12T16:40:00-05:00"),
        ("Tuesday, 12-Mar-24 16:40:00 UT", "2024-03-12T16:40:00+00:00"),
        ("Tue Mar 12 16:40:00 2024", "2024-03-12T16:40:00+00:00"),
        ("2024-03-12T16:40:00Z", "2024-03-12T16:40:00+00:00"),
        ("Tue, 12 Mar 2024 16.40.00 +0300", "2024-03-12T16:40:00+03:00"),
        ("Tue, 12 Mar 2024 16:40:60 -0000", "2024-03-12T16:40:59+00:00"),
        ("Tue, 12 Mar 2024 16:40:00 GMT+03:00", "2024-03-12T16:40:00+03:00"),
        ("Tue, 32 Mar 2024 16:40:00 +0300", ""),
        ("yesterday", ""),
        ("", ""),
    ],
)
def test_dates_are_read(written: str, iso: str) -> None:
    found = read_date(written)
    assert (found.isoformat() if found else "") == iso


@given(st.text(max_size=80))
def test_any_date_is_answered(text: str) -> None:
    found = read_date(text)
    assert found is None or found.tzinfo is not None


@pytest.mark.parametrize(
    ("written", "ids"),
    [
        ("<a@b>", ("<a@b>",)),
        ("<a@b> <c@d>\t<a@b>", ("<a@b>", "<c@d>")),
        ("a@b", ("<a@b>",)),
        ("<split @b>", ("<split@b>",)),
        ("none", ()),
    ],
)
def test_message_ids_are_found(written: str, ids: tuple[str, ...]) -> None:
    assert read_ids(written) == ids


@pytest.mark.parametrize(
    ("written", "value", "parameters"),
    [
        (b"text/plain; charset=utf-8", "text/plain", {"charset": "utf-8"}),
        (b'TEXT/Plain; Charset="utf-8"', "text/plain", {"charset": "utf-8"}),
        (b"text/plain charset=utf-8", "text/plain", {"charset": "utf-8"}),
        (b"(a) text / (b) plain; x=y", "text/plain", {"x": "y"}),
        (b'a/b; name="with \\"quotes\\".txt"', "a/b", {"name": 'with "quotes".txt'}),
        (b"a/b; name=two words.txt; x=y", "a/b", {"name": "two words.txt", "x": "y"}),
        (b"a/b; name=one.txt x=y", "a/b", {"name": "one.txt", "x": "y"}),
        (b"a/b; name*=utf-8''%D0%A1%D1%87%D1%91%D1%82.pdf", "a/b", {"name": "Счёт.pdf"}),
        (
            b"a/b; name*0*=utf-8''%D0%A1%D1; name*1*=%87%D1%91%D1%82; name*2=.pdf",
            "a/b",
            {"name": "Счёт.pdf"},
        ),
        (b'a/b; name="=?utf-8?B?0KHRh9GR0YI=?=.pdf"', "a/b", {"name": "Счёт.pdf"}),
        (
            b"a/b; name*0*=iso-8859-1'es'%D1and%FA; name*1*=iso-8859-1'%20r%E1pido",
            "a/b",
            {"name": "Ñandú rápido"},
        ),
        (b"a/b; name*0*=utf-8''it%27s; name*1*='so'", "a/b", {"name": "it's'so'"}),
        (b"a/b; name=plain.pdf; name*=utf-8''%D0%A1.pdf", "a/b", {"name": "С.pdf"}),
        (b'a/b; name="not closed; x=y', "a/b", {"name": "not closed", "x": "y"}),
        (b'attachment; filename="C:\\dir\\"', "attachment", {"filename": "C:\\dir\\"}),
        (b"a/b; ; ;x=y;;", "a/b", {"x": "y"}),
        (b"a/b; flag; x=y", "a/b", {"x": "y"}),
        (b"", "", {}),
    ],
)
def test_parameters_are_read(written: bytes, value: str, parameters: dict[str, str]) -> None:
    got = parse(written, Problems(), 100)
    assert (got.value, got.parameters) == (value, parameters)


def test_values_without_semicolons_are_read_up_to_the_limit() -> None:
    problems = Problems()
    began = time.process_time()
    got = parse(b"text/plain; " + b"".join(b"p%d=b " % n for n in range(200_000)), problems, 100)
    assert time.process_time() - began < 0.5
    assert len(got.parameters) == 100
    assert problems.tokens == ("parameters-limit",)


@given(st.binary(max_size=300))
def test_any_parameters_are_read(octets: bytes) -> None:
    parse(octets, Problems(), 10)


# -- tables of mail-parser (Apache-2.0 or MIT), read from the suite ------------------------------

# (table, header) -> why we differ. Addresses: mail-parser adds comments to the name and takes
# anything in brackets, URLs included, for an address; ours are mailboxes only.
STRANGE_DATES = {
    "20 11 (some \n 44 comments(more comments\n )) 79 05:34:27 -0300": "no month name",
    " 4 8 15 16 23 42, 4 8 15 16 23 42, 4 8 15 16 23 42, ": "no date at all",
    "Tue, 1 Jul 2003 ((invalid)\ncomment) 10:52:37 +0200": "we nest comments",
}


def table(name: str) -> list[dict[str, Any]]:
    path = TABLES / f"{name}.json"
    rows: list[dict[str, Any]] = json.loads(path.read_text("utf-8")) if path.exists() else []
    return rows


@needs_tables
@pytest.mark.parametrize("case", table("unstructured"), ids=lambda case: case["header"][:30])
def test_unstructured_table(case: dict[str, Any]) -> None:
    # White space is compared nowhere: mail-parser puts some beside every encoded word.
    field = re.split(r"\n(?=\S)", case["header"])[0]
    got = decode(field.encode())[0]
    assert "".join(got.split()) == "".join((case["expected"] or "").split())


@needs_tables
@pytest.mark.parametrize("case", table("date"), ids=lambda case: case["header"][:30])
def test_date_table(case: dict[str, Any]) -> None:
    if case["header"] in STRANGE_DATES:
        pytest.xfail(STRANGE_DATES[case["header"]])
    found = read_date(case["header"].replace("\r", "").replace("\n", " "))
    wanted = case["expected"]
    if wanted is None:
        assert found is None
        return
    assert found is not None
    assert [found.year, found.month, found.day, found.hour, found.minute, found.second] == [
        wanted[key] for key in ("year", "month", "day", "hour", "minute", "second")
    ]
    offset = found.utcoffset()
    assert offset is not None
    minutes = wanted["tz_hour"] * 60 + wanted["tz_minute"]
    assert offset.total_seconds() == minutes * (-60 if wanted["tz_before_gmt"] else 60)


@needs_tables
@pytest.mark.parametrize("case", table("address"), ids=lambda case: case["header"][:30])
def test_address_table_finds_every_mailbox(case: dict[str, Any]) -> None:
    expected = case["expected"] or {}
    groups = [group["addresses"] for group in expected.get("Group", [])]
    wanted = {
        one["address"].replace(" ", "").rpartition(":")[2].lower()
        for one in [*expected.get("List", []), *(one for group in groups for one in group)]
        if one.get("address") and "@" in one["address"] and "/" not in one["address"]
    }
    header = case["header"].partition("\n\n")[0]  # the field ends there
    got = {
        one.text.rpartition(":")[2].lower()
        for one in read_addresses(header.encode(), 100, Problems())
    }
    if "\ninvalid" in header:
        pytest.xfail("the line behind the field is another field")
    assert wanted <= {one.replace(" ", "") for one in got}


@pytest.mark.parametrize(
    "header",
    [
        b"Subject: Order\r\n \r\nPlease send 10 pcs of HX-200.\r\n",
        b"Subject: Order\nPlease send 10 pcs of HX-200.\n",
        b"Subject: Order\rPlease send 10 pcs of HX-200.\r",
        b"Subject: Order\r\n\t\r\nOrder: 10 pcs of HX-200\r\n",
        b"Subject: Order\r\nPlease send: 10 pcs of HX-200",
        b"Subject: Order\r\nPlease send 10 pcs of HX-200.\r\n\r\nRegards\r\n",
    ],
)
def test_text_that_may_have_become_header_is_told(header: bytes) -> None:
    assert "header-unclear" in read(header).problems


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"Subject: Order (EOM)\r\nFrom: a@b.test\r\n",
        b"Subject: Order\r\n folded\r\nX: 1\r\n\r\nPlease send 10 pcs.\r\n",
        b"Subject: Order\r\n \r\nX-Spam: no\r\n\r\nPlease send 10 pcs.\r\n",
        b"From a@b.test Thu Nov  5 09:29:00 2026\nSubject: Order\n\nPlease send 10 pcs.\n",
        b">From a@b.test Thu Nov  5 09:29:00 2026\nSubject: Order\n\n",
        b"\r\nPlease send 10 pcs.\r\n",
        b"Please send 10 pcs of HX-200.\r\n",
    ],
)
def test_a_header_section_as_programs_write_it_is_clear(raw: bytes) -> None:
    assert "header-unclear" not in read(raw).problems
