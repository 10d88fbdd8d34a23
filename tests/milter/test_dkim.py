"""DKIM rule by rule: what a signature must be to pass, and what is said of one that is not."""

import asyncio
import base64

import dkim as dkimpy  # type: ignore[import-untyped]
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from postroom.config import AuthenticationSection, Config
from postroom.envelope import Envelope
from postroom.milter.authenticate import Authenticator
from postroom.milter.canonical import relaxed_body, simple_body
from postroom.verdict import DkimResult, Result
from tests.fakes.dns import FakeResolver, ZoneLiteral
from tests.fakes.moment import FixedClock
from tests.fakes.signer import Signer, rsa_key

NOW = 1_760_000_000
MESSAGE = (
    b"From: Ann <ann@signer.test>\r\nTo: info@postroom.test\r\nSubject: Order\r\n\r\n"
    b"Please send  two.\r\n\r\nAnn \r\n"
)


def verify(
    message: bytes,
    zone: ZoneLiteral | None = None,
    *,
    servfail: tuple[str, ...] = (),
    limit: int = 10,
) -> tuple[DkimResult, ...]:
    resolver = FakeResolver(Signer().records if zone is None else zone, servfail=servfail)
    config = Config(authentication=AuthenticationSection(max_signatures=limit))
    authenticator = Authenticator(config, resolver, FixedClock(NOW))
    return asyncio.run(authenticator.authenticate(Envelope(), message)).dkim


def only(results: tuple[DkimResult, ...]) -> tuple[Result, str]:
    (one,) = results
    return one.result, one.reason


@pytest.mark.parametrize(
    "form", ["simple/simple", "simple/relaxed", "relaxed/simple", "relaxed/relaxed", "relaxed"]
)
@pytest.mark.parametrize("ed", [False, True])
def test_a_sound_signature_passes(form: str, ed: bool) -> None:
    signer = Signer(ed=ed)
    (one,) = verify(signer.dkim(MESSAGE, c=form), signer.records)
    assert one.result is Result.PASS
    assert (one.domain, one.selector, one.algorithm) == ("signer.test", "s1", signer.algorithm)
    assert one.identity == "@signer.test"
    assert len(one.mark) == 8


@pytest.mark.parametrize("form", [b"simple", b"relaxed"])
def test_what_dkimpy_signs_passes(form: bytes) -> None:
    pem = rsa_key(2048).private_bytes(
        Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()
    )
    message = (
        MESSAGE.replace(b"Subject: Order", b"Subject:  Order \t no\r\n\t 12  \t") + b" \t\r\n\r\n"
    )
    header = dkimpy.sign(message, b"s1", b"signer.test", pem, canonicalize=(form, form))
    assert only(verify(header + message)) == (Result.PASS, "")


def test_line_ends_of_a_file_do_not_break_a_signature() -> None:
    signed = Signer().dkim(MESSAGE, c="simple/simple")
    assert only(verify(signed.replace(b"\r\n", b"\n"))) == (Result.PASS, "")


@pytest.mark.parametrize(
    ("tags", "result", "reason"),
    [
        ({"v": "2"}, Result.PERMERROR, "version"),
        ({"v": None}, Result.PERMERROR, "version"),
        ({"a": "rsa-sha1"}, Result.PERMERROR, "algorithm"),
        ({"a": "ed25519-sha256"}, Result.PERMERROR, "key-type-mismatch"),
        ({"bh": None}, Result.PERMERROR, "no-bh"),
        ({"bh": "AAAA"}, Result.PERMERROR, "base64"),
        ({"h": None}, Result.PERMERROR, "from-not-signed"),
        ({"h": ""}, Result.PERMERROR, "from-not-signed"),
        ({"h": "To:Subject"}, Result.PERMERROR, "from-not-signed"),
        ({"h": "X-From:To"}, Result.PERMERROR, "from-not-signed"),
        ({"d": None}, Result.PERMERROR, "no-d"),
        ({"d": "signer.test(.evil.test"}, Result.PERMERROR, "domain"),
        ({"s": None}, Result.PERMERROR, "no-s"),
        ({"s": "other"}, Result.PERMERROR, "no-key"),
        ({"c": "nofws/simple"}, Result.PERMERROR, "canonicalization"),
        ({"q": "http"}, Result.PERMERROR, "query-method"),
        ({"q": "http : dns/txt"}, Result.PASS, ""),
        ({"i": "ann@evil.test"}, Result.PERMERROR, "identity-not-domain"),
        ({"i": "ann@notsigner.test"}, Result.PERMERROR, "identity-not-domain"),
        ({"i": "ann"}, Result.PERMERROR, "identity-not-domain"),
        ({"i": "ann@sub.signer.test"}, Result.PASS, ""),
        ({"t": str(NOW - 60), "x": str(NOW + 60)}, Result.PASS, ""),
        ({"t": str(NOW - 60), "x": str(NOW - 1)}, Result.FAIL, "expired"),
        ({"t": str(NOW), "x": str(NOW)}, Result.PERMERROR, "expires-before-signed"),
        ({"t": "yesterday"}, Result.PERMERROR, "number"),
        ({"x": "-1"}, Result.PERMERROR, "number"),
        ({"z": "whatever"}, Result.PASS, ""),
        ({"h": "From:To:Subject:X-Never:X-Never"}, Result.PASS, ""),
    ],
)
def test_each_tag_has_its_rule(tags: dict[str, str | None], result: Result, reason: str) -> None:
    assert only(verify(Signer().dkim(MESSAGE, **tags))) == (result, reason)


