"""ERPNext and 1C against what their documentation promises, and webhooks; no real ERP here."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from postroom.actions.erp.connect import connect
from postroom.actions.erp.contract import ErpRequest
from postroom.actions.erp.documents import Documents
from postroom.config import ErpSection
from postroom.failure import PermanentFailure, TemporaryFailure
from postroom.product import Customer, Product
from tests.erps import orders
from tests.fakes import post
from tests.fakes.recorded import Recorded, RecordedErpNext, RecordedOneC

pytestmark = pytest.mark.slow  # the file as a whole takes seconds

EARLIER = post.NOW - timedelta(hours=1)
GUIDS = {"acme": "11111111-0000-0000-0000-000000000000", "acme-partner": "1b"}


@pytest.fixture
def erpnext() -> Iterator[Recorded]:
    with RecordedErpNext(
        Customer=[{"name": "ACME", "customer_name": "ACME", "email_id": "buyer@acme.example"}],
        Supplier=[{"name": "ACME", "supplier_name": "ACME", "email_id": "buyer@acme.example"}],
        Item=[
            {"name": "BOLT-M8", "item_name": "Bolt", "stock_uom": "Nos"},
            {"name": "PUMP-24", "item_name": "Pump", "stock_uom": "Nos"},
        ],
    ) as erp:
        erp.records["Customer"][0]["tax_id"] = ""
        yield erp


@pytest.fixture
def onec() -> Iterator[Recorded]:
    with RecordedOneC(
        Catalog_Контрагенты=[
            {
                "Ref_Key": GUIDS["acme"],
                "Партнер_Key": GUIDS["acme-partner"],
                "Description": "ACME",
                "КонтактнаяИнформация": [{"АдресЭП": "buyer@acme.example"}],
            }
        ],
        Catalog_Номенклатура=[
            {"Ref_Key": f"2222-{code}", "Артикул": code, "Description": code}
            for code in ("BOLT-M8", "PUMP-24")
        ],
    ) as erp:
        yield erp


def settings(kind: str, erp: Recorded, tmp_path: Path) -> ErpSection:
    secret = tmp_path / "secret"
    secret.write_text("key:secret" if kind == "erpnext" else "secret")
    return ErpSection.model_validate(
        {"kind": kind, "base_url": erp.url, "token_file": secret, "user": "Обмен"}
    )


def send(config: ErpSection, request: ErpRequest) -> str:
    async def talk() -> str:
        erp = connect(config, post.HandClock())
        try:
            return await erp.send(request)
        finally:
            await erp.close()

    return asyncio.run(talk())


def products(config: ErpSection) -> list[Product]:
    async def talk() -> list[Product]:
        erp = connect(config, post.HandClock())
        try:
            return [product async for product in erp.products()]
        finally:
            await erp.close()

    return asyncio.run(talk())


def test_erpnext_takes_an_order_once_and_submits_it(erpnext: Recorded, tmp_path: Path) -> None:
    config = settings("erpnext", erpnext, tmp_path)
    name = send(config, orders.order("PO-1"))
    assert send(config, orders.order("PO-1", at=EARLIER)) == name
    (order,) = erpnext.records["Sales Order"]
    assert (order["name"], order["docstatus"], order["po_no"]) == (name, 1, "PO-1")
    assert order["items"][0] == {
        "item_code": "BOLT-M8", "qty": 10.0, "rate": 0.35, "delivery_date": "2026-12-01",
    }  # fmt: skip
    assert "rate" not in order["items"][1]


def test_erpnext_itself_refuses_a_second_document(erpnext: Recorded, tmp_path: Path) -> None:
    """A race that the look-up lost: 409 is tried again, and then found."""
    config = settings("erpnext", erpnext, tmp_path)
    erpnext.faults = [(200, {"data": []})]
    send(config, orders.order("PO-2"))
    erpnext.faults = [(200, {"data": []})]
    with pytest.raises(TemporaryFailure, match="erp-http-409"):
        send(config, orders.order("PO-2", at=EARLIER))
    assert send(config, orders.order("PO-2", at=EARLIER))
    assert len(erpnext.records["Sales Order"]) == 1


def test_erpnext_takes_bills_tickets_and_leads(erpnext: Recorded, tmp_path: Path) -> None:
    config = settings("erpnext", erpnext, tmp_path)
    assert send(config, orders.invoice("INV-1")) == "INV-1"
    assert send(config, orders.invoice("INV-1", "paid")) == "INV-1"
    (bill,) = erpnext.records["Purchase Invoice"]
    assert [line.split()[0] for line in bill["remarks"].splitlines()] == ["received", "paid"]
    send(config, orders.ticket("Pump is loud"))
    stranger = {**orders.ACME, "email": "x@nobody.example"}
    send(config, orders.ticket("Offer?", "lead", customer=stranger))
    assert erpnext.records["Issue"][0]["customer"] == "ACME"
    assert erpnext.records["Lead"][0]["email_id"] == "x@nobody.example"


@pytest.mark.parametrize(
    ("fault", "kind", "reason"),
    [
        ((417, {"exc_type": "ValidationError"}), PermanentFailure, "erp-http-417"),
        ((403, {}), PermanentFailure, "erp-http-403"),
        ((500, {"exc_type": "TypeError", "exc": "Traceback"}), PermanentFailure, "erp-http-500"),
        ((500, {"exc_type": "QueryDeadlockError"}), TemporaryFailure, "erp-busy"),
        ((503, {}), TemporaryFailure, "erp-http-503"),
        ((200, {"message": "login"}), TemporaryFailure, "erp-garbage"),
    ],
)
def test_erpnext_errors(
    erpnext: Recorded, tmp_path: Path, fault: Any, kind: type[Exception], reason: str
) -> None:
    erpnext.faults = [fault]
    with pytest.raises(kind, match=f"^{reason}$"):
        send(settings("erpnext", erpnext, tmp_path), orders.order("PO-3"))


def test_1c_takes_an_order_once_and_posts_it(onec: Recorded, tmp_path: Path) -> None:
    config = settings("onec", onec, tmp_path)
    lines = [orders.line(1, "BOLT-M8", "10", "0.35"), orders.line(2, "PUMP-24", "2", "149.90")]
    number = send(config, orders.order("PO'1", *lines))
    assert send(config, orders.order("PO'1", *lines, at=EARLIER)) == number
    (order,) = onec.records["Document_ЗаказКлиента"]
    assert (order["Number"], order["Posted"]) == (number, True)
    assert order["НомерПоДаннымКлиента"] == "PO'1"
    assert order["Товары"][1]["Сумма"] == 299.8
    assert order["Товары"][0]["LineNumber"] == "1"


def test_1c_finds_a_customer_whatever_stands_in_the_address(onec: Recorded, tmp_path: Path) -> None:
    """A condition calls a table's row "row", and arrow.example ends in that word too."""
    (known,) = onec.records["Catalog_Контрагенты"]
    known["КонтактнаяИнформация"] = [{"АдресЭП": "row.buyer@arrow.example"}]
    customer = {**orders.ACME, "email": "row.buyer@arrow.example"}
    assert send(settings("onec", onec, tmp_path), orders.order("PO-1", customer=customer))


