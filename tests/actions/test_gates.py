"""May a reply be sent: every gate in both directions."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from postroom.actions.gates import (
    Answered,
    ReplyFacts,
    authenticated_domain,
    facts_of,
    withheld,
)
from postroom.codec import from_json, to_json
from postroom.config import Config
from postroom.envelope import Address
from postroom.message import Automatic, AutomaticKind, Message
from postroom.reading.reader import read
from postroom.verdict import DmarcPolicy, DmarcResult, Result, Verdict
from tests.fakes import post

SHARED = Path(__file__).parents[3] / "shared"


def reason(
    *,
    message: dict[str, Any] | None = None,
    headers: tuple[tuple[str, str], ...] = (),
    envelope: dict[str, Any] | None = None,
    verdict: Verdict | None = None,
    classification: dict[str, Any] | None = None,
    config: Config | None = None,
    answered: Answered | None = None,
    approved: bool = False,
    category: str = "",
    age: timedelta = timedelta(),
    approved_after: timedelta | None = None,
    follows: str = "",
) -> str:
    """The gate that holds the reply back, where everything not named is fine."""
    mail = post.message(**(message or {}))
    mail = replace(mail, headers=mail.headers + headers)
    settings = config or post.config()
    facts = facts_of(
        message=mail,
        verdict=verdict or post.verdict(),
        classification=post.classification(**(classification or {})),
        envelope=post.envelope(**(envelope or {})),
        received_at=post.NOW,
        config=settings,
        approved=approved,
        category=category,
        approved_at=None if approved_after is None else post.NOW + approved_after,
        follows=follows,
    )
    return withheld(facts, answered or Answered(), config=settings, now=post.NOW + age)


def dmarc(**changes: Any) -> Verdict:
    return post.verdict(dmarc=replace(post.verdict().dmarc, **changes))


def test_an_ordinary_authenticated_order_is_answered() -> None:
    assert reason() == ""


def test_nothing_is_answered_until_an_admin_says_so() -> None:
    assert reason(config=post.config(reply={"enabled": False})) == "disabled"


@pytest.mark.parametrize("sender", ["", "<>"])
def test_the_null_sender_is_never_answered(sender: str) -> None:
    assert reason(envelope={"sender": sender}) == "null-sender"


def test_a_mail_without_one_author_is_not_answered() -> None:
    assert reason(message={"author": None}) == "no-author"


# Authenticated.


@pytest.mark.parametrize(
    ("verdict", "expected"),
    [
        (dmarc(), ""),
        (dmarc(result=Result.NONE), ""),  # no record, but an aligned pass: contract 1.7
        (dmarc(result=Result.NONE, aligned=()), "unauthenticated"),
        (dmarc(result=Result.FAIL, aligned=()), "unauthenticated"),
        (dmarc(result=Result.TEMPERROR), "unauthenticated"),
        (dmarc(result=Result.PERMERROR), "unauthenticated"),
        (Verdict(author="ivan@snab.example", local=True), "unauthenticated"),
        (dmarc(disposition=DmarcPolicy.QUARANTINE), "suspicious"),
    ],
)
def test_only_an_authenticated_author_is_answered(verdict: Verdict, expected: str) -> None:
    assert reason(verdict=verdict) == expected


@pytest.mark.parametrize("entry", ["snab.example", "ivan@snab.example"])
@pytest.mark.parametrize(("aligned", "expected"), [(("spf:x",), ""), ((), "unauthenticated")])
def test_a_configured_exception_needs_an_aligned_pass(
    entry: str, aligned: tuple[str, ...], expected: str
) -> None:
    config = post.config(authentication={"exceptions": [entry]})
    verdict = dmarc(result=Result.PERMERROR, aligned=aligned)
    assert reason(verdict=verdict, config=config) == expected


@pytest.mark.parametrize("entry", ["снаб.example", "ivan@снаб.example"])
@pytest.mark.parametrize("author", ["ivan@снаб.example", "ivan@xn--80ac8ap.example"])
def test_an_exception_counts_however_its_domain_is_spelled(entry: str, author: str) -> None:
    config = post.config(authentication={"exceptions": [entry]})
    excepted = dmarc(result=Result.FAIL, domain="xn--80ac8ap.example", aligned=("spf:x",))
    verdict = replace(excepted, author=author)
    assert authenticated_domain(verdict, config) == "xn--80ac8ap.example"


# The reply goes to the envelope sender: RFC 3834 4.


@pytest.mark.parametrize(
    ("sender", "expected"),
    [
        ("ivan@snab.example", ""),
        ("IVAN@SNAB.EXAMPLE", ""),
        ("office@mail.snab.example", ""),
        ("ivan@other.example", "sender-not-author"),
        ("ivan@notsnab.example", "sender-not-author"),
        ("ivan@snab.example.evil.test", "sender-not-author"),
        ("ivan", "sender-not-author"),
    ],
)
def test_the_sender_must_lie_under_the_author_s_domain(sender: str, expected: str) -> None:
    assert reason(envelope={"sender": sender}) == expected


def test_a_signature_alone_proves_no_other_sender_than_the_author() -> None:
    signed = dmarc(aligned=("dkim:snab.example",))
    assert reason(verdict=signed) == ""
    assert reason(verdict=signed, envelope={"sender": "Ivan+orders@snab.example"}) == ""
    again = {"sender": "victim@snab.example"}  # a signed message, sent again by anyone
    assert reason(verdict=signed, envelope=again) == "sender-not-author"
    assert (
        reason(verdict=dmarc(aligned=("dkim:snab.example", "spf:snab.example")), envelope=again)
        == ""
    )


def test_a_sender_in_u_labels_is_the_same_domain_as_in_a_labels() -> None:
    found = dmarc(domain="xn--e1afmkfd.example", org_domain="xn--e1afmkfd.example")
    author = Address(local="ivan", domain="пример.example")
    assert (
        reason(
            message={"author": author}, envelope={"sender": "ivan@пример.example"}, verdict=found
        )
        == ""
    )


@pytest.mark.parametrize(
    ("local", "expected"),
    [
        ("noreply", "machine-sender"),
        ("no-reply", "machine-sender"),
        ("No.Reply", "machine-sender"),
        ("shop-noreply-42", "machine-sender"),
        ("do_not_reply", "machine-sender"),
        ("ne-otvechat", "machine-sender"),
        ("MAILER-DAEMON", "machine-sender"),
        ("postmaster", "machine-sender"),
        ("bounces+17=x", "machine-sender"),
        ("owner-users", "machine-sender"),
        ("users-request", "machine-sender"),
        ("users-bounces", "machine-sender"),
        ("listserv", "machine-sender"),
        ("majordomo", "machine-sender"),
        ("notifications", "machine-sender"),
        ("ivan", ""),
        ("request", ""),
        ("owner", ""),
        ("listservant", ""),
        ("prvs=4711abc=ivan", ""),
        ("noreen.plyner", ""),
    ],
)
def test_machines_are_told_from_people_by_their_names(local: str, expected: str) -> None:
    address = Address(local=local, domain="snab.example")
    assert reason(envelope={"sender": address.text}) == expected
    assert reason(message={"author": address}) == expected


@pytest.mark.parametrize(
    "ours", ["info@firma.test", "INFO+x@firma.test", "robot.answers@firma.test"]
)
def test_we_do_not_answer_ourselves(ours: str) -> None:
    local, domain = ours.split("@")
    verdict = dmarc(domain="firma.test", org_domain="firma.test")
    config = post.config(reply={"author": "robot.answers@firma.test"})
    author = Address(local=local, domain=domain)
    assert (
        reason(
            message={"author": author}, envelope={"sender": ours}, verdict=verdict, config=config
        )
        == "ourselves"
    )


def test_a_colleague_is_not_ourselves() -> None:
    verdict = dmarc(domain="firma.test", org_domain="firma.test")
    author = Address(local="anna", domain="firma.test")
    assert (
        reason(message={"author": author}, envelope={"sender": "anna@firma.test"}, verdict=verdict)
        == ""
    )


# Written by a person.


@pytest.mark.parametrize("kind", list(AutomaticKind))
def test_only_a_person_s_message_is_answered(kind: AutomaticKind) -> None:
    expected = "" if kind is AutomaticKind.HUMAN else f"automatic-{kind.value}"
    assert reason(message={"automatic": Automatic(kind=kind, why="x")}) == expected


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("Auto-Submitted", "auto-replied", "auto-submitted"),
        ("auto-submitted", "Auto-Generated; x=y", "auto-submitted"),
        ("Auto-Submitted", "", "auto-submitted"),
        ("Auto-Submitted", "no", ""),
        ("Auto-Submitted", "No (really)", ""),
        ("List-Id", "<users.example>", "list"),
        ("Mailing-List", "x", "list"),
        ("List-Unsubscribe", "<mailto:u@x.example>", "bulk"),
        ("Feedback-ID", "1:2:3", "bulk"),
        ("Precedence", "BULK", "bulk"),
        ("Precedence", "list", "bulk"),
        ("Precedence", "junk", "bulk"),
        ("Precedence", "auto_reply", "bulk"),
        ("Precedence", "first-class", ""),
        ("X-Auto-Response-Suppress", "DR, OOF, AutoReply", "suppressed"),
        ("X-Auto-Response-Suppress", "All", "suppressed"),
        ("X-Auto-Response-Suppress", "DR, RN", ""),
        ("X-Autoreply", "yes", "auto-submitted"),
        ("X-Loop", "info@firma.test", "loop"),
        ("X-Loop", "anybody@else.example", "loop"),
        ("Content-Type", "multipart/report; report-type=delivery-status", "automatic"),
        ("Content-Type", "text/calendar; method=REQUEST", "calendar"),
        ("Content-Type", "multipart/encrypted; protocol=x", "encrypted"),
        ("Content-Type", "application/pkcs7-mime; name=smime.p7m", "encrypted"),
        ("Content-Type", "multipart/signed; micalg=x", ""),
        ("Reply-To", "someone@else.example", ""),
    ],
)
def test_header_fields_speak_against_an_answer(name: str, value: str, expected: str) -> None:
    assert reason(headers=((name, value),)) == expected


@pytest.mark.parametrize(("times", "expected"), [(0, ""), (1, ""), (2, "loop"), (3, "loop")])
def test_a_thread_with_two_of_our_replies_is_a_loop(times: int, expected: str) -> None:
    references = tuple(f"<{i}.postroom@firma.test>" for i in range(times))
    others = ("<1.postroom@elsewhere.test>", "<2.postroom@elsewhere.test>")
    assert reason(message={"references": references + others}) == expected


def test_our_replies_are_known_where_only_the_envelope_says_who_we_are() -> None:
    config = post.config(service={"mailboxes": []})
    references = tuple(f"<{i}.postroom@firma.test>" for i in range(2))
    assert reason(message={"references": references}, config=config) == "loop"


# To us, surely, lately, not too often.


@pytest.mark.parametrize(
    ("to", "cc", "expected"),
    [
        (("info", "firma.test"), None, ""),
        (("INFO", "firma.test"), None, ""),
        (("info+orders", "firma.test"), None, ""),
        (("x", "y.test"), ("info", "firma.test"), ""),
        (("x", "y.test"), None, "not-addressed-to-us"),
    ],
)
def test_the_message_must_name_us(
    to: tuple[str, str], cc: tuple[str, str] | None, expected: str
) -> None:
    addresses = [Address(local=a[0], domain=a[1]) for a in (to, cc) if a]
    assert reason(message={"to": (addresses[0],), "cc": tuple(addresses[1:])}) == expected


@pytest.mark.parametrize("mailboxes", [["info@firma.test"], []])
def test_an_alias_is_a_name_of_ours(mailboxes: list[str]) -> None:
    named = {"to": (Address(local="Einkauf", domain="firma.test"),)}
    service = {"mailboxes": mailboxes}
    assert reason(message=named, config=post.config(service=service)) == "not-addressed-to-us"
    known = post.config(service=service, reply={"aliases": ["einkauf@firma.test"]})
    assert reason(message=named, config=known) == ""


def test_we_do_not_answer_mail_of_an_alias_of_ours() -> None:
    config = post.config(reply={"aliases": ["einkauf@firma.test"]})
    mail = {"author": Address(local="einkauf", domain="firma.test")}
    verdict = dmarc(domain="firma.test", org_domain="firma.test")
    said = {"sender": "einkauf@firma.test"}
    assert reason(message=mail, envelope=said, verdict=verdict, config=config) == "ourselves"


def test_without_a_list_of_mailboxes_the_envelope_says_who_we_are() -> None:
    config = post.config(service={"mailboxes": []})
    assert reason(config=config) == ""
    assert (
        reason(config=config, envelope={"recipients": ("x@firma.test",)}) == "not-addressed-to-us"
    )


@pytest.mark.parametrize(
    ("confidence", "approved", "expected"),
    [(0.85, False, ""), (0.849, False, "unsure"), (0.1, True, "")],
)
def test_an_unsure_category_is_answered_only_after_a_person_agreed(
    confidence: float, approved: bool, expected: str
) -> None:
    assert reason(classification={"confidence": confidence}, approved=approved) == expected


def test_spam_is_not_answered_even_when_approved() -> None:
    assert reason(classification={"category": "spam"}, approved=True) == "spam"
    assert reason(classification={"category": "spam"}, category="sales", approved=True) == "spam"


@pytest.mark.parametrize(
    ("category", "expected"),
    [
        ("purchase_order", ""),
        ("support", ""),
        ("sales", ""),
        ("invoice", "category-off"),
        ("hr", "category-off"),
        ("other", "category-off"),
        ("no-such-category", "category-off"),
    ],
)
@pytest.mark.parametrize("approved", [False, True])
def test_only_categories_that_opted_in_are_answered(
    category: str, expected: str, approved: bool
) -> None:
    assert reason(classification={"category": category}, approved=approved) == expected
    assert reason(category=category, approved=approved) == expected


def test_a_category_that_opted_out_meanwhile_is_not_answered() -> None:
    row = {"steps": ["order-create"], "folder": "Orders"}
    config = Config.model_validate(
        {**post.config().model_dump(), "categories": {"purchase_order": row}}
    )
    assert reason(config=config) == "category-off"


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ({"new_text": "Прошу оформить возврат денег"}, "sensitive-refund"),
        ({"subject": "Reklamation zu Auftrag 17"}, "sensitive-complaint"),
        ({"new_text": "", "text": "our lawyer will write"}, "sensitive-legal"),
        ({"text": "> our lawyer will write"}, ""),  # quoted: somebody else's words, long ago
        ({"new_text": "10 bolts, please"}, ""),
    ],
)
def test_a_sensitive_topic_is_a_person_s(message: dict[str, Any], expected: str) -> None:
    assert reason(message=message) == expected
    assert reason(message=message, approved=True) == ""


def test_the_words_of_a_topic_are_the_admin_s() -> None:
    config = post.config(reply={"sensitive": {"refund": [], "export": ["embargo"]}})
    assert reason(message={"new_text": "refund"}, config=config) == ""
    assert reason(message={"new_text": "Embargo!"}, config=config) == "sensitive-export"


@pytest.mark.parametrize(
    ("local", "domain", "expected"),
    [
        ("ivan", "snab.example", ""),
        ("buying", "else.example", ""),  # the answer goes to MAIL FROM whatever this says
        ("noreply", "else.example", "machine-sender"),
        ("bounces+1", "snab.example", "machine-sender"),
        ("info", "firma.test", "ourselves"),
        ("INFO+x", "firma.test", "ourselves"),
    ],
)
def test_reply_to_can_only_speak_against_an_answer(local: str, domain: str, expected: str) -> None:
    addresses = (Address(local="ivan", domain="snab.example"), Address(local=local, domain=domain))
    assert reason(message={"reply_to": addresses}) == expected
    assert reason(message={"reply_to": addresses[1:]}) == expected


@pytest.mark.parametrize(
    ("age_h", "dated_h", "expected"),
    [
        (23, 0, ""),
        (25, 0, "too-old"),
        (0, 25, "too-old"),
        (0, -100, ""),
        (23, 0.5, ""),
        (23, 2, "too-old"),
    ],
)
def test_old_mail_is_not_answered(age_h: float, dated_h: float, expected: str) -> None:
    """By the time of receipt, and by Date where old mail is brought in anew."""
    dated = post.NOW - timedelta(hours=dated_h)
    assert reason(message={"date": dated}, age=timedelta(hours=age_h)) == expected


@pytest.mark.parametrize(("hours", "expected"), [(65, ""), (64 + 25, "too-old")])
def test_what_a_person_approved_is_young_from_then_on(hours: float, expected: str) -> None:
    """Written on a Friday, approved on the Monday after."""
    monday = timedelta(hours=64)
    age = timedelta(hours=hours)
    assert reason(age=age, approved=True, approved_after=monday) == expected


@pytest.mark.parametrize("approved", [False, True])
def test_what_adds_to_a_ticket_is_not_acknowledged_again(approved: bool) -> None:
    said: dict[str, Any] = {"category": "support", "approved": approved}
    assert (reason(**said), reason(**said, follows="8812")) == ("", "follow-up")


def test_mail_without_a_date_counts_from_its_receipt() -> None:
    assert reason(message={"date": None}) == ""


@pytest.mark.parametrize(
    ("answered", "expected"),
    [
        (Answered(today=499), ""),
        (Answered(today=500), "daily-limit"),
        (Answered(recently=True), "sender-interval"),
        (Answered(domain_today=49), ""),
        (Answered(domain_today=50), "domain-limit"),
    ],
)
def test_replies_are_counted(answered: Answered, expected: str) -> None:
    assert reason(answered=answered) == expected


def test_a_daily_limit_of_none_stops_all() -> None:
    assert reason(config=post.config(reply={"daily_limit": 0})) == "daily-limit"


def test_the_facts_survive_being_frozen() -> None:
    facts = facts_of(
        message=post.message(), verdict=post.verdict(), classification=post.classification(),
        envelope=post.envelope(), received_at=post.NOW, config=post.config(), approved=False,
    )  # fmt: skip
    assert from_json(ReplyFacts, to_json(facts)) == facts


# Settled by eye: written by a person, and what a reply to them says is harmless.
BY_PEOPLE = {
    "spam-bogus-email-in-report.msg": "spam; the category stops it",
    "lhost-sendmail-14.eml": "a bounce that a person forwards",
    "is-not-bounce-01.eml": "an ordinary message, as its name says",
}


def collected() -> list[Path]:
    folder = SHARED / "conformance" / "bounce"
    mails = [p for p in folder.rglob("*") if p.is_file() and "mailbox" not in p.parts]
    return sorted(p for p in mails if p.suffix in (".eml", ".msg", ".txt", ".bounce"))


@pytest.mark.slow
def test_bounces_and_automatic_mail_of_the_collections_are_not_answered() -> None:
    """Even had all of them come authenticated, from the author, to us, and sure to be orders."""
    mails = collected()
    if not mails:
        pytest.skip("the bounce collections are not here")
    answered = {path.name for path in mails if would_answer(path.read_bytes())}
    assert answered - set(BY_PEOPLE) == set()


def would_answer(raw: bytes) -> bool:
    """Whether a reply would go if only what the message itself says could stop it."""
    mail = replace(read(raw), date=None)
    if mail.author is None:
        return False
    domain = mail.author.domain
    return not reason_of(
        mail,
        Verdict(
            author=mail.author.text,
            dmarc=DmarcResult(result=Result.PASS, domain=domain, org_domain=domain),
        ),
    )


def reason_of(mail: Message, verdict: Verdict) -> str:
    config = post.config(service={"mailboxes": []})
    recipients = tuple(address.text for address in (*mail.to, *mail.cc))
    facts = facts_of(
        message=mail,
        verdict=verdict,
        classification=post.classification(),
        envelope=post.envelope(sender=verdict.author, recipients=recipients),
        received_at=post.NOW,
        config=config,
        approved=False,
    )
    return withheld(facts, Answered(), config=config, now=post.NOW)
