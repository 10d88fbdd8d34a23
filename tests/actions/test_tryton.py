"""A real Tryton 8: orders and invoices, made once, and what it says no to."""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import pytest

from postroom.actions.erp.connect import connect
from postroom.actions.erp.contract import Erp, ErpRequest, NotYet
from postroom.actions.erp.tryton import Tryton
from postroom.clock import SystemClock
from postroom.config import ErpSection
from postroom.failure import PermanentFailure, TemporaryFailure
from postroom.product import Product
from tests.erps import orders, server
from tests.erps.catalogue import PRODUCTS
from tests.fakes import post

pytestmark = pytest.mark.slow
EARLIER = post.NOW - timedelta(hours=1)
T = TypeVar("T")


@pytest.fixture(scope="module")
def settings() -> Iterator[ErpSection]:
    build = server.prepared("tryton")
    with tempfile.TemporaryDirectory(prefix="tryton-") as name, ExitStack() as stack:
        url = stack.enter_context(server.tryton(Path(name), build))
        password = Path(name) / "password"
        password.write_text(server.PASSWORD)
        yield ErpSection(
            kind="tryton",
            base_url=url,
            database="postroom",
            token_file=build / "key",
            user="admin",
            password_file=password,
            company="1",
            timeout=60,
        )


def talk(settings: ErpSection, say: Callable[[Erp], Awaitable[T]]) -> T:
    async def conversation() -> T:
        erp = connect(settings, post.HandClock())
        try:
            return await say(erp)
        finally:
            await erp.close()

    return asyncio.run(conversation())


def send(settings: ErpSection, request: ErpRequest) -> str:
    return talk(settings, lambda erp: erp.send(request))


def records(settings: ErpSection, entity: str, by: dict[str, Any], *fields: str) -> list[Any]:
    async def ask() -> list[Any]:
        system = Tryton(settings, SystemClock())
        try:
            return await system.search(entity, by, fields, limit=100)
        finally:
            await system.close()

    return asyncio.run(ask())


def sales(settings: ErpSection, reference: str) -> list[Any]:
    return records(
        settings, "sale.sale", {"reference": reference}, "number", "state", "description",
        "payment_term", "invoice_address", "total_amount",
    )  # fmt: skip


def test_an_order_is_entered_quoted_and_confirmed(settings: ErpSection) -> None:
    request = orders.order("PO-1")
    number = send(settings, request)
    (sale,) = sales(settings, "PO-1")
    assert sale["number"] == number
    assert sale["state"] in ("confirmed", "processing")
    assert sale["description"] == f"postroom {request.key}"
    assert sale["payment_term"] and sale["invoice_address"]


def test_without_a_login_the_mapping_fills_in_the_form(settings: ErpSection) -> None:
    plain = settings.model_copy(update={"user": ""})
    assert send(plain, orders.order("PO-plain"))
    (sale,) = sales(settings, "PO-plain")
    assert sale["payment_term"] and sale["invoice_address"]


def test_the_same_request_again_is_the_same_order(settings: ErpSection) -> None:
    first = send(settings, orders.order("PO-2"))
    assert send(settings, orders.order("PO-2", at=EARLIER)) == first
    assert len(sales(settings, "PO-2")) == 1


def test_a_repeated_request_waits_until_the_first_has_settled(settings: ErpSection) -> None:
    request = orders.order("PO-3", at=post.NOW - timedelta(seconds=10))
    with pytest.raises(NotYet) as failure:
        send(settings, request)
    assert failure.value.wait_s == pytest.approx(20)
    assert sales(settings, "PO-3") == []


def test_an_order_left_as_a_draft_is_finished(settings: ErpSection) -> None:
    request = orders.order("PO-4")
    half = settings.model_copy(update={"user": ""})

    async def enter_only() -> None:
        system = Tryton(half, SystemClock())
        (party,) = await system.search(
            "party.party",
            {"contact_mechanisms.value": orders.ACME["email"]},
            ["id", "addresses.id", "customer_payment_term.id"],
            limit=2,
        )
        products = await system.search(
            "product.product", {"code": ["BOLT-M8", "PUMP-24"]}, ["id", "sale_uom.id"], limit=9
        )
        address = party["addresses"][0]["id"]
        await system.create(
            "sale.sale",
            {
                "party": party["id"],
                "reference": "PO-4",
                "description": f"postroom {request.key}",
                "invoice_address": address,
                "shipment_address": address,
                "payment_term": party["customer_payment_term"]["id"],
                "lines": [["create", [
                    {"product": one["id"], "unit": one["sale_uom"]["id"], "quantity": quantity,
                     "unit_price": {"__class__": "Decimal", "decimal": price}}
                    for one, quantity, price in zip(
                        products, (10.0, 2.0), ("0.35", "149.90"), strict=True)
                ]]],
            },
        )  # fmt: skip
        await system.close()

    asyncio.run(enter_only())
    number = send(settings, orders.order("PO-4", at=EARLIER))
    (sale,) = sales(settings, "PO-4")
    assert (sale["number"], sale["state"] != "draft") == (number, True)


