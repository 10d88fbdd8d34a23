"""Rules: what they ask, what they do, and how a fault in a file is told."""

import time
from dataclasses import replace
from pathlib import Path

import pytest

from postroom.classify.conditions import PatternError, PatternSet
from postroom.classify.rulebook import Rulebook, RuleError
from postroom.classify.rulefile import load_folders, load_rules
from postroom.config import ClassificationSection
from postroom.envelope import Address, Envelope
from postroom.message import Attachment, Automatic, AutomaticKind, Message
from postroom.verdict import DmarcPolicy, DmarcResult, Result, Verdict

ANNA = Address(local="anna", domain="kunde.example", name="Anna Groß")
MESSAGE = Message(
    raw=b"x" * 5_000,
    headers=(
        ("X-Spam-Flag", "YES"),
        ("Received", "one"),
        ("Received", "two"),
        ("List-Id", "News of the post <news.post.example>"),
    ),
    author=ANNA,
    authors=(ANNA,),
    to=(Address(local="info", domain="firma.example"),),
    subject="Заявка на счёт",
    new_text="Прошу выставить СЧЁТ\nна бумагу",
    text="Прошу выставить СЧЁТ\nна бумагу\n> старый прайс",
    language="ru",
    attachments=(
        Attachment(filename="PO-77.pdf", type="application/pdf", size=1, sha256=""),
        Attachment(filename="логотип.png", type="image/png", size=1, sha256="", inline=True),
    ),
    automatic=Automatic(kind=AutomaticKind.SYSTEM, why="noreply"),
)
PROVEN = Verdict(
    author="anna@kunde.example",
    dmarc=DmarcResult(result=Result.PASS, domain="kunde.example", policy=DmarcPolicy.REJECT),
)
ENVELOPE = Envelope(sender="bounce@post.example", recipients=("orders@firma.example",))


def book(tmp_path: Path, text: str) -> Rulebook:
    (tmp_path / "rules.yaml").write_text(text, encoding="utf-8")
    return load_folders(None, tmp_path)


def rule(condition: str) -> str:
    return f"rules:\n  - name: a\n    when: {condition}\n    then: {{review: true}}"


def matches(tmp_path: Path, condition: str) -> bool:
    text = f"rules:\n  - name: r\n    when: {condition}\n    then: {{labels: [x]}}\n"
    return bool(book(tmp_path, text).apply(MESSAGE, PROVEN, ENVELOPE).matched)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("{author: {equals: ANNA@kunde.example}}", True),
        ("{author: {equals: nna@kunde.example}}", False),
        ("{author_domain: {in: [a.example, kunde.example]}}", True),
        ("{author_name: {contains: groß}}", True),
        ("{sender: {starts: bounce@}}", True),
        ("{sender_domain: {equals: post.example}}", True),
        ("{recipient: {equals: orders@firma.example}}", True),
        ("{recipient: {equals: info@firma.example}}", True),
        ("{authenticated: true}", True),
        ("{authenticated: no}", False),
        ("{local: false}", True),
        ("{dmarc: {equals: pass}}", True),
        ("{spf: {in: [none, neutral]}}", True),
        ("{subject: {words: [счет]}}", True),
        ("{subject: {words: [сче]}}", False),
        ("{subject: {words: ['заяв*']}}", True),
        ("{subject: {ends: счет}}", True),
        ("{new_text: {words: ['выстав* счет']}}", True),
        ("{new_text: {contains: прайс}}", False),
        ("{text: {contains: прайс}}", True),
        ("{text: {contains: заявка}}", True),
        ("{new_text: {matches: '^прошу\\s+\\pL+\\s+счёт'}}", True),
        ("{new_text: {contains: '.*'}}", False),
        ("{new_text: {words: [на]}}", True),
        ("{subject: {words: ['заявка н*']}}", True),
        ("{subject: {words: ['заявка* счет']}}", False),
        ("{subject: {starts: 'заявка на сче'}}", True),
        ("{subject: {equals: 'заявка на'}}", False),
        ("{header: {name: x-spam-flag, equals: 'yes'}}", True),
        ("{header: {name: received, equals: two}}", True),
        ("{header: {name: x-spam-flag, present: true}}", True),
        ("{header: {name: x-other, present: true}}", False),
        ("{header: {name: x-other, present: false}}", True),
        ("{header: {name: received, starts: tw, ends: o}}", True),
        ("{header: {name: received, starts: tw, ends: x}}", False),
        ("{attachment_name: {matches: '^po-[0-9]+'}}", True),
        ("{attachment_type: {equals: application/pdf}}", True),
        ("{language: {in: [ru, de]}}", True),
        ("{automatic: {equals: system}}", True),
        ("{size: {above: 4_999, below: 5_001}}", True),
        ("{size: {above: 5000}}", False),
        ("{attachments: {equals: 1}}", True),
        ("{not: {language: {equals: ru}}}", False),
        ("{any: [{language: {equals: de}}, {subject: {contains: заявка}}]}", True),
        ("{all: [{language: {equals: ru}}, {subject: {contains: nothing}}]}", False),
        ("{mailing_list: {equals: news.post.example}}", True),
        ("{mailing_list: {equals: post.example}}", False),
        ("{language: {equals: ru}, size: {below: 10}}", False),
        ("[{language: {equals: ru}}, {not: {any: [{size: {below: 10}}]}}]", True),
    ],
)
def test_condition(tmp_path: Path, condition: str, expected: bool) -> None:
    assert matches(tmp_path, condition) is expected


