"""UN/EDIFACT ORDERS, ORDCHG and INVOIC -> order lines.

In: octets beginning with UNA or UNB. Out: a `Reading` of strength 3. Standards: UN/EDIFACT syntax
3 and 4, ORDERS D.96A and D.01B with the EANCOM subset: LIN, PIA, IMD, QTY 21/47, PRI, MOA
203/79/86, NAD BY, DTM, RFF, CUX, LOC 7, FTX.

Limits: only the first message of an interchange is read, a second is a problem; 20 000 segments.
"""

import datetime
from dataclasses import dataclass, field
from decimal import Decimal

from postroom.order import Buyer, Delivery, OrderKind, OrderLine

from .edifact_syntax import Elements, segments
from .hostile import Unreadable, check_size
from .lines import checked_gtin
from .nodes import number
from .reading import Reading
from .structured import NEW_ORDERS, deleted, exact_line, said_in

_KINDS = {"ORDERS": OrderKind.ORDER, "ORDCHG": OrderKind.ORDER_CHANGE, "INVOIC": OrderKind.INVOICE}
_CHARSETS = {
    "UNOA": "ascii",
    "UNOB": "ascii",
    "UNOC": "latin-1",
    "UNOD": "iso8859-2",
    "UNOE": "iso8859-5",
    "UNOF": "iso8859-7",
    "UNOY": "utf-8",
}
_ORDERED = ("21", "47", "1")  # QTY: ordered, invoiced, discrete
_AGAIN = ("7", "31", "35")  # BGM 1225: duplicate, copy, retransmission; 9 is the original
_TERMS = ("AAB", "PMT", "REG", "TXD")  # FTX 4451: terms of business, full of conditions
_MOST_SEGMENTS = 20_000
_UNITS = {"PCE": "H87", "PCS": "H87", "EA": "EA", "CT": "XCT", "BX": "XBX", "PK": "NMP"}


@dataclass(slots=True)
class _Item:
    """One LIN group while it is collected."""

    number: str
    gtin: str = ""
    sku: str = ""
    buyer_sku: str = ""
    descriptions: list[str] = field(default_factory=list)
    quantity: Decimal | None = None
    unit: str = ""
    price: Decimal | None = None
    base: Decimal | None = None
    base_unit: str = ""
    total: Decimal | None = None
    deleted: bool = False


@dataclass(slots=True)
class _Message:
    """The message while it is walked through."""

    kind: OrderKind | None = None
    name: str = ""  # BGM 1001: what the document is
    function: str = ""
    number: str = ""
    reference: str = ""
    date: datetime.date | None = None
    delivery_date: datetime.date | None = None
    currency: str = ""
    parties: dict[str, tuple[str, str]] = field(default_factory=dict)  # BY -> (name, address)
    party: str = ""
    buyer_tax: str = ""
    email: str = ""
    items: list[_Item] = field(default_factory=list)
    totals: list[Decimal] = field(default_factory=list)
    places: set[str] = field(default_factory=set)  # where the lines are to go
    notes: list[str] = field(default_factory=list)
    in_summary: bool = False
    ended: bool = False
    several: bool = False  # another message follows


def read_edifact(filename: str, content: bytes) -> Reading:
    """The first order or invoice of an interchange. Raises Unreadable when there is none."""
    check_size(content)
    message = _Message()
    for place, (tag, elements) in enumerate(segments(_decoded(content))):
        if place > _MOST_SEGMENTS:
            raise Unreadable("too-large")
        if message.ended and tag == "UNH":
            message.several = True
            break
        if not message.ended:
            _take(message, tag, elements)
    if message.kind is None:
        raise Unreadable("unknown-format")
    return _reading(message, filename)


def _decoded(content: bytes) -> str:
    head = content[:400].decode("latin-1")
    charset = next((name for code, name in _CHARSETS.items() if code in head), "utf-8")
    if charset == "ascii":
        charset = "utf-8"
    try:
        return content.decode(charset)
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _part(elements: Elements, element: int, component: int = 0) -> str:
    """One component; empty when the segment is shorter."""
    if element < len(elements) and component < len(elements[element]):
        return elements[element][component]
    return ""


def _take(message: _Message, tag: str, elements: Elements) -> None:
    if tag == "UNH" and message.kind is None:
        message.kind = _KINDS.get(_part(elements, 1))
        return
    if message.kind is None:
        return
    if tag in ("UNT", "UNZ"):
        message.ended = True
    elif tag == "UNS":
        message.in_summary = True
    elif tag == "FTX":
        if _part(elements, 0) not in _TERMS:
            message.notes.append(" ".join(_of(elements, 3)))
    elif tag == "LIN":
        _begin_line(message, elements)
    elif message.items and not message.in_summary:
        if tag == "LOC" and _part(elements, 0) == "7":
            message.places.add(_part(elements, 1))
        _take_in_line(message.items[-1], tag, elements)
    else:
        _take_in_header(message, tag, elements)


def _begin_line(message: _Message, elements: Elements) -> None:
    item = _Item(number=_part(elements, 0), gtin=_part(elements, 2))
    item.deleted = _part(elements, 1) == "2"
    message.items.append(item)