def test_an_order_left_between_quote_and_confirm_is_finished(
    settings: ErpSection, tmp_path: Path
) -> None:
    own = tmp_path / "own.yaml"
    own.write_text("order: {actions: [quote], done: [quotation]}")
    first = send(settings.model_copy(update={"mapping_file": own}), orders.order("PO-half"))
    assert [sale["state"] for sale in sales(settings, "PO-half")] == ["quotation"]
    assert send(settings, orders.order("PO-half", at=EARLIER)) == first
    (sale,) = sales(settings, "PO-half")
    assert sale["state"] in ("confirmed", "processing")


def test_what_the_erp_holds_otherwise_is_for_a_person(settings: ErpSection) -> None:
    send(settings, orders.order("PO-5"))
    other = orders.order("PO-5", orders.line(1, "BOLT-M8", "11", "0.35"), at=EARLIER)
    with pytest.raises(PermanentFailure, match="erp-differs") as failure:
        send(settings, other)
    assert "asked 11 x product" in failure.value.detail
    assert len(sales(settings, "PO-5")) == 1


def enter_draft(settings: ErpSection, key: str, number: str) -> None:
    """What a request leaves that was at work for longer than anybody waited."""
    (party,) = records(settings, "party.party", {"code": "C-1001"}, "id")

    async def enter() -> None:
        system = Tryton(settings, SystemClock())
        values = {"party": party["id"], "description": f"postroom {key}", "reference": number}
        await system.create("sale.sale", values)
        await system.close()

    asyncio.run(enter())


def test_a_second_draft_is_done_away_with(settings: ErpSection) -> None:
    request = orders.order("PO-6")
    number = send(settings, request)
    enter_draft(settings, request.key, "PO-6")
    assert send(settings, orders.order("PO-6", at=EARLIER)) == number
    held = {sale["number"]: sale["state"] for sale in sales(settings, "PO-6")}
    assert held[number] in ("confirmed", "processing")
    assert sorted(held.values())[0] == "cancelled"
    assert len(held) == 2


def test_where_nothing_may_be_done_away_with_two_are_for_a_person(
    settings: ErpSection, tmp_path: Path
) -> None:
    request = orders.order("PO-7")
    send(settings, request)
    enter_draft(settings, request.key, "PO-7")
    own = tmp_path / "own.yaml"
    own.write_text("order: {discard: ''}")
    with pytest.raises(PermanentFailure, match="erp-duplicate"):
        send(settings.model_copy(update={"mapping_file": own}), orders.order("PO-7", at=EARLIER))


@pytest.mark.parametrize(
    ("changes", "lines", "reason"),
    [
        ({}, [orders.line(1, "NO-SUCH", "1")], "erp-product-unknown"),
        ({}, [orders.line(1, "", "1", description="Bolt")], "erp-product-unknown"),
        ({}, [orders.line(1, "BOLT-M8", "1", unit="box")], "erp-unit-differs"),
        ({"customer": {**orders.ACME, "email": "x@nobody.example"}}, [], "erp-customer-unknown"),
    ],
)
def test_what_the_erp_does_not_know_is_for_a_person(
    settings: ErpSection, changes: Any, lines: Any, reason: str
) -> None:
    with pytest.raises(PermanentFailure, match=f"^{reason}$"):
        send(settings, orders.order("PO-no", *lines, **changes))
    assert sales(settings, "PO-no") == []


@pytest.mark.parametrize("unit", ["шт.", "PCS", "Unit", "ea", "Stück"])
def test_units_are_known_as_customers_write_them(settings: ErpSection, unit: str) -> None:
    lines = [orders.line(1, "BOLT-M8", "5", unit=unit)]
    assert send(settings, orders.order(f"PO {unit}", *lines))


