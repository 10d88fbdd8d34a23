"""Authentication-Results: golden fields, read back by authres, and values that try to escape."""

import re
from typing import Any

import pytest
from authres import AuthenticationResultsHeader  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st

from postroom.envelope import Envelope
from postroom.milter.authenticate import authentication_results
from postroom.verdict import (
    ArcResult,
    DkimResult,
    DmarcPolicy,
    DmarcResult,
    Result,
    SpfResult,
    Verdict,
)

HOST = "mx.postroom.test"
ENVELOPE = Envelope(client_address="192.0.2.1", helo="mail.a.test", sender="ann@a.test")

GOLDEN = [
    (
        Verdict(
            spf=SpfResult(result=Result.PASS, domain="a.test"),
            spf_helo=SpfResult(result=Result.NONE, domain="mail.a.test", scope="helo"),
            dkim=(
                DkimResult(
                    result=Result.PASS,
                    domain="a.test",
                    selector="s1",
                    algorithm="rsa-sha256",
                    identity="@a.test",
                    mark="AbCd+/12",
                ),
            ),
            dmarc=DmarcResult(
                result=Result.PASS,
                domain="a.test",
                policy=DmarcPolicy.REJECT,
                aligned=("spf:a.test",),
            ),
        ),
        "mx.postroom.test;\n"
        "\tspf=pass smtp.mailfrom=a.test;\n"
        "\tspf=none smtp.helo=mail.a.test;\n"
        "\tdkim=pass header.d=a.test header.i=@a.test header.s=s1 header.a=rsa-sha256\n"
        '\t header.b="AbCd+/12";\n'
        "\tdmarc=pass header.from=a.test polrec.p=reject",
    ),
    (
        Verdict(
            spf=SpfResult(
                result=Result.TEMPERROR, domain="mail.a.test", scope="helo", reason="dns-timeout"
            ),
            dkim=(DkimResult(result=Result.FAIL, domain="a.test", reason="body-hash-mismatch"),),
            arc=ArcResult(result=Result.PASS, sealers=("lists.test", "gate.test")),
            dmarc=DmarcResult(
                result=Result.FAIL,
                domain="a.test",
                policy=DmarcPolicy.REJECT,
                disposition=DmarcPolicy.QUARANTINE,
                reason="testing",
            ),
        ),
        "mx.postroom.test;\n"
        '\tspf=temperror reason="dns timeout" smtp.helo=mail.a.test;\n'
        '\tdkim=fail reason="body hash mismatch" header.d=a.test;\n'
        "\tarc=pass header.as-d=lists.test;\n"
        "\tdmarc=fail reason=testing header.from=a.test polrec.p=reject\n"
        "\t policy.dmarc=quarantine",
    ),
    (
        Verdict(dmarc=DmarcResult(result=Result.PERMERROR, reason="author-several")),
        "mx.postroom.test;\n"
        "\tspf=none;\n"
        "\tspf=none smtp.helo=mail.a.test;\n"
        "\tdkim=none;\n"
        '\tdmarc=permerror reason="author several"',
    ),
    (Verdict(local=True), "mx.postroom.test; none"),
]


@pytest.mark.parametrize(("verdict", "value"), GOLDEN)
def test_the_field_reads_as_it_always_has(verdict: Verdict, value: str) -> None:
    assert authentication_results(verdict, ENVELOPE, HOST) == value


@pytest.mark.parametrize(("verdict", "value"), GOLDEN)
def test_authres_reads_the_field_back(verdict: Verdict, value: str) -> None:
    read = AuthenticationResultsHeader.parse(f"Authentication-Results: {value}")
    assert read.authserv_id == HOST
    if not verdict.local:
        methods = [(one.method, one.result) for one in read.results]
        assert methods[0] == ("spf", verdict.spf.result.value)
        assert methods[-1] == ("dmarc", verdict.dmarc.result.value)


@pytest.mark.parametrize(
    "hostile",
    [
        "a.test; dmarc=pass",
        "a@b; dkim=pass header.d=bank.test",
        'a"; dkim=pass; x="',
        "a\\",
        "(comment",
        "a\r\nX-Evil: yes",
        "a\x00b",
        "ünïcode.test",
        "x" * 5_000,
    ],
)
def test_a_hostile_value_stays_a_value(hostile: str) -> None:
    verdict = Verdict(
        spf=SpfResult(result=Result.FAIL, domain=hostile),
        dkim=(
            DkimResult(
                result=Result.FAIL,
                domain=hostile,
                selector=hostile,
                algorithm=hostile,
                identity=hostile,
                mark=hostile,
            ),
        ),
        dmarc=DmarcResult(result=Result.FAIL, domain=hostile, reason=hostile),
    )
    value = authentication_results(verdict, Envelope(helo=hostile), HOST)
    assert "pass" not in [one.result for one in _read(value)]
    assert [one.method for one in _read(value)] == ["spf", "spf", "dkim", "dmarc"]
    assert all(len(line) < 998 for line in value.split("\n"))
    assert value.isascii()
    assert "\r" not in value
    assert all(line.startswith("\t") for line in value.split("\n")[1:])


@given(st.text(max_size=80))
def test_any_value_is_read_back_as_it_was(text: str) -> None:
    verdict = Verdict(dkim=(DkimResult(result=Result.FAIL, selector=text),))
    (dkim,) = [
        one
        for one in _read(authentication_results(verdict, ENVELOPE, HOST))
        if one.method == "dkim"
    ]
    shown = "".join(c if " " <= c <= "~" else "?" for c in text)
    # authres leaves the backslash of a quoted-pair where it is.
    assert re.sub(r"\\(.)", r"\1", dkim.header_s or "") == shown


def _read(value: str) -> list[Any]:
    unfolded = value.replace("\n", "")
    return list(AuthenticationResultsHeader.parse(f"Authentication-Results: {unfolded}").results)
