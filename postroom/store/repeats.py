"""Whether a message says again what another said that was acted on.

In: an author with an order, or with a Message-ID. Out: yes or no. Acted on means: it happened by
itself, or a person approved it. An order with a number is known by it for as long as there is a
row of its message (store/emptied.py keeps the name of one whose content is gone); an order without
one is known by its lines, as they were read or as a person corrected them, for SAME_LINES_DAYS.

Limits: an order without a number whose message was taken by an older Postroom is not known.
"""

from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, select

from postroom.decision import Outcome
from postroom.order import SAME_LINES_DAYS, Order, is_by_lines, order_key, order_mark, order_name

from . import emptied
from .messages import ReviewState, clean
from .schema import MESSAGE, REVIEW

_SAME_LINES_S = timedelta(days=SAME_LINES_DAYS).total_seconds()

_APPROVED = select(REVIEW.c.id).where(
    REVIEW.c.message == MESSAGE.c.id, REVIEW.c.state == ReviewState.APPROVED.value
)
_ACTED_ON = (
    select(MESSAGE.c.id)
    .where(
        MESSAGE.c.author == bindparam("author"),
        MESSAGE.c.digest != bindparam("besides"),
        (MESSAGE.c.outcome == Outcome.ACT.value) | _APPROVED.exists(),
    )
    .limit(1)
)
_OF_NUMBER = _ACTED_ON.where(MESSAGE.c.order_number == bindparam("order_number"))
_OF_LINES = _ACTED_ON.where(
    MESSAGE.c.order_number.in_(bindparam("marks", expanding=True)),
    MESSAGE.c.received_at.between(bindparam("begin"), bindparam("end")),
)
_OF_MESSAGE_ID = _ACTED_ON.where(MESSAGE.c.message_id == bindparam("message_id"))
_OWN_MARK = select(MESSAGE.c.order_number).where(MESSAGE.c.digest == bindparam("digest"))


def is_ordered(
    connection: Connection, author: str, order: Order, *, at: datetime, besides: str
) -> bool:
    """True when this author's order was taken already by another message.

    `at` and `besides` are the time and the digest of the message that asks.
    """
    if known_order(connection, author, order.number, besides=besides):
        return True
    own = connection.scalar(_OWN_MARK, {"digest": besides}) or ""
    marks = [mark for mark in {order_mark(order), own} if is_by_lines(mark)]
    if not author or not marks:
        return False
    asked = {
        "author": clean(author).lower(),
        "marks": marks,
        "begin": at.timestamp() - _SAME_LINES_S,
        "end": at.timestamp() + _SAME_LINES_S,
        "besides": besides,
    }
    return connection.scalar(_OF_LINES, asked) is not None


def known_order(
    connection: Connection, author: str, order_number: str, *, besides: str = ""
) -> bool:
    """True when this author's order of this number was already taken by another message.

    `besides` is the digest of the message that asks. Numbers are compared without case and white
    space.
    """
    wanted = order_key(order_number)
    if not author or not wanted:
        return False
    author, number = clean(author).lower(), clean(wanted)
    asked = {"author": author, "order_number": number, "besides": besides}
    if connection.scalar(_OF_NUMBER, asked) is not None:
        return True
    return emptied.is_known(connection, order_name(author, number))


def is_sent_again(connection: Connection, author: str, message_id: str, *, besides: str) -> bool:
    """True when another message of this author with this Message-ID was acted on.

    Nobody else's: a Message-ID alone may be anybody's, and what was acted on has a proven author.
    """
    if not author or not message_id:
        return False
    asked = {"author": clean(author).lower(), "message_id": clean(message_id), "besides": besides}
    return connection.scalar(_OF_MESSAGE_ID, asked) is not None
