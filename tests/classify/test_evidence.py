"""A spam filter's word: believed from configured clients only, and weighed, not obeyed."""

import pytest

from postroom.classify.classifier import Classifier
from postroom.classify.evidence import SpamVerdict, spam_verdict, weighed
from postroom.config import ClassificationSection
from postroom.envelope import Address, Envelope
from postroom.message import Message

FILTER = Envelope(client_address="10.0.0.5")
NETWORKS = ("10.0.0.0/28", "fd00::/64")


def mail(*headers: tuple[str, str], text: str = "") -> Message:
    author = Address(local="a", domain="kunde.example")
    return Message(
        raw=b"", headers=headers, author=author, subject=text, text=text, new_text=text,
        language="en",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("X-Spam-Flag", "YES", True),
        ("X-Spam-Flag", "no", False),
        ("x-spam-status", "Yes, score=12.3 required=5.0 tests=BAYES_99", True),
        ("X-Spam-Status", "No, score=-1.9 required=5.0", False),
        ("X-Spam-Status", "Nobody knows", None),
        ("X-Rspamd-Action", "add header", True),
        ("X-Rspamd-Action", "no action", False),
        ("X-Rspamd-Action", "whatever", None),
        ("X-Spamd-Result", "default: True [16.10 / 15.00]; R_SPF_FAIL(1.0)", True),
        ("X-Spamd-Result", "default: False [1.10 / 15.00]", False),
        ("X-Spamd-Result", "True" * 10_000, None),
        ("X-Spam", "Yes", True),
        ("X-Spam-Score", "99", None),
    ],
)
def test_header_is_read(name: str, value: str, expected: bool | None) -> None:
    said = spam_verdict(mail((name, value)), FILTER, NETWORKS)
    assert (said.is_spam if said else None) is expected


def test_a_filter_on_a_socket_for_both_families_is_believed() -> None:
    envelope = Envelope(client_address="::ffff:10.0.0.5")
    assert spam_verdict(mail(("X-Spam-Flag", "YES")), envelope, NETWORKS) is not None


@pytest.mark.parametrize("client", ["10.0.0.16", "192.0.2.1", "", "nonsense", "fe80::1"])
def test_nobody_else_is_believed(client: str) -> None:
    message = mail(("X-Spam-Flag", "NO"))
    assert spam_verdict(message, Envelope(client_address=client), NETWORKS) is None
    assert spam_verdict(message, None, NETWORKS) is None
    assert spam_verdict(message, FILTER, ()) is None


def test_the_header_added_last_counts() -> None:
    message = mail(("X-Spam-Flag", "YES"), ("X-Spam-Flag", "NO"))
    said = spam_verdict(message, FILTER, NETWORKS)
    assert said == SpamVerdict(is_spam=True, header="X-Spam-Flag", host="10.0.0.5")


@pytest.mark.parametrize("is_spam", [True, False])
def test_weighing_keeps_probabilities_and_moves_spam(is_spam: bool) -> None:
    before = {"sales": 0.5, "spam": 0.4, "other": 0.1}
    verdict = SpamVerdict(is_spam=is_spam, header="X-Spam", host="10.0.0.5")
    after = weighed(before, verdict)
    assert sum(after.values()) == pytest.approx(1.0)
    assert (after["spam"] > before["spam"]) is is_spam
    assert after["sales"] / after["other"] == pytest.approx(5.0)
    assert list(after.values()) == sorted(after.values(), reverse=True)
    assert weighed({"spam": 1.0}, verdict) == {"spam": 1.0}
    assert weighed({"hr": 1.0}, verdict)["spam"] == 0.0


def test_the_classifier_weighs_it_says_so_and_keeps_the_models_scores() -> None:
    told = Classifier(ClassificationSection(spam_filters=NETWORKS))
    untold = Classifier(ClassificationSection())
    message = mail(("X-Spam-Flag", "YES"), text="We offer you new fittings, reply for details")
    plain = untold.classify(message, None, FILTER)
    given = told.classify(message, None, FILTER)
    assert given.scores == plain.scores and plain.weighed == {}
    assert given.weighed["spam"] == given.confidence == max(given.likely.values())
    assert given.category == "spam"
    assert given.confidence > plain.scores["spam"]
    assert any("spam filter at 10.0.0.5 says spam (X-Spam-Flag)" in r for r in given.reasons)
    assert not any("spam filter" in reason for reason in plain.reasons)
