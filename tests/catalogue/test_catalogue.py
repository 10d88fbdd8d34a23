"""Lines matched with our products: by code, GTIN, the customer's own numbers, and words."""

import asyncio
import os
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from postroom.classify.catalogue.index import Catalogue
from postroom.classify.catalogue.match import matched
from postroom.classify.catalogue.sources import read_listing
from postroom.classify.orders import extract, extract_document
from postroom.config import CatalogueSection
from postroom.failure import PermanentFailure
from postroom.matching import Matcher, learnt_from
from postroom.order import Buyer, Order, OrderKind, OrderLine
from postroom.partcode import customer_of, squeezed
from postroom.product import Product
from postroom.reading.reader import read
from postroom.store import partnumbers
from postroom.store.engine import Database
from postroom.store.upgrade import upgrade

CSV = """\
Артикул;Наименование;Штрихкод;Ед.;Цена;Артикул производителя
НТ-100-L;Перчатки нитриловые L, 100 шт;4006381333931;уп;412,50;NITRO 7
НТ-100-M;Перчатки нитриловые M, 100 шт;;уп;412,50;
B-M8-30;Болт М8х30 оцинкованный DIN 933;;шт;3,10;
B-M8-40;Болт М8х40 оцинкованный DIN 933;;шт;3,60;
PAPER-A4;Бумага А4 Снегурочка 80 г 500 л;;пач;310;
"""
DOCUMENTS = Path(__file__).resolve().parents[1] / "corpus" / "orders" / "documents"
SAMPLES = Path(__file__).resolve().parents[3] / "shared" / "samples"


@pytest.fixture(scope="module")
def listing_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("catalogue") / "products.csv"
    path.write_text(CSV, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def catalogue(listing_file: Path) -> Catalogue:
    listing = read_listing(listing_file)
    return Catalogue(listing.products, listing.aliases)


def order_of(*lines: OrderLine, **fields: object) -> Order:
    order = Order(kind=OrderKind.ORDER, lines=lines, complete=True)
    return replace(order, **fields)  # type: ignore[arg-type]


def line_of(**fields: str) -> OrderLine:
    return OrderLine(line=1, quantity=Decimal(1), confidence=0.95, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fields", "sku"),
    [
        ({"sku": "НТ-100-L"}, "НТ-100-L"),
        ({"sku": "нт 100 l", "description": "перчатки"}, "НТ-100-L"),
        ({"sku": "NITRO 7", "description": "перчатки нитрил L"}, "НТ-100-L"),
        ({"gtin": "4006381333931", "description": "gloves"}, "НТ-100-L"),
        ({"description": "B-M8-30"}, "B-M8-30"),
        ({"description": "болт оцинкованный B-M8-40"}, "B-M8-40"),
        ({"description": "Бумага А4 Снегурочка, 80 г, 500 л"}, "PAPER-A4"),
        ({"description": "болт М8x30 оцинкованный, DIN 933"}, "B-M8-30"),
    ],
)
def test_a_line_is_matched(catalogue: Catalogue, fields: dict[str, str], sku: str) -> None:
    found = matched(order_of(line_of(**fields)), catalogue)
    assert found.lines[0].product == sku
    assert found.complete
    assert not found.lines[0].problems


@pytest.mark.parametrize(
    ("fields", "problem", "first"),
    [
        # No such product, by any word.
        ({"sku": "X-1", "description": "Насос циркуляционный"}, "product-unknown", ""),
        # Two sizes are alike, and the line names neither.
        ({"description": "Болт оцинкованный DIN 933"}, "product-ambiguous", "B-M8-30"),
        ({"description": "Перчатки нитриловые, 100 шт"}, "product-ambiguous", "НТ-100-L"),
        # A third size is like both, and is neither.
        ({"description": "Болт М8х35 оцинкованный DIN 933"}, "product-ambiguous", "B-M8-30"),
        # Our code by chance: the words name something else.
        ({"sku": "НТ-100-L", "description": "Кабель силовой медный"}, "product-ambiguous", ""),
        # The code says one thing, the GTIN another.
        (
            {"sku": "PAPER-A4", "gtin": "4006381333931", "description": "Бумага"},
            "product-contradicts",
            "НТ-100-L",
        ),
    ],
)
def test_a_doubtful_line_goes_to_a_person_with_candidates(
    catalogue: Catalogue, fields: dict[str, str], problem: str, first: str
) -> None:
    found = matched(order_of(line_of(**fields)), catalogue)
    line = found.lines[0]
    assert not found.complete
    assert line.product == ""
    assert line.problems[-1].partition(":")[0] == problem
    if first:
        assert first in [one.sku for one in line.candidates]
        assert first in line.problems[-1]


def test_an_invoice_is_not_matched(catalogue: Catalogue) -> None:
    invoice = order_of(line_of(sku="X"), kind=OrderKind.INVOICE, complete=False)
    assert matched(invoice, catalogue) == invoice


def test_matching_again_keeps_one_problem(catalogue: Catalogue) -> None:
    once = matched(order_of(line_of(sku="X-1")), catalogue)
    assert matched(once, catalogue) == once


def test_commerceml_products_are_read(tmp_path: Path) -> None:
    path = SAMPLES / "commerceml/carono-php-commerceml/tests/xml/import.xml"
    if not path.exists():
        pytest.skip("the samples are not here")
    products = read_listing(path).products
    assert len(products) == 2
    assert all(product.sku and product.name for product in products)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a;b;c\n1;2;3\n", "names no part number or no name"),
        (b"sku;name\n;\n", "holds no product"),
        (b"<!DOCTYPE a><a/>", "doctype"),
        (b"<Order/>", "is no CommerceML"),
        (b"", "names no part number"),
    ],
)
def test_an_unusable_file_is_named_with_its_fault(
    tmp_path: Path, content: bytes, said: str
) -> None:
    path = tmp_path / "products.csv"
    path.write_bytes(content)
    with pytest.raises(PermanentFailure) as caught:
        read_listing(path)
    assert said in str(caught.value.cause)
    assert str(path) in str(caught.value.cause)


