"""Signatures over the real milter socket: what our clients send is signed, nothing else is."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from postroom.milter.keyring import Keyring, SelectorState, SigningKey
from postroom.verdict import Result
from tests.fakes.milter_client import ALL_STEPS, Answer, MilterClient
from tests.fakes.milter_process import Process, running, stamped
from tests.fakes.signed import foreign_results, own_results

NOW = datetime(2026, 11, 5, tzinfo=UTC)
BODY = b"Hello \t world\r\n\r\n.\r\n\xff\r\n\r\n"
OURS: list[tuple[str, bytes | str]] = [
    ("From", b"Anna <anna@firma.test>"),
    ("To", b"b@kunde.test,\n\tc@kunde.test"),
    ("Subject", "Grüße\n \tan alle  ".encode()),
    ("X-Test", b"local"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("signing")
    ring = Keyring(folder / "dkim")
    ring.make("firma.test", "s1", NOW)
    ring.change("firma.test", "s1", SelectorState.ACTIVE, NOW)
    return folder


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Process]:
    toml = (
        'mailboxes = ["info@firma.test", "info@bücher.test"]\n'
        f"[signing]\nkeys_dir = {json.dumps(str(folder / 'dkim'))}\n[milter]\n"
    )
    with running(folder, toml) as process:
        yield process


@pytest.fixture
def pair(folder: Path) -> tuple[SigningKey, ...]:
    return Keyring(folder / "dkim").keys("firma.test", "s1")


@pytest.fixture
def client(server: Process) -> Iterator[MilterClient]:
    with MilterClient(server.endpoint) as connected:
        connected.connect("localhost", "127.0.0.1")
        connected.helo()
        yield connected


def on_the_wire(answer: Answer, body: bytes) -> bytes:
    """The message as Postfix sends it on."""
    fields = (
        name.encode() + b":" + value.replace(b"\n", b"\r\n") + b"\r\n"
        for name, value in answer.fields
    )
    return b"".join(fields) + b"\r\n" + body


def test_what_our_client_submits_leaves_with_two_signatures_that_verify(
    client: MilterClient, pair: tuple[SigningKey, ...]
) -> None:
    for _ in range(2):
        answer = client.message(OURS, BODY, recipients=("<b@kunde.test>",))
        assert answer.reply == "accept"
        message = on_the_wire(answer, BODY)
        assert [one.result for one in own_results(message, pair)] == [Result.PASS] * 2
        assert foreign_results(message, pair) == [True, True]


def test_a_peer_without_leading_spaces_gets_signatures_that_verify_too(
    server: Process, pair: tuple[SigningKey, ...]
) -> None:
    with MilterClient(server.endpoint, steps=ALL_STEPS & 0x7F, version=2) as client:
        client.connect("localhost", "127.0.0.1")
        message = on_the_wire(client.message(OURS, BODY), BODY)
        # Postfix writes the space itself for such a milter.
        message = message.replace(b"DKIM-Signature:", b"DKIM-Signature: ")
        assert [one.result for one in own_results(message, pair)] == [Result.PASS] * 2
        assert foreign_results(message, pair) == [True, True]


def test_a_stranger_who_writes_our_name_into_from_is_not_signed_for(client: MilterClient) -> None:
    answer = client.message(OURS[:-1], BODY)
    assert answer.reply == "accept"
    assert answer.values("DKIM-Signature") == []


@pytest.mark.parametrize(
    "author", [b"a@kunde.test", b"anna@firma.test, b@firma.test", b"x: anna@firma.test;"]
)
def test_our_client_is_not_signed_for_under_any_other_name(
    client: MilterClient, author: bytes
) -> None:
    answer = client.message([("From", author), ("X-Test", "local")])
    assert (answer.reply, answer.values("DKIM-Signature")) == ("accept", [])


def test_mail_that_leaves_the_house_carries_nothing_of_what_we_know(client: MilterClient) -> None:
    answer = client.message(OURS, recipients=("<b@kunde.test>",))
    assert [name for name, _ in answer.fields] == [
        *("DKIM-Signature", "DKIM-Signature"),
        *(name for name, _ in OURS),
    ]
    answer = client.message(OURS, recipients=("<b@kunde.test>", "<info@Firma.test>"))
    assert stamped(answer, b"Hello\r\n").verdict.local
    assert len(answer.values("DKIM-Signature")) == 2
    for written in ("bücher.test", "xn--bcher-kva.test"):
        answer = client.message(OURS, recipients=(f"<info@{written}>",))
        assert stamped(answer, b"Hello\r\n").verdict.local


def test_forged_fields_of_our_own_client_go_and_the_message_is_not_signed(
    client: MilterClient,
) -> None:
    answer = client.message([("X-Postroom-Verdict", "v=1"), *OURS], recipients=("<b@kunde.test>",))
    assert answer.reply == "accept"
    assert [name for name, _ in answer.fields] == [name for name, _ in OURS]


def test_a_rotation_is_seen_without_a_restart_and_a_lost_key_defers(
    client: MilterClient, folder: Path
) -> None:
    ring = Keyring(folder / "dkim")
    ring.make("firma.test", "s2", datetime.now(UTC))
    ring.change("firma.test", "s2", SelectorState.ACTIVE, NOW)
    values = client.message(OURS).values("DKIM-Signature")
    assert {b"s=s2;" in value or b"s=s2-ed25519;" in value for value in values} == {True}
    key = folder / "dkim/firma.test/s2.rsa.pem"
    kept = key.read_bytes()
    key.unlink()
    ring.change("firma.test", "s2", SelectorState.ACTIVE, NOW)
    assert client.message(OURS).reply.startswith("451 4.3.0 ")
    key.write_bytes(kept)
    assert client.message(OURS).reply == "accept"
    ring.change("firma.test", "s2", SelectorState.RETIRED, NOW)
    assert b"s=s1" in client.message(OURS).values("DKIM-Signature")[0]
