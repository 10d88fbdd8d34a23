"""1C comes for its orders: the exchange over real HTTP, and what happens when it breaks off."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from postroom.actions import outbox
from postroom.actions import plan as planning
from postroom.actions.erp.exchange import COOKIE, PATH, Exchange
from postroom.actions.lanes import destinations
from postroom.classify.orders import extract_document
from postroom.config import Config
from postroom.decision import Step
from postroom.order import OrderLine
from postroom.service.web import web_server
from postroom.store.engine import Database
from postroom.store.schema import ACTION
from tests.erps.server import free_port
from tests.fakes import post

pytestmark = pytest.mark.slow  # the file as a whole takes seconds

LOGIN = ("1c", "пароль")


@pytest.fixture
def config(tmp_path: Path) -> Config:
    (tmp_path / "secret").write_text("parole")
    return post.config(
        erp={
            "kind": "commerceml",
            "base_url": "",
            "listen": f"127.0.0.1:{free_port()}",
            "user": "1c",
            "token_file": str(tmp_path / "secret"),
        },
        catalogue={"file": str(tmp_path / "import.xml")},
    )


def take(
    database: Database,
    config: Config,
    number: str,
    *,
    lines: tuple[OrderLine, ...] = post.order().lines,
    **changes: Any,
) -> str:
    """The key of the order, whose body is changed as said after it was planned."""
    actions = planning.plan(
        post.decision(), message=post.message(), verdict=post.verdict(),
        order=post.order(number=number, lines=lines), classification=post.classification(),
        envelope=post.envelope(), digest=number, received_at=post.NOW, config=config,
    )  # fmt: skip
    order, *others = actions
    order = replace(order, body=json.dumps(json.loads(order.body) | changes))
    message = post.take(database, number)
    with database.transaction() as connection:
        outbox.put(connection, message, [order, *others], post.NOW, "lmtp")
    return order.key


def states(database: Database) -> list[tuple[str, str, str]]:
    with database.reading() as connection:
        rows = connection.execute(select(ACTION).order_by(ACTION.c.id)).all()
    return [(row.step, row.state, row.result) for row in rows]


class OneC:
    """1C's side of the protocol."""

    def __init__(self, config: Config) -> None:
        self._client = httpx.AsyncClient(base_url=f"http://{config.erp.listen}", trust_env=False)

    async def ask(self, kind: str, mode: str, **more: str) -> httpx.Response:
        return await self._client.get(PATH, params={"type": kind, "mode": mode, **more})

    async def greet(self, user: str = "1c", password: str = "parole") -> httpx.Response:
        answer = await self._client.get(
            PATH, params={"type": "sale", "mode": "checkauth"}, auth=(user, password)
        )
        lines = answer.text.splitlines()
        if lines[0] == "success":
            self._client.cookies.set(lines[1], lines[2])
        return answer

    async def send(self, name: str, content: bytes) -> httpx.Response:
        params = {"type": "catalog", "mode": "file", "filename": name}
        return await self._client.post(PATH, params=params, content=content)

    async def close(self) -> None:
        await self._client.aclose()


def visit(
    config: Config,
    database: Database,
    talk: Callable[[OneC], Awaitable[None]],
    clock: post.HandClock | None = None,
) -> None:
    """The site, on its port, and 1C's visit."""

    async def main() -> None:
        site = Exchange(config, database, clock or post.HandClock())
        server = web_server(site.application, config.erp.listen)
        serving = asyncio.create_task(server.serve())
        onec = OneC(config)
        async with asyncio.timeout(30):
            while not server.started:
                await asyncio.sleep(0.01)
            try:
                await talk(onec)
            finally:
                server.should_exit = True
                await onec.close()
                await serving

    asyncio.run(main())


def test_orders_are_taken_and_then_done(config: Config, database: Database) -> None:
    key = take(database, config, "17")
    take(database, config, "18")

    async def talk(onec: OneC) -> None:
        assert (await onec.greet()).text.splitlines()[:2] == ["success", COOKIE]
        assert (await onec.ask("sale", "init")).text.startswith("zip=no\nfile_limit=")
        answer = await onec.ask("sale", "query")
        assert answer.content.count(b"<\xd0\x94\xd0\xbe\xd0\xba\xd1\x83\xd0\xbc\xd0\xb5") == 2
        assert key.encode() in answer.content
        assert {state for _, state, _ in states(database)} == {"leased", "pending"}
        assert (await onec.ask("sale", "success")).text == "success\n"

    visit(config, database, talk)
    orders = [row for row in states(database) if row[0] == "order-create"]
    assert orders == [("order-create", "done", "17"), ("order-create", "done", "18")]


def test_what_1c_gets_is_what_was_ordered(config: Config, database: Database) -> None:
    """Read by the reader of CommerceML that we have for customers' files."""
    take(database, config, "17")
    content = b""

    async def talk(onec: OneC) -> None:
        nonlocal content
        await onec.greet()
        content = (await onec.ask("sale", "query")).content

    visit(config, database, talk)
    order = extract_document("orders.xml", content)
    assert (order.number, order.currency) == ("17", "RUB")
    assert [(line.sku, line.quantity, line.description) for line in order.lines] == [
        ("A-1", Decimal("1234.5"), "Болт М8"), ("", Decimal(3), "Гайка М8"),
    ]  # fmt: skip
    assert order.lines[0].unit_price == Decimal("12.30")
    assert order.buyer.tax_id == "7707083893"


