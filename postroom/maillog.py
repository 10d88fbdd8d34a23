"""The operator's story: one function per event, one JSON object per line on standard output.

Every event has a name, the queue id or our message number where known, and short facts. Never
in a line: secrets, subjects, bodies, addresses of people beyond the envelope. Peers' data is
cut to 200 characters and stripped of control characters, so that a log line is one line.
docs/logging.md lists the events and is tested.
"""

import logging
import sys
from typing import Any, TextIO

import structlog

_LONGEST = 200


def configure(level: str, style: str, out: TextIO = sys.stdout) -> None:
    """Sends events of at least `level` to `out` as "json" or "text"."""
    renderer: Any = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if style == "json"
        else structlog.dev.ConsoleRenderer(colors=False)
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _clean,
            structlog.processors.dict_tracebacks,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        # One write per line, also with PYTHONUNBUFFERED: the parts share the supervisor's output.
        logger_factory=structlog.WriteLoggerFactory(out),
        cache_logger_on_first_use=False,
    )


def _clean(_logger: Any, _name: str, event: Any) -> Any:
    for key, value in event.items():
        if isinstance(value, str):
            printable = "".join(c if c.isprintable() else "?" for c in value)
            event[key] = printable[:_LONGEST]
    return event


def _log() -> Any:
    return structlog.get_logger()


def started(part: str, **facts: Any) -> None:
    """A part of the service listens or works."""
    _log().info("started", part=part, **facts)


def stopped(part: str, **facts: Any) -> None:
    """A part of the service ended."""
    _log().info("stopped", part=part, **facts)


def part_died(*, part: str, status: int, restart_in: float) -> None:
    """A part of the service ended without being asked; it is started again."""
    _log().error("part-died", part=part, status=status, restart_in=restart_in)


def examined(
    *, queue_id: str, disposition: str, reason: str, category: str, seconds: float, **results: str
) -> None:
    """The milter answered for a message."""
    _log().info(
        "examined",
        queue_id=queue_id,
        disposition=disposition,
        reason=reason,
        category=category,
        seconds=round(seconds, 4),
        **results,
    )


def taken(
    *, queue_id: str, message: int, category: str, outcome: str, actions: int, seconds: float
) -> None:
    """LMTP committed a message; 250 is said next."""
    _log().info(
        "taken",
        queue_id=queue_id,
        message=message,
        category=category,
        outcome=outcome,
        actions=actions,
        seconds=round(seconds, 4),
    )


def parked(*, queue_id: str, message: int, failures: int) -> None:
    """A message that nobody could take was taken as it is; it waits in review as "poison"."""
    _log().error("parked", queue_id=queue_id, message=message, failures=failures)


def duplicate(*, queue_id: str, message: int) -> None:
    """A redelivered message changed nothing."""
    _log().info("duplicate", queue_id=queue_id, message=message)


def stamp_ignored(*, queue_id: str, reason: str) -> None:
    """A stamp could not be believed; the message is examined anew."""
    _log().warning("stamp-ignored", queue_id=queue_id, reason=reason)


def deferred(*, queue_id: str, stage: str, reason: str) -> None:
    """A peer was told 4xx; Postfix keeps the message."""
    _log().warning("deferred", queue_id=queue_id, stage=stage, reason=reason)


def refused(*, queue_id: str, stage: str, reason: str) -> None:
    """A peer was told 5xx; Postfix sends the message back."""
    _log().warning("refused", queue_id=queue_id, stage=stage, reason=reason)


def attempted(
    *, action: int, message: int, step: str, attempt: int, outcome: str, reason: str, result: str
) -> None:
    """An attempt at an action ended."""
    _log().info(
        "attempted",
        action=action,
        message=message,
        step=step,
        attempt=attempt,
        outcome=outcome,
        reason=reason,
        result=result,
    )


def destination_away(*, destination: str, reason: str, failures: int, pause: float) -> None:
    """A destination failed too often in a row; its actions wait, no attempt is used up."""
    _log().error(
        "destination-away", destination=destination, reason=reason, failures=failures, pause=pause
    )


def destination_back(*, destination: str) -> None:
    """A destination that was away has answered."""
    _log().info("destination-back", destination=destination)


def reply_withheld(*, message: int, reason: str) -> None:
    """A reply that was planned is not sent."""
    _log().info("reply-withheld", message=message, reason=reason)


def decided(*, message: int, who: str, decision: str) -> None:
    """A person approved or rejected a message in review."""
    _log().info("decided", message=message, who=who, decision=decision)


def audited(*, row: int, seal: str) -> None:
    """The audit log ends here now; kept elsewhere, it shows later whether rows were cut off."""
    _log().info("audited", row=row, seal=seal)


def dmarc_report(*, day: str, domain: str, address: str, state: str, detail: str) -> None:
    """An aggregate report was sent, or why it was not."""
    _log().info("dmarc-report", day=day, domain=domain, address=address, state=state, detail=detail)


def shadow_differs(
    *,
    queue_id: str,
    live: str,
    live_confidence: float,
    candidate: str,
    candidate_confidence: float,
    model: str,
) -> None:
    """The candidate model, asked beside the live one, said another category."""
    _log().info(
        "shadow-differs",
        queue_id=queue_id,
        live=live,
        live_confidence=live_confidence,
        candidate=candidate,
        candidate_confidence=candidate_confidence,
        model=model,
    )


def reloaded(*, part: str, rules: int, model: str, problems: int) -> None:
    """A part took rules and model anew on SIGHUP; what had a fault stays as it was."""
    _log().info("reloaded", part=part, rules=rules, model=model, problems=problems)


def degraded(*, part: str, reason: str) -> None:
    """Something works with less than it should (a broken model, a rules file with a fault)."""
    _log().error("degraded", part=part, reason=reason)


def worker_lost(*, reason: str, place: str) -> None:
    """A worker process broke a limit or crashed while reading, and was replaced."""
    _log().warning("worker-lost", reason=reason, place=place)


def bug(where: str, error: BaseException) -> None:
    """Something that must not happen did; with its traceback."""
    _log().error("bug", where=where, exc_info=error)
