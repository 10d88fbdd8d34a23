"""The configuration: one TOML file, frozen once read, and the only home of defaults.

In: a path. Out: a `Config`. Every key is checked; a wrong one is named with its mend, all of
them at once. Secrets are not keys: they stand in files that keys point to. The reference in
docs/configuration.md is tested against this module.
"""

import ipaddress
import os
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import idna
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from .failure import PermanentFailure

DEFAULT_PATH = Path("/etc/postroom/postroom.toml")
_SHORTEST_AGE = 7  # days; longer than Postfix's maximal_queue_lifetime
_LAST_PORT = 65_535
_DNS_PORT = 53
_SECRET_FILE = re.compile(r"(secret|token|password|key)_file$")  # how such keys are called
# RFC 5321 4.1.2, and RFC 6531 3.3 for what is not ASCII: a dot-string or a quoted one.
_LOCAL_PART = re.compile(r'[^\s\x00-\x1f\x7f@<>()\[\],;:\\"]+|"[^\x00-\x1f\x7f@"\\]+"')
_DRIVERS = ("sqlite", "postgresql+psycopg")  # as SQLAlchemy names them in a URL


class ConfigError(PermanentFailure):
    """The configuration cannot be used; `problems` has one line per key, each with its mend."""

    def __init__(self, path: Path, problems: list[str]) -> None:
        super().__init__("config-invalid")
        self.path = path
        self.problems = problems

    def __str__(self) -> str:
        return "\n".join([f"{self.path} cannot be used:", *(f"  {p}" for p in self.problems)])


def _network(value: str) -> str:
    try:
        ipaddress.ip_network(value)
    except ValueError as error:
        raise ValueError(
            f"{value!r} is no network; write it like 192.0.2.0/24 or ::1/128"
        ) from error
    return value


def _endpoint(value: str) -> str:
    kind, _, rest = value.partition(":")
    if kind == "unix" and rest.startswith("/"):
        return value
    if kind == "inet" and _is_server(rest):
        return value
    raise ValueError(f"{value!r} is no endpoint; write unix:/path/to/socket or inet:HOST:PORT")


def _is_server(value: str) -> bool:
    found = re.fullmatch(r"\S+:([0-9]{1,5})", value)
    return found is not None and int(found[1]) <= _LAST_PORT


def _server(value: str) -> str:
    if not _is_server(value):
        raise ValueError(f"{value!r} is no HOST:PORT; write it like 127.0.0.1:25 or [::1]:25")
    return value


def _listening(value: str) -> str:
    return _server(value) if value else value  # empty: nothing listens


def _database(value: str) -> str:
    """Never says the value: it may hold a password."""
    from sqlalchemy import make_url  # only where one is set: it takes a while to load
    from sqlalchemy.exc import ArgumentError

    try:
        driver = make_url(value).drivername if value else _DRIVERS[0]
    except (ArgumentError, ValueError):
        driver = ""
    if driver not in _DRIVERS:
        raise ValueError(
            "is no database we know; write postgresql+psycopg://USER@HOST/NAME, or sqlite:////PATH"
        )
    return value


def _mailbox(value: str) -> str:
    local, _, domain = value.rpartition("@")
    if not _LOCAL_PART.fullmatch(local) or not _is_domain(domain) or domain.endswith("."):
        raise ValueError(f"{value!r} is no mailbox; write the bare address, like info@example.com")
    return value.lower()


def _author(value: str) -> str:
    """A domain, or an address with its domain, as `reading.names` gives them."""
    if "@" not in value:
        return _domain(value)
    local, _, domain = _mailbox(value).rpartition("@")
    return f"{local}@{_domain(domain)}"


def _is_domain(value: str) -> bool:
    try:
        return bool(_domain(value))
    except ValueError:
        return False


