"""Framing and parsing with byte strings alone: no socket, any chunking."""

import asyncio
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.lmtp.commands import (
    Forwarded,
    Mail,
    Refused,
    parse,
    parse_mail,
    parse_rcpt,
    parse_xforward,
)
from postroom.lmtp.mailboxes import is_ours, maildir_of
from postroom.lmtp.wire import LONGEST_LINE, Incoming, LineTooLong
from postroom.reading.names import mailbox_of
from tests.fakes.stages import intake_config


def incoming(chunks: Iterable[bytes]) -> Incoming:
    waiting = iter(chunks)

    async def more() -> bytes:
        return next(waiting, b"")

    return Incoming(more)


def stuffed(raw: bytes) -> bytes:
    """What a client sends for a message that ends with CR LF, RFC 5321 4.5.2."""
    return (b"\r\n" + raw).replace(b"\r\n.", b"\r\n..")[2:] + b".\r\n"


def cut(octets: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(octets) + 1) for place in places), len(octets)]
    chunks = [octets[a:b] for a, b in zip(edges, edges[1:], strict=False)]
    return [chunk for chunk in chunks if chunk]


nasty = st.text(alphabet="\r\n.a\x00", max_size=60).map(lambda text: text.encode() + b"\r\n")


@pytest.mark.slow
@given(messages=st.lists(nasty, min_size=1, max_size=3), places=st.lists(st.integers(0, 999)))
def test_messages_come_out_as_they_went_in_however_they_are_cut(
    messages: list[bytes], places: list[int]
) -> None:
    octets = b"".join(stuffed(raw) + b"NOOP\r\n" for raw in messages)

    async def read() -> list[tuple[bytes | None, bytes]]:
        wire = incoming(cut(octets, places))
        return [(await wire.message(1_000), await wire.line()) for _ in messages]

    assert asyncio.run(read()) == [(raw, b"NOOP\r") for raw in messages]


@given(raw=nasty, places=st.lists(st.integers(0, 999)), largest=st.integers(1, 60))
def test_a_message_is_too_large_exactly_when_it_is_longer(
    raw: bytes, places: list[int], largest: int
) -> None:
    async def read() -> tuple[bytes | None, bytes]:
        wire = incoming(cut(stuffed(raw) + b"QUIT\r\n", places))
        return await wire.message(largest), await wire.line()

    assert asyncio.run(read()) == (raw if len(raw) <= largest else None, b"QUIT\r")


def test_a_message_that_never_ends_is_not_kept_in_memory() -> None:
    async def read() -> None:
        wire = incoming(b"x" * 100_000 for _ in range(1_000))
        with pytest.raises(EOFError):
            await wire.message(1_000)
        assert len(wire._buffer) < 200_000

    asyncio.run(read())


def test_a_line_that_is_too_long_is_dropped_to_its_end() -> None:
    async def read() -> bytes:
        wire = incoming([b"x" * 5_000] * 5 + [b"NOOP\r\nQUIT\r\n"])
        with pytest.raises(LineTooLong):
            await wire.line()
        with pytest.raises(LineTooLong):
            await incoming([b"y" * (LONGEST_LINE + 1) + b"\n"]).line()
        return await wire.line()

    assert asyncio.run(read()) == b"QUIT\r"


MAILS = [
    ("FROM:<>", Mail(sender="")),
    ("from:<a@b.test>", Mail(sender="a@b.test")),
    ("FROM: <a@b.test>  size=12 ", Mail(sender="a@b.test", size=12)),
    ("FROM:<@x.test:a@b.test> SMTPUTF8", Mail(sender="a@b.test")),
    ('FROM:<"a b>@c"@d.test> BODY=7bit', Mail(sender='"a b>@c"@d.test')),
    ("FROM:<MAILER-DAEMON>", Mail(sender="MAILER-DAEMON")),
]


@pytest.mark.parametrize(("argument", "mail"), MAILS)
def test_mail_is_understood(argument: str, mail: Mail) -> None:
    assert parse_mail(argument) == mail


@pytest.mark.parametrize(
    ("argument", "code"),
    [
        ("", 501),
        ("FROM:", 501),
        ("FROM:a@b.test", 501),
        ("FROM:<a\x01@b.test>", 501),
        ("FROM:<a@b.test> SIZE=", 501),
        ("FROM:<a@b.test> SIZE=-1", 501),
        ("FROM:<a@b.test> SIZE=१२", 501),
        ("FROM:<a@b.test> SIZE=" + "9" * 30, 501),
        ("FROM:<a@b.test> SMTPUTF8=yes", 501),
        ("FROM:<a@b.test> AUTH=<>", 555),
    ],
)
def test_mail_is_refused(argument: str, code: int) -> None:
    with pytest.raises(Refused) as refused:
        parse_mail(argument)
    assert refused.value.reply.code == code
    assert refused.value.reply.enhanced.startswith("5.")


def test_a_long_hostile_path_costs_linear_time() -> None:
    for path in ('"' * 4_000, "\\" * 4_000, '"' + "\\>" * 2_000, "<" * 4_000, "@" * 4_000):
        with pytest.raises(Refused):
            parse_rcpt(f"TO:<{path}")


