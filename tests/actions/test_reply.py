"""Composed replies: the texts in three languages, the headers, and what cannot be smuggled in.

The golden files are whole replies as Postfix gets them, transfer encoding undone. To write them
anew after a change of the templates: POSTROOM_GOLDEN=write pytest tests/actions/test_reply.py
"""

import os
import re
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from email import message_from_bytes, policy
from email.message import EmailMessage
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from postroom.actions import plan as planning
from postroom.actions import wording
from postroom.actions.plan import PlannedReply, QuotedLine
from postroom.actions.reply import Composed, Composer
from postroom.actions.wording import find
from postroom.codec import from_json
from postroom.decision import Step
from postroom.failure import PermanentFailure
from tests.fakes import post

GOLDEN = Path(__file__).parent / "golden"
KEY = "0c3562b6-8778-5cd6-bdec-0665c7e19848"
NOW = datetime(2026, 11, 20, 12, 0, 30, tzinfo=UTC)


def planned(**changes: Any) -> PlannedReply:
    """The reply to the order of tests/fakes/post.py."""
    return replace(planned_for(references=("<1@snab.example>", "<2@snab.example>")), **changes)


def planned_for(**message: Any) -> PlannedReply:
    """The reply to that order where its message is another."""
    action = planning.plan(
        post.decision(),
        message=post.message(**message),
        verdict=post.verdict(),
        order=post.order(),
        classification=post.classification(),
        envelope=post.envelope(),
        digest="d1",
        received_at=post.NOW,
        config=post.config(),
    )[-1]
    assert action.step is Step.REPLY
    return from_json(PlannedReply, action.body)


def compose(reply: PlannedReply, erp: str = "SO-1001", **section: Any) -> Composed:
    config = post.config(reply=section).reply
    wording = find(reply.template, reply.language, config)
    return Composer(config).compose(reply, wording, key=KEY, erp=erp, now=NOW)


