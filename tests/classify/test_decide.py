"""What is done with a message: the table of contract section 2, case by case."""

from dataclasses import replace
from decimal import Decimal

import pytest

from postroom.classification import Classification
from postroom.classify.decide import QUARANTINE_FOLDER, decide
from postroom.config import (
    DEFAULT_CATEGORIES,
    AuthenticationSection,
    CategoryRow,
    ClassificationSection,
    Config,
    MailboxSection,
)
from postroom.decision import Decision, Outcome, Step
from postroom.message import Automatic, AutomaticKind, Message
from postroom.order import Order, OrderKind, OrderLine
from postroom.verdict import Disposition, DmarcPolicy, DmarcResult, Result, Verdict

PASS = DmarcResult(result=Result.PASS, domain="kunde.example", policy=DmarcPolicy.REJECT)
PROVEN = Verdict(author="anna@kunde.example", dmarc=PASS)
ALIGNED = replace(
    PROVEN, dmarc=DmarcResult(domain="kunde.example", aligned=("dkim:kunde.example",))
)
UNPROVEN = replace(PROVEN, dmarc=DmarcResult(domain="kunde.example"))
FAILED = replace(
    PROVEN, dmarc=replace(PASS, result=Result.FAIL, disposition=DmarcPolicy.QUARANTINE)
)
LOCAL = replace(UNPROVEN, local=True)
TEMPERROR = replace(PROVEN, dmarc=replace(PASS, result=Result.TEMPERROR))
LINE = OrderLine(line=1, sku="A", quantity=Decimal(2), confidence=1.0)
ORDER = Order(kind=OrderKind.ORDER, number="77", lines=(LINE,), complete=True)
INVOICE = Order(kind=OrderKind.INVOICE, number="R-5", lines=(LINE,))
HUMAN = Message(raw=b"", new_text="text")
HR = MailboxSection(hr="people@firma.example")


def sure(category: str, **changes: object) -> Classification:
    given = Classification(category=category, confidence=0.97, review=False)
    return replace(given, **changes)  # type: ignore[arg-type]


def unsure(category: str, **scores: float) -> Classification:
    return Classification(category=category, confidence=0.6, scores=scores, review=True)


def decided(
    classification: Classification,
    verdict: Verdict = PROVEN,
    order: Order | None = None,  # None: what fits the category
    message: Message = HUMAN,
    config: Config = Config(),  # noqa: B008 - frozen
    **more: object,
) -> Decision:
    read = order or (INVOICE if classification.category == "invoice" else ORDER)
    return decide(classification, verdict, read, message, config, **more)  # type: ignore[arg-type]


def tokens(decision: Decision) -> set[str]:
    return {reason.partition(":")[0] for reason in decision.reasons}


@pytest.mark.parametrize(
    ("category", "outcome", "steps", "folder"),
    [
        ("purchase_order", Outcome.ACT, (Step.ORDER_CREATE, Step.REPLY), "Orders"),
        ("invoice", Outcome.ACT, (Step.INVOICE_UPDATE,), "Invoices"),
        ("support", Outcome.ACT, (Step.TICKET_CREATE, Step.REPLY), "Support"),
        ("sales", Outcome.ACT, (Step.TICKET_CREATE, Step.REPLY), "Sales"),
        ("hr", Outcome.DELIVER, (), "HR"),
        ("spam", Outcome.DELIVER, (), "Junk"),
        ("other", Outcome.DELIVER, (), "INBOX"),
    ],
)
def test_sure_and_authenticated(
    category: str, outcome: Outcome, steps: tuple[Step, ...], folder: str
) -> None:
    decision = decided(sure(category))
    assert (decision.outcome, decision.steps, decision.folder) == (outcome, steps, folder)
    assert decision.category == category
    assert decision.reasons


