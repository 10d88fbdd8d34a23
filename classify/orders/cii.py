"""UN/CEFACT Cross Industry: invoices (Factur-X, ZUGFeRD, XRechnung) and orders (Order-X).

In: the root element. Out: a `Reading` of strength 3. Standards: CII D16B, its ZUGFeRD 1
forerunner, SCRDM CIO (Order-X 1.0).

Limits: sub-lines of EXTENDED are taken like lines.
"""

from decimal import Decimal

from lxml import etree

from postroom.order import Buyer, Delivery, OrderKind, OrderLine

from .lines import checked_gtin
from .nodes import attribute, child, children, day, local, number, text
from .reading import Reading
from .structured import NEW_ORDERS, exact_line

_INVOICES = ("CrossIndustryInvoice", "CrossIndustryDocument")
_CHANGE_CODE = "230"  # UNTDID 1001: purchase order change request
_TOTALS = ("LineTotalAmount", "TaxBasisTotalAmount", "GrandTotalAmount", "DuePayableAmount")


def read_cii(root: etree._Element, filename: str) -> Reading:
    """The order or invoice in a CII document."""
    invoice = local(root) in _INVOICES
    document = _first(root, "ExchangedDocument", "HeaderExchangedDocument")
    trade = _first(root, "SupplyChainTradeTransaction", "SpecifiedSupplyChainTradeTransaction")
    agreement = _first(
        trade, "ApplicableHeaderTradeAgreement", "ApplicableSupplyChainTradeAgreement"
    )
    settlement = _first(
        trade, "ApplicableHeaderTradeSettlement", "ApplicableSupplyChainTradeSettlement"
    )
    delivery = _first(trade, "ApplicableHeaderTradeDelivery", "ApplicableSupplyChainTradeDelivery")
    change = text(document, "TypeCode") == _CHANGE_CODE or bool(
        text(document, "PurposeCode") in ("4", "1")
    )
    kind = OrderKind.INVOICE if invoice else OrderKind.ORDER_CHANGE if change else OrderKind.ORDER
    problem = "change" if kind is OrderKind.ORDER_CHANGE else ""
    if kind is OrderKind.ORDER and text(document, "TypeCode") not in NEW_ORDERS:
        problem = "function-unknown"
    summation = _first(
        settlement,
        "SpecifiedTradeSettlementHeaderMonetarySummation",
        "SpecifiedTradeSettlementMonetarySummation",
    )
    return Reading(
        kind=kind,
        lines=_lines(trade, filename),
        number=text(document, "ID"),
        date=day(text(document, "IssueDateTime/DateTimeString")),
        currency=text(settlement, "InvoiceCurrencyCode", "OrderCurrencyCode"),
        buyer=_party(child(agreement, "SellerTradeParty" if invoice else "BuyerTradeParty")),
        delivery=_delivery(delivery),
        totals=tuple(
            value for name in _TOTALS if (value := number(text(summation, name))) is not None
        ),
        total=number(text(summation, "DuePayableAmount", "GrandTotalAmount")) if invoice else None,
        due_date=day(text(settlement, "SpecifiedTradePaymentTerms/DueDateDateTime/DateTimeString")),
        problems=(problem,) if problem else (),
        strength=3,
        source=filename,
    )


def _first(element: etree._Element | None, *names: str) -> etree._Element | None:
    return next((found for name in names if (found := child(element, name)) is not None), None)


def _lines(trade: etree._Element | None, filename: str) -> tuple[OrderLine, ...]:
    lines: list[OrderLine] = []
    for item in children(trade, "IncludedSupplyChainTradeLineItem"):
        line = _line(item, len(lines) + 1, filename)
        if line is not None:
            lines.append(line)
    return tuple(lines)


def _line(item: etree._Element, place: int, filename: str) -> OrderLine | None:
    product = child(item, "SpecifiedTradeProduct")
    agreement = _first(item, "SpecifiedLineTradeAgreement", "SpecifiedSupplyChainTradeAgreement")
    delivery = _first(item, "SpecifiedLineTradeDelivery", "SpecifiedSupplyChainTradeDelivery")
    settlement = _first(item, "SpecifiedLineTradeSettlement", "SpecifiedSupplyChainTradeSettlement")
    quantity = _first(delivery, "RequestedQuantity", "BilledQuantity", "AgreedQuantity")
    if product is None and quantity is None:
        return None  # ZUGFeRD 1 writes notes as lines of their own
    net = _first(agreement, "NetPriceProductTradePrice", "GrossPriceProductTradePrice")
    identity = text(product, "GlobalID")
    gtin, _ = checked_gtin(identity)
    return exact_line(
        number=place,
        source=f"{filename}:line {text(item, 'AssociatedDocumentLineDocument/LineID') or place}",
        sku=text(product, "SellerAssignedID", "ID") or ("" if gtin else identity),
        gtin=gtin,
        description=text(product, "Name", "Description"),
        quantity=number(quantity.text or "") if quantity is not None else None,
        unit=attribute(quantity, "unitCode"),
        price=number(text(net, "ChargeAmount")),
        base=_base(net),
        base_unit=attribute(child(net, "BasisQuantity"), "unitCode"),
        total=_total(settlement),
        discounted=_first(settlement, "SpecifiedTradeAllowanceCharge") is not None,
    )


def _base(price: etree._Element | None) -> Decimal | None:
    return number(text(price, "BasisQuantity"))


def _total(settlement: etree._Element | None) -> Decimal | None:
    summation = _first(
        settlement,
        "SpecifiedTradeSettlementLineMonetarySummation",
        "SpecifiedTradeSettlementMonetarySummation",
    )
    return number(text(summation, "LineTotalAmount"))


def _party(party: etree._Element | None) -> Buyer:
    return Buyer(
        name=text(party, "Name"),
        email=text(
            party,
            "DefinedTradeContact/EmailURIUniversalCommunication/URIID",
            "URIUniversalCommunication/URIID",
        ),
        tax_id=text(party, "SpecifiedTaxRegistration/ID"),
    )


def _delivery(delivery: etree._Element | None) -> Delivery:
    address = child(delivery, "ShipToTradeParty/PostalTradeAddress")
    parts = [
        text(address, name)
        for name in ("LineOne", "LineTwo", "PostcodeCode", "CityName", "CountryID")
    ]
    return Delivery(
        address=", ".join(part for part in parts if part),
        date=day(
            text(
                delivery,
                "RequestedDeliverySupplyChainEvent/OccurrenceDateTime/DateTimeString",
                "RequestedDeliverySupplyChainEvent/OccurrenceSpecifiedPeriod/EndDateTime/DateTimeString",
                "ActualDeliverySupplyChainEvent/OccurrenceDateTime/DateTimeString",
            )
        ),
    )