def _take_in_line(item: _Item, tag: str, elements: Elements) -> None:
    match tag:
        case "PIA":
            for place in range(1, len(elements)):
                code, kind = _part(elements, place), _part(elements, place, 1)
                if kind in ("SA", "MF", "VP", "SN") and not item.sku:
                    item.sku = code
                elif kind in ("SRV", "EN", "UP") and not item.gtin:
                    item.gtin = code
                elif kind in ("IN", "BP") and not item.buyer_sku:
                    item.buyer_sku = code
        case "IMD":
            said = " ".join(part for part in (_part(elements, 2, 3), _part(elements, 2, 4)) if part)
            if said and _part(elements, 0) != "C":
                item.descriptions.append(said)
        case "QTY" if _part(elements, 0) in _ORDERED and item.quantity is None:
            item.quantity, item.unit = number(_part(elements, 0, 1)), _part(elements, 0, 2)
        case "PRI" if item.price is None or _part(elements, 0) == "AAA":
            item.price = number(_part(elements, 0, 1))
            item.base = number(_part(elements, 0, 4))
            item.base_unit = _part(elements, 0, 5)
            item.unit = item.unit or item.base_unit
        case "MOA" if _part(elements, 0) in ("203", "66", "38"):
            item.total = number(_part(elements, 0, 1))


def _take_in_header(message: _Message, tag: str, elements: Elements) -> None:
    match tag:
        case "BGM":
            message.name, message.number = _part(elements, 0), _part(elements, 1)
            message.function = _part(elements, 2)
        case "DTM":
            found = _date(_part(elements, 0, 1), _part(elements, 0, 2))
            if _part(elements, 0) == "137":
                message.date = found
            elif _part(elements, 0) in ("2", "64", "63", "69", "10", "35"):
                message.delivery_date = message.delivery_date or found
        case "CUX":
            message.currency = _part(elements, 0, 1)
        case "RFF" if _part(elements, 0) == "ON":
            message.reference = _part(elements, 0, 1)
        case "RFF" if _part(elements, 0) == "VA" and message.party == "BY":
            message.buyer_tax = _part(elements, 0, 1)
        case "NAD":
            message.party = _part(elements, 0)
            name = " ".join(part for part in (elements[3] if len(elements) > 3 else []) if part)
            rest = [_part(elements, place) for place in (4, 5, 7, 8)]
            address = ", ".join(part for part in rest if part)
            message.parties.setdefault(
                message.party, (name or " ".join(_of(elements, 2)) or _part(elements, 1), address)
            )
        case "COM" if _part(elements, 0, 1) == "EM" and message.party == "BY":
            message.email = _part(elements, 0)
        case "MOA" if _part(elements, 0) in ("79", "86", "9", "77"):
            value = number(_part(elements, 0, 1))
            if value is not None:
                message.totals.append(value)


def _of(elements: Elements, element: int) -> list[str]:
    return [part for part in elements[element] if part] if element < len(elements) else []


def _date(said: str, shape: str) -> datetime.date | None:
    formats = {
        "102": "%Y%m%d",
        "203": "%Y%m%d",
        "101": "%y%m%d",
        "204": "%Y%m%d",
        "2": "%d%m%y",
        "718": "%Y%m%d",
    }
    digits = said[:6] if shape in ("101", "2") else said[:8]
    try:
        return datetime.datetime.strptime(digits, formats.get(shape, "%Y%m%d")).date()
    except ValueError:
        return None


def _reading(message: _Message, filename: str) -> Reading:
    assert message.kind is not None
    kind = message.kind
    problems = [] if kind is OrderKind.INVOICE else [*said_in(message.notes)]
    if kind is OrderKind.ORDER and message.function in ("1", "3", "4", "5"):
        kind = OrderKind.ORDER_CHANGE
    if kind is OrderKind.ORDER_CHANGE:
        problems.append("cancellation" if message.function in ("1", "3") else "change")
    elif kind is OrderKind.ORDER and message.function in _AGAIN:
        problems.append("order-repeated")
    elif kind is OrderKind.ORDER and (
        message.function not in ("", "9") or message.name not in NEW_ORDERS
    ):
        problems.append("function-unknown")
    if kind is OrderKind.ORDER and len(message.places) > 1:
        problems.append("places-differ")
    if message.several:
        problems.append("several-orders")
    buyer = message.parties.get("SU" if kind is OrderKind.INVOICE else "BY", ("", ""))
    place = message.parties.get("DP", ("", ""))
    return Reading(
        kind=kind,
        lines=tuple(
            _line(item, count, filename) for count, item in enumerate(message.items, start=1)
        ),
        number=message.number or message.reference,
        date=message.date,
        currency=message.currency,
        buyer=Buyer(name=buyer[0], email=message.email, tax_id=message.buyer_tax),
        delivery=Delivery(
            address=", ".join(part for part in (place[0], place[1]) if part),
            date=message.delivery_date,
        ),
        totals=tuple(message.totals),
        problems=tuple(problems),
        strength=3,
        source=filename,
    )


def _line(item: _Item, count: int, filename: str) -> OrderLine:
    gtin, _ = checked_gtin(item.gtin)
    line = exact_line(
        number=count,
        source=f"{filename}:LIN {item.number or count}",
        sku=item.sku
        or ("" if gtin else item.gtin)
        or ("" if gtin or item.descriptions else item.buyer_sku),
        gtin=gtin,
        description=" ".join(item.descriptions),
        quantity=item.quantity,
        unit=item.unit,
        unit_code=_UNITS.get(item.unit, ""),
        price=item.price,
        base=item.base,
        base_unit=item.base_unit,
        total=item.total,
    )
    return deleted(line) if item.deleted else line
