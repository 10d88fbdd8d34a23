"""The public suffix list's own test data."""

from pathlib import Path
from typing import Any

import pytest

from postroom.milter.discovery import PublicSuffixes
from postroom.reading.names import ascii_name

TESTS = Path(__file__).resolve().parents[3] / "shared" / "conformance" / "psl" / "tests.txt"

pytestmark = pytest.mark.skipif(not TESTS.exists(), reason="conformance data is not here")

SUFFIXES = PublicSuffixes()


def cases() -> list[Any]:
    if not TESTS.exists():
        return []
    lines = TESTS.read_text(encoding="utf-8").splitlines()
    return [line.split() for line in lines if line.strip() and not line.startswith("//")]


@pytest.mark.parametrize(("domain", "registrable"), cases())
def test_the_organizational_domain_is_the_registrable_one(domain: str, registrable: str) -> None:
    """null: the name is a public suffix or no name, and has no domain above itself."""
    name = "" if domain == "null" else ascii_name(domain)
    if registrable == "null":
        assert not name or SUFFIXES.org_domain(name) == name
    else:
        assert SUFFIXES.org_domain(name) == ascii_name(registrable)
