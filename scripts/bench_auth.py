"""What authenticating one message costs, in CPU time, with every DNS answer in the cache.

    .venv/bin/python scripts/bench_auth.py [messages per figure]

Signed messages of 5, 50 and 500 kB (relaxed/relaxed, RSA-2048, one SPF include, DMARC p=reject) go
through `Authenticator` in this process. Client, DNS server and signer are not counted: the server
only fills the cache beforehand. Prints the median of five rounds in CPU milliseconds.
"""

import asyncio
import base64
import statistics
import sys
import time
from pathlib import Path

import dkim
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from postroom.clock import SystemClock
from postroom.config import Config, DnsSection
from postroom.envelope import Envelope
from postroom.milter.authenticate import Authenticator, authentication_results
from postroom.milter.resolver import DnsResolver
from postroom.verdict import Result
from tests.fakes.dns import DnsServer

ENVELOPE = Envelope(
    client_address="192.0.2.10",
    helo="mail.example.com",
    sender="orders@example.com",
    recipients=("info@postroom.test",),
)


def signed(size: int, key: rsa.RSAPrivateKey) -> bytes:
    """A message of about that many octets with usual headers and prose."""
    line = b"Please find below the order we spoke about, to be delivered next week.\r\n"
    message = (
        b"Received: from a.example.com (a.example.com [192.0.2.9])\r\n\tby mail.example.com;"
        b" Fri, 20 Nov 2026 10:00:00 +0000\r\n"
        b"From: Orders <orders@example.com>\r\nTo: info@postroom.test\r\n"
        b"Subject: Order 4711\r\nDate: Fri, 20 Nov 2026 10:00:00 +0000\r\n"
        b"Message-ID: <4711@example.com>\r\nMIME-Version: 1.0\r\n"
        b"Content-Type: text/plain; charset=utf-8\r\n\r\n"
    ) + line * (size // len(line))
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    header = dkim.sign(message, b"s1", b"example.com", pem, canonicalize=(b"relaxed", b"relaxed"))
    return bytes(header) + message


def zone(key: rsa.RSAPrivateKey) -> dict[str, list[tuple[str, str]]]:
    """What example.com publishes."""
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return {
        "s1._domainkey.example.com": [("TXT", f"v=DKIM1; p={base64.b64encode(public).decode()}")],
        "example.com": [("TXT", "v=spf1 include:_spf.example.com -all")],
        "_spf.example.com": [("TXT", "v=spf1 ip4:192.0.2.0/24 -all")],
        "mail.example.com": [("TXT", "v=spf1 a -all"), ("A", "192.0.2.10")],
        "_dmarc.example.com": [("TXT", "v=DMARC1; p=reject")],
    }


async def cost(authenticator: Authenticator, raw: bytes, count: int) -> float:
    """CPU milliseconds a message, the median of five rounds."""
    rounds = []
    for _ in range(5):
        begin = time.process_time()
        for _ in range(count):
            verdict = await authenticator.authenticate(ENVELOPE, raw)
            authentication_results(verdict, ENVELOPE, "mx.postroom.test")
            assert verdict.dkim[0].result is verdict.spf.result is Result.PASS
            assert verdict.dmarc.result is Result.PASS
        rounds.append((time.process_time() - begin) * 1000 / count)
    return statistics.median(rounds)


async def main(count: int) -> None:
    """Prints one line per size and way of running."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    with DnsServer(zone(key)) as server:
        resolver = DnsResolver(DnsSection(resolver=(server.address,)))
        authenticator = Authenticator(Config(), resolver, SystemClock())
        for size in (5_000, 50_000, 500_000):
            raw = signed(size, key)
            await authenticator.authenticate(ENVELOPE, raw)
            figure = await cost(authenticator, raw, count)
            print(f"{len(raw):6} octets: {figure:.2f} CPU-ms a message")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 100))
