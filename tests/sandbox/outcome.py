"""What became of a mail, read from the real places, and how that differs from what was expected.

In: a running stack and the mails sent with their SMTP replies. Out: one `Outcome` per mail, from
the store (read only), the ERP's own listing, the customers' mail server and the Maildir; nothing
is asked of the code that acted.
"""

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from email import message_from_bytes
from email.policy import compat32
from pathlib import Path
from typing import Any

from . import world
from .mails import Mail
from .stack import Stack

ERP_KINDS = ("orders", "invoices", "tickets")


@dataclass(frozen=True, slots=True, kw_only=True)
class ErpRecord:
    """What the ERP has of a mail."""

    kind: str  # orders, invoices or tickets
    id: str
    body: dict[str, Any]

    @property
    def number(self) -> str:
        """The order's or invoice's own number."""
        return str(self.body.get("order_number") or self.body.get("invoice_number") or "")

    @property
    def customer(self) -> str:
        """The customer's name; an invoice has a seller instead."""
        party = self.body.get("customer") or self.body.get("seller") or {}
        return str(party.get("name") or "")

    @property
    def amount(self) -> str:
        """What an invoice asks for."""
        return str(self.body.get("amount") or "")

    @property
    def lines(self) -> tuple[tuple[str, str], ...]:
        """(sku, or description where there is none; quantity) of each line of an order."""
        if self.kind != "orders":
            return ()
        return tuple(
            (str(line.get("sku") or line.get("description") or ""), str(line.get("quantity")))
            for line in self.body.get("lines", [])
        )

    @property
    def attachments(self) -> tuple[str, ...]:
        """Names of the files on a ticket."""
        return tuple(str(file.get("filename")) for file in self.body.get("attachments", []))


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one mail."""

    mail: Mail
    smtp: str  # the reply to the end of data, or the first refusal
    message: int = 0  # our number; 0 when it was not stored
    stored: int = 0  # rows with its message id
    dmarc: str = ""  # DMARC result
    proven: str = ""  # the author's domain when DMARC, or aligned SPF or DKIM, proves it
    category: str = ""
    confidence: float = 0.0
    outcome: str = ""
    reasons: tuple[str, ...] = ()  # of the decision
    actions: tuple[tuple[str, str, str], ...] = ()  # (step, state, reason)
    erp: tuple[ErpRecord, ...] = ()
    replies: int = 0  # that reached the sender's mail server
    forwards: int = 0  # that reached the colleague
    folders: tuple[str, ...] = ()  # of the mailbox, one for each copy


def is_settled(stack: Stack) -> bool:
    """True when Postfix's queue is empty and every action has come to its end."""
    return not _open_actions(stack) and not stack.postfix.queue() and not _open_actions(stack)


def is_anything_leased(stack: Stack) -> bool:
    """True while a worker has claimed an action."""
    return _count(stack, "SELECT count(*) FROM action WHERE state = 'leased'") > 0


def attempts_cut_short(stack: Stack) -> int:
    """Attempts that ended otherwise than done."""
    return _count(stack, "SELECT count(*) FROM attempt WHERE outcome IS NOT 'done'")


def outcomes(stack: Stack, sent: list[tuple[Mail, str]]) -> list[Outcome]:
    """What became of each mail; `sent` holds (mail, SMTP reply)."""
    arrived = stack.sink.received()
    places = _Places(
        erp={kind: stack.erp.listing(kind) for kind in ERP_KINDS},
        replies=Counter(message.in_reply_to for message in arrived),
        forwards=Counter(
            message.message_id for message in arrived if world.PERSONNEL in message.recipients
        ),
        copies=list(_maildir_copies(stack.maildir)),
    )
    with _open(stack.database) as rows:
        return [_outcome(rows, places, mail, smtp) for mail, smtp in sent]


