"""May a reply be sent? Every gate, with the reason it gives when it stays shut. Pure.

In: `ReplyFacts`, frozen when the reply was planned; the configuration of now; what was answered
already. Out: "" (send it) or a reason token such as "null-sender", stored, logged and counted.
Contract section 5: no reply ever goes to a bounce, list, automatic mail, unauthenticated sender,
null sender or ourselves; at most one per sender and interval. A shut gate is final: the reply is
dropped, not delayed, because an answer that comes late or to the wrong place is worse than none.
Standards: RFC 3834 2 and 4 (whom to answer), RFC 5230 4.5 and 4.6 (addressed to us, machine
senders), RFC 2919 and RFC 2369 (lists), RFC 5321 4.5.5 (null sender).

Loops end without our X-Postroom- fields, which the border removes: replies carry Auto-Submitted,
X-Loop and the null sender, and their Message-IDs are known again in References.

Limits: a robot that writes like a person, authenticates and sets no header is a person here;
the interval and the limits per domain and day bound what that can cost.
"""

import re
from dataclasses import dataclass
from datetime import datetime

import idna

from postroom.classification import Classification
from postroom.config import Config
from postroom.envelope import Envelope, parse_path
from postroom.message import Message
from postroom.reading.names import ascii_address, mailbox_of
from postroom.verdict import DmarcPolicy, Verdict

from .topics import sensitive_topic

MESSAGE_ID_MARK = ".postroom@"  # in every Message-ID of ours, before the domain
# Not an X-Postroom- field: the border takes those off what comes in and off what we send.
LOOP_HEADER = "X-Loop"

