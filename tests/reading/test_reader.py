"""The whole way from octets to Message: what strange mail becomes."""

import base64
import binascii
import hashlib
import io
import quopri
import zipfile
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postroom.config import ReadingSection
from postroom.message import AutomaticKind, Message
from postroom.reading.leaves import leaves
from postroom.reading.reader import read
from tests.fakes.letters import HEAD, head, letter, multipart

PLAIN = b"Content-Type: text/plain; charset=utf-8\r\n\r\n"
HTML = b"Content-Type: text/html; charset=utf-8\r\n\r\n"


def attached(name: str, octets: bytes, kind: str = "application/pdf") -> bytes:
    fields = (
        f'Content-Type: {kind}; name="{name}"\r\n'
        f'Content-Disposition: attachment; filename="{name}"\r\n'
        "Content-Transfer-Encoding: base64\r\n\r\n"
    )
    return fields.encode() + base64.encodebytes(octets).replace(b"\n", b"\r\n")


def test_an_ordinary_order_is_read() -> None:
    body = (
        "Просим 10 шт.\n\nС уважением,\nАнна\n\n12.03.2024 16:40, info@firma.test пишет:\n> Цена 5"
    )
    message = read(
        letter(
            body,
            "From: =?utf-8?B?0JDQvdC90LA=?= <Anna@Buyer.example>",
            "Subject: =?koi8-r?B?+sHLwdo=?=",
            "Cc: a@b.test, c@d.test",
            "References: <0@x.test>",
            "In-Reply-To: <9@x.test>",
        )
    )
    assert message.author is not None
    assert (message.author.text, message.author.name) == ("Anna@buyer.example", "Анна")
    assert message.authors == (message.author,)
    assert message.subject == "Заказ"
    assert [one.text for one in message.to] == ["info@firma.test"]
    assert [one.text for one in message.cc] == ["a@b.test", "c@d.test"]
    assert message.date is not None
    assert message.date.isoformat() == "2024-03-12T16:40:00+03:00"
    assert message.message_id == "<1@buyer.example>"
    assert message.references == ("<0@x.test>", "<9@x.test>")
    assert message.new_text == "Просим 10 шт."
    assert message.signature == "С уважением,\nАнна"
    assert message.quoted_text.endswith("Цена 5")
    assert message.language == "ru"
    assert message.automatic.kind is AutomaticKind.HUMAN
    assert message.header("SUBJECT") == "Заказ"
    assert message.problems == ()


@pytest.mark.parametrize(
    ("raw", "subject", "text"),
    [
        (b"\xef\xbb\xbfSubject: bom\r\n\r\ntext", "bom", "text"),
        (b"Subject : space\r\n\r\ntext", "space", "text"),
        (b"Subject: cr only\rTo: a@b.test\r\rline\rline", "cr only", "line\nline"),
        (b"Subject: lf only\n\ntext\n", "lf only", "text"),
        (b"no colon here\r\nSubject: still\r\n\r\ntext", "still", "text"),
        (b"Subject: no body", "no body", ""),
        (b"\r\nbody at once", "", "body at once"),
        (b"", "", ""),
        (b"just text", "", "just text"),
        ("Subject: сырой\r\n\r\nтекст".encode("koi8-r"), "сырой", "текст"),
        (b"Subject: folded\r\n\tline\r\n\r\nx", "folded line", "x"),
    ],
)
def test_broken_headers_are_read(raw: bytes, subject: str, text: str) -> None:
    message = read(raw)
    assert (message.subject, message.text) == (subject, text)


@pytest.mark.parametrize("encoding", ["base64 ", "base64;", '"base64"', "BASE64 (c)", "Base64"])
def test_base64_is_known_however_it_is_written(encoding: str) -> None:
    octets = bytes(range(256)) * 4
    part = attached("a.bin", octets).replace(b"Encoding: base64", f"Encoding: {encoding}".encode())
    assert read(multipart("mixed", PLAIN + b"x", part)).attachments[0].data == octets


@pytest.mark.parametrize(
    ("encoded", "octets"),
    [
        (b"QUJD", b"ABC"),
        (b"QUJ", b"AB"),  # padding lost
        (b"QUJDR", b"ABC"),  # cut in mid-group
        (b"QUI=QUJD", b"ABABC"),  # padding in the middle
        (b"QU\r\nJD\r\n\r\n", b"ABC"),
        (b"QUJD\r\n=\r\n", b"ABC"),
        (b"Q U J D", b"ABC"),
        (b"This is no base64 at all, it is text.", b"This is no base64 at all, it is text."),
    ],
)
def test_broken_base64_keeps_what_is_there(encoded: bytes, octets: bytes) -> None:
    raw = head("Content-Type: application/pdf", "Content-Transfer-Encoding: base64")
    (leaf,) = leaves(raw + b"\r\n" + encoded)
    assert leaf.data == octets