def differences(found: Outcome) -> list[str]:
    """Each way in which an outcome is not what its mail expects, as "what: expected, found"."""
    expected = found.mail.expected
    wrong = []

    def compare(what: str, wanted: object, is_there: object) -> None:
        if wanted != is_there:
            wrong.append(f"{what}: expected {wanted or 'none'}, found {is_there or 'none'}")

    if not found.smtp.startswith(expected.smtp):
        compare("SMTP", expected.smtp, found.smtp)
    if expected.same_as:
        compare("stored copies", 1, found.stored)
        # The rest is the first mail's, which is compared under its own name.
        return wrong
    compare("stored copies", 1 if expected.outcome else 0, found.stored)
    if not expected.outcome:
        return wrong
    compare("outcome", expected.outcome, found.outcome)
    compare("DMARC", expected.dmarc, found.dmarc)
    if expected.category:
        compare("category", expected.category, found.category)
    compare("in the ERP", [expected.erp] if expected.erp else [], [r.kind for r in found.erp])
    for record in found.erp:
        compare("customer", expected.customer, record.customer)
        compare("number", expected.number, record.number)
        compare("amount", expected.amount, record.amount)
        compare("lines", expected.lines, record.lines)
        compare("attachments", expected.attachments, record.attachments)
    compare("replies", int(expected.reply), found.replies)
    compare("forwards", int(expected.forward), found.forwards)
    if expected.folder:
        compare("folders", (expected.folder,), found.folders)
    failed = [action for action in found.actions if action[1] != "done"]
    compare("actions not done", [], failed)
    return wrong


@dataclass(frozen=True, slots=True, kw_only=True)
class _Places:
    """What lies at the far ends, fetched once."""

    erp: dict[str, list[dict[str, Any]]]  # kind -> records
    replies: Counter[str]  # message id answered -> how many answers arrived
    forwards: Counter[str]  # message id -> copies that reached the colleague
    copies: list[tuple[str, str]]  # (message id, folder)


def _outcome(rows: sqlite3.Connection, places: _Places, mail: Mail, smtp: str) -> Outcome:
    matches = rows.execute(
        "SELECT id, category, outcome, verdict, classification, decision FROM message"
        " WHERE message_id = ? ORDER BY id",
        (mail.message_id,),
    ).fetchall()
    folders = tuple(folder for message_id, folder in places.copies if message_id == mail.message_id)
    if not matches:
        return Outcome(mail=mail, smtp=smtp, folders=folders)
    number, category, outcome, verdict, classification, decision = matches[0]
    facts = json.loads(verdict)["dmarc"]
    actions = rows.execute(
        "SELECT step, state, reason FROM action WHERE message = ? ORDER BY id", (number,)
    ).fetchall()
    return Outcome(
        mail=mail,
        smtp=smtp,
        message=number,
        stored=len(matches),
        dmarc=facts["result"],
        proven=facts["domain"] if facts["aligned"] else "",
        category=category,
        confidence=json.loads(classification)["confidence"],
        outcome=outcome,
        reasons=tuple(json.loads(decision)["reasons"]),
        actions=tuple(actions),
        erp=tuple(_erp_records(places.erp, mail.message_id)),
        replies=places.replies[mail.message_id],
        forwards=places.forwards[mail.message_id],
        folders=folders,
    )


def _open_actions(stack: Stack) -> int:
    return _count(
        stack,
        "SELECT count(*) FROM action WHERE state NOT IN ('done', 'dead', 'dropped', 'held')",
    )


def _count(stack: Stack, query: str) -> int:
    with _open(stack.database) as rows:
        return int(rows.execute(query).fetchone()[0])


def _erp_records(records: dict[str, list[dict[str, Any]]], message_id: str) -> Iterator[ErpRecord]:
    for kind, listing in records.items():
        for record in listing:
            if record["source"]["message_id"] == message_id:
                yield ErpRecord(kind=kind, id=str(record["id"]), body=record)


def _maildir_copies(root: Path) -> Iterator[tuple[str, str]]:
    """(message id, folder) of every file in every Maildir below `root`."""
    for file in [*root.glob("**/new/*"), *root.glob("**/cur/*")]:
        message = message_from_bytes(file.read_bytes(), policy=compat32)
        folder = file.parent.parent.relative_to(root).parts[1:]
        yield str(message["Message-ID"]).strip(), "/".join(folder).lstrip(".") or "INBOX"


def _open(database: Path) -> closing[sqlite3.Connection]:
    return closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10))
