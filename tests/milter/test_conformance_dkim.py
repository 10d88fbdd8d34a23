"""DKIM messages that other projects verify, with their keys."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from postroom.config import Config
from postroom.envelope import Envelope
from postroom.milter.authenticate import Authenticator
from postroom.verdict import Result
from tests.fakes import yamls
from tests.fakes.dns import FakeResolver
from tests.fakes.moment import FixedClock

VECTORS = Path(__file__).resolve().parents[3] / "shared" / "conformance" / "dkim" / "vectors"
CASES = VECTORS / "cases.yml"

pytestmark = pytest.mark.skipif(not CASES.exists(), reason="conformance data is not here")

# One of the messages has an x=; all were valid then.
MOMENT = 1_667_843_664
# Unsigned: material for a signer's test.
BY_HAND = {"dkimpy-ed25519test.msg"}


def cases() -> list[Any]:
    if not CASES.exists():
        return []
    rows = yamls.load(CASES)
    return [pytest.param(row, id=row["file"]) for row in rows if row["file"] not in BY_HAND]


@pytest.mark.parametrize("case", cases())
def test_each_signature_gets_the_result_its_project_expects(case: dict[str, Any]) -> None:
    zone = {name: [("TXT", text)] for name, text in case["zone"].items()}
    authenticator = Authenticator(Config(), FakeResolver(zone), FixedClock(MOMENT))
    raw = (VECTORS / case["file"]).read_bytes()
    verdict = asyncio.run(authenticator.authenticate(Envelope(), raw))
    results = [one.result for one in verdict.dkim]
    match case["results"]:
        case ["any-pass"]:
            assert Result.PASS in results
        case ["not-pass"]:
            assert Result.PASS not in results
        case ["pass*"]:
            assert results
            assert results[-1] is Result.PASS
        case expected:
            assert [result.value for result in results] == expected
