"""Lines of structured documents: exact by definition, yet checked like all others.

In: fields as an XML or EDIFACT reader found them. Out: an OrderLine with confidence 0.99, or less
where a needed field is missing or the line does not multiply. What a document's notes say is heard
like the words beside a table.
"""

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal

from postroom.order import OrderLine

from .audit import beside
from .lines import Draft, doubted, settle
from .phrases import CANCELS
from .units import code_of

_EXACT = 0.99
# UNCL 1001: purchase order, order, rush order, call-off. A blanket order, an offer, an answer and
# the like order nothing by themselves.
NEW_ORDERS = frozenset({"", "105", "220", "224", "226"})
_MOST_NOTE = 400  # letters of a note; what is longer are terms


def exact_line(
    *,
    number: int,
    source: str,
    sku: str = "",
    gtin: str = "",
    description: str = "",
    quantity: Decimal | None = None,
    unit: str = "",
    price: Decimal | None = None,
    total: Decimal | None = None,
    base: Decimal | None = None,
    base_unit: str = "",
    unit_code: str = "",
    discounted: bool = False,
) -> OrderLine:
    """One line of a structured document.

    `base` is the quantity the price is for, in `base_unit`; `discounted` says that allowances
    explain why the total is not quantity x price.
    """
    if price is not None and base and base != 1:
        price = price / base
    draft = Draft(
        sku=sku,
        gtin=gtin,
        description=description,
        quantity=() if quantity is None else (quantity,),
        unit=unit,
        price=() if price is None else (price,),
        total=() if total is None or discounted else (total,),
        confidence=_EXACT,
        source=source,
    )
    line = settle(draft, number)
    if price is not None and base_unit and unit and not _same_unit(base_unit, unit):
        line = _priced_otherwise(line)
    return replace(
        line,
        total=total,
        unit_code=unit_code or line.unit_code or code_of(unit) or _as_code(unit),
        unit_price=price if price is not None else line.unit_price,
    )


_PIECES = frozenset({"C62", "EA", "H87"})  # one, each, piece


def _same_unit(one: str, other: str) -> bool:
    codes = {code_of(one) or one.strip().upper(), code_of(other) or other.strip().upper()}
    return len(codes) == 1 or codes <= _PIECES


def _priced_otherwise(line: OrderLine) -> OrderLine:
    """A line whose price is for another unit than it orders, unless its total says otherwise."""
    if line.total is not None and "line-total-mismatch" not in line.problems:
        return line
    return doubted(line, "price-per-other-unit")


def deleted(line: OrderLine) -> OrderLine:
    """A line that its document marks as deleted: never sure."""
    return doubted(line, "line-deleted")


def said_in(notes: Iterable[str]) -> tuple[str, ...]:
    """The problems that a structured document's own notes raise; terms of business raise none."""
    said = "\n".join(note for note in notes if note and len(note) <= _MOST_NOTE)
    problems = list(beside(said))
    if CANCELS.search(said):
        problems.append("cancellation")
    return tuple(problems)


def _as_code(unit: str) -> str:
    """A Rec 20 code we have no word for is still a code."""
    return (
        unit if 2 <= len(unit) <= 3 and unit.isascii() and unit.isalnum() and unit.isupper() else ""
    )
