"""The front's whole work on one message: authenticate, read, classify, say what SMTP is told.

In: an envelope and raw bytes. Out: an `Examination`. The milter asks it for every message; LMTP
asks it for a message without a valid stamp. Authentication (DNS waits) and reading (a worker
process) run at the same time; classification needs both.
"""

import asyncio
import ipaddress
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from time import perf_counter

from . import jobs, metrics
from .actions import wording
from .classification import Classification
from .classify.classifier import Classifier
from .classify.orders import known_to_order
from .classify.orders.templatefile import load_templates
from .clock import Clock
from .config import Config
from .envelope import Address, Envelope
from .examination import Examination
from .failure import Failure
from .message import Message
from .milter.authenticate import Assumption, Authenticator
from .milter.policy import disposition
from .milter.resolver import DnsResolver
from .order import Doubtful, Order
from .reading.author import find_author
from .reading.fields import split
from .reading.pool import WorkerLost, WorkerPool
from .verdict import DmarcResult, Verdict

WORKER_MODULES = ("postroom.jobs", "postroom.classify.orders", "postroom.milter.authenticate")

Note = Callable[[Envelope, Examination, Message], None]


class Examiner:
    """Owns the workers, the resolver's cache and the loaded model of one process."""

    def __init__(
        self, config: Config, clock: Clock, note: Note | None = None, part: str = ""
    ) -> None:
        """`note` is told of every examination; it neither waits nor raises.

        `part` is the service's part that asks, as its metrics name it.

        Raises TemplateError for templates of senders that cannot be used.
        """
        if config.orders.templates_dir is not None:
            load_templates(config.orders.templates_dir)
        self.config = config
        self._note = note
        self.pool = WorkerPool(config.reading, WORKER_MODULES)
        self.authenticator = Authenticator(config, DnsResolver(config.dns), clock, self.pool.run)
        self.classifier = Classifier(
            config.classification,
            config.models_dir,
            config.categories.keys(),
            part,
            lambda: wording.names(config.reply),
        )
        self._classifying = ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="classify")
        self._trusted = [ipaddress.ip_network(n) for n in config.milter.trusted_networks]

    async def __call__(self, envelope: Envelope, raw: bytes) -> Examination:
        """What is found out about a message; raises TemporaryFailure when it cannot be said."""
        examination, _ = await self.examine(envelope, raw)
        return examination

    async def examine(self, envelope: Envelope, raw: bytes) -> tuple[Examination, Message]:
        """What is found out about a message, and the message as it was read for that."""
        asked = asyncio.create_task(self.authenticate(envelope, raw))
        read = asyncio.create_task(self.read(raw))
        try:
            verdict, message = await asyncio.gather(asked, read)
        finally:
            asked.cancel()  # nobody waits for it when the other has failed
            read.cancel()
            del asked, read  # an error in them knows this frame: a cycle that would keep `raw`
        classification = await self.classify(message, verdict, envelope)
        metrics.CONFIDENCE.observe(classification.confidence)
        answer = disposition(verdict, classification, self.config.policy, envelope)
        examination = Examination(
            verdict=verdict,
            classification=classification,
            disposition=answer.disposition,
            reason=answer.reason,
            text=answer.text,
            unread=message.unread,
        )
        if self._note is not None:
            self._note(envelope, examination, message)
        return examination, message

    async def authenticate(
        self, envelope: Envelope, raw: bytes, assume: Assumption | None = None
    ) -> Verdict:
        """The verdict; our own clients' mail is not checked, only marked as local."""
        if self._is_local(envelope):
            return _local_verdict(raw)
        with metrics.STAGE_SECONDS.labels("authenticate").time():
            verdict = await self.authenticator.authenticate(envelope, raw, assume)
        metrics.AUTH_RESULTS.labels("spf", verdict.spf.result.value).inc()
        metrics.AUTH_RESULTS.labels("dmarc", verdict.dmarc.result.value).inc()
        for signature in verdict.dkim:
            metrics.AUTH_RESULTS.labels("dkim", signature.result.value).inc()
        return verdict

    async def read(self, raw: bytes) -> Message:
        """The message, read in a worker; unreadable bytes give a message with that problem."""
        started = perf_counter()
        try:
            message = await self.pool.run(jobs.read_message, raw, self.config.reading)
        except WorkerLost as lost:
            message = _unread(raw, lost)
        metrics.STAGE_SECONDS.labels("read").observe(perf_counter() - started)
        return replace(message, raw=raw)

    async def classify(
        self, message: Message, verdict: Verdict, envelope: Envelope
    ) -> Classification:
        """What the message is."""
        with metrics.STAGE_SECONDS.labels("classify").time():
            begun = self.classifier.begin(message, verdict, envelope)
            if not begun.takes_long:
                return self.classifier.finish(begun)
            return await asyncio.get_running_loop().run_in_executor(
                self._classifying, self.classifier.finish, begun
            )

    async def extract(self, message: Message) -> Order:
        """The order in a message that `read` gave; one that cannot be read has that as problem."""
        started = perf_counter()
        try:
            order = await self.order_in(message)
        except WorkerLost as lost:
            order = Order(problems=(lost.reason,))
        metrics.STAGE_SECONDS.labels("extract").observe(perf_counter() - started)
        return order

    async def order_in(self, message: Message) -> Order:
        """The order or invoice in a message. Raises WorkerLost.

        Where sentences around the goods leave it in doubt, the classifier says which of them are
        asides, and the message is read again without those. It says too whether a message orders
        that has no word for it.
        """
        order, doubtful = await self._extract(message, frozenset())
        known = await self._known_to_order(message, order)
        if known.complete or not doubtful:
            return known
        asides = await asyncio.get_running_loop().run_in_executor(
            self._classifying, self.classifier.asides, doubtful
        )
        if not asides:
            return order
        order, _ = await self._extract(message, asides)
        return await self._known_to_order(message, order)

    async def _known_to_order(self, message: Message, order: Order) -> Order:
        """The order, complete where nothing but a word for it was missing and it surely is one."""
        known = known_to_order(order)
        if order.complete or not known.complete:
            return order
        orders = await asyncio.get_running_loop().run_in_executor(
            self._classifying, self.classifier.orders, message
        )
        return known if orders else order

    async def _extract(
        self, message: Message, asides: frozenset[str]
    ) -> tuple[Order, tuple[Doubtful, ...]]:
        """The order, and its doubtful sentences.

        Attachments' contents stay in the workers, so a message with some is read anew there.
        """
        reading, orders = self.config.reading, self.config.orders
        if message.attachments:
            return await self.pool.run(jobs.extract_order, message.raw, reading, orders, asides)
        text = replace(message, raw=b"")
        return await self.pool.run(jobs.extract_from_text, text, orders, asides)

    def _is_local(self, envelope: Envelope) -> bool:
        if envelope.authenticated_user or not envelope.client_address:
            return bool(envelope.authenticated_user)
        try:
            address = ipaddress.ip_address(envelope.client_address)
        except ValueError:
            return False
        return any(address in network for network in self._trusted)


def _author_of(raw: bytes) -> Address | None:
    fields, _body = split(raw)
    return find_author(fields).address


def _local_verdict(raw: bytes) -> Verdict:
    author = _author_of(raw)
    if author is None:
        return Verdict(local=True)
    return Verdict(author=author.text, local=True, dmarc=DmarcResult(domain=author.domain))


def _unread(raw: bytes, lost: Failure) -> Message:
    """What can be said of a message whose reading failed: the author, so that a person can ask."""
    author = _author_of(raw[:65_536])
    return Message(raw=raw, author=author, problems=(lost.reason,))
