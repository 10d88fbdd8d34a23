"""Small questions to an XML tree, by local names, whatever the prefix and version of a namespace.

In: an element and a path like "Item/SellersItemIdentification/ID". Out: text, elements, numbers.
Namespaces are ignored on purpose: CommerceML and УПД come with and without, ZUGFeRD changed its
own.
"""

import datetime
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation

from lxml import etree


def local(element: etree._Element) -> str:
    """An element's name without its namespace."""
    return etree.QName(element).localname


def children(element: etree._Element | None, path: str) -> Iterator[etree._Element]:
    """Every element at a path of local names below `element`."""
    if element is None:
        return
    name, _, rest = path.partition("/")
    for child in element:
        if isinstance(child.tag, str) and local(child) == name:
            if rest:
                yield from children(child, rest)
            else:
                yield child


def child(element: etree._Element | None, path: str) -> etree._Element | None:
    """The first element at a path; None when there is none."""
    return next(children(element, path), None)


def text(element: etree._Element | None, *paths: str) -> str:
    """The text at the first of the paths that has any; empty when none has."""
    for path in paths:
        for found in children(element, path):
            if words := whole_text(found):
                return words
    return ""


def whole_text(element: etree._Element) -> str:
    """All text in an element, one space between words."""
    return " ".join("".join(str(part) for part in element.itertext()).split())


def attribute(element: etree._Element | None, *names: str) -> str:
    """The first of the attributes that is there; empty when none is."""
    if element is None:
        return ""
    for name in names:
        value = element.get(name)
        if value and value.strip():
            return value.strip()
    return ""


def number(said: str) -> Decimal | None:
    """A number as XML writes it (a comma for the mark is forgiven); None when it is none."""
    bare = said.strip().replace("\u00a0", "").replace(" ", "").replace(",", ".")
    if not bare or len(bare) > 30:
        return None
    try:
        value = Decimal(bare)
    except InvalidOperation:
        return None
    return value if value.is_finite() and abs(value) < Decimal(10) ** 15 else None


def day(said: str) -> datetime.date | None:
    """A date as XML writes it: 2024-06-03, 20240603, 03.06.2024."""
    bare = said.strip()[:10]
    for shape, sample in (("%Y-%m-%d", bare), ("%Y%m%d", bare[:8]), ("%d.%m.%Y", bare)):
        try:
            return datetime.datetime.strptime(sample, shape).date()
        except ValueError:
            continue
    return None
