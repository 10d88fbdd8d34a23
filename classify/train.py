"""How the model is made and judged.

In: labelled mail (examples.py). Out: an ONNX file, its card (card.py) and the figures. One command,
`postroom model train`; the same data and seed give the same bytes. Training needs the extra
`train` (scikit-learn, onnx), which running does not.

The steps, in the order of the file: features, grouped folds, a linear model for each fold, the
calibration on what the folds left out, the figures on calibrations that did not see them, and
last the model on everything.

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
from postroom.failure import PermanentFailure

from . import card, features
from .concepts import Concepts
from .concepts import load as load_concepts
from .examples import Example, groups, read_file, read_folder
from .features import Features
from .judge import Classes, Figures, Numbers, judge
from .scorer import FORMAT, SHIPPED, Calibration, Model, softmax

_FOLDS = 5
_STRENGTH = 2.0  # inverse of the L2 penalty; by grouped cross-validation
_UNCERTAIN = 0.6  # weight of a mail on which careful people could differ
# Weight by source: a pile of one class must not teach that most mail is of that class, and mail
# of the desks we serve (written for it, or a site's own) counts more than one trader's inboxes.
_SOURCES = {"spam_extra": 0.05, "train_real_en": 1.0}
_OTHER_SOURCES = 3.0
_LEAST_FOR_LANGUAGE = 60  # held-out mails a language needs for a calibration of its own
# The least that wholly unknown words flatten an answer by, whatever the held-out mail says: of mail
# from another world it holds too little to tell.
_CAUTION = 0.7
_SEGMENT = 50  # mails a source and language need for figures of their own
_KNOWN = 2  # mails that must hold a word before it counts as known


class TrainingError(PermanentFailure):
    """The data cannot give a model; the text says why."""

    def __init__(self, text: str, cause: BaseException | None = None) -> None:
        super().__init__("training-impossible", cause)
        self.text = text

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What came of a training."""

    name: str  # of the model
    out: Path
    mails: int
    groups: int
    figures: tuple[Figures, ...]  # on grouped held-out folds, all together first
    strangers: tuple[Figures, ...]  # each source by a model that never saw that source


@dataclass(frozen=True, slots=True, kw_only=True)
class _Data:
    """Examples as arrays."""

    rows: Any  # scipy CSR matrix [mails, buckets]
    known: Any  # the same, words of the text only
    truth: Classes
    weights: Numbers
    groups: Classes
    languages: tuple[str, ...]  # as reading detects them
    segments: tuple[str, ...]
    sources: tuple[str, ...]
    is_certain: NDArray[np.bool_]
    categories: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _HeldOut:
    """What models said of mail they were not trained on."""

    logits: Numbers
    familiarity: Numbers
    fold: Classes


def train(sources: Sequence[Path], out: Path, seed: int = 0, *, threshold: float = 0.85) -> Report:
    """Makes a model from folders or files of *.jsonl, writes it and MODEL_CARD.md beside it.

    Raises CorpusError for a row that cannot be used, TrainingError when the data do not suffice
    or scikit-learn is not installed.
    """
    examples = [example for source in sources for example in _read(source)]
    concepts = load_concepts()
    data = _data(examples, concepts)
    held_out = _cross_validate(data, seed)
    probabilities = _cross_calibrated(held_out, data)
    figures = _by_segment(
        probabilities, data.truth, data.segments, data.is_certain, data.categories, threshold
    )
    calibration = _calibrate(held_out, data, np.ones(len(examples), dtype=bool))
    strangers = _strangers(data, calibration, threshold)
    table, bias = _fit(data, np.arange(len(examples)))
    name = _write(out, table, bias, data, calibration, concepts, examples, seed, figures)
    report = Report(
        name=name,
        out=out,
        mails=len(examples),
        groups=len(set(data.groups.tolist())),
        figures=figures,
        strangers=strangers,
    )
    card.write(out.parent / "MODEL_CARD.md", report.name, examples, report.groups, figures, strangers,
               calibration, probabilities, data.truth, threshold)  # fmt: skip
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


def _data(examples: Sequence[Example], concepts: Concepts) -> _Data:
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
    return _Data(
        rows=_matrix(found, words_only=False),
        known=_matrix(found, words_only=True),
        truth=np.array([categories.index(example.label) for example in examples]),
        weights=np.array(weights),
        groups=np.array(groups(examples)),
        languages=tuple(example.message.language for example in examples),
        segments=tuple(_segment(example) for example in examples),
        sources=tuple(example.source for example in examples),
        is_certain=np.array([example.is_certain for example in examples]),
        categories=categories,
    )


def _matrix(found: Sequence[Features], *, words_only: bool) -> Any:
    try:
        from scipy.sparse import csr_matrix  # type: ignore[import-untyped]
    except ImportError as error:
        raise TrainingError("needs scikit-learn: pip install 'postroom[train]'", error) from error
    parts = [(f.ids[f.is_word], f.weights[f.is_word]) if words_only else (f.ids, f.weights)
             for f in found]  # fmt: skip
    ends = np.cumsum([0] + [len(ids) for ids, _ in parts])
    columns = np.concatenate([ids for ids, _ in parts])
    values = np.concatenate([weights for _, weights in parts])
    return csr_matrix((values, columns, ends), shape=(len(found), features.BUCKETS))


