"""Machine or person: each kind by its own mark, and people who only write about machines."""

import pytest

from postroom.message import AutomaticKind
from postroom.reading.reader import read
from tests.fakes.letters import letter, multipart

BOUNCE, REPLY, LIST, BULK = (
    AutomaticKind.BOUNCE,
    AutomaticKind.AUTO_REPLY,
    AutomaticKind.LIST,
    AutomaticKind.BULK,
)
CHALLENGE, SYSTEM, HUMAN = AutomaticKind.CHALLENGE, AutomaticKind.SYSTEM, AutomaticKind.HUMAN
FEEDBACK = AutomaticKind.FEEDBACK


@pytest.mark.parametrize(
    ("kind", "fields", "body"),
    [
        (REPLY, ("Auto-Submitted: auto-replied",), "away"),
        (REPLY, ("Auto-Submitted: auto-replied; owner-email=x@y.test",), "away"),
        (SYSTEM, ("Auto-Submitted: auto-generated",), "report"),
        (REPLY, ("X-Autoreply: yes",), "away"),
        (REPLY, ("Precedence: auto_reply",), "away"),
        (REPLY, ("Subject: Automatic reply: Order 12",), "I am out"),
        (REPLY, ("Subject: Out of Office: Order",), "away"),
        (REPLY, ("Subject: Auto reply: hello",), "x"),
        (REPLY, ("Subject: AUTO: Anna is out of the office (returning Monday)",), "x"),
        (REPLY, ("Subject: Автоматический ответ: Заказ 12",), "нет на месте"),
        (REPLY, ("Subject: Abwesenheitsnotiz: Bestellung",), "bin im Urlaub"),
        (REPLY, ("Subject: Automatische Antwort: Bestellung",), "bin im Urlaub"),
        (REPLY, ("Subject: Réponse automatique : commande",), "absent"),
        (REPLY, ("Subject: Respuesta automática: pedido",), "ausente"),
        (REPLY, ("Subject: Anna on vacation",), "I am currently out of the office until Monday."),
        (BOUNCE, ("From: MAILER-DAEMON@mx.test (Mail Delivery System)",), "x"),
        (BOUNCE, ("From: <>",), "x"),
        (BOUNCE, ("Return-Path: <>",), "x"),
        (REPLY, ("Return-Path: <>", "Auto-Submitted: auto-replied"), "x"),
        (BOUNCE, ("X-Failed-Recipients: a@b.test",), "x"),
        (
            BOUNCE,
            ("Subject: Undelivered Mail Returned to Sender",),
            "<a@b.test>: 550 5.1.1 User unknown",
        ),
        (BOUNCE, ("From: Postmaster <postmaster@b.test>", "Subject: Undeliverable: Order"), "x"),
        (
            BOUNCE,
            ("From: post_master@vtext.test", "Subject: Re:Test message"),
            "550 5.1.1 user unknown",
        ),
        (LIST, ("List-Id: <users.lists.test>", "List-Post: <mailto:users@lists.test>"), "x"),
        (LIST, ("Mailing-List: contact users-help@lists.test",), "x"),
        (LIST, ("Precedence: list",), "x"),
        (LIST, ("Subject: Your message to users awaits moderator approval",), "x"),
        (BULK, ("Precedence: bulk",), "x"),
        (BULK, ("List-Unsubscribe: <https://x.test/u>",), "x"),
        (BULK, ("List-Id: <news>", "List-Unsubscribe: <https://x.test/u>"), "x"),
        (
            CHALLENGE,
            ("Subject: Please confirm",),
            "Please verify that you are a real live human being.",
        ),
        (CHALLENGE, ("X-TMDA-Fingerprint: abc",), "x"),
        (SYSTEM, ("From: no-reply@shop.test",), "Your parcel is on its way"),
        (SYSTEM, ("From: root@host.test", "Subject: Cron <root@host> backup"), "done"),
        (SYSTEM, ("Subject: Order 12",), "This is an automated message, please do not reply."),
        (
            SYSTEM,
            ("Subject: Заказ",),
            "Это письмо сформировано автоматически, не отвечайте на него.",
        ),
        (
            AutomaticKind.REPORT,
            ("Subject: Report Domain: b.test Submitter: g.test Report-ID: 1",),
            "x",
        ),
        (AutomaticKind.REPORT, ("TLS-Report-Domain: b.test",), "x"),
        # People
        (HUMAN, (), "We order 10 valves."),
        (HUMAN, ("Auto-Submitted: no",), "We order 10 valves."),
        (HUMAN, ("X-Auto-Response-Suppress: All",), "We order 10 valves."),  # asks, proves nothing
        (HUMAN, ("Subject: Re: Automatic doors: offer",), "We order 10 doors."),
        (
            HUMAN,
            ("Subject: Fwd: Undelivered Mail Returned to Sender",),
            "What is this? 550 5.1.1 unknown user",
        ),
        (
            HUMAN,
            ("Subject: Returned mail: user unknown (fwd)",),
            "see below: 550 5.1.1 user unknown",
        ),
        (
            HUMAN,
            ("Subject: Delivery failure: our order PO 55",),
            "Your courier did not come. 550 pcs are missing.",
        ),
        (HUMAN, ("Subject: Rejected parts of delivery 5.1.24",), "12 parts do not fit."),
        (
            HUMAN,
            ("Subject: Urlaub im Juli, Bestellung vorher",),
            "Wir haben Betriebsurlaub, bitte vorher liefern.",
        ),
        (HUMAN, ("Subject: заказ",), "Просим подтвердить получение заказа и сроки."),
        (
            HUMAN,
            ("Subject: Please confirm",),
            "Please confirm the order and that you are able to deliver.",
        ),
        (
            HUMAN,
            ("Subject: Vacation rental order",),
            "We order 3 boxes, the office is away from town.",
        ),
        (HUMAN, ("Feedback-ID: 1.eu-west-1.An46=:AmazonSES",), "We order 10 valves."),
    ],
)
def test_who_wrote_it(kind: AutomaticKind, fields: tuple[str, ...], body: str) -> None:
    found = read(letter(body, *fields)).automatic
    assert found.kind is kind, found.why
    assert bool(found.why) is found.is_automatic


