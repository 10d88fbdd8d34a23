"""Whether a candidate model is worse than the live one, on mail that neither was trained on.

In: true classes and what both models say of the same mails. Out: a `Comparison`: for all mail and
for each class the difference in the share that is right, with its 90 % interval for paired answers
(Wald with a continuity correction: what counts are the mails on which the two differ).

A candidate is worse where the whole interval lies below zero, in any class; over all mail already
where it may be more than two points worse. With fewer than 30 mails nothing can be said.
"""

from dataclasses import dataclass
from math import sqrt

import numpy as np

from .judge import Classes

LEAST = 30  # mails
_MARGIN = 0.02  # of all mail, that a candidate may lose by chance
_Z = 1.645  # two-sided 90 %


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Of one set of mails, how much oftener the candidate is right."""

    name: str  # class, or "all"
    mails: int
    live: float  # share that is right
    candidate: float
    low: float  # of the difference
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Candidate against live model."""

    live: str  # names of the two
    candidate: str
    differences: tuple[Difference, ...]  # all mail first
    objections: tuple[str, ...]  # why the candidate must not be promoted; empty: it may


def compare(
    truth: Classes,
    live: Classes,
    candidate: Classes,
    categories: tuple[str, ...],
    names: tuple[str, str],
) -> Comparison:
    """The comparison; `names` are those of the live model and the candidate."""
    whole = _difference("all", truth, live, candidate, np.ones(len(truth), dtype=bool))
    classes = [
        _difference(category, truth, live, candidate, truth == number)
        for number, category in enumerate(categories)
        if (truth == number).any()
    ]
    return Comparison(
        live=names[0],
        candidate=names[1],
        differences=(whole, *classes),
        objections=tuple(_objections(whole, classes)),
    )


def _difference(
    name: str, truth: Classes, live: Classes, candidate: Classes, inside: np.ndarray
) -> Difference:
    mails = int(inside.sum())
    was = (live == truth)[inside]
    now = (candidate == truth)[inside]
    won, lost = int((now & ~was).sum()), int((was & ~now).sum())
    if not mails:
        return Difference(name=name, mails=0, live=0.0, candidate=0.0, low=0.0, high=0.0)
    middle = (won - lost) / mails
    spread = _Z * sqrt(max(won + lost - (won - lost) ** 2 / mails, 0.0)) / mails
    spread += 1 / mails if won + lost else 0.0
    return Difference(
        name=name,
        mails=mails,
        live=round(float(was.mean()), 4),
        candidate=round(float(now.mean()), 4),
        low=round(max(middle - spread, -1.0), 4),
        high=round(min(middle + spread, 1.0), 4),
    )


def _objections(whole: Difference, classes: list[Difference]) -> list[str]:
    if whole.mails < LEAST:
        return [f"only {whole.mails} mails were held out, {LEAST} are needed to tell"]
    told = [
        f"{one.name}: right in {one.candidate:.0%} instead of {one.live:.0%} of {one.mails} mails"
        for one in classes
        if one.high < 0
    ]
    if whole.low < -_MARGIN:
        told.append(
            f"all mail: right in {whole.candidate:.1%} instead of {whole.live:.1%}; with 90 % "
            f"certainty {whole.low:+.1%} to {whole.high:+.1%}"
        )
    return told
