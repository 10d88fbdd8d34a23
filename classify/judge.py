"""How good a classifier is: accuracy, F1, precision and coverage, calibration.

In: probabilities, true classes, thresholds. Out: `Figures`. Pure arithmetic over arrays; train.py
applies it to held-out folds and `postroom model eval` to a file.

Limits: expected calibration error uses ten equal bins, so small sets look worse than they are.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Classes = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The figures of one set of mail."""

    name: str
    mails: int
    accuracy: float
    macro_f1: float  # over the classes that occur in the set
    precision: float | None  # of the mail at or above the threshold; None when there is none
    coverage: float  # share of the mail at or above the threshold
    calibration_error: float  # expected calibration error, 0..1
    # class -> (mails, precision, recall); precision is None where the class was never given
    per_class: dict[str, tuple[int, float | None, float]]
    confusion: tuple[tuple[int, ...], ...]  # rows: true class, columns: given class


def judge(
    name: str, probabilities: Numbers, truth: Classes, categories: tuple[str, ...], threshold: float
) -> Figures:
    """The figures of one set."""
    given, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    right, sure = given == truth, confidence >= threshold
    size = len(categories)
    confusion = np.bincount(truth * size + given, minlength=size * size).reshape(size, size)
    hits, true, said = confusion.diagonal(), confusion.sum(axis=1), confusion.sum(axis=0)
    occurs = true > 0
    f1 = 2 * hits / np.maximum(true + said, 1)
    return Figures(
        name=name,
        mails=len(truth),
        accuracy=float(right.mean()),
        macro_f1=float(f1[occurs].mean()),
        precision=float(right[sure].mean()) if sure.any() else None,
        coverage=float(sure.mean()),
        calibration_error=calibration_error(confidence, right),
        per_class={
            category: (int(true[i]), _share(hits[i], said[i]), float(hits[i] / true[i]))
            for i, category in enumerate(categories)
            if occurs[i]
        },
        confusion=tuple(tuple(int(cell) for cell in row) for row in confusion),
    )


def calibration_error(confidence: Numbers, right: NDArray[np.bool_]) -> float:
    """Expected calibration error over ten equal bins of confidence."""
    bins = np.minimum((confidence * 10).astype(np.int64), 9)
    mails = np.bincount(bins, minlength=10)
    gap = np.bincount(bins, weights=confidence - right, minlength=10)
    return float(np.abs(gap).sum() / mails.sum())


def _share(part: int, whole: int) -> float | None:
    return float(part) / float(whole) if whole else None