def test_a_doubtful_machine_is_none_of_the_kinds(tmp_path: Path) -> None:
    doubtful = Automatic(kind=AutomaticKind.AUTO_REPLY, why="a phrase", doubtful=True)
    message = replace(MESSAGE, automatic=doubtful)
    for value, expected in (("auto-reply", False), ("human", False), ("doubtful", True)):
        rules = book(tmp_path, rule(f"{{automatic: {{equals: {value}}}}}"))
        assert bool(rules.apply(message).matched) is expected


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("{author: {listed: customers}}", True),  # by domain
        ("{sender: {listed: customers}}", False),
        ("{recipient: {listed: ours}}", True),  # by address, whatever its case
        ("{author_domain: {listed: customers, starts: kunde}}", True),
        ("{author_domain: {listed: customers, starts: lieferant}}", False),
        ("{subject: {listed: ours}}", False),
    ],
)
def test_a_list_beside_the_rules_is_looked_into(
    tmp_path: Path, condition: str, expected: bool
) -> None:
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "customers.txt").write_text("# ours\nother.example\nKUNDE.example # A\n")
    (tmp_path / "lists" / "ours.txt").write_text("Orders@firma.example\n")
    assert matches(tmp_path, condition) is expected


SETS = """
examples:
  returns:
    - Мы возвращаем вам пустую тару, заберите поддоны и мешки с нашего склада
    - please collect the empty pallets and bags at our gate
rules:
  - {name: back, when: {similar: {to: returns, above: 0.5}}, then: {labels: [returns]}}
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Добрый день! Возвращаем пустую тару: заберите поддоны и мешки с нашего склада.", True),
        ("Could you please collect the empty pallets and bags at our gate tomorrow?", True),
        ("Высылаем счёт на оплату аренды за май, просим оплатить до конца недели.", False),
        ("The printer on the second floor does not print any more.", False),
        ("", False),
    ],
)
def test_a_message_like_an_example_is_found(tmp_path: Path, text: str, expected: bool) -> None:
    message = Message(raw=b"", new_text=text, text=text, language="ru")
    assert bool(book(tmp_path, SETS).apply(message).matched) is expected


def test_without_verdict_nothing_is_authenticated(tmp_path: Path) -> None:
    rules = book(
        tmp_path, "rules: [{name: a, when: {authenticated: true}, then: {priority: high}}]"
    )
    assert not rules.apply(MESSAGE).matched


def test_first_rule_gives_the_category_and_all_give_the_rest(tmp_path: Path) -> None:
    findings = book(
        tmp_path,
        """
