"""The RFC 7208 test suite of the SPF project, every case, through our resolver seam."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from postroom.config import DnsSection
from postroom.milter.resolver import DnsResolver, Resolver
from postroom.milter.spf import check_helo, check_mail_from
from postroom.verdict import SpfResult
from tests.fakes import yamls
from tests.fakes.dns import DnsServer, FakeResolver, Zone

SHARED = Path(__file__).resolve().parents[3] / "shared" / "conformance" / "spf"
SUITE = SHARED / "rfc7208-tests.yml"

pytestmark = pytest.mark.skipif(not SUITE.exists(), reason="conformance data is not here")


def cases() -> Iterator[Any]:
    if not SUITE.exists():
        return
    for scenario in yamls.load_all(SUITE):
        zone, silent = _zone(scenario["zonedata"])
        for name, case in scenario["tests"].items():
            yield pytest.param(zone, silent, case, id=f"{scenario['description']}-{name}")


def _zone(zonedata: dict[str, list[Any]]) -> tuple[Zone, set[str]]:
    """The suite's own rules: SPF stands for TXT unless TXT is given; TIMEOUT fails other types."""
    zone, silent = Zone(), set[str]()
    for owner, records in zonedata.items():
        kinds = {kind for record in records if isinstance(record, dict) for kind in record}
        for record in records:
            if record == "TIMEOUT":
                if not zone.find(owner, "TXT"):
                    silent.add(owner)
                continue
            ((kind, value),) = record.items()
            if kind == "TXT" and value == "NONE":
                continue
            if kind == "SPF":
                if "TXT" in kinds:
                    continue
                kind = "TXT"
            if kind == "TXT":
                pieces = value if isinstance(value, list) else [value]
                value = "".join(pieces)
            if kind == "MX":
                value = f"{value[0]} {value[1]}"
            zone.add(owner, kind, value)
    return zone, silent


@pytest.mark.parametrize(("zone", "silent", "case"), list(cases()))
def test_the_result_is_one_the_suite_allows(
    zone: Zone, silent: set[str], case: dict[str, Any]
) -> None:
    found = asyncio.run(check(FakeResolver(zone, silent=silent), case))
    assert found.result.value in allowed(case)


@pytest.mark.slow
@pytest.mark.parametrize(("zone", "silent", "case"), list(cases()))
def test_the_result_is_the_same_through_a_name_server(
    zone: Zone, silent: set[str], case: dict[str, Any]
) -> None:
    async def look_up(address: str) -> SpfResult:
        section = DnsSection(resolver=(address,), deadline=0.5, query_timeout=0.3)
        return await check(DnsResolver(section).with_deadline(), case)

    with DnsServer(zone, silent=silent) as server:
        assert asyncio.run(look_up(server.address)).result.value in allowed(case)


async def check(resolver: Resolver, case: dict[str, Any]) -> SpfResult:
    client, helo, sender = str(case["host"]), case["helo"], case["mailfrom"]
    if sender:
        return await check_mail_from(resolver, client=client, sender=sender, helo=helo)
    return await check_helo(resolver, client=client, helo=helo)


def allowed(case: dict[str, Any]) -> list[str]:
    return case["result"] if isinstance(case["result"], list) else [case["result"]]
