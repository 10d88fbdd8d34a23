"""What Prometheus sees; every name is documented in docs/metrics.md, which is tested.

Several processes of one `postroom serve` share a folder of counters (prometheus_client's
multiprocess mode, PROMETHEUS_MULTIPROC_DIR set by supervisor.py before this module is imported).
A gauge without labels is 0 in every process that imports this module, whether it sets it or not:
such a one is "mostrecent", which asks who set it; a gauge of several parts has the label `part`.
"""

from dataclasses import dataclass

from prometheus_client import Counter, Gauge, Histogram

# From one look at the clock to the next; 5 ms to 10 s, closer around the promised 1 s and 2 s.
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0)

MILTER_MESSAGES = Counter(
    "postroom_milter_messages", "Messages answered by the milter", ["disposition", "reason"]
)
HEADERS_REMOVED = Counter(
    "postroom_headers_removed", "Forged headers removed at the border", ["header"]
)
AUTH_RESULTS = Counter(
    "postroom_auth_results", "Results of sender authentication", ["method", "result"]
)
SIGNED = Counter(
    "postroom_messages_signed", "Submitted messages that got our DKIM signatures", ["domain"]
)
MESSAGES = Counter("postroom_messages", "Messages stored by LMTP", ["category", "outcome"])
LMTP_REPLIES = Counter("postroom_lmtp_replies", "LMTP replies after end of data", ["code"])
DUPLICATES = Counter("postroom_duplicates", "Redelivered messages that changed nothing")
STAMPS = Counter("postroom_stamps", "Stamps seen by LMTP", ["state"])  # valid, missing, or reason
STAGE_SECONDS = Histogram(
    "postroom_stage_seconds", "Time one stage took for one message", ["stage"], buckets=_SECONDS
)
CLASSIFIED = Counter(
    "postroom_classified",
    "Messages classified, by who had the last word and whether it was sure of it",
    ["category", "source", "sure"],
)
CONFIDENCE = Histogram(
    "postroom_confidence",
    "How sure the classification was; below classification.threshold a person decides",
    buckets=(0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.99, 1.0),
)
FAMILIARITY = Histogram(
    "postroom_familiarity",
    "Share of a message's words that the model was trained on: falls as mail drifts away",
    buckets=(0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0),
)
SHADOW = Counter(
    "postroom_shadow", "Messages the candidate model was asked about too", ["live", "candidate"]
)
LLM = Counter(
    "postroom_llm",
    "Questions to the language model: answered, discarded, failed, or skipped",
    ["outcome"],
)
MODEL_LOADED = Gauge(
    "postroom_model_loaded",
    "1 while the part uses the model, 0 when rules go alone in it",
    ["part"],
    multiprocess_mode="livemin",
)
ACTION_SECONDS = Histogram(
    "postroom_receipt_to_action_seconds",
    "From receipt by LMTP to the end of the first business action",
    buckets=_SECONDS,
)
ATTEMPTS = Counter("postroom_attempts", "Attempts at actions", ["step", "outcome", "reason"])
REPLIES_WITHHELD = Counter("postroom_replies_withheld", "Replies not sent, by gate", ["reason"])
WORKERS_LOST = Counter(
    "postroom_workers_lost", "Worker processes killed or crashed while reading", ["reason"]
)
QUEUE_DEPTH = Gauge(
    "postroom_queue_depth", "Actions by state", ["state"], multiprocess_mode="mostrecent"
)
QUEUE_AGE = Gauge(
    "postroom_queue_age_seconds",
    "Age of the oldest action that is due",
    multiprocess_mode="mostrecent",
)
DESTINATION_AWAY = Gauge(
    "postroom_destination_away",
    "1 while a destination's circuit breaker is open: its actions wait",
    ["destination"],
    multiprocess_mode="livemostrecent",  # the next worker may know the destination no more
)
REVIEW_AGREEMENT = Gauge(
    "postroom_review_agreement",
    "Share of the newest reviewed messages of a category of which the model's guess stood",
    ["category"],
    multiprocess_mode="mostrecent",
)
REVIEWS = Gauge(
    "postroom_reviews_waiting", "Messages waiting for a person", multiprocess_mode="mostrecent"
)
API_ANSWERS = Counter("postroom_api_answers", "Answers of the HTTP API", ["status"])
DMARC_SEEN = Counter(
    "postroom_dmarc_seen",
    "Messages noted for aggregate reports: written, dropped, failed",
    ["state"],
)
DMARC_REPORTS = Counter(
    "postroom_dmarc_reports", "Aggregate reports that came in, by what became of them", ["outcome"]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Vital:
    """A gauge that is asked for at every scrape (vitals.py)."""

    name: str
    meaning: str
    labels: tuple[str, ...] = ()


DATABASE_UP = Vital(name="postroom_database_up", meaning="1 while the database answers")
LAST_MAIL = Vital(
    name="postroom_last_mail_timestamp_seconds", meaning="When the last mail was stored"
)
USUAL_MAIL = Vital(
    name="postroom_usual_messages_per_hour",
    meaning="Mails an hour at this hour of the week, over the last four weeks",
)
CANARY = Vital(name="postroom_canary_timestamp_seconds", meaning="When the last canary was stored")
CANARY_INTERVAL = Vital(
    name="postroom_canary_interval_seconds",
    meaning="canary.interval, where there is a canary.mailbox: how often one shall be stored",
)
OLDEST_REVIEW = Vital(
    name="postroom_oldest_review_timestamp_seconds",
    meaning="Since when the longest waiting message waits for a person",
)
FREE_SPACE = Vital(name="postroom_free_space_bytes", meaning="Free space below service.state_dir")
NEEDED_SPACE = Vital(
    name="postroom_needed_space_bytes", meaning="lmtp.min_free_space: below it mail is deferred"
)
CERTIFICATE = Vital(
    name="postroom_certificate_end_timestamp_seconds",
    meaning="When the certificate ends that Postfix shows at reply.submit",
)
PART_UP = Vital(name="postroom_part_up", meaning="1 while the part runs", labels=("part",))
PART_DEATHS = Vital(
    name="postroom_part_deaths",
    meaning="How often the part ended without being asked, since the service started",
    labels=("part",),
)
