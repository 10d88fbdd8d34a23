"""The tables, every state named, every transition guarded.

    message    one row per distinct message (by digest): raw bytes and everything decided of it
    delivery   one row per message and recipient: the key that makes a redelivery change nothing
    action     the outbox: one row per action, written with the message in one transaction
    attempt    one row per try, written before the try is made
    review     what waits for a person, or was decided by one
    event      what happened, "from -> to", append only: the operator's and auditor's story
    template   texts of replies that a person approved or revoked, each version kept
    label      what a person said a message is, for training
    audit      who did what, append only, chained (store/audit.py)
    api_token  who may use the HTTP API
    event_sink how far the events were published to each place
    gone_hook  webhooks that said they are gone
    part_number what customers call our products, learnt from orders a person confirmed
    likeness   what each message is like, for finding others like one
    emptied    what messages are recognised by whose content retention has emptied
    dmarc_*    seen, sent, dead: aggregate reports we send; report, row: those we get

Times are UTC seconds since 1970 as floats, so that SQLite and PostgreSQL compare them alike.
Values (verdict, order, decision ...) are JSON text written by postroom/codec.py.
The triggers that guard the transitions below, and keep events unchanged, are made by the
migrations; tests/store holds both to the same list.
"""

from sqlalchemy import (
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

MESSAGE = Table(
    "message",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("digest", String(64), nullable=False, unique=True),  # see store/messages.py
    Column("queue_id", String(64), nullable=False),  # Postfix's, empty when not told
    Column("message_id", Text, nullable=False),  # Message-ID header, empty when missing
    Column("received_at", Float, nullable=False),
    Column("size", Integer, nullable=False),
    Column("raw", LargeBinary, nullable=False),
    Column("author", Text, nullable=False),  # author's address, empty when not one
    Column("subject", Text, nullable=False),
    Column("category", Text, nullable=False),
    Column("outcome", String(16), nullable=False),  # Outcome: act, review, deliver
    Column("order_number", Text, nullable=False),  # order.order_mark
    Column("envelope", Text, nullable=False),  # JSON of Envelope
    Column("verdict", Text, nullable=False),  # JSON of Verdict
    Column("classification", Text, nullable=False),  # JSON of Classification
    Column("order", Text, nullable=False),  # JSON of Order
    Column("decision", Text, nullable=False),  # JSON of Decision
    Index(None, "received_at"),
    Index(None, "message_id"),
    Index(None, "author", "order_number"),
    sqlite_autoincrement=True,
)

DELIVERY = Table(
    "delivery",
    METADATA,
    Column("message", ForeignKey("message.id", ondelete="CASCADE"), primary_key=True),
    Column("recipient", Text, primary_key=True),  # lower case
    Column("accepted_at", Float, nullable=False),
)

# State of an action.
ACTION_STATES = {
    "pending": "to be done now, or as soon as the action it waits for is done",
    "leased": "a worker has claimed it until lease_until",
    "waiting": "failed for a time; due again at due_at",
    "held": "an operator stopped it",
    "done": "carried out; result has the ERP's id or the queue id",
    "dead": "gave up or outcome unknown; an operator may retry or drop it",
    "dropped": "an operator, or a gate of the reply, decided that it shall not happen",
}
TRANSITIONS = {
    "pending": ("leased", "held", "dropped"),
    # -> pending: the lease expired; -> dropped: a reply that a gate withholds.
    "leased": ("done", "waiting", "dead", "pending", "dropped"),
    "waiting": ("leased", "held", "dropped", "pending"),
    "held": ("pending", "dropped"),
    "dead": ("pending", "dropped"),
    "done": (),
    "dropped": (),
}


def _one_of(column: str, values: tuple[str, ...]) -> str:
    return f"{column} IN ({', '.join(repr(value) for value in values)})"


ACTION = Table(
    "action",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("message", ForeignKey("message.id"), nullable=False),
    Column("key", String(36), nullable=False, unique=True),  # idempotency key
    Column("step", String(32), nullable=False),  # Step
    Column("state", String(16), nullable=False),
    Column("body", Text, nullable=False),  # JSON, the same bytes at every attempt
    Column("after", String(36), nullable=False, default=""),  # key of the action waited for
    Column("sequence", Text, nullable=False, default="", server_default=""),  # one at a time
    Column("attempts", Integer, nullable=False, default=0),
    Column("created_at", Float, nullable=False),
    Column("due_at", Float, nullable=False),
    Column("lease_until", Float),  # only while leased
    Column("lease_owner", Text),
    Column("finished_at", Float),  # only when done, dead or dropped
    Column("result", Text, nullable=False, default=""),  # ERP id, queue id of a reply, file name
    Column("reason", Text, nullable=False, default=""),  # why waiting, held, dead or dropped
    CheckConstraint(_one_of("state", tuple(ACTION_STATES)), name="state"),
    CheckConstraint("(state = 'leased') = (lease_until IS NOT NULL)", name="lease"),
    CheckConstraint(
        "(state IN ('done', 'dead', 'dropped')) = (finished_at IS NOT NULL)", name="finished"
    ),
    Index(None, "state", "step", "due_at"),
    Index(None, "message"),
    # Few are leased at once; statistics of a full table say nothing of that.
    Index(
        None,
        "lease_until",
        sqlite_where=text("lease_until IS NOT NULL"),
        postgresql_where=text("lease_until IS NOT NULL"),
    ),
    Index(
        None,
        "sequence",
        "id",
        sqlite_where=text("sequence <> ''"),
        postgresql_where=text("sequence <> ''"),
    ),
    sqlite_autoincrement=True,
)

ATTEMPT = Table(
    "attempt",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("action", ForeignKey("action.id", ondelete="CASCADE"), nullable=False),
    Column("number", Integer, nullable=False),  # 1-based
    Column("started_at", Float, nullable=False),
    # Set right before the point of no return of a step that cannot be repeated (a reply's
    # end-of-data): an attempt that has it and no outcome may have happened.
    Column("committed_at", Float),
    Column("finished_at", Float),
    Column("outcome", String(16)),  # null while open
    Column("reason", Text, nullable=False, default=""),
    # Whom a reply answers, set with committed_at: addresses case-folded, and the domain that was
    # proven. The gates count by them, so that they need not read the messages.
    Column("author", Text, nullable=False, default="", server_default=""),
    Column("sender", Text, nullable=False, default="", server_default=""),
    Column("domain", Text, nullable=False, default="", server_default=""),
    CheckConstraint(
        "outcome IS NULL OR " + _one_of("outcome", ("done", "temporary", "permanent", "lost")),
        name="outcome",
    ),
    UniqueConstraint("action", "number"),
    # Only replies set committed_at, so that "how many today" reads a short index; and no rows,
    # where many are counted.
    *(
        Index(
            None,
            *columns,
            sqlite_where=text("committed_at IS NOT NULL"),
            postgresql_where=text("committed_at IS NOT NULL"),
        )
        for columns in (
            ("committed_at", "outcome", "action"),
            ("author", "committed_at"),
            ("sender", "committed_at"),
            ("domain", "committed_at", "outcome", "action"),
        )
    ),
    sqlite_autoincrement=True,
)

REVIEW_STATES = {
    "waiting": "a person has not decided yet",
    "approved": "the steps were planned",
    "rejected": "nothing will be done",
}
REVIEW_TRANSITIONS = {"waiting": ("approved", "rejected"), "approved": (), "rejected": ()}

REVIEW = Table(
    "review",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("message", ForeignKey("message.id"), nullable=False, unique=True),
    Column("state", String(16), nullable=False),
    Column("reason", Text, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("decided_at", Float),
    Column("decided_by", Text),
    CheckConstraint(_one_of("state", tuple(REVIEW_STATES)), name="state"),
    CheckConstraint("(state = 'waiting') = (decided_at IS NULL)", name="decided"),
    Index(None, "state", "created_at"),
    sqlite_autoincrement=True,
)

EVENT = Table(
    "event",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("at", Float, nullable=False),
    Column("message", ForeignKey("message.id", ondelete="CASCADE")),
    Column("action", ForeignKey("action.id", ondelete="CASCADE")),
    Column("kind", String(32), nullable=False),  # "action", "review", "message"
    Column("old", String(16), nullable=False),  # state before; empty for a new row
    Column("new", String(16), nullable=False),
    Column("who", Text, nullable=False),  # "worker", "lmtp" or an operator's login
    Column("reason", Text, nullable=False, default=""),
    Index(None, "message"),
    Index(None, "action"),
    sqlite_autoincrement=True,
)

TEMPLATE_STATES = {
    "approved": "replies may be written with it",
    "revoked": "a person took the approval back; it may be given again",
}

# One row per text of a template that somebody decided on; a text nobody decided on has none.
TEMPLATE = Table(
    "template",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("language", String(8), nullable=False),
    Column("version", Integer, nullable=False),  # 1-based per name and language
    Column("digest", String(64), nullable=False),  # of both texts, see actions/wording.py
    Column("text", Text, nullable=False),  # subject and plain text, as decided on
    Column("html", Text, nullable=False),  # or empty
    Column("state", String(16), nullable=False),
    Column("decided_at", Float, nullable=False),
    Column("decided_by", Text, nullable=False),
    CheckConstraint(_one_of("state", tuple(TEMPLATE_STATES)), name="state"),
    UniqueConstraint("name", "language", "digest"),
    UniqueConstraint("name", "language", "version"),
    sqlite_autoincrement=True,
)

LABEL = Table(
    "label",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("message", ForeignKey("message.id", ondelete="CASCADE"), nullable=False),
    Column("at", Float, nullable=False),
    Column("who", Text, nullable=False),
    Column("category", Text, nullable=False),  # what it is
    Column("was", Text, nullable=False),  # what we took it for; the same: a person agreed
    Index(None, "message"),
    sqlite_autoincrement=True,
)

# No row is ever changed or deleted: triggers see to that, and the chain shows it.
AUDIT = Table(
    "audit",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),  # 1, 2, 3 ... without a gap
    Column("at", Float, nullable=False),
    Column("who", Text, nullable=False),
    Column("verb", String(32), nullable=False),
    Column("subject", Text, nullable=False),  # "m12", "a34", "template order-confirmation.ru"
    Column("details", LargeBinary, nullable=False),  # encrypted
    Column("previous", String(64), nullable=False),  # seal of the row before; of the first: zeros
    Column("seal", String(64), nullable=False),  # HMAC-SHA256 over all of the above, hex
)

API_ROLES = {
    "viewer": "may look",
    "approver": "may look and decide",
    "admin": "may look and decide, also on templates and tokens",
}

API_TOKEN = Table(
    "api_token",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False, unique=True),  # whose it is; stands in the audit log
    Column("role", String(16), nullable=False),
    Column("digest", String(64), nullable=False, unique=True),  # SHA-256 of the token
    Column("created_at", Float, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("expires_at", Float),  # null: never
    Column("revoked_at", Float),
    CheckConstraint(_one_of("role", tuple(API_ROLES)), name="role"),
    sqlite_autoincrement=True,
)

EVENT_SINK = Table(
    "event_sink",
    METADATA,
    Column("name", Text, primary_key=True),  # "redis", "webhooks", "kafka"
    Column("position", Integer, nullable=False),  # id of the last event published
)

# Webhooks that answered 410: store/gonehooks.py.
GONE_HOOK = Table(
    "gone_hook",
    METADATA,
    Column("name", Text, primary_key=True),  # as configured
    Column("url", String(64), nullable=False),  # SHA-256 of the address that said so
    Column("since", Float, nullable=False),
)

# What each message is like: classify/similar.py.
LIKENESS = Table(
    "likeness",
    METADATA,
    Column("message", ForeignKey("message.id", ondelete="CASCADE"), primary_key=True),
    Column("features", Integer, nullable=False),  # version of the features it was made from
    Column("vector", LargeBinary, nullable=False),  # one signed octet a number
)

# Digests of names that retention has emptied: store/emptied.py.
EMPTIED = Table(
    "emptied",
    METADATA,
    Column("digest", String(64), primary_key=True),  # of the author, the sender, or the order
    Column("message", ForeignKey("message.id", ondelete="CASCADE"), primary_key=True),
    Index(None, "message"),
)

# Messages whose taking ended in an exception nobody foresaw, until they are parked in review.
POISON = Table(
    "poison",
    METADATA,
    Column("digest", String(64), primary_key=True),  # SHA-256 of the raw bytes
    Column("failures", Integer, nullable=False),
    Column("last_at", Float, nullable=False),
    Index(None, "last_at"),
)

# What the border saw of each message whose author's domain publishes a DMARC policy, until it has
# been reported (RFC 9990). The words are those of the report.
DMARC_SEEN = Table(
    "dmarc_seen",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("at", Float, nullable=False),
    Column("source_ip", String(45), nullable=False),
    Column("header_from", Text, nullable=False),  # author's domain, A-labels
    Column("envelope_from", Text, nullable=False),  # domain of MAIL FROM; empty: null sender
    Column("disposition", String(16), nullable=False),  # none, pass, quarantine, reject
    Column("dkim", String(8), nullable=False),  # aligned pass, or fail
    Column("spf", String(8), nullable=False),  # aligned pass, or fail
    Column("override", Text, nullable=False),  # why not as published, "type comment"; or empty
    Column("spf_domain", Text, nullable=False),
    Column("spf_result", String(16), nullable=False),  # empty: MAIL FROM was not checked
    Column("signatures", Text, nullable=False),  # JSON: domain, selector, result, reason of each
    Column("discovery", String(16), nullable=False),  # treewalk or psl
    # Rows of one name go into one report, these and no others; empty: not in a report yet.
    Column("lot", Text, nullable=False, default="", server_default=""),
    Index(None, "at"),
    sqlite_autoincrement=True,
)

DMARC_SENT_STATES = {
    "sending": "about to be handed over; if it stays so, nobody knows whether it was",
    "sent": "Postfix has taken it",
    "refused": "Postfix said 5xx",
}

DMARC_SENT = Table(
    "dmarc_sent",
    METADATA,
    Column("report", Text, primary_key=True),  # report_id
    Column("address", Text, primary_key=True),  # lower case
    Column("domain", Text, nullable=False),  # policy domain
    Column("at", Float, nullable=False),
    Column("state", String(16), nullable=False),
    Column("result", Text, nullable=False),  # queue id, or the reason of a refusal
    CheckConstraint(_one_of("state", tuple(DMARC_SENT_STATES)), name="state"),
    Index(None, "at"),
)

# Addresses that take no reports any more.
DMARC_DEAD = Table(
    "dmarc_dead",
    METADATA,
    Column("address", Text, primary_key=True),  # lower case
    Column("since", Float, nullable=False),
    Column("reason", Text, nullable=False),
)

# Reports that others sent about our domains.
DMARC_REPORT = Table(
    "dmarc_report",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("reporter", Text, nullable=False),  # org_name
    Column("report_id", Text, nullable=False),
    Column("domain", Text, nullable=False),  # policy domain
    Column("begins_at", Float, nullable=False),
    Column("ends_at", Float, nullable=False),
    Column("policy", String(16), nullable=False),  # p= as the reporter saw it, or empty
    Column("message", ForeignKey("message.id", ondelete="SET NULL")),  # null: read from a file
    Column("authenticated", Text, nullable=False),  # proven domain of the mail's author, or empty
    Column("taken_at", Float, nullable=False),
    UniqueConstraint("reporter", "report_id", "domain"),
    Index(None, "domain", "begins_at"),
    Index(None, "message"),
    sqlite_autoincrement=True,
)

DMARC_ROW = Table(
    "dmarc_row",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("report", ForeignKey("dmarc_report.id", ondelete="CASCADE"), nullable=False),
    Column("source_ip", String(45), nullable=False),
    Column("count", Integer, nullable=False),
    Column("disposition", String(16), nullable=False),
    Column("dkim", String(8), nullable=False),  # aligned: pass or fail
    Column("spf", String(8), nullable=False),  # aligned: pass or fail
    Column("header_from", Text, nullable=False),
    Column("envelope_from", Text, nullable=False),
    Column("results", Text, nullable=False),  # JSON: what DKIM and SPF said by themselves
    Column("override", Text, nullable=False),  # reasons given, or empty
    Index(None, "report"),
    Index(None, "source_ip"),
    sqlite_autoincrement=True,
)

# What customers call our products.
PART_NUMBER = Table(
    "part_number",
    METADATA,
    Column("customer", Text, primary_key=True),  # partcode.customer_of
    Column("code", Text, primary_key=True),  # partcode.squeezed of what they say
    Column("sku", Text, nullable=False),  # our part number
    Column("said", Text, nullable=False),  # as they wrote it
    Column("times", Integer, nullable=False),  # how often the same was confirmed
    Column("confirmed_at", Float, nullable=False),
    Column("confirmed_by", Text, nullable=False),
)
