"""A mail to ourselves through Postfix, milter, LMTP and worker, whose arrival is checked.

In: the configuration. Out: how long it took, or TemporaryFailure(canary-lost). A timer runs it
every few minutes; the age of the last arrival is a metric (postroom/vitals.py), so that an alert
also sees a timer that no longer runs.

The mail says that it is automatic, so that nothing follows from it. Every canary before the last
one is deleted again, from the database and from its Maildir, unless something waits for it. Other
mail of the same author is nobody's to delete.
"""

import asyncio
import time
from collections.abc import Callable
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from sqlalchemy import select

from postroom.actions.submit import submit
from postroom.config import Config
from postroom.failure import PermanentFailure, TemporaryFailure
from postroom.store.canaries import are_canaries, new_message_id
from postroom.store.engine import Database
from postroom.store.schema import MESSAGE

from .deletion import delete_messages, unsettled
from .person import copies_of, remove_copies

_LOOK_EVERY_S = 0.2


def fly(
    config: Config, database: Database, now: datetime, sleep: Callable[[float], None] = time.sleep
) -> float:
    """Sends one canary and waits for it; the seconds it took until it was committed.

    Raises TemporaryFailure(canary-lost), what `submit` raises, and PermanentFailure(no-canary)
    where canary.mailbox is not set.
    """
    mailbox = config.canary.mailbox
    if mailbox is None:
        raise PermanentFailure(
            "no-canary", RuntimeError("set canary.mailbox to an address of ours")
        )
    message_id = new_message_id(config)
    asyncio.run(_send(config, mailbox, _letter(mailbox, message_id, now)))
    began = time.monotonic()
    while time.monotonic() - began < config.canary.deadline:
        number = _arrived(database, message_id)
        if number is not None:
            took = time.monotonic() - began
            _clear(config, database, number)
            return took
        sleep(_LOOK_EVERY_S)
    lost = RuntimeError(f"not in the database after {config.canary.deadline:.0f} s; see mailq")
    raise TemporaryFailure("canary-lost", lost)


def _letter(mailbox: str, message_id: str, now: datetime) -> bytes:
    letter = EmailMessage(policy=SMTP)
    letter["From"] = f"Postroom <{mailbox}>"
    letter["To"] = mailbox
    letter["Subject"] = "Canary"
    letter["Date"] = format_datetime(now)
    letter["Message-ID"] = message_id
    letter["Auto-Submitted"] = "auto-generated"  # RFC 3834 5: nobody answers it
    letter.set_content("This mail checks that mail arrives. It is deleted by itself.\n")
    return letter.as_bytes()


async def _send(config: Config, mailbox: str, letter: bytes) -> None:
    async def nothing_to_note() -> None:
        """A canary that is sent twice harms nobody."""

    await submit(
        config.reply.submit,
        hostname=config.service.hostname,
        sender=mailbox,
        recipient=mailbox,
        message=letter,
        before_data=nothing_to_note,
    )


def _arrived(database: Database, message_id: str) -> int | None:
    with database.reading() as connection:
        number: int | None = connection.scalar(
            select(MESSAGE.c.id).where(MESSAGE.c.message_id == message_id)
        )
    return number


def _clear(config: Config, database: Database, newest: int) -> None:
    with database.transaction() as connection:
        old = connection.scalars(
            select(MESSAGE.c.id).where(
                are_canaries(config), MESSAGE.c.id != newest, MESSAGE.c.id.not_in(unsettled())
            )
        ).all()
        copies = copies_of(config, connection, old)
        delete_messages(connection, old)
    remove_copies(config, copies)