def test_fractions_and_prices_arrive_as_they_were_written(settings: ErpSection) -> None:
    lines = [
        orders.line(1, "GREASE-1", "2.5", "11.9000", unit="кг"),
        orders.line(2, "CABLE-3X15", "100", unit="м"),
        orders.line(3, "BOLT-M8", "1000", "0.3333"),
        orders.line(4, "BOLT-M8", "1000", "0.3333"),
    ]
    assert send(settings, orders.order("PO-fractions", *lines))


def test_an_order_in_another_currency_is_for_a_person(settings: ErpSection) -> None:
    with pytest.raises(PermanentFailure, match="^erp-currency-unknown$"):
        send(settings, orders.order("PO-usd", currency="USD"))
    assert sales(settings, "PO-usd") == []
    assert send(settings, orders.order("PO-any", currency=""))


def test_what_the_erp_made_of_it_wrongly_stays_a_draft(
    settings: ErpSection, tmp_path: Path
) -> None:
    own = tmp_path / "own.yaml"
    shipped = (server.ROOT / "actions" / "erp" / "mappings" / "tryton.yaml").read_text()
    own.write_text(shipped.replace("quantity: $quantity|number", "quantity: 1.0"))
    with pytest.raises(PermanentFailure, match="erp-differs") as failure:
        send(settings.model_copy(update={"mapping_file": own}), orders.order("PO-wrong"))
    assert "asked 10 x product" in failure.value.detail
    (sale,) = sales(settings, "PO-wrong")
    assert sale["state"] == "draft"


def test_a_bill_is_entered_and_then_told_the_news(settings: ErpSection) -> None:
    assert send(settings, orders.invoice("INV-1")) == "INV-1"
    assert send(settings, orders.invoice("INV-1", "reminder")) == "INV-1"
    assert send(settings, orders.invoice("INV-1", "reminder")) == "INV-1"
    (bill,) = records(settings, "account.invoice", {"reference": "INV-1"}, "comment", "state")
    assert [line.split()[0] for line in bill["comment"].splitlines()] == ["received", "reminder"]


def test_news_of_a_bill_nobody_knows_is_for_a_person(settings: ErpSection) -> None:
    with pytest.raises(PermanentFailure, match="erp-invoice-unknown"):
        send(settings, orders.invoice("INV-none", "paid"))


def test_tryton_takes_no_tickets(settings: ErpSection) -> None:
    with pytest.raises(PermanentFailure, match="erp-cannot"):
        send(settings, orders.ticket())


def test_products_are_listed_with_unit_and_price(settings: ErpSection) -> None:
    async def listed(erp: Erp) -> list[Product]:
        return [product async for product in erp.products()]

    found = {one.sku: one for one in talk(settings, listed)}
    assert set(found) == {code for code, *_ in PRODUCTS}
    assert found["GREASE-1"].unit == "Kilogram"
    assert found["PUMP-24"].price == Decimal("149.90")


@pytest.mark.parametrize(
    ("changes", "kind", "reason"),
    [
        ({"database": "nosuch"}, PermanentFailure, "erp-http-404"),
        ({"base_url": "http://127.0.0.1:1"}, TemporaryFailure, "erp-unreachable"),
    ],
)
def test_errors_have_the_class_that_was_observed(
    settings: ErpSection, changes: Any, kind: type[Exception], reason: str
) -> None:
    with pytest.raises(kind, match=reason):
        send(settings.model_copy(update=changes), orders.order("PO-error"))


def test_a_wrong_key_and_a_wrong_field_are_permanent(settings: ErpSection, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("wrong")
    with pytest.raises(PermanentFailure, match="erp-http-401"):
        send(settings.model_copy(update={"token_file": tmp_path / "key"}), orders.order("PO-key"))
    own = tmp_path / "own.yaml"
    own.write_text("order: {reference: {nosuch: $external_ref}}")
    with pytest.raises(PermanentFailure, match="erp-http-500"):
        send(settings.model_copy(update={"mapping_file": own}), orders.order("PO-field"))


def test_a_wrong_password_is_permanent(settings: ErpSection, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("wrong")
    wrong = settings.model_copy(update={"password_file": tmp_path / "password"})
    with pytest.raises(PermanentFailure):
        send(wrong, orders.order("PO-login"))
