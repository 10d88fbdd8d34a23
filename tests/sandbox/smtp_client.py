"""A customer's mail server: one mail, one SMTP session, from the customer's own address."""

import smtplib
from collections.abc import Iterator

from .mails import Mail
from .postfix import LOOPBACK


def send(port: int, mail: Mail, *, host: str = LOOPBACK) -> str:
    """Sends a mail to Postfix, from the party's address; the reply as text."""
    with smtplib.SMTP(
        host,
        port,
        local_hostname=f"mx.{mail.party.domain}",
        source_address=(mail.party.address, 0),
        timeout=60,
    ) as client:
        client.ehlo()
        reply = ""
        for code, text in _dialog(client, mail):
            reply = f"{code} {text.decode(errors='replace')}".replace("\n", " ")
            if code >= 400:
                break
    return reply


def _dialog(client: smtplib.SMTP, mail: Mail) -> Iterator[tuple[int, bytes]]:
    yield client.mail(mail.sender)
    for recipient in mail.recipients:
        yield client.rcpt(recipient)
    yield client.data(mail.raw)
