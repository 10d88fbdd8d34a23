"""Traces for OpenTelemetry, an extra: `postroom[otel]`, and [tracing] says where they go.

In: the functions that the stages are handed. Out: the same functions, each call a span with its
duration, its outcome, and what is safe to tell: queue id, step, number. Nothing of a message goes
into a span. Everything of one queue id is one trace, in milter and LMTP alike, because the trace's
id is made from it; an attempt at an action is a trace of its own, with the message's number.

Only the composition root knows of this: without [tracing] the functions are handed on untouched.
Protocol: OTLP over HTTP; sampling and batching are OpenTelemetry's own (OTEL_* variables).
"""

import hashlib
import secrets
from collections.abc import Awaitable, Callable
from typing import Any, ParamSpec, TypeVar

from postroom.config import Config
from postroom.envelope import Envelope
from postroom.failure import Failure, PermanentFailure

Given = ParamSpec("Given")
Answer = TypeVar("Answer")
Facts = Callable[..., dict[str, str | int]]


class Tracing:
    """One process's spans; `stop` sends the last ones."""

    def __init__(self, config: Config, part: str, exporter: Any = None) -> None:
        """Raises PermanentFailure(no-otel) where [tracing] wants what is not installed."""
        self._provider: Any = None
        if not config.tracing.endpoint and exporter is None:
            return
        try:
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
        except ImportError as error:
            mend = RuntimeError("pip install 'postroom[otel]', or empty tracing.endpoint")
            raise PermanentFailure("no-otel", mend) from error
        named = Resource.create({"service.name": "postroom", "service.instance.id": part})
        self._provider = TracerProvider(resource=named, shutdown_on_exit=False)
        self._provider.add_span_processor(
            BatchSpanProcessor(exporter or _to(config.tracing.endpoint))
        )
        self._tracer = self._provider.get_tracer("postroom")

    def around(
        self,
        name: str,
        function: Callable[Given, Awaitable[Answer]],
        facts: Facts = lambda *_given: {},
    ) -> Callable[Given, Awaitable[Answer]]:
        """The function, with a span around each call; `facts` gets what it is called with."""
        if self._provider is None:
            return function

        async def traced(*given: Given.args, **named: Given.kwargs) -> Answer:
            told = facts(*given)
            parent = _parent(str(told["queue_id"])) if told.get("queue_id") else None
            attributes = {f"postroom.{key}": value for key, value in told.items()}
            with self._tracer.start_as_current_span(
                name, context=parent, attributes=attributes, record_exception=False
            ) as span:
                try:
                    return await function(*given, **named)
                except Failure as failure:
                    span.set_attribute("postroom.reason", failure.reason)
                    raise

        return traced

    def stop(self) -> None:
        """Sends what is left."""
        if self._provider is not None:
            self._provider.shutdown()


def of_envelope(envelope: Envelope, raw: bytes) -> dict[str, str | int]:
    """What a span tells of a message: its queue id and its size."""
    return {"queue_id": envelope.queue_id, "size": len(raw)}


def _to(endpoint: str) -> Any:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    return OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces")


def _parent(queue_id: str) -> Any:
    """The context of a span that nobody made: its trace's id is the queue id's."""
    from opentelemetry import trace

    identity = int.from_bytes(hashlib.sha256(queue_id.encode()).digest()[:16], "big")
    return trace.set_span_in_context(
        trace.NonRecordingSpan(
            trace.SpanContext(
                trace_id=identity,
                span_id=secrets.randbits(63) + 1,
                is_remote=True,
                trace_flags=trace.TraceFlags(trace.TraceFlags.SAMPLED),
            )
        )
    )
