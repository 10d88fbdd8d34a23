"""What the API takes and gives, as OpenAPI describes it. Fields may be added, never renamed."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from postroom.classification import Classification
from postroom.classify.similar import Neighbour
from postroom.corrections import Correction
from postroom.decision import Decision
from postroom.envelope import Envelope
from postroom.order import Order

Reason = Annotated[str, StringConstraints(max_length=1_000)]


class Problem(BaseModel):
    """What is wrong (RFC 9457)."""

    type: str
    status: int
    reason: str  # machine token
    detail: str  # for people; may be empty


class Asked(BaseModel):
    """A body of a request: unknown keys are mistakes."""

    model_config = ConfigDict(extra="forbid")


class Because(Asked):
    """A decision with its reason."""

    reason: Reason = ""


class Corrected(Because):
    """What the message really is."""

    correction: Correction


class Forwarded(Because):
    """To whom, and whether the review ends with it."""

    to: Annotated[str, StringConstraints(max_length=320)]
    close: bool = False


class Seen(Asked):
    """The text that was seen: only this one is decided on."""

    digest: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class NewToken(Asked):
    """A token to be made."""

    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$")]
    role: Literal["viewer", "approver", "admin"]
    days: Annotated[int, Field(ge=1, le=3_650)] | None = None  # until it expires; null: never


class Me(BaseModel):
    """Who asks."""

    name: str
    role: str


class QueueItem(BaseModel):
    """One thing that waits: a message in review (m12) or an action (a34)."""

    item: str
    state: str
    since: str
    what: str
    why: str
    message: int
    author: str
    subject: str
    category: str
    attempts: int
    due_at: str


class Review(BaseModel):
    """What a person said, or that nobody did yet."""

    state: str  # waiting, approved, rejected; empty: never was in review
    reason: str
    decided_by: str
    decided_at: str


class Event(BaseModel):
    """One change, from -> to."""

    at: datetime
    old: str
    new: str
    who: str
    reason: str
    kind: str = "action"
    action: int | None = None


class Attempt(BaseModel):
    """One try at an action."""

    number: int
    started_at: datetime
    committed_at: datetime | None
    finished_at: datetime | None
    outcome: str
    reason: str


class ActionStory(BaseModel):
    """Everything about one action."""

    action: int
    version: int
    message: int
    step: str
    state: str
    reason: str
    result: str
    key: str
    after: str
    attempts: list[Attempt]
    events: list[Event]


class MessageStory(BaseModel):
    """Everything about one message but its text."""

    message: int
    version: int
    review: Review
    received_at: datetime
    author: str
    subject: str
    message_id: str
    envelope: Envelope
    verdict: dict[str, Any]
    classification: Classification
    similar: list[Neighbour]  # past messages most alike, the likest first
    order: Order
    decision: Decision
    actions: list[ActionStory]
    events: list[Event]


class Attachment(BaseModel):
    """A part of a message that can be downloaded."""

    filename: str
    type: str
    size: int
    sha256: str
    inline: bool


class MessageText(BaseModel):
    """What a message says; plain text only, whatever it came in."""

    subject: str
    text: str
    new_text: str
    quoted_text: str
    language: str
    attachments: list[Attachment]
    problems: list[str]


class Approved(BaseModel):
    """What was planned."""

    planned: list[str]


class Consequence(BaseModel):
    """What follows now: act, review or deliver."""

    outcome: str


class NewAction(BaseModel):
    """The action that does it."""

    action: int


class Done(BaseModel):
    """It is done."""

    done: Literal[True] = True


class Template(BaseModel):
    """A reply template and whether replies may be written with it."""

    template: str
    state: str
    may_be_used: bool
    version: int
    digest: str
    html: Any  # in a list whether there is HTML, in a single template the HTML
    decided_by: str
    decided_at: str


class TemplateStory(Template):
    """One template with its texts, its versions, and what changed since the last decision."""

    text: str
    versions: list[dict[str, Any]]
    changes: dict[str, list[str]]


class Version(BaseModel):
    """The version decided on."""

    version: int


class AuditEntry(BaseModel):
    """One deed."""

    number: int
    at: datetime
    who: str
    verb: str
    subject: str
    details: dict[str, Any] | None


class AuditState(BaseModel):
    """Whether the log is as it was written."""

    sound: bool
    rows: int
    head: str
    problems: list[dict[str, Any]]


class TokenRow(BaseModel):
    """A token without its secret."""

    name: str
    role: str
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    revoked_at: datetime | None


class TokenSecret(BaseModel):
    """A token that was made; it is shown this once."""

    token: str


class Label(BaseModel):
    """What a person said a message is."""

    id: int
    message: int
    at: datetime
    who: str
    category: str
    was: str
