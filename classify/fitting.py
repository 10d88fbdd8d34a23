"""Models fitted and calibrated on labelled mail, and what they say of mail left out.

In: `Data`, the mail as arrays. Out: `Fitted` models, held-out answers, probabilities of them. The
arithmetic of train.py, without files. A model is a linear one, which knows many words, a network
that reads words in their order, and the upper half of a sentence encoder; their logits are added.
Needs the extra `train`.
"""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from postroom.failure import PermanentFailure

from . import cascade, encoder, features, linear
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
HEARD = {"words": 0.8, "encoder": 2.0}
LESS_HEARD = {"words": 0.7, "encoder": 0.5}
_AT_ONCE = 4  # models fitted at a time; each takes up to 2 GB of memory
_STRANGERS = 200  # mails of a source to be judged by a model that never saw it
ROUNDS_OF_STRANGERS = 4  # models that judge them, each of a part of the sources it never saw
_NEEDED = "needs scikit-learn, PyTorch: pip install 'postroom[train]'"


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
    words: Any  # network.Rows
    contexts: Any  # transformer.Contexts
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
class Split:
    """Mails to train a model on, and those it is judged on."""

    kept: NDArray[np.int64]
    left: NDArray[np.int64]


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
    """A model: a linear one, a network and an encoder, trained on the same mail."""

    linear: Linear
    words: dict[str, NDArray[np.float32]]  # the network's, as network.py names them
    upper: dict[str, NDArray[np.float32]]  # the encoder's upper half, as transformer.py does

    def networks_say(self, data: Data, chosen: NDArray[np.int64]) -> tuple[Numbers, ...]:
        """What the network of words says [mail, category], and the encoder; as each is heard."""
        from . import network, transformer

        inbox = self.linear.inbox(data.rows[chosen])[:, None]
        said = {
            "words": network.logits(data.words, chosen, self.words),
            "encoder": transformer.logits(data.contexts, chosen, self.upper),
        }
        return tuple(
            HEARD[kind] * (1.0 - LESS_HEARD[kind] * inbox) * logits for kind, logits in said.items()
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
        of_words, of_encoder = self.networks_say(data, chosen)
        early = Answers(
            sums=self.linear.logits(rows) + of_words,
            signs=tuple(
                Signs(familiarity=min(known, 1.0), inbox=inbox, words=words, language=language)
                for known, inbox, words, language in signs
            ),
            truth=data.truth[chosen],
            names=data.categories,
        )
        return Stages(early=early, whole=replace(early, sums=early.sums + of_encoder))


def fit(data: Data, chosen: NDArray[np.int64], seed: int) -> Fitted:
    """A model trained on the chosen mails."""
    from . import network, transformer

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
        words=network.fit(data.words, chosen, data.truth, data.weights, count, seed),
        upper=transformer.fit(data.contexts, chosen, data.truth, data.weights, count, seed),
    )


def fits(data: Data, each: Sequence[NDArray[np.int64]], seed: int) -> Iterator[Fitted]:
    """A model for each choice of mails, in their order, several at a time.

    Each counts on one thread, and so gives the same weights however many cores there are.
    """
    import torch

    count = min(os.cpu_count() or 1, _AT_ONCE)
    with ThreadPoolExecutor(count, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        yield from pool.map(lambda chosen: fit(data, chosen, seed), each)


def grouped(data: Data, seed: int) -> tuple[Split, ...]:
    """The grouped folds. Raises TrainingError when there are too few groups."""
    from sklearn.model_selection import (  # type: ignore[import-untyped]
        StratifiedGroupKFold,
    )

    if len(set(data.groups.tolist())) < FOLDS * 2:
        raise TrainingError("too few senders and threads to hold some out; add mail")
    strata_of = _strata(data)
    splitter = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
    return tuple(Split(kept=kept, left=left)
                 for kept, left in splitter.split(strata_of, strata_of, data.groups))  # fmt: skip


def by_source(data: Data) -> tuple[Split, ...]:
    """Large sources of several classes held out, some at a time.

    They are spread so that those of one language are not together.
    """
    of = np.array(data.sources)
    judged = [
        name for name in sorted(set(data.sources))
        if (of == name).sum() >= _STRANGERS and len(set(data.truth[of == name])) > 1
    ]  # fmt: skip
    splits = []
    for number in range(ROUNDS_OF_STRANGERS):
        is_left = np.isin(of, judged[number::ROUNDS_OF_STRANGERS])
        if is_left.any() and len(set(data.truth[~is_left])) > 1:
            splits.append(Split(kept=np.flatnonzero(~is_left), left=np.flatnonzero(is_left)))
    return tuple(splits)


def in_order(found: Sequence[Features], concepts: Concepts) -> tuple[Any, Any]:
    """(words, contexts) of all mails in order. Raises TrainingError without PyTorch."""
    try:
        from . import network, transformer
    except ImportError as error:
        raise TrainingError(_NEEDED, error) from error
    texts = [one.texts for one in found]
    return network.words(found, len(concepts.names)), transformer.contexts(texts, encoder.load())


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
    data: Data, left: NDArray[np.int64], fitted: Fitted, calibrated: Cascade, threshold: float
) -> tuple[Figures, ...]:
    """The figures of each source of the mails left, by a model that never saw these sources."""
    probabilities = fitted.answers(data, left).calibrated(calibrated)
    of = np.array(data.sources)[left]
    return tuple(
        judge(f"{name}, never seen", probabilities[of == name], data.truth[left][of == name],
              data.categories, threshold)
        for name in sorted(set(of.tolist()))
    )  # fmt: skip
