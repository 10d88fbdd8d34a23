"""ARC beyond the validation suite: trouble, trust, and what a forwarder recorded."""

import asyncio

import pytest

from postroom.config import AuthenticationSection, Config
from postroom.envelope import Envelope
from postroom.milter.authenticate import Authenticator
from postroom.milter.recorded import recorded_pass
from postroom.verdict import DmarcPolicy, Result, Verdict
from tests.fakes.dns import FakeResolver
from tests.fakes.moment import FixedClock
from tests.fakes.signer import Signer

MESSAGE = (
    b"From: Ann <ann@author.test>\r\nTo: list@lists.test\r\nSubject: Order\r\n\r\nTwo, please.\r\n"
)
SEEN = "lists.test; spf=pass; dkim=pass header.d=author.test; dmarc=pass header.from=author.test"
LISTS, GATE = Signer("lists.test"), Signer("gate.test", ed=True)
ZONE = LISTS.records | GATE.records | {"_dmarc.author.test": [("TXT", "v=DMARC1; p=reject")]}


def authenticate(
    message: bytes,
    *,
    trusted: tuple[str, ...] = (),
    servfail: tuple[str, ...] = (),
) -> Verdict:
    config = Config(authentication=AuthenticationSection(trusted_sealers=trusted))
    authenticator = Authenticator(config, FakeResolver(ZONE, servfail=servfail), FixedClock())
    return asyncio.run(authenticator.authenticate(Envelope(), message))


def test_a_sound_chain_passes_and_names_its_sealers_newest_first() -> None:
    verdict = authenticate(GATE.arc(LISTS.arc(MESSAGE, 1, SEEN), 2, "gate.test; arc=pass"))
    assert verdict.arc.result is Result.PASS
    assert verdict.arc.sealers == ("gate.test", "lists.test")


def test_a_chain_is_recorded_and_by_default_changes_nothing() -> None:
    verdict = authenticate(LISTS.arc(MESSAGE, 1, SEEN))
    assert verdict.arc.result is Result.PASS
    assert verdict.dmarc.result is Result.FAIL
    assert verdict.dmarc.disposition is DmarcPolicy.REJECT


def test_a_trusted_sealer_lifts_the_disposition_but_not_the_result() -> None:
    verdict = authenticate(LISTS.arc(MESSAGE, 1, SEEN), trusted=("lists.test",))
    assert verdict.dmarc.result is Result.FAIL
    assert verdict.dmarc.disposition is DmarcPolicy.NONE
    assert verdict.dmarc.reason == "arc-sealer:lists.test"
    assert verdict.authenticated_domain == ""


@pytest.mark.parametrize(
    ("trusted", "lifted"),
    [
        (("gate.test", "lists.test"), True),
        (("lists.test",), False),  # the newest sealer could have changed anything
        (("gate.test",), False),  # it did not see a pass itself
        ((), False),
    ],
)
def test_trust_must_reach_from_the_newest_sealer_to_the_one_that_saw_a_pass(
    trusted: tuple[str, ...], lifted: bool
) -> None:
    message = GATE.arc(LISTS.arc(MESSAGE, 1, SEEN), 2, "gate.test; arc=pass; dmarc=fail")
    verdict = authenticate(message, trusted=trusted)
    assert verdict.arc.result is Result.PASS
    assert (verdict.dmarc.disposition is DmarcPolicy.NONE) is lifted


def test_a_broken_chain_lifts_nothing() -> None:
    message = LISTS.arc(MESSAGE, 1, SEEN).replace(b"Two", b"Ten")
    verdict = authenticate(message, trusted=("lists.test",))
    assert verdict.arc.result is Result.FAIL
    assert verdict.dmarc.disposition is DmarcPolicy.REJECT


def test_what_an_older_sealer_recorded_cannot_be_changed() -> None:
    message = GATE.arc(LISTS.arc(MESSAGE, 1, "lists.test; dmarc=fail"), 2, "gate.test; arc=pass")
    forged = message.replace(b"lists.test; dmarc=fail", b"lists.test; dmarc=pass")
    assert authenticate(message).arc.result is Result.PASS
    assert authenticate(forged).arc.result is Result.FAIL


def test_dns_trouble_is_temperror_and_a_certain_fault_outweighs_it() -> None:
    chain = GATE.arc(LISTS.arc(MESSAGE, 1, SEEN), 2, "gate.test; arc=pass")
    trouble = ("s1._domainkey.lists.test",)
    assert authenticate(chain, servfail=trouble).arc.result is Result.TEMPERROR
    changed = chain.replace(b"Two", b"Ten")
    assert authenticate(changed, servfail=trouble).arc.result is Result.FAIL


def test_a_seal_that_says_the_chain_had_failed_fails() -> None:
    message = GATE.arc(LISTS.arc(MESSAGE, 1, SEEN), 2, "gate.test; arc=fail", cv="fail")
    assert authenticate(message).arc.result is Result.FAIL


@pytest.mark.parametrize(
    ("results", "passed"),
    [
        ("lists.test; dmarc=pass header.from=author.test", True),
        ("lists.test; spf=fail; DMARC = Pass (p=none)\r\n header.from=author.test", True),
        ('lists.test; dmarc=pass reason="all well" header.from=author.test', True),
        ("lists.test; dmarc=pass header.from=ann@author.test", True),
        ("lists.test; dmarc=pass header.from=other.test", False),
        ("lists.test; dmarc=pass header.from=sub.author.test", False),
        ("lists.test; dmarc=pass", False),
        ("lists.test; dmarc=passed header.from=author.test", False),
        ("lists.test; dmarc=fail header.from=author.test", False),
        ("lists.test; x-dmarc=pass header.from=author.test", False),
        ("dmarc=pass header.from=author.test", False),
        ("lists.test; spf=pass (; dmarc=pass header.from=author.test)", False),
        ('lists.test; spf=pass reason="; dmarc=pass header.from=author.test"', False),
        ("lists.test; spf=pass (a (b) ; dmarc=pass header.from=author.test", False),
        ("lists.test; dmarc=fail header.from=author.test; dmarc=pass header.from=x.test", False),
        ("", False),
    ],
)
def test_only_a_plain_record_of_a_pass_counts(results: str, passed: bool) -> None:
    assert recorded_pass(results.encode(), "author.test") is passed
