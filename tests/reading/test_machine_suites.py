"""Machines and people of the suites: every bounce, report and invitation known, no human lost.

Sources: sisimai (BSD-2), Mail::DeliveryStatus::BounceParser, parsedmarc, mail-auth, mox, icalendar,
MimeKit, and the corpus of people's mail.
"""

import json
from pathlib import Path

import pytest

from postroom.message import AutomaticKind
from postroom.reading.calendar import read_calendar
from postroom.reading.reader import read
from tests.fakes.letters import letter

SHARED = Path(__file__).resolve().parents[3] / "shared"
SUITES = SHARED / "conformance"
pytestmark = pytest.mark.skipif(not SUITES.is_dir(), reason="shared/conformance is absent")

# Written by people, or by spammers who say nothing of being a machine.
PEOPLE = {
    "spam-bogus-email-in-report.msg": "a spam that only names a forged address",
    "lhost-sendmail-14.eml": "a bounce that a person forwards",
    "is-not-bounce-01.eml": "a person's mail, kept in the suite as no bounce",
}


def messages(folder: str, *endings: str) -> list[Path]:
    return sorted(path for ending in endings for path in (SUITES / folder).rglob(f"*{ending}"))


@pytest.mark.slow
def test_every_bounce_is_a_machines() -> None:
    paths = messages("bounce", ".eml", ".msg")
    assert len(paths) > 500
    wrong = {
        path.name: found.why
        for path in paths
        if (found := read(path.read_bytes()).automatic).is_automatic is (path.name in PEOPLE)
    }
    assert not wrong


def test_every_report_is_a_machines() -> None:
    for path in messages("dmarc-reports", ".eml"):
        found = read(path.read_bytes()).automatic
        assert found.is_automatic, path.name
        if "failure" not in str(path).lower() and "ruf" not in path.name:
            assert found.kind in (AutomaticKind.REPORT, AutomaticKind.FEEDBACK), (path.name, found)


@pytest.mark.parametrize(
    "name",
    [
        "delivery-status.txt",
        "delivery-status2.txt",
        "disposition-notification.txt",
        "feedback-report.txt",
        "bounce.txt",
    ],
)
def test_mimekit_reports_are_machines(name: str) -> None:
    assert read((SUITES / "mime/mimekit/messages" / name).read_bytes()).automatic.is_automatic


def test_calendars_are_read_or_refused() -> None:
    for path in messages("ical", ".ics"):
        octets = path.read_bytes()
        try:
            calendar = read_calendar(octets)
        except ValueError:
            calendar = None
        if octets.startswith(b"BEGIN:VCALENDAR") and "fuzz" not in str(path):
            assert calendar is not None, path.name
        raw = b"From: a@b.test\r\nContent-Type: text/calendar; charset=utf-8\r\n\r\n" + octets
        found = read(raw).automatic
        if calendar is not None and calendar.method:
            assert found.kind is AutomaticKind.CALENDAR, path.name


def people() -> list[tuple[str, str, str]]:
    found = []
    for path in sorted((SHARED / "corpus").glob("written*.jsonl")):
        for line in path.read_text("utf-8").splitlines():
            row = json.loads(line)
            found.append((row["from"], row["subject"], row["body"]))
    return found


def test_of_540_written_mails_only_the_machines_are_machines() -> None:
    rows = people()
    if not rows:
        pytest.skip("shared/corpus is absent")
    machines = []
    for author, subject, body in rows:
        raw = letter(body, f"From: {author}", f"Subject: {subject}".replace("\n", " "))
        found = read(raw).automatic
        if found.is_automatic:
            machines.append((author, subject, found.why))
    # Each of these was looked at: portals, backups, no-reply senders, absence notes, a bounce.
    assert len(machines) <= 20, machines
    for author, subject, why in machines:
        said = f"{author} {subject} {why}".lower()
        assert any(
            word in said
            for word in (
                "reply",
                "zabbix",
                "notify",
                "robot",
                "backup",
                "automat",
                "автомат",
                "abwesen",
                "mailer",
                "system",
                "отвечайте",
            )
        ), said