rules:
  - {name: one, when: {language: {equals: ru}}, then: {labels: [a], priority: high}}
  - {name: two, because: "says счёт", when: {subject: {contains: счет}},
     then: {category: invoice, confidence: 0.9, labels: [b, a]}}
  - {name: three, when: {language: {equals: ru}},
     then: {category: sales, review: true, block_actions: true, folder: Box, template: t}}
  - {name: four, when: {language: {equals: de}}, then: {category: hr}}
""",
    ).apply(MESSAGE)
    assert (findings.category, findings.confidence) == ("invoice", 0.9)
    assert findings.labels == ("a", "b")
    assert (findings.priority, findings.review, findings.blocked) == ("high", True, True)
    assert (findings.folder, findings.template) == ("Box", "t")
    assert findings.matched == ("one", "two", "three")
    assert findings.reasons[1] == "rule two: says счёт -> invoice (0.90), label b, label a"
    assert all(
        f"rule {name}" in reason
        for name, reason in zip(findings.matched, findings.reasons, strict=True)
    )


def test_a_sites_rule_comes_first_and_replaces_the_shipped_one_of_its_name(tmp_path: Path) -> None:
    shipped, site = tmp_path / "shipped", tmp_path / "site"
    shipped.mkdir()
    site.mkdir()
    (shipped / "a.yaml").write_text(
        "rules:\n"
        "  - {name: a, when: {language: {equals: ru}}, then: {category: hr}}\n"
        "  - {name: b, when: {language: {equals: ru}}, then: {labels: [b]}}\n"
        "  - {name: c, when: {language: {equals: ru}}, then: {labels: [c]}}\n"
    )
    (site / "z.yaml").write_text(
        "rules:\n"
        "  - {name: mine, when: {language: {equals: ru}}, then: {category: sales}}\n"
        "  - {name: b, enabled: false}\n"
    )
    findings = load_folders(shipped, site).apply(MESSAGE)
    assert findings.matched == ("mine", "a", "c")
    assert findings.category == "sales"


@pytest.mark.parametrize(
    ("text", "line", "mend"),
    [
        ("rules:\n  - name: [", 2, "is no YAML"),
        ("\x00", 1, "is no YAML"),
        ("- a", 1, "write a mapping here"),
        ("rule: []", 1, "'rule' is no key; one of rules"),
        ("rules: 5", 1, "write a list here"),
        ("rules:\n  - when: {local: true}", 2, "a rule needs a name"),
        ("rules:\n  - name: a\n    when: {local: true}", 2, "needs `when` and `then`"),
        ("rules:\n  - name: a\n    wen: {}", 3, "'wen' is no key"),
        ("rules:\n  - name: a\n    when: {}\n    then: {review: true}", 3, "every message"),
        (
            "rules:\n  - name: a\n    when:\n      subjekt: {in: x}\n    then: {review: true}",
            4,
            "'subjekt' is no condition",
        ),
        (
            "rules:\n  - name: a\n    when:\n      subject: {has: x}\n    then: {review: true}",
            4,
            "'has' is no operator",
        ),
        (
            "rules:\n  - name: a\n    when:\n      subject:\n        matches: '(?<=a)b'\n"
            "    then: {review: true}",
            5,
            "no regular expression of RE2",
        ),
        (
            "rules:\n  - name: a\n    when: {subject: {in: []}}\n    then: {review: true}",
            3,
            "is empty",
        ),
        ("rules:\n  - name: a\n    when: {subject: {in: [[x]]}}\n    then: {}", 3, "write a text"),
        ("rules:\n  - name: a\n    when: {any: []}\n    then: {review: true}", 3, "`any` is empty"),
        ("rules:\n  - name: a\n    when: {size: {above: x}}\n    then: {}", 3, "is no number"),
        (
            "rules:\n  - name: a\n    when: {local: maybe}\n    then: {}",
            3,
            "neither true nor false",
        ),
        (
            "rules:\n  - name: a\n    when: {header: {equals: x}}\n    then: {}",
            3,
            "needs the",
        ),
        ("rules:\n  - name: a\n    when: {local: true}\n    then: {}", 4, "`then` is empty"),
        (
            "rules:\n  - name: a\n    when: {local: true}\n    then:\n      category: hr\n"
            "      confidence: 95",
            6,
            "write 0 to 1",
        ),
        (
            "rules:\n  - name: a\n    when: {local: true}\n    then: {confidence: 0.5}",
            4,
            "belongs to a category",
        ),
        (
            "rules:\n  - name: a\n    when: {local: true}\n    then: {category: purchase_ordr}",
            4,
            "'purchase_ordr' is no category; write purchase_order, or add [categories.",
        ),
        (rule(r'{author: {listed: "a\0"}}'), 3, r"'a\x00' is no list's name"),
        (rule(r'{subject: {matches: "\ud800"}}'), 3, r"'\ud800' holds half a character"),
        (rule(r'{subject: {in: "\UFFFFFFFF"}}'), 3, "an escape names no character"),
        (rule(r'{subject: {in: "\U00110000"}}'), 3, "an escape names no character"),
        (f"# {'x' * 1_000_000}", 1, "is larger than 1 MB; split it"),
        (
            "rules:\n  - name: a\n    when: {local: true}\n    then: {priority: top}",
            4,
            "is no priority",
        ),
        (
            "rules:\n  - name: a\n    when: &x {all: [*x]}\n    then: {review: true}",
            3,
            "nested over",
        ),
        (
            rule("{author: {listed: nobody}}"),
            3,
            "nobody.txt cannot be read as text; make it",
        ),
        (
            rule("{author: {listed: ../../x}}"),
            3,
            "is no list's name",
        ),
        (
            rule("{similar: {to: x, above: 0.5}}"),
            3,
            "there are no examples 'x'",
        ),
        (
            rule("{similar: {to: x, above: 2}}"),
            3,
            "is a cosine",
        ),
        (
            rule("{similar: {to: x}}"),
            3,
            "`similar` needs",
        ),
        (rule("[]"), 3, "every message"),
        (rule("{not: []}"), 3, "every message"),
        (rule("{all: [{local: true}, []]}"), 3, "every message"),
        (rule("{language: {equals: german}}"), 3, "'german' is no value of `language`; write ru,"),
        (rule("{automatic: {in: [list, bounced]}}"), 3, "'bounced' is no value of `automatic`; wr"),
        (rule("{dmarc: {equals: passed}}"), 3, "write pass"),
        (rule("{not: {spf: {starts: failed}}}"), 3, "write fail"),
        (rule("{language: {matches: '^[A-Z]{3}$'}}"), 3, "is no value of `language`"),
        ("examples:\n  x: []\nrules: []", 2, "give one to"),
        ("examples: [a]\nrules: []", 1, "write a mapping here"),
        (
            "rules:\n- {name: a, when: {local: true}, then: {review: true}}\n"
            "- {name: a, when: {local: true}, then: {review: true}}",
            3,
            "is also at",
        ),
    ],
)
def test_fault_is_told_with_file_line_and_mend(
    tmp_path: Path, text: str, line: int, mend: str
) -> None:
    with pytest.raises(RuleError) as caught:
        book(tmp_path, text)
    problem = caught.value.problems[0]
    assert problem.startswith(f"{tmp_path / 'rules.yaml'}:{line}:"), problem
    assert mend in problem


def test_all_faults_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("rules:\n  - name: a\n  - when: 5\n")
    (tmp_path / "b.yaml").write_text("rules: 1\n")
    with pytest.raises(RuleError) as caught:
        load_folders(None, tmp_path)
    assert len(caught.value.problems) == 3


def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(RuleError, match="is no folder"):
        load_rules(ClassificationSection(rules_dir=tmp_path / "nowhere"))


def test_a_file_that_is_not_text_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(bytes(range(128, 256)))
    with pytest.raises(RuleError, match=r"a\.yaml:1: is no YAML"):
        load_folders(None, tmp_path)


def test_an_empty_file_has_no_rules(tmp_path: Path) -> None:
    assert book(tmp_path, "# nothing yet\n").rules == ()


@pytest.mark.parametrize("pattern", [r"(a+)+$", r"(a|a)*b", r"(.*)*x", r"(?:a?){30}a{30}"])
def test_no_pattern_can_hang(pattern: str) -> None:
    patterns = PatternSet()
    patterns.add("matches", pattern)
    patterns.close()
    started = time.process_time()
    patterns.match(["a" * 100_000 + "!"])
    assert time.process_time() - started < 1.0


@pytest.mark.parametrize("pattern", [r"(?=x)", r"(a)\1", "(", r"a{9999}"])
def test_what_re2_does_not_take_is_refused(pattern: str) -> None:
    with pytest.raises(PatternError):
        PatternSet().add("matches", pattern)


def test_two_hundred_rules_cost_little(tmp_path: Path) -> None:
    rules = "rules:\n" + "".join(
        f"  - name: r{n}\n    when: {{new_text: {{words: ['прошу{n} выстав*', 'invoice {n}']}},"
        f" subject: {{contains: 'nr {n}'}}}}\n    then: {{labels: [l{n}]}}\n"
        for n in range(200)
    )
    ready = book(tmp_path, rules)
    ready.apply(MESSAGE)
    times = []
    for _ in range(50):
        started = time.thread_time()
        ready.apply(MESSAGE)
        times.append(time.thread_time() - started)
    assert sorted(times)[25] < 0.003  # promised: 1 ms; this machine may be busy


def test_a_rule_may_give_a_category_of_the_configuration(tmp_path: Path) -> None:
    text = "rules: [{name: a, when: {language: {equals: ru}}, then: {category: returns}}]"
    (tmp_path / "rules.yaml").write_text(text)
    findings = load_folders(None, tmp_path, ("returns",)).apply(MESSAGE)
    assert findings.category == "returns"


@pytest.mark.parametrize(
    "text",
    [
        "Beneficiary: Bright Lamps Ltd. Bank account: 8110 7010 1290. Amount: USD 4,300.",
        "Please complete the beneficiary nomination form of the pension fund, strictly private.",
    ],
)
def test_bank_details_and_forms_are_no_strangers_fortune(text: str) -> None:
    message = replace(MESSAGE, subject="", text=text, new_text=text)
    assert load_rules(ClassificationSection()).apply(message, None, None).category == ""


@pytest.mark.parametrize(
    "condition",
    [
        "{language: {in: [RU, fr, other]}}",
        "{automatic: {starts: sys}}",
        "{dmarc: {contains: pass}}",
        "{automatic: {matches: '^(system|bulk)$'}}",
    ],
)
def test_what_a_field_of_few_values_can_be_may_be_asked_in_any_way(
    tmp_path: Path, condition: str
) -> None:
    assert matches(tmp_path, condition)


def test_a_rule_may_give_a_template_that_there_is_and_no_other(tmp_path: Path) -> None:
    known = ["order-confirmation"]
    file = tmp_path / "rules.yaml"
    text = "rules: [{name: a, when: {local: false}, then: {template: %s}}]"
    file.write_text(text % "order-confirmation")
    assert load_folders(None, tmp_path, templates=lambda: known).rules
    file.write_text(text % "order-confirmaton")
    with pytest.raises(RuleError, match="no template; write order-confirmation, or put order-"):
        load_folders(None, tmp_path, templates=lambda: known)
    known.append("order-confirmaton")  # its file has come meanwhile
    assert load_folders(None, tmp_path, templates=lambda: known).rules


def test_shipped_rules_load() -> None:
    assert len(load_rules(ClassificationSection()).rules) >= 8
