"""A real Odoo 19, over JSON-2 and over JSON-RPC; skipped until scripts/setup-erp odoo has run."""

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from postroom.actions.erp.connect import connect
from postroom.actions.erp.contract import ErpRequest
from postroom.actions.erp.odoo import Odoo
from postroom.clock import SystemClock
from postroom.config import ErpSection
from postroom.failure import PermanentFailure
from tests.erps import odoo, orders, server
from tests.erps.catalogue import PRODUCTS
from tests.fakes import post

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(odoo.missing()), reason=odoo.missing() or "-"),
]
EARLIER = post.NOW - timedelta(hours=1)


@pytest.fixture(scope="module")
def started() -> Iterator[ErpSection]:
    build = server.cache() / "odoo"
    # Not tmp_path: a unix socket's path must stay short and open to the database's user.
    with tempfile.TemporaryDirectory(prefix="odoo-") as name, ExitStack() as stack:
        url = stack.enter_context(odoo.odoo(Path(name), build))
        yield ErpSection(
            kind="odoo",
            base_url=url,
            database="postroom",
            user="admin",
            token_file=build / "key",
            timeout=60,
        )


@pytest.fixture(params=["json2", "jsonrpc"])
def settings(started: ErpSection, request: pytest.FixtureRequest) -> ErpSection:
    return started.model_copy(update={"protocol": request.param})


def order(name: str, *lines: Any, **changes: Any) -> ErpRequest:
    """As orders.order, in the currency of an Odoo without a country."""
    return orders.order(name, *lines, **{"currency": "USD", **changes})


def send(settings: ErpSection, request: ErpRequest) -> str:
    async def talk() -> str:
        erp = connect(settings, post.HandClock())
        try:
            return await erp.send(request)
        finally:
            await erp.close()

    return asyncio.run(talk())


def records(settings: ErpSection, entity: str, by: dict[str, Any], *fields: str) -> list[Any]:
    async def ask() -> list[Any]:
        system = Odoo(settings, SystemClock())
        try:
            return await system.search(entity, by, fields, limit=100)
        finally:
            await system.close()

    return asyncio.run(ask())


def test_an_order_is_entered_once_and_confirmed(settings: ErpSection) -> None:
    name = f"PO-1 {settings.protocol}"
    number = send(settings, order(name))
    assert send(settings, order(name, at=EARLIER)) == number
    (sale,) = records(settings, "sale.order", {"client_order_ref": name}, "name", "state")
    assert (sale["name"], sale["state"]) == (number, "sale")


def test_an_order_in_another_currency_stays_a_draft(settings: ErpSection) -> None:
    name = f"PO-eur {settings.protocol}"
    with pytest.raises(PermanentFailure, match="erp-differs") as failure:
        send(settings, order(name, currency="EUR"))
    assert "asked in EUR, holds USD" in failure.value.detail
    (sale,) = records(settings, "sale.order", {"client_order_ref": name}, "state")
    assert sale["state"] == "draft"


def test_units_prices_and_fractions(settings: ErpSection) -> None:
    lines = [
        orders.line(1, "GREASE-1", "2.5", "11.90", unit="кг"),
        orders.line(2, "BOLT-M8", "1000", unit="шт."),
        orders.line(3, "BOLT-M8", "1000", "0.30"),
    ]
    assert send(settings, order(f"PO-2 {settings.protocol}", *lines))


def test_what_the_erp_holds_otherwise_is_for_a_person(settings: ErpSection) -> None:
    name = f"PO-3 {settings.protocol}"
    send(settings, order(name))
    with pytest.raises(PermanentFailure, match="erp-differs"):
        send(settings, order(name, orders.line(1, "PUMP-24", "3"), at=EARLIER))
    assert len(records(settings, "sale.order", {"client_order_ref": name}, "id")) == 1


@pytest.mark.parametrize(
    ("changes", "lines", "reason"),
    [
        ({}, [orders.line(1, "NO-SUCH", "1")], "erp-product-unknown"),
        ({}, [orders.line(1, "BOLT-M8", "1", unit="box")], "erp-unit-differs"),
        ({"customer": {**orders.ACME, "email": "_uyer@acme.example"}}, [], "erp-customer-unknown"),
    ],
)
def test_what_the_erp_does_not_know_is_for_a_person(
    settings: ErpSection, changes: Any, lines: Any, reason: str
) -> None:
    with pytest.raises(PermanentFailure, match=f"^{reason}$"):
        send(settings, order(f"PO-no {settings.protocol}", *lines, **changes))


def test_a_bill_is_entered_and_then_told_the_news(settings: ErpSection) -> None:
    name = f"INV-1 {settings.protocol}"
    for status in ("received", "reminder", "reminder"):
        assert send(settings, orders.invoice(name, status)) == name
    (bill,) = records(settings, "account.move", {"ref": name}, "narration", "state")
    assert bill["narration"].count("reminder") == 1
    assert bill["state"] == "draft"


def test_tickets_and_leads(settings: ErpSection) -> None:
    name = f"Loud {settings.protocol}"
    ticket = orders.ticket(name)
    again = ErpRequest(
        step=ticket.step, key=ticket.key, body=ticket.body, repeated=True, previous_at=EARLIER
    )
    assert send(settings, ticket) == send(settings, again)
    assert len(records(settings, "project.task", {"name": name}, "id")) == 1
    send(settings, orders.ticket(name, "lead", text="Offer?"))
    assert len(records(settings, "crm.lead", {"name": name}, "id")) == 1


def test_errors_have_the_class_that_was_observed(settings: ErpSection, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("wrong")
    with pytest.raises(PermanentFailure, match="erp-http-401|erp-rpc-error"):
        send(settings.model_copy(update={"token_file": tmp_path / "key"}), order("PO-key"))
    own = tmp_path / "own.yaml"
    own.write_text("order: {entity: no.such.model}")
    with pytest.raises(PermanentFailure, match="erp-http-404|erp-rpc-error"):
        send(settings.model_copy(update={"mapping_file": own}), order("PO-model"))
    own.write_text("order: {values: {client_order_ref: $order_number}, lines: null}")
    with pytest.raises(PermanentFailure, match="erp-http-4|erp-rpc-error"):
        send(settings.model_copy(update={"mapping_file": own}), order("PO-no-partner"))


def test_products_are_listed_with_unit_and_price(settings: ErpSection) -> None:
    async def listed() -> dict[str, Any]:
        erp = connect(settings, SystemClock())
        try:
            return {one.sku: one async for one in erp.products()}
        finally:
            await erp.close()

    found = asyncio.run(listed())
    assert {code for code, *_ in PRODUCTS} <= set(found)
    assert found["GREASE-1"].unit == "kg"
