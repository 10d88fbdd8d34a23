"""Signatures on our own mail: what is signed, what is not, and two verifiers that agree."""

import re
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from postroom.config import Config, Service, SigningSection
from postroom.failure import TemporaryFailure
from postroom.milter.keyring import Keyring, SelectorState, SigningKey
from postroom.milter.sign import Signer
from postroom.reading.fields import split
from postroom.verdict import Result
from tests.fakes.moment import FixedClock
from tests.fakes.signed import foreign_results, own_results

NOW = datetime(2026, 11, 5, tzinfo=UTC)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dkim")
    ring = Keyring(folder)
    for domain in ("firma.test", "xn--bcher-kva.test"):
        ring.make(domain, "s1", NOW)
        ring.change(domain, "s1", SelectorState.ACTIVE, NOW)
    return folder


@pytest.fixture(scope="module")
def signer(folder: Path) -> Signer:
    section = SigningSection(
        domains=("firma.test", "Bücher.test", "unsigned.test"), keys_dir=folder
    )
    service = Service(hostname="mail.firma.test")
    return Signer(Config(service=service, signing=section), Keyring(folder), FixedClock())


def keys(folder: Path, domain: str = "firma.test") -> tuple[SigningKey, ...]:
    return Keyring(folder).keys(domain, "s1")


def signed(signer: Signer, raw: bytes) -> bytes:
    """The message as it leaves: the signatures in front of it."""
    values = signer(raw)
    return b"".join(f"DKIM-Signature: {value}\r\n".encode() for value in values) + raw


def assert_verified(message: bytes, pair: tuple[SigningKey, ...]) -> None:
    results = own_results(message, pair)
    assert [one.result for one in results] == [Result.PASS, Result.PASS], results
    assert {one.algorithm for one in results} == {"rsa-sha256", "ed25519-sha256"}
    assert {one.domain for one in results} == {pair[0].domain}
    assert foreign_results(message, pair) == [True, True]


PLAIN = (
    b"From: Anna <anna@firma.test>\r\nTo: b@kunde.test\r\nSubject: Offer\r\n"
    b"Date: Thu, 05 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@firma.test>\r\n\r\nHello\r\n"
)


def multipart() -> bytes:
    message = EmailMessage(policy=policy.SMTP)
    message["From"] = "Änne <anna@firma.test>"
    message["To"] = ", ".join(f"kunde-{n}@kunde.test" for n in range(40))
    message["Subject"] = "Ответ на заявку № 7 " * 6
    message["References"] = " ".join(f"<{n}@kunde.test>" for n in range(30))
    message.set_content("Grüße\n\n" * 20)
    message.add_alternative("<p>Grüße</p>", subtype="html")
    message.add_attachment(bytes(range(256)) * 40, maintype="application", subtype="pdf")
    return message.as_bytes()


GOLDEN = {
    "plain": PLAIN,
    "multipart": multipart(),
    "no body": PLAIN.replace(b"Hello\r\n", b""),
    "no blank line": b"From: anna@firma.test\r\nSubject: x\r\n",
    "only blank lines": PLAIN.replace(b"Hello", b"\r\n\r\n \t\r\n"),
    "no line end at the end": PLAIN.replace(b"Hello\r\n", b"Hello"),
    "white space": PLAIN.replace(b"Hello", b" a \t b\t\r\n\tc \r\n \r\nd  "),
    "folded": PLAIN.replace(b"Subject: Offer", b"Subject:\r\n\t Offer\r\n\t of  two  \r\n \t"),
    "eight bit": PLAIN.replace(b"Hello", "Grüße".encode()).replace(b"Anna", "Änne".encode()),
    "no utf-8": PLAIN.replace(b"Hello", b"\xff\xfe\x00 x").replace(b"Offer", b"\xe4\xf6"),
    "dots": PLAIN.replace(b"Hello", b".\r\n..\r\n.hidden"),
    "repeated fields": PLAIN.replace(b"To:", b"Cc: a@x.test\r\nCc: b@x.test\r\nTo:"),
    "list": PLAIN.replace(b"To:", b"List-Id: <l.firma.test>\r\nList-Unsubscribe: <m:x>\r\nTo:"),
    "auto": PLAIN.replace(b"To:", b"Auto-Submitted: auto-replied\r\nX-Postroom-Loop: 1\r\nTo:"),
    "empty values": PLAIN.replace(b"Offer", b"").replace(b"To: b@kunde.test", b"To:"),
    "signed by another": b"DKIM-Signature: v=1; a=x; d=other.test; s=a; h=From; b=Zm9v\r\n" + PLAIN,
    "bare LF": PLAIN.replace(b"\r\n", b"\n"),
}