def _fit(data: _Data, chosen: NDArray[np.int64]) -> tuple[Numbers, Numbers]:
    """The table [buckets, categories + 1] and bias of a model trained on some mails."""
    from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]

    rows = data.rows[chosen]
    used = np.unique(rows.indices)
    model = LogisticRegression(C=_STRENGTH, max_iter=300, tol=1e-3)
    model.fit(rows[:, used], data.truth[chosen], sample_weight=data.weights[chosen])
    size = len(data.categories)
    coefficients, intercepts = model.coef_, model.intercept_
    if len(model.classes_) == 2:
        coefficients = np.vstack([-coefficients, coefficients]) / 2
        intercepts = np.concatenate([-intercepts, intercepts]) / 2
    table = np.zeros((features.BUCKETS, size + 1))
    table[np.ix_(used, model.classes_)] = coefficients.T
    bias = np.full(size, -10.0)  # a class that is absent here is never said
    bias[model.classes_] = intercepts
    seen = np.bincount(data.known[chosen].indices, minlength=features.BUCKETS)
    table[:, -1] = seen >= _KNOWN
    return table, bias


def _cross_validate(data: _Data, seed: int) -> _HeldOut:
    from sklearn.model_selection import (  # type: ignore[import-untyped]
        StratifiedGroupKFold,
    )

    count = len(data.truth)
    if len(set(data.groups.tolist())) < _FOLDS * 2:
        raise TrainingError("too few senders and threads to hold some out; add mail")
    strata_of = _strata(data)
    held_out = _HeldOut(
        logits=np.zeros((count, len(data.categories))),
        familiarity=np.zeros(count),
        fold=np.zeros(count, dtype=np.int64),
    )
    splitter = StratifiedGroupKFold(_FOLDS, shuffle=True, random_state=seed)
    for number, (kept, left) in enumerate(splitter.split(strata_of, strata_of, data.groups)):
        table, bias = _fit(data, kept)
        held_out.logits[left] = data.rows[left] @ table[:, :-1] + bias
        held_out.familiarity[left] = _familiarity(data.known[left], table)
        held_out.fold[left] = number
    return held_out


def _strata(data: _Data) -> Classes:
    """Each fold gets its share of every class of every segment; small ones are thrown together."""
    names = sorted(set(data.segments))
    fine = np.array([names.index(one) for one in data.segments]) * len(data.categories) + data.truth
    mails = np.bincount(fine)
    strata: Classes = np.where(mails[fine] >= _FOLDS, fine, len(mails))
    if 0 < (strata == len(mails)).sum() < _FOLDS:
        strata[strata == len(mails)] = fine[mails[fine] >= _FOLDS][0]
    return strata


def _calibrate(held_out: _HeldOut, data: _Data, chosen: NDArray[np.bool_]) -> Calibration:
    """The temperatures under which held-out mail is least surprising."""
    from scipy.optimize import minimize  # type: ignore[import-untyped]

    counts = {name: sum(np.array(data.languages)[chosen] == name) for name in set(data.languages)}
    own = sorted(name for name, mails in counts.items() if mails >= _LEAST_FOR_LANGUAGE)[1:]
    is_own = np.array([[name == one for one in own] for name in data.languages], dtype=float)
    is_own = is_own.reshape(len(data.languages), len(own))[chosen]
    strange = 1.0 - held_out.familiarity[chosen]
    logits, truth = held_out.logits[chosen], data.truth[chosen]
    weights = data.weights[chosen]

    def surprise(values: Numbers) -> float:
        logarithm = values[0] + (_CAUTION + abs(values[1])) * strange + is_own @ values[2:]
        temperature = np.exp(np.clip(logarithm, -2.0, 4.0))
        shares = softmax(logits / temperature[:, None])[np.arange(len(truth)), truth]
        penalty = 0.5 * float(np.sum(values[2:] ** 2))  # languages differ only for a reason
        return float(-(weights * np.log(np.maximum(shares, 1e-12))).sum()) + penalty

    start = np.zeros(2 + len(own))
    best = minimize(surprise, start, method="L-BFGS-B").x
    return Calibration(
        spread=round(float(best[0]), 4),
        unfamiliar=round(_CAUTION + abs(float(best[1])), 4),
        languages={name: round(float(value), 4) for name, value in zip(own, best[2:], strict=True)},
    )


def _cross_calibrated(held_out: _HeldOut, data: _Data) -> Numbers:
    """Held-out probabilities, each fold calibrated on the others."""
    probabilities = np.zeros_like(held_out.logits)
    for number in range(_FOLDS):
        left = held_out.fold == number
        calibration = _calibrate(held_out, data, ~left)
        temperatures = np.array(
            [
                calibration.temperature(float(held_out.familiarity[i]), data.languages[i])
                for i in np.flatnonzero(left)
            ]
        )
        probabilities[left] = softmax(held_out.logits[left] / temperatures[:, None])
    return probabilities


def _strangers(
    data: _Data, calibration: Calibration, threshold: float
) -> tuple[Figures, ...]:
    """The figures of each source of several classes, by a model that never saw the source."""
    of, figures = np.array(data.sources), []
    for source in sorted(set(data.sources)):
        left = of == source
        if len(set(data.truth[left])) < 2 or len(set(data.truth[~left])) < 2:
            continue
        table, bias = _fit(data, np.flatnonzero(~left))
        logits = data.rows[left] @ table[:, :-1] + bias
        familiarity = _familiarity(data.known[left], table)
        temperatures = np.array(
            [
                calibration.temperature(known, data.languages[i])
                for known, i in zip(familiarity.tolist(), np.flatnonzero(left), strict=True)
            ]
        )
        probabilities = softmax(logits / temperatures[:, None])
        name = f"{source}, never seen"
        figures.append(judge(name, probabilities, data.truth[left], data.categories, threshold))
    return tuple(figures)


def _familiarity(known: Any, table: Numbers) -> Numbers:
    """Of each mail the share of its words' weight that the table knows."""
    whole = np.asarray(known.sum(axis=1)).ravel()
    share: Numbers = np.asarray(known @ table[:, -1]).ravel() / np.maximum(whole, 1e-9)
    return share


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
    data: _Data,
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
