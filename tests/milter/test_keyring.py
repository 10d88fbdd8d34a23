"""The keys our domains sign with: made once, never overwritten, used while they are active."""

import base64
import re
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from postroom.failure import PermanentFailure, TemporaryFailure
from postroom.milter.keyring import Keyring, SelectorState

NOW = datetime(2026, 11, 5, tzinfo=UTC)
ACTIVE, RETIRED = SelectorState.ACTIVE, SelectorState.RETIRED


@pytest.fixture
def ring(tmp_path: Path) -> Keyring:
    ring = Keyring(tmp_path / "dkim")
    ring.make("firma.test", "s1", NOW)
    return ring


def selectors(ring: Keyring) -> list[str]:
    return [key.selector for key in ring.signing_keys("firma.test")]


def test_a_pair_is_made_readable_by_its_owner_alone(ring: Keyring, tmp_path: Path) -> None:
    folder = tmp_path / "dkim" / "firma.test"
    files = sorted(path.name for path in folder.iterdir())
    assert files == ["s1.ed25519.pem", "s1.rsa.pem", "selectors.json"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_each_key_has_a_name_of_its_own_and_a_record_of_short_strings(ring: Keyring) -> None:
    rsa, ed = ring.keys("firma.test", "s1")
    assert (rsa.name, ed.name) == (
        "s1._domainkey.firma.test",
        "s1-ed25519._domainkey.firma.test",
    )
    for key in (rsa, ed):
        strings = re.findall(r'"([^"]*)"', key.zone_line)
        assert "".join(strings) == key.record
        assert max(map(len, strings)) <= 255
        assert key.zone_line.startswith(f"{key.name}. IN TXT ( ")
    public = load_der_public_key(base64.b64decode(rsa.record.partition("p=")[2]))
    assert isinstance(public, RSAPublicKey) and public.key_size == 2048
    octets = base64.b64decode(ed.record.partition("p=")[2])
    assert Ed25519PublicKey.from_public_bytes(octets)


def test_nothing_signs_before_it_is_active_and_nothing_after_it_is_retired(ring: Keyring) -> None:
    assert selectors(ring) == []
    ring.change("firma.test", "s1", ACTIVE, NOW)
    assert selectors(ring) == ["s1", "s1-ed25519"]
    ring.change("firma.test", "s1", RETIRED, NOW)
    assert selectors(ring) == []


def test_the_newest_active_selector_signs(ring: Keyring) -> None:
    ring.change("firma.test", "s1", ACTIVE, NOW)
    ring.make("firma.test", "s0", NOW + timedelta(days=1))
    assert selectors(ring) == ["s1", "s1-ed25519"]
    ring.change("firma.test", "s0", ACTIVE, NOW)
    assert selectors(ring) == ["s0", "s0-ed25519"]
    ring.change("firma.test", "s0", RETIRED, NOW)
    assert selectors(ring) == ["s1", "s1-ed25519"]


def test_a_change_made_by_a_command_is_seen_by_the_running_service(
    ring: Keyring, tmp_path: Path
) -> None:
    command = Keyring(tmp_path / "dkim")
    assert selectors(ring) == []
    for state, signing in ((ACTIVE, 2), (RETIRED, 0), (ACTIVE, 2)):
        command.change("firma.test", "s1", state, NOW)
        assert len(selectors(ring)) == signing


def test_a_key_is_never_overwritten(ring: Keyring, tmp_path: Path) -> None:
    before = (tmp_path / "dkim/firma.test/s1.rsa.pem").read_bytes()
    with pytest.raises(PermanentFailure, match="dkim-selector-exists"):
        ring.make("firma.test", "s1", NOW)
    (tmp_path / "dkim/firma.test/s2.rsa.pem").write_bytes(b"somebody's")
    with pytest.raises(PermanentFailure, match="dkim-write"):
        ring.make("firma.test", "s2", NOW)
    assert (tmp_path / "dkim/firma.test/s1.rsa.pem").read_bytes() == before
    assert (tmp_path / "dkim/firma.test/s2.rsa.pem").read_bytes() == b"somebody's"


@pytest.mark.parametrize(
    "name", ["", "../x", "a.b", "S1", "s_1", "-s", "s-", "s-ed25519", "x" * 60, "s\n"]
)
def test_a_selector_that_is_no_plain_label_is_refused(ring: Keyring, name: str) -> None:
    with pytest.raises(PermanentFailure, match="dkim-selector"):
        ring.make("firma.test", name, NOW)


def test_an_unknown_selector_has_no_state(ring: Keyring) -> None:
    with pytest.raises(PermanentFailure, match="dkim-selector-unknown"):
        ring.change("firma.test", "s9", ACTIVE, NOW)


@pytest.mark.parametrize("file", ["s1.rsa.pem", "s1.ed25519.pem", "selectors.json"])
@pytest.mark.parametrize("content", [b"", b"{}x", b"[1]", b'{"s1": {"state": "x"}}'])
def test_what_cannot_be_read_is_a_temporary_failure(
    ring: Keyring, tmp_path: Path, file: str, content: bytes
) -> None:
    ring.change("firma.test", "s1", ACTIVE, NOW)
    (tmp_path / "dkim/firma.test" / file).write_bytes(content)
    with pytest.raises(TemporaryFailure, match="dkim-key"):
        ring.signing_keys("firma.test")


def test_a_domain_without_keys_is_not_signed_for(ring: Keyring, tmp_path: Path) -> None:
    assert ring.signing_keys("other.test") == ()
    assert Keyring(tmp_path / "nowhere").signing_keys("firma.test") == ()
    assert ring.domains() == ["firma.test"]
