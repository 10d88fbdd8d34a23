"""Messages built to hurt: each is read within two seconds of CPU, and says what limit it hit."""

import base64
import io
import resource
import zipfile
from collections.abc import Callable

import pytest

from postroom.message import Message
from postroom.reading.reader import read

CPU_SECONDS = 2.0
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


def cpu_seconds(act: Callable[[], object]) -> tuple[object, float]:
    before = resource.getrusage(resource.RUSAGE_SELF)
    result = act()
    after = resource.getrusage(resource.RUSAGE_SELF)
    return result, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_hostile_message_is_read_in_time(name: str) -> None:
    build, problem = CASES[name]
    raw = build()
    message, seconds = cpu_seconds(lambda: read(raw))
    assert isinstance(message, Message)
    assert seconds < CPU_SECONDS, f"{seconds:.2f} s for {len(raw)} octets"
    if problem:
        assert problem in message.problems


@pytest.mark.slow
@pytest.mark.parametrize(
    ("chunks", "problems", "size"), [(38, (), 37_999_962), (150, ("size-limit",), None)]
)
def test_megabytes_of_base64_are_read_in_time(
    chunks: int, problems: tuple[str, ...], size: int | None
) -> None:
    raw = (
        HEAD
        + b"Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + base64.encodebytes(bytes(999_999)) * chunks
    )
    message, seconds = cpu_seconds(lambda: read(raw))
    assert isinstance(message, Message)
    assert seconds < CPU_SECONDS, f"{seconds:.2f} s for {len(raw)} octets"
    assert message.problems == problems
    assert size in (None, message.attachments[0].size)
