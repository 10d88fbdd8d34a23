"""Who exists in the sandbox: one company, its customers and strangers, and what DNS says of them.

Each party has a domain under .test, a source address in 127.0.0.0/8 to send from, and the
records its real counterpart would publish. Nothing here is known outside of the sandbox.
"""

import base64
from dataclasses import dataclass

import dkim  # type: ignore[import-untyped]
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

COMPANY = "kontor.test"
INFO = f"info@{COMPANY}"
ORDERS = f"orders@{COMPANY}"
MAILBOXES = (INFO, ORDERS)
PERSONNEL = f"personnel@{COMPANY}"  # a colleague's mailbox that Postroom does not serve
SELECTOR = "mail2026"
COMPANY_NAME = "Kontor Tools Ltd"


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """Somebody who sends mail."""

    domain: str
    address: str  # source address of its SMTP connections
    spf: str = ""  # the record; empty: none published
    dmarc: str = ""  # the record; empty: none published
    signs: bool = False  # DKIM, with a key published at SELECTOR


def _party(domain: str, last: int, *, policy: str = "", signs: bool = False) -> Party:
    address = f"127.0.0.{last}"
    return Party(
        domain=domain,
        address=address,
        spf=f"v=spf1 ip4:{address} -all",
        dmarc=f"v=DMARC1; p={policy}" if policy else "",
        signs=signs,
    )


STROY = _party("stroymontazh.test", 11, policy="reject", signs=True)
JOINERY = _party("northgate-joinery.test", 12, policy="quarantine")
BAU = Party(  # no SPF record: its DKIM signature alone must prove it
    domain="mueller-bau.test", address="127.0.0.13", dmarc="v=DMARC1; p=reject", signs=True
)
STEEL = _party("calder-steel.test", 14, policy="none")
BAKERY = _party("ovenside.test", 15)  # no DMARC record: an aligned SPF pass is enough
SCAFFOLD = _party("stalbud.test", 16, policy="quarantine", signs=True)
MAILBOX_HOST = _party("postbox.test", 17, policy="none", signs=True)
BULK = _party("mega-deals.test", 18, policy="none")
BANK = _party("landbank.test", 19, policy="reject", signs=True)
STRANGER = Party(domain="nowhere.test", address="127.0.0.66")
# Publishes an SPF record that does not list the address it sends from, and no DMARC.
UNPROVEN = Party(domain="harbour-cafe.test", address="127.0.0.20", spf="v=spf1 ip4:192.0.2.7 ~all")
VOLGA = _party("volga-servis.test", 21, policy="reject", signs=True)

PARTIES = (
    *(STROY, JOINERY, BAU, STEEL, BAKERY, SCAFFOLD, MAILBOX_HOST, BULK, BANK, STRANGER),
    *(UNPROVEN, VOLGA),
)


class Keys:
    """One RSA key, made anew at every start, that every signing party shares."""

    def __init__(self) -> None:
        key = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
        self._private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
        public = key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        self.record = f"v=DKIM1; k=rsa; p={base64.b64encode(public).decode()}"

    def sign(self, raw: bytes, domain: str) -> bytes:
        """The message with a DKIM-Signature of that domain on top."""
        signature: bytes = dkim.sign(
            raw,
            SELECTOR.encode(),
            domain.encode(),
            self._private,
            canonicalize=(b"relaxed", b"relaxed"),
            include_headers=[b"from", b"to", b"subject", b"date", b"message-id"],
        )
        return signature + raw


def records(keys: Keys) -> dict[str, list[tuple[str, str]]]:
    """The whole zone: name -> (type, value)."""
    zone: dict[str, list[tuple[str, str]]] = {
        COMPANY: [("MX", f"10 mx.{COMPANY}."), ("TXT", "v=spf1 ip4:127.0.0.1 -all")],
        f"mx.{COMPANY}": [("A", "127.0.0.1")],
        f"_dmarc.{COMPANY}": [("TXT", "v=DMARC1; p=reject")],
    }
    for party in PARTIES:
        here = zone.setdefault(party.domain, [("MX", f"10 mx.{party.domain}.")])
        zone[f"mx.{party.domain}"] = [("A", party.address)]
        if party.spf:
            here.append(("TXT", party.spf))
        if party.dmarc:
            zone[f"_dmarc.{party.domain}"] = [("TXT", party.dmarc)]
        if party.signs:
            zone[f"{SELECTOR}._domainkey.{party.domain}"] = [("TXT", keys.record)]
    return zone
