"""Documents in an ERP that refuses something: what a person comes to know."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from postroom.actions.erp.documents import Documents, Record
from postroom.actions.erp.mapping import Document, Lookup, Mapping
from postroom.config import ErpSection
from postroom.failure import PermanentFailure
from tests.erps import orders
from tests.fakes import post


class Desk:
    """An ERP with one table, which does what it is asked but for what it refuses."""

    def __init__(self, *refuses: str) -> None:
        self._refuses = refuses
        self.records: list[Record] = []
        self.done: list[str] = []

    async def search(
        self, entity: str, by: Record, fields: Sequence[str], *, limit: int, offset: int = 0
    ) -> list[Record]:
        return [one for one in self.records if by.items() <= one.items()]

    async def read(self, entity: str, identifier: Any, fields: Sequence[str]) -> Record:
        found: Record = self.records[identifier]
        return found

    async def create(self, entity: str, values: Record) -> Any:
        self.records.append({**values, "id": len(self.records), "state": "new"})
        return self.records[-1]["id"]

    async def change(self, entity: str, identifier: Any, values: Record) -> None:
        self.records[identifier].update(values)

    async def act(self, entity: str, identifier: Any, action: str) -> None:
        if action in self._refuses:
            raise PermanentFailure("erp-rejected", detail=action)
        self.done.append(action)
        self.records[identifier]["state"] = action

    async def complete(self, entity: str, values: Record) -> Record:
        return values

    async def close(self) -> None:
        return


def send(desk: Desk, *, done: tuple[str, ...], actions: tuple[str, ...]) -> str:
    ticket = Document(
        entity="ticket",
        reference={"ref": "$external_ref"},
        values={"ref": "$external_ref"},
        actions=actions,
        state="state",
        done=done,
    )
    erp = Documents(
        desk, Mapping(ticket=ticket), settings=ErpSection(kind="odoo"), clock=post.HandClock()
    )
    return asyncio.run(erp.send(orders.ticket()))


def refusal(desk: Desk, *, done: tuple[str, ...], actions: tuple[str, ...]) -> str:
    with pytest.raises(PermanentFailure, match="erp-rejected") as failure:
        send(desk, done=done, actions=actions)
    return failure.value.detail


def test_a_refusal_is_told_where_nothing_says_that_the_document_is_done() -> None:
    desk = Desk("assign")
    assert refusal(desk, done=(), actions=("assign", "open")) == "assign"
    assert desk.done == ["open"]


def test_of_a_document_that_is_not_done_in_the_end_the_refusal_is_told() -> None:
    assert refusal(Desk("assign"), done=("shut",), actions=("assign", "open")) == "assign"
    assert refusal(Desk("a", "b"), done=("c",), actions=("a", "b")) == "a"


def test_what_an_earlier_attempt_did_may_be_refused_if_the_document_is_done_in_the_end() -> None:
    desk = Desk("quote")
    assert send(desk, done=("confirm",), actions=("quote", "confirm")) == "0"
    assert desk.records[0]["state"] == "confirm"


CUSTOMERS = Lookup(
    entity="party", by=({"mail": "$email"}, {"vat": "$tax_id"}), fields={"id": "id", "name": "name"}
)


def customer_id(desk: Desk, **who: str) -> str:
    """Whose account an order of such a customer is put on."""
    order = Document(
        entity="order", reference={"ref": "$external_ref"}, values={"party": "$customer.id"}
    )
    erp = Documents(
        desk,
        Mapping(order=order, customer=CUSTOMERS),
        settings=ErpSection(kind="odoo"),
        clock=post.HandClock(),
    )
    request = orders.order(str(len(desk.records)), customer={"name": "", "company": "", **who})
    asyncio.run(erp.send(request))
    return str(desk.records[-1]["party"])


def test_a_tax_number_alone_orders_on_nobody_s_account() -> None:
    desk = Desk()
    desk.records = [{"id": 0, "mail": "buy@big.example", "vat": "DE136695976", "name": "Big AG"}]
    assert customer_id(desk, email="buy@big.example", tax_id="") == "0"
    assert customer_id(desk, email="buy@big.example", tax_id="DE136695976") == "0"
    with pytest.raises(PermanentFailure, match="erp-customer-unproven") as failure:
        customer_id(desk, email="eve@evil.test", tax_id="DE136695976")
    assert failure.value.detail == "eve@evil.test is not known as an address of Big AG"
    with pytest.raises(PermanentFailure, match="erp-customer-unknown"):
        customer_id(desk, email="eve@evil.test", tax_id="")
