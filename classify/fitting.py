"""Models fitted and calibrated on labelled mail, and what they say of mail left out.

In: `Data`, the mail as arrays. Out: `Fitted` models, held-out answers, a `Calibration`. The
arithmetic of train.py, without files. A model is a linear one, which knows many words, and a
network, which reads their order; their logits are added. Needs the extra `train`.

Limits: temperatures only; with more mail per language, isotonic curves might do better.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from postroom.failure import PermanentFailure

from . import features, linear
from .concepts import Concepts
from .features import Features
from .judge import Classes, Figures, Numbers, judge
from .linear import Linear
from .scorer import Calibration, softmax

COLUMNS = features.BUCKETS + features.MEANING  # of the matrix, and rows of a table
FOLDS = 5
_STRANGERS = 200  # mails of a source to be judged by a model that never saw it
ROUNDS_OF_STRANGERS = 4  # models that judge them, each of a part of the sources it never saw
_LEAST_FOR_LANGUAGE = 60  # held-out mails a language needs for a calibration of its own
# The least that wholly unknown words flatten an answer by, whatever the held-out mail says: of mail
# from another world it holds too little to tell.
_CAUTION = 0.7
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
    sequences: Any  # network.Rows
    truth: Classes
    weights: Numbers
    groups: Classes
    languages: tuple[str, ...]  # as reading detects them
    segments: tuple[str, ...]
    sources: tuple[str, ...]
    is_inbox: NDArray[np.bool_]  # mail of people's inboxes, not of a company's desk
    is_certain: NDArray[np.bool_]
    categories: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """What models said of mail they were not trained on."""

    logits: Numbers
    familiarity: Numbers
    fold: Classes


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
    """A model: a linear one and a network, trained on the same mail."""

    linear: Linear
    network: dict[str, NDArray[np.float32]]

    def logits(self, data: Data, chosen: NDArray[np.int64]) -> Numbers:
        """What the model says [mail, category] of the chosen mails."""
        from . import network

        answers: Numbers = self.linear.logits(data.rows[chosen])
        return answers + network.logits(data.sequences, chosen, self.network)


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
            data.is_inbox[chosen],
            count,
        ),
        network=network.fit(data.sequences, chosen, data.truth, data.weights, count, seed),
    )


def cross_validate(data: Data, seed: int, done: Callable[[], None]) -> HeldOut:
    """What models say of the grouped folds they were not trained on; `done` is told of each.

    Raises TrainingError when there are too few groups.
    """
    from sklearn.model_selection import (  # type: ignore[import-untyped]
        StratifiedGroupKFold,
    )

    count = len(data.truth)
    if len(set(data.groups.tolist())) < FOLDS * 2:
        raise TrainingError("too few senders and threads to hold some out; add mail")
    strata_of = _strata(data)
    held_out = HeldOut(
        logits=np.zeros((count, len(data.categories))),
        familiarity=np.zeros(count),
        fold=np.zeros(count, dtype=np.int64),
    )
    splitter = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
    for number, (kept, left) in enumerate(splitter.split(strata_of, strata_of, data.groups)):
        fitted = fit(data, kept, seed)
        held_out.logits[left] = fitted.logits(data, left)
        held_out.familiarity[left] = fitted.linear.familiarity(data.known[left])
        held_out.fold[left] = number
        done()
    return held_out


def sequences(found: Sequence[Features], concepts: Concepts) -> Any:
    """The words in order of all mails, for the network. Raises TrainingError without JAX."""
    try:
        from . import network
    except ImportError as error:
        raise TrainingError(_NEEDED, error) from error
    return network.rows(found, concepts.meanings, len(concepts.names))


def _strata(data: Data) -> Classes:
    """Each fold gets its share of every class of every segment; small ones are thrown together."""
    names = sorted(set(data.segments))
    fine = np.array([names.index(one) for one in data.segments]) * len(data.categories) + data.truth
    mails = np.bincount(fine)
    strata: Classes = np.where(mails[fine] >= FOLDS, fine, len(mails))
    if 0 < (strata == len(mails)).sum() < FOLDS:
        strata[strata == len(mails)] = fine[mails[fine] >= FOLDS][0]
    return strata


def calibrate(held_out: HeldOut, data: Data, chosen: NDArray[np.bool_]) -> Calibration:
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


def cross_calibrated(held_out: HeldOut, data: Data) -> Numbers:
    """Held-out probabilities, each fold calibrated on the others."""
    probabilities = np.zeros_like(held_out.logits)
    for number in range(FOLDS):
        is_left = held_out.fold == number
        calibration, left = calibrate(held_out, data, ~is_left), np.flatnonzero(is_left)
        logits, familiarity = held_out.logits[left], held_out.familiarity[left]
        probabilities[left] = _calibrated(logits, familiarity, left, data, calibration)
    return probabilities


def _calibrated(
    logits: Numbers,
    familiarity: Numbers,
    mails: NDArray[np.int64],
    data: Data,
    calibration: Calibration,
) -> Numbers:
    """The probabilities of some mails."""
    temperatures = np.array(
        [
            calibration.temperature(known, data.languages[mail])
            for known, mail in zip(familiarity.tolist(), mails, strict=True)
        ]
    )
    return softmax(logits / temperatures[:, None])


def strangers(
    data: Data, calibration: Calibration, threshold: float, seed: int, done: Callable[[], None]
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
            figures += [_of_stranger(data, name, fitted, calibration, threshold)
                        for name in held_out]  # fmt: skip
        done()
    return tuple(sorted(figures, key=lambda figure: figure.name))


def _of_stranger(
    data: Data, name: str, fitted: Fitted, calibration: Calibration, threshold: float
) -> Figures:
    left = np.flatnonzero(np.array(data.sources) == name)
    familiarity = fitted.linear.familiarity(data.known[left])
    logits = fitted.logits(data, left)
    probabilities = _calibrated(logits, familiarity, left, data, calibration)
    return judge(f"{name}, never seen", probabilities, data.truth[left], data.categories, threshold)