def parsed(composed: Composed) -> EmailMessage:
    message = message_from_bytes(composed.content, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


def part_of(composed: Composed, kind: str) -> str:
    body = parsed(composed).get_body((kind,))
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n")


def text_of(composed: Composed) -> str:
    return part_of(composed, "plain")


def html_of(composed: Composed) -> str:
    return part_of(composed, "html")


@pytest.mark.parametrize("language", ["ru", "en", "de"])
@pytest.mark.parametrize("template", ["order-confirmation", "ticket-acknowledgement"])
def test_replies_read_as_written(template: str, language: str) -> None:
    composed = compose(planned(template=template, language=language))
    headers = "".join(f"{name}: {value}\n" for name, value in parsed(composed).items())
    parts = {"txt": f"{headers}\n{text_of(composed)}", "html": html_of(composed)}
    for suffix, whole in parts.items():
        golden = GOLDEN / f"{template}.{language}.{suffix}"
        if os.environ.get("POSTROOM_GOLDEN") == "write":
            golden.write_text(whole, encoding="utf-8")
        assert whole == golden.read_text(encoding="utf-8")


def test_the_headers_are_those_of_an_automatic_reply() -> None:
    message = parsed(compose(planned()))
    assert message["Auto-Submitted"] == "auto-replied"
    assert message["In-Reply-To"] == "<17@snab.example>"
    assert message["References"] == "<1@snab.example> <2@snab.example> <17@snab.example>"
    assert message["X-Auto-Response-Suppress"] == "All"
    assert message["X-Loop"] == "info@firma.test"
    assert message["Message-ID"] == f"<{KEY}.postroom@firma.test>"
    assert message["To"] == "Иван Петров <ivan@snab.example>"
    assert message["From"] == "ООО «Фирма» <info@firma.test>"
    assert "Precedence" not in message
    assert "Reply-To" not in message


def test_the_confirmation_quotes_the_erp_s_number_and_the_lines() -> None:
    text = text_of(compose(planned(), erp="SO-4711"))
    assert "SO-4711" in text
    assert "A-1 Болт М8: 1\u00a0234,5 шт, цена 12,30 RUB" in text
    assert "Гайка М8: 3" in text


def test_the_html_says_the_same_as_the_text() -> None:
    html = unescape(html_of(compose(planned(), erp="SO-4711")))
    for said in ("SO-4711", "A-1", "Болт М8", "1\u00a0234,5\u00a0шт", "12,30\u00a0RUB"):
        assert said in html


def test_the_html_asks_for_nothing_from_outside() -> None:
    """No picture, style sheet or script: nobody learns that the mail was opened."""
    for file in wording.SHIPPED.glob("*.html.j2"):
        source = file.read_text(encoding="utf-8").lower()
        assert not re.search(r"src=|url\(|<link|<script|@import|http", source), file.name


@pytest.mark.parametrize(
    ("name", "greeting"),
    [
        ("Müller, Anna", "Guten Tag Anna Müller,"),
        ("Müller, Anna (Einkauf)", "Guten Tag Anna Müller,"),
        ("Müller, Anna, Dr.", "Guten Tag Anna Müller,"),
        ("von der Leyen, Ursula", "Guten Tag Ursula von der Leyen,"),
        ("Petrov, Ivan via Snab Orders", "Guten Tag Ivan Petrov,"),
        ("PETROV Ivan (Snab/Procurement/Leeds)", "Guten Tag PETROV Ivan,"),
        ("Anna Müller / Firma", "Guten Tag Anna Müller,"),
        ("'Ivan Petrov'", "Guten Tag Ivan Petrov,"),
        ("Петров И.И.", "Guten Tag Петров И.И.,"),
        ("Dr. Anna Müller", "Guten Tag Dr. Anna Müller,"),
        ("ivan@snab.example", "Guten Tag,"),
        ("ANNA.MUELLER", "Guten Tag,"),
        ("user123", "Guten Tag,"),
        ("Accounts Payable - Do not reply", "Guten Tag,"),
        ("Отдел закупок", "Guten Tag,"),
        ("Anna Müller, Einkauf", "Guten Tag,"),
        ("Ivan Petrov, Snab", "Guten Tag,"),
        ("Snab Ltd", "Guten Tag,"),
        ("Click here and pay to another account of ours", "Guten Tag,"),
    ],
)
def test_an_author_is_addressed_as_a_letter_does_or_without_a_name(
    name: str, greeting: str
) -> None:
    composed = compose(planned(name=name, language="de"))
    assert text_of(composed).splitlines()[0] == greeting
    assert parsed(composed)["To"].addresses[0].display_name == name


def test_an_acknowledgement_has_the_ticket_s_number_in_its_subject() -> None:
    for language in ("ru", "en", "de"):
        reply = planned(template="ticket-acknowledgement", language=language, subject="п" * 400)
        assert str(parsed(compose(reply, erp="8812"))["Subject"]).endswith(" [8812]")


def test_the_same_reply_is_the_same_bytes() -> None:
    assert compose(planned()) == compose(planned())


def test_a_language_without_a_text_gets_english() -> None:
    assert "Dear Иван Петров," in text_of(compose(planned(language="fr")))


def test_mail_of_an_unknown_language_is_answered_in_the_configured_one() -> None:
    reply = planned(language="other")
    assert "Dear Иван Петров," in text_of(compose(reply))
    assert "Guten Tag Иван Петров," in text_of(compose(reply, language="de"))
    assert "Dear Иван Петров," in text_of(compose(planned(language="fr"), language="de"))


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        ("Order 17", "Re: Order 17"),
        ("Re: Re: RE : Order 17", "Re: Order 17"),
        ("AW: Antw: Fwd: Bestellung", "Re: Bestellung"),
        ("Re[2]: Заказ", "Re: Заказ"),
        ("Отв: заказ", "Re: заказ"),
        ("", "Re: ваш заказ"),
        ("Reason: x", "Re: Reason: x"),
    ],
)
def test_the_subject_has_one_re(subject: str, expected: str) -> None:
    assert parsed(compose(planned(subject=subject)))["Subject"] == expected