def test_a_quoted_machine_does_not_make_a_machine_of_the_answer() -> None:
    quoted = "> This is an automated message, please do not reply."
    body = f"We order 5.\n\nOn Mon, 1 Jan 2024, Shop <a@b.test> wrote:\n{quoted}"
    assert not read(letter(body)).automatic.is_automatic


@pytest.mark.parametrize(
    ("report_type", "part_type", "kind"),
    [
        ("delivery-status", "message/delivery-status", AutomaticKind.BOUNCE),
        ("disposition-notification", "message/disposition-notification", AutomaticKind.RECEIPT),
        ("feedback-report", "message/feedback-report", AutomaticKind.FEEDBACK),
        ("tlsrpt", "application/tlsrpt+gzip", AutomaticKind.REPORT),
        ("strange", "message/x-strange", AutomaticKind.BOUNCE),
    ],
)
def test_reports_are_known_by_their_type(
    report_type: str, part_type: str, kind: AutomaticKind
) -> None:
    text = b"Content-Type: text/plain\r\n\r\nreport"
    part = f"Content-Type: {part_type}\r\n\r\nFinal-Recipient: rfc822; a@b.test".encode()
    raw = multipart("report", text, part).replace(
        b"report;", f"report; report-type={report_type};".encode()
    )
    assert read(raw).automatic.kind is kind
    assert read(b"\xef\xbb\xbf" + raw).automatic.kind is kind  # behind a byte-order mark
    assert read(raw.replace(b"\r\n", b"\r")).automatic.kind is kind  # CR-only
    assert read(multipart("mixed", text, part)).automatic.is_automatic is (report_type != "strange")


@pytest.mark.parametrize("method", ["REQUEST", "REPLY", "CANCEL", "COUNTER"])
def test_an_invitation_is_for_calendars(method: str) -> None:
    event = f"BEGIN:VCALENDAR\r\nMETHOD:{method}\r\nBEGIN:VEVENT\r\nEND:VEVENT\r\nEND:VCALENDAR"
    text = b"Content-Type: text/plain\r\n\r\nplease come"
    with_parameter = f"Content-Type: text/calendar; method={method}\r\n\r\n{event}".encode()
    without = f"Content-Type: text/calendar\r\n\r\n{event}".encode()
    for part in (with_parameter, without):
        assert read(multipart("alternative", text, part)).automatic.kind is AutomaticKind.CALENDAR
    attached = with_parameter.replace(
        b"\r\n\r\n", b"\r\nContent-Disposition: attachment; filename=a.ics\r\n\r\n", 1
    )
    for parts, doubtful in (((attached,), True), ((attached, with_parameter), False)):
        found = read(multipart("mixed", text, *parts)).automatic
        assert (found.kind, found.doubtful) == (AutomaticKind.CALENDAR, doubtful)
    for said, doubtful in ((b"auto-generated", True), (b"auto-replied", False)):
        raw = b"Auto-Submitted: %b\r\n%b" % (said, multipart("mixed", text, attached))
        assert read(raw).automatic.doubtful is doubtful


