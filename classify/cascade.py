"""Two stages of a model: the whole of it is asked only where a cheaper part is unsure.

In: what the early part says (the linear model and the network of words), and what the whole does
(the sentence encoder besides). Out: a calibration for each, and whether the first is enough. Where
the early part is as sure as `ENOUGH`, its answer stands, and plain mail costs a tenth of other mail
(Viola and Jones, Rapid Object Detection using a Boosted Cascade of Simple Features, 2001). Each
stage has a calibration of its own (calibration.py), the whole's fitted on mail that gets so far:
that mail is harder, and the same sums say less there.

Limits: an early answer that is sure and wrong is not found out.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from . import calibration
from .calibration import Answers, Calibration
from .judge import Numbers

ENOUGH = 0.93  # early confidence from which the whole is not asked
_LEAST = 200  # unsure mails needed to fit the whole's calibration on them alone


@dataclass(frozen=True, slots=True, kw_only=True)
class Cascade:
    """The calibrations of both stages."""

    early: Calibration
    whole: Calibration
    enough: float = ENOUGH

    def is_enough(self, early: Sequence[float]) -> bool:
        """Do these probabilities of the early part stand?"""
        return max(early) >= self.enough


@dataclass(frozen=True, slots=True, kw_only=True)
class Stages:
    """What both stages of models said of the same mails, on which they were not trained."""

    early: Answers
    whole: Answers

    def calibrated(self, by: Cascade) -> Numbers:
        """The probabilities [mail, category]."""
        said = self.early.calibrated(by.early)
        unsure = said.max(axis=1) < by.enough
        said[unsure] = self.whole.chosen(np.flatnonzero(unsure)).calibrated(by.whole)
        return said


def joined(parts: Sequence[Stages]) -> Stages:
    """All of several, one at least."""
    return Stages(
        early=calibration.joined([part.early for part in parts]),
        whole=calibration.joined([part.whole for part in parts]),
    )


def fit(stages: Stages) -> Cascade:
    """The calibrations, by mail that the models were not trained on."""
    early = calibration.fit(stages.early)
    unsure: NDArray[np.int64] = np.flatnonzero(stages.early.calibrated(early).max(axis=1) < ENOUGH)
    whole = stages.whole
    if len(unsure) >= _LEAST:
        whole = whole.chosen(unsure)
    return Cascade(early=early, whole=calibration.fit(whole))
