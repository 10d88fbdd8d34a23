"""Messages built to hurt: each a builder, and the problem that the reader must name.

Sizes are those of the issue or what fits into the default limits of `[reading]`; what one message
may cost does not depend on which of them is sent.
"""

import base64
import io
import struct
import zipfile
from collections.abc import Callable

HEAD = b"From: a@b.test\r\nTo: c@d.test\r\nSubject: x\r\nMIME-Version: 1.0\r\n"


def html(body: str) -> bytes:
    return HEAD + b"Content-Type: text/html; charset=utf-8\r\n\r\n" + body.encode()


def text(body: str) -> bytes:
    return HEAD + b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + body.encode()


def nested(count: int, boundary: Callable[[int], bytes]) -> bytes:
    parts = [HEAD + b'Content-Type: multipart/mixed; boundary="%s"\r\n\r\n' % boundary(0)]
    for level in range(1, count):
        parts.append(
            b'--%s\r\nContent-Type: multipart/mixed; boundary="%s"\r\n\r\n'
            % (boundary(level - 1), boundary(level))
        )
    parts.append(b"--%s\r\n\r\ntext\r\n" % boundary(count - 1))
    parts.extend(b"--%s--\r\n" % boundary(level) for level in reversed(range(count)))
    return b"".join(parts)


def zip_bomb() -> bytes:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        with archive.open("zeros.bin", "w") as member:
            for _ in range(300):
                member.write(bytes(1_000_000))
    return (
        HEAD
        + b'Content-Type: application/zip; name="a.zip"\r\n'
        + b"Content-Transfer-Encoding: base64\r\n\r\n"
        + base64.encodebytes(inner.getvalue())
    )