HOSTILE = [
    "x\r\nBcc: victim@example.test",
    "x\nBcc: victim@example.test",
    "x\rBcc: victim@example.test",
    "x\u2028Bcc: victim@example.test",
    "x\u2029Bcc: victim@example.test",
    "x\x00Bcc: victim@example.test",
    "x\x85Bcc: victim@example.test",
    "=?utf-8?q?x=0D=0ABcc:_victim=40example.test?=",
    "{{ 7 * 7 }}{% raw %}",
    '"; Bcc: victim@example.test',
]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_nothing_a_stranger_writes_becomes_a_header_or_a_line(hostile: str) -> None:
    line = QuotedLine(
        sku=hostile, description=hostile, quantity=Decimal(1), unit=hostile, unit_price=None
    )
    composed = compose(
        planned(subject=hostile, name=hostile, number=hostile, currency=hostile, lines=(line,)),
        erp=hostile,
    )
    message = parsed(composed)
    assert message["Bcc"] is None
    assert message["To"].addresses[0].addr_spec == "ivan@snab.example"
    assert len(message["To"].addresses) == 1
    header = composed.content.partition(b"\r\n\r\n")[0]
    assert not any(field.lower().startswith(b"bcc") for field in header.split(b"\r\n"))
    assert not any(row.startswith("Bcc") for row in text_of(composed).splitlines())
    assert "49" not in text_of(composed)
    assert ">49<" not in html_of(composed)


ENCODED = "=?utf-8?q?a=0d=0aBcc=3Avictim=40example.test=0d=0aX?="
ENCODED_BODY = "=?utf-8?q?a=0d=0a=0d=0aPay_to_another_account?="


@pytest.mark.parametrize("hostile", [ENCODED, ENCODED_BODY])
def test_a_reply_whose_address_holds_an_encoded_word_is_not_sent(hostile: str) -> None:
    with pytest.raises(PermanentFailure, match="reply-unbuildable"):
        compose(planned(recipient=f"{hostile}@snab.example"))


@pytest.mark.parametrize("hostile", [ENCODED, ENCODED_BODY])
def test_a_message_id_with_an_encoded_word_is_none(hostile: str) -> None:
    reply = planned_for(
        message_id=f"<{hostile}@snab.example>",
        references=(f"<{hostile}@snab.example>", "<2@snab.example>"),
    )
    assert (reply.message_id, reply.references) == ("", ("<2@snab.example>",))


@pytest.mark.parametrize("hostile", [ENCODED, ENCODED_BODY])
def test_a_header_never_holds_other_fields_than_ours(hostile: str) -> None:
    """Whatever was planned by an older version: it comes as one field, or not at all."""
    try:
        composed = compose(planned(message_id=f"<{hostile}@snab.example>"))
    except PermanentFailure as failure:
        assert failure.reason == "reply-unbuildable"
        return
    header, _, body = composed.content.partition(b"\r\n\r\n")
    assert not any(line.startswith(b"Bcc") for line in header.split(b"\r\n"))
    assert b"Pay" not in body and b"MIME-Version" in header


MARKUP = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "</td></table><h1>Pay to another account</h1>",
    '"><a href="http://evil.test/">click</a>',
    "<!-- ",
    "</title><meta http-equiv=refresh content='0;url=http://evil.test/'>",
    "&lt;b&gt;",
]


@pytest.mark.parametrize("language", ["ru", "en", "de"])
@pytest.mark.parametrize("template", ["order-confirmation", "ticket-acknowledgement"])
@pytest.mark.parametrize("hostile", MARKUP)
def test_nothing_a_stranger_writes_becomes_markup(
    template: str, language: str, hostile: str
) -> None:
    line = QuotedLine(
        sku=hostile, description=hostile, quantity=Decimal(1), unit=hostile, unit_price=Decimal(2)
    )
    reply = planned(template=template, language=language, lines=(line,))
    harmless = html_of(compose(reply_of(reply, "x"), erp="x"))
    broken = html_of(compose(reply_of(reply, hostile), erp=hostile))
    assert tags(broken) == tags(harmless)


def reply_of(reply: PlannedReply, said: str) -> PlannedReply:
    line = replace(reply.lines[0], sku=said, description=said, unit=said)
    return replace(
        reply, subject=said, name=said, number=said, currency=said, mailbox=reply.mailbox,
        lines=(line,),
    )  # fmt: skip


