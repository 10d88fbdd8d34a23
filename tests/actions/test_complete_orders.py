"""Complete orders, from the mail's bytes to a real Tryton, read back from Tryton's own tables.

What counts: of the mails whose order was read as complete, how many stand in the ERP with exactly
the lines their author meant (at least 95 %). What was not read as complete is for a person, and
counted by itself.
"""

import asyncio
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import select

from postroom.actions import outbox
from postroom.actions import plan as planning
from postroom.actions.erp.connect import connect
from postroom.actions.performers import ErpPerformer
from postroom.actions.worker import Worker
from postroom.classify.orders import extract
from postroom.clock import SystemClock
from postroom.config import Config
from postroom.decision import Action, Step
from postroom.doorbell import Doorbell
from postroom.reading.reader import read
from postroom.store.engine import Database
from postroom.store.schema import ACTION
from tests.erps import complete_orders, server
from tests.erps.catalogue import PRODUCTS
from tests.erps.complete_orders import Ordered
from tests.fakes import post

pytestmark = pytest.mark.slow
_EACH = 2  # orders of every language and form
_PRICES = {code: Decimal(price) for code, _, price, _ in PRODUCTS}


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="tryton-") as name:
        yield Path(name)


def planned(mail: Ordered, database: Database, config: Config) -> Action | None:
    """The mail's action in the outbox; None when its order is not complete."""
    message = read(mail.raw)
    order = extract(message)
    if not order.complete:
        return None
    now = SystemClock().now()
    (action, *_) = planning.plan(
        post.decision(steps=(Step.ORDER_CREATE,), template=""),
        message=message,
        verdict=post.verdict(author=mail.customer),
        order=order,
        classification=post.classification(),
        envelope=post.envelope(sender=mail.customer),
        digest=mail.number,
        received_at=now,
        config=config,
    )
    number = post.take(database, mail.number, author=mail.customer, at=now)
    with database.transaction() as connection:
        outbox.put(connection, number, [action], now, "lmtp")
    return action


def carry_out(config: Config, database: Database, folder: Path) -> None:
    """A worker does all of it."""

    def is_open() -> bool:
        with database.reading() as connection:
            states = set(connection.execute(select(ACTION.c.state)).scalars())
        return bool(states - {"done", "dead"})

    async def main() -> None:
        clock = SystemClock()
        erp = connect(config.erp, clock)
        bell = Doorbell(folder / "bell")
        performers = {Step.ORDER_CREATE: ErpPerformer(erp)}
        worker = Worker(config, database, clock, performers, bell)
        task = asyncio.create_task(worker.run())
        async with asyncio.timeout(300):
            while is_open():
                await asyncio.sleep(0.1)
        worker.stop()
        await task
        await erp.close()
        bell.close()

    asyncio.run(main())


def held(tryton: Path, key: str) -> list[tuple[tuple[str, Decimal, Decimal], ...]]:
    """The lines of every order under our key, as Tryton's tables have them."""

    def number(value: object) -> Decimal:
        return Decimal(value.decode() if isinstance(value, bytes) else str(value))

    with sqlite3.connect(f"file:{tryton}?mode=ro", uri=True) as connection:
        sales = connection.execute(
            "SELECT id FROM sale_sale WHERE description = ? AND state IN"
            " ('confirmed', 'processing')",
            (f"postroom {key}",),
        ).fetchall()
        return [
            tuple(
                sorted(
                    (code, number(quantity), number(price))
                    for code, quantity, price in connection.execute(
                        "SELECT p.code, l.quantity, l.unit_price FROM sale_line l"
                        " JOIN product_product p ON p.id = l.product WHERE l.sale = ?",
                        sale,
                    )
                )
            )
            for sale in sales
        ]


def test_complete_orders_end_in_the_erp_as_their_authors_meant_them(
    folder: Path, database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    build = server.prepared("tryton")
    mails = complete_orders.written(7, _EACH)
    right, complete, reasons = Counter[str](), Counter[str](), Counter[str]()
    with server.tryton(folder, build) as url:
        config = post.config(
            service={"mailboxes": [post.INFO], "run_dir": str(folder)},
            erp={
                "kind": "tryton",
                "base_url": url,
                "database": "postroom",
                "token_file": str(build / "key"),
                "company": "1",
                "timeout": 50.0,
            },
        )
        actions = {mail.number: planned(mail, database, config) for mail in mails}
        carry_out(config, database, folder)
    for mail in mails:
        action = actions[mail.number]
        if action is None:
            continue
        complete[mail.form] += 1
        # A price the customer did not name is the ERP's.
        wanted = tuple(sorted((c, q, _PRICES[c] if p is None else p) for c, q, p in mail.lines))
        right[mail.form] += held(folder / "postroom.sqlite", action.key) == [wanted]
    with database.reading() as connection:
        reasons.update(
            connection.execute(select(ACTION.c.reason).where(ACTION.c.state == "dead")).scalars()
        )
    done, of = right.total(), complete.total()
    with capsys.disabled():
        print(f"\n{len(mails)} order mails, {of} read as complete, {done} right in Tryton")
        print(f"({done / of:.1%} of the complete ones), dead letters: {dict(reasons)}")
    assert of >= 0.9 * len(mails)
    assert done >= 0.95 * of
