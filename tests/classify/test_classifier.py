"""Rules and model together, with the shipped ones and with broken ones."""

import json
import random
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from postroom.classification import CATEGORIES
from postroom.classify import classifier, concepts, encoder, features
from postroom.classify.classifier import Classifier, combine
from postroom.classify.encoder import Encoder
from postroom.classify.rulebook import Findings, Rulebook, RuleError
from postroom.classify.scorer import SHIPPED, Model, ModelError
from postroom.classify.shelf import Shelf
from postroom.config import ClassificationSection
from postroom.envelope import Address
from postroom.message import Attachment, Automatic, AutomaticKind, Message

SHIPPED_CLASSIFIER = Classifier(ClassificationSection())


def mail(text: str, subject: str = "", language: str = "ru", *files: str) -> Message:
    return Message(
        raw=b"",
        author=Address(local="info", domain="kunde.example"),
        subject=subject,
        text=text,
        new_text=text,
        language=language,
        attachments=tuple(
            Attachment(filename=name, type="application/pdf", size=1, sha256="") for name in files
        ),
    )


PLAIN = [
    (
        "purchase_order",
        mail(
            "Добрый день! Просим выставить счёт и отгрузить: болт М8х30 - 200 шт, гайка М10 - 150 "
            "шт, шайба - 300 шт. Доставка на наш склад, оплата по договору.",
            "Заказ № 418",
        ),
    ),
    (
        "purchase_order",
        mail(
            "Please supply against our purchase order 2217: 200 pcs hex bolt M8, 12 boxes screws. "
            "Deliver to our depot by Friday and confirm the order.",
            "Purchase order 2217",
            "en",
        ),
    ),
    (
        "invoice",
        mail(
            "Sehr geehrte Damen und Herren, anbei erhalten Sie unsere Rechnung 4711 über 1.284,50 "
            "EUR. Bitte überweisen Sie den Betrag bis zum 30.11. auf unser Konto.",
            "Rechnung 4711",
            "de",
            "Rechnung_4711.pdf",
        ),
    ),
    (
        "hr",
        mail(
            "Здравствуйте! Откликаюсь на вашу вакансию кладовщика. Резюме во вложении, опыт 5 лет, "
            "готов приехать на собеседование.",
            "Отклик на вакансию",
            "ru",
            "Резюме.pdf",
        ),
    ),
    (
        "spam",
        mail(
            "CHEAP viagra and cialis, no prescription! Lowest price pills, 100% satisfaction, "
            "click here now: http://pills.example/x",
            "FREE pills",
            "en",
        ),
    ),
]


@pytest.mark.parametrize(("category", "message"), PLAIN)
def test_a_plain_case_is_told(category: str, message: Message) -> None:
    given = SHIPPED_CLASSIFIER.classify(message)
    assert given.category == category
    assert given.model == SHIPPED_CLASSIFIER.model_name != ""
    assert sum(given.scores.values()) == pytest.approx(1.0, abs=0.01)
    assert given.review is (given.confidence < 0.85)
    assert any(reason.startswith("model: ") for reason in given.reasons)


def test_reasons_name_the_words() -> None:
    reasons = SHIPPED_CLASSIFIER.classify(PLAIN[2][1]).reasons
    assert any("rechnung" in reason and "(+" in reason for reason in reasons)


@pytest.mark.parametrize(
    "message",
    [
        Message(raw=b""),
        mail("...", ""),
        mail("zzgrbl qwxv frtplk mnbvq hjklw " * 20, "vbnmq", "other"),
        mail("ご注文の件でご連絡いたします。よろしくお願いいたします。" * 5, "件名", "other"),
        mail("\x00\x01\x02\ufffd" * 5_000, "\x00", "other"),
        mail(random.Random(7).randbytes(20_000).decode("cp1252", "replace"), "", "other"),
        mail(random.Random(8).randbytes(20_000).decode("latin-1"), "", "other"),
        mail("!!! ??? ... --- ***", "...", "other"),
        mail("??? ??????? ?????? ?? 20 ?????", "", "other"),
        mail("??????, ????? ???????? ???? M8x30 - 200 ??, ????? M10 - 150 ??", "?????", "other"),
        mail("Η παραγγελία σας είναι έτοιμη για παραλαβή από το κατάστημα μας", "", "other"),
    ],
)
def test_what_the_model_does_not_know_goes_to_a_person(message: Message) -> None:
    given = SHIPPED_CLASSIFIER.classify(message)
    assert given.review
    assert given.confidence < 0.85


