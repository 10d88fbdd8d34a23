"""One connection from Postfix: milter callbacks in, a `Transaction` per MAIL FROM, one answer out.

The callbacks only collect; at end of message the thread that libmilter gave us waits for the
examination, which runs on the event loop, and turns it into header changes and a reply. Every
callback passes one guard: an exception must never reach libmilter, where Postfix would be told
its text or wait for an answer until milter_content_timeout.
Protocol: milter version 6, as in Postfix's MILTER_README and libmilter's mfapi.h.
Limits: a callback that was negotiated as "no reply" cannot refuse anything; what goes wrong in
it is remembered and the message is deferred at its end.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from postroom import maillog, metrics, stamp
from postroom.clock import Clock
from postroom.config import Config
from postroom.envelope import Envelope, parse_path
from postroom.examination import Examination
from postroom.failure import Failure, PermanentFailure, Reply, TemporaryFailure, reply_for
from postroom.reading.names import ascii_name
from postroom.verdict import Disposition, Verdict

from . import border
from .answer import header_value, refusal
from .binding import Milter
from .room import Room
from .transaction import Client, Transaction, client_of

DRY_RUN = "X-Postroom-Dry-Run"
DKIM_SIGNATURE = "DKIM-Signature"
_ACTIONS: int = Milter.ADDHDRS | Milter.CHGHDRS  # without them forged headers would stay
_WISHED_ACTIONS: int = _ACTIONS | Milter.QUARANTINE | Milter.SETSYMLIST
_STEPS: int = Milter.P_HDR_LEADSPC | Milter.P_NODATA | Milter.P_NOEOH | Milter.P_NOUNKNOWN
_SILENT: dict[str, int] = {  # callbacks whose answer Postfix need not wait for
    "connect": Milter.P_NR_CONN,
    "hello": Milter.P_NR_HELO,
    "recipient": Milter.P_NR_RCPT,
    "field": Milter.P_NR_HDR,
    "body": Milter.P_NR_BODY,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What is to be done with one message."""

    found: Examination
    signatures: tuple[str, ...] = ()  # values of DKIM-Signature fields, for mail of our own


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    """What all connections share."""

    config: Config
    key: stamp.StampKey
    clock: Clock
    judge: Callable[[Envelope, bytes], Judged]  # blocks, at most milter.deadline
    authentication_results: Callable[[Verdict, Envelope], str]
    connected: Callable[[], None]  # a session began
    disconnected: Callable[[], None]  # it ended
    opened: Callable[[], bool]  # a transaction begins; False: we drain and take no more
    closed: Callable[[], None]  # it ended, whatever way
    room: Room  # for the octets of large messages
    silent: bool  # "no reply" may be negotiated


