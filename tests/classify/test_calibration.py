"""Calibration: sums become probabilities that mean what they say, and doubt flattens them."""

from dataclasses import replace

import numpy as np
import pytest

from postroom.classify import calibration
from postroom.classify.calibration import Answers, Calibration, Signs
from postroom.classify.judge import Numbers, calibration_error

NAMES = ("invoice", "support", "spam", "other")
PLAIN = Signs(familiarity=0.9, inbox=0.0, words=32, language="en")
FITTED = Calibration(
    temperature=1.5,
    offset=0.3,
    slope=0.1,
    unfamiliar=0.7,
    inbox=0.4,
    words=0.1,
    languages={"ru": -0.3},
    categories={"other": -0.2},
)


def confidence(sums: list[float], signs: Signs = PLAIN, names: tuple[str, ...] = NAMES) -> float:
    return max(FITTED.probabilities(sums, names, signs))


@pytest.mark.parametrize(
    "sums",
    [
        [3.0, 1.0, 0.5, -2.0],
        [0.1, 0.0, 0.1, 0.05],
        [0.0, 0.0, 0.0, 0.0],
        [1.0, 0.999999, -40.0, -40.0],
        [900.0, -900.0, 0.0, 1.0],
        [-5.0, -900.0, -900.0, -900.0],
        [2.0, 1.0],
        [0.0, 0.0],
    ],
)
@pytest.mark.parametrize("familiarity", [0.0, 1.0])
def test_shares_add_up_and_the_order_of_answers_stays(
    sums: list[float], familiarity: float
) -> None:
    signs = replace(PLAIN, familiarity=familiarity)
    shares = FITTED.probabilities(sums, NAMES[: len(sums)], signs)
    assert sum(shares) == pytest.approx(1.0)
    assert all(0.0 <= share <= 1.0 for share in shares)
    best = int(np.argmax(sums))
    assert int(np.argmax(shares)) == best
    others = [n for n in range(len(sums)) if n != best]
    for one in others:
        for other in others:
            assert (sums[one] > sums[other]) <= (shares[one] >= shares[other])


@pytest.mark.parametrize(
    "doubtful",
    [
        replace(PLAIN, familiarity=0.1),
        replace(PLAIN, inbox=0.9),
        replace(PLAIN, words=2),
        replace(PLAIN, language="ru"),
    ],
)
@pytest.mark.parametrize("lead", [0.5, 2.0, 6.0])
def test_what_speaks_for_doubt_makes_an_answer_less_sure(doubtful: Signs, lead: float) -> None:
    sums = [lead, 0.0, -0.5, -1.0]
    assert confidence(sums, doubtful) < confidence(sums)


def test_an_answer_is_the_surer_the_further_it_is_ahead() -> None:
    said = [confidence([lead / 4, 0.0, -1.0, -1.0]) for lead in range(40)]
    assert said == sorted(said) and said[0] < 0.5 and said[-1] > 0.95


def test_a_category_that_is_less_often_right_is_less_sure() -> None:
    assert confidence([0.0, 0.0, 0.0, 3.0]) < confidence([3.0, 0.0, 0.0, 0.0])


def mail(count: int, seed: int) -> Answers:
    """Answers of a model that is far too sure, most of all between people."""
    random = np.random.default_rng(seed)
    inbox = (random.random(count) < 0.4).astype(float)
    meant = random.normal(0.0, 1.0, (count, len(NAMES))) * np.where(inbox, 0.8, 2.0)[:, None]
    truth = np.array([random.choice(len(NAMES), p=row) for row in shares(meant)])
    return Answers(
        sums=meant * np.where(inbox, 6.0, 3.0)[:, None],
        signs=tuple(replace(PLAIN, familiarity=1.0, inbox=one) for one in inbox.tolist()),
        truth=truth,
        names=NAMES,
    )


def shares(sums: Numbers) -> Numbers:
    powers = np.exp(sums)
    found: Numbers = powers / powers.sum(axis=1, keepdims=True)
    return found


def test_what_is_fitted_means_what_it_says_on_other_mail_of_each_kind() -> None:
    fitted = calibration.fit(mail(6_000, 1))
    assert fitted.inbox > 0.1 and fitted.unfamiliar >= 0.5
    others = mail(6_000, 2)
    probabilities = others.calibrated(fitted)
    said, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == others.truth
    inbox = np.array([one.inbox for one in others.signs]) > 0.5
    before = shares(others.sums).max(axis=1)
    for inside in (inbox, ~inbox):
        assert calibration_error(said[inside], right[inside]) < 0.04
        assert calibration_error(before[inside], right[inside]) > 0.1


def test_the_same_mail_gives_the_same_calibration_and_parts_can_be_joined() -> None:
    whole = mail(600, 3)
    halves = [
        replace(whole, sums=whole.sums[part], signs=whole.signs[part], truth=whole.truth[part])
        for part in (slice(0, 300), slice(300, 600))
    ]
    assert calibration.fit(calibration.joined(halves)) == calibration.fit(whole)


def test_a_few_mails_of_two_categories_suffice_and_get_no_factor_of_a_language() -> None:
    signs = (replace(PLAIN, words=0, familiarity=0.0), PLAIN, PLAIN, PLAIN)
    few = Answers(
        sums=np.array([[2.0, 0.0], [1.0, 0.5], [0.0, 3.0], [0.2, 0.1]]),
        signs=signs,
        truth=np.array([0, 0, 1, 1]),
        names=("invoice", "returns"),
    )
    fitted = calibration.fit(few)
    assert fitted.languages == {} and set(fitted.categories) == {"invoice", "returns"}
    assert few.calibrated(fitted).sum(axis=1) == pytest.approx([1.0] * 4)
