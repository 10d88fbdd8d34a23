"""A product as an ERP's catalogue knows it, and the same of a customer.

In: what a connector (actions/erp) was told by its ERP. Out: values that say which of its records
is meant by a part number, so that an order's lines can be matched before it is sent.

Limits: one price and one unit per product, those it is sold at by default.
"""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """One thing that can be ordered."""

    id: str  # the ERP's own, as text
    sku: str  # our part number, as customers quote it
    gtin: str = ""  # GS1 number, digits only; empty when the ERP has none
    name: str = ""
    unit: str = ""  # the ERP's word for the unit it is sold in
    unit_id: str = ""  # the ERP's own id of that unit
    price: Decimal | None = None  # for one unit, without tax; None when the ERP names none
    currency: str = ""  # ISO 4217 of price, empty when the ERP does not say


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """One who orders, or who bills us."""

    id: str  # the ERP's own, as text
    name: str = ""
    number: str = ""  # customer number, as people quote it
