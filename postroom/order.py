"""What could be read of an order or invoice, and what could not.

Made by classify/orders/* from a message's text and attachments; read by classify/decide.py and
actions/plan.py. Numbers are Decimals (they travel as strings), dates are dates, the unit is kept
as written beside its code. Standards: UN/ECE Recommendation 20 (unit codes), ISO 4217.
"""

import datetime
import decimal
import hashlib
import json
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum

# For so many days an order without a number is known by its lines: longer than a mail is on its way
# (RFC 5321 4.5.4.1: four to five days) and than a weekend after which somebody asks again; shorter
# than a week, so that what is ordered every Monday is not held up.
SAME_LINES_DAYS = 5
_LONGEST_KEY = 200  # characters; PostgreSQL's index takes 2,704 octets of author and key
_BY_LINES = "lines "  # how a mark begins that is no number: those have no white space


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubtful:
    """A sentence beside the goods that may be an aside: one that leaves the order as it is."""

    text: str
    is_grave: bool  # it names goods, or a word of it may change the order


def order_key(number: str) -> str:
    """An order number as it is compared: upper case, without white space, its digest if endless."""
    key = "".join(number.split()).upper()
    if len(key) <= _LONGEST_KEY:
        return key
    digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest().upper()
    return key[: _LONGEST_KEY - len(digest)] + digest


def order_name(author: str, number: str) -> str:
    """What two messages with the same order of one author have in common; empty for no number."""
    key = order_key(number)
    return f"{author.lower()}\n{key}" if key else ""


def order_turn(author: str, order: Order) -> str:
    """What the orders have in common that are decided one after the other; empty for no order.

    Those without a number go one after the other however they differ: a person may correct them.
    """
    return order_name(author, order.number) or (f"{author.lower()}\n" if order.lines else "")


def order_mark(order: Order) -> str:
    """What an order has again when it is sent again: its number, or else a digest of its lines.

    The lines as the writer said them, in any order, with place and day of delivery. Empty for what
    is no order.
    """
    if order.kind is not OrderKind.ORDER:
        return ""
    if not order.lines or order_key(order.number):
        return order_key(order.number)
    where = (_squeezed(order.delivery.address), str(order.delivery.date or ""))
    said = json.dumps([where, *sorted(_asked(line) for line in order.lines)])
    return _BY_LINES + hashlib.sha256(said.encode()).hexdigest()


def is_by_lines(mark: str) -> bool:
    """Whether a mark is a digest of lines, and no number."""
    return mark.startswith(_BY_LINES)


def _asked(line: OrderLine) -> list[str]:
    """What a line asks for: equal where the same is written again."""
    exact = decimal.Context(prec=decimal.MAX_PREC, Emax=decimal.MAX_EMAX, Emin=decimal.MIN_EMIN)
    quantity = "" if line.quantity is None else str(line.quantity.normalize(exact))
    product = (line.sku, line.gtin, line.description, line.unit_code or line.unit)
    return [*map(_squeezed, product), quantity]


def _squeezed(text: str) -> str:
    return " ".join(text.casefold().split())