@pytest.mark.parametrize(
    ("category", "kind", "template"),
    [
        ("purchase_order", "", "order-confirmation"),
        ("support", "support", "ticket-acknowledgement"),
        ("sales", "lead", "ticket-acknowledgement"),
        ("invoice", "", ""),
    ],
)
def test_ticket_kind_and_template_come_from_the_row(
    category: str, kind: str, template: str
) -> None:
    decision = decided(sure(category))
    assert (decision.ticket_kind, decision.template) == (kind, template)


@pytest.mark.parametrize(
    ("verdict", "token"),
    [
        (PROVEN, ""),
        (ALIGNED, ""),
        (UNPROVEN, "unauthenticated"),
        (FAILED, "unauthenticated"),
        (LOCAL, "unauthenticated"),
        (TEMPERROR, "unauthenticated"),
        (Verdict(), "unauthenticated"),
    ],
)
@pytest.mark.parametrize("category", ["purchase_order", "invoice", "support", "sales"])
def test_business_needs_a_proven_author(category: str, verdict: Verdict, token: str) -> None:
    decision = decided(sure(category), verdict)
    assert decision.outcome is (Outcome.REVIEW if token else Outcome.ACT)
    assert token in {*tokens(decision), ""}
    assert decision.steps == decided(sure(category)).steps  # what approval would do


@pytest.mark.parametrize(
    ("exceptions", "verdict", "outcome"),
    [
        (("kunde.example",), LOCAL, Outcome.ACT),
        (("Anna@Kunde.example",), LOCAL, Outcome.ACT),
        (("other.example",), LOCAL, Outcome.REVIEW),
        (("kunde.example",), UNPROVEN, Outcome.REVIEW),
        (
            ("kunde.example",),
            replace(TEMPERROR, dmarc=replace(TEMPERROR.dmarc, aligned=("spf:kunde.example",))),
            Outcome.ACT,
        ),
        (("kunde.example",), replace(LOCAL, author=""), Outcome.REVIEW),
        (("bücher.example",), replace(LOCAL, author="anna@xn--bcher-kva.example"), Outcome.ACT),
        (
            ("anna@xn--bcher-kva.example",),
            replace(LOCAL, author="Anna@bücher.example"),
            Outcome.ACT,
        ),
    ],
)
def test_an_exception_makes_up_for_dmarc_only_with_an_aligned_pass_or_a_local_client(
    exceptions: tuple[str, ...], verdict: Verdict, outcome: Outcome
) -> None:
    config = Config(authentication=AuthenticationSection(exceptions=exceptions))
    assert decided(sure("support"), verdict, config=config).outcome is outcome


@pytest.mark.parametrize(
    ("confidence", "review", "outcome", "token"),
    [
        (0.85, False, Outcome.ACT, "sure"),
        (0.8499, True, Outcome.REVIEW, "unsure"),
        (0.8499, False, Outcome.REVIEW, "unsure"),
        (0.99, True, Outcome.REVIEW, "forced"),
    ],
)
def test_threshold(confidence: float, review: bool, outcome: Outcome, token: str) -> None:
    decision = decided(sure("support", confidence=confidence, review=review))
    assert decision.outcome is outcome
    assert token in tokens(decision)
    assert decision.folder == ("Support" if outcome is Outcome.ACT else "INBOX")


def test_the_threshold_is_the_configured_one() -> None:
    config = Config(classification=ClassificationSection(threshold=0.98))
    assert decided(sure("support"), config=config).outcome is Outcome.REVIEW


@pytest.mark.parametrize(
    ("order", "known", "token"),
    [
        (ORDER, False, ""),
        (ORDER, True, "order-known"),
        (replace(ORDER, number=""), True, "order-known"),
        (replace(ORDER, complete=False, problems=("quantity-missing",)), False, "order-incomplete"),
        (replace(ORDER, kind=OrderKind.ORDER_CHANGE), False, "order-change"),
        (replace(ORDER, kind=OrderKind.INVOICE), False, "order-is-invoice"),
        (Order(), False, "order-missing"),
    ],
)
def test_only_a_complete_new_order_is_created(order: Order, known: bool, token: str) -> None:
    decision = decided(sure("purchase_order"), order=order, known_order=known)
    assert decision.outcome is (Outcome.REVIEW if token else Outcome.ACT)
    assert decision.steps == (Step.ORDER_CREATE, Step.REPLY)
    assert decision.folder == "Orders"
    assert token in {*tokens(decision), ""}


