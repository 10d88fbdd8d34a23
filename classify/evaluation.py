"""A model asked about labelled mail: what it said, and how good that is.

In: examples, a model. Out: an `Evaluation`: figures of all mail, then by source and language, each
with its clear cases, then by what the calibration goes by. Says nothing of mail the model was
trained on.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from postroom.failure import PermanentFailure

from . import features
from .calibration import Signs
from .concepts import Concepts
from .examples import Example
from .judge import Classes, Figures, Numbers, judge
from .scorer import Model, Scores

_SEGMENT = 50  # mails that a set needs for figures of its own
_BETWEEN_PEOPLE, _FEW, _HALF = 0.5, 10, 0.5  # bounds of the kinds of mail


class UnknownLabel(PermanentFailure):
    """The mail has a label that the model does not know."""

    def __init__(self, labels: Sequence[str]) -> None:
        text = f"the model knows no {', '.join(labels)}; train it on them"
        super().__init__("unknown-label", ValueError(text))


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What a model said of labelled mail."""

    model: str
    source: str  # where the mail came from
    categories: tuple[str, ...]
    examples: tuple[Example, ...]
    probabilities: Numbers  # [mail, category]
    signs: tuple[Signs, ...]  # of each mail, how far its answer could be trusted
    truth: Classes
    figures: tuple[Figures, ...]  # all mail first

    @property
    def given(self) -> Classes:
        """The class said of each mail."""
        classes: Classes = self.probabilities.argmax(axis=1)
        return classes

    @property
    def confidence(self) -> Numbers:
        """Of each answer."""
        numbers: Numbers = self.probabilities.max(axis=1)
        return numbers

    @property
    def right(self) -> NDArray[np.bool_]:
        """Whether each answer is."""
        answers: NDArray[np.bool_] = self.given == self.truth
        return answers


def ask(model: Model, examples: Sequence[Example], concepts: Concepts) -> Numbers:
    """The probabilities [mail, category] that a model gives."""
    return _table(model, _scores(model, examples, concepts))


def _scores(model: Model, examples: Sequence[Example], concepts: Concepts) -> list[Scores]:
    return [model.score(features.extract(example.message, concepts)) for example in examples]


def _table(model: Model, scores: Sequence[Scores]) -> Numbers:
    names = model.facts.categories
    rows = [[one.probabilities[name] for name in names] for one in scores]
    return np.array(rows).reshape(len(scores), len(names))


def evaluate(
    examples: Sequence[Example], source: str, model: Model, concepts: Concepts, threshold: float
) -> Evaluation:
    """The evaluation. Raises UnknownLabel, ModelError."""
    categories = model.facts.categories
    unknown = sorted({e.label for e in examples} - set(categories))
    if unknown:
        raise UnknownLabel(unknown)
    scores = _scores(model, examples, concepts)
    probabilities, signs = _table(model, scores), tuple(one.signs for one in scores)
    truth = np.array([categories.index(e.label) for e in examples])
    return Evaluation(
        model=model.facts.name,
        source=source,
        categories=categories,
        examples=tuple(examples),
        probabilities=probabilities,
        signs=signs,
        truth=truth,
        figures=(
            *by_segment(
                probabilities,
                truth,
                tuple(segment(e) for e in examples),
                np.array([e.is_certain for e in examples]),
                categories,
                threshold,
            ),
            *by_kind(probabilities, truth, signs, categories, threshold),
        ),
    )


def segment(example: Example) -> str:
    """Source and language."""
    return f"{example.source} {example.language or example.message.language}"


def by_segment(
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


def by_kind(
    probabilities: Numbers,
    truth: Classes,
    signs: tuple[Signs, ...],
    categories: tuple[str, ...],
    threshold: float,
) -> tuple[Figures, ...]:
    """Figures of the kinds of mail that the calibration tells apart."""
    kinds: dict[str, Callable[[Signs], bool]] = {
        "reads like mail to a desk": lambda one: one.inbox <= _BETWEEN_PEOPLE,
        "reads like mail between people": lambda one: one.inbox > _BETWEEN_PEOPLE,
        f"fewer than {_FEW} words": lambda one: one.words < _FEW,
        "half of the words unknown": lambda one: one.words > 0 and one.familiarity < _HALF,
    }
    figures = []
    for name, belongs in kinds.items():
        inside = np.array([belongs(one) for one in signs], dtype=bool)
        if inside.sum() >= _SEGMENT:
            kind = judge(name, probabilities[inside], truth[inside], categories, threshold)
            figures.append(kind)
    return tuple(figures)
