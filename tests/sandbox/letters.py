"""The bench's mail: signed messages of a given size, and what their sender publishes."""

import random

from tests.fakes.signer import Signer

from .contenders import MAILBOX
from .load import Letter

DOMAIN = "sender.test"
CLIENT = "127.0.0.11"
_DIFFERENT = 10  # messages per size
_WORDS = (
    "please find below the order we spoke about last week with the parts for the new hall and"
    " the drawing as agreed our warehouse needs them before the end of month thank you kindly"
).split()


def signed_letters(signer: Signer, size: int) -> list[Letter]:
    """Signed messages of about that size, in prose that differs."""
    dice = random.Random(size)
    return [_letter(signer, size, number, dice) for number in range(_DIFFERENT)]


def _letter(signer: Signer, size: int, number: int, dice: random.Random) -> Letter:
    head = (
        f"Received: from desk.{DOMAIN} (desk.{DOMAIN} [192.0.2.9])\r\n"
        f"\tby mx.{DOMAIN}; Fri, 20 Nov 2026 10:00:00 +0000\r\n"
        f"From: Orders <orders@{DOMAIN}>\r\nTo: {MAILBOX}\r\nSubject: Order {number}\r\n"
        "Date: Fri, 20 Nov 2026 10:00:00 +0000\r\n"
        f"Message-ID: <{size}.{number}@{DOMAIN}>\r\nMIME-Version: 1.0\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n\r\n"
    )
    lines: list[str] = []
    missing = size - len(head)
    while missing > 0:
        lines.append(" ".join(dice.choices(_WORDS, k=12)) + "\r\n")
        missing -= len(lines[-1])
    message = (head + "".join(lines)).encode()
    return Letter(
        client=CLIENT,
        helo=f"mx.{DOMAIN}",
        sender=f"orders@{DOMAIN}",
        recipient=MAILBOX,
        raw=signer.dkim(message, h="From:To:Subject:Date:Message-ID:MIME-Version:Content-Type"),
    )


def zone(signer: Signer) -> dict[str, list[tuple[str, str]]]:
    """What the sender publishes: SPF with one include, a key, DMARC."""
    return signer.records | {
        DOMAIN: [("TXT", f"v=spf1 include:_spf.{DOMAIN} -all"), ("MX", f"10 mx.{DOMAIN}")],
        f"_spf.{DOMAIN}": [("TXT", f"v=spf1 ip4:{CLIENT} -all")],
        f"mx.{DOMAIN}": [("A", CLIENT), ("TXT", "v=spf1 a -all")],
        f"_dmarc.{DOMAIN}": [("TXT", "v=DMARC1; p=reject")],
    }