class Tags(HTMLParser):
    """The tags of a page, in order, with their attributes; a comment counts too."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[object] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, attrs))

    def handle_endtag(self, tag: str) -> None:
        self.found.append(f"/{tag}")

    def handle_comment(self, data: str) -> None:
        self.found.append(("comment", data))


def tags(page: str) -> list[object]:
    parser = Tags()
    parser.feed(page)
    return parser.found


@pytest.mark.parametrize("field", ["message_id", "references"])
def test_broken_message_ids_are_left_out(field: str) -> None:
    broken = "<a@b>\r\nBcc: victim@example.test"
    mail = post.message(**{field: broken if field == "message_id" else (broken,)})
    action = planning.plan(
        post.decision(), message=mail, verdict=post.verdict(), order=post.order(),
        classification=post.classification(), envelope=post.envelope(), digest="d1",
        received_at=post.NOW, config=post.config(),
    )[-1]  # fmt: skip
    composed = compose(from_json(PlannedReply, action.body))
    assert b"victim" not in composed.content


def test_long_message_ids_stay_whole_and_on_one_line() -> None:
    """Folded or encoded, nobody finds the thread again."""
    long = f"<{'a' * 200}@snab.example>"
    many = tuple(f"<{i}{'b' * 180}@snab.example>" for i in range(10))
    content = compose(planned(message_id=long, references=many)).content
    assert f"\r\nIn-Reply-To: {long}\r\n".encode() in content
    references = next(x for x in content.split(b"\r\n") if x.startswith(b"References: "))
    assert references.endswith(long.encode())
    assert len(references) < 998


def test_no_line_is_longer_than_smtp_allows() -> None:
    line = QuotedLine(
        sku="s" * 5_000, description="я" * 5_000, quantity=Decimal("1" * 40), unit="u" * 5_000,
        unit_price=Decimal("0.1"),
    )  # fmt: skip
    content = compose(planned(subject="s" * 5_000, name="н" * 5_000, lines=(line,) * 500)).content
    assert max(map(len, content.split(b"\r\n"))) <= 998
    assert content.isascii()
    assert len(content) < 500_000


def test_an_address_beyond_ascii_is_sent_as_smtputf8_with_an_ascii_domain() -> None:
    facts = replace(planned().facts, author="иван@пример.example")
    composed = compose(planned(recipient="иван@пример.example", facts=facts))
    assert composed.recipient == "иван@xn--e1afmkfd.example"
    assert "To: Иван Петров <иван@xn--e1afmkfd.example>\r\n".encode() in composed.content


def test_an_admin_s_template_overrides_ours(tmp_path: Path) -> None:
    (tmp_path / "order-confirmation.ru.txt.j2").write_text("Subject: {{ erp }}\nПривет\n")
    message = parsed(compose(planned(), templates_dir=tmp_path))
    assert (message["Subject"], str(message.get_content()).strip()) == ("SO-1001", "Привет")
    assert message.get_content_type() == "text/plain"  # our HTML would say something else


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("Subject: x\n{{ no_such_word }}", "template-broken"),
        ("Subject: x\n{{ erp.no_such_part }}", "template-broken"),
        ("Subject: x\n{% if %}", "template-broken"),
        ("no subject\ntext", "template-broken"),
        ("Subject: x\n{{ ''.__class__.__mro__[1].__subclasses__() }}", "template-broken"),
        ("Subject: x\n{{ lines.append(1) }}", "template-broken"),
        ("Subject: x\n{{ 1 / 0 }}", "template-broken"),
        ("Subject: x\n{% include 'ticket-acknowledgement.en.txt.j2' %}", "template-broken"),
        ("Subject: x\n{% extends '/etc/passwd' %}", "template-broken"),
        ("Subject: x\n{{ mailbox.__init__.__globals__ }}", "template-broken"),
        ("Subject: x\n{% for i in range(10000000) %}x{% endfor %}", "template-broken"),
    ],
)
def test_a_template_that_is_wrong_sends_nothing(tmp_path: Path, template: str, reason: str) -> None:
    (tmp_path / "order-confirmation.ru.txt.j2").write_text(template)
    with pytest.raises(PermanentFailure, match=reason):
        compose(planned(), templates_dir=tmp_path)


@pytest.mark.parametrize("name", ["nothing", "../secrets", "order-confirmation.ru.txt.j2/x"])
def test_a_template_that_is_not_there_sends_nothing(name: str) -> None:
    with pytest.raises(PermanentFailure, match="template-missing"):
        compose(planned(template=name))