@pytest.mark.parametrize("category", ["support", "other", "hr"])
@pytest.mark.parametrize("confidence", [0.0, 0.6, 0.97])
def test_what_is_forced_is_reviewed_however_unsure(category: str, confidence: float) -> None:
    forced = replace(sure(category), confidence=confidence, review=True, forced=True)
    decision = decided(forced)
    assert (decision.outcome, decision.folder) == (Outcome.REVIEW, "INBOX")
    assert "forced" in tokens(decision)


def test_without_a_model_mail_waits_for_a_person_but_what_machines_write_does_not() -> None:
    unknown = Classification(category="other", source="rule", review=True, forced=True)
    assert decided(unknown).outcome is Outcome.REVIEW
    for kind in AutomaticKind:
        if kind is not AutomaticKind.HUMAN:
            message = replace(HUMAN, automatic=Automatic(kind=kind, why="a header"))
            assert decided(unknown, message=message).outcome is Outcome.DELIVER


def test_the_second_guess_is_the_spam_filters_too() -> None:
    given = replace(unsure("spam", spam=0.2, sales=0.8), weighed={"spam": 0.83, "sales": 0.17})
    assert decided(given).outcome is Outcome.DELIVER


def test_an_order_says_nothing_about_other_categories() -> None:
    assert decided(sure("support"), order=Order(), known_order=True).outcome is Outcome.ACT


@pytest.mark.parametrize(
    ("problem", "outcome"),
    [
        ("encrypted", Outcome.REVIEW),
        ("depth-limit", Outcome.REVIEW),
        ("worker-deadline", Outcome.REVIEW),
        ("quotes-unsure", Outcome.REVIEW),
        ("smime-broken", Outcome.REVIEW),
        ("tnef-broken", Outcome.REVIEW),
        ("charset-repaired", Outcome.ACT),
    ],
)
def test_text_that_cannot_be_trusted_is_reviewed(problem: str, outcome: Outcome) -> None:
    message = replace(HUMAN, problems=(problem,))
    assert decided(sure("support"), message=message).outcome is outcome


@pytest.mark.parametrize(
    "kind",
    [kind for kind in AutomaticKind if kind not in (AutomaticKind.HUMAN, AutomaticKind.SYSTEM)],
)
@pytest.mark.parametrize("category", ["purchase_order", "support", "other", "spam"])
def test_bounces_lists_and_the_like_are_only_delivered(kind: AutomaticKind, category: str) -> None:
    message = replace(HUMAN, automatic=Automatic(kind=kind, why="a header"))
    for classification in (sure(category), unsure(category)):
        decision = decided(classification, message=message)
        assert decision.outcome is Outcome.DELIVER
        assert decision.steps == ()
        assert tokens(decision) == {"automatic"}


def test_an_invoice_sent_by_a_program_waits_for_a_person_and_is_never_answered() -> None:
    message = replace(HUMAN, automatic=Automatic(kind=AutomaticKind.SYSTEM, why="noreply"))
    decision = decided(sure("support"), message=message)
    assert decision.outcome is Outcome.REVIEW
    assert Step.REPLY not in decision.steps and decision.template == ""
    assert decided(sure("other"), message=message).outcome is Outcome.DELIVER


