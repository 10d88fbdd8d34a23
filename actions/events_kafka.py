"""A Kafka topic as a sink of events (extra `kafka`, aiokafka).

Records are the CloudEvents in structured mode, keyed by message, so that the events of one message
stay in order within their partition. The producer is idempotent and waits for all replicas; two
publishers that run at once may still write an event twice, with the same id.

Limits: no TLS or SASL; put a broker or proxy on a trusted network beside it.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from postroom.config import Config
from postroom.failure import PermanentFailure, TemporaryFailure
from postroom.store.engine import Database

from . import events_feed as feed
from .events import MEDIA_TYPE, Happening, cloud_event, event_type


def make_producer(config: Config) -> Any:
    """aiokafka's producer. Raises PermanentFailure(kafka-missing) without the extra."""
    try:
        from aiokafka import AIOKafkaProducer  # type: ignore[import-untyped]
    except ImportError as error:
        said = ValueError("pip install 'postroom[kafka]'")
        raise PermanentFailure("kafka-missing", said) from error
    return AIOKafkaProducer(
        bootstrap_servers=",".join(config.events.kafka_brokers),
        client_id="postroom",
        acks="all",
        enable_idempotence=True,
        request_timeout_ms=int(config.events.timeout * 1_000),
    )


class KafkaSink:
    """The topic `events.kafka_topic`."""

    name = "kafka"

    def __init__(self, config: Config, database: Database) -> None:
        self._topic = config.events.kafka_topic
        self._hostname = config.service.hostname
        self._config = config
        self._database = database
        self._producer: Any = None

    async def place(self) -> int:
        """How far it is."""
        return await asyncio.to_thread(feed.position, self._database, self.name)

    async def publish(self, place: int, happenings: Sequence[Happening]) -> None:
        """Writes the records, waits for all, and moves on. Raises TemporaryFailure(kafka)."""
        try:
            await self._write([one for one in happenings if event_type(one)])
        except (OSError, RuntimeError) as error:  # aiokafka's KafkaError is a RuntimeError
            await self.close()
            raise TemporaryFailure("kafka", error) from error
        await asyncio.to_thread(self._move_on, happenings[-1].id)

    async def _write(self, told: Sequence[Happening]) -> None:
        if self._producer is None:
            self._producer = make_producer(self._config)
            await self._producer.start()
        sent = [
            await self._producer.send(
                self._topic,
                cloud_event(one, self._hostname).encode(),
                key=f"m{one.message}".encode(),
                headers=[("content-type", MEDIA_TYPE.encode())],
            )
            for one in told
        ]
        await asyncio.gather(*sent)

    def _move_on(self, new: int) -> None:
        with self._database.transaction() as connection:
            feed.move_past(connection, self.name, new)

    async def close(self) -> None:
        """Ends the producer; records that were not confirmed are written again."""
        if self._producer is not None:
            await self._producer.stop()
            self._producer = None