@pytest.mark.parametrize(
    ("length", "result"),
    [("9999", Result.FAIL), ("5", Result.POLICY), ("0", Result.POLICY), ("25", Result.PASS)],
)
def test_a_body_is_signed_whole_or_it_is_no_pass(length: str, result: Result) -> None:
    assert len(relaxed_body(MESSAGE.partition(b"\r\n\r\n")[2])) == 25
    assert only(verify(Signer().dkim(MESSAGE, l=length)))[0] is result


@pytest.mark.parametrize(
    ("change", "to", "reason"),
    [
        (b"two", b"too", "body-hash-mismatch"),
        (b"Subject: Order", b"Subject: Orders", "verification-failed"),
        (b"From: Ann", b"From: Bob", "verification-failed"),
    ],
)
def test_a_changed_message_fails(change: bytes, to: bytes, reason: str) -> None:
    signed = Signer().dkim(MESSAGE).replace(change, to)
    assert only(verify(signed)) == (Result.FAIL, reason)


def test_a_field_added_under_an_oversigned_name_fails() -> None:
    signed = Signer().dkim(MESSAGE, h="From:To:Subject:Subject")
    assert only(verify(signed)) == (Result.PASS, "")
    forged = signed.replace(b"\r\nFrom:", b"\r\nSubject: Pay now\r\nFrom:")
    assert only(verify(forged))[0] is Result.FAIL


def test_a_second_from_leaves_no_signature_standing() -> None:
    """RFC 6376 8.15."""
    forged = b"From: boss@postroom.test\r\n" + Signer().dkim(MESSAGE)
    assert only(verify(forged)) == (Result.PERMERROR, "not-one-from")


@pytest.mark.parametrize(
    ("record", "result", "reason"),
    [
        ("v=DKIM1; p=", Result.FAIL, "key-revoked"),
        ("v=DKIM2; {p}", Result.PERMERROR, "key-version"),
        ("{p}; v=DKIM1", Result.PERMERROR, "key-version"),
        ("v=DKIM1; k=dsa; {p}", Result.PERMERROR, "key-type-unknown"),
        ("v=DKIM1; h=sha1; {p}", Result.PERMERROR, "key-hash"),
        ("v=DKIM1; h=sha1:sha256; {p}", Result.PASS, ""),
        ("v=DKIM1; s=tlsrpt; {p}", Result.PERMERROR, "key-service"),
        ("v=DKIM1; s=email; {p}", Result.PASS, ""),
        ("v=DKIM1; s=*; t=y; g=*; n=note; {p};", Result.PASS, ""),
        ("v=DKIM1; {p}; {p}", Result.PERMERROR, "key-malformed"),
        ("v=DKIM1; p=AAAA", Result.PERMERROR, "key-malformed"),
        ("v=DKIM1; p=%%%", Result.PERMERROR, "key-malformed"),
        ("k=rsa; {p}", Result.PASS, ""),
        ("what is this", Result.PERMERROR, "key-malformed"),
    ],
)
def test_each_key_record_has_its_result(record: str, result: Result, reason: str) -> None:
    signer = Signer()
    text = record.replace("{p}", signer.record.rpartition("; ")[2])
    zone = {"s1._domainkey.signer.test": [("TXT", text)]}
    assert only(verify(signer.dkim(MESSAGE), zone)) == (result, reason)


def test_a_strict_key_signs_for_its_own_domain_only() -> None:
    signer = Signer()
    zone = {"s1._domainkey.signer.test": [("TXT", signer.record + "; t=y:s")]}
    assert only(verify(signer.dkim(MESSAGE), zone)) == (Result.PASS, "")
    below = signer.dkim(MESSAGE, i="@sub.signer.test")
    assert only(verify(below, zone)) == (Result.PERMERROR, "identity-not-domain")


def test_a_short_key_is_no_key() -> None:
    assert (
        only(verify(Signer(bits=1024).dkim(MESSAGE), Signer(bits=1024).records))[0] is Result.PASS
    )
    short = {
        "s1._domainkey.signer.test": [
            (
                "TXT",
                # 512 bits, from the ARC validation suite's idea of a key that must not be used.
                "k=rsa; p=MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAIWmlgix/84GJ+dfgjm7LTc9EPdfk"
                "ftlgiPpCq4/kbDAZmU0VvYKDljjleJ1dfvS+CGy9U/kk1tG3EeEvb82xAcCAwEAAQ==",
            )
        ]
    }
    assert only(verify(Signer().dkim(MESSAGE), short)) == (Result.PERMERROR, "key-too-short")


