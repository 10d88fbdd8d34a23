"""An aggregate report as XML; pure.

In: a policy as published, a day, what was seen. Out: the XML, the same bytes for the same input,
and everything that names the report: its id, its file name, its subject. Standard: RFC 9990 3.1
and appendix A (namespace urn:ietf:params:xml:ns:dmarc-2.0).

Limits: one report per policy domain and day, under the policy as it is published when the report
is made (RFC 9990 3.3 leaves that open); no fo, no error, no extensions.
"""

import gzip
import hashlib
import io
from collections.abc import Iterable
from dataclasses import dataclass
from xml.sax.saxutils import XMLGenerator
from xml.sax.xmlreader import AttributesImpl

from postroom import __version__

from .published import PublishedPolicy
from .seen import Seen

NAMESPACE = "urn:ietf:params:xml:ns:dmarc-2.0"
GENERATOR = f"Postroom {__version__}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reporter:
    """Who reports."""

    organization: str
    email: str
    contact: str  # empty: none
    hostname: str  # the receiver of the file name and the submitter of the subject


@dataclass(frozen=True, slots=True, kw_only=True)
class AggregateReport:
    """One report, ready to be sent."""

    policy: PublishedPolicy
    reporter: Reporter
    begin: int  # seconds since 1970
    end: int  # the last second of the period
    rows: tuple[tuple[Seen, int], ...]  # with the number of equal messages

    @property
    def unique_id(self) -> str:
        """The same for the same rows: what is sent again is known again (RFC 9990 3.1.4)."""
        said = repr((self.policy.domain, self.begin, self.end, self.rows))
        return hashlib.sha256(said.encode()).hexdigest()[:20]

    @property
    def report_id(self) -> str:
        """RFC 9990 3.5.1."""
        return f"{self.begin}.{self.unique_id}@{self.reporter.hostname}"

    @property
    def filename(self) -> str:
        """RFC 9990 3.5.2."""
        names = (self.reporter.hostname, self.policy.domain, self.begin, self.end, self.unique_id)
        return "!".join(map(str, names)) + ".xml.gz"

    @property
    def subject(self) -> str:
        """RFC 9990 3.5.2."""
        return (
            f"Report Domain: {self.policy.domain} Submitter: {self.reporter.hostname} "
            f"Report-ID: <{self.report_id}>"
        )

    def compressed(self) -> bytes:
        """The XML in gzip (RFC 1952), the same bytes each time."""
        return gzip.compress(self.xml(), mtime=0)

    def xml(self) -> bytes:
        """RFC 9990 appendix A."""
        out = io.BytesIO()
        writer = _Writer(out)
        with writer.element("feedback", xmlns=NAMESPACE):
            writer.text("version", "1.0")
            self._metadata(writer)
            _policy(writer, self.policy, self.rows[0][0].discovery if self.rows else "treewalk")
            for seen, times in self.rows:
                _record(writer, seen, times)
        writer.end()
        return out.getvalue()

    def _metadata(self, writer: "_Writer") -> None:
        with writer.element("report_metadata"):
            writer.text("org_name", self.reporter.organization)
            writer.text("email", self.reporter.email)
            if self.reporter.contact:
                writer.text("extra_contact_info", self.reporter.contact)
            writer.text("report_id", self.report_id)
            with writer.element("date_range"):
                writer.text("begin", str(self.begin))
                writer.text("end", str(self.end))
            writer.text("generator", GENERATOR)


def _policy(writer: "_Writer", policy: PublishedPolicy, discovery: str) -> None:
    with writer.element("policy_published"):
        writer.text("domain", policy.domain)
        writer.text("discovery_method", discovery)
        writer.text("p", policy.p)
        # RFC 9990 3.1.1.5: from p on, the discovered or default value.
        writer.text("sp", policy.sp or policy.p)
        writer.text("np", policy.np or policy.sp or policy.p)
        writer.text("adkim", policy.adkim)
        writer.text("aspf", policy.aspf)
        writer.text("testing", "y" if policy.testing else "n")


def _record(writer: "_Writer", seen: Seen, times: int) -> None:
    with writer.element("record"):
        with writer.element("row"):
            writer.text("source_ip", seen.source_ip)
            writer.text("count", str(times))
            with writer.element("policy_evaluated"):
                writer.text("disposition", seen.disposition)
                writer.text("dkim", seen.dkim)
                writer.text("spf", seen.spf)
                if seen.override:
                    kind, _, comment = seen.override.partition(" ")
                    with writer.element("reason"):
                        writer.text("type", kind)
                        if comment:
                            writer.text("comment", comment)
        with writer.element("identifiers"):
            writer.text("header_from", seen.header_from)
            writer.text("envelope_from", seen.envelope_from)
        with writer.element("auth_results"):
            _auth_results(writer, seen)


def _auth_results(writer: "_Writer", seen: Seen) -> None:
    for one in seen.signatures:
        with writer.element("dkim"):
            writer.text("domain", one.domain)
            writer.text("selector", one.selector)
            writer.text("result", one.result)
            if one.reason:
                writer.text("human_result", one.reason)
    if seen.spf_result:
        with writer.element("spf"):
            writer.text("domain", seen.spf_domain)
            writer.text("scope", "mfrom")
            writer.text("result", seen.spf_result)


class _Element:
    def __init__(self, writer: "_Writer", name: str) -> None:
        self._writer = writer
        self._name = name

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        self._writer.close(self._name)


class _Writer:
    """XML, indented; what XML 1.0 cannot hold becomes a question mark."""

    def __init__(self, out: io.BytesIO) -> None:
        self._xml = XMLGenerator(out, "utf-8", short_empty_elements=True)
        self._xml.startDocument()
        self._depth = 0

    def element(self, name: str, **attributes: str) -> _Element:
        if self._depth:
            self._indent()
        self._xml.startElement(name, AttributesImpl(attributes))
        self._depth += 1
        return _Element(self, name)

    def text(self, name: str, content: str) -> None:
        self._indent()
        self._xml.startElement(name, AttributesImpl({}))
        self._xml.characters("".join(c if c.isprintable() else "?" for c in content))
        self._xml.endElement(name)

    def close(self, name: str) -> None:
        self._depth -= 1
        self._indent()
        self._xml.endElement(name)

    def end(self) -> None:
        self._xml.ignorableWhitespace("\n")
        self._xml.endDocument()

    def _indent(self) -> None:
        self._xml.ignorableWhitespace("\n" + "  " * self._depth)


def rows_of(counted: Iterable[tuple[Seen, int]]) -> tuple[tuple[Seen, int], ...]:
    """Counted rows in a fixed order, so that the report does not depend on the database's."""
    return tuple(sorted(counted, key=lambda row: repr(row[0])))