def test_an_attached_event_is_a_persons() -> None:
    part = (
        b"Content-Type: text/calendar\r\nContent-Disposition: attachment; filename=a.ics\r\n\r\n"
        b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nEND:VEVENT\r\nEND:VCALENDAR"
    )
    raw = multipart("mixed", b"Content-Type: text/plain\r\n\r\nhere it is", part)
    assert not read(raw).automatic.is_automatic


def test_a_dmarc_report_is_known_by_its_file_name() -> None:
    name = b"g.test!firma.test!1710000000!1710086399.zip"
    part = b'Content-Type: application/zip; name="%s"\r\n\r\nPK' % name
    assert read(multipart("mixed", part)).automatic.kind is AutomaticKind.REPORT


@pytest.mark.parametrize(
    ("subject", "body"),
    [
        ("OOO Romashka: order 4711", "Please deliver 10 pcs of A-100."),
        ("Auto: order of 10 wipers", "Please send 10 pcs A-100."),
        ("Automatica GmbH: Bestellung 4711", "Hiermit bestellen wir 10 Stk A-100."),
        ("Automatic response valves: order", "Please send 10 of them."),
        ("Out of office furniture: order", "Please send 10 chairs."),
        ("On leave management software: quote", "Please send an offer for 20 licences."),
        ("Abwesend angetroffen: Paket 4711", "Wir waren da. Bitte neu liefern."),
        ("Отсутствие товара в поставке", "Просим дослать отсутствующие позиции: насос, 2 шт."),
        ("Takeaway boxes order", "Tell us when the cups will be back in stock."),
        ("Summer semester books", "I am not in the office list of your portal. Send 30 pcs."),
        ("Semesterarbeit: Prospekt", "Ich bin nicht sicher, ob Sie Muster verschicken."),
        ("Holiday order", "I am out of A-100, please send 10 pcs."),
        ("Order before our holiday", "Please send 10 pcs. We will be back on Monday."),
        ("Cannot log in", "I never get the one-time verification code for the portal."),
        ("Order 12 blocked?", "Your email says that order 12 is on hold. Please release it."),
        ("Please confirm", "Please confirm you are able to deliver by Friday."),
        ("Damaged pallets", "Following your email, the pallets are in quarantine here."),
        ("Complaint", "This is a complaint about your report. Pump A-100 leaks."),
    ],
)
def test_a_customer_who_uses_a_machines_words_is_a_person(subject: str, body: str) -> None:
    found = read(letter(body, f"Subject: {subject}")).automatic
    assert found.kind is HUMAN, found.why


@pytest.mark.parametrize(
    ("kind", "subject", "body"),
    [
        (REPLY, "OOO", "I am out of the office until Monday."),
        (REPLY, "Abwesend: Bestellung", "Ich bin derzeit nicht im Büro."),
        (REPLY, "Out of Office", "x"),
        (REPLY, "Out of Office Re: Order", "x"),
        (REPLY, "Away", "Hello, I will be back on 5 May."),
        (REPLY, "Отсутствие на работе", "Я отсутствую до понедельника."),
        (REPLY, "Нет на месте", "Сейчас в отпуске."),
        (REPLY, "AUTO: Berg, Anna ist außer Haus (Rückkehr am 05.05.)", "x"),
        (SYSTEM, "Automatically generated: purchase order 4711", "10 pcs A-100"),
        (CHALLENGE, "Your message to Anna is on hold", "Your message to a@b.test is on hold."),
        (CHALLENGE, "Re: hello", "Please confirm that you are a human."),
    ],
)
def test_a_machine_is_known_by_two_things_that_agree(
    kind: AutomaticKind, subject: str, body: str
) -> None:
    found = read(letter(body, f"Subject: {subject}")).automatic
    assert found.kind is kind, found.why


