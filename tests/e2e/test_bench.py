"""The bench runs and tells; what it measures is for a person to judge, never for a test."""

import re
import subprocess
import sys

import pytest

from tests.sandbox.postfix import ROOT

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


def test_the_bench_prints_every_cell_and_the_targets() -> None:
    command = [sys.executable, "-m", "tests.sandbox.bench_auth", "--rounds", "1"]
    told = subprocess.run(
        [*command, "--messages", "20"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert told.returncode == 0, told.stdout + told.stderr
    for name in ("bare Postfix", "authentication only", "full milter"):
        assert len(re.findall(rf"│ {name} +│", told.stdout)) == 4, told.stdout
    assert re.search(r"5 kB: milter CPU \d+\.\d\d ms: <= 5 (met|MISSED)", told.stdout)
    assert re.search(r"50 kB: milter CPU \d+\.\d\d ms: <= 11 (met|MISSED)", told.stdout)