MIXED = HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
CASES: dict[str, tuple[Callable[[], bytes], str]] = {
    "10,000 nested multiparts": (lambda: nested(10_000, lambda n: b"b%d" % n), "depth-limit"),
    "10,000 nested multiparts of one boundary": (lambda: nested(10_000, lambda _: b"b"), ""),
    "nested multiparts over 100,000 lines": (
        lambda: nested(500, lambda n: b"b%d" % n) + b"--x\r\n" * 100_000,
        "depth-limit",
    ),
    "10,000 nested messages": (
        lambda: HEAD + b"Content-Type: message/rfc822\r\n\r\n" * 10_000 + b"text",
        "depth-limit",
    ),
    "messages in base64 in base64": (
        lambda: _base64_messages(60),
        "",
    ),
    "messages in quoted-printable in quoted-printable": (
        lambda: (
            HEAD
            + b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
            * 45
            + b"text " * 8_000_000
        ),
        "expanded-limit",
    ),
    "100,000 parts": (lambda: MIXED + b"--b\r\n\r\nx\r\n" * 100_000 + b"--b--", "parts-limit"),
    "100,000 parts without an empty line": (
        lambda: MIXED + b"--b\r\nX: y\r\n" * 100_000,
        "parts-limit",
    ),
    "3,000,000 lines that look like delimiters": (
        lambda: MIXED + b"--c\r\n" * 3_000_000,
        "parts-limit",
    ),
    "3,000,000 lines that begin like the delimiter": (
        lambda: MIXED + b"--b x\r\n" * 300_000 + b"--bb x\r\n" * 3_000_000,
        "parts-limit",
    ),
    "100,000 addresses": (
        lambda: b"To: " + b"a@b.test, " * 100_000 + b"\r\n" + HEAD + b"\r\nx",
        "addresses-limit",
    ),
    "100,000 From addresses": (
        lambda: b"From: " + b"a@b.test, " * 100_000 + b"\r\n\r\nx",
        "addresses-limit",
    ),
    "1 MB subject": (lambda: b"Subject: " + b"a" * 1_000_000 + b"\r\n" + HEAD + b"\r\nx", ""),
    "1 MB subject of encoded word starts": (
        lambda: b"Subject: " + b"=?utf-8?q?" * 100_000 + b"\r\n" + HEAD + b"\r\nx",
        "",
    ),
    "1 MB subject of encoded words": (
        lambda: b"Subject: " + b"=?utf-8?q?a?= " * 70_000 + b"\r\n" + HEAD + b"\r\nx",
        "",
    ),
    "1 MB subject of spaces": (
        lambda: b"Subject: x" + b" " * 1_000_000 + b"y\r\n" + HEAD + b"\r\nx",
        "",
    ),
    "1 MB From of open comments": (lambda: b"From: " + b"(" * 1_000_000 + b"\r\n\r\nx", ""),
    "1 MB To of open comments": (lambda: b"To: " + b"(" * 1_000_000 + b"\r\n\r\nx", ""),
    "1 MB To of open quotes": (lambda: b"To: " + b'"a' * 500_000 + b"\r\n\r\nx", ""),
    "1 MB To of open brackets": (lambda: b"To: " + b"<a" * 500_000 + b"\r\n\r\nx", ""),
    "1 MB To of quoted backslashes": (lambda: b"To: " + b'"\\' * 500_000 + b"\r\n\r\nx", ""),
    "200 kB dotted local part": (lambda: b"To: " + b"a." * 100_000 + b"@b.test\r\n\r\nx", ""),
    "10,000 parameters": (
        lambda: (
            HEAD
            + b"Content-Type: text/plain"
            + b"".join(b"; p%d=v" % n for n in range(10_000))
            + b"\r\n\r\nx"
        ),
        "parameters-limit",
    ),
    "10,000 sections of one parameter": (
        lambda: (
            HEAD
            + b"Content-Type: text/plain"
            + b"".join(b"; name*%d=v" % n for n in range(10_000))
            + b"\r\n\r\nx"
        ),
        "parameters-limit",
    ),
    "200 kB of semicolons": (
        lambda: HEAD + b"Content-Disposition: attachment" + b";" * 200_000 + b"\r\n\r\nx",
        "",
    ),
    "200 kB of escaped quotes": (
        lambda: (
            HEAD + b'Content-Disposition: attachment; filename="' + b'\\"' * 100_000 + b"\r\n\r\nx"
        ),
        "",
    ),
    "200 kB of parameter spaces": (
        lambda: HEAD + b"Content-Type: text/plain; a=b" + b" " * 200_000 + b"c\r\n\r\nx",
        "",
    ),
    "100,000 header fields": (lambda: HEAD + b"X-A: b\r\n" * 100_000 + b"\r\nx", "headers-limit"),
    "100,000 folded lines": (lambda: HEAD + b"X-A: b\r\n" + b" c\r\n" * 100_000 + b"\r\nx", ""),
    "20 MB header": (
        lambda: HEAD + b"X-A: " + b"b" * 20_000_000 + b"\r\n\r\nx",
        "header-size-limit",
    ),
    "20 MB without an empty line": (lambda: HEAD + b"X: y\r\n" * 3_000_000, "header-size-limit"),
    "20 MB of carriage returns": (lambda: HEAD.replace(b"\n", b"") + b"\r" * 20_000_000, ""),
    "100,000 nested divs": (lambda: html("<div>" * 100_000 + "x"), ""),
    "100,000 nested quotes": (lambda: html("<blockquote>" * 100_000 + "x"), ""),
    "100,000 nested tables": (lambda: html("<table><tr><td>" * 100_000 + "x"), ""),
    "50,000 attributes": (
        lambda: html("<div " + " ".join(f"a{n}=1" for n in range(50_000)) + ">x"),
        "",
    ),
    "500,000 open brackets": (lambda: html("<" * 500_000), ""),
    "500,000 open tags": (lambda: html("<a" * 500_000), ""),
    "tags with open quotes": (lambda: html("<a '" * 500_000), ""),
    "tags with both quotes": (lambda: html("<a \"'>" * 300_000), ""),
    "open comments": (lambda: html("<!--" * 500_000), ""),
    "open scripts": (lambda: html("<script>" * 200_000), ""),
    "a table of 100,000 cells": (lambda: html("<table><tr>" + "<td>1" * 100_000 + "</table>"), ""),
    "a table of 30,000 rows": (lambda: html("<table>" + "<tr><td>1<td>2" * 30_000), ""),
    "wide spans": (lambda: html("<table>" + "<tr><td colspan=99>1" * 30_000), ""),
    "100,000 entities": (lambda: html("&amp;&lt;&#x41;" * 100_000), ""),
    "2 MB of quote marks": (lambda: text("> " * 1_000_000), ""),
    "500,000 quoted lines": (lambda: text("> a\n" * 500_000), ""),
    "60,000 lines of nothing but verbs": (lambda: text(f"on {'wrote ' * 19}\n" * 60_000), ""),
    "1,000 parts of 1,000 values without a semicolon": (
        lambda: _many(1_000, b"Content-Type: text/plain; " + b"a=b " * 1_000 + b"\r\n\r\nx"),
        "parameters-limit",
    ),
    "200,000 attributions": (lambda: text("On Mon, 1 Jan 2024, A <a@b.test>\n" * 60_000), ""),
    "200,000 header lines": (lambda: text("From: a\n" * 200_000), ""),
    "200,000 signature marks": (lambda: text("-- \n" * 200_000), ""),
    "200,000 closings": (lambda: text("Best regards\n" * 150_000), ""),
    "2 MB of spaces": (lambda: text(" " * 2_000_000), ""),
    "2 MB of one letter": (lambda: text("a" * 2_000_000), ""),
    "2 MB of dashes": (lambda: text("-" * 2_000_000), ""),
    "50,000 uuencode headers": (lambda: text("begin 644 a\n" * 150_000), ""),
    "a zip that unfolds 1000:1": (zip_bomb, "expanded-limit"),
}


