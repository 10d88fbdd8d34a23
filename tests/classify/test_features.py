"""Features: the same everywhere, linear, and not to be hurt by what a message holds."""

import random
import time
from pathlib import Path

import numpy as np
import pytest

from postroom.classify import concepts, features
from postroom.classify.text import fold
from postroom.envelope import Address
from postroom.message import Attachment, Automatic, AutomaticKind, Message
from tests.fakes.other_process import said

VOCABULARY = concepts.load()
ORDER = Message(
    raw=b"",
    author=Address(local="snab", domain="stroy.example", name="Отдел снабжения"),
    subject="Re: заявка",
    new_text="Добрый день! Выставите счёт: болт М8х30 - 200 шт, гайка - 150 шт, 12,50 руб.",
    quoted_text="Прайс во вложении",
    language="ru",
    attachments=(Attachment(filename="Заявка.xlsx", type="text/csv", size=1, sha256=""),),
)


def tokens(*texts: str) -> list[str]:
    folded = fold(*texts)
    return [folded.slice(a, b) for a, b in zip(folded.starts, folded.ends, strict=True)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" \t\r\n ", []),
        ("Ёлка ЁЖ", ["елка", "еж"]),
        ("Größe café Straße", ["große", "cafe", "straße"]),
        ("мой", ["мой"]),
        ("4500118827 7 42", ["0000", "0", "00"]),
        ("1 284,50 €", ["0", "000", "00", "€"]),
        ("ex\u00adam\u200bple", ["example"]),
        ("a@b.example", ["a", "@", "b", "example"]),
        ("\U0001f600hi\U0001f600", ["\uffff", "hi", "\uffff"]),
        ("\ud800x", ["x"]),
        ("注文書です", ["注文書です"]),
    ],
)
def test_text_is_folded_to_tokens(text: str, expected: list[str]) -> None:
    assert tokens(text) == expected


@pytest.mark.parametrize(
    ("char", "expected"),
    [("㐀", "㐀"), ("䷿", " "), ("一", "一"), ("鿿", "鿿"), ("ꀀ", "ꀀ"), ("가", "가"),
     ("힣", "힣"), ("\ue000", " "), ("\uf8ff", " "), ("豈", "豈"), ("\ud800", ""), ("\udfff", "")],
)  # fmt: skip
def test_a_character_of_any_script_stays_itself_or_parts_words(char: str, expected: str) -> None:
    assert " ".join(tokens(f"a{char}b")) == f"a{expected}b"


def test_texts_are_kept_apart_even_by_hostile_separators() -> None:
    folded = fold("one \x01 two", "", "three")
    assert tokens("one \x01 two", "", "three") == ["one", "two", "three"]
    assert folded.part.tolist() == [0, 0, 2]
    assert int(folded.sizes.sum()) == len(folded.codes)


def test_equal_stretches_have_equal_hashes_wherever_they_stand() -> None:
    folded = fold("invoice please and please invoice")
    hashes = folded.hashes(folded.starts, folded.ends)
    assert hashes[0] == hashes[4] and hashes[1] == hashes[3]
    assert len(set(hashes.tolist())) == 3


@pytest.mark.slow
def test_features_are_the_same_in_another_process() -> None:
    code = (
        "from postroom.classify import concepts, features\n"
        "from postroom.message import Message\n"
        "m = Message(raw=b'', subject='Angebot', new_text='Bitte um 20 Stk, Größe 5')\n"
        "f = features.extract(m, concepts.load())\n"
        "print(f.ids.tolist(), [round(float(w), 6) for w in f.weights])\n"
    )
    runs = {said(code, PYTHONHASHSEED=seed) for seed in ("1", "2")}
    assert len(runs) == 1


def test_every_channel_has_at_most_the_length_of_its_share() -> None:
    found = features.extract(ORDER, VOCABULARY)
    for number, (name, share) in enumerate(features.CHANNELS.items()):
        weights = found.weights[found.channel == number]
        length = float(np.sqrt((weights**2).sum()))
        assert length == pytest.approx(share, abs=1e-3) or not len(weights), name
    assert len(set(zip(found.channel.tolist(), found.ids.tolist(), strict=True))) == len(found.ids)


