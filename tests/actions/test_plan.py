"""Decision -> actions: the right steps, the right shapes, the same bytes every time."""

import json
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from postroom.actions import plan as planning
from postroom.actions.erp.contract import SCHEMAS
from postroom.actions.plan import PlannedDelivery, PlannedForward, PlannedReply, action_key, deliver
from postroom.codec import from_json
from postroom.config import Config
from postroom.decision import Action, Decision, Outcome, Step
from postroom.message import Attachment, Message
from postroom.order import Buyer, Order, OrderLine
from postroom.verdict import Verdict
from tests.fakes import post

SCHEMA_FOLDER = Path(__file__).parents[2] / "actions" / "erp" / "schema"


def plan(
    decision: Decision | None = None,
    *,
    message: Message | None = None,
    order: Order | None = None,
    verdict: Verdict | None = None,
    config: Config | None = None,
    labels: tuple[str, ...] = (),
    approved: bool = False,
    digest: str = "d1",
    follows: str = "",
) -> tuple[Action, ...]:
    return planning.plan(
        decision or post.decision(),
        message=message or post.message(),
        verdict=verdict or post.verdict(),
        order=order or post.order(),
        classification=post.classification(labels=labels),
        envelope=post.envelope(),
        digest=digest,
        received_at=post.NOW,
        config=config or post.config(),
        approved=approved,
        follows=follows,
    )


def body_of(action: Action) -> Any:
    """The body, checked against the schema of its step."""
    fields = json.loads(action.body)
    schema = json.loads((SCHEMA_FOLDER / SCHEMAS[action.step]).read_text(encoding="utf-8"))
    Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(
        fields
    )
    return fields


INVOICE = post.decision(category="invoice", steps=(Step.INVOICE_UPDATE,), template="")
TICKET = post.decision(
    category="support",
    steps=(Step.TICKET_CREATE, Step.REPLY),
    template="ticket-acknowledgement",
    ticket_kind="support",
)


def test_an_order_is_entered_and_then_confirmed() -> None:
    order, reply = plan()
    assert (order.step, order.after) == (Step.ORDER_CREATE, "")
    assert (reply.step, reply.after) == (Step.REPLY, order.key)


def test_the_order_has_exactly_the_contract_s_fields() -> None:
    order, _ = plan(config=post.config(erp={"link_base": "https://post.firma.test/m/"}))
    assert body_of(order) == {
        "external_ref": order.key,
        "order_number": "17",
        "ordered_at": "2026-11-20",
        "currency": "RUB",
        "customer": {
            "email": "ivan@snab.example",
            "name": "Иван Петров",
            "company": "ООО «Снаб»",
            "tax_id": "7707083893",
        },
        "delivery": {"address": "Москва, ул. Ленина, 1", "date": "2026-12-01"},
        "lines": [
            {
                "line": 1,
                "sku": "A-1",
                "gtin": "",
                "description": "Болт М8",
                "quantity": "1234.5",
                "unit": "шт",
                "unit_price": "12.30",
            },
            {
                "line": 2,
                "sku": "",
                "gtin": "",
                "description": "Гайка М8",
                "quantity": "3",
                "unit": "",
                "unit_price": None,
            },
        ],
        "note": "Просим отгрузить по заявке 17.",
        "source": {
            "message_id": "<17@snab.example>",
            "received_at": "2026-11-20T12:00:00+00:00",
            "mailbox": "info@firma.test",
            "authenticated_domain": "snab.example",
            "confidence": 0.97,
            "link": "https://post.firma.test/m/d1",
        },
    }


def test_an_order_without_a_date_takes_the_time_of_receipt() -> None:
    order, _ = plan(order=post.order(date=None))
    assert body_of(order)["ordered_at"] == "2026-11-20T12:00:00+00:00"


def test_an_invoice_has_exactly_the_contract_s_fields() -> None:
    (invoice,) = plan(
        INVOICE, order=post.order(number="INV-9", due_date=date(2026, 12, 20), lines=())
    )
    fields = body_of(invoice)
    del fields["source"], fields["seller"]
    assert fields == {
        "external_ref": invoice.key,
        "invoice_number": "INV-9",
        "status": "received",
        "amount": "15184.35",
        "currency": "RUB",
        "due_date": "2026-12-20",
        "lines": [],
    }


