"""The sentence encoder: what is read of a message, and what a piece means where it stands."""

import numpy as np
import pytest

from postroom.classify import concepts, encoder, features
from postroom.message import Attachment, Message

READER = encoder.load()


def reading(message: Message) -> encoder.Reading:
    return READER.read(features.extract(message, concepts.load()).texts)


def of(text: str) -> encoder.Vectors:
    return READER.contexts(reading(Message(raw=b"", new_text=text)).pieces)


def meaning(text: str) -> encoder.Vectors:
    mean = of(text).mean(axis=0)
    made: encoder.Vectors = mean / np.linalg.norm(mean)
    return made


@pytest.mark.parametrize(
    ("one", "other", "stranger"),
    [
        ("die Pumpe ist kaputt", "the pump is broken", "we are on holiday in Spain"),
        ("насос сломался", "the pump is broken", "the invoice for March"),
        ("Rechnung für März", "the invoice for March", "I apply for the position"),
        ("заявление о приёме на работу", "I apply for the position", "the pump is broken"),
        ("veuillez envoyer la facture", "please send the invoice", "the pump is broken"),
    ],
)
def test_a_translation_is_nearer_than_another_text_of_its_language(
    one: str, other: str, stranger: str
) -> None:
    assert meaning(one) @ meaning(other) > meaning(one) @ meaning(stranger)


def test_a_context_tells_what_stands_around_a_piece() -> None:
    order, seen = READER.vocabulary.piece_to_id("\u2581order"), []
    for text in ("please order ten pumps", "the order of the court", "please order ten pumps"):
        read = reading(Message(raw=b"", new_text=text))
        (place,) = np.flatnonzero(read.pieces == order)
        seen.append(READER.contexts(read.pieces)[place])
    assert (seen[0] == seen[2]).all()
    assert np.abs(seen[0] - seen[1]).max() > 0.1


def test_each_part_is_read_in_its_turn_and_no_more_of_it_than_its_share() -> None:
    long = "заказ на болты М8х30 " * 90
    read = reading(
        Message(
            raw=b"",
            subject=long,
            new_text=long,
            quoted_text=long,
            attachments=(Attachment(filename=long, type="text/csv", size=1, sha256=""),),
        )
    )
    shares = dict(features.READ_IN_PIECES)
    counted = {part - 1: int((read.parts == part).sum()) for part in set(read.parts.tolist())}
    assert {part: counted[part] for part in shares} == shares
    assert len(read.pieces) == len(read.parts) <= encoder.MOST
    assert READER.contexts(read.pieces).shape == (len(read.pieces), encoder.WIDTH)


@pytest.mark.parametrize(
    "text", ["", " \n", "件名", "\x00", "\ud800", "🙂", "a" * 5_000, "\u202e" * 50, "\xad"]
)
def test_any_text_can_be_read(text: str) -> None:
    read = reading(Message(raw=b"", new_text=text, subject=text))
    assert (read.pieces >= 0).all() and (read.pieces < len(READER.packed)).all()
    assert np.isfinite(READER.contexts(read.pieces)).all()


def test_the_packed_table_is_turned_back() -> None:
    block = np.array([[0, 0x3C, *([0x80] * 15), 0x1F]], dtype=np.uint8)  # 0x3C00 is 1.0
    assert encoder.unpacked(block).tolist() == [[-8.0] * 15 + [7.0] + [0.0] * 15 + [-7.0]]


def test_the_upper_half_has_all_layers_that_are_trained() -> None:
    names = {name.split(" ", 1)[0] for name in encoder.upper_half()}
    assert names == {str(number) for number in range(encoder.TRAINED)}


def test_a_missing_file_is_named() -> None:
    with pytest.raises(FileNotFoundError, match=r"encoder\.npz"):
        encoder.load(encoder.SHIPPED.parent / "none" / "encoder.npz")
