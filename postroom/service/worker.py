"""The worker process: the outbox, and a performer for each step."""

import asyncio
from collections.abc import Callable

import uvicorn

from postroom import maillog
from postroom.actions.bus import BusBell
from postroom.actions.erp.connect import connect
from postroom.actions.erp.exchange import Exchange
from postroom.actions.events_kafka import KafkaSink
from postroom.actions.events_publish import Publisher, RedisSink, Sink, WebhookSink
from postroom.actions.events_webhook import WebhookPerformer
from postroom.actions.outbox import Done, Leased
from postroom.actions.performers import (
    ErpPerformer,
    ForwardPerformer,
    Performer,
    ReplyPerformer,
)
from postroom.actions.plan import PlannedDelivery
from postroom.actions.worker import Worker
from postroom.clock import SystemClock
from postroom.codec import from_json
from postroom.config import Config
from postroom.decision import Step
from postroom.dmarc.taking import Taker
from postroom.doorbell import Doorbell, bell_path
from postroom.failure import PermanentFailure
from postroom.lmtp.mailbox import deliver
from postroom.reading.pool import WorkerPool
from postroom.store import messages
from postroom.store.engine import Database

from . import terminated
from .tracing import Tracing
from .web import web_server

_LONGEST_RESULT = 500  # characters kept of what became of reports


async def run_worker(config: Config) -> None:
    """Works until SIGTERM, then finishes what runs."""
    database = Database(config.store_url)
    doorbell = Doorbell(bell_path(config))
    bell = BusBell(config, doorbell)
    webhooks = WebhookPerformer(config, database, SystemClock())
    sinks = [make(config, database) for make in sinks_of(config)]
    publisher = Publisher(config, database, sinks)
    erp = connect(config.erp, SystemClock())
    tickets = connect(config.tickets, SystemClock()) if config.tickets.is_set else erp
    # Reports are rare: one process, started when the first one comes.
    reading = config.reading.model_copy(update={"workers": min(1, config.reading.workers)})
    pool = WorkerPool(reading, ("postroom.dmarc.arrival",))
    performers: dict[Step, Performer] = {
        Step.ORDER_CREATE: ErpPerformer(erp),
        Step.INVOICE_UPDATE: ErpPerformer(erp),
        Step.TICKET_CREATE: ErpPerformer(tickets),
        Step.REPLY: ReplyPerformer(config, database, SystemClock()),
        Step.FORWARD: ForwardPerformer(config, database),
        Step.DELIVER: DeliverPerformer(config, database),
        Step.WEBHOOK: webhooks,
        Step.REPORT_READ: ReportPerformer(
            Taker(config, database, SystemClock(), pool.run), database
        ),
    }
    tracing = Tracing(config, "worker")
    worker = Worker(
        config,
        database,
        SystemClock(),
        {
            step: tracing.around(step.value, performer, _of_leased)
            for step, performer in performers.items()
        },
        bell,
    )
    visits = None
    if config.erp.kind == "commerceml" and config.erp.listen:
        site = Exchange(config, database, SystemClock())
        visits = web_server(site.application, config.erp.listen)
    async with asyncio.TaskGroup() as group:
        working = group.create_task(worker.run())
        if visits is not None:
            group.create_task(_receive(visits))
        beside = [group.create_task(bell.run()), group.create_task(publisher.run())]
        waiting = group.create_task(terminated())
        await asyncio.wait({working, waiting}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        worker.stop()
        if visits is not None:
            visits.should_exit = True
        await asyncio.wait({working})
        for task in beside:
            task.cancel()
    for sink in sinks:
        await sink.close()
    await webhooks.close()
    await erp.close()
    await tickets.close()
    pool.stop()
    tracing.stop()
    doorbell.close()
    database.close()


def sinks_of(config: Config) -> list[Callable[[Config, Database], Sink]]:
    """Where the configuration wants events to go."""
    wanted: list[Callable[[Config, Database], Sink]] = []
    if config.redis.url:
        wanted.append(RedisSink)
    if config.events.webhooks:
        wanted.append(WebhookSink)
    if config.events.kafka_brokers:
        wanted.append(KafkaSink)
    return wanted


def _of_leased(leased: Leased) -> dict[str, str | int]:
    return {"message": leased.message, "action": leased.id, "attempt": leased.attempt}


async def _receive(visits: uvicorn.Server) -> None:
    """Serves 1C; a port that cannot be had holds up nothing but that."""
    try:
        await visits.serve()
    except SystemExit:  # how uvicorn says that it cannot listen
        maillog.degraded(part="exchange", reason="cannot-listen")


class DeliverPerformer:
    """Hands a message on to the people's mailbox; joins actions to lmtp/mailbox.py."""

    def __init__(self, config: Config, database: Database) -> None:
        self._config = config
        self._database = database

    async def __call__(self, leased: Leased) -> Done:
        """The result is where the copy lies.

        Raises what `deliver` raises, and PermanentFailure(message-gone).
        """
        planned = from_json(PlannedDelivery, leased.body)
        stored = await asyncio.to_thread(stored_message, self._database, leased.message)
        return Done(
            result=await deliver(
                stored.raw,
                config=self._config,
                recipient=planned.recipient,
                sender=stored.envelope.sender,
                folder=planned.folder,
                key=leased.key,
                category=planned.category,
                confidence=stored.classification.confidence,
                message=stored.id,
                repeated=leased.attempt > 1,
            )
        )


class ReportPerformer:
    """Takes a DMARC report into the store; joins actions to postroom/dmarc."""

    def __init__(self, taker: Taker, database: Database) -> None:
        self._taker = taker
        self._database = database

    async def __call__(self, leased: Leased) -> Done:
        """The result says what became of each report in the message.

        Raises TemporaryFailure(busy, database, storage-full) and PermanentFailure(message-gone).
        """
        stored = await asyncio.to_thread(stored_message, self._database, leased.message)
        said = await self._taker.take(
            stored.raw, message=stored.id, authenticated=stored.verdict.authenticated_domain
        )
        return Done(result="; ".join(said)[:_LONGEST_RESULT] or "no aggregate report")


def stored_message(database: Database, number: int) -> messages.StoredMessage:
    """A message from the store; raises PermanentFailure(message-gone)."""
    with database.reading() as connection:
        stored = messages.message(connection, number)
    if stored is None:
        raise PermanentFailure("message-gone")
    return stored