@pytest.mark.parametrize(
    ("subject", "status"),
    [
        ("Invoice 2026-17", "received"),
        ("Счёт на оплату № 55", "received"),
        ("Rechnung Nr. 12", "received"),
        ("Payment reminder: invoice 17 is overdue", "reminder"),
        ("Unpaid invoice 17", "reminder"),
        ("2. Mahnung zu Rechnung 12", "reminder"),
        ("Напоминание об оплате счёта 55", "reminder"),
        ("Счёт 55 не оплачен", "reminder"),
        ("We dispute invoice 17", "disputed"),
        ("Widerspruch gegen Rechnung 12", "disputed"),
        ("Претензия по счёту 55", "disputed"),
        ("Re: reminder - disputed invoice 17", "disputed"),
        ("Invoice 17 has been paid", "paid"),
        ("Remittance advice 4711", "paid"),
        ("Rechnung 12 bezahlt", "paid"),
        ("Счёт 55 оплачен", "paid"),
    ],
)
def test_the_status_of_an_invoice_is_what_its_subject_says(subject: str, status: str) -> None:
    (invoice,) = plan(INVOICE, message=post.message(subject=subject))
    assert body_of(invoice)["status"] == status


def test_a_rule_s_label_decides_the_status_before_the_subject() -> None:
    (invoice,) = plan(
        INVOICE, message=post.message(subject="Invoice 17 paid"), labels=("invoice:disputed",)
    )
    assert body_of(invoice)["status"] == "disputed"


def test_a_ticket_lists_documents_but_no_signature_images() -> None:
    logo = Attachment(filename="logo.png", type="image/png", size=9, sha256="ab", inline=True)
    mail = post.message(attachments=(*post.message().attachments, logo))
    ticket, _ = plan(
        TICKET, message=mail, config=post.config(erp={"link_base": "https://post.firma.test/m/"})
    )
    fields = body_of(ticket)
    assert fields["attachments"] == [
        {
            "filename": "Заявка.xlsx",
            "type": "application/vnd.ms-excel",
            "size": 3,
            "url": f"https://post.firma.test/m/d1/{mail.attachments[0].sha256}",
        }
    ]
    assert (fields["kind"], fields["subject"]) == ("support", "Заявка № 17")


def test_a_ticket_names_the_one_it_adds_to() -> None:
    ticket, reply = plan(TICKET, follows="8812")
    assert body_of(ticket)["source"]["follows"] == "8812"
    assert from_json(PlannedReply, reply.body).facts.follows == "8812"
    assert "follows" not in body_of(plan(TICKET)[0])["source"]


def test_an_order_follows_no_ticket() -> None:
    assert plan(follows="8812") == plan()


def test_a_lead_is_a_ticket_of_kind_lead() -> None:
    ticket, _ = plan(replace(TICKET, category="sales", ticket_kind="lead"))
    assert body_of(ticket)["kind"] == "lead"


def test_the_same_mail_plans_the_same_bytes() -> None:
    assert plan() == plan()


def test_another_mail_or_step_has_another_key() -> None:
    keys = {a.key for digest in ("d1", "d2") for a in plan(digest=digest)}
    assert len(keys) == 4


def test_the_keys_never_change_between_versions() -> None:
    """A changed key would enter an order twice when a mail comes again after an upgrade."""
    assert action_key("d1", Step.ORDER_CREATE) == "0c3562b6-8778-5cd6-bdec-0665c7e19848"
    assert action_key("d1", Step.DELIVER, "info@firma.test") == (
        "a027198a-8e6f-58d2-b04e-6fe804251f3f"
    )


