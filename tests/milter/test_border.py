"""Which inbound header fields are taken for forgeries of ours (RFC 8601 5)."""

import time

import pytest

from postroom.milter import border

OWN = "mail.firma.test"

OURS = [
    b" mail.firma.test; spf=pass",
    b" mail.firma.test;spf=pass",
    b"mail.firma.test; none",
    b" MAIL.Firma.TEST; spf=pass",
    b" mail.firma.test 1; spf=pass",
    b"\tmail.firma.test\t1 ; spf=pass",
    b"\r\n\tmail.firma.test; spf=pass",
    b"\n mail.firma.test;\n spf=pass",
    b" mail.fir\r\n ma.test; spf=pass",
    b" (comment) mail.firma.test; spf=pass",
    b" (a (nested) comment)(another) mail.firma.test (and) 1; spf=pass",
    b" (with ; and \\) and \\( inside) mail.firma.test; spf=pass",
    b' "mail.firma.test"; spf=pass',
    b' "mail.\\firma.test" 1; spf=pass',
    b' "mail.firma.test;"; spf=pass',
    b" mail.firma.test.; spf=pass",
    b" mail.firma.test",
    b" mail.firma.test/1; spf=pass",
    b" mail . firma . test; spf=pass",
    b" mail.(x)firma.test; spf=pass",
    b" =?utf-8?q?mail=2Efirma=2Etest?=; spf=pass",
    b" =?utf-8?B?bWFpbC5maXJtYS50ZXN0?= 1; spf=pass",
    b" =?iso-8859-15?q?mail?= =?US-ASCII*en?b?LmZpcm1hLnRlc3Q?=; spf=pass",
    b" =?punycode?q?mail.firma.test-?=; spf=pass",
    b" =?utf-7?q?mail=2Efirma=2Etest?=; spf=pass",
    b" =?utf-16-le?b?bQBhAGkAbAAuAGYAaQByAG0AYQAuAHQAZQBzAHQA?=; spf=pass",
    b" =?utf-7?q?mx?=; spf=pass smtp.mailfrom=mail.firma.test",
    b" mail.fir\xe2\x80\x8bma.test; spf=pass",  # a space of no width
    b" mail.fir\x01ma.test; spf=pass",
    b" (never closed mail.firma.test; spf=pass",
    b' "never closed mail.firma.test; spf=pass',
]

STRANGERS = [
    b" mx.sender.test; spf=pass",
    b" mail.firma.test.sender.test; spf=pass",
    b" notmail.firma.test; spf=pass",
    b" firma.test; spf=pass",
    b" mx.sender.test; spf=pass smtp.mailfrom=mail.firma.test",
    b" (mail.firma.test) mx.sender.test; spf=pass",
    b' "mx.sender.test"; x="mail.firma.test"',
    b" mail.firma.test1; spf=pass",
    b" i=1; mail.firma.test; spf=pass",
    b"",
    b" ;",
    b" 1",
    b" (only a comment)",
    b" \xff\xfe\x00; spf=pass",
    b" =?utf-8?q?broken",
    b" =?nonsense?q?mx?=; none",
]


@pytest.mark.parametrize("value", OURS)
def test_an_authserv_id_that_is_ours_is_found_however_it_is_written(value: bytes) -> None:
    assert border.claims_to_be(value, OWN)


@pytest.mark.parametrize("value", STRANGERS)
def test_somebody_elses_results_are_kept(value: bytes) -> None:
    assert not border.claims_to_be(value, OWN)


@pytest.mark.parametrize(
    ("own", "written"),
    [
        ("почта.фирма.test", b" xn--80a1acny.xn--80aza1am2d.test; spf=pass"),
        ("Mail.Firma.Test.", b" mail.firma.test; spf=pass"),
        ("b\u00fccher.test", "b\u00dccher.TEST; none".encode()),
        ("xn--bcher-kva.test", "b\u00fccher.test; none".encode()),
    ],
)
def test_an_internationalized_host_name_is_ours_in_both_forms(own: str, written: bytes) -> None:
    ascii_form = own.rstrip(".").encode("idna")
    assert border.claims_to_be(b" " + ascii_form + b"; spf=pass", own)
    if own.startswith("почта"):
        return
    assert border.claims_to_be(written, own)


def test_every_field_of_our_prefix_goes_and_its_neighbours_stay() -> None:
    found = border.forged(
        [
            ("X-Postroom-Verdict", b" v=1"),
            ("x-postroom-anything", b""),
            ("X-POSTROOM-", b" x"),
            ("X-Postroomer", b" x"),
            ("X-Post-Room", b" x"),
            ("Authentication-Results-Original", b" mail.firma.test; spf=pass"),
        ],
        OWN,
    )
    assert [removal.name for removal in found] == [
        "X-POSTROOM-",
        "x-postroom-anything",
        "X-Postroom-Verdict",
    ]
    assert {removal.kind for removal in found} == {"x-postroom"}


def test_indexes_count_fields_of_one_name_in_any_case_and_the_last_is_deleted_first() -> None:
    found = border.forged(
        [
            ("Authentication-Results", b" mail.firma.test; none"),
            ("AUTHENTICATION-RESULTS", b" mx.sender.test; none"),
            ("authentication-results", b" mail.firma.test; none"),
            ("X-Postroom-Verdict", b" 1"),
            ("Authentication-Results", b" mx.sender.test; none"),
            ("x-postroom-verdict", b" 2"),
        ],
        OWN,
    )
    assert [(removal.name.lower(), removal.index) for removal in found] == [
        ("x-postroom-verdict", 2),
        ("x-postroom-verdict", 1),
        ("authentication-results", 3),
        ("authentication-results", 1),
    ]


@pytest.mark.parametrize(
    "value",
    [
        b"(" * 60_000,
        b'"' * 60_001,
        b"\\" * 60_000,
        b" " * 60_000,
        b"(" * 30_000 + b")" * 30_000,
        b"=?" * 30_000,
        b"=?utf-8?q?" * 6_000,
        b"=?utf-8?q?a?= " * 4_000 + b";",
        b"=?punycode?q?" + b"a" * 59_000 + b"?=",
        b"=?idna?b?" + b"YWFh" * 14_000 + b"?=",
        b"=?iso-8859-1?q?" + b"=41" * 19_000 + b"?=",
        b"a " * 30_000,
        b"\xff" * 60_000,
    ],
)
def test_a_hostile_value_is_judged_in_linear_time(value: bytes) -> None:
    started = time.process_time()
    border.forged([("Authentication-Results", value)] * 5, OWN)
    assert time.process_time() - started < 0.5
