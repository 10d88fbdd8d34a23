"""What only the installation as a whole can say of itself: figures asked for when they are wanted.

In: the configuration. Out: `Vitals`, and the same as metrics for Prometheus. Counters tell what
passed; these tell what did not come: the last mail and how many are usual at this hour, the last
canary, the oldest review, free space, the end of Postfix's certificate, parts that are down.

How usual: mail of the same hour of the last four weeks. With a usual rate of r per hour, t hours
of silence have the probability exp(-r * t), so one alert fits a busy shop and a quiet one.

Limits: the certificate is the one Postfix shows at reply.submit, looked at once an hour.
"""

import shutil
import smtplib
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from cryptography import x509
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import ColumnElement, Connection, func, select

from . import metrics
from .config import Config
from .failure import Failure
from .store.canaries import are_canaries
from .store.engine import Database
from .store.schema import MESSAGE, REVIEW

_HOUR_S = 3_600.0
_WEEK_S = 7 * 24 * _HOUR_S
_WEEKS = 4
_ASK_AGAIN_S = 5.0  # two scrapes in a row are answered once
_CERTIFICATE_S = 10.0  # Postfix beside us answers in less
_CERTIFICATE_AGAIN_S = _HOUR_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Vitals:
    """One look; times are UTC seconds since 1970, None where there is nothing yet."""

    last_mail: float | None  # canaries do not count
    usual_per_hour: float  # mails at this hour of the week; 0 without a week of history
    canary: float | None  # arrival of the last one
    oldest_review: float | None
    free_space: int  # octets below state_dir


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A process of the service, as its supervisor sees it."""

    is_up: bool
    deaths: int  # since the service started
    pid: int


Parts = Callable[[], dict[str, Part]]


def look(config: Config, database: Database, now: float) -> Vitals:
    """Asks database and disk. Raises TemporaryFailure(database)."""
    # Without canaries nothing is asked of a message but its time: then an index has the answer.
    ours = are_canaries(config)
    with database.reading() as connection:
        return Vitals(
            last_mail=_newest(connection, ~ours),
            usual_per_hour=_usual(connection, ~ours, now),
            canary=_newest(connection, ours) if config.canary.mailbox else None,
            oldest_review=connection.scalar(
                select(func.min(REVIEW.c.created_at)).where(REVIEW.c.state == "waiting")
            ),
            free_space=shutil.disk_usage(config.service.state_dir).free,
        )


def certificate_end(server: str) -> float | None:
    """When the certificate ends that Postfix shows there; None where it shows none."""
    host, _, port = server.rpartition(":")
    trusting = ssl.create_default_context()
    trusting.check_hostname = False  # we look at it, whoever signed it
    trusting.verify_mode = ssl.CERT_NONE
    try:
        with smtplib.SMTP(host.strip("[]"), int(port), timeout=_CERTIFICATE_S) as client:
            client.starttls(context=trusting)
            assert isinstance(client.sock, ssl.SSLSocket)
            shown = client.sock.getpeercert(binary_form=True)
    except (OSError, smtplib.SMTPException):
        return None
    if not shown:
        return None
    return x509.load_der_x509_certificate(shown).not_valid_after_utc.timestamp()


class VitalsCollector(Collector):
    """Vitals as metrics; postroom/metrics.py has their names and meanings."""

    def __init__(
        self, config: Callable[[], Config], parts: Parts, clock: Callable[[], float] = time.time
    ) -> None:
        self._config = config  # asked at each look: a reload changes it
        self._database = Database(config().store_url)
        self._parts = parts
        self._clock = clock
        self._seen: tuple[float, Vitals | None] = (0.0, None)
        self._certificate: tuple[float, float | None] = (0.0, None)

    def vitals(self) -> Vitals | None:
        """A look of at most some seconds ago; None while the database does not answer."""
        now = self._clock()
        if now - self._seen[0] > _ASK_AGAIN_S:
            config = self._config()
            if self._database.url != config.store_url:
                self._database.close()
                self._database = Database(config.store_url)
            try:
                self._seen = now, look(config, self._database, now)
            except Failure:
                self._seen = now, None
        return self._seen[1]

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Called by Prometheus' library for every scrape."""
        vitals, config = self.vitals(), self._config()
        yield _gauge(metrics.DATABASE_UP, float(vitals is not None))
        if vitals is not None:
            yield _gauge(metrics.LAST_MAIL, vitals.last_mail)
            yield _gauge(metrics.USUAL_MAIL, vitals.usual_per_hour)
            yield _gauge(metrics.CANARY, vitals.canary)
            yield _gauge(metrics.CANARY_INTERVAL, _canary_interval(config))
            yield _gauge(metrics.OLDEST_REVIEW, vitals.oldest_review)
            yield _gauge(metrics.FREE_SPACE, vitals.free_space)
        yield _gauge(metrics.NEEDED_SPACE, config.lmtp.min_free_space)
        yield _gauge(metrics.CERTIFICATE, self._certificate_end(config.reply.submit))
        parts = self._parts()
        for vital, value in ((metrics.PART_UP, "is_up"), (metrics.PART_DEATHS, "deaths")):
            family = GaugeMetricFamily(vital.name, vital.meaning, labels=["part"])
            for name, part in parts.items():
                family.add_metric([name], float(getattr(part, value)))
            yield family

    def _certificate_end(self, server: str) -> float | None:
        now = self._clock()
        if now - self._certificate[0] > _CERTIFICATE_AGAIN_S:
            self._certificate = now, certificate_end(server)
        return self._certificate[1]


def _gauge(vital: metrics.Vital, value: float | None) -> GaugeMetricFamily:
    family = GaugeMetricFamily(vital.name, vital.meaning)
    if value is not None:
        family.add_metric([], value)
    return family


def _canary_interval(config: Config) -> float | None:
    return config.canary.interval if config.canary.mailbox else None


def _newest(connection: Connection, which: ColumnElement[bool]) -> float | None:
    newest: float | None = connection.scalar(
        select(MESSAGE.c.received_at).where(which).order_by(MESSAGE.c.received_at.desc()).limit(1)
    )
    return newest


def _usual(connection: Connection, which: ColumnElement[bool], now: float) -> float:
    """Mails an hour around this hour of the week, over the weeks there is a history of."""
    first = connection.scalar(select(func.min(MESSAGE.c.received_at)))
    weeks = min(_WEEKS, int((now - first) / _WEEK_S)) if first else 0
    found = 0
    for week in range(1, weeks + 1):
        middle = now - week * _WEEK_S
        found += (
            connection.scalar(
                select(func.count())
                .select_from(MESSAGE)
                .where(MESSAGE.c.received_at.between(middle - _HOUR_S, middle + _HOUR_S), which)
            )
            or 0
        )
    return found / (2 * weeks) if weeks else 0.0
