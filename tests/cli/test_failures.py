"""What a command says when it fails: the reason, and the place and mend the failure knows."""

from pathlib import Path

import pytest

from postroom import cli
from postroom.classify.examples import CorpusError
from postroom.classify.rulebook import RuleError
from postroom.failure import Failure, PermanentFailure


@pytest.mark.parametrize(
    ("failure", "told"),
    [
        (RuleError(["a.yaml:3: is no YAML; mend it", "b.yaml:1: too"]), ": a.yaml:3: is no YAML"),
        (CorpusError(Path("x.jsonl"), 7, "is no JSON"), ": x.jsonl:7: is no JSON"),
        (PermanentFailure("x", ValueError("why")), ": why"),
        (PermanentFailure("x"), ""),
    ],
)
def test_a_failure_is_told_with_its_place_and_mend(failure: Failure, told: str) -> None:
    said = cli._because(failure)
    assert said.startswith(told) and bool(said) is bool(told)