def _base64_messages(count: int) -> bytes:
    message = b"Subject: inside\r\n\r\ntext"
    for _ in range(count):
        if len(message) > 20_000_000:
            break
        message = (
            b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n"
            + base64.encodebytes(message)
        )
    return HEAD + message


def _body(content_type: bytes, octets: bytes, encoding: bytes = b"8bit") -> bytes:
    fields = b"Content-Type: %b\r\nContent-Transfer-Encoding: %b\r\n\r\n"
    return HEAD + fields % (content_type, encoding) + octets


def _many(count: int, part: bytes) -> bytes:
    return MIXED + (b"--b\r\n" + part + b"\r\n") * count


def _packed(content_type: bytes, octets: bytes) -> bytes:
    fields = b"Content-Type: %b\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    return fields % content_type + base64.encodebytes(octets)


def _winmail(*attributes: tuple[int, int, bytes]) -> bytes:
    packed = b"".join(
        struct.pack("<BHHI", level, name, 0, len(content)) + content + b"\0\0"
        for level, name, content in attributes
    )
    return struct.pack("<IH", 0x223E9F78, 0) + packed


def _property(kind: int, name: int, octets: bytes) -> bytes:
    return struct.pack("<HHII", kind, name, 1, len(octets)) + octets + bytes(-len(octets) % 4)


def _rich(octets: bytes) -> bytes:
    rich = struct.pack("<IIII", len(octets) + 12, len(octets), 0x414C454D, 0) + octets
    return _winmail((1, 0x9003, struct.pack("<I", 1) + _property(258, 0x1009, rich)))


def _signed(count: int) -> bytes:
    opening = "308006092a864886f70d010702a08030800201013103008006092a864886f70d010701a0802480"
    return bytes.fromhex(opening) + b"\x04\x01a" * count


def _directory(count: int) -> bytes:
    """A zip that is only a central directory."""
    size = struct.pack("<HII", 0xFFFF, 46 * count, 4)
    end = b"PK\x05\x06" + bytes(4) + b"\xff\xff" + size + bytes(2)
    return b"PK\x03\x04" + (b"PK\x01\x02" + bytes(42)) * count + end