@pytest.mark.parametrize(
    "kind", [kind for kind in AutomaticKind if kind is not AutomaticKind.HUMAN]
)
@pytest.mark.parametrize("category", ["purchase_order", "support"])
def test_what_only_seems_a_machines_waits_for_a_person_and_is_never_answered(
    kind: AutomaticKind, category: str
) -> None:
    message = replace(HUMAN, automatic=Automatic(kind=kind, why="a phrase", doubtful=True))
    decision = decided(sure(category), message=message)
    assert decision.outcome is Outcome.REVIEW
    assert "machine" in tokens(decision)
    assert Step.REPLY not in decision.steps and decision.template == ""


@pytest.mark.parametrize("category", [*DEFAULT_CATEGORIES, "custom"])
@pytest.mark.parametrize(
    "disposition", [Disposition.QUARANTINE, Disposition.REJECT, Disposition.DISCARD]
)
def test_quarantine_goes_to_its_folder_and_to_a_person(
    category: str, disposition: Disposition
) -> None:
    decision = decided(sure(category), FAILED, disposition=disposition)
    assert decision.outcome is Outcome.REVIEW
    assert decision.folder == QUARANTINE_FOLDER
    assert "quarantine" in tokens(decision)


def test_unsure_spam_stays_in_sight() -> None:
    decision = decided(unsure("spam", spam=0.6, other=0.3))
    assert (decision.outcome, decision.folder) == (Outcome.DELIVER, "INBOX")


def test_unsure_spam_that_may_be_an_order_is_reviewed_as_one() -> None:
    decision = decided(unsure("spam", spam=0.6, purchase_order=0.3))
    assert decision.outcome is Outcome.REVIEW
    assert (decision.category, decision.folder) == ("purchase_order", "INBOX")
    assert decision.steps == (Step.ORDER_CREATE, Step.REPLY)
    assert "second-guess" in tokens(decision)


def test_unsure_spam_with_a_faint_second_guess_is_not_reviewed() -> None:
    decision = decided(unsure("spam", spam=0.6, purchase_order=0.1))
    assert decision.outcome is Outcome.DELIVER


SPAM = Classification(
    category="spam", confidence=0.96, scores={"spam": 0.96, "other": 0.04}, review=False
)


@pytest.mark.parametrize(
    ("changes", "verdict", "outcome", "folder"),
    [
        ({}, PROVEN, Outcome.REVIEW, "INBOX"),
        ({}, ALIGNED, Outcome.REVIEW, "INBOX"),
        ({}, UNPROVEN, Outcome.DELIVER, "Junk"),
        ({}, LOCAL, Outcome.DELIVER, "Junk"),
        ({"confidence": 0.97, "scores": {"spam": 0.97}}, PROVEN, Outcome.DELIVER, "Junk"),
        ({"source": "rule"}, PROVEN, Outcome.DELIVER, "Junk"),
        ({"source": "person"}, PROVEN, Outcome.DELIVER, "Junk"),
        # A trusted filter, or past mail, raised it above the model's own word.
        ({"scores": {"spam": 0.6}}, PROVEN, Outcome.DELIVER, "Junk"),
        # The filter cleared it: the model is as alone as before.
        ({"scores": {"spam": 0.99}, "weighed": {"spam": 0.96}}, PROVEN, Outcome.REVIEW, "INBOX"),
        ({"scores": {}}, PROVEN, Outcome.REVIEW, "INBOX"),
        ({"confidence": 0.84, "scores": {"spam": 0.84}}, PROVEN, Outcome.DELIVER, "INBOX"),
    ],
)
def test_the_model_alone_files_a_proven_authors_mail_as_junk_only_when_very_sure(
    changes: dict[str, object], verdict: Verdict, outcome: Outcome, folder: str
) -> None:
    decision = decided(replace(SPAM, **changes), verdict)  # type: ignore[arg-type]
    assert (decision.outcome, decision.folder, decision.steps) == (outcome, folder, ())
    assert ("lone-spam" in tokens(decision)) is (outcome is Outcome.REVIEW)


