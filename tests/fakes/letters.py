"""Raw messages for tests of reading: a header, a body, no library that would tidy them."""

HEAD = (
    b"From: Anna Berg <anna@buyer.example>\r\n"
    b"To: info@firma.test\r\n"
    b"Subject: Order\r\n"
    b"Date: Tue, 12 Mar 2024 16:40:00 +0300\r\n"
    b"Message-ID: <1@buyer.example>\r\n"
    b"MIME-Version: 1.0\r\n"
)


def letter(body: str | bytes, *fields: str, html: bool = False, charset: str = "utf-8") -> bytes:
    """A message of one text part; `fields` are more header fields or replace those of HEAD."""
    octets = body if isinstance(body, bytes) else body.encode(charset).replace(b"\n", b"\r\n")
    kind = f"Content-Type: text/{'html' if html else 'plain'}; charset={charset}"
    return head(*fields, kind, "Content-Transfer-Encoding: 8bit") + b"\r\n" + octets


def head(*fields: str) -> bytes:
    """HEAD with these fields in place of its own of the same name."""
    names = {field.partition(":")[0].lower() for field in fields}
    kept = [
        line
        for line in HEAD.decode("ascii").split("\r\n")
        if line and line.partition(":")[0].lower() not in names
    ]
    return "".join(f"{line}\r\n" for line in (*kept, *fields)).encode("utf-8", "surrogateescape")


def multipart(subtype: str, *parts: bytes, fields: tuple[str, ...] = ()) -> bytes:
    """A message of several parts, each with its own header."""
    body = b"".join(b"--edge\r\n" + part + b"\r\n" for part in parts) + b"--edge--\r\n"
    return head(*fields, f'Content-Type: multipart/{subtype}; boundary="edge"') + b"\r\n" + body
