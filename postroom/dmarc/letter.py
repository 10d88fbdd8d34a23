"""The message that carries an aggregate report; pure.

In: a report, who gets it, the time. Out: bytes, the same for the same input, with a text for
people and the report as application/gzip. It is no multipart/report; programs find the attachment
by its type and name. Standards: RFC 9990 3.5.2, RFC 5322, RFC 2045, RFC 3834 5 (Auto-Submitted).
"""

from datetime import UTC, datetime
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime

from .aggregate import GENERATOR, AggregateReport

_TEXT = """\
This is an aggregate report about mail that named {domain} as its author and came to
{hostname} between {begin} and {end} (UTC).

The DMARC record of {domain} asks for it. It is meant for programs and attached as XML (RFC 9990).
{contact}"""
# The Subject must be found as it is written, so it is never folded or encoded.
_PLAIN = policy.SMTP.clone(max_line_length=998, cte_type="7bit")


def letter(report: AggregateReport, recipient: str, now: datetime) -> bytes:
    """One report to one address."""
    reporter = report.reporter
    message = EmailMessage(policy=_PLAIN)
    local, _, domain = reporter.email.rpartition("@")
    message["From"] = Address(reporter.organization, username=local, domain=domain)
    message["To"] = Address(addr_spec=recipient)
    message["Subject"] = report.subject
    message["Date"] = format_datetime(now)
    message["Message-ID"] = f"<{report.report_id}>"
    message["Auto-Submitted"] = "auto-generated"
    message["X-Mailer"] = GENERATOR
    text = _TEXT.format(
        domain=report.policy.domain,
        hostname=reporter.hostname,
        begin=_moment(report.begin),
        end=_moment(report.end),
        contact=f"\nContact: {reporter.contact}\n" if reporter.contact else "",
    )
    message.set_content(text, cte="7bit" if text.isascii() else "quoted-printable")
    message.add_attachment(
        report.compressed(), maintype="application", subtype="gzip", filename=report.filename
    )
    # A boundary that is drawn anew each time would make a repeated report another message.
    message.set_boundary(f"=_{report.unique_id}")
    return message.as_bytes()


def _moment(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}"
