"""The digest of a message that arrives again: equal for copies, different for others."""

import pytest

from postroom.reading.digest import content_digest
from tests.fakes.letters import letter

ORDER = letter("We order 10.\n")


@pytest.mark.parametrize(
    "copy",
    [
        b"Received: from x by y; now\r\n" + ORDER,
        b"Return-Path: <a@b.test>\r\nDelivered-To: info@firma.test\r\n" + ORDER,
        b"Authentication-Results: mx; spf=pass\r\nARC-Seal: i=1\r\nDKIM-Signature: v=1\r\n" + ORDER,
        b"Received-SPF: pass\r\nX-Original-To: x\r\nX-Postroom-Verdict: v=1\r\n" + ORDER,
        ORDER.replace(b"\r\n", b"\n"),
        ORDER + b"\r\n\r\n",
        ORDER.replace(b"Subject: Order", b"Subject:\r\n\tOrder "),
        ORDER.replace(b"Subject:", b"SUBJECT:"),
    ],
)
def test_copies_have_one_digest(copy: bytes) -> None:
    assert content_digest(copy) == content_digest(ORDER)


@pytest.mark.parametrize(
    "other",
    [
        ORDER.replace(b"10", b"11"),
        ORDER.replace(b"Subject: Order", b"Subject: Orders"),
        ORDER.replace(b"To: info", b"To: sales"),
        b"X-Extra: 1\r\n" + ORDER,
        ORDER.replace(b"<1@", b"<2@"),
        ORDER.replace(b"We order", b"We  order"),
    ],
)
def test_other_messages_have_other_digests(other: bytes) -> None:
    assert content_digest(other) != content_digest(ORDER)


def test_without_a_message_id_only_the_same_octets_are_the_same_message() -> None:
    bare = b"Subject: 1\r\n\r\nalarm"
    assert content_digest(bare) == content_digest(bytes(bare))
    first, second = (b"Received: from a; %d\r\n" % n + bare for n in (1, 2))
    assert content_digest(first) != content_digest(second)
    empty = b"Message-ID: \r\n" + bare
    assert content_digest(b"Received: x\r\n" + empty) != content_digest(empty)


def test_any_octets_have_a_digest() -> None:
    for raw in (b"", b"\r\n", b"\xff" * 10, b"Message-ID: <a@b>\r"):
        assert len(content_digest(raw)) == 64