@pytest.mark.parametrize("kind", [k for k in AutomaticKind if k is not AutomaticKind.HUMAN])
@pytest.mark.parametrize(("category", "message"), PLAIN[:4])
def test_a_machine_is_never_sure_of_business(
    category: str, message: Message, kind: AutomaticKind
) -> None:
    made = replace(message, automatic=Automatic(kind=kind, why="a header"))
    given = SHIPPED_CLASSIFIER.classify(made)
    assert given.category in ("other", "spam") or given.confidence < 0.85
    doubtful = replace(made, automatic=replace(made.automatic, doubtful=True))
    seen = SHIPPED_CLASSIFIER.classify(doubtful)
    assert seen.category == category and seen.confidence < 0.85  # it may be a person's after all


RULE = Findings(category="invoice", confidence=0.95)


@pytest.mark.parametrize(
    ("findings", "probabilities", "category", "confidence", "source", "forced"),
    [
        (Findings(), {"hr": 0.9, "spam": 0.1}, "hr", 0.9, "model", False),
        (RULE, {"invoice": 0.6, "hr": 0.4}, "invoice", 0.95, "rule", False),
        (RULE, {"invoice": 0.99, "hr": 0.01}, "invoice", 0.99, "rule", False),
        (RULE, {"hr": 0.49, "invoice": 0.3}, "invoice", 0.95, "rule", False),
        (RULE, {"hr": 0.49, "invoice": 0.09}, "invoice", 0.95 * 0.755, "rule", True),
        (replace(RULE, category="own"), {"hr": 0.49, "spam": 0.3}, "own", 0.95, "rule", False),
        (
            replace(RULE, confidence=0.99),
            {"hr": 0.49, "invoice": 0.0},
            "invoice",
            0.99,
            "rule",
            False,
        ),
        (RULE, {"hr": 0.9, "invoice": 0.1}, "invoice", 0.5225, "rule", True),
        (replace(RULE, confidence=0.99), {"hr": 1.0}, "invoice", 0.99, "rule", False),
        (RULE, {}, "invoice", 0.95, "rule", True),
        (Findings(), {}, "other", 0.0, "rule", True),
    ],
)
def test_rules_and_model_are_combined_by_a_table(
    findings: Findings,
    probabilities: dict[str, float],
    category: str,
    confidence: float,
    source: str,
    forced: bool,
) -> None:
    answer = combine(findings, probabilities)
    assert (answer.category, answer.source, answer.forced) == (category, source, forced)
    assert answer.confidence == pytest.approx(confidence)


@pytest.mark.slow
def test_a_sites_rules_change_the_answer_and_reload_keeps_the_old_ones_on_a_fault(
    tmp_path: Path,
) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(
        "rules:\n  - name: vip\n    when: {subject: {contains: vip}}\n"
        "    then: {category: returns, confidence: 1.0, labels: [vip], priority: high,\n"
        "           block_actions: true, folder: VIP, template: own}\n"
    )
    section = ClassificationSection(rules_dir=tmp_path)
    classifier = Classifier(section, categories=(*CATEGORIES, "returns"))
    given = classifier.classify(mail("text", "VIP"))
    assert (given.category, given.confidence, given.source) == ("returns", 1.0, "rule")
    assert (given.labels, given.priority, given.blocked) == (("vip",), "high", True)
    assert (given.folder, given.template, given.review) == ("VIP", "own", False)
    assert given.reasons[0].startswith("rule vip")
    file.write_text("rules: [{name: x}]")
    assert "needs `when` and `then`" in classifier.reload()[0]
    assert classifier.classify(mail("text", "VIP")).category == "returns"
    file.write_text("rules: []")
    assert classifier.reload() == ()
    assert classifier.classify(mail("text", "VIP")).category != "returns"