def test_an_author_proven_by_exception_is_heard_before_junk_too() -> None:
    config = Config(authentication=AuthenticationSection(exceptions=("kunde.example",)))
    assert decided(SPAM, LOCAL, config=config).outcome is Outcome.REVIEW


def test_what_a_proven_machine_wrote_stays_in_sight_without_a_review() -> None:
    message = replace(HUMAN, automatic=Automatic(kind=AutomaticKind.SYSTEM, why="noreply"))
    decision = decided(SPAM, message=message)
    assert (decision.outcome, decision.folder) == (Outcome.DELIVER, "INBOX")


@pytest.mark.parametrize("category", ["hr", "other"])
def test_a_row_without_review_is_delivered_however_unsure(category: str) -> None:
    decision = decided(unsure(category), UNPROVEN)
    assert (decision.outcome, decision.folder) == (Outcome.DELIVER, "INBOX")
    assert "unsure" in tokens(decision)


def test_an_application_is_forwarded_even_from_an_unproven_author_but_only_when_sure() -> None:
    config = Config(mailbox=HR)
    decision = decided(sure("hr"), UNPROVEN, config=config)
    assert (decision.outcome, decision.steps) == (Outcome.ACT, (Step.FORWARD,))
    assert decided(unsure("hr"), config=config).outcome is Outcome.DELIVER
    assert decided(sure("hr"), FAILED, config=config,
                   disposition=Disposition.QUARANTINE).outcome is Outcome.REVIEW  # fmt: skip


def test_a_rule_can_forbid_actions_and_choose_folder_and_template() -> None:
    decision = decided(sure("support", blocked=True, folder="VIP", template="own"))
    assert decision.outcome is Outcome.REVIEW
    assert "blocked" in tokens(decision)
    assert (decision.folder, decision.template) == ("VIP", "own")


@pytest.mark.parametrize("category", ["hr", "other"])
def test_unsure_mail_that_may_be_an_order_is_seen_by_a_person(category: str) -> None:
    decision = decided(unsure(category, **{category: 0.6, "spam": 0.1, "purchase_order": 0.3}))
    assert (decision.outcome, decision.category) == (Outcome.REVIEW, "purchase_order")
    assert "second-guess" in tokens(decision)


def test_a_rule_that_asks_for_a_person_gets_one_even_where_nothing_would_follow() -> None:
    decision = decided(sure("other", review=True))
    assert decision.outcome is Outcome.REVIEW
    assert "forced" in tokens(decision)


def test_an_invoice_that_reads_as_an_order_is_seen_by_a_person() -> None:
    decision = decided(sure("invoice"), order=ORDER)
    assert decision.outcome is Outcome.REVIEW
    assert "invoice-is-order" in tokens(decision)
    assert decided(sure("invoice"), order=Order()).outcome is Outcome.ACT


def test_a_custom_category_follows_its_row() -> None:
    row = CategoryRow(steps=("ticket-create",), folder="Returns", ticket_kind="other")
    config = Config(categories=DEFAULT_CATEGORIES | {"returns": row})
    decision = decided(sure("returns"), config=config)
    assert (decision.outcome, decision.folder) == (Outcome.ACT, "Returns")
    assert decision.ticket_kind == "other"


def test_a_category_without_a_row_is_reviewed() -> None:
    decision = decided(sure("unheard-of"))
    assert (decision.outcome, decision.folder) == (Outcome.REVIEW, "INBOX")
    assert tokens(decision) == {"no-category"}


def test_every_reason_is_a_token_and_a_sentence() -> None:
    everything_wrong = decided(
        unsure("purchase_order"),
        UNPROVEN,
        order=Order(),
        message=replace(HUMAN, problems=("encrypted",)),
        known_order=True,
        disposition=Disposition.QUARANTINE,
    )
    assert len(everything_wrong.reasons) == 6
    for reason in everything_wrong.reasons:
        token, colon, sentence = reason.partition(": ")
        assert colon and sentence and " " not in token
