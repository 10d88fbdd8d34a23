"""E-business XML -> the reader for it, by its root element.

In: octets that look like XML. Out: a `Reading` of strength 3, or None when the root is none of
ours. UBL (Order, OrderChange, Invoice), CII and Order-X, CommerceML, УПД, cXML, and the XML
spreadsheets of Excel 2003.
"""

from lxml import etree

from .cii import read_cii
from .commerceml import read_commerceml
from .cxml import read_cxml
from .hostile import parse_xml
from .reading import Reading
from .ubl import read_ubl
from .upd import read_upd


def read_xml(filename: str, content: bytes) -> Reading | None:
    """The order in an XML document. Raises Unreadable for broken XML and for one with a DTD."""
    root = parse_xml(content)
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
