"""Product lists from files: a CSV with a heading, or CommerceML's import.xml from 1C.

In: octets. Out: a `Listing` of products and other codes for them. The columns of a CSV are known by
their heading, in the words that order tables use (classify/orders/words.py): part number, name,
GTIN, unit, price; a column headed like "part number of the manufacturer" gives other codes.

Raises PermanentFailure(catalogue-unusable), naming the file's fault and its mend. Limits: 500 000
products; of CommerceML a product's barcode is its first; offers.xml adds prices, not products.
"""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from lxml import etree

from postroom.classify.orders.currency import code_of_word
from postroom.classify.orders.hostile import Unreadable, parse_xml
from postroom.classify.orders.lines import checked_gtin
from postroom.classify.orders.nodes import attribute, children, text
from postroom.classify.orders.numbers import readings
from postroom.classify.orders.words import Role, heading
from postroom.failure import PermanentFailure
from postroom.product import Product
from postroom.reading.charsets import decode

_MOST_PRODUCTS = 500_000
_DELIMITERS = ";\t|,"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What a product file holds."""

    products: tuple[Product, ...]
    aliases: dict[str, str] = field(default_factory=dict)  # other code -> part number


def read_listing(path: Path) -> Listing:
    """The products in a file, told by content. Raises PermanentFailure(catalogue-unusable)."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _unusable(path, f"cannot be read ({error.strerror})") from error
    if content[:200].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        listing = _commerceml(path, content)
    else:
        listing = _delimited(path, decode(content)[0])
    if not listing.products:
        raise _unusable(path, "holds no product; each needs a part number and a name")
    return listing


def _unusable(path: Path, fault: str) -> PermanentFailure:
    return PermanentFailure("catalogue-unusable", ValueError(f"{path}: {fault}"))


def _delimited(path: Path, content: str) -> Listing:
    first = content.partition("\n")[0]
    delimiter = max(_DELIMITERS, key=first.count)
    rows = csv.reader(io.StringIO(content, newline=""), delimiter=delimiter)
    named = next(rows, [])
    columns = _columns(named)
    if Role.SKU not in columns or Role.DESCRIPTION not in columns:
        raise _unusable(
            path,
            f"line 1: its heading ({', '.join(named)[:100]}) names no part number or no name;"
            " head the columns like sku;name;gtin;unit;price",
        )
    products: list[Product] = []
    aliases: dict[str, str] = {}
    for row in rows:
        product = _product(columns, row)
        if product is None:
            continue
        products.append(product)
        for place in columns.get(Role.BUYER_SKU, ()):
            if place < len(row) and row[place].strip():
                aliases[row[place].strip()] = product.sku
        if len(products) >= _MOST_PRODUCTS:
            raise _unusable(path, f"has more than {_MOST_PRODUCTS} products")
    return Listing(products=tuple(products), aliases=aliases)


def _columns(named: list[str]) -> dict[Role, list[int]]:
    """Where each role stands; a second part number column holds other codes."""
    columns: dict[Role, list[int]] = {}
    for place, cell in enumerate(named):
        found = heading(cell.strip().lstrip("\ufeff"))
        if found is None:
            continue
        role = found.role
        if role is Role.SKU and Role.SKU in columns:
            role = Role.BUYER_SKU
        columns.setdefault(role, []).append(place)
    return columns


def _product(columns: dict[Role, list[int]], row: list[str]) -> Product | None:
    def said(role: Role) -> str:
        place = next(iter(columns.get(role, ())), None)
        return row[place].strip() if place is not None and place < len(row) else ""

    sku, name = said(Role.SKU), said(Role.DESCRIPTION)
    if not sku or not name:
        return None
    return Product(
        id=sku,
        sku=sku,
        gtin=checked_gtin(said(Role.GTIN))[0],
        name=name,
        unit=said(Role.UNIT),
        price=_price(said(Role.PRICE)),
        currency=code_of_word(said(Role.CURRENCY)) or said(Role.CURRENCY)[:3].upper(),
    )


def _price(said: str) -> Decimal | None:
    return next(iter(readings(said)), None)


def _commerceml(path: Path, content: bytes) -> Listing:
    try:
        root = parse_xml(content)
    except Unreadable as error:
        raise _unusable(path, f"is XML that is not read ({error.reason})") from error
    if etree.QName(root).localname != "КоммерческаяИнформация":
        raise _unusable(path, "is no CommerceML; give 1C's import.xml")
    products: list[Product] = []
    for item in _items(root):
        sku = text(item, "Артикул") or text(item, "Ид")
        name = text(item, "Наименование")
        if not sku or not name or text(item, "ПометкаУдаления").lower() == "true":
            continue
        unit = next(children(item, "БазоваяЕдиница"), None)
        products.append(
            Product(
                id=text(item, "Ид"),
                sku=sku,
                gtin=checked_gtin(text(item, "Штрихкод"))[0],
                name=name,
                unit=((unit.text or "").strip() if unit is not None else "")
                or attribute(unit, "НаименованиеПолное"),
            )
        )
    return Listing(
        products=tuple(products),
        aliases={product.id: product.sku for product in products if product.id != product.sku},
    )


def _items(root: etree._Element) -> Iterator[etree._Element]:
    yield from children(root, "Каталог/Товары/Товар")
    yield from children(root, "ПакетПредложений/Предложения/Предложение")
