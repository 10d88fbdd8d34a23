"""A site's own mail: read from wherever it lies, learnt from, and promoted only when not worse."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import pytest

from postroom import learning
from postroom.classification import Classification
from postroom.classify import concepts, examples
from postroom.classify.compare import Comparison
from postroom.classify.evaluation import evaluate
from postroom.classify.examples import Example, read_path
from postroom.classify.scorer import SHIPPED, Model
from postroom.classify.shelf import Shelf
from postroom.config import (
    ClassificationSection,
    Config,
    LlmSection,
    ReadingSection,
    RetentionSection,
    Service,
)
from postroom.decision import Decision, Outcome
from postroom.drift import drift
from postroom.envelope import Address, Envelope
from postroom.failure import PermanentFailure
from postroom.keeping import retention
from postroom.mailfiles import count, is_mailbox, messages_in
from postroom.message import Message
from postroom.order import Order
from postroom.store import messages
from postroom.store.engine import Database
from postroom.verdict import Verdict
from tests.fakes.llm import LlmServer
from tests.fakes.store import a_database


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(
        service=Service(state_dir=tmp_path, run_dir=tmp_path), reading=ReadingSection(workers=0)
    )


def raw(author: str, subject: str, text: str) -> bytes:
    return (
        f"From: {author}\r\nTo: info@company.test\r\nSubject: {subject}\r\n"
        f"Message-ID: <{abs(hash((author, text)))}@x.test>\r\n\r\n{text}\r\n"
    ).encode()


ONE = raw("Anna <anna@kunde.test>", "Pump", "The pump leaks.\r\n\r\n>From Monday on it hums.")
TWO = raw("bob@other.test", "CV", "I apply for the job.")


def mbox(path: Path, *mails: bytes) -> Path:
    lines = b"".join(
        b"From x Thu Jan  1 00:00:00 2026\n" + mail.replace(b"\r\n", b"\n") + b"\n"
        for mail in mails
    )
    path.write_bytes(lines)
    return path


def test_an_mbox_gives_its_messages_as_they_were(tmp_path: Path) -> None:
    path = mbox(tmp_path / "box", ONE, TWO)
    assert is_mailbox(path) and count(path) == 2
    (first, one), (second, two) = messages_in(path)
    assert (first, second) == (f"{path}#1", f"{path}#2")
    assert one == ONE.replace(b"\r\n", b"\n").replace(b">From", b"From")
    assert two == TWO.replace(b"\r\n", b"\n")


def test_a_maildir_gives_cur_new_and_subfolders(tmp_path: Path) -> None:
    for name, mail in (("cur/1:2,S", ONE), ("new/2", TWO), (".Sent/cur/3", ONE), ("tmp/4", TWO)):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(mail)
    assert [content for _, content in messages_in(tmp_path)] == [ONE, TWO, ONE]
    assert count(tmp_path) == 3


def test_a_single_message_is_no_mailbox(tmp_path: Path) -> None:
    path = tmp_path / "a.eml"
    path.write_bytes(ONE)
    assert not is_mailbox(path) and not is_mailbox(Path("-"))
    assert list(messages_in(path)) == [(str(path), ONE)]
    assert list(messages_in(tmp_path)) == [(str(path), ONE)]
    empty = mbox(tmp_path / "empty")
    assert not is_mailbox(empty)


def test_examples_come_from_mailboxes_by_category(tmp_path: Path, config: Config) -> None:
    found = learning.examples_in(f"support={mbox(tmp_path / 'box', ONE, TWO)}", config)
    assert [(e.label, e.source, e.message.subject) for e in found] == [
        ("support", "site", "Pump"),
        ("support", "site", "CV"),
    ]
    for source in (f"hr={tmp_path / 'none'}", f"hr={tmp_path / 'empty'}"):
        (tmp_path / "empty").mkdir(exist_ok=True)
        with pytest.raises(PermanentFailure, match="unreadable-source"):
            learning.examples_in(source, config)


def store(config: Config, category: str, *, person: bool, proposed: str, number: int) -> None:
    """A message that was in review: corrected or approved by a person, or still waiting."""
    database = Database(config.store_url)
    classification = Classification(
        category=category,
        confidence=0.6,
        source="person" if person else "model",
        scores={proposed: 0.6, "other": 0.4},
    )
    new = messages.NewMessage(
        digest=f"{number:064}",
        received_at=datetime(2026, 1, 2, tzinfo=UTC),
        raw=raw(f"a{number}@kunde.test", "x", f"mail number {number}"),
        envelope=Envelope(),
        verdict=Verdict(),
        classification=classification,
        order=Order(),
        decision=Decision(outcome=Outcome.REVIEW, category=category, folder="INBOX"),
    )
    with database.transaction() as connection:
        messages.take(connection, new, ["info@company.test"], who="lmtp")
    database.close()


def test_what_people_decided_is_learnt_and_counted(tmp_path: Path, config: Config) -> None:
    database = a_database(tmp_path)
    store(config, "hr", person=True, proposed="sales", number=1)
    store(config, "sales", person=True, proposed="sales", number=2)
    store(config, "spam", person=False, proposed="spam", number=3)
    found = learning.examples_decided(config, database)
    assert [(e.id, e.label) for e in found] == [("m1", "hr"), ("m2", "sales")]
    told = drift(config, database)
    assert (told["messages"], told["reviewed"], told["agreement"]) == (3, 2, 0.5)
    assert told["by_category"]["hr"] == {"reviewed": 1, "agreed": 0}
    assert told["said"] == {"sales": 0.6667, "spam": 0.3333}
    assert (told["sure"], told["candidate"]) == (0.0, None)
    json.dumps(told)
    database.close()


def test_what_retention_has_emptied_is_neither_learnt_nor_counted(
    tmp_path: Path, config: Config
) -> None:
    database = a_database(tmp_path)
    store(config, "hr", person=True, proposed="hr", number=1)
    now, approved = datetime(2026, 6, 1, tzinfo=UTC), messages.ReviewState.APPROVED
    with database.transaction() as connection:
        messages.decide_review(connection, 1, approved, who="maria", now=now)
    kept = config.model_copy(update={"retention": RetentionSection(mail=30)})
    assert retention.purge(kept, database, now).emptied == 1
    store(config, "sales", person=True, proposed="sales", number=2)
    assert [e.id for e in learning.examples_decided(config, database)] == ["m2"]
    told = drift(config, database)
    assert (told["messages"], told["reviewed"], told["agreement"]) == (1, 1, 1.0)
    assert (told["said"], told["by_category"]) == (
        {"sales": 1.0},
        {"sales": {"reviewed": 1, "agreed": 1}},
    )
    database.close()


def test_drift_of_an_empty_store(tmp_path: Path, config: Config) -> None:
    told = drift(config, a_database(tmp_path))
    assert (told["messages"], told["agreement"], told["distance"]) == (0, None, None)


SHIPPED_CORPUS = examples.SHIPPED


def own(mails: int) -> list[Example]:
    """Mail of a site, one sender each."""
    found = read_path(SHIPPED_CORPUS / "en-a.jsonl")[:mails]
    return [e for e in found if e.message.author is not None]


def test_a_group_is_held_out_by_its_sender_alone() -> None:
    mails = own(200)
    held_out = learning.is_held_out(mails)
    assert 0.05 < sum(held_out) / len(mails) < 0.45
    assert learning.is_held_out(mails[:100]) == held_out[:100]


def example(author: str, subject: str, text: str) -> Example:
    local, _, domain = author.partition("@")
    address = Address(local=local, domain=domain)
    message = Message(raw=b"", author=address, subject=subject, text=text, new_text=text)
    return Example(
        id=text, message=message, label="hr", language="en", is_certain=True, source="site"
    )


def sides(mails: list[Example], known: dict[str, bool]) -> dict[str, bool]:
    return known | dict(
        zip(map(learning._digest, mails), learning.is_held_out(mails, known), strict=True)
    )


def test_whoever_is_held_out_stays_so_when_threads_join_groups_and_domains_grow() -> None:
    mails = [example(f"a{n}@d{n % 40}.test", f"mail {n}", f"text {n}") for n in range(80)]
    before = learning.is_held_out(mails)
    assert 0 < sum(before) < len(mails)
    known = sides(mails, {})
    long = "the same opening of a text that joins many a group of senders"
    later = [example(f"a{n}@d{n % 40}.test", f"later {n}", long) for n in range(40)]
    later += [example(f"b{n}@d1.test", f"more {n}", f"more {n}") for n in range(60)]
    assert learning.is_held_out([*later, *mails], known)[len(later) :] == before
    assert sides([*later, *mails], known).items() >= known.items()


def test_a_new_sender_takes_the_side_of_its_group() -> None:
    for n in range(20):
        known = sides([example(f"anna@d{n}.test", "x", "one")], {})
        both = [example(f"anna@d{n}.test", "x", "one"), example(f"AA@d{n}.test", "y", "two")]
        assert set(learning.is_held_out(both, known)) == set(known.values())


def test_a_subject_that_everybody_writes_joins_nobody() -> None:
    mails = [
        example(f"info@d{n}.test", f"Re: Bestellung {n}", f"text number {n}") for n in range(300)
    ]
    assert len(set(examples.groups(mails, by_domain=True))) == 300
    assert 0.1 < sum(learning.is_held_out(mails)) / 300 < 0.3


@pytest.mark.slow
def test_from_training_to_promotion_and_back(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    lines = (SHIPPED_CORPUS / "en-b.jsonl").read_text(encoding="utf-8").split("\n")[:150]
    (corpus / "en-b.jsonl").write_text("\n".join(lines), encoding="utf-8")
    monkeypatch.setattr(learning, "CORPUS", corpus)  # the whole corpus takes half an hour
    shelf = Shelf(folder=config.models_dir)
    made = learning.train_candidate(config, own(220), seed=1)
    assert sum(not is_out for is_out in shelf.sides().values()) <= made.own
    assert learning.is_held_out(own(220), shelf.sides()) == learning.is_held_out(own(220))
    assert shelf.candidate == made.out and shelf.live is None
    assert made.out.with_suffix(".md").is_file()
    assert made.trained_on == 150 + made.own < 150 + 220
    assert made.comparison.candidate == made.name
    # So little data is no match for the shipped model, which has seen these mails, too.
    with pytest.raises(learning.NotBetter) as caught:
        learning.promote(config, "maria", force=False)
    assert "--force" in str(caught.value.cause)
    change = learning.promote(config, "maria", force=True)
    assert (change.who, change.forced, bool(change.why)) == ("maria", True, True)
    assert learning.live_path(config) == made.out
    shelf.rollback("maria", datetime.now(UTC))
    assert learning.live_path(config) == SHIPPED


def candidate(config: Config, live: str, *objections: str) -> Shelf:
    shelf = Shelf(folder=config.models_dir)
    path = shelf.place("candidate-x")
    path.write_bytes(SHIPPED.read_bytes())
    comparison = Comparison(
        live=live, candidate="candidate-x", differences=(), objections=objections
    )
    path.with_suffix(".json").write_text(json.dumps(asdict(comparison)), encoding="utf-8")
    shelf.put_candidate(path)
    return shelf


def test_a_candidate_that_is_not_worse_is_promoted(config: Config) -> None:
    shelf = candidate(config, Model(SHIPPED, concepts.load()).facts.name)
    change = learning.promote(config, "maria", force=False)
    assert (change.forced, change.why) == (False, "")
    assert shelf.live is not None and shelf.live.stem == "candidate-x"


def test_a_comparison_with_another_live_model_does_not_count(config: Config) -> None:
    candidate(config, "linear-of-last-year")
    with pytest.raises(learning.NotBetter) as caught:
        learning.promote(config, "maria", force=False)
    assert "linear-of-last-year" in str(caught.value.cause)


def test_a_comparison_that_is_gone_does_not_count(config: Config) -> None:
    shelf = candidate(config, "x")
    (shelf.folder / "candidate-x.json").write_text("{", encoding="utf-8")
    with pytest.raises(learning.NotBetter):
        learning.promote(config, "maria", force=False)
    with pytest.raises(PermanentFailure, match="no-candidate"):
        learning.promote(Config(service=Service(state_dir=Path("/nowhere"))), "x", force=False)


@pytest.mark.slow
def test_the_language_model_is_measured_on_unsure_mail_only(config: Config) -> None:
    known = concepts.load()
    mails = own(60)
    with LlmServer(lambda _: "other") as server:
        section = LlmSection(model="m", base_url=server.url)
        settings = config.model_copy(
            update={"llm": section, "classification": ClassificationSection(threshold=0.95)}
        )
        judged = evaluate(mails, "en-a", Model(SHIPPED, known), known, 0.95)
        measured = learning.measure_llm(settings, judged)
    unsure = sum(row.max() < 0.95 for row in judged.probabilities)
    assert len(server.asked) <= unsure < 60
    assert set(measured["asked"]) <= {"other"} and measured["model"] == "m"
    assert json.loads((config.models_dir / "llm.json").read_text()) == measured
    with pytest.raises(PermanentFailure, match="llm-off"):
        learning.measure_llm(config, judged)
