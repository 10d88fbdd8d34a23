"""The judge of asides: what it surely knows, what it must never take for one, and bad files."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from postroom.classify import aside_model, encoder
from postroom.classify.aside_model import KINDS, SHIPPED, AsideModel
from postroom.classify.scorer import ModelError
from postroom.order import Doubtful

CORPUS = Path(__file__).resolve().parents[2] / "classify" / "corpus" / "asides"
FILES = sorted(CORPUS.glob("*.jsonl"))


@pytest.fixture(scope="module")
def model() -> AsideModel:
    return aside_model.load()


@pytest.mark.parametrize(
    "sentence",
    [
        "Our warehouse is open from 7 to 15, please use gate 4.",
        "Tel. 0621 555 18 22, Fax -23",
        "Wenn niemand da ist, bitte beim Nachbarn im 2. Stock klingeln.",
        "Доставка до 18:00, въезд со двора, код домофона 25.",
        "VAT No. GB 999 9999 73",
    ],
)
def test_when_where_and_who_are_asides(model: AsideModel, sentence: str) -> None:
    assert model.among([Doubtful(text=sentence, is_grave=False)]) == {sentence}


@pytest.mark.parametrize(
    "sentence",
    [
        "Please make it 30 instead of 20.",
        "Without the lids this time.",
        "And the usual screws.",
        "Bitte alles in RAL 7016.",
        "Die zweite Position erst im Mai.",
        "Если нет белых, ничего не отгружайте.",
        "Ещё три ведра краски.",
        "20 bags of cement 25 kg",
    ],
)
def test_what_bears_on_the_goods_is_no_aside(model: AsideModel, sentence: str) -> None:
    assert model.among([Doubtful(text=sentence, is_grave=False)]) == frozenset()


def test_a_grave_sentence_has_to_be_surer(model: AsideModel) -> None:
    between = replace(model, likely=0.0, surely=1.0)
    grave, mild = (Doubtful(text="Gate 4.", is_grave=grave) for grave in (True, False))
    assert between.among([grave]) == frozenset()
    assert between.among([mild]) == {"Gate 4."}
    assert model.likely <= model.surely


@pytest.mark.parametrize("sentence", ["", " ", "\x00\x01", "🙂" * 500, "a" * 100_000, "١٢٣ שלום"])
def test_any_text_has_an_answer(model: AsideModel, sentence: str) -> None:
    answer = model.probabilities(sentence)
    assert answer.shape == (len(KINDS),)
    assert abs(float(answer.sum()) - 1) < 1e-4


@pytest.mark.parametrize("content", [b"", b"no archive", None])
def test_a_file_that_cannot_be_read_says_so(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "asides.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelError, match="asides.npz: cannot be used; reinstall"):
        aside_model.load(path)


def test_a_file_for_another_encoder_is_refused(tmp_path: Path) -> None:
    with np.load(SHIPPED) as kept:
        arrays = dict(kept)
    arrays["digest"] = np.array(encoder.load().digest + 1)
    np.savez(tmp_path / "asides.npz", **arrays)
    with pytest.raises(ModelError):
        aside_model.load(tmp_path / "asides.npz")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_sentence_has_text_and_a_known_kind(path: Path) -> None:
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]
    assert rows
    for row in rows:
        assert row["text"].strip() and row["kind"] in KINDS, row
