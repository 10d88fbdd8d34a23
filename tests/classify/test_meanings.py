"""Words that mean the same lie close together, whatever their language; others do not."""

import numpy as np
import pytest

from postroom.classify import concepts, features, meanings
from postroom.classify.text import fold
from postroom.message import Message

TABLE = meanings.load()


def likeness(one: str, other: str) -> float:
    made = [TABLE.mean(TABLE.find(fold(text))) for text in (one, other)]
    return float(made[0] @ made[1])


@pytest.mark.parametrize(
    ("one", "other", "stranger"),
    [
        ("vacation", "urlaub", "pump"),
        ("отпуск", "vacation", "насос"),
        ("pump", "насос", "vacation"),
        ("schraube", "винт", "urlaub"),
        ("facture", "invoice", "vacances"),
        ("bestellung", "заказ", "отпуск"),
        ("broken printer", "kaputter drucker", "holiday in spain"),
    ],
)
def test_the_same_in_two_languages_is_nearer_than_another_thing(
    one: str, other: str, stranger: str
) -> None:
    assert likeness(one, other) > likeness(one, stranger) + 0.2


def test_a_meaning_is_a_unit_vector_of_its_part_alone() -> None:
    text = fold("the pump is broken", "urlaub")
    rows = TABLE.find(text)
    first, second = (TABLE.mean(rows[text.part == part]) for part in (0, 1))
    assert first.shape == (meanings.SIZE,)
    assert float(first @ first) == pytest.approx(1.0, abs=1e-4)
    assert float(second @ TABLE.mean(TABLE.find(fold("urlaub")))) == pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize("text", ["", "qqxzzk wwvvqx", "12 345", "件名", "\x00"])
def test_what_no_table_knows_means_nothing(text: str) -> None:
    rows = TABLE.find(fold(text))
    assert not TABLE.mean(rows).any() and not TABLE.each(rows).any()


def test_each_word_has_its_own_unit_vector() -> None:
    each = TABLE.each(TABLE.find(fold("pump qqxzzk насос")))
    assert each.shape == (3, meanings.SIZE)
    assert np.linalg.norm(each, axis=1) == pytest.approx([1.0, 0.0, 1.0], abs=1e-4)
    assert float(each[0] @ each[2]) > 0.5


def test_features_hold_the_meaning_of_text_and_subject() -> None:
    message = Message(raw=b"", new_text="the pump is broken", subject="")
    found = features.extract(message, concepts.load())
    assert found.meaning.shape == (features.MEANING,)
    assert found.meaning[: meanings.SIZE].any() and not found.meaning[meanings.SIZE :].any()
    assert np.isfinite(found.meaning).all()
