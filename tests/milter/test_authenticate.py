"""The whole authentication of a message: real DNS, real processes, hostile input, dead servers."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from postroom.config import AuthenticationSection, Config, DnsSection
from postroom.envelope import Envelope
from postroom.failure import PermanentFailure
from postroom.milter.authenticate import Assumption, Authenticator
from postroom.milter.resolver import DnsResolver, Resolver
from postroom.verdict import DkimResult, DmarcPolicy, Result, SpfResult, Verdict
from tests.fakes.dns import DnsServer, FakeResolver
from tests.fakes.moment import FixedClock
from tests.fakes.signer import Signer

HEADER = b"From: Ann <ann@author.test>\r\nTo: info@postroom.test\r\nSubject: Order\r\n"
MESSAGE = HEADER + b"\r\nTwo, please.\r\n"
SIGNER = Signer("author.test")
ZONE: dict[str, list[tuple[str, str]]] = SIGNER.records | {
    "author.test": [("TXT", "v=spf1 ip4:192.0.2.0/24 -all")],
    "mail.author.test": [("TXT", "v=spf1 a -all"), ("A", "192.0.2.1")],
    "_dmarc.author.test": [("TXT", "v=DMARC1; p=reject; aspf=s")],
}
ENVELOPE = Envelope(
    client_address="192.0.2.1",
    helo="mail.author.test",
    sender="ann@author.test",
    recipients=("info@postroom.test",),
)


def authenticate(
    raw: bytes,
    envelope: Envelope = ENVELOPE,
    *,
    resolver: Resolver | None = None,
    assume: Assumption | None = None,
) -> Verdict:
    authenticator = Authenticator(Config(), resolver or FakeResolver(ZONE), FixedClock())
    return asyncio.run(authenticator.authenticate(envelope, raw, assume))


def test_a_message_is_authenticated_through_a_real_name_server() -> None:
    with DnsServer(ZONE) as server:
        resolver = DnsResolver(DnsSection(resolver=(server.address,)))
        verdict = authenticate(SIGNER.dkim(MESSAGE), resolver=resolver)
    assert verdict.author == "ann@author.test"
    assert verdict.spf == SpfResult(result=Result.PASS, domain="author.test")
    assert verdict.spf_helo == SpfResult(
        result=Result.PASS, domain="mail.author.test", scope="helo"
    )
    assert [one.result for one in verdict.dkim] == [Result.PASS]
    assert verdict.arc.result is Result.NONE
    assert verdict.dmarc.result is Result.PASS
    assert verdict.dmarc.aligned == ("spf:author.test", "dkim:author.test")
    assert verdict.authenticated_domain == "author.test"


@pytest.mark.slow
def test_heavy_work_can_be_done_in_a_worker_process() -> None:
    async def work(pool: ProcessPoolExecutor) -> Verdict:
        async def run(function: Callable[..., Any], *args: Any) -> Any:
            return await asyncio.get_running_loop().run_in_executor(pool, function, *args)

        large = MESSAGE + b"x  y\r\n" * 20_000
        chain = SIGNER.arc(SIGNER.dkim(large), 1, "author.test; dmarc=pass")
        authenticator = Authenticator(Config(), FakeResolver(ZONE), FixedClock(), run)
        return await authenticator.authenticate(ENVELOPE, chain)

    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        verdict = asyncio.run(work(pool))
    assert verdict.dkim[0].result is Result.PASS
    assert verdict.arc.result is Result.PASS


def test_a_lost_worker_is_a_temperror() -> None:
    async def lose(function: Callable[..., Any], *args: Any) -> Any:
        raise PermanentFailure("worker-memory")

    large = SIGNER.dkim(MESSAGE + b"x  y\r\n" * 20_000)
    authenticator = Authenticator(Config(), FakeResolver(ZONE), FixedClock(), lose)
    verdict = asyncio.run(authenticator.authenticate(ENVELOPE, large))
    assert verdict.dkim[0].result is Result.TEMPERROR
    assert verdict.dkim[0].reason == "worker-memory"
    assert verdict.dmarc.result is Result.PASS  # by SPF


def test_a_null_sender_is_judged_by_its_helo_name() -> None:
    envelope = Envelope(client_address="192.0.2.1", helo="mail.author.test")
    verdict = authenticate(MESSAGE, envelope)
    assert verdict.spf == SpfResult(result=Result.PASS, domain="mail.author.test", scope="helo")
    assert verdict.spf_helo == verdict.spf
    assert verdict.dmarc.result is Result.FAIL  # aspf=s
    exact = Envelope(client_address="192.0.2.1", helo="author.test", sender="<>")
    assert authenticate(MESSAGE, exact).dmarc.result is Result.PASS


def test_helo_does_not_vouch_for_an_author_beside_another_sender() -> None:
    envelope = Envelope(client_address="192.0.2.1", helo="author.test", sender="x@evil.test")
    verdict = authenticate(MESSAGE, envelope)
    assert verdict.spf_helo.result is Result.PASS
    assert verdict.dmarc.result is Result.FAIL
    assert verdict.dmarc.disposition is DmarcPolicy.REJECT


def test_results_can_be_assumed_instead_of_looked_up() -> None:
    assume = Assumption(
        spf=SpfResult(result=Result.FAIL, domain="author.test"),
        dkim=(DkimResult(result=Result.PASS, domain="m.author.test"),),
        discovery="psl",
    )
    resolver = FakeResolver(ZONE)
    verdict = authenticate(SIGNER.dkim(MESSAGE), resolver=resolver, assume=assume)
    assert verdict.spf == assume.spf
    assert verdict.dkim == assume.dkim
    assert verdict.dmarc.aligned == ("dkim:m.author.test",)
    assert resolver.asked == [("_dmarc.author.test", "TXT")]


def test_discovery_follows_the_configuration() -> None:
    zone = {
        "_dmarc.b.example": [("TXT", "v=DMARC1; p=reject")],
        "a.b.example": [("A", "192.0.2.9")],
    }
    raw = MESSAGE.replace(b"author.test", b"a.b.example")
    for discovery, asked in (("tree-walk", "_dmarc.example"), ("psl", "_dmarc.b.example")):
        config = Config.model_validate({"authentication": {"dmarc_discovery": discovery}})
        resolver = FakeResolver(zone)
        authenticator = Authenticator(config, resolver, FixedClock())
        verdict = asyncio.run(authenticator.authenticate(Envelope(), raw))
        assert verdict.dmarc.result is Result.FAIL
        assert [name for name, _ in resolver.asked if name.startswith("_dmarc")][-1] == asked


@pytest.mark.parametrize("written", ["Author.Test", "ann@author.test", "Ann@Author.Test"])
def test_an_exception_is_taken_from_the_configuration(written: str) -> None:
    config = Config(authentication=AuthenticationSection(exceptions=(written,)))
    authenticator = Authenticator(config, FakeResolver(ZONE), FixedClock())
    envelope = Envelope(client_address="192.0.2.1", sender="x@mail.author.test")
    verdict = asyncio.run(authenticator.authenticate(envelope, MESSAGE))
    assert (verdict.dmarc.result, verdict.dmarc.reason) == (Result.PASS, "exception")


@pytest.mark.parametrize("author", ["ann@bücher.test", "ann@xn--bcher-kva.test"])
@pytest.mark.parametrize(
    "written",
    ["bücher.test", "xn--bcher-kva.test", "Ann@Bücher.test", "ann@XN--bcher-kva.test"],
)
def test_an_exception_is_the_same_domain_in_either_spelling(written: str, author: str) -> None:
    zone = {
        "mail.xn--bcher-kva.test": [("TXT", "v=spf1 ip4:192.0.2.1 -all")],
        "_dmarc.xn--bcher-kva.test": [("TXT", "v=DMARC1; p=reject; aspf=s")],
    }
    config = Config(authentication=AuthenticationSection(exceptions=(written,)))
    authenticator = Authenticator(config, FakeResolver(zone), FixedClock())
    envelope = Envelope(client_address="192.0.2.1", sender="x@mail.xn--bcher-kva.test")
    raw = MESSAGE.replace(b"ann@author.test", author.encode())
    verdict = asyncio.run(authenticator.authenticate(envelope, raw))
    assert (verdict.dmarc.result, verdict.dmarc.reason) == (Result.PASS, "exception")


@pytest.mark.parametrize(
    "author",
    [
        b"From: ann@author.test\r\nFrom: boss@bank.test\r\n",
        b"From: boss@bank.test\r\nfrom : ann@author.test\r\n",
        b"From: ann@author.test, boss@bank.test\r\n",
        b"From: boss@bank.test (<ann@author.test>)\r\n",
        b"From: staff: ann@author.test;\r\n",
        b"From: <@bank.test:ann@author.test>\r\n",
        b"From: boss@bank.test\r <ann@author.test>\r\n",
        b"From: =?utf-8?b?Ym9zc0BiYW5rLnRlc3Q=?=@author.test\r\n",
        b"From: boss@bank.test\x00ann@author.test\r\n",
        b"From: ann@author.test(\r\n",
        b"From:\r\n",
        b"",
    ],
)
def test_a_doubtful_author_never_passes_though_everything_else_does(author: bytes) -> None:
    signed = SIGNER.dkim(author + b"To: info@postroom.test\r\nSubject: Order\r\n\r\nTwo.\r\n")
    verdict = authenticate(signed)
    assert verdict.spf.result is Result.PASS
    assert verdict.author == ""
    assert verdict.dmarc.result is Result.PERMERROR
    assert verdict.authenticated_domain == ""


def _of_silent_key(field: str, domain: str, tags: str = "") -> bytes:
    return (
        f"{field}: {tags}a=rsa-sha256; d={domain}; s=s; h=from;"
        f" bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=AAAA\r\n"
    ).encode()


def _silent_names(signatures: int, sets: int) -> tuple[bytes, list[str]]:
    """Signatures and an ARC chain on top of a message, and the names of their keys."""
    head, domains = b"", []
    for number in range(signatures):
        domains.append(f"d{number}.evil.test")
        head += _of_silent_key("DKIM-Signature", domains[-1], "v=1; ")
    for number in range(1, sets + 1):
        seal, signature = f"a{number}.evil.test", f"m{number}.evil.test"
        domains += [seal, signature]
        cv = "none" if number == 1 else "pass"
        head += (
            f"ARC-Seal: i={number}; a=rsa-sha256; cv={cv}; d={seal}; s=s; b=AAAA\r\n".encode()
            + _of_silent_key("ARC-Message-Signature", signature, f"i={number}; ")
            + f"ARC-Authentication-Results: i={number}; x; none\r\n".encode()
        )
    return head, [f"s._domainkey.{domain}" for domain in domains]


@pytest.mark.parametrize("author", ["author.test", "nosuch.author.test"])
@pytest.mark.parametrize(("signatures", "sets"), [(1, 0), (10, 20)])
def test_names_that_nobody_answers_save_no_forger_from_the_authors_policy(
    author: str, signatures: int, sets: int
) -> None:
    head, silent = _silent_names(signatures, sets)
    zone = ZONE | {"_dmarc.author.test": [("TXT", "v=DMARC1; p=reject; sp=none; np=reject")]}
    # MAIL FROM is the author's too, and its SPF says no only in an included record.
    zone["author.test"] = [("TXT", "v=spf1 include:spf.author.test -all")]
    zone["spf.author.test"] = [("TXT", "v=spf1 ip4:192.0.2.0/24 -all")]
    envelope = Envelope(client_address="198.51.100.7", helo="evil.test", sender="x@author.test")
    raw = head + MESSAGE.replace(b"ann@author.test", b"ann@" + author.encode())
    with DnsServer(zone, silent=silent) as server:
        section = DnsSection(resolver=(server.address,), deadline=1.0, query_timeout=0.6)
        verdict = authenticate(raw, envelope, resolver=DnsResolver(section))
    assert [one.result for one in verdict.dkim] == [Result.TEMPERROR] * signatures
    assert (verdict.spf.result, verdict.dmarc.result) == (Result.FAIL, Result.FAIL)
    assert verdict.dmarc.disposition is DmarcPolicy.REJECT


def test_a_second_signature_whose_key_nobody_answers_costs_no_pass() -> None:
    signer = Signer("mail.author.test")  # its organization is asked for after the keys
    head, silent = _silent_names(1, 0)
    with DnsServer(ZONE | signer.records, silent=silent) as server:
        section = DnsSection(resolver=(server.address,), deadline=1.0, query_timeout=0.6)
        verdict = authenticate(
            head + signer.dkim(MESSAGE), Envelope(), resolver=DnsResolver(section)
        )
    assert [one.result for one in verdict.dkim] == [Result.TEMPERROR, Result.PASS]
    assert verdict.dmarc.result is Result.PASS


def test_many_signatures_of_a_small_message_are_checked_off_the_event_loop() -> None:
    counts: list[int] = []

    async def run(function: Callable[..., Any], *args: Any) -> Any:
        counts.append(len(args[1]))
        return function(*args)

    for number in (8, 9):
        raw = MESSAGE
        for _ in range(number):
            raw = SIGNER.dkim(raw)
        authenticator = Authenticator(Config(), FakeResolver(ZONE), FixedClock(), run)
        verdict = asyncio.run(authenticator.authenticate(ENVELOPE, raw))
        assert [one.result for one in verdict.dkim] == [Result.PASS] * number
    assert counts == [9]


@pytest.mark.slow
def test_a_dead_name_server_costs_one_deadline_and_no_message() -> None:
    messages = [
        Signer(f"d{n}.test").dkim(MESSAGE.replace(b"author", b"a%d" % n)) for n in range(50)
    ]

    async def crowd(resolver: DnsResolver) -> list[tuple[Verdict, float]]:
        authenticator = Authenticator(Config(), resolver, FixedClock())

        async def one(raw: bytes) -> tuple[Verdict, float]:
            begin = time.monotonic()
            return await authenticator.authenticate(ENVELOPE, raw), time.monotonic() - begin

        return await asyncio.gather(*(one(raw) for raw in messages))

    with DnsServer(dead=True) as server:
        section = DnsSection(resolver=(server.address,), deadline=0.8, query_timeout=0.3)
        answers = asyncio.run(crowd(DnsResolver(section)))
    assert len(answers) == 50
    for verdict, elapsed in answers:
        assert elapsed < 10  # one after the other they would take 40 s
        assert verdict.spf.result is Result.TEMPERROR
        assert verdict.dkim[0].result is Result.TEMPERROR
        assert verdict.dmarc.result is Result.TEMPERROR
        assert verdict.dmarc.reason == "dns-timeout"


def _hostile() -> dict[str, bytes]:
    signed = SIGNER.dkim(MESSAGE)
    signature = signed[: signed.index(b"From: Ann")]
    sets = b"".join(
        b"ARC-Seal: i=%d; a=rsa-sha256; cv=%s; d=author.test; s=s1; b=AAAA\r\n"
        b"ARC-Message-Signature: i=%d; a=rsa-sha256; d=author.test; s=s1; h=from;"
        b" bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=AAAA\r\n"
        b"ARC-Authentication-Results: i=%d; x%s\r\n"
        % (n, b"pass" if n > 1 else b"none", n, n, b"(" * 20_000)
        for n in range(1, 51)
    )
    return {
        "2,000 signatures": signature * 2_000 + MESSAGE,
        "2,000 signatures over 5 MB": signature * 2_000 + HEADER + b"\r\n" + b"x  y\r\n" * 800_000,
        "10 MB of 990-space lines": signature * 10
        + HEADER
        + b"\r\n"
        + (b" " * 990 + b"\r\n") * 10_600,
        "one 10 MB space run": signature * 10 + HEADER + b"\r\n" + b" " * 10_000_000,
        "40 kB runs of spaces": signature + HEADER + b"\r\n" + (b"a" + b" " * 40_000) * 100,
        "40 kB runs in the header": signature + b"X: a" + b" " * 40_000 + b"\r\n" + MESSAGE,
        "10 MB of line ends": signature * 10 + HEADER + b"\r\n" + b"\r\n" * 5_000_000,
        "10 MB of bare CR": signature * 10 + HEADER + b"\r\n" + b"\r" * 10_000_000,
        "100,000 folds": signature + b"Subject: a" + b"\r\n b" * 100_000 + b"\r\n" + MESSAGE,
        "100,000 folds in a signature": signature.rstrip() + b"\r\n " * 100_000 + b"\r\n" + MESSAGE,
        "100,000 fields": signature + b"X: y\r\n" * 100_000 + MESSAGE,
        "10,000 authors": MESSAGE.replace(
            b"Ann <ann@author.test>", b",\r\n ".join(b"a%d@author.test" % n for n in range(10_000))
        ),
        "100,000 names in h=": signature.replace(b"h=From", b"h=" + b"From:" * 100_000 + b"From")
        + MESSAGE,
        "a megabyte of semicolons": b"DKIM-Signature: " + b";" * 1_000_000 + b"\r\n" + MESSAGE,
        "50 ARC sets of comments": sets + MESSAGE,
        "3,000 seals": b"ARC-Seal: i=1; cv=none\r\n" * 3_000 + MESSAGE,
    }


HOSTILE = _hostile()


@pytest.mark.slow
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_input_is_answered_at_once_and_harms_no_other(name: str) -> None:
    async def both() -> tuple[float, Verdict]:
        authenticator = Authenticator(Config(), FakeResolver(ZONE), FixedClock())
        begin = time.process_time()
        await authenticator.authenticate(ENVELOPE, HOSTILE[name])
        elapsed = time.process_time() - begin
        return elapsed, await authenticator.authenticate(ENVELOPE, SIGNER.dkim(MESSAGE))

    elapsed, after = asyncio.run(both())
    assert elapsed < 2
    assert after.dmarc.result is Result.PASS


@pytest.mark.slow
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(
                [b"From", b"from ", b"DKIM-Signature", b"ARC-Seal", b"ARC-Message-Signature"]
                + [b"ARC-Authentication-Results", b"Subject", b"\xffX", b""]
            ),
            st.one_of(
                st.binary(max_size=60),
                st.text(alphabet='abdhilstvxc=;:/*.@<>"() \r\n\t019-', max_size=80).map(str.encode),
                st.just(
                    b"v=1; a=rsa-sha256; d=author.test; s=s1; h=from; bh=AAAA; b=AAAA; i=1; cv=none"
                ),
            ),
        ),
        max_size=8,
    ),
    st.binary(max_size=40),
)
def test_any_header_and_body_get_a_verdict(fields: list[tuple[bytes, bytes]], body: bytes) -> None:
    raw = b"".join(name + b":" + value + b"\r\n" for name, value in fields) + b"\r\n" + body
    verdict = authenticate(raw)
    assert Result.PASS not in [one.result for one in verdict.dkim]
    assert verdict.arc.result in (Result.NONE, Result.FAIL)
