"""What a message is still recognised by when its content is gone: digests, never texts.

In: names that `keeping/retention.py` is about to empty. Out: whether one of them, or which messages
with one of them, were there. Three names: the author, the envelope's sender (so that an erasure
finds what is left of a person's messages) and the order that was taken (so that a reminder does not
order a second time). They go with the message's row.

Limits: SHA-256 without a key, as in erasures.jsonl: who has the database and guesses an address, or
an address with an order number, can see whether it was there. A key would have to be the same on
every host and for ever, and lie in every backup beside the database; were it another one once, an
order would be made twice without a word.
"""

import hashlib

from sqlalchemy import Connection, Select, insert, select, update

from postroom.codec import to_json
from postroom.envelope import Envelope

from .schema import EMPTIED, MESSAGE


def digest_of(name: str) -> str:
    """A name as it is remembered: it can be recognised, not read."""
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()


def remember(connection: Connection, number: int, *names: str) -> None:
    """Keeps what a message is recognised by, beside what was kept of it before; "" is no name."""
    digests = {digest_of(name) for name in names if name}
    kept = connection.scalars(select(EMPTIED.c.digest).where(EMPTIED.c.message == number))
    for digest in digests.difference(kept):
        connection.execute(insert(EMPTIED).values(message=number, digest=digest))


def with_name(name: str) -> Select[tuple[int]]:
    """Numbers of the emptied messages that had this name."""
    return select(EMPTIED.c.message).where(EMPTIED.c.digest == digest_of(name))


def is_known(connection: Connection, name: str) -> bool:
    """True when an emptied message had this name."""
    return connection.scalar(with_name(name).limit(1)) is not None


def fill_again(connection: Connection, number: int, raw: bytes, envelope: Envelope) -> None:
    """Gives a message its bytes back, for one who has never got them.

    Retention empties it again.
    """
    values = {"raw": raw, "size": len(raw), "envelope": to_json(envelope)}
    connection.execute(update(MESSAGE).where(MESSAGE.c.id == number).values(**values))
