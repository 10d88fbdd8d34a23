"""What means the same lies close together, whatever its language; other things do not."""

import numpy as np
import pytest

from postroom.classify import concepts, features, pieces
from postroom.message import Message

TABLE = pieces.load()


def likeness(one: str, other: str) -> float:
    made = [TABLE.meaning(TABLE.find(text)) for text in (one, other)]
    return float(made[0] @ made[1])


@pytest.mark.parametrize(
    ("one", "other", "stranger"),
    [
        ("vacation", "Urlaub", "pump"),
        ("отпуск", "vacation", "насос"),
        ("pump", "насос", "vacation"),
        ("Rechnung", "invoice", "Urlaub"),
        ("facture", "invoice", "vacances"),
        ("Bestellung", "заказ", "отпуск"),
        ("broken printer", "kaputter Drucker", "holiday in Spain"),
    ],
)
def test_the_same_in_two_languages_is_nearer_than_another_thing(
    one: str, other: str, stranger: str
) -> None:
    assert likeness(one, other) > likeness(one, stranger) + 0.1


def test_a_meaning_is_a_unit_vector() -> None:
    made = TABLE.meaning(TABLE.find("the pump is broken"))
    assert made.shape == (pieces.SIZE,)
    assert float(made @ made) == pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize("text", ["", " \n", "件名"])
def test_what_no_table_knows_means_nothing(text: str) -> None:
    assert not TABLE.meaning(TABLE.find(text)).any()


@pytest.mark.parametrize("text", ["\x00", "\ud800", "🙂", "a" * 5_000, "\u202e" * 50, "\xad"])
def test_any_text_has_pieces_of_the_table(text: str) -> None:
    found = TABLE.find(text)
    assert (found >= 0).all() and (found < len(TABLE.packed)).all()
    assert np.isfinite(TABLE.meaning(found)).all()


def test_features_hold_the_meaning_of_text_and_subject() -> None:
    message = Message(raw=b"", new_text="the pump is broken", subject="")
    found = features.extract(message, concepts.load())
    assert found.meaning.shape == (features.MEANING,)
    assert found.meaning[: pieces.SIZE].any() and not found.meaning[pieces.SIZE :].any()
    assert np.isfinite(found.meaning).all()


def test_a_file_without_its_table_is_named(tmp_path: object) -> None:
    with pytest.raises(FileNotFoundError, match=r"pieces\.npz"):
        pieces.load(pieces.SHIPPED.parent / "none" / "pieces.npz")
