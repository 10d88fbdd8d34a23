"""Postroom's milter with authentication and nothing behind it: no reading, no classification.

Run as a module with the path of a TOML file; serves until SIGTERM. A message that does not pass
SPF, DKIM and DMARC is refused, so that a bench cannot measure a check that did not happen.
"""

import sys
from pathlib import Path

from postroom.classification import Classification
from postroom.clock import SystemClock
from postroom.config import load
from postroom.envelope import Envelope
from postroom.examination import Examination
from postroom.milter.authenticate import Authenticator, authentication_results
from postroom.milter.resolver import DnsResolver
from postroom.milter.server import MilterServer
from postroom.stamp import StampKey
from postroom.verdict import Disposition, Result, Verdict


def passed(verdict: Verdict) -> bool:
    """True when SPF, every DKIM signature and DMARC passed."""
    results = {verdict.spf.result, verdict.dmarc.result, *(one.result for one in verdict.dkim)}
    return bool(verdict.dkim) and results == {Result.PASS}


def main(configuration: Path) -> None:
    """Serves until SIGTERM."""
    config = load(configuration)
    authenticator = Authenticator(config, DnsResolver(config.dns), SystemClock())

    async def examine(envelope: Envelope, raw: bytes) -> Examination:
        verdict = await authenticator.authenticate(envelope, raw)
        good = passed(verdict)
        return Examination(
            verdict=verdict,
            classification=Classification(),
            disposition=Disposition.ACCEPT if good else Disposition.REJECT,
            reason="" if good else "not-authenticated",
            text="" if good else "not authenticated",
        )

    MilterServer(
        config=config,
        examine=examine,
        key=StampKey.of(b"a secret for the bench"),
        clock=SystemClock(),
        authentication_results=lambda verdict, envelope: authentication_results(
            verdict, envelope, config.service.hostname
        ),
    ).serve()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
