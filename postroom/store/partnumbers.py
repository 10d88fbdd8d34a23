"""What customers call our products: their part number, or their words, and ours.

In: a customer (partcode.customer_of) and pairs from an order that a person confirmed or mended.
Out: the pairs of that customer. A later word replaces an earlier one; `times` counts how often
the same was said, so that a slip shows.

Durable when the caller's transaction commits.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select, update

from postroom.partcode import squeezed

from .schema import PART_NUMBER

_LONGEST = 200  # characters of a code; more is a text, not a name for something


def learn(
    connection: Connection,
    customer: str,
    pairs: Iterable[tuple[str, str]],
    *,
    who: str,
    now: datetime,
) -> None:
    """Remembers that `customer` means our part number (second) by a code or words (first)."""
    for said, sku in pairs:
        code = squeezed(said)
        if not customer or not code or not sku or len(code) > _LONGEST:
            continue
        row = (PART_NUMBER.c.customer == customer) & (PART_NUMBER.c.code == code)
        known = connection.execute(select(PART_NUMBER).where(row)).one_or_none()
        values = {"sku": sku, "said": said, "confirmed_at": now.timestamp(), "confirmed_by": who}
        if known is None:
            connection.execute(
                insert(PART_NUMBER).values(customer=customer, code=code, times=1, **values)
            )
        else:
            times = known.times + 1 if known.sku == sku else 1
            connection.execute(update(PART_NUMBER).where(row).values(times=times, **values))


def learnt(connection: Connection, customer: str) -> Mapping[str, str]:
    """Every code of that customer, squeezed -> our part number."""
    rows = connection.execute(
        select(PART_NUMBER.c.code, PART_NUMBER.c.sku).where(PART_NUMBER.c.customer == customer)
    )
    return {code: sku for code, sku in rows}


def forget(connection: Connection, customer: str, said: str) -> bool:
    """Forgets what a customer's code means; False when nothing was known of it."""
    row = (PART_NUMBER.c.customer == customer) & (PART_NUMBER.c.code == squeezed(said))
    return connection.execute(delete(PART_NUMBER).where(row)).rowcount > 0