# Local parts, reduced to letters and digits, that no person reads: as a whole, at the start,
# anywhere. "bounce" at the start covers VERP ("bounces+17=..."), RFC 5230 4.6 the list names.
_MACHINES = frozenset({"listserv", "majordomo", "postmaster", "daemon", "nobody", "robot"})
_MACHINE_STARTS = ("bounce", "mailerdaemon", "autoreply", "autorespon", "mdaemon", "notification")
_MACHINE_PARTS = (
    *("noreply", "donotreply", "dontreply", "noresponse", "noanswer", "notreply"),
    *("nichtantworten", "keineantwort", "neotvech", "bezotveta", "otvetnenuzhen"),
)
_SPAM = "spam"
_LIST_ENDS = ("-request", "-owner", "-bounce", "-bounces")
_LIST_HEADERS = frozenset(
    {
        "list-id",
        "list-post",
        "list-help",
        "list-subscribe",
        "list-owner",
        "list-archive",
        "mailing-list",
        "x-mailing-list",
        "x-mlserver",
        "x-ml-name",
        "x-beenthere",
        "x-mailman-version",
    }  # fmt: skip
)
_BULK_HEADERS = frozenset({"list-unsubscribe", "feedback-id", "x-campaign-id", "x-csa-complaints"})
_AUTOMATIC_HEADERS = frozenset({"x-autoreply", "x-autorespond", "x-autoresponder"})
_BULK = frozenset({"bulk", "list", "junk", "auto_reply", "auto-reply"})
_SUPPRESS = frozenset({"all", "autoreply", "oof"})
_UNREADABLE_TYPES = {
    "multipart/report": "automatic",
    "message/delivery-status": "automatic",
    "message/disposition-notification": "automatic",
    "text/calendar": "calendar",
    "multipart/encrypted": "encrypted",
    "application/pkcs7-mime": "encrypted",
    "application/x-pkcs7-mime": "encrypted",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyFacts:
    """What the gates must know of the message a reply would answer."""

    sender: str  # MAIL FROM; empty is the null sender
    author: str  # address of the one From mailbox; empty when there is not one
    aligned_with: str  # organizational domain the sender must belong to; empty: not authenticated
    # MAIL FROM itself passed SPF, aligned. Replies planned before this was asked go as they did.
    sender_proven: bool = True
    automatic: str  # AutomaticKind; "human" for a person's message
    header: str  # reason token a header field gives against a reply, or empty
    addressees: tuple[str, ...]  # our mailboxes and their aliases named in To or Cc
    category: str  # which the decision was made for
    confidence: float
    approved: bool  # a person decided on the message
    sensitive: str = ""  # topic that a person must read first (topics.py), or empty
    suspicious: bool  # DMARC asks for quarantine or rejection
    received_at: datetime
    dated_at: datetime | None  # Date header, or None
    approved_at: datetime | None = None  # when a person decided; None: nobody had to
    follows: str = ""  # the ERP's id of the ticket that the message adds to, or empty


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What was answered already."""

    today: int = 0  # replies since midnight UTC
    recently: bool = False  # this sender, within reply.per_sender_interval
    domain_today: int = 0  # replies to the sender's domain since midnight UTC


def facts_of(
    *,
    message: Message,
    verdict: Verdict,
    classification: Classification,
    envelope: Envelope,
    received_at: datetime,
    config: Config,
    approved: bool,
    category: str = "",
    approved_at: datetime | None = None,
    follows: str = "",
) -> ReplyFacts:
    """The facts of one message, cut down to what the gates need.

    `category` is the decision's, where it is not what the message was taken for.
    """
    # Where the configuration leaves it to Postfix which mailboxes are ours, the envelope tells.
    ours = _ours(config)
    if not config.service.mailboxes:
        ours = {_folded(r) for r in (*envelope.recipients, *config.reply.aliases)}
    named = {_folded(address.text) for address in (*message.to, *message.cc)}
    return ReplyFacts(
        sender="" if envelope.is_null_sender else _clean(parse_path(envelope.sender).text),
        author=_clean(message.author.text) if message.author else "",
        aligned_with=_aligned_with(verdict, config),
        sender_proven=any(one.startswith("spf:") for one in verdict.dmarc.aligned),
        automatic=message.automatic.kind.value,
        header=_against(message, ours | _ours(config)),
        addressees=tuple(sorted(named & ours)),
        # What was taken for spam stays spam here, whatever the second guess was.
        category=_SPAM if classification.category == _SPAM else category or classification.category,
        confidence=classification.confidence,
        approved=approved,
        sensitive=sensitive_topic(
            f"{message.subject}\n{message.new_text or message.text}", config.reply.sensitive
        ),
        suspicious=verdict.dmarc.disposition is not DmarcPolicy.NONE,
        received_at=received_at,
        dated_at=message.date,
        approved_at=approved_at,
        follows=follows,
    )


def withheld(facts: ReplyFacts, answered: Answered, *, config: Config, now: datetime) -> str:
    """The reason token of the first gate that is shut, or "" when the reply may go."""
    return (
        _by_sender(facts, config)
        or _by_message(facts, config, now)
        or by_count(answered, config=config)
    )


def by_count(answered: Answered, *, config: Config) -> str:
    """The gates that count: one reply per sender and interval, so many a day."""
    if answered.recently:
        return "sender-interval"
    if answered.domain_today >= config.reply.per_domain_daily:
        return "domain-limit"
    if answered.today >= config.reply.daily_limit:
        return "daily-limit"
    return ""


def _by_sender(facts: ReplyFacts, config: Config) -> str:
    if not config.reply.enabled:
        return "disabled"
    if not facts.sender:
        return "null-sender"
    if not facts.author:
        return "no-author"
    if not facts.aligned_with:
        return "unauthenticated"
    if facts.suspicious:
        return "suspicious"
    # RFC 3834 4: a reply goes to MAIL FROM; we also want it to be the author we authenticated.
    if not belongs(parse_path(facts.sender).domain, facts.aligned_with):
        return "sender-not-author"
    # A signature says nothing of the envelope: a signed message may be sent again by anyone.
    if not facts.sender_proven and _folded(facts.sender) != _folded(facts.author):
        return "sender-not-author"
    if _is_machine(facts.sender) or _is_machine(facts.author):
        return "machine-sender"
    if {_folded(facts.sender), _folded(facts.author)} & _ours(config):
        return "ourselves"
    return ""


def _by_message(facts: ReplyFacts, config: Config, now: datetime) -> str:
    if facts.automatic != "human":
        return f"automatic-{facts.automatic}"
    if facts.header:
        return facts.header
    if facts.category == _SPAM:
        return "spam"
    row = config.categories.get(facts.category)
    if row is None or "reply" not in row.steps:
        return "category-off"
    if facts.follows:
        return "follow-up"
    if facts.sensitive and not facts.approved:
        return f"sensitive-{facts.sensitive}"
    if facts.confidence < config.classification.threshold and not facts.approved:
        return "unsure"
    if not facts.addressees:
        return "not-addressed-to-us"
    if (now - _since(facts)).total_seconds() > config.reply.max_age:
        return "too-old"
    return ""


def _since(facts: ReplyFacts) -> datetime:
    """When the time runs from in which the author is still answered."""
    if facts.approved_at is not None:
        return facts.approved_at  # the person saw how old the message is
    # Date matters where old mail is imported: it is received now but was written long ago.
    return min(facts.received_at, facts.dated_at or facts.received_at)


def _aligned_with(verdict: Verdict, config: Config) -> str:
    """The domain under which MAIL FROM must lie; empty when the author is not authenticated."""
    if not authenticated_domain(verdict, config):
        return ""
    return ascii_domain(verdict.dmarc.org_domain or verdict.dmarc.domain)


def authenticated_domain(verdict: Verdict, config: Config) -> str:
    """The author's proven domain, contract 1.7, or "".

    A configured exception is believed on an aligned SPF or DKIM pass whatever DMARC said.
    """
    if verdict.authenticated_domain:
        return verdict.authenticated_domain
    exceptions = set(config.authentication.exceptions)
    known = {ascii_address(verdict.author), ascii_domain(verdict.dmarc.domain)} & exceptions
    return verdict.dmarc.domain if known and verdict.dmarc.aligned else ""


def _against(message: Message, ours: set[str]) -> str:
    """What a header field says against answering, checked again besides `message.automatic`."""
    names = {name.lower() for name, _ in message.headers}
    if LOOP_HEADER.lower() in names or _in_our_thread_twice(message, ours):
        return "loop"
    if any(_first_word(v) != "no" for v in message.all_headers("Auto-Submitted")):
        return "auto-submitted"  # RFC 3834 2; an empty field is broken, not a "no"
    if names & _LIST_HEADERS:
        return "list"
    if names & _BULK_HEADERS or {_first_word(v) for v in message.all_headers("Precedence")} & _BULK:
        return "bulk"
    if names & _AUTOMATIC_HEADERS:
        return "auto-submitted"
    # Answers go to MAIL FROM, never to Reply-To; what it names still tells who wants no answer.
    wanted = [address.text for address in message.reply_to]
    if any(map(_is_machine, wanted)):
        return "machine-sender"
    if {_folded(address) for address in wanted} & ours:
        return "ourselves"
    for value in message.all_headers("X-Auto-Response-Suppress"):
        if {word.strip().lower() for word in value.split(",")} & _SUPPRESS:
            return "suppressed"
    return _UNREADABLE_TYPES.get(_first_word(message.header("Content-Type")), "")


def _in_our_thread_twice(message: Message, ours: set[str]) -> bool:
    """Two of our own replies above this message: most likely two robots talking."""
    tails = {f"{MESSAGE_ID_MARK}{m.rpartition('@')[2]}>" for m in ours}
    return sum(r.lower().endswith(tuple(tails)) for r in set(message.references)) >= 2


def _first_word(value: str) -> str:
    """The value before its parameters or comments, RFC 3834 5: "auto-replied; x" -> that word."""
    return re.split(r"[;(\s]", value.strip(), maxsplit=1)[0].lower()


def _is_machine(address: str) -> bool:
    local = parse_path(address).local.lower()
    bare = re.sub(r"[^a-z0-9]", "", local)
    return (
        bare in _MACHINES
        or bare.startswith(_MACHINE_STARTS)
        or any(part in bare for part in _MACHINE_PARTS)
        or local.startswith("owner-")
        or local.endswith(_LIST_ENDS)
    )


def belongs(domain: str, parent: str) -> bool:
    """Whether a domain is the parent, or lies under it."""
    domain = ascii_domain(domain)
    return bool(parent) and (domain == parent or domain.endswith(f".{parent}"))


def _clean(address: str) -> str:
    """The address, or "" where it holds what no address holds: controls, broken text, spaces."""
    return address if address.isprintable() and " " not in address else ""


def _ours(config: Config) -> set[str]:
    more = (config.reply.author, config.mailbox.hr, *config.reply.aliases)
    return {_folded(m) for m in (*config.service.mailboxes, *more) if m}


def _folded(address: str) -> str:
    """A mailbox as it is compared: info+orders@Example.com is info@example.com."""
    local, _, domain = mailbox_of(parse_path(address).text).rpartition("@")
    return f"{local.casefold()}@{ascii_domain(domain)}"


def ascii_domain(domain: str) -> str:
    """The domain's A-label form in lower case, or as it is where it has none."""
    domain = domain.lower().rstrip(".")
    if domain.isascii() or len(domain) > 253:
        return domain
    try:
        return idna.encode(domain, uts46=True).decode("ascii")
    except idna.IDNAError:
        return domain
