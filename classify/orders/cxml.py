"""cXML OrderRequest, what procurement systems (Ariba, Coupa, Jaggaer) send.

In: the root element cXML. Out: a `Reading` of strength 3. Standard: cXML 1.2 OrderRequest; the type
attribute of its header tells new, update and delete.

Limits: only OrderRequest is an order; other requests give an empty reading.
"""

from lxml import etree

from postroom.order import Buyer, Delivery, OrderKind, OrderLine

from .nodes import attribute, child, children, day, number, text
from .reading import Reading
from .structured import exact_line


def read_cxml(root: etree._Element, filename: str) -> Reading:
    """The order in a cXML document."""
    request = child(root, "Request/OrderRequest")
    if request is None:
        return Reading(
            kind=OrderKind.NONE, problems=("no-order-document",), strength=3, source=filename
        )
    header = child(request, "OrderRequestHeader")
    problems: tuple[str, ...] = ()
    kind = OrderKind.ORDER
    match attribute(header, "type"):
        case "update":
            kind, problems = OrderKind.ORDER_CHANGE, ("change",)
        case "delete":
            kind, problems = OrderKind.ORDER_CHANGE, ("cancellation",)
    money = child(header, "Total/Money")
    total = number((money.text or "") if money is not None else "")
    address = child(header, "ShipTo/Address/PostalAddress")
    parts = [
        text(address, name) for name in ("DeliverTo", "Street", "PostalCode", "City", "Country")
    ]
    return Reading(
        kind=kind,
        lines=tuple(
            _line(item, place, filename)
            for place, item in enumerate(children(request, "ItemOut"), start=1)
        ),
        number=attribute(header, "orderID"),
        date=day(attribute(header, "orderDate")),
        currency=attribute(money, "currency"),
        buyer=Buyer(
            name=text(header, "BillTo/Address/Name"),
            email=text(header, "Contact/Email", "BillTo/Address/Email"),
        ),
        delivery=Delivery(address=", ".join(part for part in parts if part)),
        totals=() if total is None else (total,),
        problems=problems,
        strength=3,
        source=filename,
    )


def _line(item: etree._Element, place: int, filename: str) -> OrderLine:
    detail = child(item, "ItemDetail")
    return exact_line(
        number=place,
        source=f"{filename}:line {attribute(item, 'lineNumber') or place}",
        sku=text(item, "ItemID/SupplierPartID"),
        description=text(detail, "Description"),
        quantity=number(attribute(item, "quantity")),
        unit=text(detail, "UnitOfMeasure"),
        price=number(text(detail, "UnitPrice/Money")),
        base=number(attribute(child(detail, "PriceBasisQuantity"), "quantity")),
        base_unit=text(detail, "PriceBasisQuantity/UnitOfMeasure"),
    )
