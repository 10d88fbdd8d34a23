"""An aggregate report that somebody sent us, as values; and the XML it is read from.

In: XML as reporters really write it: the schemas of RFC 9990 and RFC 7489 and the drafts before
them, with any or no namespace. Out: a `ReceivedReport`. One pass with expat, no tree and no
recursion; a DOCTYPE is refused, so there are no entities to expand. XML that is nearly well-formed
(a stray "<" or "&", octets that are no UTF-8) is mended once. Values outside the standard's words
make a row unusable; a report without a usable row is refused.

Limits: 100,000 rows of a report, 100 results of a row; longer texts are cut.
"""

import ipaddress
import re
from dataclasses import dataclass, field
from xml.parsers import expat

from postroom.failure import PermanentFailure
from postroom.reading.names import ascii_name

_MOST_ROWS = 100_000
_MOST_RESULTS = 100
_DEEPEST = 20  # elements inside each other
_LONGEST = 1_000  # characters of one text
_LARGEST = 2**31 - 1
_LAST_SECOND = 4_102_444_800  # the year 2100
_DISPOSITIONS = frozenset({"none", "pass", "quarantine", "reject"})
_ALIGNED = frozenset({"pass", "fail"})
# What is no tag, comment or declaration, and what is no entity of XML.
_STRAY = re.compile(r"<(?!/?[A-Za-z_][\w:.-]{0,60}(?:\s[^<>]{0,300})?/?>|\?xml|!--)")
_AMPERSAND = re.compile(r"&(?!(?:amp|lt|gt|quot|apos|#\d{1,7}|#x[0-9a-fA-F]{1,6});)")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_DECLARATION = re.compile(r"\A\s*<\?xml[^>]{0,200}\?>")


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodResult:
    """What SPF or DKIM said by itself."""

    method: str  # "dkim" or "spf"
    domain: str
    result: str
    selector: str = ""  # DKIM; empty when not said
    scope: str = ""  # SPF; empty when not said


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedRow:
    """Messages that were alike."""

    source_ip: str
    count: int
    disposition: str  # none, pass, quarantine, reject
    dkim: str  # aligned: pass or fail
    spf: str  # aligned: pass or fail
    header_from: str
    envelope_from: str = ""
    override: str = ""  # types of the reasons given
    results: tuple[MethodResult, ...] = ()

    @property
    def is_aligned(self) -> bool:
        """Whether DMARC passed."""
        return "pass" in (self.dkim, self.spf)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedReport:
    """One report."""

    reporter: str  # org_name, or email where that is empty
    report_id: str
    domain: str  # policy domain, A-labels
    begins_at: int  # seconds since 1970
    ends_at: int
    policy: str = ""  # p= as published; empty when not said
    rows: tuple[ReceivedRow, ...] = ()
    unusable: int = 0  # rows that could not be read


def read_report(xml: bytes) -> ReceivedReport:
    """The report in an XML document (RFC 9990 appendix A, RFC 7489 appendix C).

    Raises PermanentFailure report-malformed, report-doctype or report-too-large.
    """
    try:
        return _read(xml)
    except expat.ExpatError:
        try:
            return _read(_mended(xml))
        except expat.ExpatError as error:
            raise PermanentFailure("report-malformed", error) from error


def _read(xml: bytes) -> ReceivedReport:
    reading = _Reading()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = reading.start
    parser.EndElementHandler = reading.end
    parser.CharacterDataHandler = reading.characters
    parser.StartDoctypeDeclHandler = _refuse_doctype
    try:
        parser.Parse(xml, True)
    except (LookupError, ValueError, UnicodeError) as error:  # an encoding nobody knows
        raise PermanentFailure("report-malformed", error) from error
    return reading.report()


def _refuse_doctype(*_said: object) -> None:
    raise PermanentFailure("report-doctype")


def _mended(xml: bytes) -> bytes:
    text = _DECLARATION.sub("", xml.decode("utf-8", "replace"))
    text = _CONTROL.sub("", text)
    return _AMPERSAND.sub("&amp;", _STRAY.sub("&lt;", text)).encode()


@dataclass(slots=True)
class _Record:
    values: dict[str, str] = field(default_factory=dict)  # by path below record
    reasons: list[str] = field(default_factory=list)
    results: list[tuple[str, dict[str, str]]] = field(default_factory=list)


