"""Lines of structured documents: exact by definition, yet checked like all others.

In: fields as an XML or EDIFACT reader found them. Out: an OrderLine with confidence 0.99, or less
where a needed field is missing or the line does not multiply.
"""

from dataclasses import replace
from decimal import Decimal

from postroom.order import OrderLine

from .lines import Draft, settle
from .units import code_of

_EXACT = 0.99
_DELETED = 0.6


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
    unit_code: str = "",
    discounted: bool = False,
) -> OrderLine:
    """One line of a structured document.

    `base` is the quantity the price is for; `discounted` says that allowances explain why the
    total is not quantity x price.
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
    return replace(
        line,
        total=total,
        unit_code=unit_code or line.unit_code or code_of(unit) or _as_code(unit),
        unit_price=price if price is not None else line.unit_price,
    )


def deleted(line: OrderLine) -> OrderLine:
    """A line that its document marks as deleted: never sure."""
    return replace(
        line,
        confidence=min(line.confidence, _DELETED),
        problems=(*line.problems, "line-deleted"),
    )


def _as_code(unit: str) -> str:
    """A Rec 20 code we have no word for is still a code."""
    return (
        unit if 2 <= len(unit) <= 3 and unit.isascii() and unit.isalnum() and unit.isupper() else ""
    )
