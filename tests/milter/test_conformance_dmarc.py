"""DMARC cases of other projects: given SPF and DKIM results, a zone, and what must come out."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from postroom.config import Config
from postroom.envelope import Envelope
from postroom.milter.authenticate import Assumption, Authenticator
from postroom.verdict import DkimResult, DmarcResult, Result, SpfResult
from tests.fakes import yamls
from tests.fakes.dns import FakeResolver, Zone
from tests.fakes.moment import FixedClock

CASES = Path(__file__).resolve().parents[3] / "shared" / "conformance" / "dmarc" / "cases.yml"

pytestmark = pytest.mark.skipif(not CASES.exists(), reason="conformance data is not here")

MODES = {"both": ("tree-walk", "psl"), "rfc9989": ("tree-walk",), "rfc7489": ("psl",)}


def cases() -> list[Any]:
    if not CASES.exists():
        return []
    return [
        pytest.param(case, discovery, id=f"{case['id']}-{discovery}")
        for case in yamls.load(CASES)["cases"]
        for discovery in MODES[case["mode"]]
    ]


def evaluate(case: dict[str, Any], discovery: str) -> DmarcResult:
    zone, silent = Zone(), set[str]()
    for name, records in case["zone"].items():
        for kind, value in records:
            if value == "TIMEOUT":
                silent.add(name)
            else:
                zone.add(name, kind, "".join(value) if isinstance(value, list) else value)
    assume = Assumption(
        spf=SpfResult(result=Result(case["spf"]["result"]), domain=case["spf"]["domain"]),
        dkim=tuple(
            DkimResult(result=Result(one["result"]), domain=one["domain"]) for one in case["dkim"]
        ),
        discovery=discovery,
    )
    authenticator = Authenticator(Config(), FakeResolver(zone, silent=silent), FixedClock())
    verdict = asyncio.run(authenticator.authenticate(Envelope(), message(case["from"]), assume))
    return verdict.dmarc


def message(author: Any) -> bytes:
    match author:
        case {"raws": values}:
            pass
        case {"raw": value}:
            values = [value]
        case address:
            values = [f"Somebody <{address}>"]
    fields = "".join(f"From: {value}\r\n" for value in values)
    return f"{fields}Subject: case\r\n\r\nHello.\r\n".encode()


@pytest.mark.parametrize(("case", "discovery"), cases())
def test_the_result_is_what_the_case_expects(case: dict[str, Any], discovery: str) -> None:
    found, expected = evaluate(case, discovery), case["expect"]
    if "result" in expected:
        allowed = expected["result"]
        assert found.result.value in (allowed if isinstance(allowed, list) else [allowed])
    if "not_result" in expected:
        assert found.result.value not in expected["not_result"]
    if "policy" in expected:
        assert found.policy is not None
        assert found.policy.value == expected["policy"]
    if "disposition" in expected:
        assert found.disposition.value == expected["disposition"]
