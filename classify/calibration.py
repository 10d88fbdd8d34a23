"""What a model's sums become: probabilities that mean what they say.

In: the sums of one message, one a category, and `Signs`, which tell how far they can be trusted.
Out: a probability for each category. How far the best answer leads over chance, in log odds, is
multiplied by a slope and shifted; the rest goes to the other categories as the sums share it out.
That is Platt's scaling (Probabilistic Outputs for Support Vector Machines, 1999) with a slope that
depends on the message: flatter, so that the answer is less sure, the more of the words are unknown,
the fewer there are, and the more it reads like mail between people (linear.py's gate), on whose
category readers differ; a language and a category have a factor each.

`fit` finds the numbers on mail that the model was not trained on (needs SciPy, which running does
not). Pure; a few microseconds a message.

Limits: the best answer stays the best, however unsure it becomes.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .judge import Classes, Numbers

_FAR = -100.0  # a sum further behind counts as this
_AHEAD = 1e-6  # what the best answer is before the second at least
_STEEPEST = 2.0  # largest logarithm of a slope, and least but for its sign
_LEAST_FOR_LANGUAGE = 60  # held-out mails a language needs for a factor of its own
# The least that wholly unknown words flatten an answer by, whatever the held-out mail says: of mail
# from another world it holds too little to tell.
_CAUTION = 1.0
# All log odds are this much of what they proved to be: an error that was sure costs more than a
# question that was not needed. With it 0.98 of what is sure at 0.85 is right, as promised.
_MODEST = 0.8
_USUAL = 3.5  # logarithm of the words of a usual mail
# How hard a factor is held at none: languages and categories differ only for a reason.
_HELD, _HELD_CATEGORY, _HELD_LANGUAGE = 0.5, 4.0, 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Signs:
    """What tells of one message how far the sums can be trusted."""

    familiarity: float  # 0..1: share of its words that the training saw
    inbox: float  # 0..1: how much it reads like mail between people, not to a company's desk
    words: int  # different ones of the new text
    language: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """The numbers that make probabilities of sums; all but the first two in the slope's log."""

    temperature: float = 1.0  # what sums are divided by
    offset: float = 0.0  # of the log odds
    slope: float = 0.0  # of a usual mail to a desk, every word known
    unfamiliar: float = 0.0  # taken off where no word is known
    inbox: float = 0.0  # taken off where it reads wholly like mail between people
    words: float = 0.0  # added for e times as many words
    languages: dict[str, float]  # added
    categories: dict[str, float]  # added, by the best answer

    def probabilities(
        self, sums: Sequence[float], names: Sequence[str], signs: Signs
    ) -> list[float]:
        """Of each category; `names` are theirs."""
        best = max(range(len(sums)), key=sums.__getitem__)
        shares = [math.exp(max((one - sums[best]) / self.temperature, _FAR)) for one in sums]
        shares[best] = 0.0
        rest, chance = sum(shares), math.log(len(sums) - 1)
        lead = chance - math.log(rest)
        odds = self.steepness(names[best], signs) * lead - chance + self.offset
        second = max(shares) / rest
        least = second / (1.0 + second) + _AHEAD
        confidence = max(1.0 / (1.0 + math.exp(-odds)), least)
        left = (1.0 - confidence) / rest
        probabilities = [share * left for share in shares]
        probabilities[best] = confidence
        return probabilities

    def steepness(self, category: str, signs: Signs) -> float:
        """The slope for one message with that best answer."""
        logarithm = (
            self.slope
            - self.unfamiliar * (1.0 - signs.familiarity)
            - self.inbox * signs.inbox
            + self.words * _length(signs)
            + self.languages.get(signs.language, 0.0)
            + self.categories.get(category, 0.0)
        )
        return math.exp(min(max(logarithm, -_STEEPEST), _STEEPEST))


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What models said of many mails that they were not trained on, and what these are."""

    sums: Numbers  # [mail, category]
    signs: tuple[Signs, ...]
    truth: Classes
    names: tuple[str, ...]  # of the categories

    def calibrated(self, calibration: Calibration) -> Numbers:
        """Their probabilities [mail, category]."""
        rows = [
            calibration.probabilities(sums, self.names, signs)
            for sums, signs in zip(self.sums.tolist(), self.signs, strict=True)
        ]
        return np.array(rows).reshape(self.sums.shape)

    def chosen(self, mails: NDArray[np.int64]) -> "Answers":
        """Those of some of the mails."""
        return replace(
            self,
            sums=self.sums[mails],
            signs=tuple(self.signs[mail] for mail in mails.tolist()),
            truth=self.truth[mails],
        )


def joined(parts: Sequence[Answers]) -> Answers:
    """All of several, one at least."""
    return replace(
        parts[0],
        sums=np.concatenate([part.sums for part in parts]),
        signs=tuple(chain.from_iterable(part.signs for part in parts)),
        truth=np.concatenate([part.truth for part in parts]),
    )


def _length(signs: Signs) -> float:
    """Logarithm of the number of words, 0 for a usual one."""
    return math.log1p(signs.words) - _USUAL


def fit(answers: Answers) -> Calibration:
    """The calibration under which it is least surprising which of the best answers are right.

    Every mail counts the same, unlike in training: what is unclear is as frequent as it is.
    """
    from scipy.optimize import minimize  # type: ignore[import-untyped]

    sums, signs, names = answers.sums, answers.signs, answers.names
    temperature = _temperature(sums, answers.truth)
    best = sums.argmax(axis=1)
    lead, chance = _lead(sums / temperature, best), math.log(len(names) - 1)
    side = np.where(best == answers.truth, 1.0, -1.0)  # right or wrong
    languages = _languages(signs)
    columns = np.column_stack(
        [
            np.ones(len(signs)),
            [one.familiarity - 1.0 for one in signs],
            [-one.inbox for one in signs],
            [_length(one) for one in signs],
            *([one.language == name for one in signs] for name in languages),
            *(best == number for number in range(len(names))),
        ]
    )
    held = np.array(
        [0.0, _HELD, _HELD, _HELD, *[_HELD_LANGUAGE] * len(languages),
         *[_HELD_CATEGORY] * len(names), 0.0]
    )  # fmt: skip

    def surprise(values: Numbers) -> tuple[float, Numbers]:
        logarithm = columns @ values[:-1]
        steep = np.exp(np.clip(logarithm, -_STEEPEST, _STEEPEST)) * lead
        odds = side * (steep - chance + values[-1])
        loss = np.logaddexp(0.0, -odds).sum() + held @ values**2
        slopes = -side / (1.0 + np.exp(np.clip(odds, -50.0, 50.0)))
        moves = slopes * steep * (np.abs(logarithm) < _STEEPEST)
        return float(loss), np.append(moves @ columns, slopes.sum()) + 2.0 * held * values

    # What sets a language apart is often the kind of its mail: its factor has what is left to say.
    free = [(None, None), (_CAUTION, None), *[(0.0, None)] * 2, *[(None, None)] * (len(held) - 4)]
    own = range(4, 4 + len(languages))
    found = np.zeros(len(held))
    found[1] = _CAUTION
    for are_languages in (False, True):
        bounds = [
            bound if (place in own) == are_languages else (value, value)
            for place, (bound, value) in enumerate(zip(free, found.tolist(), strict=True))
        ]
        found = minimize(surprise, found, method="L-BFGS-B", jac=True, bounds=bounds).x
    slope, unfamiliar, inbox, words, *factors, offset = (round(one, 4) for one in found.tolist())
    return Calibration(
        temperature=round(temperature, 4),
        offset=round(_MODEST * offset + (1.0 - _MODEST) * chance, 4),
        slope=round(slope + math.log(_MODEST), 4),
        unfamiliar=unfamiliar,
        inbox=inbox,
        words=words,
        languages=dict(zip(languages, factors, strict=False)),
        categories=dict(zip(names, factors[len(languages) :], strict=True)),
    )


def _temperature(sums: Numbers, truth: Classes) -> float:
    """One number that sums are divided by, so that the truth is least surprising."""
    from scipy.optimize import minimize_scalar

    mails = np.arange(len(truth))

    def surprise(logarithm: float) -> float:
        cooled = sums / math.exp(logarithm)
        highest = cooled.max(axis=1)
        powers = np.exp(cooled - highest[:, None]).sum(axis=1)
        return float((np.log(powers) + highest - cooled[mails, truth]).sum())

    found: Any = minimize_scalar(surprise, bounds=(-2.0, 3.0), method="bounded")
    return math.exp(float(found.x))


def _lead(cooled: Numbers, best: Classes) -> Numbers:
    """The log odds of each best answer, 0 being chance."""
    mails = np.arange(len(best))
    powers = np.exp(np.maximum(cooled - cooled[mails, best][:, None], _FAR))
    powers[mails, best] = 0.0
    lead: NDArray[np.float64] = math.log(cooled.shape[1] - 1) - np.log(powers.sum(axis=1))
    return lead


def _languages(signs: Sequence[Signs]) -> list[str]:
    """Those that have mail enough for a factor."""
    written = [one.language for one in signs]
    return sorted(n for n in set(written) if written.count(n) >= _LEAST_FOR_LANGUAGE)
