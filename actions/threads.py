"""Which ticket a message adds to: it answers the acknowledgement that we sent for that ticket.

In: the Message-IDs that a message names in References and In-Reply-To. Out: the ERP's id of the
ticket. Our Message-IDs carry the key of the reply's action (reply.py), which is looked up; whose
domain they name matters not, because nobody knows a key but who has seen the reply.

Limits: a number quoted in the text is not looked for; what does not answer our reply is new.
"""

import re
import uuid
from collections.abc import Iterable

from sqlalchemy import Connection, select

from postroom.decision import Step
from postroom.store.schema import ACTION

from .gates import MESSAGE_ID_MARK

_OURS = re.compile(rf"<([0-9a-f-]{{36}}){re.escape(MESSAGE_ID_MARK)}[^<>@]+>", re.IGNORECASE)
_MOST = 20  # of our Message-IDs that are looked up, the last ones


def ticket_followed(connection: Connection, references: Iterable[str]) -> str:
    """The ERP's id of the ticket whose acknowledgement was answered, the last named; or ""."""
    found = (match[1].lower() for one in references if (match := _OURS.fullmatch(one.strip())))
    for key in list(dict.fromkeys(found))[::-1][:_MOST]:
        if _is_key(key) and (ticket := _ticket_of(connection, key)):
            return ticket
    return ""


def _is_key(value: str) -> bool:
    try:
        return str(uuid.UUID(value)) == value
    except ValueError:
        return False


def _ticket_of(connection: Connection, reply: str) -> str:
    waited_for = select(ACTION.c.after).where(
        ACTION.c.key == reply, ACTION.c.step == Step.REPLY.value
    )
    ticket = select(ACTION.c.result).where(
        ACTION.c.key == waited_for.scalar_subquery(),
        ACTION.c.step == Step.TICKET_CREATE.value,
        ACTION.c.state == "done",
    )
    return connection.execute(ticket).scalar() or ""
