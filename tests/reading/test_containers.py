"""Parts inside parts: winmail.dat, S/MIME, PGP, and what is encrypted."""

import base64
import datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs7
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from postroom.reading.armor import unwrap as unwrap_armor
from postroom.reading.leaves import leaves
from postroom.reading.reader import read
from postroom.reading.rtf import to_text
from postroom.reading.smime import unwrap
from postroom.reading.tnef import TnefError, read_tnef
from tests.fakes.letters import head, letter, multipart

TNEF = Path(__file__).resolve().parents[3] / "shared/conformance/tnef/mimekit"
needs_tnef = pytest.mark.skipif(not TNEF.is_dir(), reason="shared/conformance/tnef is absent")
PLAIN = b"Content-Type: text/plain; charset=utf-8\r\n\r\n"
# Extracted files that the suite keeps with another meaning.
OTHERWISE = {
    "christmas": "the suite keeps attached messages packed; we open them",
    "MAPI_OBJECT": "the suite keeps the interface identifier before an OLE object",
    "winmail": "the suite keeps the interface identifier before an OLE object",
}


def signed(entity: bytes) -> bytes:
    """An opaque-signed application/pkcs7-mime body, signed by a key made here."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "anna@buyer.example")])
    now = datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    builder = pkcs7.PKCS7SignatureBuilder().set_data(entity)
    return builder.add_signer(certificate, key, hashes.SHA256()).sign(
        serialization.Encoding.DER, [pkcs7.PKCS7Options.Binary]
    )


def smime(octets: bytes, kind: str) -> bytes:
    fields = (
        f'Content-Type: application/pkcs7-mime; smime-type={kind}; name="smime.p7m"',
        "Content-Transfer-Encoding: base64",
    )
    return head(*fields) + b"\r\n" + base64.encodebytes(octets)


def test_an_opaque_signed_message_is_unwrapped() -> None:
    entity = multipart(
        "mixed", PLAIN + b"We order 10.", b"Content-Type: application/pdf\r\n\r\n%PDF-"
    )
    message = read(smime(signed(entity), "signed-data"))
    assert message.new_text == "We order 10."
    assert [one.type for one in message.attachments] == ["application/pdf"]
    assert "encrypted" not in message.problems


@pytest.mark.parametrize(
    ("name", "octets", "inside"),
    [
        ("order.pdf.p7m", b"%PDF-1.4\n\nxref", "order.pdf"),
        ("order.xml.p7m", b'<?xml version="1.0"?><Order/>', "order.xml"),
        ("order.txt.p7m", PLAIN + b"50 pcs B-200", "order.txt"),  # the name says it is a file
        ("order.p7m", b"%PDF-1.4\n\nxref", "order"),
        ("", b"Order 4711\nPlease send 50 pcs of B-200", "signed"),
    ],
)
def test_a_signed_file_is_a_document_under_its_own_name(
    name: str, octets: bytes, inside: str
) -> None:
    head_of_part = f'Content-Type: application/pkcs7-mime; name="{name}"\r\n'
    part = head_of_part.encode() + b"Content-Transfer-Encoding: base64\r\n\r\n"
    raw = multipart("mixed", PLAIN + b"See file.", part + base64.encodebytes(signed(octets)))
    message = read(raw)
    assert message.new_text == "See file."
    (found,) = message.attachments
    assert (found.filename, found.data) == (inside, octets)
    assert found.type == "application/octet-stream"
    assert message.problems == ()


def test_a_signed_text_beside_another_is_read_as_text() -> None:
    part = b'Content-Type: application/pkcs7-mime; name="smime.p7m"\r\n'
    part += b"Content-Transfer-Encoding: base64\r\n\r\n"
    part += base64.encodebytes(signed(PLAIN + b"We order 10."))
    message = read(multipart("mixed", PLAIN + b"Hello.", part))
    assert message.new_text.split() == ["Hello.", "We", "order", "10."]


def test_a_broken_envelope_is_a_problem() -> None:
    message = read(smime(signed(PLAIN + b"We order 10.")[:-300], "signed-data"))
    assert "smime-broken" in message.problems


def test_indefinite_lengths_and_string_pieces_are_unwrapped() -> None:
    pieces = b"\x04\x03abc\x04\x02de"
    content = b"\x24\x80" + pieces + b"\0\0"
    encapsulated = b"\x30\x80\x06\x09" + bytes.fromhex("2a864886f70d010701") + b"\xa0\x80" + content
    encapsulated += b"\0\0\0\0"
    signed_data = b"\x30\x80\x02\x01\x01\x31\x00" + encapsulated + b"\x31\x00\0\0"
    identity = b"\x06\x09" + bytes.fromhex("2a864886f70d010702")
    info = b"\x30\x80" + identity + b"\xa0\x80" + signed_data + b"\0\0\0\0"
    assert unwrap(info) == (b"abcde", "")


def test_an_encrypted_message_is_marked_and_kept() -> None:
    message = read(smime(b"\x30\x03\x02\x01\x01", "enveloped-data"))
    assert "encrypted" in message.problems
    assert [one.filename for one in message.attachments] == ["smime.p7m"]
    pgp = multipart(
        "encrypted",
        b"Content-Type: application/pgp-encrypted\r\n\r\nVersion: 1",
        b"Content-Type: application/octet-stream\r\n\r\n-----BEGIN PGP MESSAGE-----",
    )
    assert "encrypted" in read(pgp).problems


def test_a_detached_signature_is_no_document() -> None:
    raw = multipart(
        "signed",
        PLAIN + b"We order 10.",
        b"Content-Type: application/pgp-signature; name=signature.asc\r\n\r\nxxxx",
    )
    message = read(raw)
    assert (message.new_text, message.attachments) == ("We order 10.", ())
    assert len(leaves(raw)) == 2


def test_clear_signed_text_is_unwrapped() -> None:
    body = (
        "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nWe order 10.\n- -- \nAnna\n"
        "-----BEGIN PGP SIGNATURE-----\n\nxxxx\n-----END PGP SIGNATURE-----\n"
    )
    message = read(letter(body))
    assert (message.new_text, message.signature) == ("We order 10.", "--\nAnna")


def test_armored_encryption_is_marked() -> None:
    body = "-----BEGIN PGP MESSAGE-----\n\nxxxx\n-----END PGP MESSAGE-----\n"
    assert "encrypted" in read(letter(body)).problems


@given(st.binary(max_size=120))
def test_any_octets_are_refused_or_unwrapped(octets: bytes) -> None:
    for prefix in (b"", b"\x30\x80", bytes.fromhex("308006092a864886f70d010702a080")):
        content, problem = unwrap(prefix + octets)
        assert content == b"" or problem == ""


@given(st.text(max_size=100))
def test_any_armor_is_read(text: str) -> None:
    unwrap_armor("-----BEGIN PGP SIGNED MESSAGE-----" + text)


# -- winmail.dat -----------------------------------------------------------------------------


def same(octets: bytes) -> bytes:
    return octets.replace(b"\r\n", b"\n")  # the suite's text files went through a version control


def tnef_files() -> list[Path]:
    return sorted(TNEF.glob("*.tnef"))


@needs_tnef
@pytest.mark.parametrize("path", tnef_files(), ids=lambda path: path.stem)
def test_every_file_of_a_winmail_is_found(path: Path) -> None:
    inside = read_tnef(path.read_bytes())
    folder = path.with_suffix("")
    wanted = [one for one in folder.iterdir() if one.stem != "message"] if folder.is_dir() else []
    found = [same(one.data) for one in inside.files]
    missing = [one.name for one in wanted if same(one.read_bytes()) not in found]
    if path.stem in OTHERWISE:
        assert missing
        pytest.xfail(OTHERWISE[path.stem])
    assert not missing
    for body in folder.glob("message.rtf"):
        assert same(inside.rtf) == same(body.read_bytes())
    for body in folder.glob("message.html"):
        assert same(inside.html.encode("cp1252", "replace"))[:2_000] in same(body.read_bytes()) or (
            same(inside.html.encode()) == same(body.read_bytes())
        )


@needs_tnef
@pytest.mark.parametrize("path", tnef_files(), ids=lambda path: path.stem)
def test_a_winmail_replaces_itself_in_a_message(path: Path) -> None:
    part = (
        b'Content-Type: application/ms-tnef; name="winmail.dat"\r\n'
        b"Content-Transfer-Encoding: base64\r\n\r\n" + base64.encodebytes(path.read_bytes())
    )
    message = read(multipart("mixed", b"Content-Type: text/plain\r\n\r\nown text", part))
    inside = read_tnef(path.read_bytes())
    assert message.text == "own text"
    if inside.files:
        assert {one.data for one in message.attachments} == {one.data for one in inside.files}
        assert "winmail.dat" not in [one.filename for one in message.attachments]
    alone = read(multipart("mixed", part))
    if inside.text.strip() or inside.html.strip():
        assert alone.text.strip()


@needs_tnef
def test_files_of_a_message_inside_a_winmail_are_marked() -> None:
    part = (
        b'Content-Type: application/ms-tnef; name="winmail.dat"\r\n'
        b"Content-Transfer-Encoding: base64\r\n\r\n"
    )
    marked = {
        path.stem: {"inside-message" in one.problems for one in read(raw).attachments}
        for path in tnef_files()
        if path.stem in ("christmas", "two-files")
        for raw in [multipart("mixed", part + base64.encodebytes(path.read_bytes()))]
    }
    assert True in marked["christmas"]
    assert marked["two-files"] == {False}


@needs_tnef
@pytest.mark.parametrize("name", ["rich-text.eml", "ukr.eml"])
def test_mails_with_winmail_are_read(name: str) -> None:
    message = read((TNEF / name).read_bytes())
    assert message.text
    assert "tnef-broken" not in message.problems


@needs_tnef
@given(st.data())
def test_a_damaged_winmail_never_raises_anything_else(data: st.DataObject) -> None:
    octets = bytearray((TNEF / "two-files.tnef").read_bytes())
    for _ in range(data.draw(st.integers(0, 5))):
        octets[data.draw(st.integers(0, min(len(octets), 3_000) - 1))] = data.draw(
            st.integers(0, 255)
        )
    octets = octets[: data.draw(st.integers(0, len(octets)))]
    try:
        read_tnef(bytes(octets))
    except TnefError:
        pass


@pytest.mark.parametrize(
    ("rich", "text"),
    [
        (rb"{\rtf1\ansi Hello\par W\'f6rld\tab 5}", "Hello\nWörld\t5"),
        (rb"{\rtf1\ansi\ansicpg1251 \'c7\'e0\'ea\'e0\'e7}", "Заказ"),
        (rb"{\rtf1 \u1047?\u1072?kaz}", "Заkaz"),
        (rb"{\rtf1{\fonttbl{\f0 Arial;}}{\*\generator x;}text}", "text"),
        (rb"{\rtf1 a\{b\}\\c}", "a{b}\\c"),
    ],
)
def test_rich_text_becomes_text(rich: bytes, text: str) -> None:
    assert to_text(rich) == (text, False)


def test_encapsulated_html_is_taken_out_of_rich_text() -> None:
    rich = (
        rb"{\rtf1\ansi\fromhtml1 {\*\htmltag64 <p>}\htmlrtf {\htmlrtf0 Order \'fc"
        rb"{\*\htmltag72 </p>}\htmlrtf\par}\htmlrtf0 }"
    )
    assert to_text(rich) == ("<p>Order ü</p>", True)


@given(st.binary(max_size=200))
def test_any_rich_text_is_read(octets: bytes) -> None:
    to_text(b"{\\rtf1 " + octets)[0].encode("utf-8")


def test_an_invitation_without_text_says_its_summary() -> None:
    event = "BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\nSUMMARY:Visit\\, Tuesday\r\n"
    event += "DESCRIPTION:Room 5\\nBring samp\r\n les\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    raw = head("Content-Type: text/calendar; charset=utf-8") + b"\r\n" + event.encode()
    assert read(raw).text == "Visit, Tuesday\nRoom 5\nBring samples"
