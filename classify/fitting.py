"""Models fitted and calibrated on labelled mail, and what they say of mail left out.

In: `Data`, the mail as arrays. Out: `Fitted` models, held-out answers, probabilities of them. The
arithmetic of train.py, without files. A model is a linear one, which knows many words, and two
networks, which read words and pieces in their order; their logits are added. Needs the extra
`train`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from postroom.failure import PermanentFailure

from . import cascade, features, linear
from .calibration import Answers, Signs
from .cascade import Cascade, Stages
from .concepts import Concepts
from .features import Features
from .judge import Classes, Figures, Numbers, judge
from .linear import Linear

COLUMNS = features.BUCKETS + features.MEANING  # of the matrix, and rows of a table
FOLDS = 5
# How much of each network's word is heard, and which share of it less in mail between people, where
# the linear experts are the better judges; by grouped cross-validation.
HEARD, LESS_HEARD = {"words": 0.8, "pieces": 1.3}, 0.7
_STRANGERS = 200  # mails of a source to be judged by a model that never saw it
ROUNDS_OF_STRANGERS = 4  # models that judge them, each of a part of the sources it never saw
_NEEDED = "needs scikit-learn, JAX and Optax: pip install 'postroom[train]'"


class TrainingError(PermanentFailure):
    """The data cannot give a model; the text says why."""

    def __init__(self, text: str, cause: BaseException | None = None) -> None:
        super().__init__("training-impossible", cause)
        self.text = text

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """Examples as arrays."""

    rows: Any  # scipy CSR matrix [mails, COLUMNS]: buckets, then the meaning
    known: Any  # the same, words of the text only
    in_order: Any  # network.Rows of words, and of pieces
    truth: Classes
    weights: Numbers
    groups: Classes
    languages: tuple[str, ...]  # as reading detects them
    segments: tuple[str, ...]
    sources: tuple[str, ...]
    worlds: Classes  # of linear.WORLDS
    is_certain: NDArray[np.bool_]
    categories: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """Some mails, and what a model said that was trained on the rest."""

    mails: NDArray[np.int64]
    answers: Stages


def matrix(found: Sequence[Features], *, words_only: bool) -> Any:
    """The features of all mails as one sparse matrix. Raises TrainingError without SciPy."""
    try:
        from scipy.sparse import csr_matrix  # type: ignore[import-untyped]
    except ImportError as error:
        raise TrainingError(_NEEDED, error) from error
    parts = [(f.ids[f.is_word], f.weights[f.is_word]) if words_only else (f.ids, f.weights)
             for f in found]  # fmt: skip
    if not words_only:
        meant = np.arange(features.BUCKETS, COLUMNS)
        parts = [(np.concatenate([ids, meant]), np.concatenate([weights, f.meaning]))
                 for (ids, weights), f in zip(parts, found, strict=True)]  # fmt: skip
    ends = np.cumsum([0] + [len(ids) for ids, _ in parts])
    columns = np.concatenate([ids for ids, _ in parts])
    values = np.concatenate([weights for _, weights in parts])
    return csr_matrix((values, columns, ends), shape=(len(found), COLUMNS))


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """A model: a linear one and two networks, trained on the same mail."""

    linear: Linear
    networks: tuple[dict[str, NDArray[np.float32]], ...]  # of words, and of pieces

    def networks_say(self, data: Data, chosen: NDArray[np.int64]) -> tuple[Numbers, ...]:
        """What each network says [mail, category], as much as it is heard."""
        from . import network

        share = 1.0 - LESS_HEARD * self.linear.inbox(data.rows[chosen])
        return tuple(
            heard * network.logits(rows, chosen, weights) * share[:, None]
            for heard, rows, weights in zip(
                HEARD.values(), data.in_order, self.networks, strict=True
            )
        )

    def answers(self, data: Data, chosen: NDArray[np.int64]) -> Stages:
        """What the model says of the chosen mails."""
        rows, known = data.rows[chosen], data.known[chosen]
        signs = zip(
            self.linear.familiarity(known).tolist(),
            self.linear.inbox(rows).tolist(),
            np.diff(known.indptr).tolist(),
            [data.languages[mail] for mail in chosen.tolist()],
            strict=True,
        )
        of_words, of_pieces = self.networks_say(data, chosen)
        early = Answers(
            sums=self.linear.logits(rows) + of_words,
            signs=tuple(
                Signs(familiarity=min(known, 1.0), inbox=inbox, words=words, language=language)
                for known, inbox, words, language in signs
            ),
            truth=data.truth[chosen],
            names=data.categories,
        )
        return Stages(early=early, whole=replace(early, sums=early.sums + of_pieces))


def fit(data: Data, chosen: NDArray[np.int64], seed: int) -> Fitted:
    """A model trained on the chosen mails."""
    from . import network

    count = len(data.categories)
    weights = data.weights[chosen]
    return Fitted(
        linear=linear.fit(
            data.rows[chosen],
            data.known[chosen],
            data.truth[chosen],
            weights,
            data.worlds[chosen],
            count,
        ),
        networks=tuple(
            network.fit(rows, chosen, data.truth, data.weights, count, seed)
            for rows in data.in_order
        ),
    )


def cross_validate(data: Data, seed: int, done: Callable[[], None]) -> tuple[Fold, ...]:
    """What models say of the grouped folds they were not trained on; `done` is told of each.

    Raises TrainingError when there are too few groups.
    """
    from sklearn.model_selection import (  # type: ignore[import-untyped]
        StratifiedGroupKFold,
    )

    if len(set(data.groups.tolist())) < FOLDS * 2:
        raise TrainingError("too few senders and threads to hold some out; add mail")
    strata_of = _strata(data)
    folds = []
    splitter = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
    for kept, left in splitter.split(strata_of, strata_of, data.groups):
        folds.append(Fold(mails=left, answers=fit(data, kept, seed).answers(data, left)))
        done()
    return tuple(folds)


def in_order(found: Sequence[Features], concepts: Concepts) -> Any:
    """(words, pieces) of all mails in order, for the networks. Raises TrainingError without JAX."""
    try:
        from . import network
    except ImportError as error:
        raise TrainingError(_NEEDED, error) from error
    return network.words(found, len(concepts.names)), network.pieces(found, concepts.pieces)


def _strata(data: Data) -> Classes:
    """Each fold gets its share of every class of every segment; small ones are thrown together."""
    names = sorted(set(data.segments))
    fine = np.array([names.index(one) for one in data.segments]) * len(data.categories) + data.truth
    mails = np.bincount(fine)
    strata: Classes = np.where(mails[fine] >= FOLDS, fine, len(mails))
    if 0 < (strata == len(mails)).sum() < FOLDS:
        strata[strata == len(mails)] = fine[mails[fine] >= FOLDS][0]
    return strata


def calibrate(folds: Sequence[Fold]) -> Cascade:
    """The calibrations, by what was said of mail left out."""
    return cascade.fit(cascade.joined([fold.answers for fold in folds]))


def cross_calibrated(folds: Sequence[Fold], data: Data) -> Numbers:
    """The probabilities of mail left out, each fold calibrated on the others."""
    probabilities = np.zeros((len(data.truth), len(data.categories)))
    for fold in folds:
        others = [other for other in folds if other is not fold]
        probabilities[fold.mails] = fold.answers.calibrated(calibrate(others))
    return probabilities


def strangers(
    data: Data, calibrated: Cascade, threshold: float, seed: int, done: Callable[[], None]
) -> tuple[Figures, ...]:
    """The figures of each large source of several classes, by a model that never saw the source.

    Sources are held out some at a time, spread so that those of one language are not together.
    """
    of, figures = np.array(data.sources), []
    names = sorted(set(data.sources))
    judged = [
        n for n in names if (of == n).sum() >= _STRANGERS and len(set(data.truth[of == n])) > 1
    ]
    for number in range(ROUNDS_OF_STRANGERS):
        held_out = judged[number::ROUNDS_OF_STRANGERS]
        kept = np.flatnonzero(~np.isin(of, held_out))
        if held_out and len(set(data.truth[kept])) > 1:
            fitted = fit(data, kept, seed)
            figures += [_of_stranger(data, name, fitted, calibrated, threshold)
                        for name in held_out]  # fmt: skip
        done()
    return tuple(sorted(figures, key=lambda figure: figure.name))


def _of_stranger(
    data: Data, name: str, fitted: Fitted, calibrated: Cascade, threshold: float
) -> Figures:
    left = np.flatnonzero(np.array(data.sources) == name)
    probabilities = fitted.answers(data, left).calibrated(calibrated)
    return judge(f"{name}, never seen", probabilities, data.truth[left], data.categories, threshold)
