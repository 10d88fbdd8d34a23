"""Our own mail through a real Postfix: signed by the milter, verified as it arrives outside."""

import json
import smtplib
from email.message import EmailMessage

import pytest

from postroom.milter.keyring import Keyring, SigningKey
from postroom.verdict import Result
from tests.fakes.signed import foreign_results, own_results
from tests.sandbox import world
from tests.sandbox.postfix import LOOPBACK
from tests.sandbox.soak import order_mails
from tests.sandbox.stack import Stack
from tests.sandbox.waiting import wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


@pytest.fixture(scope="module")
def pair(stack: Stack) -> tuple[SigningKey, ...]:
    """Keys as an operator makes them: made, published, activated."""
    made = stack.cli("dkim", "keygen", world.COMPANY, "--selector", "s1", "--json")
    assert made.returncode == 0, made.stderr
    early = stack.cli("dkim", "activate", world.COMPANY, "s1")
    assert early.returncode == 1
    for record in json.loads(made.stdout)["records"]:
        stack.dns.zone.add(record["name"], record["type"], record["value"])
    active = stack.cli("dkim", "activate", world.COMPANY, "s1")
    assert active.returncode == 0, active.stderr
    return Keyring(stack.folder / "state" / "dkim").keys(world.COMPANY, "s1")


def verified(raw: bytes, pair: tuple[SigningKey, ...]) -> None:
    assert [one.result for one in own_results(raw, pair)] == [Result.PASS] * 2
    assert foreign_results(raw, pair) == [True, True]


def test_what_people_submit_arrives_signed(stack: Stack, pair: tuple[SigningKey, ...]) -> None:
    message = EmailMessage()
    message["From"] = f"Änne Berg <berg@{world.COMPANY}>"
    message["To"] = ", ".join(f"kunde-{number}@elsewhere.test" for number in range(30))
    message["Subject"] = "Ответ на заявку " * 8
    message.set_content("Grüße\n.\n..\n\n  two  spaces \t\n\n\n")
    message.add_attachment(b"\0\1" * 400, maintype="application", subtype="pdf", filename="a.pdf")
    with smtplib.SMTP(LOOPBACK, stack.postfix.local_port, timeout=30) as client:
        client.send_message(
            message, f"berg@{world.COMPANY}", ["a@elsewhere.test"], ["BODY=8BITMIME"]
        )
    wait_until(lambda: bool(_of(stack, "berg@")), 30, "the mail to arrive", stack.journal)
    (raw,) = _of(stack, "berg@")
    verified(raw, pair)
    assert b"X-Postroom-" not in raw
    assert b"Authentication-Results" not in raw


def test_a_reply_of_ours_arrives_signed(stack: Stack, pair: tuple[SigningKey, ...]) -> None:
    (order,) = order_mails(stack, 1, "signing")
    assert stack.send(order).startswith("250 ")
    wait_until(lambda: bool(_of(stack, world.INFO)), 60, "the reply to arrive", stack.journal)
    (reply,) = _of(stack, world.INFO)
    verified(reply, pair)
    assert b"\r\nX-Loop: " in reply  # the milter leaves the mark that stops loops


def test_a_stranger_with_our_name_is_refused(stack: Stack, pair: tuple[SigningKey, ...]) -> None:
    message = f"From: info@{world.COMPANY}\r\nSubject: x\r\n\r\nPay now\r\n"
    with smtplib.SMTP(
        LOOPBACK, stack.postfix.world_port, source_address=("127.0.0.66", 0), timeout=30
    ) as client:
        with pytest.raises(smtplib.SMTPDataError) as refused:
            client.sendmail("x@nowhere.test", [world.INFO], message)
    assert refused.value.smtp_code == 550
    assert "5.7.26" in str(refused.value.smtp_error)


def _of(stack: Stack, author: str) -> list[bytes]:
    return [mail.raw for mail in stack.sink.received() if author in mail.header("From")]
