"""The ARC validation suite, as published, and two chains of another project."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from postroom.config import Config
from postroom.envelope import Envelope
from postroom.milter.authenticate import Assumption, Authenticator
from postroom.verdict import Result
from tests.fakes import yamls
from tests.fakes.dns import FakeResolver, ZoneLiteral
from tests.fakes.moment import FixedClock

ARC = Path(__file__).resolve().parents[3] / "shared" / "conformance" / "arc"
SUITE = ARC / "arc-draft-validation-tests.yml"

pytestmark = pytest.mark.skipif(not SUITE.exists(), reason="conformance data is not here")

EXPECTED = {"none": Result.NONE, "pass": Result.PASS, "fail": Result.FAIL, "": Result.FAIL}


def cases() -> list[Any]:
    if not SUITE.exists():
        return []
    return [
        pytest.param(scenario["txt-records"], case, id=name)
        for scenario in yamls.load_all(SUITE)
        for name, case in scenario["tests"].items()
    ]


def result(zone: ZoneLiteral, raw: bytes) -> Result:
    authenticator = Authenticator(Config(), FakeResolver(zone), FixedClock())
    verdict = asyncio.run(authenticator.authenticate(Envelope(), raw, Assumption(dkim=())))
    return verdict.arc.result


@pytest.mark.parametrize(("records", "case"), cases())
def test_the_chain_gets_the_result_of_the_suite(
    records: dict[str, str], case: dict[str, Any]
) -> None:
    zone = {name: [("TXT", text)] for name, text in records.items()}
    raw = case["message"].encode().replace(b"\n", b"\r\n")
    assert result(zone, raw) is EXPECTED[str(case["cv"] or "").strip().lower()]


@pytest.mark.parametrize("name", ["001.txt", "002.txt"])
def test_chains_of_other_sealers_pass(name: str) -> None:
    records, _, message = (ARC / "mail-auth" / name).read_bytes().partition(b"\n\n")
    lines = [line.partition(" ") for line in records.decode().splitlines()]
    zone = {owner: [("TXT", text)] for owner, _, text in lines}
    assert result(zone, message.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")) is Result.PASS