def test_a_footer_behind_base64_is_left_out() -> None:
    octets = bytes(100)
    footer = b"____\r\nMailing list users@lists.test"
    raw = head("Content-Type: application/pdf", "Content-Transfer-Encoding: base64")
    (leaf,) = leaves(raw + b"\r\n" + base64.encodebytes(octets) + footer)
    assert leaf.data == octets


def test_uuencoded_files_in_text_become_attachments() -> None:
    octets = b"order line\n" * 20
    lines = b"".join(binascii.b2a_uu(octets[at : at + 45]) for at in range(0, len(octets), 45))
    body = b"Here it is:\nbegin 644 order.csv\n" + lines + b"`\nend\nRegards"
    message = read(letter(body))
    assert message.text == "Here it is:\nRegards"
    (file,) = message.attachments
    assert (file.filename, file.data) == ("order.csv", octets)
    assert [leaf.filename for leaf in leaves(letter(body))] == ["", "order.csv"]


def test_flowed_paragraphs_are_put_together() -> None:
    body = "one \ntwo \nthree\n\n> old \n> text\n-- \nAnna"
    raw = letter(body).replace(b"charset=utf-8", b"charset=utf-8; format=flowed")
    message = read(raw)
    assert message.new_text == "one two three"
    assert message.quoted_text == "old text"
    assert message.signature == "--\nAnna"
    stuffed = letter("a \n b\n From c").replace(
        b"charset=utf-8", b"charset=utf-8; format=flowed; delsp=yes"
    )
    assert read(stuffed).text == "ab\nFrom c"


def test_plain_text_is_best_where_it_says_as_much() -> None:
    raw = multipart(
        "alternative", PLAIN + b"We order 10 valves and 5 pumps today.", HTML + b"<p>We order"
    )
    assert read(raw).text == "We order 10 valves and 5 pumps today."


def test_html_is_best_where_the_plain_text_is_a_stub() -> None:
    html = b"<p>We order 10 valves and 5 pumps, " + b"please deliver soon. " * 20
    raw = multipart("alternative", PLAIN + b"Your program shows no HTML.", HTML + html)
    assert read(raw).text.startswith("We order 10 valves")


def test_html_is_best_where_the_plain_text_lost_the_table() -> None:
    rows = "".join(
        f"<tr><td>Valve {n}</td><td>{n * 10} pcs</td><td>{n}.50</td></tr>" for n in range(1, 4)
    )
    plain = "We order:\n\n" + "".join(
        f"Valve {n}\n\n{n * 10} pcs\n\n{n}.50\n\n" for n in range(1, 4)
    )
    raw = multipart(
        "alternative", PLAIN + plain.encode(), HTML + f"We order:<table>{rows}</table>".encode()
    )
    assert "Valve 2\t20 pcs\t2.50" in read(raw).new_text


def test_texts_around_an_attachment_are_joined() -> None:
    raw = multipart("mixed", PLAIN + b"above", attached("a.pdf", b"%PDF-"), PLAIN + b"below")
    message = read(raw)
    assert message.text == "above\n\nbelow"
    assert [one.filename for one in message.attachments] == ["a.pdf"]


def test_a_text_that_is_attached_is_a_document() -> None:
    raw = multipart(
        "mixed",
        PLAIN + b"see file",
        attached("order.csv", b"a;1\n", "text/csv"),
        attached("note.txt", b"note", "text/plain"),
    )
    message = read(raw)
    assert message.text == "see file"
    assert [one.filename for one in message.attachments] == ["order.csv", "note.txt"]


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\anna\\order.pdf", "order.pdf"),
        ("order\u202efdp.exe", "orderfdp.exe"),
        ("=?utf-8?B?0KHRh9GR0YI=?=.pdf", "Счёт.pdf"),
        ("a\tb.pdf", "a b.pdf"),
        ("x" * 300 + ".pdf", "x" * 196 + ".pdf"),
    ],
)
def test_file_names_are_labels(written: str, name: str) -> None:
    raw = multipart("mixed", attached(written, b"x"))
    assert read(raw).attachments[0].filename == name