def test_a_visit_that_breaks_off_loses_nothing(config: Config, database: Database) -> None:
    key = take(database, config, "17")

    async def talk(onec: OneC) -> None:
        for _ in range(4):  # more often than there are attempts
            await onec.greet()
            assert key.encode() in (await onec.ask("sale", "query")).content
        await onec.ask("sale", "success")
        await onec.greet()
        assert key.encode() not in (await onec.ask("sale", "query")).content

    visit(config, database, talk)
    assert states(database)[0][1] == "done"


@pytest.mark.parametrize("changes", [{"note": "a\uffffb"}, {"customer": None}, {"delivery": {}}])
def test_an_order_that_cannot_be_written_is_for_a_person_and_keeps_no_other_back(
    config: Config, database: Database, changes: dict[str, Any]
) -> None:
    keys = [take(database, config, "17"), take(database, config, "19")]
    bad = take(database, config, "18", **changes)

    async def talk(onec: OneC) -> None:
        await onec.greet()
        answer = await onec.ask("sale", "query")
        assert answer.status_code == 200
        assert all(key.encode() in answer.content for key in keys)
        assert bad.encode() not in answer.content
        assert (await onec.ask("sale", "success")).text == "success\n"

    visit(config, database, talk)
    orders = [state for step, state, _ in states(database) if step == "order-create"]
    assert orders == ["done", "done", "dead"]
    with database.reading() as connection:
        reason = connection.execute(select(ACTION.c.reason).where(ACTION.c.key == bad)).scalar()
    assert str(reason).startswith("erp-cannot: ")


def test_no_number_is_too_large_for_1c(config: Config, database: Database) -> None:
    large = OrderLine(
        line=1, sku="A-1", quantity=Decimal(10**14 - 1), unit_price=Decimal("99999999999999.99")
    )
    small = OrderLine(line=2, sku="A-2", quantity=Decimal(1), unit_price=Decimal("0.02"))
    take(database, config, "17", lines=(large, small))

    async def talk(onec: OneC) -> None:
        await onec.greet()
        content = (await onec.ask("sale", "query")).content.decode()
        assert "<Сумма>9999999999999899000000000000.01</Сумма>" in content
        assert "<Сумма>9999999999999899000000000000.03</Сумма>" in content

    visit(config, database, talk)


def test_a_restart_offers_again_what_was_under_way(config: Config, database: Database) -> None:
    key = take(database, config, "17")

    async def talk(onec: OneC) -> None:
        await onec.greet()
        assert key.encode() in (await onec.ask("sale", "query")).content

    visit(config, database, talk)
    later = post.NOW + timedelta(hours=2)
    outbox.reclaim(database, later, config.worker)
    visit(config, database, talk, post.HandClock(later))


@pytest.mark.parametrize("login", [("1c", "wrong"), ("", ""), LOGIN, ("x", "parole")])
def test_a_wrong_login_gets_nothing(
    config: Config, database: Database, login: tuple[str, str]
) -> None:
    take(database, config, "17")

    async def talk(onec: OneC) -> None:
        assert (await onec.greet(*login)).status_code == 401
        answer = await onec.ask("sale", "query")
        assert (answer.status_code, answer.text) == (401, "failure\nsession\n")

    visit(config, database, talk)
    assert {state for _, state, _ in states(database)} == {"pending"}


def test_the_catalogue_goes_where_orders_are_matched_with_it(
    config: Config, database: Database
) -> None:
    async def talk(onec: OneC) -> None:
        assert (await onec.send("import.xml", b"<x/>")).status_code == 401
        await onec.greet()
        assert (await onec.send("import0_1.xml", b"<x/>")).text == "success\n"
        assert (await onec.send("offers.xml", b"<y/>")).text == "success\n"
        assert (await onec.ask("catalog", "import", filename="import.xml")).text == "success\n"
        assert (await onec.ask("sale", "nonsense")).status_code == 400

    visit(config, database, talk)
    assert config.catalogue.file is not None
    assert config.catalogue.file.read_bytes() == b"<x/>"


def test_the_worker_leaves_orders_to_1c_and_plans_nothing_else_for_it(config: Config) -> None:
    (exchange,) = (one for one in destinations(config) if one.name == "exchange")
    assert exchange.steps == frozenset({Step.ORDER_CREATE})
    assert exchange.places == 0
    invoice = post.decision(steps=(Step.INVOICE_UPDATE,), template="")
    actions = planning.plan(
        invoice, message=post.message(), verdict=post.verdict(), order=post.order(),
        classification=post.classification(), envelope=post.envelope(), digest="d",
        received_at=post.NOW, config=config,
    )  # fmt: skip
    assert actions == ()