def test_a_review_plans_nothing_until_a_person_agreed() -> None:
    waiting = post.decision(outcome=Outcome.REVIEW)
    assert plan(waiting) == ()
    approved = plan(waiting, approved=True)
    assert [a.step for a in approved] == [Step.ORDER_CREATE, Step.REPLY]
    assert from_json(PlannedReply, approved[1].body).facts.approved is True


def test_a_mail_with_nothing_to_do_plans_nothing() -> None:
    assert plan(post.decision(outcome=Outcome.DELIVER, steps=())) == ()


def test_without_an_erp_neither_its_actions_nor_replies_that_quote_it_are_planned() -> None:
    assert plan(config=post.config(erp={"base_url": ""})) == ()


def test_a_reply_that_quotes_no_number_needs_no_erp() -> None:
    greeting = post.decision(category="custom", steps=(Step.REPLY,), template="greeting")
    (reply,) = plan(greeting, config=post.config(erp={"base_url": ""}))
    assert (reply.step, reply.after) == (Step.REPLY, "")
    assert from_json(PlannedReply, reply.body).quotes_erp is False


def test_a_forward_needs_a_mailbox_to_go_to() -> None:
    hr = post.decision(category="hr", steps=(Step.FORWARD,), template="")
    assert plan(hr) == ()
    (forward,) = plan(hr, config=post.config(mailbox={"hr": "hr@firma.test"}))
    assert from_json(PlannedForward, forward.body) == PlannedForward(
        recipient="hr@firma.test", mailbox="info@firma.test"
    )


def test_every_recipient_gets_a_delivery_of_its_own() -> None:
    one, two = (
        deliver(post.decision(), recipient=r, digest="d1") for r in ("a@f.test", "B@f.test")
    )
    assert one.key != two.key
    assert deliver(post.decision(), recipient="b@F.test", digest="d1").key == two.key
    assert from_json(PlannedDelivery, two.body) == PlannedDelivery(
        recipient="B@f.test", folder="Orders", category="purchase_order"
    )


def test_an_approved_mail_of_nobody_we_know_says_so_in_its_source() -> None:
    order, _ = plan(
        post.decision(outcome=Outcome.REVIEW), verdict=Verdict(author="x@y.test"), approved=True
    )
    assert body_of(order)["source"]["authenticated_domain"] == ""


@pytest.mark.parametrize(
    "hostile",
    ["a\r\nBcc: x@y.test", "a\x00b", "a\u2028b", "a\ud800b", "\x1b[", "a\ufffeb", "a\uffffb"],
)
@pytest.mark.parametrize("decision", [post.decision(), INVOICE, TICKET])
def test_hostile_text_becomes_one_clean_line(hostile: str, decision: Decision) -> None:
    line = OrderLine(line=1, sku=hostile, description=hostile, unit=hostile, quantity=Decimal(1))
    mail = post.message(
        subject=hostile, new_text=hostile, message_id=hostile, references=(hostile,)
    )
    buyer = Buyer(name=hostile, tax_id=hostile)
    for action in plan(decision, message=mail, order=post.order(buyer=buyer, lines=(line,))):
        action.body.encode()
        assert not set("\x00\u2028\x1b\ud800\ufffe\uffff") & set(
            json.dumps(json.loads(action.body), ensure_ascii=False)
        )
        if action.step in SCHEMAS:
            body_of(action)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal("1E+3"), "1000"),
        (Decimal("0.10"), "0.10"),
        (Decimal("-5"), "-5"),
        (Decimal("NaN"), None),
        (Decimal("1E+999999"), None),
        (None, None),
    ],
)
def test_numbers_are_decimal_strings_without_exponent(
    value: Decimal | None, text: str | None
) -> None:
    line = OrderLine(line=1, description="x", quantity=value)
    order, _ = plan(order=post.order(lines=(line,)))
    assert body_of(order)["lines"][0]["quantity"] == text


def test_texts_are_cut_to_what_a_person_reads() -> None:
    mail = post.message(new_text="я" * 1_000_000, subject="s" * 100_000)
    ticket, _ = plan(TICKET, message=mail)
    fields = body_of(ticket)
    assert (len(fields["text"]), len(fields["subject"])) == (20_000, 998)
