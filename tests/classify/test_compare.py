"""When a candidate may be promoted, and what the report shows."""

import re
from dataclasses import replace

import numpy as np
import pytest

from postroom.classify import report
from postroom.classify.calibration import Signs
from postroom.classify.compare import compare
from postroom.classify.evaluation import Evaluation, by_kind, by_segment
from postroom.classify.examples import Example
from postroom.message import Message

NAMES = ("live", "candidate")


def answers(*right: tuple[int, bool]) -> np.ndarray:
    """Classes said of mails: (true class, whether the answer is right)."""
    return np.array([c if good else 1 - c for c, good in right], dtype=np.int64)


def objections(live: list[tuple[int, bool]], candidate: list[tuple[int, bool]]) -> tuple[str, ...]:
    truth = np.array([c for c, _ in live], dtype=np.int64)
    found = compare(truth, answers(*live), answers(*candidate), ("hr", "spam"), NAMES)
    assert (found.live, found.candidate) == NAMES
    return found.objections


RIGHT = [(0, True)] * 40 + [(1, True)] * 40


def test_the_same_answers_are_no_objection() -> None:
    assert objections(RIGHT, RIGHT) == ()


def test_a_better_one_may_come_in() -> None:
    worse = [(0, False)] * 20 + [(0, True)] * 20 + [(1, True)] * 40
    assert objections(worse, RIGHT) == ()


def test_one_class_that_got_worse_is_enough() -> None:
    live = [(0, True)] * 40 + [(1, False)] * 20 + [(1, True)] * 20
    candidate = [(0, False)] * 8 + [(0, True)] * 32 + [(1, True)] * 40
    assert objections(live, candidate) == ("hr: right in 80% instead of 100% of 40 mails",)


def test_a_loss_by_chance_in_a_class_is_none() -> None:
    live = [(0, True)] * 40 + [(1, False)] * 5 + [(1, True)] * 35
    candidate = [(0, False)] * 1 + [(0, True)] * 39 + [(1, True)] * 40
    assert objections(live, candidate) == ()


def test_all_mail_may_not_be_two_points_worse() -> None:
    candidate = [(0, False)] * 1 + [(0, True)] * 39 + [(1, False)] * 1 + [(1, True)] * 39
    assert "all mail: right in 97.5% instead of 100.0%" in objections(RIGHT, candidate)[0]


@pytest.mark.parametrize("mails", [0, 29])
def test_too_few_mails_tell_nothing(mails: int) -> None:
    few = [(0, True)] * mails
    assert objections(few, few) == (f"only {mails} mails were held out, 30 are needed to tell",)


def evaluation(probabilities: np.ndarray, truth: np.ndarray) -> Evaluation:
    names = ("hr", "spam")
    made = tuple(
        Example(
            id=f"m{n}",
            message=Message(raw=b"", subject="<script>alert(1)</script>", new_text="x & y"),
            label=names[c],
            language="en",
            is_certain=n % 2 == 0,
            source="site",
        )
        for n, c in enumerate(truth)
    )
    figures = by_segment(
        probabilities, truth, ("a",) * len(truth), np.ones(len(truth), dtype=bool), names, 0.85
    )
    return Evaluation(
        model="linear-1",
        source="a.jsonl",
        categories=names,
        examples=made,
        probabilities=probabilities,
        signs=(Signs(familiarity=0.9, inbox=0.25, words=8, language="en"),) * len(truth),
        truth=truth,
        figures=figures,
    )


def test_the_report_is_one_file_without_script_and_shows_the_surest_errors() -> None:
    sure = np.array([[0.99, 0.01], [0.6, 0.4], [0.1, 0.9], [0.97, 0.03]])
    page = report.html(evaluation(sure, np.array([1, 1, 1, 0])), 0.85)
    assert page.startswith("<!doctype html>")
    assert page.count("<svg") == 2
    assert "<script" not in page and "&lt;script&gt;" in page
    assert not re.search(r"(?:src|href|@import|url\()", page)
    errors = page[page.index("The surest errors") :]
    assert errors.index("m0") < errors.index("m1")
    assert "m2" not in errors and "90%, 25%" in errors
    assert "0.85: 0.667 of 75%" in page


def test_figures_by_the_kinds_of_mail_that_calibration_tells_apart() -> None:
    usual = Signs(familiarity=0.9, inbox=0.1, words=30, language="en")
    kinds = [usual] * 60 + [replace(usual, inbox=0.8)] * 70 + [replace(usual, words=9)] * 49
    kinds += [replace(usual, familiarity=0.2)] * 50 + [replace(usual, familiarity=0.0, words=0)]
    sure = np.tile([0.9, 0.1], (len(kinds), 1))
    found = by_kind(sure, np.zeros(len(kinds), dtype=np.int64), tuple(kinds), ("hr", "spam"), 0.85)
    assert [(one.name, one.mails) for one in found] == [
        ("reads like mail to a desk", 160),
        ("reads like mail between people", 70),
        ("fewer than 10 words", 50),
        ("half of the words unknown", 50),
    ]


def test_the_report_of_nothing_wrong_and_nothing_sure() -> None:
    page = report.html(evaluation(np.array([[0.6, 0.4]]), np.array([0])), 0.85)
    assert "<p>None.</p>" in page