UTF8 = b"text/plain; charset=utf-8"
HTML = b"text/html; charset=utf-8"
CASES |= {
    "20 MB of base64 padding": (
        lambda: _body(b"application/pdf", b"QQ==\r\n" * 3_300_000, b"base64"),
        "",
    ),
    "20 MB of spaces in quoted-printable": (
        lambda: _body(UTF8, b" \n" * 10_000_000, b"quoted-printable"),
        "text-limit",
    ),
    "20 MB of letters": (
        lambda: _body(UTF8, "Заказ ".encode() * 1_800_000),
        "text-limit",
    ),
    "20 MB of letters without a charset": (
        lambda: _body(b"text/plain", "Заказ на болты ".encode("cp1251") * 1_300_000),
        "text-limit",
    ),
    "20 MB of broken letters": (lambda: _body(UTF8, b"\xff" * 20_000_000), "text-limit"),
    "20 MB of flowed lines": (
        lambda: _body(UTF8 + b"; format=flowed", b"a \n" * 6_600_000),
        "text-limit",
    ),
    "20 MB of enriched lines": (
        lambda: _body(b"text/enriched", b"<<\n\n" * 5_000_000),
        "text-limit",
    ),
    "20 MB of paragraphs": (lambda: _body(HTML, b"<p>hello</p>" * 1_600_000), "text-limit"),
    "1,000 texts of 8,000 lines": (
        lambda: _many(1_000, b"Content-Type: text/plain\r\n\r\n" + b"a b c\n" * 8_000),
        "text-limit",
    ),
    "1,000 texts of 4,000 paragraphs": (
        lambda: _many(1_000, b"Content-Type: text/html\r\n\r\n" + b"<p>a b\n" * 4_000),
        "text-limit",
    ),
    "5 messages of 20,000 attributions": (
        lambda: _many(
            5, b"Content-Type: message/rfc822\r\n\r\n\r\n" + b"On 1 Jan 2024, A wrote:\n" * 20_000
        ),
        "text-limit",
    ),
    "uuencoded lines": (
        lambda: _body(UTF8, b"begin 644 a\n" + b"#0V%T\n" * 3_000_000 + b"end\n"),
        "text-limit",
    ),
    "2,000,000 uuencoded files": (
        lambda: _body(UTF8, b"begin 644 a\n#0V%T\nend\n" * 2_000_000),
        "attachments-limit",
    ),
    "a calendar of one folded line": (
        lambda: _body(
            b"text/calendar", b"BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nX:" + b"\r\n a" * 10_000_000
        ),
        "",
    ),
    "rich text of 4,000,000 words": (
        lambda: HEAD + _packed(b"application/ms-tnef", _rich(b"{\\rtf1 " + b"\\a" * 4_000_000)),
        "",
    ),
    "rich text of 8,000,000 groups": (
        lambda: HEAD + _packed(b"application/ms-tnef", _rich(b"{\\rtf1 " + b"{" * 8_000_000)),
        "",
    ),
    "3,000,000 attributes of winmail.dat": (
        lambda: (
            HEAD
            + _packed(
                b"application/ms-tnef",
                _winmail() + struct.pack("<BHHIH", 2, 0x9002, 0, 0, 0) * 3_000_000,
            )
        ),
        "tnef-broken",
    ),
    "9,000 files of winmail.dat with odd names": (
        lambda: (
            HEAD
            + _packed(
                b"application/ms-tnef",
                _winmail()
                + _winmail((2, 0x9002, b""), (2, 0x8010, b"\xe9" * 2_000), (2, 0x800F, b"a"))[6:]
                * 9_000,
            )
        ),
        "tnef-broken",
    ),
    "900 winmail.dat": (
        lambda: _many(
            900,
            _packed(
                b"application/ms-tnef",
                _winmail() + struct.pack("<BHHIH", 2, 0x9002, 0, 0, 0) * 3_000,
            ),
        ),
        "containers-limit",
    ),
    "900 signed messages": (
        lambda: _many(900, _packed(b"application/pkcs7-mime", _signed(8_000))),
        "containers-limit",
    ),
    "200 zips of 3,500 members": (
        lambda: _many(200, _packed(b"application/zip; name=a.zip", _directory(3_500))),
        "archive-broken",
    ),
}

# Of 999,999 octets each: how many, the problems, the size of the attachment.
MEGABYTES: list[tuple[int, tuple[str, ...], int | None]] = [
    (38, (), 37_999_962),
    (150, ("size-limit",), None),
]


def megabytes(chunks: int) -> bytes:
    """One attachment of so many chunks in base64; 150 are 200 MB."""
    return (
        HEAD
        + b"Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + base64.encodebytes(bytes(999_999)) * chunks
    )
