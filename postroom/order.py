"""What could be read of an order or invoice, and what could not.

Made by classify/orders/* from a message's text and attachments; read by classify/decide.py and
actions/plan.py. Numbers are Decimals (they travel as strings), dates are dates, the unit is kept
as written beside its code. Standards: UN/ECE Recommendation 20 (unit codes), ISO 4217.
"""

import datetime
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum


class OrderKind(Enum):
    """What the document is."""

    ORDER = "order"
    ORDER_CHANGE = "order_change"  # changes or cancels an earlier order
    INVOICE = "invoice"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Buyer:
    """Who orders (for an invoice: who bills)."""

    name: str = ""
    email: str = ""
    tax_id: str = ""  # ИНН, VAT id; checked, else empty and a problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """Where and when."""

    address: str = ""
    date: datetime.date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One of our products that a line may mean."""

    sku: str  # our part number
    name: str = ""
    score: float = 0.0  # 0..1, how surely
    by: str = ""  # what speaks for it: customer, gtin, sku, description


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderLine:
    """One line; a field that could not be read is empty or None and named in problems."""

    line: int  # 1-based, in the order of the document
    sku: str = ""
    gtin: str = ""
    description: str = ""
    quantity: Decimal | None = None
    unit: str = ""  # as written: "шт", "pcs"
    unit_code: str = ""  # UN/ECE Rec 20: "H87"; empty when unknown
    unit_price: Decimal | None = None
    total: Decimal | None = None
    confidence: float = 0.0  # 0..1 that every field of the line is right
    problems: tuple[str, ...] = ()
    source: str = ""  # where it stands: "body:12", "zayavka.xlsx:Лист1!A5"
    product: str = ""  # our part number where the catalogue knows it; else empty
    candidates: tuple[Candidate, ...] = ()  # where it does not: what may be meant, likeliest first


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One order, order change or invoice."""

    kind: OrderKind = OrderKind.NONE
    number: str = ""
    date: datetime.date | None = None
    currency: str = ""  # ISO 4217, empty when not said
    buyer: Buyer = Buyer()
    delivery: Delivery = Delivery()
    lines: tuple[OrderLine, ...] = ()
    total: Decimal | None = None
    due_date: datetime.date | None = None  # invoices
    problems: tuple[str, ...] = ()
    complete: bool = False  # every line sure: safe to send to the ERP without a person


def order_key(number: str) -> str:
    """An order number as it is compared: upper case, without white space."""
    return "".join(number.split()).upper()


def order_name(author: str, number: str) -> str:
    """What two messages with the same order of one author have in common; empty for no number."""
    key = order_key(number)
    return f"{author.lower()}\n{key}" if key else ""