def test_the_catalogue_is_read_again_when_its_file_changes(tmp_path: Path) -> None:
    path = tmp_path / "products.csv"
    path.write_text("sku;name\nA-1;Lamp\n")
    matcher = Matcher(CatalogueSection(file=path))
    order = order_of(line_of(sku="A-2", description="Bulb"))
    assert asyncio.run(matcher(order, "")).lines[0].product == ""
    path.write_text("sku;name\nA-1;Lamp\nA-2;Bulb\n")
    os.utime(path, (1, 1))
    assert asyncio.run(matcher(order, "")).lines[0].product == "A-2"
    path.write_text("no heading at all")
    assert asyncio.run(matcher(order, "")).lines[0].product == "A-2", "the last good one counts"


def test_without_any_products_an_order_waits(tmp_path: Path) -> None:
    matcher = Matcher(CatalogueSection(file=tmp_path / "missing.csv"))
    found = asyncio.run(matcher(order_of(line_of(sku="A-2")), ""))
    assert not found.complete
    assert "catalogue-unusable" in found.problems


def test_without_a_catalogue_nothing_changes() -> None:
    order = order_of(line_of(sku="A-2"))
    assert asyncio.run(Matcher(CatalogueSection())(order, "")) == order


def test_a_customers_numbers_are_learnt_and_are_that_customers(
    tmp_path: Path, listing_file: Path
) -> None:
    url = f"sqlite:///{tmp_path / 'postroom.sqlite'}"
    database = Database(url)
    upgrade(database)
    now = datetime(2024, 6, 3, tzinfo=UTC)
    order = order_of(line_of(sku="4711", description="Gloves large"))
    known = replace(order, buyer=Buyer(tax_id="7707083893"))
    with database.transaction() as connection:
        customer = customer_of(known, "anna@clinic.test")
        partnumbers.learn(connection, customer, [("47-11", "НТ-100-L")], who="olga", now=now)
        partnumbers.learn(connection, customer, [("4711", "НТ-100-L")], who="olga", now=now)
    matcher = Matcher(CatalogueSection(file=listing_file), learnt_from(database))
    assert asyncio.run(matcher(known, "anna@clinic.test")).lines[0].product == "НТ-100-L"
    assert asyncio.run(matcher(order, "other@else.test")).lines[0].product == ""
    with database.transaction() as connection:
        assert partnumbers.learnt(connection, customer) == {"4711": "НТ-100-L"}
        assert partnumbers.forget(connection, customer, "47 11")
        assert not partnumbers.forget(connection, customer, "47 11")
    database.close()


def test_one_look_up_among_many_products_is_cheap() -> None:
    products = [
        Product(id=str(n), sku=f"S-{n}", name=f"Болт М{n % 40}х{n % 97} партия {n}")
        for n in range(30_000)
    ]
    found = Catalogue(products).alike("болт М8х30 партия 2918", 3)
    assert found[0].product.sku == "S-2918"
    assert len(found) == 3


def test_codes_are_compared_without_their_dress() -> None:
    assert squeezed(" НТ-100/L. ") == squeezed("нт 100 l") == "нт100l"


def _complete_orders() -> dict[str, Order]:
    """A complete order of every source that the corpus has one of, by its file's suffix."""
    found: dict[str, Order] = {}
    for path in sorted(DOCUMENTS.glob("*.*")):
        if path.suffix in (".json", *found):
            continue
        order = extract_document(path.name, path.read_bytes())
        if order.complete:
            found[path.suffix] = order
    text = "Please supply:\n20 boxes nitrile gloves L\n6 x door closers silver"
    mail = f"From: a@shop.test\nTo: b@us.test\nSubject: Order\n\n{text}\n".encode()
    found["mail"] = extract(read(mail))
    assert found["mail"].complete
    return found


COMPLETE_ORDERS = _complete_orders()


def test_every_source_has_a_complete_order_to_try() -> None:
    assert set(COMPLETE_ORDERS) >= {
        *(".xlsx", ".xls", ".ods", ".csv", ".tsv", ".dbf", ".html", ".docx", ".pdf", ".xml"),
        *(".edi", ".txt", "mail"),
    }


def product_of(sku: str, name: str) -> Product:
    return Product(id=sku, sku=sku, name=name)


@pytest.mark.parametrize("source", sorted(COMPLETE_ORDERS))
def test_a_line_without_a_product_makes_any_sources_order_incomplete(source: str) -> None:
    order = COMPLETE_ORDERS[source]
    others = [product_of(f"OUR-{line.line}", line.description) for line in order.lines[1:]]
    gone = matched(order, Catalogue(others, {}))
    assert not gone.complete
    assert gone.lines[0].product == ""
    assert gone.lines[0].problems[-1].startswith("product-")


@pytest.mark.parametrize("source", sorted(COMPLETE_ORDERS))
def test_a_line_that_means_two_products_makes_any_sources_order_incomplete(source: str) -> None:
    order = COMPLETE_ORDERS[source]
    name = order.lines[0].description or order.lines[0].sku
    twins = [product_of("OUR-A", f"{name} red"), product_of("OUR-B", f"{name} blue")]
    unsure = matched(order, Catalogue(twins, {}))
    assert not unsure.complete
    assert unsure.lines[0].product == ""
    assert {one.sku for one in unsure.lines[0].candidates} == {"OUR-A", "OUR-B"}