def test_attachments_carry_their_octets_and_digest() -> None:
    octets = bytes(range(256))
    (found,) = read(multipart("mixed", attached("a.pdf", octets))).attachments
    assert (found.type, found.size, found.data) == ("application/pdf", 256, octets)
    assert found.sha256 == hashlib.sha256(octets).hexdigest()


def test_a_logo_is_told_from_a_photographed_order() -> None:
    def image(fields: str, size: int) -> bytes:
        return (
            f"Content-Type: image/png\r\n{fields}Content-Transfer-Encoding: base64\r\n\r\n".encode()
            + base64.encodebytes(bytes(size))
        )

    raw = multipart(
        "related",
        HTML + b'<p>Order</p><img src="cid:logo@x">',
        image("Content-ID: <logo@x>\r\n", 50_000),
        image("Content-Disposition: inline\r\n", 900),
        image('Content-Disposition: inline; filename="scan.png"\r\n', 300_000),
        image('Content-Disposition: attachment; filename="small.png"\r\n', 900),
    )
    assert [one.inline for one in read(raw).attachments] == [True, True, False, False]


def test_a_message_in_base64_is_opened() -> None:
    inner = letter("inner text", "Subject: inner")
    part = (
        b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + base64.encodebytes(inner)
    )
    assert "inner text" in [leaf.text for leaf in leaves(multipart("mixed", PLAIN + b"x", part))]


@pytest.mark.parametrize("text", ["plain text", "No header: here?", "one\n\ntwo"])
def test_a_part_without_a_header_keeps_its_text(text: str) -> None:
    start = head("Content-Type: multipart/mixed; boundary=b") + b"\r\n--b\r\n"
    assert read(start + text.encode() + b"\r\n--b--").text == text


def test_a_part_without_an_empty_line_keeps_its_text() -> None:
    raw = multipart("mixed", b"Content-Type: text/plain;\r\n charset=utf-8\r\nhello\r\nyou: there")
    assert read(raw).text == "hello\nyou: there"


@pytest.mark.parametrize(
    ("encoding", "encode"),
    [("base64", base64.encodebytes), ("quoted-printable", quopri.encodestring)],
)
def test_a_multipart_that_was_encoded_as_a_whole_is_opened(
    encoding: str, encode: Callable[[bytes], bytes]
) -> None:
    inside = (
        b"--=_edge\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nhello\r\n"
        b"--=_edge\r\nContent-Type: application/pdf; name=a.pdf\r\n\r\n%PDF-\r\n--=_edge--\r\n"
    )
    raw = head(
        'Content-Type: multipart/mixed; boundary="=_edge"', f"Content-Transfer-Encoding: {encoding}"
    )
    message = read(raw + b"\r\n" + encode(inside))
    assert message.text == "hello"
    assert [one.filename for one in message.attachments] == ["a.pdf"]
    assert "boundary-missing" not in message.problems
    plain = read(raw + b"\r\n" + inside)  # the label lies
    assert (plain.text, len(plain.attachments)) == ("hello", 1)


def test_a_multipart_without_its_boundary_is_text() -> None:
    message = read(head("Content-Type: multipart/mixed") + b"\r\nWe order 10 valves.")
    assert message.text == "We order 10 valves."
    assert "boundary-missing" in message.problems


def test_boundaries_that_are_prefixes_of_each_other_are_kept_apart() -> None:
    inner = (
        b'Content-Type: multipart/mixed; boundary="edge1"\r\n\r\n'
        b"--edge1\r\n\r\none\r\n--edge1\r\n\r\ntwo\r\n--edge1--\r\n"
    )
    assert [leaf.text for leaf in leaves(multipart("mixed", inner, b"\r\nthree"))] == [
        "one",
        "two",
        "three",
    ]


def test_an_unclosed_inner_multipart_ends_with_the_outer() -> None:
    inner = b'Content-Type: multipart/mixed; boundary="in"\r\n\r\n--in\r\n\r\none'
    assert [leaf.text for leaf in leaves(multipart("mixed", inner, b"\r\ntwo"))] == ["one", "two"]


def test_two_from_fields_give_no_author() -> None:
    message = read(letter("x").replace(b"To:", b"From: evil@x.test\r\nTo:"))
    assert message.author is None
    assert len(message.authors) == 2
    assert "author-several" in message.problems


def test_a_from_behind_a_broken_line_is_seen() -> None:
    message = read(b"From: a@b.test\r\nbroken line\r\nFrom: c@d.test\r\n\r\nx")
    assert message.author is None


