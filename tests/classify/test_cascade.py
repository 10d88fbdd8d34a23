"""The cascade: the whole model is asked only where its early part is unsure."""

from dataclasses import replace

import numpy as np
import pytest

from postroom.classify import calibration, cascade
from postroom.classify.calibration import Answers, Calibration, Signs
from postroom.classify.cascade import ENOUGH, Cascade, Stages
from postroom.classify.judge import calibration_error

NAMES = ("invoice", "support", "spam", "other")
SIGNS = Signs(familiarity=1.0, inbox=0.0, words=32, language="en")
PLAIN = Calibration(languages={}, categories={})
SURE, UNSURE = [9.0, 0.0, 0.0, 0.0], [1.0, 0.5, 0.0, 0.0]


def test_the_early_word_stands_where_it_is_sure() -> None:
    by = Cascade(early=PLAIN, whole=PLAIN)
    assert by.is_enough(PLAIN.probabilities(SURE, NAMES, SIGNS))
    assert not by.is_enough(PLAIN.probabilities(UNSURE, NAMES, SIGNS))
    assert by.is_enough([ENOUGH, 1.0 - ENOUGH]) and not by.is_enough([ENOUGH - 0.001, 0.0])


def stages(count: int, seed: int) -> Stages:
    """An early part that sees half of what there is to see, and a whole that sees it all."""
    random = np.random.default_rng(seed)
    seen = random.normal(0.0, 4.0, (count, len(NAMES)))
    besides = random.normal(0.0, 2.0, (count, len(NAMES)))
    powers = np.exp(seen + besides)
    truth = np.array([random.choice(len(NAMES), p=row / row.sum()) for row in powers])
    early = Answers(sums=3.0 * seen, signs=(SIGNS,) * count, truth=truth, names=NAMES)
    return Stages(early=early, whole=replace(early, sums=3.0 * (seen + besides)))


def test_what_is_fitted_means_what_it_says_in_both_stages() -> None:
    fitted, others = cascade.fit(stages(6_000, 1)), stages(6_000, 2)
    probabilities = others.calibrated(fitted)
    early = others.early.calibrated(fitted.early)
    asked = early.max(axis=1) < ENOUGH
    assert 0.1 < asked.mean() < 0.95
    assert (probabilities[~asked] == early[~asked]).all()
    right = probabilities.argmax(axis=1) == others.early.truth
    assert calibration_error(probabilities.max(axis=1)[asked], right[asked]) < 0.05
    assert right.mean() > (early.argmax(axis=1) == others.early.truth).mean() + 0.05


def test_one_message_alone_gets_what_it_gets_among_many() -> None:
    fitted, some = cascade.fit(stages(600, 3)), stages(40, 4)
    together = some.calibrated(fitted)
    for number, expected in enumerate(together):
        alone = fitted.early.probabilities(some.early.sums[number].tolist(), NAMES, SIGNS)
        if not fitted.is_enough(alone):
            alone = fitted.whole.probabilities(some.whole.sums[number].tolist(), NAMES, SIGNS)
        assert alone == pytest.approx(expected)


def test_a_few_mails_give_the_whole_a_calibration_too() -> None:
    few = stages(30, 5)
    assert cascade.fit(few).whole == calibration.fit(few.whole)


def test_parts_can_be_joined() -> None:
    one, other = stages(300, 6), stages(300, 7)
    both = cascade.joined([one, other])
    assert len(both.early.signs) == 600
    assert both.whole.sums.tolist() == [*one.whole.sums.tolist(), *other.whole.sums.tolist()]