def name_server(value: str) -> tuple[str, int]:
    """Address and port of a name server; by number only, for who would look its name up?

    Raises ValueError.
    """
    found = re.fullmatch(r"\[([^\[\]]+)\](?::([0-9]{1,5}))?|([^:]+)(?::([0-9]{1,5}))?", value)
    address, port = (found[1] or found[3], found[2] or found[4]) if found else (value, None)
    try:
        number = int(port) if port else _DNS_PORT
        address = "127.0.0.1" if address == "localhost" else str(ipaddress.ip_address(address))
        if not 0 < number <= _LAST_PORT:
            raise ValueError(f"there is no port {number}")
    except ValueError as error:
        raise ValueError(
            f"{value!r} is no name server; write its address, like 127.0.0.1, 127.0.0.1:5353 or "
            "[::1]:5353"
        ) from error
    return address, number


def _resolver(value: str) -> str:
    name_server(value)
    return value


def _address(value: str) -> str:
    try:
        return str(ipaddress.ip_address(value))
    except ValueError as error:
        raise ValueError(f"{value!r} is no address; write it like 192.0.2.7") from error


def _domain(value: str) -> str:
    name = value.lower().removesuffix(".")
    try:
        name = name if name.isascii() else idna.encode(name).decode()
    except idna.IDNAError as error:
        raise ValueError(f"{value!r} is no domain: {error}") from error
    if not re.fullmatch(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*", name):
        raise ValueError(f"{value!r} is no domain; write it like example.com")
    return name


Network = Annotated[str, AfterValidator(_network)]
Endpoint = Annotated[str, AfterValidator(_endpoint)]
Server = Annotated[str, AfterValidator(_server)]
Listening = Annotated[str, AfterValidator(_listening)]
DatabaseUrl = Annotated[str, AfterValidator(_database)]
Mailbox = Annotated[str, AfterValidator(_mailbox)]
Domain = Annotated[str, AfterValidator(_domain)]
Author = Annotated[str, AfterValidator(_author)]
Address = Annotated[str, AfterValidator(_address)]
NameServer = Annotated[str, AfterValidator(_resolver)]
Seconds = Annotated[float, Field(gt=0)]
Probability = Annotated[float, Field(ge=0, le=1)]


class Section(BaseModel):
    """A table of the file; unknown keys are errors, so a typo is never silently a default."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)


class Service(Section):
    """Who we are and where our files lie."""

    hostname: Domain = "localhost"  # the authserv-id of RFC 8601 and the name said in greetings
    mailboxes: tuple[Mailbox, ...] = Field(default=(), min_length=0)  # company addresses we serve
    state_dir: Path = Path("/var/lib/postroom")  # database, key, learned state
    run_dir: Path = Path("/run/postroom")  # sockets
    secret_file: Path | None = None  # key of the stamp; made in state_dir when unset


class MilterSection(Section):
    """Before the queue."""

    socket: Endpoint = "unix:/run/postroom/milter.sock"
    socket_mode: str = Field(default="0660", pattern=r"^0[0-7]{3}$")  # of a unix socket
    deadline: Seconds = 20.0  # for one message; far below Postfix's milter_content_timeout 300 s
    max_size: int = Field(default=52_428_800, gt=0)  # octets; larger is refused with 552
    trusted_networks: tuple[Network, ...] = ("127.0.0.0/8", "::1/128")  # not checked: our own


class LmtpSection(Section):
    """After the queue."""

    socket: Endpoint = "unix:/run/postroom/lmtp.sock"
    socket_mode: str = Field(default="0660", pattern=r"^0[0-7]{3}$")
    max_size: int = Field(default=52_428_800, gt=0)  # octets, announced with SIZE
    idle_timeout: Seconds = 300.0  # RFC 5321 4.5.3.2.7 asks for at least five minutes
    deadline: Seconds = 60.0  # for reading and storing one message, then 451
    stamp_max_age: Seconds = 864_000.0  # a stamp older than this is worked out anew (10 days)
    min_free_space: int = Field(default=104_857_600, ge=0)  # octets on state_dir; below: 452
    max_connections: int = Field(default=100, ge=1)  # open at once; one more is told 421
    poison_after: int = Field(default=3, ge=1)  # unforeseen failures, then a message is parked


class DnsSection(Section):
    """How names are looked up."""

    # An address each, or ADDRESS:PORT, [ADDRESS]:PORT; empty: the system's resolv.conf.
    resolver: tuple[NameServer, ...] = ()
    deadline: Seconds = 5.0  # for the look-ups of one check of a message: SPF, keys, a policy
    query_timeout: Seconds = 2.0  # for one query to one server
    cache_size: int = Field(default=10_000, ge=0)  # answers kept, positive and negative; 0: none


class AuthenticationSection(Section):
    """SPF, DKIM, ARC, DMARC."""

    dmarc_discovery: Literal["tree-walk", "psl"] = "tree-walk"  # RFC 9989, or RFC 7489 with a PSL
    trusted_sealers: tuple[Domain, ...] = ()  # d= of ARC sealers that may override a DMARC fail
    max_signatures: int = Field(default=10, ge=1, le=100)  # looked at per message, before any DNS
    # Domains or addresses taken as authenticated on an aligned SPF or DKIM pass alone.
    exceptions: tuple[Author, ...] = ()


Told = Literal["accept", "quarantine", "reject", "defer"]


class AllowSection(Section):
    """Forwarders and lists whose mail is accepted unauthenticated; it starts no action by itself.

    ARC sealers are listed in [authentication] trusted_sealers.
    """

    networks: tuple[Network, ...] = ()  # addresses of forwarding servers
    domains: tuple[Domain, ...] = ()  # SPF or DKIM passes for one of these, or a subdomain of it


class DomainPolicySection(Section):
    """Another policy for one author domain; a key that is unset follows [policy]."""

    subdomains: bool = True  # also for the domain's subdomains; the longest name that fits wins
    dmarc_fail: Told | None = None  # any DMARC fail, whatever p= the domain publishes
    spf_fail: Told | None = None  # as in [policy]
    spf_softfail: Told | None = None  # as in [policy]
    dkim_fail: Told | None = None  # as in [policy]
    unauthenticated: Told | None = None  # as in [policy]
    temperror: Literal["accept", "defer"] | None = None  # as in [policy]


class PolicySection(Section):
    """What SMTP is told about a verdict; the first rule that does not accept decides."""

    dmarc_reject: Told = "reject"  # a DMARC fail under p=reject
    dmarc_quarantine: Told = "quarantine"  # a DMARC fail under p=quarantine
    dmarc_none: Told = "accept"  # a DMARC fail under p=none
    author: Told = "accept"  # From is missing, doubled or malformed: accept goes to review
    temperror: Literal["accept", "defer"] = "accept"  # DNS trouble: accept goes to review
    spf_fail: Told = "accept"  # nothing proves the author, and SPF says fail ("-all")
    spf_softfail: Told = "accept"  # nothing proves the author, and SPF says softfail ("~all")
    dkim_fail: Told = "accept"  # nothing proves the author, and no signature there is passes
    unauthenticated: Told = "accept"  # nothing proves the author, who publishes no DMARC policy
    spam: Told = "accept"  # sure spam is filed as Junk
    quarantine: Literal["header", "hold"] = "header"  # deliver marked, or Postfix's hold queue
    dry_run: bool = False  # say in log and header what would be done, and accept
    allow: AllowSection = AllowSection()
    domains: dict[Domain, DomainPolicySection] = Field(default={})


class SigningSection(Section):
    """DKIM signatures on what our own clients submit; `postroom dkim keygen` makes the keys."""

    domains: tuple[Domain, ...] = ()  # signed for, where keys are active; empty: ours of [service]
    keys_dir: Path | None = None  # private keys, a folder per domain; unset: state_dir/dkim


class ZoneSection(Section):
    """What our domains publish in DNS: `postroom dns` prints it, `postroom doctor` looks it up."""

    addresses: tuple[Address, ...] = ()  # this host's public ones: A, AAAA, PTR and SPF
    dmarc_policy: Literal["none", "quarantine", "reject"] = "quarantine"  # p= of our domains
    dmarc_reports: Mailbox | None = None  # rua=, one of the mailboxes: its reports are read
    tls_reports: Mailbox | None = None  # where TLS-RPT goes (RFC 8460); unset: not published
    mta_sts: Literal["", "testing", "enforce"] = ""  # RFC 8461; needs the file on a web server


class ReadingSection(Section):
    """Limits before and while a message is parsed; each is a problem when hit."""

    max_size: int = Field(default=52_428_800, gt=0)  # octets; what lies behind is not read
    max_header_bytes: int = Field(default=1_048_576, gt=0)
    max_headers: int = Field(default=2_000, gt=0)
    max_parts: int = Field(default=1_000, gt=0)
    max_depth: int = Field(default=50, gt=0)
    max_addresses: int = Field(default=1_000, gt=0)  # per header field
    max_parameters: int = Field(default=100, gt=0)  # per header field
    max_attachments: int = Field(default=200, gt=0)
    max_containers: int = Field(default=16, gt=0)  # winmail.dat and S/MIME, opened in one message
    max_text: int = Field(default=2_097_152, gt=0)  # characters of text kept
    max_expanded: int = Field(default=209_715_200, gt=0)  # octets an attachment may unpack to
    max_pages: int = Field(default=2_000, gt=0)  # of one PDF
    workers: int = Field(default=2, ge=0)  # processes; 0 reads inside the service (tests only)
    worker_memory: int = Field(default=536_870_912, gt=0)  # octets of address space above the start
    worker_cpu: Seconds = 4.0  # CPU time one job may take in a worker
    deadline: Seconds = 10.0  # wall time one job may take, and may wait for a free worker


class ClassificationSection(Section):
    """What is it."""

    threshold: Probability = 0.85  # below it a person decides
    rules_dir: Path | None = None  # more *.yaml rules, read after the shipped ones
    model_file: Path | None = None  # another ONNX model than the shipped one or the site's own
    shadow: bool = False  # ask the candidate of `postroom model train` too, and log differences
    spam_filters: tuple[Network, ...] = ()  # clients whose X-Spam and X-Rspamd headers are believed


class OrdersSection(Section):
    """How orders and invoices are read."""

    templates_dir: Path | None = None  # layouts of senders, *.yaml (docs/orders.md)
    template: Path | None = None  # one template for everything, whoever wrote it; to try it
    ocr: bool = False  # read scans with tesseract; what it reads is never sure
    ocr_command: Path = Path("/usr/bin/tesseract")
    ocr_languages: str = Field(default="rus+deu+eng", pattern=r"^[a-z_]+(\+[a-z_]+)*$")
    ocr_timeout: Seconds = 3.0  # CPU time for one page, which counts towards reading.worker_cpu
    ocr_pages: int = Field(default=3, ge=1)  # of one document


class CatalogueSection(Section):
    """Our products, so that an order's lines are matched with them; off while there is no file."""

    file: Path | None = None  # CSV with a heading, or 1C's import.xml; read anew when it changes
    likeness: Probability = 0.9  # of two names, from which words alone decide
    ahead: Probability = 0.06  # by which the likest product must lead the next


class LlmSection(Section):
    """A language model asked, after the queue, about mail the classifier is unsure of."""

    enabled: bool = False  # the text of such mail goes to base_url: say so to whom it concerns
    base_url: str = Field(default="http://127.0.0.1:11434/v1", pattern=r"^https?://[^\s]+$")
    model: str = ""  # its name there; needed with enabled
    token_file: Path | None = None  # bearer token, first line of the file
    timeout: Seconds = 20.0  # for one answer; far below lmtp.deadline
    max_text: int = Field(default=4_000, gt=0)  # characters of a message that are shown to it


class CategoryRow(Section):
    """What follows from one category."""

    steps: tuple[
        Literal["order-create", "invoice-update", "ticket-create", "reply", "forward"], ...
    ] = ()
    folder: str = "INBOX"
    template: str = ""  # reply template, needed where steps has "reply"
    ticket_kind: Literal["", "support", "lead", "other"] = ""
    review: bool = True  # unsure or unauthenticated mail of this category waits for a person


DEFAULT_CATEGORIES: dict[str, CategoryRow] = {
    "purchase_order": CategoryRow(
        steps=("order-create", "reply"), folder="Orders", template="order-confirmation"
    ),
    "invoice": CategoryRow(steps=("invoice-update",), folder="Invoices"),
    "support": CategoryRow(
        steps=("ticket-create", "reply"),
        folder="Support",
        template="ticket-acknowledgement",
        ticket_kind="support",
    ),
    "sales": CategoryRow(
        steps=("ticket-create", "reply"),
        folder="Sales",
        template="ticket-acknowledgement",
        ticket_kind="lead",
    ),
    "hr": CategoryRow(steps=("forward",), folder="HR", review=False),
    "spam": CategoryRow(folder="Junk", review=False),
    "other": CategoryRow(review=False),
}


class MailboxSection(Section):
    """Where people read the mail afterwards."""

    kind: Literal["maildir", "lmtp"] = "maildir"
    path: Path | None = None  # Maildir root, one folder per mailbox; default state_dir/mail
    lmtp: Endpoint | None = None  # the next LMTP server, for kind = "lmtp"
    hr: Mailbox | None = None  # where hr mail is forwarded to; unset: it stays in its folder


class ErpSection(Section):
    """The ERP that takes orders, invoices and tickets (contract section 4); docs/erp.md."""

    destination: ClassVar[str] = "erp"  # names its secret, its places and its breaker
    kind: Literal[
        "rest", "tryton", "odoo", "erpnext", "onec", "commerceml", "roundup", "webhook"
    ] = "rest"
    base_url: str = Field(default="", pattern=r"^(https?://[^\s]+)?$")  # empty: nothing is sent
    # Secret, first line of the file; unset: a systemd credential or the environment (docs/erp.md).
    token_file: Path | None = None
    user: str = ""  # login the secret belongs to (tryton, onec, roundup; odoo over JSON-RPC)
    password_file: Path | None = None  # tryton: password of `user`, for on_change over JSON-RPC
    database: str = ""  # name of the ERP's database (tryton, odoo)
    company: str = ""  # id of our company in the ERP, where it has several
    mapping_file: Path | None = None  # YAML laid over the shipped mapping of fields
    protocol: Literal["json2", "jsonrpc"] = "json2"  # odoo: json2 from 19 on, jsonrpc before
    lookup: bool = False  # rest: GET by external_ref before a request is repeated
    timeout: Seconds = 10.0  # for one attempt
    concurrency: int = Field(default=4, ge=1)  # requests at once
    rate: float = Field(default=0.0, ge=0)  # requests a second; 0: no limit
    settle: float = Field(default=30.0, ge=0)  # how long a request may go on after we gave it up
    link_base: str = ""  # prefix of the link to the message shown in the ERP
    # HOST:PORT where 1C comes for orders (commerceml); beyond this host, put TLS before it.
    listen: Listening = ""

    @property
    def is_set(self) -> bool:
        """Whether there is such a system at all."""
        return bool(self.listen if self.kind == "commerceml" else self.base_url)


class TicketsSection(ErpSection):
    """Another system for tickets; with an empty base_url the ERP takes them."""

    destination: ClassVar[str] = "tickets"


class ReplySection(Section):
    """Answers to the sender."""

    enabled: bool = False  # nothing is answered until an admin says so
    submit: Server = "127.0.0.1:25"  # HOST:PORT of the Postfix that sends them
    author: Mailbox | None = None  # From of replies; unset: the mailbox the message came to
    company: str = ""  # name shown in the texts
    aliases: tuple[Mailbox, ...] = ()  # other addresses whose mail reaches our mailboxes
    language: Literal["en", "de", "ru"] = "en"  # of a reply to mail whose language cannot be told
    templates_dir: Path | None = None  # overrides the shipped templates of the same name
    trust_shipped: bool = True  # shipped templates, unchanged, need no approval of their own
    personalise: bool = False  # llm.model may propose texts for slots to who reviews a message
    per_sender_interval: Seconds = 3_600.0  # at most one reply per sender in it
    per_domain_daily: int = Field(default=50, ge=0)  # replies of one day to one domain
    daily_limit: int = Field(default=500, ge=0)  # all replies of one day together
    max_age: Seconds = 86_400.0  # older mail is not answered; what was approved: since then
    # Topic -> how its words begin, instead of the shipped words of that topic; [] turns it off.
    sensitive: dict[str, tuple[str, ...]] = Field(default={})


class DmarcReportsSection(Section):
    """Aggregate reports to the owners of domains we get mail from; `postroom dmarc send`."""

    enabled: bool = False  # record what is seen at the border, so that there is something to send
    author: Mailbox | None = None  # From and MAIL FROM of reports; its domain must pass DMARC
    organization: str = ""  # our name in the reports; empty: service.hostname
    contact: str = ""  # more about whom to ask: a URL, a telephone number; empty: none
    submit: Server = "127.0.0.1:25"  # HOST:PORT of the Postfix that sends and signs them
    max_age: Seconds = 432_000.0  # what could not be reported for so long is dropped (5 days)
    dead_for: Seconds = 2_592_000.0  # an address that refused is left alone for so long (30 days)
    exclude: tuple[Domain, ...] = ()  # policy domains that get no report, nor their subdomains


class AuditSection(Section):
    """The log of who did what; `postroom audit`."""

    key_file: Path | None = None  # seals and encrypts it; made in state_dir when unset


class ApiSection(Section):
    """The HTTP API, for a web console and for programs; docs/api.md."""

    listen: Listening = ""  # HOST:PORT; empty: none
    failures_per_minute: int = Field(default=20, ge=1)  # wrong tokens from one address, then 429


class RedisSection(Section):
    """The bus between hosts; without it, one host is enough."""

    url: str = Field(default="", pattern=r"^((redis|rediss|unix)://\S+)?$")  # empty: none
    password_file: Path | None = None  # first line; unset: none, or the URL's own
    prefix: str = Field(default="postroom", pattern=r"^[A-Za-z0-9:._-]+$")  # of the streams' names
    timeout: Seconds = 2.0  # for one answer; nobody waits for it
    max_length: int = Field(default=100_000, ge=1)  # entries kept in a stream, about


class WebhookSection(Section):
    """A program elsewhere that is told what happened."""

    url: str = Field(pattern=r"^https?://\S+$")  # where events are posted to
    secret_file: Path  # signs them; a secret a line, whsec_ and base64, or plain text
    types: tuple[str, ...] = ()  # as in docs/events.md, "order.*" for all of orders; empty: all


class EventsSection(Section):
    """What happened, as CloudEvents: to Redis where [redis] is set, to webhooks, to Kafka."""

    poll: Seconds = 1.0  # between two looks at what is new
    timeout: Seconds = 15.0  # for one request of a webhook; must be below worker.lease
    kafka_brokers: tuple[str, ...] = ()  # HOST:PORT each; empty: none; needs the extra `kafka`
    kafka_topic: str = "postroom.events"
    webhooks: dict[str, WebhookSection] = Field(default={})


class WorkerSection(Section):
    """How actions are carried out."""

    attempts: int = Field(default=3, ge=1)  # then the dead letters
    backoff: Seconds = 30.0  # before the second attempt; doubles after each
    backoff_max: Seconds = 3_600.0
    delivery_lifetime: Seconds = 432_000.0  # handing mail on is tried for so long (5 days)
    lease: Seconds = 60.0  # a worker's claim; must exceed erp.timeout
    concurrency: int = Field(default=8, ge=1)  # actions at once, for each destination but ERPs
    poll: Seconds = 1.0  # at the latest, should a wake-up be missed
    breaker_failures: int = Field(default=5, ge=1)  # in a row: the destination is left alone
    breaker_pause: Seconds = 30.0  # for so long; doubles while it stays away
    breaker_pause_max: Seconds = 300.0


class StoreSection(Section):
    """The database."""

    url: DatabaseUrl = ""  # SQLAlchemy URL; empty: SQLite in state_dir
    auto_upgrade: bool = True  # migrate at the start of `serve`


Days = Annotated[int, Field(ge=0)]


class RetentionSection(Section):
    """How long what is kept, in days; `postroom db purge`, once a day. 0 keeps it for ever."""

    mail: Days = 0  # then a message's bytes and texts are emptied; its number and story stay
    audit: Days = 0  # then its row goes too, with actions, attempts and events
    reports: Days = 400  # DMARC: what was seen, sent and read


class CanarySection(Section):
    """A mail to ourselves whose arrival is checked; `postroom canary`, every few minutes."""

    mailbox: Mailbox | None = None  # its address, one of service.mailboxes; unset: no canary
    interval: Seconds = 300.0  # your timer's; three without a canary are an alert
    deadline: Seconds = 60.0  # how long it may take from Postfix to the database


class MetricsSection(Section):
    """Prometheus."""

    listen: Listening = "127.0.0.1:9188"  # HOST:PORT; empty: none


class TracingSection(Section):
    """OpenTelemetry, an extra: `pip install 'postroom[otel]'`."""

    endpoint: str = Field(
        default="", pattern=r"^(https?://[^\s]+)?$"
    )  # OTLP over HTTP; empty: none


class LogSection(Section):
    """The operator's story on standard output."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["json", "text"] = "json"


class Config(Section):
    """The whole file."""

    service: Service = Service()
    milter: MilterSection = MilterSection()
    lmtp: LmtpSection = LmtpSection()
    dns: DnsSection = DnsSection()
    authentication: AuthenticationSection = AuthenticationSection()
    policy: PolicySection = PolicySection()
    signing: SigningSection = SigningSection()
    zone: ZoneSection = ZoneSection()
    reading: ReadingSection = ReadingSection()
    classification: ClassificationSection = ClassificationSection()
    orders: OrdersSection = OrdersSection()
    catalogue: CatalogueSection = CatalogueSection()
    llm: LlmSection = LlmSection()
    categories: dict[str, CategoryRow] = DEFAULT_CATEGORIES
    mailbox: MailboxSection = MailboxSection()
    erp: ErpSection = ErpSection()
    tickets: TicketsSection = TicketsSection()
    reply: ReplySection = ReplySection()
    dmarc_reports: DmarcReportsSection = DmarcReportsSection()
    audit: AuditSection = AuditSection()
    api: ApiSection = ApiSection()
    redis: RedisSection = RedisSection()
    events: EventsSection = EventsSection()
    worker: WorkerSection = WorkerSection()
    store: StoreSection = StoreSection()
    retention: RetentionSection = RetentionSection()
    canary: CanarySection = CanarySection()
    metrics: MetricsSection = MetricsSection()
    tracing: TracingSection = TracingSection()
    log: LogSection = LogSection()

    @property
    def store_url(self) -> str:
        """The database's SQLAlchemy URL."""
        return self.store.url or f"sqlite:///{self.service.state_dir / 'postroom.sqlite'}"

    @property
    def our_domains(self) -> tuple[str, ...]:
        """The domains that we send from: signing.domains, or those of the mailboxes."""
        mailboxes = (mailbox.rpartition("@")[2] for mailbox in self.service.mailboxes)
        return self.signing.domains or tuple(dict.fromkeys(mailboxes))

    @property
    def dkim_keys_dir(self) -> Path:
        """The folder of the private keys."""
        return self.signing.keys_dir or self.service.state_dir / "dkim"

    @property
    def models_dir(self) -> Path:
        """The folder of the site's own models (classify/shelf.py)."""
        return self.service.state_dir / "models"

    @property
    def secret_files(self) -> tuple[Path, ...]:
        """Every file with a secret that a key points to."""
        return tuple(dict.fromkeys(_secret_files(self)))

    @property
    def maildir_root(self) -> Path:
        """The folder that holds one Maildir per mailbox."""
        return self.mailbox.path or self.service.state_dir / "mail"


def _secret_files(section: BaseModel) -> Iterator[Path]:
    for name, value in section:
        if isinstance(value, BaseModel):
            yield from _secret_files(value)
        elif isinstance(value, dict):
            for inner in value.values():
                if isinstance(inner, BaseModel):
                    yield from _secret_files(inner)
        elif isinstance(value, Path) and _SECRET_FILE.search(name):
            yield value


def load(path: Path) -> Config:
    """The configuration in a file; keys of [categories.*] are laid over the row shipped there.

    Raises ConfigError naming every wrong key and its mend.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            path, [f"cannot be read ({error.strerror}); give another file with --config"]
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(
            path, [f"is not UTF-8 (octet {error.start}); save it as UTF-8"]
        ) from error
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(path, [f"is no TOML: {error}"]) from error
    rows = tables.get("categories")
    if isinstance(rows, dict):
        defaults = {name: row.model_dump() for name, row in DEFAULT_CATEGORIES.items()}
        tables["categories"] = defaults | {
            name: defaults.get(name, {}) | row if isinstance(row, dict) else row
            for name, row in rows.items()
        }
    try:
        config = Config.model_validate(tables)
    except ValidationError as error:
        raise ConfigError(
            path, [_mend(e["loc"], e["msg"], e["type"]) for e in error.errors()]
        ) from error
    problems = _contradictions(config)
    if problems:
        raise ConfigError(path, problems)
    return config


def default_path() -> Path:
    """Where the configuration is looked for when --config is not given."""
    return Path(os.environ.get("POSTROOM_CONFIG", str(DEFAULT_PATH)))


def _mend(where: tuple[int | str, ...], message: str, kind: str) -> str:
    key = ".".join(str(part) for part in where)
    if kind == "extra_forbidden":
        return f"{key}: no such key; docs/configuration.md lists them, check the spelling"
    return f"{key}: {message.removeprefix('Value error, ')}"


def _contradictions(config: Config) -> list[str]:
    """What single keys cannot show: settings that are each fine but not together."""
    problems = []
    if config.mailbox.kind == "lmtp" and config.mailbox.lmtp is None:
        problems.append(
            'mailbox.lmtp: needed with kind = "lmtp"; write unix:/path or inet:HOST:PORT'
        )
    # A ticket system that is not there cannot keep a worker waiting.
    asked = (config.erp, config.tickets) if config.tickets.base_url else (config.erp,)
    for erp in asked:
        name = erp.destination
        if config.worker.lease <= erp.timeout:
            problems.append(f"worker.lease: must be longer than {name}.timeout; raise it")
        if erp.kind in ("tryton", "odoo") and not erp.database:
            problems.append(f'{name}.database: needed with kind = "{erp.kind}"')
        by_login = erp.kind in ("onec", "commerceml", "roundup") or erp.protocol == "jsonrpc"
        if by_login and not erp.user:
            problems.append(f'{name}.user: needed with kind = "{erp.kind}", for the login')
    if config.events.webhooks and config.worker.lease <= config.events.timeout:
        problems.append("worker.lease: must be longer than events.timeout; raise it")
    if config.dns.deadline >= config.milter.deadline:
        problems.append("dns.deadline: must be shorter than milter.deadline; lower it")
    if config.dmarc_reports.enabled and config.dmarc_reports.author is None:
        problems.append("dmarc_reports.author: needed with enabled; the mailbox that reports")
    if config.llm.enabled and not config.llm.model:
        problems.append("llm.model: needed with enabled; its name at llm.base_url")
    if config.reply.personalise and not config.llm.model:
        problems.append("llm.model: needed with reply.personalise; its name at llm.base_url")
    if config.llm.enabled and config.llm.timeout >= config.lmtp.deadline:
        problems.append("llm.timeout: must be shorter than lmtp.deadline; lower it")
    problems += _too_short(config.retention)
    mailboxes, canary = config.service.mailboxes, config.canary.mailbox
    if canary and mailboxes and canary not in mailboxes:
        problems.append(f"canary.mailbox: LMTP refuses {canary}; add it to service.mailboxes")
    for name, row in config.categories.items():
        if "reply" in row.steps and not row.template:
            problems.append(f'categories.{name}.template: needed because steps has "reply"')
        if "ticket-create" in row.steps and not row.ticket_kind:
            problems.append(
                f'categories.{name}.ticket_kind: needed because steps has "ticket-create"'
            )
    return problems


def _too_short(ages: RetentionSection) -> list[str]:
    """Ages that would let a message be forgotten while Postfix may still deliver it again."""
    found = [
        f"retention.{name}: at least {_SHORTEST_AGE} days, or 0; Postfix tries for five days"
        for name, days in ages.model_dump().items()
        if 0 < days < _SHORTEST_AGE
    ]
    if ages.audit and (not ages.mail or ages.mail > ages.audit):
        found.append("retention.mail: must be set and not longer than retention.audit; lower it")
    return found
