"""The linear part of a model: an expert for each kind of mail and a gate that weighs their word.

In: features of many mails as a sparse matrix, their classes, their worlds. Out: `Linear`. Mail that
customers write to a company's desk, mail written for our corpus as it lies in the inboxes of
people, and mail of public archives, twenty years old, are worlds: the same word says different
things in them, and one table for all is worse at each. So each world has its expert, which sees the
others' mail with little weight or not at all, and a gate says how much a message is like each
(Jacobs et al., Adaptive Mixtures of Local Experts, 1991; here each part is fitted by itself). Where
there is mail of one world only, its expert goes alone.

Needs scikit-learn (the extra `train`), which running does not.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from .judge import Classes, Numbers

_ROUNDS, _TOLERANCE = 150, 2e-3  # of the optimiser: more bring nothing on held-out mail


@dataclass(frozen=True, slots=True, kw_only=True)
class Expert:
    """How an expert is fitted; all by grouped cross-validation."""

    shares: tuple[float, ...]  # weight of the mail of each world
    strength: float = 2.5  # inverse of the L2 penalty
    # A feature's value in training is this part of the logarithm of how rare it is, so that the
    # penalty lets rare words say more (inverse document frequency; Sparck Jones, 1972).
    rarity: float = 0.25
    everywhere: float = 0.25  # likewise what every mail has: the numbers of its meaning
    balance: float = 0.0  # 1: every class weighs the same, 0: as much as it has mail


# The worlds' experts: of mail to a desk, of our written mail between people, of archives. The last
# is better for every mail it does not see.
WORLDS = DESK, INBOX, ARCHIVE = range(3)
_EXPERTS = (
    Expert(shares=(1.4, 0.05, 0.05), everywhere=1.0),
    Expert(shares=(0.1, 1.4, 0.3)),
    Expert(shares=(0.0, 0.0, 1.0), strength=5.0, rarity=0.5, everywhere=0.5, balance=0.5),
)
# How much mail of a world the training has says little of how much a site gets.
_GATE = Expert(shares=(1.0, 1.0, 1.0), balance=0.5)
_KNOWN = 2  # mails that must hold a word before it counts as known
_NEVER = -10.0  # logit of what the training has not


@dataclass(frozen=True, slots=True, kw_only=True)
class Linear:
    """Weights; columns: each world's expert, the gate, known words."""

    table: Numbers  # [feature, worlds * categories + worlds + 1]; last: 1 for a word that is known
    bias: Numbers  # [worlds * categories + worlds]

    def logits(self, rows: Any) -> Numbers:
        """What the experts together say [mail, category]."""
        said = rows @ self.table[:, : -len(WORLDS) - 1] + self.bias[: -len(WORLDS)]
        by_world = said.reshape(len(said), len(WORLDS), -1)
        answers: Numbers = np.einsum("mw,mwc->mc", self.shares(rows), by_world)
        return answers

    def shares(self, rows: Any) -> Numbers:
        """What the gate says [mail, world]: how much each is like each, 1 together."""
        sums = rows @ self.table[:, -len(WORLDS) - 1 : -1] + self.bias[-len(WORLDS) :]
        powers = np.exp(sums - sums.max(axis=1, keepdims=True))
        shares: Numbers = powers / powers.sum(axis=1, keepdims=True)
        return shares

    def inbox(self, rows: Any) -> Numbers:
        """How much each mail is like mail between people, 0..1."""
        between: Numbers = 1.0 - self.shares(rows)[:, DESK]
        return between

    def familiarity(self, known: Any) -> Numbers:
        """Of each mail the share of its words' weight that the table knows."""
        whole = np.asarray(known.sum(axis=1)).ravel()
        share: Numbers = np.asarray(known @ self.table[:, -1]).ravel() / np.maximum(whole, 1e-9)
        return share


def fit(
    rows: Any, known: Any, truth: Classes, weights: Numbers, worlds: Classes, size: int
) -> Linear:
    """The experts and the gate, of mail of at least two of `size` categories."""
    gate = len(WORLDS) * size
    table = np.zeros((rows.shape[1], gate + len(WORLDS) + 1))
    bias = np.zeros(gate + len(WORLDS))
    telling = [world for world in WORLDS if len(set(truth[worlds == world])) > 1]
    if len(telling) > 1:
        for world in telling:
            own = slice(world * size, (world + 1) * size)
            table[:, own], bias[own] = _fitted(_EXPERTS[world], rows, truth, weights, worlds, size)
        judged = np.isin(worlds, telling)
        table[:, gate:-1], bias[gate:] = _fitted(
            _GATE, rows[judged], worlds[judged], weights[judged], worlds[judged], len(WORLDS)
        )
    else:
        alone = Expert(shares=(1.0,) * len(WORLDS))
        table[:, :size], bias[:size] = _fitted(alone, rows, truth, weights, worlds, size)
        bias[gate + 1 :] = _NEVER
    table[:, -1] = np.bincount(known.indices, minlength=len(table)) >= _KNOWN
    return Linear(table=table, bias=bias)


def _fitted(
    expert: Expert, rows: Any, truth: Classes, weights: Numbers, worlds: Classes, size: int
) -> tuple[Numbers, Numbers]:
    """(table, bias) of a logistic regression."""
    from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]

    weights = weights * np.array(expert.shares)[worlds]
    seen = weights > 0
    rows, truth, weights = rows[seen], truth[seen], weights[seen]
    mails = np.bincount(truth, weights, size)
    weights = weights * (weights.sum() / size / np.maximum(mails, 1e-9))[truth] ** expert.balance
    used = np.unique(rows.indices)
    scale = _telling(rows, expert)[used]
    model = LogisticRegression(C=expert.strength, max_iter=_ROUNDS, tol=_TOLERANCE)
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


def _telling(rows: Any, expert: Expert) -> Numbers:
    """What each feature is multiplied by in training."""
    mails = np.bincount(rows.indices, minlength=rows.shape[1])
    rarity: Numbers = expert.rarity * (1.0 + np.log((1.0 + rows.shape[0]) / (1.0 + mails)))
    return np.where(mails == rows.shape[0], expert.everywhere, rarity)