@pytest.mark.parametrize("name", [name for name in GOLDEN if name != "signed by another"])
def test_two_verifiers_agree_with_what_we_sign(name: str, signer: Signer, folder: Path) -> None:
    raw = GOLDEN[name]
    message = signed(signer, raw)
    if b"\r\n" not in raw:
        message = message.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    assert_verified(message, keys(folder))


def test_a_foreign_signature_is_left_alone(signer: Signer, folder: Path) -> None:
    message = signed(signer, GOLDEN["signed by another"])
    results = [one.result for one in own_results(message, keys(folder))]
    assert results[:2] == [Result.PASS, Result.PASS] and len(results) == 3
    assert foreign_results(message, keys(folder))[:2] == [True, True]


HEADERS = st.sampled_from(
    ["To", "Cc", "subject", "DATE", "Reply-To", "MIME-Version", "X-Other", "List-Id", "Received"]
)
# dkimpy takes vertical tab and form feed for white space, RFC 6376 2.8 only space and tab.
TEXT = st.text(st.characters(exclude_characters="\r\n\0\v\f", codec="utf-8"), max_size=60)
FOLDED = st.lists(TEXT, min_size=1, max_size=4).map("\r\n\t ".join)
BODY = st.lists(
    st.one_of(st.binary(max_size=40), st.sampled_from([b" ", b"\t", b" \t ", b"", b".", b"--"])),
    max_size=12,
)


@pytest.mark.slow
@given(fields=st.lists(st.tuples(HEADERS, FOLDED), max_size=8), lines=BODY, where=st.integers(0, 8))
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_message_of_ours_is_signed_so_that_both_verifiers_agree(
    fields: list[tuple[str, str]], lines: list[bytes], where: int, signer: Signer, folder: Path
) -> None:
    # A line of white space inside a folded field is what RFC 5322 3.2.2 forbids to write.
    header = [
        f"{name}: {value}\r\n".encode()
        for name, value in fields
        if not re.search(r"\n\s*(\r|$)", value)
    ]
    header.insert(where, b"From: anna@firma.test\r\n")
    # Postfix ends every line before a milter sees it.
    body = b"".join(line.replace(b"\r", b"").replace(b"\n", b"") + b"\r\n" for line in lines)
    assert_verified(signed(signer, b"".join(header) + b"\r\n" + body), keys(folder))


def tags(value: str) -> dict[str, str]:
    found = (tag.strip().partition("=") for tag in value.split(";"))
    return {name: re.sub(r"\s+", "", rest) for name, _, rest in found}


def test_what_is_covered(signer: Signer) -> None:
    raw = PLAIN.replace(
        b"To:",
        b"Reply-To: r@firma.test\r\nCc: c@x.test\r\nCc: d@x.test\r\nIn-Reply-To: <q@x>\r\n"
        b"References: <q@x>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain\r\n"
        b"Content-Transfer-Encoding: 8bit\r\nAuto-Submitted: no\r\nList-Post: <mailto:l@x>\r\n"
        b"X-Mailer: y\r\nReceived: z\r\nReturn-Path: <q@x>\r\nTo:",
    )
    for value in signer(raw):
        found = tags(value)
        assert found["h"].lower().split(":") == [
            *("from", "to", "cc", "cc", "subject", "date", "message-id", "reply-to"),
            *("in-reply-to", "references", "mime-version", "content-type"),
            *("content-transfer-encoding", "auto-submitted", "list-post", "from"),
        ]
        assert found["c"] == "relaxed/relaxed"
        assert found["t"] == "1760000000"
        assert not {"l", "x", "i"} & set(found)
        assert max(map(len, value.split("\r\n\t"))) <= 78
        assert all(line == line.strip() for line in value.split("\r\n\t"))