def test_no_sum_is_too_large_for_1c(onec: Recorded, tmp_path: Path) -> None:
    line = orders.line(1, "BOLT-M8", "99999999999999", "99999999999999")
    assert send(settings("onec", onec, tmp_path), orders.order("PO-1", line))
    (order,) = onec.records["Document_ЗаказКлиента"]
    assert order["Товары"][0]["Сумма"] == 9999999999999800000000000001.0


def test_1c_enters_a_bill_and_writes_only_over_what_it_read(onec: Recorded, tmp_path: Path) -> None:
    config = settings("onec", onec, tmp_path)
    assert send(config, orders.invoice("INV-1")) == "INV-1"
    assert send(config, orders.invoice("INV-1", "disputed")) == "INV-1"
    (bill,) = onec.records["Document_ПоступлениеТоваровУслуг"]
    lines = bill["Комментарий"].splitlines()
    assert [line.split()[0] for line in lines] == ["received", "disputed"]


def test_1c_errors(onec: Recorded, tmp_path: Path) -> None:
    config = settings("onec", onec, tmp_path)
    onec.faults = [(500, "")]
    with pytest.raises(PermanentFailure, match="erp-http-500"):
        send(config, orders.order("PO-2"))
    with pytest.raises(PermanentFailure, match="erp-cannot"):
        send(config, orders.ticket())
    with pytest.raises(PermanentFailure, match="erp-http-401"):
        send(config.model_copy(update={"user": "x"}), orders.order("PO-2"))


