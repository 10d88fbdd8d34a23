"""The strict From parser: one mailbox that every reader reads alike, or a named problem."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.envelope import Address
from postroom.reading.author import Author, find_author, read_author
from postroom.reading.fields import split

GOOD = [
    ("ann@example.test", "ann@example.test", ""),
    (" Ann <ann@example.test>", "ann@example.test", "Ann"),
    ("Ann B. Cook <ann@example.test>", "ann@example.test", "Ann B. Cook"),
    ('"Cook, Ann" <ann@example.test>', "ann@example.test", "Cook, Ann"),
    ('"boss@bank.test" <ann@example.test>', "ann@example.test", "boss@bank.test"),
    ('"a \\"b\\" c" <ann@example.test>', "ann@example.test", 'a "b" c'),
    ("<ann@example.test>", "ann@example.test", ""),
    ("< ann@example.test >", "ann@example.test", ""),
    ("ann@example.test (Ann Cook)", "ann@example.test", ""),
    ("Ann (Sales) <ann@example.test>", "ann@example.test", "Ann"),
    ("ann@example.test <ann@example.test>", "ann@example.test", ""),
    ("Ann\r\n <ann@example.test>", "ann@example.test", "Ann"),
    ("Ann\n\t<ann@example.test>", "ann@example.test", "Ann"),
    ('"a@none.test"@example.test', "a@none.test@example.test", ""),
    ("ANN@Example.TEST", "ANN@example.test", ""),
    ("x <x@bücher.test>", "x@bücher.test", "x"),
    ("Бюро <бюро@почта.test>", "бюро@почта.test", "Бюро"),
    ("=?utf-8?q?Ann?= <ann+tag@sub.example.test>", "ann+tag@sub.example.test", "=?utf-8?q?Ann?="),
    ("o'neil@my-company.test", "o'neil@my-company.test", ""),
]

BAD = [
    ("", "malformed"),
    ("Ann", "malformed"),
    ("<>", "malformed"),
    ("Ann <ann>", "malformed"),
    ("ann@", "malformed"),
    ("@example.test", "malformed"),
    ("ann@[192.0.2.1]", "malformed"),
    ("ann@example.test.", "malformed"),
    ("ann@-.test", "malformed"),
    ("ann@exam ple.test", "malformed"),
    ("ann @example.test", "malformed"),
    ("ann@ example.test", "malformed"),
    ("ann..b@example.test", "malformed"),
    (".ann@example.test", "malformed"),
    ("ann@example.test@evil.test", "malformed"),
    ("ann@example.test,", "several"),
    (",ann@example.test", "malformed"),
    ("ann@example.test, bob@evil.test", "several"),
    ("<ann@example.test>, <bob@evil.test>", "several"),
    ("ann@example.test <bob@evil.test>", "malformed"),
    ("<ann@example.test> <bob@evil.test>", "malformed"),
    ("<ann@example.test> bob@evil.test", "malformed"),
    ("<ann@example.test>bob", "malformed"),
    ("Ann ann@example.test", "malformed"),
    ("bob@evil.test Ann <ann@example.test>", "malformed"),
    ("friends: ann@example.test;", "group"),
    ("friends: ann@example.test, bob@evil.test;", "group"),
    ("undisclosed-recipients:;", "group"),
    ("<@relay.test:ann@example.test>", "malformed"),
    ("<ann@example.test", "malformed"),
    ("ann@example.test>", "malformed"),
    ("<<ann@example.test>>", "malformed"),
    ('"Ann <ann@example.test>', "malformed"),
    ('"Ann" "<ann@example.test>', "malformed"),
    ("ann(bob)@example.test", "malformed"),
    ("bad@(none.test)example.test", "malformed"),
    ("ann@example.test(.evil.test", "malformed"),
    ("ann@example.test(a(b)c)", "malformed"),
    ("(ann@example.test) bob@evil.test", "malformed"),
    ("(<ann@example.test>,) bob@evil.test", "malformed"),
    ("ann@example.test (<bob@evil.test>)", "malformed"),
    ("=?utf-8?b?YW5uQGV4YW1wbGUudGVzdA==?=", "malformed"),
    ("=?utf-8?q?ann=40example.test=2C?= bob@evil.test", "malformed"),
    ("=?utf-8?q?ann?=@example.test", "malformed"),
    ("ann@=?utf-8?q?example.test?=", "malformed"),
    ("ann@example.test\rbob@evil.test", "malformed"),
    ("Ann\r <ann@example.test>", "malformed"),
    ("ann@example.test\x00", "malformed"),
    ("ann\x00@example.test", "malformed"),
    ("ann@example.test\r\n\r\n", "malformed"),
    ("ann@exampl\u3002test", "malformed"),
    ("ann@\uff45xample.test", "malformed"),
    ("a" * 300 + "@example.test", "malformed"),
    ("ann@" + "a." * 200 + "test", "malformed"),
]


@pytest.mark.parametrize(("value", "text", "name"), GOOD)
def test_one_plain_mailbox_is_the_author(value: str, text: str, name: str) -> None:
    found = read_author([value.encode()])
    assert found.problem == ""
    assert found.address is not None
    assert (found.address.text, found.address.name) == (text, name)


@pytest.mark.parametrize(("value", "problem"), BAD)
def test_anything_doubtful_is_a_problem_and_no_address(value: str, problem: str) -> None:
    assert read_author([value.encode("utf-8", "surrogatepass")]) == Author(problem=problem)


def test_no_field_and_two_fields_are_problems() -> None:
    assert read_author([]) == Author(problem="missing")
    assert read_author([b"ann@example.test"] * 2) == Author(problem="several")


def test_octets_of_an_unknown_charset_may_stand_in_the_name_only() -> None:
    found = read_author([b'"Fran\xe7ois" <f@example.test>'])
    assert found.address == Address(local="f", domain="example.test", name="Fran\ufffdois")
    assert read_author([b"fran\xe7ois@example.test"]).problem == "malformed"


@pytest.mark.parametrize(
    "second",
    [
        b"From : bob@evil.test",
        b"from:bob@evil.test",
        b"FROM\x00: bob@evil.test",
        b"\xa0From: b@e.test",
    ],
)
def test_a_second_field_that_looks_like_from_makes_the_author_uncertain(second: bytes) -> None:
    fields, _ = split(b"From: ann@example.test\r\n" + second + b"\r\n\r\n")
    assert find_author(fields).problem == "several"
    alone, _ = split(b"To: x@example.test\r\n" + second + b"\r\n\r\n")
    assert find_author(alone).problem in ("malformed", "")


def test_fields_that_only_resemble_from_are_other_fields() -> None:
    fields, _ = split(
        b"X-From: a@evil.test\r\nFrom: ann@example.test\r\nFromage: b@evil.test\r\n\r\n"
    )
    found = find_author(fields)
    assert found.address is not None
    assert found.address.text == "ann@example.test"


@given(st.binary(max_size=300))
def test_any_octets_give_an_author_or_a_problem(value: bytes) -> None:
    found = read_author([value])
    assert (found.address is None) == bool(found.problem)


@given(st.text(alphabet='ab@<>(),:;."\\ \t\r\n=?\u00e9', max_size=60))
def test_an_accepted_author_says_its_domain_and_no_other(value: str) -> None:
    """No trick gets an address accepted while a second one stands in plain sight."""
    found = read_author([value.encode()])
    if found.address is not None and not set('"(\\') & set(value):
        domains = re.findall(r"@([^\s<>,:;@]*)", value.lower())
        assert set(domains) == {found.address.domain}


@pytest.mark.parametrize(
    "value",
    [
        b", ".join(b'"a" <a%d@example.test>' % n for n in range(10_000)),
        b"(" * 500_000 + b")" * 500_000,
        b"()" * 500_000,
        b'"' * 1_000_001,
        b'"\\' * 500_000,
        b"a." * 500_000 + b"@example.test",
        b"a " * 500_000 + b"<a@example.test>",
        b"<" * 1_000_000,
        b"a@" * 500_000,
        b"\r\n " * 300_000,
        b"=?utf-8?q?" * 100_000,
    ],
)
def test_a_hostile_field_is_answered_at_once(value: bytes) -> None:
    begin = time.process_time()
    read_author([value])
    assert time.process_time() - begin < 1.5