def test_a_command_that_is_no_utf_8_is_still_a_command() -> None:
    command = parse(b"RCPT TO:<\xff\xfe@b.test>\r")
    assert parse_rcpt(command.argument) == "\\xff\\xfe@b.test"


XFORWARDS = [
    ("IDENT=4BX", Forwarded(ident="4BX")),
    ("ADDR=192.0.2.1 NAME=mx", Forwarded(addr="192.0.2.1", name="mx")),
    ("ADDR=IPV6:::ffff:192.0.2.1", Forwarded(addr="192.0.2.1")),  # a socket for both families
    ("addr=ipv6:2001:DB8::1", Forwarded(addr="2001:db8::1")),
    ("HELO=a+2Bb+3Dc", Forwarded(helo="a+b=c")),
    ("HELO=a+ZZ", Forwarded(helo="a+ZZ")),  # an old Postfix does not encode
    ("HELO=+D0+9F", Forwarded(helo="П")),
    ("HELO=x+00y", Forwarded(helo="x?y")),
    ("NAME=[TEMPUNAVAIL] SOURCE=local", Forwarded(source="LOCAL")),
    ("PORT=25 PROTO=ESMTPS", Forwarded(port="25", proto="ESMTPS")),
]


@pytest.mark.parametrize(("argument", "forwarded"), XFORWARDS)
def test_xforward_is_understood(argument: str, forwarded: Forwarded) -> None:
    assert parse_xforward(argument, Forwarded()) == forwarded


def test_xforward_keeps_what_a_later_command_does_not_name() -> None:
    first = parse_xforward("NAME=mx ADDR=192.0.2.1", Forwarded())
    assert parse_xforward("ADDR=[UNAVAILABLE] IDENT=4", first) == Forwarded(name="mx", ident="4")


@pytest.mark.parametrize(
    "argument",
    ["NAME", "=x", "IDENT=" + "4" * 65, "NAME=" + "x" * 256, "ADDR=[192.0.2.1]", "PORT=-1"],
)
def test_xforward_is_refused(argument: str) -> None:
    with pytest.raises(Refused) as refused:
        parse_xforward(argument, Forwarded())
    assert refused.value.reply.code == 501


def test_who_is_ours(tmp_path_factory: pytest.TempPathFactory) -> None:
    config = intake_config(tmp_path_factory.mktemp("room"))
    ours = ("info@example.test", "INFO+x+y@EXAMPLE.test", "postmaster", "PostMaster@example.test")
    others = ("infos@example.test", "info@example.test.evil", "info", "postmaster@other.test", "+")
    assert [is_ours(one, config) for one in ours] == [True] * len(ours)
    assert [is_ours(one, config) for one in others] == [False] * len(others)


def test_a_domain_is_ours_in_either_spelling(tmp_path_factory: pytest.TempPathFactory) -> None:
    config = intake_config(tmp_path_factory.mktemp("room"))
    service = config.service.model_copy(update={"mailboxes": ("инфо@пример.test",)})
    config = config.model_copy(update={"service": service})
    assert is_ours("инфо@пример.test", config)
    assert is_ours("Инфо@xn--e1afmkfd.test", config)
    assert not is_ours("инфо@другой.test", config)


@pytest.mark.parametrize(
    ("recipient", "mailbox"),
    [
        ("Info@Example.Test", "info@example.test"),
        ("info+orders@example.test", "info@example.test"),
        ("+tag@example.test", "+tag@example.test"),
        ('"info+a b"@example.test', "info@example.test"),
        ('"info+a..b"@example.test', "info@example.test"),
        ('"info+a>b@c\\""@example.test', "info@example.test"),
        ('"Info"@example.test', "info@example.test"),
        ('"in\\fo+"@example.test', "info@example.test"),
        ('"a b+c"@example.test', '"a b"@example.test'),
        ('"a\\"b"@example.test', '"a\\"b"@example.test'),
        ('""@example.test', '""@example.test'),
        ('"@example.test', '"\\""@example.test'),
        ("postmaster", "postmaster"),
    ],
)
def test_the_mailbox_behind_a_recipient(recipient: str, mailbox: str) -> None:
    assert mailbox_of(recipient) == mailbox
    assert mailbox_of(mailbox) == mailbox


@pytest.mark.parametrize("local", ['"info+\x01"', '"info+\x7f\t"', '"info+a b"', '"info"'])
def test_an_extension_in_quotes_is_no_reason_to_bounce(
    local: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    config = intake_config(tmp_path_factory.mktemp("room"))
    recipient = parse_rcpt(f"TO:<{local}@example.test>")
    assert is_ours(recipient, config)
    assert recipient.isprintable()


def test_both_spellings_of_a_domain_are_one_maildir(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    config = intake_config(tmp_path_factory.mktemp("room"))
    service = config.service.model_copy(update={"mailboxes": ("info@straße.test",)})
    config = config.model_copy(update={"service": service})
    for recipient in ("info+x@straße.test", "INFO@xn--strae-oqa.test", '"info"@straße.test'):
        assert is_ours(recipient, config)
        assert maildir_of(recipient, config) == "info@straße.test"
    assert not is_ours("info@strasse.test", config)
    assert maildir_of("Other+x@strasse.test", config) == "other@strasse.test"
