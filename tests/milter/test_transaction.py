"""A message put together from callbacks is the message that was sent, byte for byte."""

import pytest

from postroom.milter.room import SMALL, Room
from postroom.milter.transaction import Client, Transaction, client_of, path_text

CLIENT = Client(address="192.0.2.1", name="mx.sender.test", helo="mx.sender.test")


def begun(
    max_size: int = 1_000_000, leading_space: bool = True, room: Room | None = None
) -> Transaction:
    return Transaction(
        client=CLIENT,
        sender=b"<a@sender.test>",
        max_size=max_size,
        leading_space=leading_space,
        room=room or Room(max_size),
    )


FIELDS = [
    (b" a@sender.test", b"From: a@sender.test\r\n"),
    (b"a@sender.test", b"From:a@sender.test\r\n"),
    (b"   spaced \t", b"From:   spaced \t\r\n"),
    (b" folded\n\tonce\n twice", b"From: folded\r\n\tonce\r\n twice\r\n"),
    (b" folded\r\n\tonce\r\n twice", b"From: folded\r\n\tonce\r\n twice\r\n"),
    (b" a CR\r\n of\n the sender", b"From: a CR\r\r\n of\r\n the sender\r\n"),
    (b" bare\rCR", b"From: bare\rCR\r\n"),
    (b" \xd0\xbf\xff\x80", b"From: \xd0\xbf\xff\x80\r\n"),
    (b"", b"From:\r\n"),
]


@pytest.mark.parametrize(("value", "line"), FIELDS)
def test_a_field_stands_as_it_was_sent(value: bytes, line: bytes) -> None:
    transaction = begun()
    transaction.add_field("From", value)
    assert transaction.message()[0] == line + b"\r\n"


def test_the_space_after_the_colon_is_put_back_where_the_peer_took_it() -> None:
    transaction = begun(leading_space=False)
    transaction.add_field("From", b"a@sender.test")
    assert transaction.message()[0] == b"From: a@sender.test\r\n\r\n"


def test_the_body_starts_after_the_empty_line_and_is_cut_nowhere() -> None:
    transaction = begun()
    transaction.add_field("Subject", b" x")
    body = bytes(range(256)) * 3 + b"\r\n.\r\n\x00"
    for octet in body:
        transaction.add_body(bytes([octet]))
    raw, start = transaction.message()
    assert raw == b"Subject: x\r\n\r\n" + body
    assert raw[start:] == body