class _Reading:
    """What expat has shown so far."""

    def __init__(self) -> None:
        self._path: list[str] = []
        self._text: list[str] = []
        self._length = 0
        self._values: dict[str, str] = {}  # outside records, by path
        self._record = _Record()
        self._rows: list[ReceivedRow] = []
        self._unusable = 0

    def start(self, name: str, _attributes: object) -> None:
        plain = name.rpartition(":")[2]
        if not self._path and plain != "feedback":
            raise PermanentFailure("report-malformed", ValueError("root is not feedback"))
        if len(self._path) >= _DEEPEST:
            raise PermanentFailure("report-malformed", ValueError("too deep"))
        self._path.append(plain)
        self._text, self._length = [], 0
        match self._path[1:]:
            case ["record"]:
                self._record = _Record()
            case ["record", "auth_results", ("dkim" | "spf") as method]:
                if len(self._record.results) < _MOST_RESULTS:
                    self._record.results.append((method, {}))

    def characters(self, text: str) -> None:
        if self._length < _LONGEST:
            self._text.append(text[:_LONGEST])
            self._length += len(text)

    def end(self, _name: str) -> None:
        text = "".join(self._text).strip()[:_LONGEST]
        self._text, self._length = [], 0
        match self._path[1:]:
            case ["record"]:
                self._take_record()
            case ["record", "row", "policy_evaluated", "reason", "type"] if text:
                if len(self._record.reasons) < _MOST_RESULTS:
                    self._record.reasons.append(text)
            case ["record", "auth_results", _, name]:
                if self._record.results:
                    self._record.results[-1][1].setdefault(name, text)
            case ["record", *rest]:
                self._record.values.setdefault("/".join(rest), text)
            case path if len(path) <= 3:
                self._values.setdefault("/".join(path), text)
        self._path.pop()

    def _take_record(self) -> None:
        if len(self._rows) >= _MOST_ROWS:
            raise PermanentFailure("report-too-large")
        row = _row(self._record)
        if row is None:
            self._unusable += 1
        else:
            self._rows.append(row)

    def report(self) -> ReceivedReport:
        said = self._values.get
        reporter = said("report_metadata/org_name") or said("report_metadata/email") or ""
        report_id = said("report_metadata/report_id") or ""
        domain = ascii_name(said("policy_published/domain") or "")
        begins_at = _seconds(said("report_metadata/date_range/begin"))
        ends_at = _seconds(said("report_metadata/date_range/end"))
        if not (reporter and report_id and domain) or begins_at is None or ends_at is None:
            raise PermanentFailure("report-malformed", ValueError("metadata is missing"))
        if not self._rows:
            raise PermanentFailure("report-malformed", ValueError("no usable record"))
        return ReceivedReport(
            reporter=_word(reporter),
            report_id=_word(report_id),
            domain=domain,
            begins_at=begins_at,
            ends_at=ends_at,
            policy=_word(said("policy_published/p") or "")[:16],
            rows=tuple(self._rows),
            unusable=self._unusable,
        )


def _row(record: _Record) -> ReceivedRow | None:
    """The row of one record; None when a value is outside the standard's words."""
    said = record.values.get
    source = _address(said("row/source_ip") or "")
    count = said("row/count") or ""
    disposition = said("row/policy_evaluated/disposition") or ""
    dkim = said("row/policy_evaluated/dkim") or "fail"
    spf = said("row/policy_evaluated/spf") or "fail"
    if not source or not re.fullmatch(r"[0-9]{1,18}", count, re.ASCII) or int(count) == 0:
        return None
    if disposition not in _DISPOSITIONS or dkim not in _ALIGNED or spf not in _ALIGNED:
        return None
    return ReceivedRow(
        source_ip=source,
        count=min(int(count), _LARGEST),
        disposition=disposition,
        dkim=dkim,
        spf=spf,
        header_from=_word(said("identifiers/header_from") or "").lower(),
        envelope_from=_word(said("identifiers/envelope_from") or "").lower(),
        override=" ".join(dict.fromkeys(_word(reason) for reason in record.reasons))[:_LONGEST],
        results=tuple(_result(method, facts) for method, facts in record.results),
    )


def _result(method: str, facts: dict[str, str]) -> MethodResult:
    return MethodResult(
        method=method,
        domain=_word(facts.get("domain", "")).lower(),
        result=_word(facts.get("result", ""))[:32],
        selector=_word(facts.get("selector", "")) if method == "dkim" else "",
        scope=_word(facts.get("scope", ""))[:32] if method == "spf" else "",
    )


def _address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text.strip()))
    except ValueError:
        return ""


def _seconds(text: str | None) -> int | None:
    """A time; some write seconds with a fraction."""
    found = re.fullmatch(r"([0-9]{1,12})(?:\.[0-9]{1,9})?", text or "", re.ASCII)
    return int(found[1]) if found and int(found[1]) < _LAST_SECOND else None


def _word(text: str) -> str:
    """One printable line."""
    return "".join(c if c.isprintable() else " " for c in text).strip()[:_LONGEST]