@pytest.mark.slow
def test_a_mistyped_category_is_refused_at_start_and_on_reload(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    section = ClassificationSection(rules_dir=tmp_path)
    classifier = Classifier(section)
    (tmp_path / "own.yaml").write_text(
        "rules:\n  - {name: a, when: {local: true}, then: {category: purchase_ordr}}\n"
    )
    (problem,) = classifier.reload()
    assert problem.startswith(f"{tmp_path / 'own.yaml'}:2: ") and "write purchase_order" in problem
    assert "degraded" in capsys.readouterr().out
    with pytest.raises(RuleError, match="'purchase_ordr' is no category"):
        Classifier(section)


@pytest.mark.slow
def test_an_unknown_fault_of_the_rules_is_told_and_the_model_is_taken_all_the_same(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    own = Classifier(ClassificationSection())
    before = own.model_name

    def fails(*_: object) -> Rulebook:
        raise UnicodeError("nobody foresaw it")

    monkeypatch.setattr(classifier, "load_rules", fails)
    own._model = None
    assert own.reload() == ("rules: UnicodeError; the log has the traceback",)
    assert own.model_name == before != "" and own.rule_count > 0
    told = capsys.readouterr().out
    assert "bug" in told and "nobody foresaw it" in told


def test_start_up_refuses_faulty_rules(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("rules: 1")
    with pytest.raises(RuleError, match=r"bad\.yaml:1"):
        Classifier(ClassificationSection(rules_dir=tmp_path))


def broken_models(tmp_path: Path) -> dict[str, Path]:
    whole = SHIPPED.read_bytes()
    written = {
        "corrupt": b"not a model",
        "cut": whole[: len(whole) // 2],
        "empty": b"",
        "other-features": whole.replace(b'"features": ', b'"features":-'),
        "other-concepts": whole.replace(b'"concepts": ', b'"concepts":-'),
        "older-format": whole.replace(b'"format": 8', b'"format": 7'),
        "no-facts": whole.replace(b'"format"', b'"formal"'),
    }
    for name, content in written.items():
        (tmp_path / name).write_bytes(content)
    return {name: tmp_path / name for name in (*written, "missing")}


@pytest.mark.slow
@pytest.mark.parametrize(
    "fault",
    [
        "corrupt", "cut", "empty", "other-features", "other-concepts", "older-format", "no-facts",
        "missing",
    ],
)  # fmt: skip
def test_a_broken_model_leaves_the_rules_to_go_alone(
    tmp_path: Path, fault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = broken_models(tmp_path)[fault]
    with pytest.raises(ModelError):
        Model(path, concepts.load())
    classifier = Classifier(ClassificationSection(model_file=path))
    assert "degraded" in capsys.readouterr().out
    assert classifier.model_name == "" and str(path) in classifier.model_fault
    by_rule = classifier.classify(PLAIN[4][1])
    assert (by_rule.category, by_rule.source, by_rule.review) == ("spam", "rule", True)
    assert any("rules went alone" in reason for reason in by_rule.reasons)
    unknown = classifier.classify(PLAIN[0][1])
    assert (unknown.category, unknown.confidence, unknown.forced) == ("other", 0.0, True)


def test_a_fault_of_the_runtime_at_the_second_stage_leaves_the_rules_to_go_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(given: Encoder, pieces: object) -> None:
        raise RuntimeError("out of memory")

    monkeypatch.setattr(Encoder, "contexts", fails)
    classifier = Classifier(ClassificationSection())
    unsure = classifier.classify(mail("zzqx vrrt", language="en"))
    assert (unsure.category, unsure.confidence, unsure.review) == ("other", 0.0, True)
    assert "degraded" in capsys.readouterr().out


def test_the_metric_of_a_part_follows_its_model(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(given: Encoder, pieces: object) -> None:
        raise RuntimeError("out of memory")

    def loaded() -> float | None:
        return REGISTRY.get_sample_value("postroom_model_loaded", {"part": "lmtp"})

    classifier = Classifier(ClassificationSection(), part="lmtp")
    assert loaded() == 1
    monkeypatch.setattr(Encoder, "contexts", fails)
    classifier.classify(mail("zzqx vrrt", language="en"))
    assert loaded() == 0 and "degraded" in capsys.readouterr().out
    assert classifier.reload() == () and loaded() == 1


def test_a_missing_encoder_leaves_the_rules_to_go_alone_and_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing() -> Encoder:
        raise FileNotFoundError

    monkeypatch.setattr(encoder, "load", missing)
    classifier = Classifier(ClassificationSection())
    assert "encoder.npz: cannot be read; reinstall Postroom" in classifier.model_fault
    assert classifier.classify(PLAIN[0][1]).review
    assert "degraded" in capsys.readouterr().out


@pytest.mark.slow
def test_a_model_of_an_older_format_is_refused_with_its_mend(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="was made for format 7, this is 8: train it anew"):
        Model(broken_models(tmp_path)["older-format"], concepts.load())


@pytest.mark.slow
def test_a_model_of_the_site_that_cannot_be_used_gives_way_to_the_shipped_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shelf = Shelf(folder=tmp_path)
    own = shelf.place("own")
    own.write_bytes(b"of an older version")
    shelf.put_candidate(own)
    shelf.promote("maria", datetime.now(UTC), forced=False, why="")
    classifier = Classifier(ClassificationSection(), tmp_path)
    assert classifier.model_name == SHIPPED_CLASSIFIER.model_name
    assert "own.onnx" in classifier.model_fault and "is used instead" in classifier.model_fault
    assert "degraded" in capsys.readouterr().out
    assert classifier.reload() == (classifier.model_fault,)
    shelf.rollback("maria", datetime.now(UTC))
    assert classifier.reload() == () and classifier.model_fault == ""


def test_mail_between_people_is_told() -> None:
    text = (
        "Vince, the revised curves for the July basis swaps are on the drive. Kay would like "
        "comments before the 2 pm with credit; Stinson has the book runners' positions. Thanks, Jim"
    )
    message = mail(text, language="en")
    score = Model(SHIPPED, concepts.load()).score
    desk = score(features.extract(PLAIN[0][1], concepts.load())).signs
    between = score(features.extract(message, concepts.load())).signs
    assert desk.inbox < 0.5 < between.inbox <= 1.0
    assert desk.words > 3 and desk.language == PLAIN[0][1].language
    told = [SHIPPED_CLASSIFIER.classify(one).reasons for one in (PLAIN[0][1], message)]
    assert ["between people" in " ".join(reasons) for reasons in told] == [False, True]


def test_where_the_early_part_is_sure_the_encoder_is_not_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = Model(SHIPPED, concepts.load())

    def never(*_: object) -> dict[str, object]:
        raise AssertionError

    monkeypatch.setattr(model, "_in_context", never)
    scores = model.score(features.extract(PLAIN[0][1], concepts.load()))
    assert max(scores.probabilities.values()) >= model.facts.cascade.enough
    with pytest.raises(ModelError):
        model.score(features.extract(mail("zzqx vrrt", language="en"), concepts.load()))


def test_where_it_is_unsure_the_whole_has_the_word_by_a_calibration_of_its_own() -> None:
    found = features.extract(mail("zzqx vrrt", language="en"), concepts.load())
    model = Model(SHIPPED, concepts.load())
    early, scores = model.early(found), model.score(found)
    cascade = model.facts.cascade
    cooler = replace(cascade.whole, temperature=2.0 * cascade.whole.temperature)
    model.facts = replace(model.facts, cascade=replace(cascade, whole=cooler))
    assert model.early(found).probabilities == early.probabilities
    sums = (early.sums + scores.in_order - early.in_order).tolist()
    said = model.score(found).probabilities
    for calibration, told in ((cascade.whole, scores.probabilities), (cooler, said)):
        expected = calibration.probabilities(sums, model.facts.categories, early.signs)
        assert [told[name] for name in model.facts.categories] == pytest.approx(expected, abs=1e-5)
    assert max(said.values()) < max(scores.probabilities.values())


def test_the_shipped_model_says_what_it_is() -> None:
    facts = Model(SHIPPED, concepts.load()).facts
    assert facts.name.startswith("mixed-")
    assert set(facts.categories) == {
        "invoice", "purchase_order", "support", "sales", "hr", "spam", "other",
    }  # fmt: skip
    assert facts.training["mails"] > 4_000
    card = (SHIPPED.parent / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert card.startswith(f"# Model card: {facts.name}\n")
    json.dumps(facts.training)


@pytest.mark.slow
def test_features_and_model_agree_on_their_size() -> None:
    found = features.extract(PLAIN[0][1], concepts.load())
    scores = Model(SHIPPED, concepts.load()).score(found)
    assert scores.contributions.shape == (len(found.ids), 7)
    assert 0.5 < scores.signs.familiarity <= 1.0


def test_what_orders_is_told_without_a_word_for_it_and_whatever_rules_say() -> None:
    goods = "Malt pale 25 kg - 22 sacks\nMunich 25 kg - 4 sacks\nFlaked oats 20 kg - 2 sacks"
    listed = mail(f"Hi Tom,\n\nhere is the list for Tuesday:\n\n{goods}\n\nCheers\nMarcy", "", "en")
    assert SHIPPED_CLASSIFIER.orders(listed)
    assert not SHIPPED_CLASSIFIER.orders(PLAIN[2][1])
    assert not SHIPPED_CLASSIFIER.orders(mail("Just to let you know that we moved.", "", "en"))