def test_limits_are_named_when_hit() -> None:
    limits = ReadingSection(
        max_headers=3, max_parts=4, max_depth=2, max_addresses=2, max_attachments=1, max_text=50
    )
    deep = b"".join(
        b'Content-Type: multipart/mixed; boundary="%d"\r\n\r\n--%d\r\n' % (n, n) for n in range(4)
    )
    raw = head("To: a@b.test, c@d.test, e@f.test") + deep
    assert {"headers-limit", "addresses-limit", "depth-limit"} <= set(read(raw, limits).problems)
    parts = [attached(f"{n}.pdf", b"x") for n in range(9)]
    assert {"parts-limit", "attachments-limit"} <= set(
        read(multipart("mixed", *parts), limits).problems
    )
    assert "text-limit" in read(letter("word " * 50), limits).problems


def packed(**files: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return target.getvalue()


def test_the_names_in_an_archive_are_listed() -> None:
    message = read(
        multipart("mixed", attached("a.zip", packed(order=b"x", заказ=b"y"), "application/zip"))
    )
    assert message.attachments[0].members == ("order", "заказ")


def test_an_encrypted_archive_is_marked() -> None:
    octets = bytearray(packed(order=b"x"))
    octets[6] |= 1
    octets[octets.rfind(b"PK\x01\x02") + 8] |= 1
    message = read(multipart("mixed", attached("a.zip", bytes(octets), "application/zip")))
    assert message.attachments[0].problems == ("encrypted",)
    assert "attachment-encrypted" in message.problems


@pytest.mark.parametrize(
    ("octets", "problem"),
    [
        (packed(big=bytes(3_000_000)), "expanded-limit"),
        (b"PK\x03\x04 cut short", "archive-broken"),
        (b"%PDF-1.4\n" + b"/Type /Page\n" * 30, "pages-limit"),
        (b"%PDF-1.4\n/Type /Pages /Count 400", "pages-limit"),
        (b"%PDF-1.4\ntrailer << /Encrypt 7 0 R >>", "encrypted"),
        (b"\x1f\x8b\x08" + bytes(20) + b"\xff\xff\xff\x7f", "expanded-limit"),
    ],
)
def test_what_would_unfold_too_far_is_marked(octets: bytes, problem: str) -> None:
    limits = ReadingSection(max_expanded=1_000_000, max_pages=20)
    (found,) = read(multipart("mixed", attached("a", octets)), limits).attachments
    assert found.problems == (problem,)


TOKENS = st.sampled_from(
    rb"""Content-Type: multipart/mixed; boundary=b|Content-Type: multipart/alternative; boundary=c
Content-Type: message/rfc822|Content-Type: text/html|Content-Type: text/calendar|From: a@b.test
Content-Type: application/ms-tnef|Content-Type: application/pkcs7-mime|Subject: =?utf-8?q?x?=
Content-Transfer-Encoding: base64|Content-Transfer-Encoding: x-uuencode|begin 644 a|end|QUJD
<table><tr><td>1|> old|-----BEGIN PGP SIGNED MESSAGE-----|-----BEGIN PGP SIGNATURE-----|30800609
; filename*0*=utf-8''%41|--b|--b--|--c|--c--""".replace(b"\n", b"|").split(b"|")
    + [b"\r\n", b"\n", b"\r", b" ", b"\x78\x9f\x3e\x22", b"\xff\xfe", b"PK\x03\x04"]
)


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(TOKENS, st.binary(max_size=20)), max_size=60))
def test_any_octets_become_a_message(tokens: list[bytes]) -> None:
    raw = b"".join(tokens)
    message = read(raw)
    assert isinstance(message, Message)
    assert message.raw == raw
    for text in (
        message.text,
        message.new_text,
        message.quoted_text,
        message.subject,
        message.html,
    ):
        text.encode("utf-8")
    for _, value in message.headers:
        assert not set(value) & set("\r\n\0")
    leaves(raw)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(HEAD) * 3), st.binary(min_size=1, max_size=8))
def test_a_damaged_message_is_still_read(place: int, damage: bytes) -> None:
    raw = multipart("mixed", PLAIN + b"We order 10 valves.", attached("a.pdf", b"%PDF-1.4"))
    place %= len(raw)
    assert isinstance(read(raw[:place] + damage + raw[place + len(damage) :]), Message)
    assert isinstance(read(raw[:place]), Message)