@pytest.mark.parametrize(
    ("kind", "fields", "body"),
    [
        (REPLY, ("Subject: Order before the holidays",), "I am on holiday. 5 pcs A-100, please."),
        (REPLY, ("Subject: Заказ 17 до отпуска",), "Я буду в отпуске, просим 5 шт. A-100."),
        (REPLY, ("Subject: Out of office",), "x"),
        (FEEDBACK, ("Subject: Valves",), "This is a complaint report: 3 of 10 valves leak."),
        (FEEDBACK, ("Subject: Spam report broken in your software",), "Please help."),
        (BOUNCE, ("Subject: Not delivered: order 4711",), "The mailbox is full, says the courier."),
        (BOUNCE, ("From: postmaster@b.test",), "Our mail to you comes back: user unknown."),
        (CHALLENGE, ("Subject: Portal",), "It asks me to confirm that you are a human."),
        (LIST, ("Subject: Subscribe request",), "Please send us your price list."),
    ],
)
def test_what_words_alone_decide_is_doubtful_until_a_header_agrees(
    kind: AutomaticKind, fields: tuple[str, ...], body: str
) -> None:
    found = read(letter(body, *fields)).automatic
    assert (found.kind, found.doubtful) == (kind, True), found.why
    listed = read(letter(body, *fields, "Precedence: bulk")).automatic
    assert (listed.kind, listed.doubtful) == (kind, False), listed.why
    no_reply = read(letter(body, *fields, "X-Cron-Env: x")).automatic
    assert (no_reply.kind, no_reply.doubtful) == (kind, True)  # a program's, which may send orders


@pytest.mark.parametrize(
    "fields",
    [
        ("Auto-Submitted: auto-replied",),
        ("Auto-Submitted: auto-generated", "Subject: Automatic reply: Order 12"),
        ("X-Autoreply: yes", "Subject: On holiday"),
        ("From: MAILER-DAEMON@mx.test",),
        ("From: postmaster@mx.test", "Return-Path: <>"),
        ("List-Id: <users.lists.test>",),
    ],
)
def test_what_a_header_decides_is_not_doubtful(fields: tuple[str, ...]) -> None:
    found = read(letter("user unknown", *fields)).automatic
    assert found.is_automatic and not found.doubtful


@pytest.mark.parametrize(
    "subject",
    [
        "FW: Automatic reply: Order 4711",
        "RE: Automatic reply: Order 4711",
        "WG: Automatische Antwort: Bestellung 4711",
        "AW: Abwesenheitsnotiz: Bestellung 4711",
        "Antw: Out of Office: Order 4711",
        "*Fwd: Автоматический ответ: Заказ 4711",
    ],
)
def test_who_answers_or_forwards_an_absence_note_is_a_person(subject: str) -> None:
    quoted = "-----Original Message-----\nFrom: a@b.test\n\nI am out of the office until Monday."
    order = read(letter(f"Please send 5 pcs A-100.\n\n{quoted}", f"Subject: {subject}"))
    assert order.automatic.kind is HUMAN, order.automatic.why
    away = read(letter("I am out of the office until Monday.", f"Subject: {subject}")).automatic
    assert (away.kind, away.doubtful) == (REPLY, True)


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (HUMAN, ()),
        (HUMAN, ("Auto-Submitted: no",)),
        (REPLY, ("X-Auto-Response-Suppress: All",)),
        (REPLY, ("Return-Path: <>", "X-Auto-Response-Suppress: All")),
        (SYSTEM, ("Auto-Submitted: auto-generated",)),
        (SYSTEM, ("Return-Path: <>", "Auto-Submitted: auto-generated")),
    ],
)
def test_what_an_inbox_rule_redirects_may_be_a_persons(
    kind: AutomaticKind, fields: tuple[str, ...]
) -> None:
    mark = "X-MS-Exchange-Inbox-Rules-Loop: anna@buyer.example"
    found = read(letter("We order 10 valves.", mark, *fields)).automatic
    assert (found.kind, found.doubtful) == (kind, kind is REPLY), found.why


@pytest.mark.parametrize(
    ("kind", "name", "body"),
    [
        (HUMAN, "System Administrator", "Since firmware 5.1.24 our printer does not print."),
        (HUMAN, "Системный администратор", "Не может войти в почтовый ящик на портале."),
        (HUMAN, "System Administrator", "Your server says 550 5.1.1 user unknown to us."),
        (SYSTEM, "Mail Delivery Subsystem", "Since firmware 5.1.24 it does not print."),
        (BOUNCE, "Mail Delivery Subsystem", "550 5.1.1 <a@b.test>: user unknown"),
    ],
)
def test_a_name_alone_makes_no_bounce(kind: AutomaticKind, name: str, body: str) -> None:
    found = read(letter(body, f"From: {name} <it@buyer.example>")).automatic
    assert found.kind is kind, found.why


def test_every_auto_submitted_field_counts() -> None:
    twice = ("Auto-Submitted: no", "Auto-Submitted: auto-replied")
    for fields in (twice, tuple(reversed(twice))):
        assert read(letter("away", *fields)).automatic.kind is REPLY
    assert not read(letter("order", "Auto-Submitted: no", "Auto-Submitted: no")).automatic.why