@pytest.mark.parametrize(
    ("words", "concept"),
    [
        ("счёт", "invoice"),
        ("Rechnung", "invoice"),
        ("purchase order", "po"),
        ("in stock", "stock"),
        ("заказываем", "order_act"),
        ("Lebenslauf", "cv"),
    ],
)
def test_concepts_are_found_in_any_language(words: str, concept: str) -> None:
    _, found = VOCABULARY.find(fold(f"xx {words} yy"))
    assert concept in [VOCABULARY.names[number] for number in found]


@pytest.mark.parametrize("word", ["-", "a" * 61, "in*"])
def test_a_word_that_cannot_be_looked_up_is_refused(tmp_path: Path, word: str) -> None:
    file = tmp_path / "concepts.yaml"
    file.write_text(f"greeting: hello {word}\n", encoding="utf-8")
    with pytest.raises(ValueError, match="too"):
        concepts.load(file)


def test_a_word_without_a_star_is_found_only_whole() -> None:
    _, found = VOCABULARY.find(fold("poster"))
    assert "po" not in [VOCABULARY.names[number] for number in found]


def test_features_can_be_told_in_words() -> None:
    found = features.extract(ORDER, VOCABULARY)
    told = {found.told(int(i)) for i in np.flatnonzero(found.can_be_told)}
    assert ("words", "выставите счет") in told
    assert ("subject", "заявка") in told
    assert ("attachment", "заявка") in told


def test_quoted_text_is_read_through_when_nothing_new_is_said() -> None:
    said = features.extract(Message(raw=b"", new_text="нужен счет на бумагу"), VOCABULARY)
    only_quoted = features.extract(
        Message(raw=b"", new_text=" \n", quoted_text="нужен счет на бумагу"), VOCABULARY
    )
    assert set(said.ids.tolist()) == set(only_quoted.ids.tolist())


def test_quoted_text_weighs_less_than_new_text() -> None:
    found = features.extract(ORDER, VOCABULARY)
    quoted = list(features.CHANNELS).index("quoted concepts")
    new = list(features.CHANNELS).index("concepts")
    assert found.weights[found.channel == quoted].max() < found.weights[found.channel == new].max()


def test_a_machine_and_a_list_leave_their_mark() -> None:
    plain = features.extract(Message(raw=b"", new_text="hello"), VOCABULARY)
    marked = features.extract(
        Message(
            raw=b"",
            new_text="hello",
            headers=(("list-unsubscribe", "<mailto:x@example.test>"),),
            automatic=Automatic(kind=AutomaticKind.BULK, why="precedence"),
        ),
        VOCABULARY,
    )
    assert len(set(marked.ids.tolist()) - set(plain.ids.tolist())) == 2


_NOISE = random.Random(7)
HOSTILE = {
    "empty": Message(raw=b""),
    "spaces": Message(raw=b"", new_text=" " * 5_000_000),
    "one long word": Message(raw=b"", new_text="a" * 10_000_000, subject="b" * 1_000_000),
    "digits": Message(raw=b"", new_text="1" * 10_000_000),
    "symbols": Message(raw=b"", new_text="$€@!" * 1_000_000),
    "binary": Message(raw=b"", new_text="".join(map(chr, _NOISE.choices(range(0xD7FF), k=9_999)))),
    "surrogates": Message(raw=b"", new_text="\ud800\udfff" * 9_999),
    "nul": Message(raw=b"", new_text="\0" * 9_999, subject="\0"),
    "combining": Message(raw=b"", new_text="e" + "\u0301" * 100_000),
    "astral": Message(raw=b"", new_text="\U0001f4b0" * 100_000),
    "many attachments": Message(
        raw=b"",
        attachments=(Attachment(filename="x" * 9_999, type="a/b", size=0, sha256=""),) * 10_000,
    ),
    "many authors": Message(raw=b"", authors=(Address(local="a" * 99_999, domain="b" * 999),) * 99),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_messages_are_only_messages(name: str) -> None:
    started = time.process_time()
    found = features.extract(HOSTILE[name], VOCABULARY)
    assert time.process_time() - started < 1.0
    assert np.isfinite(found.weights).all()
    assert ((found.ids >= 0) & (found.ids < features.BUCKETS)).all()


def test_a_message_without_words_is_known_to_be_empty() -> None:
    assert features.extract(Message(raw=b"", new_text=" ... \n"), VOCABULARY).is_empty
    assert not features.extract(Message(raw=b"", subject="hi"), VOCABULARY).is_empty