def test_large_messages_share_a_room_and_small_ones_need_none() -> None:
    room, large = Room(3 * SMALL), bytes(2 * SMALL)
    first, second, small = (begun(3 * SMALL, room=room) for _ in range(3))
    first.add_body(large)
    for _ in range(4):
        second.add_body(bytes(SMALL // 2))
    small.add_body(bytes(SMALL - 2))
    assert [one.crowded for one in (first, second, small)] == [False, True, False]
    assert second.message()[0] == b""
    assert first.message()[0] == b"\r\n" + large
    first.leave()
    again = begun(3 * SMALL, room=room)
    again.add_body(large)
    assert not again.crowded
    for one in (again, small, second):
        one.leave()
    assert room.take(3 * SMALL)


def test_a_message_of_nothing_is_an_empty_line() -> None:
    assert begun().message() == (b"\r\n", 2)


def test_a_body_without_header_starts_after_an_empty_line() -> None:
    transaction = begun()
    transaction.add_body(b"x")
    assert transaction.message() == (b"\r\nx", 2)


@pytest.mark.parametrize(("size", "too_large"), [(100, False), (101, True), (100_000, True)])
def test_collecting_stops_above_the_limit(size: int, too_large: bool) -> None:
    transaction = begun(max_size=100)
    for start in range(2, size, 10):
        transaction.add_body(b"x" * min(10, size - start))
    assert transaction.too_large is too_large
    if too_large:
        transaction.add_field("X", b" y")
        assert len(transaction.message()[0]) < 20


def test_header_fields_count_towards_the_limit() -> None:
    transaction = begun(max_size=1_000)
    for _ in range(200):
        transaction.add_field("X", b" 123456")
    assert transaction.too_large


@pytest.mark.parametrize(
    ("count", "octets", "too_large"),
    [(5_000, 1, False), (5_001, 1, True), (100, 10_000, False), (105, 10_000, True)],
)
def test_a_header_has_its_own_limits(count: int, octets: int, too_large: bool) -> None:
    transaction = begun(max_size=50_000_000)
    for _ in range(count):
        transaction.add_field("X-Postroom-X", b"x" * octets)
    assert transaction.too_large is too_large
    if too_large:
        transaction.add_field("X-Postroom-X", b"x")
        transaction.add_body(b"x" * 10_000)
        assert transaction.guarded == []
        assert len(transaction.message()[0]) < 20
    else:
        transaction.add_body(b"x" * 2_000_000)  # the body does not count
        assert not transaction.too_large


PATHS = [
    (b"<a@b.test>", "a@b.test"),
    (b"a@b.test", "a@b.test"),
    (b"<>", ""),
    (b"", ""),
    (b"<@relay.test,@other.test:a@b.test>", "a@b.test"),
    (b'<"odd <name>:x"@b.test>', '"odd <name>:x"@b.test'),
    ("<иван@почта.test>".encode(), "иван@почта.test"),
    (b"<\xff@b.test>", "\ufffd@b.test"),
    (b"<A@B.Test>", "A@B.Test"),
]


@pytest.mark.parametrize(("path", "text"), PATHS)
def test_a_path_is_read_as_its_address(path: bytes, text: str) -> None:
    assert path_text(path) == text
    text.encode()  # no lone surrogate that could not be stored


CLIENTS = [
    ("mx.sender.test", ("192.0.2.1", 25), "192.0.2.1", "mx.sender.test"),
    ("mx.sender.test", ("2001:DB8::1", 25, 0, 0), "2001:db8::1", "mx.sender.test"),
    ("mx.sender.test", ("IPv6:2001:db8::1", 25, 0, 0), "2001:db8::1", "mx.sender.test"),
    ("mx.sender.test", ("::ffff:192.0.2.1", 25, 0, 0), "192.0.2.1", "mx.sender.test"),
    ("unknown", ("192.0.2.1", 25), "192.0.2.1", ""),
    ("[192.0.2.1]", ("192.0.2.1", 25), "192.0.2.1", ""),
    ("localhost", "/run/socket", "", "localhost"),
    ("localhost", None, "", "localhost"),
    ("x", ("inet6:unknown", 0, 0, 0), "", "x"),
    ("", None, "", ""),
]


@pytest.mark.parametrize(("hostname", "hostaddr", "address", "name"), CLIENTS)
def test_a_client_is_told_by_its_address_and_its_name(
    hostname: str, hostaddr: object, address: str, name: str
) -> None:
    client = client_of(hostname, hostaddr)
    assert (client.address, client.name) == (address, name)


def test_the_envelope_has_what_was_said_in_its_order() -> None:
    transaction = begun()
    transaction.add_recipient(b"<b@firma.test>")
    transaction.add_recipient(b"<a@firma.test>")
    envelope = transaction.envelope(queue_id="4X", authenticated_user="anna")
    assert envelope.sender == "a@sender.test"
    assert envelope.recipients == ("b@firma.test", "a@firma.test")
    assert (envelope.queue_id, envelope.authenticated_user) == ("4X", "anna")
    assert (envelope.client_address, envelope.client_name, envelope.helo) == (
        "192.0.2.1",
        "mx.sender.test",
        "mx.sender.test",
    )


def test_guarded_fields_are_remembered_up_to_the_number_that_is_refused() -> None:
    transaction = begun()
    for number in range(500):
        transaction.add_field("X-Postroom-Verdict", b" %d" % number)
        transaction.add_field("Subject", b" x")
    assert len(transaction.guarded) == 101
