"""Looking at messages without acting on them: what `check`, `read`, `classify`, `extract` and
`explain` work out, for files and for JSON requests alike.

In: a `Request` (a message and, where known, its envelope). Out: the answer as a plain dict. The
work is done by the same parts that the service uses, so what a person sees here is what would
happen there.
"""

import base64
import binascii
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from . import answers, jobs
from .actions.plan import plan
from .classification import Classification
from .classify.decide import decide
from .classify.memory import Memory
from .codec import to_plain
from .config import Config
from .envelope import Envelope, plain_address
from .examiner import Examiner
from .failure import PermanentFailure, TemporaryFailure
from .matching import Matcher
from .message import Message
from .milter.authenticate import Assumption
from .milter.policy import disposition
from .milter.results_header import authentication_results
from .order import Order
from .reading.digest import content_digest
from .reading.fields import split
from .reading.pool import WorkerLost
from .store.engine import Database
from .verdict import DkimResult, SpfResult, Verdict

# A document given to `extract` is a message when it opens with one of these.
_MAIL_FIELDS = frozenset(
    {b"from", b"to", b"subject", b"date", b"received", b"message-id", b"mime-version"}
    | {b"return-path", b"content-type", b"dkim-signature"}
)
_SIMILAR, _ALIKE = 5, 0.5  # past messages shown, and how alike they are at least
_ORDER_CATEGORIES = ("purchase_order", "invoice")


class RequestError(PermanentFailure):
    """A request that cannot be answered; `text` says what to change, `id` is the request's own."""

    def __init__(self, reason: str, text: str, id: Any = None) -> None:
        super().__init__(reason)
        self.text = text
        self.id = id


class AssumeRequest(BaseModel):
    """Results to take as given instead of looking them up (contract section 3)."""

    spf: SpfResult | None = None
    dkim: tuple[DkimResult, ...] | None = None
    discovery: Literal["", "tree-walk", "psl"] = ""  # empty: as configured


class Request(BaseModel):
    """One question about one message; a line of --jsonl once its base64 is decoded."""

    model_config = ConfigDict(frozen=True)

    id: Any = None
    message: bytes = Field(repr=False)
    ip: str = ""
    helo: str = ""
    mail_from: str = ""
    rcpt_to: tuple[str, ...] = ()
    filename: str = ""
    now: datetime | None = None  # what time to take it for; None: the present
    assume: AssumeRequest | None = None
    leaves: bool = False

    @property
    def envelope(self) -> Envelope:
        """The envelope as the milter would have seen it."""
        return Envelope(
            client_address=plain_address(self.ip) or self.ip,
            helo=self.helo,
            sender=self.mail_from.strip().removeprefix("<").removesuffix(">"),
            recipients=self.rcpt_to,
        )


def parse_request(line: bytes) -> Request:
    """The request in one line of JSON.

    Raises RequestError with reason bad-json, bad-base64 or bad-request.
    """
    try:
        fields = json.loads(line)
    except ValueError as error:
        raise RequestError("bad-json", f"the line is no JSON: {error}") from error
    if not isinstance(fields, dict):
        raise RequestError("bad-request", "the line must be a JSON object")
    identity = fields.get("id")
    if not isinstance(fields.get("message"), str):
        raise RequestError("bad-request", "message: the message's bytes in base64", identity)
    present = {key: value for key, value in fields.items() if value is not None}
    try:
        present["message"] = base64.b64decode(fields["message"], validate=True)
    except (binascii.Error, ValueError) as error:
        raise RequestError("bad-base64", f"message: {error}", identity) from error
    try:
        return Request.model_validate(present)
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(str(part) for part in e['loc'])}: {e['msg']}" for e in error.errors()
        )
        raise RequestError("bad-request", wrong, identity) from error


class RequestClock:
    """The machine's clock, unless the request at hand says what time it is."""

    def __init__(self) -> None:
        self.said: datetime | None = None

    def now(self) -> datetime:
        """The request's time, or the present."""
        if self.said is None:
            return datetime.now(UTC)
        return self.said if self.said.tzinfo else self.said.replace(tzinfo=UTC)


