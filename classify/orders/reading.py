"""What one source (a table, a document, a body) says about an order, before it is judged.

Made by every reader here, compared by pair.py when a mail has several, turned into an Order by
judge.py. Strength ranks sources: structured documents over tables over text.
"""

import datetime
from dataclasses import dataclass
from decimal import Decimal

from postroom.order import Buyer, Delivery, OrderKind, OrderLine


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One source's account of the order."""

    kind: OrderKind | None = None  # None: the source does not say
    lines: tuple[OrderLine, ...] = ()
    number: str = ""
    date: datetime.date | None = None
    currency: str = ""
    buyer: Buyer = Buyer()
    delivery: Delivery = Delivery()
    totals: tuple[Decimal, ...] = ()  # any of these may be the sum of the lines
    charges: Decimal = Decimal(0)  # freight and the like, which a total may hold besides the lines
    total: Decimal | None = None  # the figure that is the document's total
    due_date: datetime.date | None = None
    around: tuple[str, ...] = ()  # text that is no line: titles, parties, notes
    problems: tuple[str, ...] = ()
    strength: int = 0  # 3 structured, 2 table, 1 PDF text, 0 mail text
    source: str = ""  # file name, or "body"