def test_a_changed_message_verifies_no_more(signer: Signer, folder: Path) -> None:
    message = signed(signer, PLAIN)
    for old, new in ((b"Hello", b"Hellp"), (b"Offer", b"Order"), (b"b@kunde", b"c@kunde")):
        results = own_results(message.replace(old, new), keys(folder))
        assert [one.result for one in results] == [Result.FAIL, Result.FAIL]
    added = b"From: evil@firma.test\r\n" + message
    assert all(one.result is not Result.PASS for one in own_results(added, keys(folder)))
    assert foreign_results(added, keys(folder)) == [False, False]


NOT_OURS = [
    b"anna@kunde.test",
    b"anna@mail.firma.test",
    b"anna@xfirma.test",
    b"anna@firma.test, ceo@bank.test",
    b"anna@firma.test, bob@firma.test",
    b"ours: anna@firma.test;",
    b"anna@firma.test <ceo@bank.test>",
    b'"anna@firma.test" <ceo@bank.test>',
    b"anna@unsigned.test",
    b"anna",
    b"",
]


@pytest.mark.parametrize("author", NOT_OURS)
def test_only_one_author_of_our_own_is_signed_for(author: bytes, signer: Signer) -> None:
    assert signer(PLAIN.replace(b"Anna <anna@firma.test>", author)) == ()


@pytest.mark.parametrize("more", [b"From: anna@firma.test\r\n", b"FROM : ceo@bank.test\r\n"])
def test_a_second_from_is_not_signed_for(more: bytes, signer: Signer) -> None:
    assert signer(more + PLAIN) == ()
    assert signer(PLAIN.replace(b"From: Anna <anna@firma.test>\r\n", b"")) == ()


@pytest.mark.parametrize(
    "trace",
    [
        b"X-Postroom-Verdict: v=1; forged or not\r\n",
        b"Authentication-Results: mail.firma.test; dmarc=fail\r\n",
        b"authentication-results: (x) MAIL.firma.test;\r\n\tdmarc=pass\r\n",
    ],
)
def test_what_has_been_through_our_border_before_is_passed_on_unsigned(
    trace: bytes, signer: Signer
) -> None:
    assert signer(trace + PLAIN) == ()
    assert len(signer(b"Authentication-Results: mx.other.test; dmarc=pass\r\n" + PLAIN)) == 2


def test_a_domain_in_letters_of_its_own_is_signed_under_its_ascii_name(
    signer: Signer, folder: Path
) -> None:
    raw = PLAIN.replace(b"anna@firma.test", "anna@Bücher.test".encode())
    assert_verified(signed(signer, raw), keys(folder, "xn--bcher-kva.test"))


def test_without_a_list_the_domains_of_the_mailboxes_are_ours(folder: Path) -> None:
    config = Config(
        service=Service(mailboxes=("info@firma.test",)), signing=SigningSection(keys_dir=folder)
    )
    assert len(Signer(config, Keyring(folder), FixedClock())(PLAIN)) == 2
    assert Signer(Config(), Keyring(folder), FixedClock())(PLAIN) == ()


def test_a_key_that_cannot_be_read_defers_the_message(tmp_path: Path) -> None:
    ring = Keyring(tmp_path)
    ring.make("firma.test", "s1", NOW)
    ring.change("firma.test", "s1", SelectorState.ACTIVE, NOW)
    (tmp_path / "firma.test/s1.rsa.pem").write_text("gone")
    config = Config(signing=SigningSection(domains=("firma.test",)))
    with pytest.raises(TemporaryFailure, match="dkim-key"):
        Signer(config, ring, FixedClock())(PLAIN)


HOSTILE = {
    "many fields": PLAIN.replace(b"To:", b"Cc: x@x.test\r\n" * 20_000 + b"To:"),
    "one huge field": PLAIN.replace(b"Offer", b"x \t" * 300_000),
    "spaces": PLAIN.replace(b"Hello", (b" " * 990 + b"\r\n") * 4_000),
}


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_our_own_clients_cannot_keep_the_signer_busy(
    name: str, signer: Signer, folder: Path
) -> None:
    message = signed(signer, HOSTILE[name])
    assert [one.result for one in own_results(message, keys(folder))] == [Result.PASS] * 2
    fields, _ = split(message)
    assert len(fields[0].value) < 3_000
