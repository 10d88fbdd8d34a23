"""UBL 2.x / Peppol BIS: Order, OrderChange, OrderCancellation, Invoice, CreditNote.

In: the root element. Out: a `Reading` of strength 3. Standards: OASIS UBL 2.1 (Order-2,
OrderChange-2, OrderCancellation-2, Invoice-2), Peppol BIS Ordering 3 and Advanced Ordering 3.

Limits: allowances and charges of the document are not lines; they only explain a total.
"""

from lxml import etree

from postroom.order import Buyer, Delivery, OrderKind, OrderLine

from .lines import checked_gtin
from .nodes import attribute, child, children, day, local, number, text, whole_text
from .reading import Reading
from .structured import NEW_ORDERS, deleted, exact_line

_KINDS = {
    "Order": OrderKind.ORDER,
    "OrderChange": OrderKind.ORDER_CHANGE,
    "OrderCancellation": OrderKind.ORDER_CHANGE,
    "Invoice": OrderKind.INVOICE,
    "CreditNote": OrderKind.INVOICE,
}
_QUANTITIES = ("Quantity", "InvoicedQuantity", "CreditedQuantity")
# UNCL 1229 and UBL's own words: the line is not, or not surely, ordered.
_DELETED = frozenset({"2", "7", "deleted", "cancelled", "canceled", "disputed"})


def read_ubl(root: etree._Element, filename: str) -> Reading:
    """The order in a UBL document."""
    name = local(root)
    kind = _KINDS[name]
    problems: list[str] = []
    if name == "OrderCancellation":
        problems.append("cancellation")
    if kind is OrderKind.ORDER_CHANGE and name == "OrderChange":
        problems.append("change")
    if kind is OrderKind.ORDER:
        problems += _doubts(root)
    lines: list[OrderLine] = []
    for place, item in enumerate(_line_elements(root), start=1):
        lines.append(_line(item, place, filename))
    total = _total(root)
    return Reading(
        kind=kind,
        lines=tuple(lines),
        number=text(root, "OrderReference/ID" if kind is OrderKind.ORDER_CHANGE else "ID", "ID"),
        date=day(text(root, "IssueDate")),
        currency=text(root, "DocumentCurrencyCode", "PricingCurrencyCode") or _currency(root),
        buyer=_party(
            root, "AccountingSupplierParty" if kind is OrderKind.INVOICE else "BuyerCustomerParty"
        ),
        delivery=_delivery(root),
        total=number(text(root, "LegalMonetaryTotal/PayableAmount"))
        if kind is OrderKind.INVOICE
        else None,
        totals=total,
        due_date=day(text(root, "DueDate", "PaymentMeans/PaymentDueDate")),
        problems=tuple(problems),
        strength=3,
        source=filename,
    )


def _doubts(root: etree._Element) -> list[str]:
    """Why an order is none, is none by itself, or is for several places."""
    problems: list[str] = []
    if text(root, "CopyIndicator").lower() in ("true", "1"):
        problems.append("order-repeated")
    named = text(root, "OrderTypeCode")
    if named.isdecimal() and named not in NEW_ORDERS:
        problems.append("function-unknown")
    places = map(whole_text, children(root, "OrderLine/LineItem/Delivery/DeliveryLocation"))
    if len(set(places)) > 1:
        problems.append("places-differ")
    return problems


def _line_elements(root: etree._Element) -> list[etree._Element]:
    wrapped = list(children(root, "OrderLine/LineItem"))
    return wrapped or [*children(root, "InvoiceLine"), *children(root, "CreditNoteLine")]


def _line(item: etree._Element, place: int, filename: str) -> OrderLine:
    quantity = next(
        (found for name in _QUANTITIES if (found := child(item, name)) is not None), None
    )
    product = child(item, "Item")
    standard = text(product, "StandardItemIdentification/ID")
    gtin, _ = checked_gtin(standard)
    sku = text(product, "SellersItemIdentification/ID")
    line = exact_line(
        number=place,
        source=f"{filename}:line {text(item, 'ID') or place}",
        sku=sku or ("" if gtin else standard),
        gtin=gtin,
        description=text(product, "Name", "Description") or text(item, "Note"),
        quantity=number(text(quantity, ".")) if quantity is None else number(quantity.text or ""),
        unit=attribute(quantity, "unitCode"),
        price=number(text(item, "Price/PriceAmount")),
        base=number(text(item, "Price/BaseQuantity")),
        base_unit=attribute(child(item, "Price/BaseQuantity"), "unitCode"),
        total=number(text(item, "LineExtensionAmount")),
        discounted=child(item, "AllowanceCharge") is not None,
    )
    return deleted(line) if text(item, "LineStatusCode").lower() in _DELETED else line


def _party(root: etree._Element, wrapper: str) -> Buyer:
    party = child(root, f"{wrapper}/Party")
    return Buyer(
        name=text(party, "PartyName/Name", "PartyLegalEntity/RegistrationName"),
        email=text(party, "Contact/ElectronicMail"),
        tax_id=text(party, "PartyTaxScheme/CompanyID", "PartyLegalEntity/CompanyID"),
    )


def _delivery(root: etree._Element) -> Delivery:
    delivery = child(root, "Delivery")
    address = child(delivery, "DeliveryLocation/Address")
    if address is None:
        address = child(delivery, "DeliveryAddress")
    parts = [
        text(address, name)
        for name in (
            "StreetName",
            "AdditionalStreetName",
            "PostalZone",
            "CityName",
            "Country/IdentificationCode",
        )
    ]
    return Delivery(
        address=", ".join(part for part in parts if part),
        date=day(
            text(
                delivery,
                "RequestedDeliveryPeriod/EndDate",
                "RequestedDeliveryPeriod/StartDate",
                "ActualDeliveryDate",
            )
        ),
    )


def _total(root: etree._Element) -> tuple:  # type: ignore[type-arg]
    found = []
    for wrapper in ("AnticipatedMonetaryTotal", "LegalMonetaryTotal"):
        for name in ("LineExtensionAmount", "PayableAmount"):
            value = number(text(root, f"{wrapper}/{name}"))
            if value is not None:
                found.append(value)
    return tuple(found)


def _currency(root: etree._Element) -> str:
    for item in _line_elements(root):
        for path in ("LineExtensionAmount", "Price/PriceAmount"):
            found = attribute(child(item, path), "currencyID")
            if found:
                return found
    return ""