def test_of_several_records_the_usable_key_is_taken() -> None:
    name = "s1._domainkey.signer.test"
    zone = {name: [("TXT", "v=spf1 -all"), ("TXT", Signer().record)]}
    assert only(verify(Signer().dkim(MESSAGE), zone)) == (Result.PASS, "")


def test_dns_trouble_is_temperror_and_not_fail() -> None:
    failing = ("s1._domainkey.signer.test",)
    found = only(verify(Signer().dkim(MESSAGE), servfail=failing))
    assert found == (Result.TEMPERROR, "dns-servfail")


def test_each_signature_has_its_own_result() -> None:
    rsa, ed = Signer(), Signer("other.test", ed=True)
    signed = ed.dkim(rsa.dkim(MESSAGE), h="From")
    results = verify(signed, rsa.records | ed.records)
    assert [(one.domain, one.result) for one in results] == [
        ("other.test", Result.PASS),
        ("signer.test", Result.PASS),
    ]


def test_a_signature_may_cover_older_signatures_but_not_itself() -> None:
    inner = Signer("inner.test").dkim(MESSAGE)
    names = "From:DKIM-Signature:DKIM-Signature"
    zone = Signer().records | Signer("inner.test").records
    signed = Signer().dkim(inner, h=names)
    assert [one.result for one in verify(signed, zone)] == [Result.PASS, Result.PASS]
    assert only(verify(Signer().dkim(MESSAGE, h=names))) == (Result.PASS, "")
    assert verify(signed.replace(b"d=inner", b"d=other"), zone)[0].result is Result.FAIL


@pytest.mark.parametrize(
    ("exponent", "result", "reason"),
    [
        (2**32 - 1, Result.FAIL, "verification-failed"),
        (2**32 + 1, Result.PERMERROR, "key-exponent"),
        (2**2047 + 1, Result.PERMERROR, "key-exponent"),
    ],
    ids=["longest", "too-long", "as-long-as-the-modulus"],
)
def test_a_key_whose_exponent_only_costs_time_is_none(
    exponent: int, result: Result, reason: str
) -> None:
    key = RSAPublicNumbers(exponent, rsa_key(2048).public_key().public_numbers().n).public_key()
    octets = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    record = "v=DKIM1; p=" + base64.b64encode(octets).decode()
    zone = {"s1._domainkey.signer.test": [("TXT", record)]}
    assert only(verify(Signer().dkim(MESSAGE), zone)) == (result, reason)


def test_signatures_beyond_the_limit_cost_no_question() -> None:
    message = MESSAGE
    for number in range(5):
        message = Signer(f"d{number}.test").dkim(message)
    resolver = FakeResolver("")
    config = Config(authentication=AuthenticationSection(max_signatures=2))
    authenticator = Authenticator(config, resolver, FixedClock(NOW))
    results = asyncio.run(authenticator.authenticate(Envelope(), message)).dkim
    assert [one.domain for one in results] == ["d4.test", "d3.test"]
    assert {name for name, _ in resolver.asked if "_domainkey" in name} == {
        "s1._domainkey.d4.test",
        "s1._domainkey.d3.test",
    }


@pytest.mark.parametrize(
    "field",
    [
        b"v=1; a=rsa-sha256; v=1",
        b"v=1 a=rsa-sha256;",
        b"",
        b";",
        b"v=1;; a=rsa-sha256",
        b"\xff\xfe",
        b"v=1; b=" + b"A" * 100_000,
    ],
)
def test_a_signature_that_cannot_be_read_is_permerror(field: bytes) -> None:
    message = b"DKIM-Signature: " + field + b"\r\n" + MESSAGE
    assert only(verify(message))[0] is Result.PERMERROR


@pytest.mark.parametrize(
    ("body", "simple", "relaxed"),
    [
        (b"", b"\r\n", b""),
        (b"\r\n\r\n", b"\r\n", b""),
        (b" \r\n\t\r\n", b" \r\n\t\r\n", b""),
        (b"a", b"a\r\n", b"a\r\n"),
        (b"a \t b  \r\n c\r\n \r\n", b"a \t b  \r\n c\r\n \r\n", b"a b\r\n c\r\n"),
        (b"a \r\n\r\n\r\n", b"a \r\n", b"a\r\n"),
        (b"a  ", b"a  \r\n", b"a\r\n"),
        (b"a\r\r\n\r\n", b"a\r\r\n", b"a\r\r\n"),
        (b"a\r\n\r\r\n\r\n", b"a\r\n\r\r\n", b"a\r\n\r\r\n"),
        (b"a\x0b \x0cb\r\n", b"a\x0b \x0cb\r\n", b"a\x0b \x0cb\r\n"),
    ],
)
def test_canonical_bodies_are_those_of_the_rfc(body: bytes, simple: bytes, relaxed: bytes) -> None:
    """RFC 6376 3.4.3 and 3.4.4."""
    assert simple_body(body) == simple
    assert relaxed_body(body) == relaxed
