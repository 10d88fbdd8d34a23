"""Spans: one trace per queue id across processes, nothing of a message in them."""

import asyncio
from typing import Any

import pytest

from postroom.config import Config
from postroom.envelope import Envelope
from postroom.failure import TemporaryFailure
from postroom.service.tracing import Tracing, of_envelope

memory = pytest.importorskip(
    "opentelemetry.sdk.trace.export.in_memory_span_exporter", reason="postroom[otel]"
)


async def _take(envelope: Envelope, raw: bytes) -> int:
    if raw == b"bad":
        raise TemporaryFailure("database")
    return len(raw)


def _spans(*raws: bytes, queue_id: str = "4jc", part: str = "lmtp") -> list[Any]:
    exporter = memory.InMemorySpanExporter()
    tracing = Tracing(Config(), part, exporter)
    take = tracing.around("take", _take, of_envelope)

    async def scene() -> None:
        for raw in raws:
            try:
                assert await take(Envelope(queue_id=queue_id, sender="anna@kunde.test"), raw)
            except TemporaryFailure:
                continue

    asyncio.run(scene())
    tracing.stop()
    return list(exporter.get_finished_spans())


def test_a_queue_id_is_one_trace_in_every_process() -> None:
    (there,), (here,) = _spans(b"a", part="milter"), _spans(b"a", part="lmtp")
    (other,) = _spans(b"a", queue_id="4jd")
    assert there.context.trace_id == here.context.trace_id != other.context.trace_id


def test_a_span_tells_queue_id_size_and_reason_and_no_more() -> None:
    good, bad = _spans(b"a secret", b"bad")
    assert dict(good.attributes) == {"postroom.queue_id": "4jc", "postroom.size": 8}
    assert bad.attributes["postroom.reason"] == "database"
    assert not bad.status.is_ok
    assert "anna" not in f"{good.to_json()}{bad.to_json()}"


def test_without_an_endpoint_nothing_is_wrapped() -> None:
    assert Tracing(Config(), "lmtp").around("take", _take) is _take
