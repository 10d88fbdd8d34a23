"""How the model is made and judged.

In: labelled mail (examples.py). Out: an ONNX file, its card (card.py) and the figures. One command,
`postroom model train`; the same data and seed give the same bytes. Training needs the extra
`train` (scikit-learn, onnx), which running does not.

The steps: features, grouped folds, a linear model for each fold, the calibration on what the folds
left out, the figures on calibrations that did not see them, each source by a model that never saw
it, and last the model on everything. The arithmetic is fitting.py's.

Limits: judged on grouped folds of the same sources: mail of a company the training never saw in
any form may do worse.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from postroom.classification import CATEGORIES
from postroom.config import ClassificationSection

from . import card, features, fitting
from .concepts import Concepts
from .concepts import load as load_concepts
from .examples import Example, groups, read_file, read_folder
from .fitting import Data, TrainingError
from .judge import Classes, Figures, Numbers, judge
from .scorer import FORMAT, SHIPPED, Calibration, Model

_UNCERTAIN = 0.6  # weight of a mail on which careful people could differ
# Weight by source: a pile of one class must not teach that most mail is of that class, and mail
# of the desks we serve (written for it, or a site's own) counts more than one trader's inboxes.
_SOURCES = {"spam_extra": 0.05, "train_real_en": 1.0}
_OTHER_SOURCES = 3.0
_SEGMENT = 50  # mails a source and language need for figures of their own


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What came of a training."""

    name: str  # of the model
    out: Path
    mails: int
    groups: int
    figures: tuple[Figures, ...]  # on grouped held-out folds, all together first
    strangers: tuple[Figures, ...]  # each source by a model that never saw that source


def train(sources: Sequence[Path], out: Path, seed: int = 0, *, threshold: float = 0.85) -> Report:
    """Makes a model from folders or files of *.jsonl, writes it and MODEL_CARD.md beside it.

    Raises CorpusError for a row that cannot be used, TrainingError when the data do not suffice
    or scikit-learn is not installed.
    """
    examples = [example for source in sources for example in _read(source)]
    concepts = load_concepts()
    data = _data(examples, concepts)
    held_out = fitting.cross_validate(data, seed)
    probabilities = fitting.cross_calibrated(held_out, data)
    figures = _by_segment(
        probabilities, data.truth, data.segments, data.is_certain, data.categories, threshold
    )
    calibration = fitting.calibrate(held_out, data, np.ones(len(examples), dtype=bool))
    strangers = fitting.strangers(data, calibration, threshold)
    table, bias = fitting.fit(data, np.arange(len(examples)))
    name = _write(out, table, bias, data, calibration, concepts, examples, seed, figures)
    report = Report(
        name=name,
        out=out,
        mails=len(examples),
        groups=len(set(data.groups.tolist())),
        figures=figures,
        strangers=strangers,
    )
    card.write(
        out.parent / "MODEL_CARD.md",
        name=name,
        examples=examples,
        groups=report.groups,
        figures=figures,
        strangers=strangers,
        calibration=calibration,
        probabilities=probabilities,
        truth=data.truth,
        threshold=threshold,
    )
    return report


def evaluate(
    source: Path, model_file: Path | None = None, *, threshold: float = 0.85
) -> tuple[Figures, ...]:
    """A model's figures on a folder or file of *.jsonl: all together, then by source and language.

    Says nothing of mail the model was trained on. Raises CorpusError, ModelError.
    """
    concepts = load_concepts()
    model = Model(model_file or SHIPPED, concepts)
    examples = _read(source)
    categories = model.facts.categories
    unknown = sorted({e.label for e in examples} - set(categories))
    if unknown:
        raise TrainingError(f"{source}: the model knows no {', '.join(unknown)}; train it on them")
    probabilities = np.array(
        [
            [scores[category] for category in categories]
            for scores in (
                model.score(features.extract(e.message, concepts)).probabilities for e in examples
            )
        ]
    )
    truth = np.array([categories.index(e.label) for e in examples])
    segments = tuple(_segment(e) for e in examples)
    is_certain = np.array([e.is_certain for e in examples])
    return _by_segment(probabilities, truth, segments, is_certain, categories, threshold)


def info(section: ClassificationSection) -> dict[str, Any]:
    """What the configured model says of itself, ready for JSON. Raises ModelError."""
    path = section.model_file or SHIPPED
    model = Model(path, load_concepts())
    return {"file": str(path), "size": path.stat().st_size} | asdict(model.facts)


def _read(source: Path) -> list[Example]:
    return read_folder(source) if source.is_dir() else read_file(source)


def _segment(example: Example) -> str:
    return f"{example.source} {example.language or example.message.language}"


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
    return Data(
        rows=fitting.matrix(found, words_only=False),
        known=fitting.matrix(found, words_only=True),
        truth=np.array([categories.index(example.label) for example in examples]),
        weights=np.array(weights),
        groups=np.array(groups(examples)),
        languages=tuple(example.message.language for example in examples),
        segments=tuple(_segment(example) for example in examples),
        sources=tuple(example.source for example in examples),
        is_certain=np.array([example.is_certain for example in examples]),
        categories=categories,
    )


def _by_segment(
    probabilities: Numbers,
    truth: Classes,
    segments: tuple[str, ...],
    is_certain: NDArray[np.bool_],
    categories: tuple[str, ...],
    threshold: float,
) -> tuple[Figures, ...]:
    """Figures of all mail, of each source and language, and of the clear cases of each."""
    of = np.array(segments)
    sets = [("all", np.ones(len(of), dtype=bool))]
    sets += [(name, of == name) for name in sorted(set(segments))]
    figures = []
    for name, inside in sets:
        if name != "all" and inside.sum() < _SEGMENT:
            continue
        figures.append(judge(name, probabilities[inside], truth[inside], categories, threshold))
        clear = inside & is_certain
        if clear.sum() >= _SEGMENT and clear.sum() < inside.sum():
            name = f"{name}, clear cases"
            figures.append(judge(name, probabilities[clear], truth[clear], categories, threshold))
    return tuple(figures)


def _write(
    out: Path,
    table: Numbers,
    bias: Numbers,
    data: Data,
    calibration: Calibration,
    concepts: Concepts,
    examples: Sequence[Example],
    seed: int,
    figures: tuple[Figures, ...],
) -> str:
    try:
        from . import export
    except ImportError as error:
        raise TrainingError("needs onnx: pip install 'postroom[train]'", error) from error
    stored, offset = table.astype(np.float16), bias.astype(np.float32)
    facts: dict[str, Any] = {
        "format": FORMAT,
        "name": export.name_of(stored, offset),
        "features": features.VERSION,
        "buckets": features.BUCKETS,
        "concepts": concepts.digest,
        "categories": list(data.categories),
        "calibration": asdict(calibration),
        "training": {
            "mails": len(examples),
            "digest": _digest(examples),
            "seed": seed,
            "accuracy": {f.name: round(f.accuracy, 4) for f in figures},
        },
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    export.write(out, stored, offset, facts)
    return str(facts["name"])


def _digest(examples: Sequence[Example]) -> str:
    sha = hashlib.sha256()
    for example in examples:
        sha.update(f"{example.id}\0{example.label}\0{example.message.text}\0".encode(
            "utf-8", "surrogatepass"))  # fmt: skip
    return sha.hexdigest()