class Session:
    """One connection; owns at most one transaction, which is made anew at every MAIL FROM."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._is_connected = False  # it began as a session does, not as a probe
        self._steps = 0  # negotiated protocol steps
        self._actions = 0  # negotiated actions
        self._client: Client | None = None  # None until connect was understood
        self._transaction: Transaction | None = None
        self._trouble: Exception | None = None  # from a callback that could not answer

    def guarded(self, name: str, step: Callable[..., int], ctx: Any, *said: Any) -> int:
        """The step's answer; should it fail, a temporary failure now or at end of message."""
        try:
            answer = step(self, ctx, *said)
        except Exception as error:  # noqa: BLE001 - session loop: nothing may reach libmilter
            maillog.bug(f"milter.{name}", error)
            answer = Milter.TEMPFAIL
            self._trouble = error
        silent = self._steps & _SILENT.get(name, 0)
        return int(Milter.NOREPLY if silent else answer)

    def negotiate(self, ctx: Any, options: list[int]) -> int:
        """Takes of Postfix's offer what we need; refuses a peer that cannot remove headers."""
        self._is_connected = True
        self._front.connected()
        actions, steps, *_ = options
        if actions & _ACTIONS != _ACTIONS:
            maillog.degraded(part="milter", reason="peer-cannot-change-headers")
            return int(Milter.REJECT)
        wished = _STEPS | (sum(_SILENT.values()) if self._front.silent else 0)
        self._actions = actions & _WISHED_ACTIONS
        self._steps = steps & wished
        options[:] = [self._actions, self._steps, 0, 0]
        if self._actions & Milter.SETSYMLIST:
            ctx.setsymlist(Milter.M_ENVFROM, "i {auth_authen}")
            ctx.setsymlist(Milter.M_EOM, "i")
        return int(Milter.CONTINUE)

    def connect(self, _ctx: Any, hostname: str, _family: int, hostaddr: object) -> int:
        """Who connected."""
        self._client = client_of(hostname, hostaddr)
        return int(Milter.CONTINUE)

    def hello(self, _ctx: Any, helo: str) -> int:
        """HELO or EHLO, perhaps again after STARTTLS."""
        self._client = self._connected().greeted(helo)
        return int(Milter.CONTINUE)

    def sender(self, ctx: Any, path: bytes, *_parameters: bytes) -> int:
        """MAIL FROM: whatever was before belongs to another message."""
        self._drop()
        self._trouble = None
        transaction = Transaction(
            client=self._connected(),
            sender=path,
            max_size=self._front.config.milter.max_size,
            leading_space=bool(self._steps & Milter.P_HDR_LEADSPC),
            room=self._front.room,
        )
        if not self._front.opened():
            return self._answer(ctx, reply_for(TemporaryFailure("shutting-down")))
        self._transaction = transaction
        return int(Milter.CONTINUE)

    def recipient(self, _ctx: Any, path: bytes, *_parameters: bytes) -> int:
        """RCPT TO; Postfix tells only those that it accepts itself."""
        self._current().add_recipient(path)
        return int(Milter.CONTINUE)

    def field(self, _ctx: Any, name: str, value: bytes) -> int:
        """One header field."""
        self._current().add_field(name, value)
        return int(Milter.CONTINUE)

    def body(self, _ctx: Any, chunk: bytes) -> int:
        """A piece of the body."""
        self._current().add_body(chunk)
        return int(Milter.CONTINUE)

    def end_of_message(self, ctx: Any) -> int:
        """The answer for the whole message."""
        started = time.monotonic()
        transaction, trouble = self._transaction, self._trouble
        self._transaction = None
        queue_id = ""
        try:
            queue_id = ctx.getsymval("i") or ""
            if transaction is None or trouble is not None:
                raise TemporaryFailure("broken-transaction", trouble)
            return self._judge(ctx, transaction, queue_id, started)
        except Failure as failure:
            return self._fail(ctx, failure, queue_id, started)
        except Exception as error:  # noqa: BLE001 - session loop: Postfix gets an answer
            maillog.bug("milter.end_of_message", error)
            return self._fail(ctx, TemporaryFailure("bug", error), queue_id, started)
        finally:
            if transaction is not None:
                transaction.leave()
                self._front.closed()

    def abort(self, _ctx: Any) -> int:
        """The message will not come; the connection stays."""
        self._drop()
        return int(Milter.CONTINUE)

    def close(self, _ctx: Any) -> int:
        """The connection is over."""
        self._drop()
        if self._is_connected:
            self._is_connected = False
            self._front.disconnected()
        return int(Milter.CONTINUE)

    def _connected(self) -> Client:
        # A client we know nothing of must not pass for one without an address: that is ourselves.
        if self._client is None:
            raise TemporaryFailure("unknown-client")
        return self._client

    def _current(self) -> Transaction:
        if self._transaction is None:
            raise TemporaryFailure("broken-transaction")
        return self._transaction

    def _drop(self) -> None:
        if self._transaction is not None:
            self._transaction.leave()
            self._transaction = None
            self._front.closed()

    def _judge(self, ctx: Any, transaction: Transaction, queue_id: str, started: float) -> int:
        if transaction.too_large:
            raise PermanentFailure("too-large")
        if transaction.crowded:
            raise TemporaryFailure("busy")
        if len(transaction.guarded) > border.MOST_GUARDED:
            raise PermanentFailure("forged-headers")
        envelope = transaction.envelope(
            queue_id=queue_id, authenticated_user=ctx.getsymval("{auth_authen}") or ""
        )
        raw, body_start = transaction.message()
        judged = self._front.judge(envelope, raw)
        found = judged.found
        told = found.disposition
        if self._front.config.policy.dry_run:
            told = Disposition.ACCEPT
        match told:
            case Disposition.REJECT:
                failure: Failure = PermanentFailure(found.reason)
                answer = self._answer(ctx, refusal(failure, found.text))
            case Disposition.DEFER:
                failure = TemporaryFailure(found.reason)
                answer = self._answer(ctx, refusal(failure, found.text))
            case Disposition.ACCEPT | Disposition.QUARANTINE | Disposition.DISCARD:
                self._remove_forged(ctx, transaction.guarded)
                for signature in judged.signatures:
                    self._insert(ctx, DKIM_SIGNATURE, signature)
                self._write(ctx, found, told, envelope, raw[body_start:])
                answer = int(Milter.ACCEPT)
        self._record(judged, told, queue_id, started)
        return answer

    def _record(self, judged: Judged, told: Disposition, queue_id: str, started: float) -> None:
        found = judged.found
        seconds = time.monotonic() - started
        metrics.STAGE_SECONDS.labels("milter").observe(seconds)
        metrics.MILTER_MESSAGES.labels(told.value, found.reason).inc()
        verdict = found.verdict
        results = {
            "spf": verdict.spf.result.value,
            "dkim": ",".join(signature.result.value for signature in verdict.dkim) or "none",
            "arc": verdict.arc.result.value,
            "dmarc": verdict.dmarc.result.value,
        }
        if judged.signatures:
            results["signatures"] = str(len(judged.signatures))
        if told is not found.disposition:
            results["dry_run"] = f"{told.value} instead"
        maillog.examined(
            queue_id=queue_id,
            disposition=found.disposition.value,
            reason=found.reason,
            category=found.classification.category,
            seconds=seconds,
            **results,
        )

    def _write(
        self, ctx: Any, found: Examination, told: Disposition, envelope: Envelope, body: bytes
    ) -> None:
        """Puts our headers on an accepted message, and holds it where that is the policy."""
        if found.verdict.local and self._leaves(envelope):
            return  # what we know of a message is nobody's business outside
        if told is not found.disposition:
            self._insert(ctx, DRY_RUN, f"{found.disposition.value}; reason={found.reason}")
        value = stamp.write(
            replace(found, disposition=told),
            queue_id=envelope.queue_id,
            body=body,
            key=self._front.key,
            now=self._front.clock.now(),
        )
        self._insert(ctx, stamp.HEADER, value)
        text = self._front.authentication_results(found.verdict, envelope)
        self._insert(ctx, border.AUTHENTICATION_RESULTS, text)
        hold = self._front.config.policy.quarantine == "hold"
        if told is Disposition.QUARANTINE and hold:
            self._hold(ctx, found.reason)

    def _leaves(self, envelope: Envelope) -> bool:
        """Whether no recipient is in a domain of our mailboxes."""
        mailboxes = self._front.config.service.mailboxes
        ours = {ascii_name(one.rpartition("@")[2]) for one in mailboxes} - {""}
        domains = {ascii_name(parse_path(one).domain) for one in envelope.recipients}
        return bool(ours) and ours.isdisjoint(domains)

    def _remove_forged(self, ctx: Any, guarded: list[tuple[str, bytes]]) -> None:
        # Before anything is inserted: Postfix counts fields as they stand at that moment.
        for removal in border.forged(guarded, self._front.config.service.hostname):
            ctx.chgheader(removal.name, removal.index, "")
            metrics.HEADERS_REMOVED.labels(removal.kind).inc()

    def _insert(self, ctx: Any, name: str, value: str) -> None:
        space = " " if self._steps & Milter.P_HDR_LEADSPC else ""
        ctx.addheader(name, space + header_value(value), 0)

    def _hold(self, ctx: Any, reason: str) -> None:
        # Last of all changes: Postfix may stop reading them at this one.
        if not self._actions & Milter.QUARANTINE:
            raise TemporaryFailure("peer-cannot-hold")
        ctx.quarantine(reason or "quarantine")

    def _fail(self, ctx: Any, failure: Failure, queue_id: str, started: float) -> int:
        """The answer when there is no examination."""
        reply = reply_for(failure)
        if reply.code < 500:
            maillog.deferred(queue_id=queue_id, stage="milter", reason=failure.reason)
            told = Disposition.DEFER
        else:
            told = Disposition.REJECT
            maillog.examined(
                queue_id=queue_id,
                disposition=told.value,
                reason=failure.reason,
                category="",
                seconds=time.monotonic() - started,
            )
        metrics.MILTER_MESSAGES.labels(told.value, failure.reason).inc()
        return self._answer(ctx, reply)

    def _answer(self, ctx: Any, reply: Reply) -> int:
        # Sendmail reads the text as a format, so "%" is doubled; Postfix undoes it.
        ctx.setreply(str(reply.code), reply.enhanced, reply.text.replace("%", "%%"))
        return int(Milter.TEMPFAIL if reply.code < 500 else Milter.REJECT)
