"""Authentication-Results fields of the authres project: read by authres, judged at our border."""

from pathlib import Path
from typing import Any

import authres  # type: ignore[import-untyped]
import authres.vbr  # type: ignore[import-untyped]
import pytest

from postroom.milter.border import claims_to_be
from tests.fakes import yamls

CASES = Path(__file__).resolve().parents[3] / "shared" / "conformance" / "authres" / "cases.yml"

pytestmark = pytest.mark.skipif(not CASES.exists(), reason="conformance data is not here")

# Their expectations belong to other headers of the same doctest (see the data's README).
INCONSISTENT = {6, 10, 11}


def cases() -> list[Any]:
    if not CASES.exists():
        return []
    rows = yamls.load(CASES)
    return [pytest.param(number, row, id=str(number)) for number, row in enumerate(rows)]


@pytest.mark.parametrize(("number", "case"), cases())
def test_the_field_is_ours_for_its_own_host_only(number: int, case: dict[str, Any]) -> None:
    value = case["header"].partition(":")[2]
    host = value.partition(";")[0].strip()
    assert claims_to_be(value.encode(), host)
    assert not claims_to_be(value.encode(), "mx.postroom.test")


@pytest.mark.parametrize(("number", "case"), cases())
def test_methods_and_results_are_read(number: int, case: dict[str, Any]) -> None:
    context = authres.FeatureContext(authres.vbr)
    read = context.parse(case["header"].replace("\n", " "))
    assert read.authserv_id == case["header"].partition(":")[2].partition(";")[0].strip()
    if number not in INCONSISTENT:
        assert [one.method for one in read.results] == list(case["methods"].values())
        assert [one.result for one in read.results] == list(case["verdicts"].values())