@pytest.mark.parametrize("status", [507, 521, 530])
@pytest.mark.parametrize("kind", ["rest", "tryton", "odoo", "erpnext", "onec", "webhook"])
def test_what_a_proxy_says_of_an_erp_that_is_away_is_temporary(
    tmp_path: Path, kind: str, status: int
) -> None:
    with Receiver() as proxy:
        proxy.faults = [(status, "")]
        with pytest.raises(TemporaryFailure, match=f"^erp-http-{status}$"):
            send(settings(kind, proxy, tmp_path), orders.order("PO-1"))


def test_products_are_listed(erpnext: Recorded, onec: Recorded, tmp_path: Path) -> None:
    listed = products(settings("erpnext", erpnext, tmp_path))
    assert [(one.sku, one.unit) for one in listed] == [("BOLT-M8", "Nos"), ("PUMP-24", "Nos")]
    assert [one.sku for one in products(settings("onec", onec, tmp_path))] == ["BOLT-M8", "PUMP-24"]


def test_one_product_and_one_customer_are_found(erpnext: Recorded, tmp_path: Path) -> None:
    async def talk() -> None:
        erp = connect(settings("erpnext", erpnext, tmp_path), post.HandClock())
        assert isinstance(erp, Documents)
        found = await erp.product("BOLT-M8")
        assert found == Product(id="BOLT-M8", sku="BOLT-M8", name="Bolt", unit="Nos", unit_id="Nos")
        assert await erp.product("NO-SUCH", "4006381333931") is None
        customer = await erp.customer(orders.ACME)
        assert customer == Customer(id="ACME", name="ACME", number="ACME")
        assert await erp.customer({"email": "x@nobody.example", "tax_id": ""}) is None
        await erp.close()

    asyncio.run(talk())


class Receiver(Recorded):
    """Remembers what it was sent."""

    said: Any = ""

    def answer(
        self, method: str, path: str, query: dict[str, str], headers: Any, body: Any
    ) -> tuple[int, Any]:
        self.records.setdefault("calls", []).append({"headers": dict(headers), "body": body})
        return 200, self.said


@pytest.mark.parametrize(("said", "shown"), [("", None), ({"id": "X-1"}, "X-1"), ({"id": 7}, "7")])
def test_a_webhook_is_a_signed_cloud_event(tmp_path: Path, said: Any, shown: str | None) -> None:
    key = base64.b64encode(b"0123456789abcdef").decode()
    (tmp_path / "secret").write_text(f"whsec_{key}")
    request = orders.order("PO-1")
    with Receiver() as receiver:
        receiver.said = said  # type: ignore[attr-defined]
        config = ErpSection(
            kind="webhook", base_url=f"{receiver.url}/hook", token_file=tmp_path / "secret"
        )
        assert send(config, request) == (shown or request.key)
        (call,) = receiver.records["calls"]
    headers = {name.lower(): value for name, value in call["headers"].items()}
    assert headers["ce-type"] == "postroom.order.create"
    assert headers["ce-id"] == headers["webhook-id"] == request.key
    signed = f"{request.key}.{headers['webhook-timestamp']}.{request.body}".encode()
    mac = hmac.new(b"0123456789abcdef", signed, hashlib.sha256).digest()
    assert headers["webhook-signature"] == f"v1,{base64.b64encode(mac).decode()}"
    assert call["body"] == json.loads(request.body)
