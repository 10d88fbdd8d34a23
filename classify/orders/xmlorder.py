"""E-business XML -> the reader for it, by its root element.

In: octets that look like XML. Out: a `Reading` of strength 3, or None when the root is none of
ours. UBL (Order, OrderChange, Invoice), CII and Order-X, CommerceML, УПД, cXML, and the XML
spreadsheets of Excel 2003. The notes in an order are heard like the words beside a table.
"""

from collections.abc import Iterator
from dataclasses import replace

from lxml import etree

from postroom.order import OrderKind

from .cii import read_cii
from .commerceml import read_commerceml
from .cxml import read_cxml
from .hostile import parse_xml
from .nodes import local, whole_text
from .reading import Reading
from .structured import said_in
from .ubl import read_ubl
from .upd import read_upd

_NOTES = ("{*}Note", "{*}Comments", "{*}Комментарий", "{*}IncludedNote/{*}Content")
_MOST_NOTES = 1_000


def read_xml(filename: str, content: bytes) -> Reading | None:
    """The order in an XML document. Raises Unreadable for broken XML and for one with a DTD."""
    root = parse_xml(content)
    reading = _by_root(root, filename)
    if reading is None or reading.kind is not OrderKind.ORDER:
        return reading
    return replace(reading, problems=(*reading.problems, *said_in(_notes(root))))


def _notes(root: etree._Element) -> Iterator[str]:
    """What an order says in words, terms of payment left out."""
    for name in _NOTES:
        for note in root.findall(f".//{name}")[:_MOST_NOTES]:
            parent = note.getparent()
            if parent is None or local(parent) != "PaymentTerms":
                yield whole_text(note)


def _by_root(root: etree._Element, filename: str) -> Reading | None:
    match etree.QName(root).localname:
        case "Order" | "OrderChange" | "OrderCancellation" | "Invoice" | "CreditNote" if "ubl" in (
            etree.QName(root).namespace or ""
        ):
            return read_ubl(root, filename)
        case (
            "CrossIndustryInvoice"
            | "CrossIndustryDocument"
            | "SCRDMCCBDACIOMessageStructure"
            | "SCRDMCCBDACIOCMessageStructure"
            | "SCRDMCCBDACIOCHMessageStructure"
        ):
            return read_cii(root, filename)
        case "КоммерческаяИнформация":
            return read_commerceml(root, filename)
        case "Файл":
            return read_upd(root, filename)
        case "cXML":
            return read_cxml(root, filename)
        case _:
            return None
