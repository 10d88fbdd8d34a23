"""The linear part of a model: two experts and a gate that weighs their word.

In: features of many mails as a sparse matrix, their classes, their worlds. Out: `Linear`. Mail that
customers write to a company's desk and what lies in the inboxes of its people are two worlds: the
same word says different things in them, and one table for both is worse at each. So each world has
its expert, which sees the other's mail with little weight, and a gate says how much a message
is like either (Jacobs et al., Adaptive Mixtures of Local Experts, 1991; here each part is fitted by
itself). Where there is mail of one world only, its expert goes alone.

Needs scikit-learn (the extra `train`), which running does not.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .judge import Classes, Numbers

_STRENGTH = 2.5  # inverse of the L2 penalty; by grouped cross-validation
_ROUNDS, _TOLERANCE = 150, 2e-3  # of the optimiser: more bring nothing on held-out mail
# A feature's value in training is a quarter of the logarithm of how rare it is, so that the penalty
# lets rare words say more (inverse document frequency; Sparck Jones, 1972).
_RARE = 0.25
_OWN, _OTHER = 1.4, 0.05  # weight of the mail of an expert's own world, and of the other
_KNOWN = 2  # mails that must hold a word before it counts as known
_NEVER = -10.0  # logit of what the training has not


@dataclass(frozen=True, slots=True, kw_only=True)
class Linear:
    """Weights; columns: the desk's expert, the inbox's less the desk's, the gate, known words."""

    table: Numbers  # [feature, 2 * categories + 2]; last column: 1 for a word that is known
    bias: Numbers  # [2 * categories + 1]

    def logits(self, rows: Any) -> Numbers:
        """What the experts together say [mail, category]."""
        size = len(self.bias) // 2
        sums = rows @ self.table[:, : 2 * size] + self.bias[:-1]
        answers: Numbers = sums[:, :size] + self.inbox(rows)[:, None] * sums[:, size:]
        return answers

    def inbox(self, rows: Any) -> Numbers:
        """What the gate says [mail]: how much each is like mail between people, 0..1."""
        sums = rows @ self.table[:, -2] + self.bias[-1]
        shares: Numbers = 1.0 / (1.0 + np.exp(-sums))
        return shares

    def familiarity(self, known: Any) -> Numbers:
        """Of each mail the share of its words' weight that the table knows."""
        whole = np.asarray(known.sum(axis=1)).ravel()
        share: Numbers = np.asarray(known @ self.table[:, -1]).ravel() / np.maximum(whole, 1e-9)
        return share


def fit(
    rows: Any, known: Any, truth: Classes, weights: Numbers, is_inbox: NDArray[np.bool_], size: int
) -> Linear:
    """The two experts and the gate, of mail of at least two of `size` categories."""
    table = np.zeros((rows.shape[1], 2 * size + 2))
    bias = np.zeros(2 * size + 1)
    desk, inbox, gate = slice(0, size), slice(size, 2 * size), slice(2 * size, 2 * size + 1)
    worlds = [world for world in (~is_inbox, is_inbox) if _is_telling(truth, world)]
    if len(worlds) == 2:
        for columns, world in ((desk, ~is_inbox), (inbox, is_inbox)):
            shares = weights * np.where(world, _OWN, _OTHER)
            table[:, columns], bias[columns] = _expert(rows, truth, shares, size)
        table[:, inbox] -= table[:, desk]
        bias[inbox] -= bias[desk]
        both, offsets = _expert(rows, is_inbox.astype(np.int64), weights, 2)
        table[:, gate], bias[gate] = both[:, 1:] - both[:, :1], offsets[1:] - offsets[:1]
    else:
        table[:, desk], bias[desk] = _expert(rows, truth, weights, size)
        bias[gate] = _NEVER
    table[:, -1] = np.bincount(known.indices, minlength=len(table)) >= _KNOWN
    return Linear(table=table, bias=bias)


def _is_telling(truth: Classes, world: NDArray[np.bool_]) -> bool:
    return len(set(truth[world])) > 1


def _expert(rows: Any, truth: Classes, weights: Numbers, size: int) -> tuple[Numbers, Numbers]:
    """(table, bias) of a logistic regression."""
    from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]

    used = np.unique(rows.indices)
    scale = _telling(rows)[used]
    model = LogisticRegression(C=_STRENGTH, max_iter=_ROUNDS, tol=_TOLERANCE)
    model.fit(rows[:, used].multiply(scale).tocsr(), truth, sample_weight=weights)
    coefficients, intercepts = model.coef_ * scale, model.intercept_
    if len(model.classes_) == 2:
        coefficients = np.vstack([-coefficients, coefficients]) / 2
        intercepts = np.concatenate([-intercepts, intercepts]) / 2
    table = np.zeros((rows.shape[1], size))
    table[np.ix_(used, model.classes_)] = coefficients.T
    bias = np.full(size, _NEVER)
    bias[model.classes_] = intercepts
    return table, bias


def _telling(rows: Any) -> Numbers:
    """What each feature is multiplied by in training; 1 for one that every mail has."""
    mails = np.bincount(rows.indices, minlength=rows.shape[1])
    rarity: Numbers = _RARE * (1.0 + np.log((1.0 + rows.shape[0]) / (1.0 + mails)))
    return np.where(mails == rows.shape[0], 1.0, rarity)
