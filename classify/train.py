"""How the model is made and judged.

In: labelled mail (examples.py). Out: an ONNX file, its card (card.py) and the figures. One
command, `postroom model train --out FILE`; the same data and seed give the same bytes. Training
needs the extra `train` (scikit-learn, PyTorch, onnx), which running does not.

The steps: features, grouped folds, a model for each fold, the calibrations on what the folds left
out, the figures on calibrations that did not see them, each source by a model that never saw it,
and last the model on everything. The arithmetic is fitting.py's, network.py's and
transformer.py's.

Limits: judged on grouped folds of the same sources: mail of a company the training never saw in
any form may do worse.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from postroom.classification import CATEGORIES

from . import card, encoder, features, fitting, linear
from .cascade import Cascade
from .concepts import Concepts
from .concepts import load as load_concepts
from .evaluation import by_segment, segment
from .examples import Example, groups
from .fitting import Data, Fitted, TrainingError
from .judge import Figures
from .scorer import FORMAT, SHIPPED, Model

STEPS = fitting.FOLDS + fitting.ROUNDS_OF_STRANGERS + 1  # of a training at most, about equally long
_UNCERTAIN = 0.6  # weight of a mail on which careful people could differ
# Weight by source: a pile of one class must not teach that most mail is of that class; real mail
# counts a little more than written, which is twice as much.
_SOURCES = {"spam_extra": 0.2, "train_real_en": 2.0}
_OTHER_SOURCES = 1.5
# Sources of mail between people, and of archives; the rest came to a company's desk.
_WORLDS: dict[str, int] = {
    **dict.fromkeys(("en-e", "en-f", "en-h", "en-j", "en-v", "en-aa"), linear.INBOX),
    **dict.fromkeys(("train_real_en", "spam_extra"), linear.ARCHIVE),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What came of a training."""

    name: str  # of the model
    out: Path
    mails: int
    groups: int
    figures: tuple[Figures, ...]  # on grouped held-out folds, all together first
    strangers: tuple[Figures, ...]  # each source by a model that never saw that source


def train(
    examples: Sequence[Example],
    out: Path,
    seed: int = 0,
    *,
    threshold: float = 0.85,
    done: Callable[[], None] = lambda: None,
) -> Report:
    """Makes a model from labelled mail, writes it and its card beside it.

    `done` is told of each of up to STEPS. Raises TrainingError when the data do not suffice or a
    package is missing.
    """
    concepts = load_concepts()
    data = _data(examples, concepts)
    every = np.arange(len(examples))
    folds, rounds = fitting.grouped(data, seed), fitting.by_source(data)
    models = fitting.fits(data, [*(one.kept for one in (*folds, *rounds)), every], seed)
    answered = []
    for fold, model in zip(folds, models, strict=False):
        answered.append(fitting.Fold(mails=fold.left, answers=model.answers(data, fold.left)))
        done()
    probabilities = fitting.cross_calibrated(answered, data)
    figures = by_segment(
        probabilities, data.truth, data.segments, data.is_certain, data.categories, threshold
    )
    cascade = fitting.calibrate(answered)
    strangers: list[Figures] = []
    for one, model in zip(rounds, models, strict=False):
        strangers += fitting.strangers(data, one.left, model, cascade, threshold)
        done()
    strangers.sort(key=lambda figure: figure.name)
    fitted = next(models)
    name = _write(out, fitted, data, cascade, concepts, examples, seed, figures)
    done()
    report = Report(
        name=name,
        out=out,
        mails=len(examples),
        groups=len(set(data.groups.tolist())),
        figures=figures,
        strangers=tuple(strangers),
    )
    card.write(
        _card_path(out),
        name=name,
        examples=examples,
        groups=report.groups,
        figures=figures,
        strangers=report.strangers,
        cascade=cascade,
        probabilities=probabilities,
        truth=data.truth,
        threshold=threshold,
    )
    return report


def info(path: Path) -> dict[str, Any]:
    """What a model says of itself, ready for JSON. Raises ModelError."""
    model = Model(path, load_concepts())
    return {"file": str(path), "size": path.stat().st_size} | asdict(model.facts)


def _card_path(out: Path) -> Path:
    """MODEL_CARD.md beside the shipped model, NAME.md beside one of a shelf."""
    return out.with_name("MODEL_CARD.md") if out.name == SHIPPED.name else out.with_suffix(".md")


def _data(examples: Sequence[Example], concepts: Concepts) -> Data:
    labels = {example.label for example in examples}
    if len(labels) < 2:
        raise TrainingError("needs mail of at least two categories")
    categories = tuple(c for c in CATEGORIES if c in labels)
    categories += tuple(sorted(labels - set(categories)))
    found = [features.extract(example.message, concepts) for example in examples]
    weights = [
        _SOURCES.get(example.source, _OTHER_SOURCES) * (1.0 if example.is_certain else _UNCERTAIN)
        for example in examples
    ]
    words, contexts = fitting.in_order(found, concepts)
    return Data(
        words=words,
        contexts=contexts,
        rows=fitting.matrix(found, words_only=False),
        known=fitting.matrix(found, words_only=True),
        truth=np.array([categories.index(example.label) for example in examples]),
        weights=np.array(weights),
        groups=np.array(groups(examples)),
        languages=tuple(example.message.language for example in examples),
        segments=tuple(segment(example) for example in examples),
        sources=tuple(example.source for example in examples),
        worlds=np.array([_WORLDS.get(example.source, linear.DESK) for example in examples]),
        is_certain=np.array([example.is_certain for example in examples]),
        categories=categories,
    )


def _write(
    out: Path,
    fitted: Fitted,
    data: Data,
    cascade: Cascade,
    concepts: Concepts,
    examples: Sequence[Example],
    seed: int,
    figures: tuple[Figures, ...],
) -> str:
    try:
        from . import export
    except ImportError as error:
        raise TrainingError("needs onnx: pip install 'postroom[train]'", error) from error
    stored = export.stored(fitted)
    facts: dict[str, Any] = {
        "format": FORMAT,
        "name": stored.name,
        "features": features.VERSION,
        "buckets": features.BUCKETS,
        "concepts": concepts.digest,
        "encoder": encoder.load().digest,
        "categories": list(data.categories),
        **asdict(cascade),
        "training": {
            "mails": len(examples),
            "digest": _digest(examples),
            "seed": seed,
            "shares": _shares(data),
            "accuracy": {f.name: round(f.accuracy, 4) for f in figures},
        },
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    export.write(out, stored, facts)
    return str(facts["name"])


def _shares(data: Data) -> dict[str, float]:
    """The share of each category in the training, by weight."""
    shares = np.bincount(data.truth, data.weights, len(data.categories)) / data.weights.sum()
    return {name: round(float(s), 4) for name, s in zip(data.categories, shares, strict=True)}


def _digest(examples: Sequence[Example]) -> str:
    sha = hashlib.sha256()
    for example in examples:
        sha.update(f"{example.id}\0{example.label}\0{example.message.text}\0".encode(
            "utf-8", "surrogatepass"))  # fmt: skip
    return sha.hexdigest()
