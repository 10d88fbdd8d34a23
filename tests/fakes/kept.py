"""A store with mail in it: what keeping (backup, retention, erasure) is tried on."""

import json
from datetime import UTC, datetime, timedelta

from sqlalchemy import update

from postroom.actions import outbox
from postroom.classification import Classification
from postroom.config import Config
from postroom.decision import Action, Decision, Outcome, Step
from postroom.envelope import Envelope
from postroom.lmtp.maildir import store
from postroom.order import Order
from postroom.reading.names import mailbox_of
from postroom.store import messages
from postroom.store.engine import Database
from postroom.store.messages import NewMessage
from postroom.store.schema import ACTION
from postroom.verdict import Verdict

NOW = datetime(2026, 11, 5, 9, 30, tzinfo=UTC)
MAILBOX = "info@firma.test"


def taken(
    config: Config,
    database: Database,
    author: str,
    *,
    days_ago: float = 0,
    sender: str = "",
    outcome: Outcome = Outcome.DELIVER,
    done: bool = True,
    reply: str = "",
    message_id: str = "",
    recipient: str = MAILBOX,
) -> int:
    """A message as LMTP would store it, delivered to a Maildir; its number.

    `done` False leaves its delivery to be done; `reply` plans a reply in that state.
    """
    at = NOW - timedelta(days=days_ago)
    digest = f"{author}{days_ago}{sender}{outcome}{done}{reply}{message_id}"
    new = NewMessage(
        digest=digest,
        received_at=at,
        raw=f"From: {author}\r\n\r\nA secret of {author}\r\n".encode(),
        message_id=message_id or f"<{digest}@sender.test>",
        author=author,
        subject="A secret",
        envelope=Envelope(sender=sender or author, recipients=(recipient,)),
        verdict=Verdict(author=author),
        classification=Classification(category="support", reasons=(f"from {author}",)),
        order=Order(),
        decision=Decision(outcome=outcome, category="support"),
    )
    deliver = Action(
        key=f"deliver-{abs(hash(digest)) % 10**9}",
        step=Step.DELIVER,
        body=json.dumps({"recipient": recipient, "folder": "INBOX", "category": "support"}),
    )
    answer = Action(key=f"reply-{abs(hash(digest)) % 10**9}", step=Step.REPLY, body="{}")
    with database.transaction() as connection:
        number = messages.take(connection, new, [recipient], who="lmtp").id
        outbox.put(connection, number, [deliver, *([answer] if reply else [])], at, "lmtp")
    if done:
        mailbox = mailbox_of(recipient)
        store(config.maildir_root, mailbox, "INBOX", deliver.key, new.raw, repeated=False)
        _finish(database, deliver.key, at)
    return number


def _finish(database: Database, key: str, at: datetime) -> None:
    with database.transaction() as connection:
        claim = {"state": "leased", "lease_until": at.timestamp(), "lease_owner": "w"}
        done = {"state": "done", "lease_until": None, "finished_at": at.timestamp()}
        for change in (claim, done):
            connection.execute(update(ACTION).where(ACTION.c.key == key).values(**change))
