"""What a person says a message really is: category, order lines, customer. Pure.

In: a `Correction`, checked as it comes from the command line or the API, and the order that was
read. Out: the order as the person says it is. Lines are given whole, in the shape that
`postroom extract` answers with; what a person wrote is complete and sure.
"""

import datetime
import hashlib
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from .codec import to_json
from .failure import PermanentFailure
from .order import Buyer, Order, OrderKind, OrderLine

SOURCE = "person"  # of a line that a person wrote
_MOST_LINES = 10_000
_MOST_DIGITS = 30

Line = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=998, pattern=r"^[^\x00-\x1f\x7f]*$")
]
Number = Annotated[Decimal, Field(max_digits=_MOST_DIGITS, allow_inf_nan=False)]


class Given(BaseModel):
    """Something a person wrote: unknown keys are mistakes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class CorrectedLine(Given):
    """One order line as it should be."""

    sku: Line = ""
    gtin: Line = ""
    description: Line = ""
    quantity: Annotated[Number, Field(gt=0)]
    unit: Line = ""
    unit_code: Line = ""
    unit_price: Annotated[Number, Field(ge=0)] | None = None


class CorrectedCustomer(Given):
    """The customer as it should be; what is left out stays."""

    name: Line | None = None
    email: Line | None = None
    tax_id: Line | None = None


class Correction(Given):
    """What was wrong; at least one thing."""

    category: Line | None = None
    number: Line | None = None  # the customer's order number
    date: datetime.date | None = None
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")] | None = None
    lines: (
        Annotated[tuple[CorrectedLine, ...], Field(min_length=1, max_length=_MOST_LINES)] | None
    ) = None
    customer: CorrectedCustomer | None = None

    @property
    def of_order(self) -> bool:
        """Whether it says anything about the order."""
        return any(
            given is not None
            for given in (self.number, self.date, self.currency, self.lines, self.customer)
        )


def correction_of(given: Mapping[str, Any]) -> Correction:
    """The correction in a JSON object.

    Raises PermanentFailure(bad-correction) that names every wrong field.
    """
    try:
        correction = Correction.model_validate(dict(given))
    except ValidationError as error:
        said = "; ".join(
            f"{'.'.join(str(part) for part in one['loc'])}: {one['msg']}" for one in error.errors()
        )
        raise PermanentFailure("bad-correction", ValueError(said)) from error
    for place, line in enumerate(correction.lines or (), start=1):
        if not (line.sku or line.gtin or line.description):
            said = f"lines.{place - 1}: needs a sku, a gtin or a description"
            raise PermanentFailure("bad-correction", ValueError(said))
    if correction.category is None and not correction.of_order:
        raise PermanentFailure("bad-correction", ValueError("nothing is corrected"))
    return correction


def corrected(order: Order, correction: Correction) -> Order:
    """The order as the person says it is."""
    if not correction.of_order:
        return order
    changed = replace(
        order,
        number=order.number if correction.number is None else correction.number,
        date=correction.date or order.date,
        currency=correction.currency or order.currency,
        buyer=_buyer(order.buyer, correction.customer),
    )
    if correction.lines is None:
        return changed
    lines = tuple(_line(place, line) for place, line in enumerate(correction.lines, start=1))
    totals = [line.total for line in lines if line.total is not None]
    return replace(
        changed,
        kind=OrderKind.ORDER if order.kind is OrderKind.NONE else order.kind,
        lines=lines,
        total=sum(totals, Decimal(0)) if len(totals) == len(lines) else None,
        problems=(),
        complete=True,
    )


def told_of(correction: Correction, before: Order, after: Order) -> dict[str, Any]:
    """What the audit log keeps of a correction: names of what was given, digests of the orders.

    No values: rows of that log outlive the message and whoever is erased.
    """
    given = correction.model_dump(exclude_none=True)
    customer = [f"customer.{name}" for name in given.pop("customer", {})]
    digests = {"order_before": _digest(before), "order_after": _digest(after)}
    return {"changed": [*given, *customer]} | (digests if correction.of_order else {})


def said_and_meant(before: Order, after: Order) -> list[tuple[str, str]]:
    """What the customer called a product, and our part number for it, where a person said so.

    Lines are taken by their place, so only where there are as many as before. Before a correction
    `after` is the same order: then the catalogue's finds are what the person agreed with.
    """
    if len(before.lines) != len(after.lines):
        return []
    pairs = []
    for written, line in zip(before.lines, after.lines, strict=True):
        meant = line.product or (line.sku if line.source == SOURCE else "")
        if meant:
            pairs += [(said, meant) for said in (written.sku, written.description) if said]
    return pairs


def _digest(order: Order) -> str:
    return hashlib.sha256(to_json(order).encode()).hexdigest()


def _line(place: int, line: CorrectedLine) -> OrderLine:
    price = line.unit_price
    return OrderLine(
        line=place,
        sku=line.sku,
        gtin=line.gtin,
        description=line.description,
        quantity=line.quantity,
        unit=line.unit,
        unit_code=line.unit_code,
        unit_price=price,
        total=None if price is None else price * line.quantity,
        confidence=1.0,
        source=SOURCE,
    )


def _buyer(buyer: Buyer, customer: CorrectedCustomer | None) -> Buyer:
    if customer is None:
        return buyer
    return Buyer(
        name=buyer.name if customer.name is None else customer.name,
        email=buyer.email if customer.email is None else customer.email,
        tax_id=buyer.tax_id if customer.tax_id is None else customer.tax_id,
    )