class Inspector:
    """Answers requests one at a time."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._clock = RequestClock()
        self._examiner = Examiner(config, self._clock)
        self._matcher = Matcher(config.catalogue)
        self._database = _existing(config)
        self._memory = Memory(self._database) if self._database else None

    def close(self) -> None:
        """Ends the worker processes."""
        self._examiner.pool.stop()
        if self._database is not None:
            self._database.close()

    async def check(self, request: Request) -> dict[str, Any]:
        """Who sent it; also for addresses the milter would trust without a check."""
        self._clock.said = request.now
        given = request.assume or AssumeRequest()
        assume = Assumption(spf=given.spf, dkim=given.dkim, discovery=given.discovery)
        verdict = await self._examiner.authenticator.authenticate(
            request.envelope, request.message, assume
        )
        answer = disposition(verdict, Classification(), self._config.policy, request.envelope)
        header = self._results_header(verdict, request)
        return answers.check_answer(verdict, answer.disposition, answer.reason, header)

    async def read(self, request: Request) -> dict[str, Any]:
        """What is read from it; with every MIME leaf where the request asks for leaves."""
        answer = answers.read_answer(await self._examiner.read(request.message))
        if request.leaves:
            answer["leaves"] = await self._examiner.pool.run(
                jobs.read_leaves, request.message, self._config.reading
            )
        return answer

    async def classify(self, request: Request) -> dict[str, Any]:
        """What it is; sender authentication is not looked at."""
        message = await self._examiner.read(request.message)
        classification = self._examiner.classifier.classify(message, None, request.envelope)
        return {**answers.classify_answer(classification), "similar": self._similar(message)}

    async def classify_all(self, raws: list[bytes]) -> list[dict[str, Any]]:
        """What several messages are, read together: of a mailbox, where no one asks what is like.

        Should one of them break its reader, they are read one by one, as `classify` does it.
        """
        try:
            read = await self._examiner.pool.run(jobs.read_messages, raws, self._config.reading)
        except WorkerLost:
            return [await self.classify(Request(message=raw)) for raw in raws]
        classifier = self._examiner.classifier
        return [
            answers.classify_answer(classifier.classify(replace(message, raw=raw)))
            for message, raw in zip(read, raws, strict=True)
        ]

    async def rules(self, request: Request) -> dict[str, Any]:
        """Which rules match, and what they say without the model."""
        message = await self._examiner.read(request.message)
        findings = self._examiner.classifier.find(message, None, request.envelope)
        found: dict[str, Any] = to_plain(findings)
        return found

    async def extract(self, request: Request) -> dict[str, Any]:
        """The order or invoice in a message or in a bare document."""
        return answers.extract_answer(await self._extract(request))

    async def proof(self, request: Request) -> str:
        """A page of HTML: the message or document beside what was read of it."""
        order = await self._extract(request)
        name = request.filename or "message"
        return await self._examiner.pool.run(
            jobs.proof_page,
            name,
            request.message,
            _is_message(request),
            self._config.reading,
            order,
        )

    async def explain(self, request: Request) -> dict[str, Any]:
        """The whole way, dry: what would be done, and why not more."""
        self._clock.said = request.now
        examination, message = await self._examiner.examine(request.envelope, request.message)
        order = Order()
        if examination.classification.category in _ORDER_CATEGORIES:
            order = await self._extract(request)
        decision = decide(
            examination.classification,
            examination.verdict,
            order,
            message,
            self._config,
            disposition=examination.disposition,
        )
        actions = plan(
            decision,
            message=message,
            verdict=examination.verdict,
            order=order,
            classification=examination.classification,
            envelope=request.envelope,
            digest=content_digest(request.message),
            received_at=self._clock.now(),
            config=self._config,
        )
        header = self._results_header(examination.verdict, request)
        return {
            **answers.examination_answer(examination, header),
            "similar": self._similar(message),
            "read": answers.read_answer(message),
            "order": answers.extract_answer(order),
            "decision": to_plain(decision),
            "actions": [to_plain(action) for action in actions],
        }

    def _similar(self, message: Message) -> list[dict[str, Any]]:
        """Past messages like it; none where this machine has no store that can be asked."""
        if self._memory is None:
            return []
        try:
            like = self._memory.like(self._examiner.classifier.vector(message), _SIMILAR)
        except TemporaryFailure:
            return []
        return [to_plain(one) for one in like if one.likeness >= _ALIKE]

    async def _extract(self, request: Request) -> Order:
        run, orders = self._examiner.pool.run, self._config.orders
        if _is_message(request):
            message = await run(jobs.read_message, request.message, self._config.reading)
            order = await self._examiner.order_in(replace(message, raw=request.message))
        else:
            order = await run(jobs.extract_document, request.filename, request.message, orders)
        return await self._matcher(order, order.buyer.email)

    def _results_header(self, verdict: Verdict, request: Request) -> str:
        return authentication_results(verdict, request.envelope, self._config.service.hostname)


def _existing(config: Config) -> Database | None:
    """The installation's database; None where there is none yet, as on an admin's own machine."""
    path = config.service.state_dir / "postroom.sqlite"
    return Database(config.store_url) if config.store.url or path.is_file() else None


def _is_message(request: Request) -> bool:
    """A message is told from a document by its header fields, whatever its name says."""
    if request.filename.lower().endswith(".eml"):
        return True
    fields, _body = split(request.message[:16_384])
    return any(field.key in _MAIL_FIELDS for field in fields[:50])
