"""What DNS must say about our domains, and whether what it says will do.

In: the configuration and the DKIM keys. Out: records to publish, each with its reason, and for an
answer from DNS the trouble with it, in words. Pure: nobody is asked here (`postroom dns` prints
the records, doctor looks them up).

Standards: RFC 5321 5.1 (MX), RFC 7208 (SPF), RFC 6376 3.6 (DKIM), RFC 9989 (DMARC), RFC 8460
(TLS-RPT), RFC 8461 (MTA-STS), RFC 1912 2.1 (PTR).

Limits: the MTA-STS policy itself is a file on a web server; `policy_file` is its text.
"""

import hashlib
import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from .config import Config
from .milter.keyring import SigningKey
from .milter.keys import PublicKey, read_key

_LONGEST_STRING = 255  # octets of one character-string, RFC 1035 3.3
_STS_MAX_AGE_S = 604_800  # RFC 8461 3.2 advises weeks; one leaves a way back


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One record to publish."""

    name: str
    kind: str  # A, AAAA, MX, PTR or TXT
    value: str
    why: str

    @property
    def zone_line(self) -> str:
        """The record as a line of a zone file (RFC 1035 5.1)."""
        return f"{self.name}. IN {self.kind} {self._zone_value()}"

    def trouble(self, values: Iterable[str]) -> str:
        """What is wrong with the answer; empty when it will do.

        A, AAAA, MX and PTR must be among the values. A TXT must be the only one of its kind, with
        the same key (DKIM) or of the same version: what SPF and DMARC say is the owner's choice.
        """
        found = tuple(values)
        if self.kind != "TXT":
            wanted = _comparable(self.kind, self.value)
            if any(_comparable(self.kind, value) == wanted for value in found):
                return ""
            return f"is {', '.join(found)}" if found else "is not published"
        version = self.value.partition(";")[0].partition(" ")[0]
        if version == "v=DKIM1":
            return _trouble_with_key(self.value, found)
        same = [value for value in found if value.lower().startswith(version.lower())]
        if len(same) > 1:
            return f"is published {len(same)} times; receivers then ignore all"
        return "" if same else "is not published"

    def _zone_value(self) -> str:
        if self.kind != "TXT":
            return self.value
        pieces = [
            self.value[start : start + _LONGEST_STRING]
            for start in range(0, len(self.value), _LONGEST_STRING)
        ]
        return " ".join(f'"{piece}"' for piece in pieces)


def records(config: Config, keys: Iterable[SigningKey]) -> list[Record]:
    """Every record that our domains need, host first, in the order of the domains."""
    found = list(_host(config))
    for domain in domains(config):
        found += _domain(config, domain)
        found += [
            Record(name=key.name, kind="TXT", value=key.record, why="the key our mail is signed by")
            for key in keys
            if key.domain == domain
        ]
    return found


def domains(config: Config) -> tuple[str, ...]:
    """The domains of the mailboxes we serve, and those we sign for, each once."""
    mailboxes = (mailbox.rpartition("@")[2] for mailbox in config.service.mailboxes)
    return tuple(dict.fromkeys((*mailboxes, *config.signing.domains)))


def policy_file(config: Config) -> str:
    """The MTA-STS policy, for https://mta-sts.DOMAIN/.well-known/mta-sts.txt (RFC 8461 3.2)."""
    return (
        f"version: STSv1\r\nmode: {config.zone.mta_sts}\r\nmx: {config.service.hostname}\r\n"
        f"max_age: {_STS_MAX_AGE_S}\r\n"
    )


def _host(config: Config) -> Iterator[Record]:
    host = config.service.hostname
    for text in config.zone.addresses:
        address = ipaddress.ip_address(text)
        kind = "A" if address.version == 4 else "AAAA"
        yield Record(name=host, kind=kind, value=text, why="where the world finds this host")
        yield Record(
            name=address.reverse_pointer,
            kind="PTR",
            value=f"{host}.",
            why="receivers refuse mail from a nameless address; set by who rents it out",
        )


def _domain(config: Config, domain: str) -> Iterator[Record]:
    zone, host = config.zone, config.service.hostname
    yield Record(name=domain, kind="MX", value=f"10 {host}.", why="mail for the domain comes here")
    addresses = [ipaddress.ip_address(text) for text in zone.addresses]
    senders = [f"ip{address.version}:{address}" for address in addresses] or ["mx"]
    spf = " ".join(["v=spf1", *senders, "-all"])
    yield Record(name=domain, kind="TXT", value=spf, why="who may send for the domain (SPF)")
    reports = f"; rua=mailto:{zone.dmarc_reports}" if zone.dmarc_reports else ""
    yield Record(
        name=f"_dmarc.{domain}",
        kind="TXT",
        value=f"v=DMARC1; p={zone.dmarc_policy}{reports}",
        why="what receivers do with mail that is forged in our name (DMARC)",
    )
    if zone.tls_reports:
        yield Record(
            name=f"_smtp._tls.{domain}",
            kind="TXT",
            value=f"v=TLSRPTv1; rua=mailto:{zone.tls_reports}",
            why="where others report failed TLS (TLS-RPT)",
        )
    if zone.mta_sts:
        digest = hashlib.sha256(policy_file(config).encode()).hexdigest()
        yield Record(
            name=f"_mta-sts.{domain}",
            kind="TXT",
            value=f"v=STSv1; id={digest[:20]}",
            why="that a policy asks for TLS; a new id for a changed policy (MTA-STS)",
        )


def _comparable(kind: str, value: str) -> str:
    if kind in ("A", "AAAA"):
        return str(ipaddress.ip_address(value))
    host = value.rpartition(" ")[2]  # an MX's preference is the owner's choice
    return host.rstrip(".").lower()


def _trouble_with_key(wanted: str, found: tuple[str, ...]) -> str:
    ours = read_key(wanted)
    if any(isinstance(key, PublicKey) and key == ours for key in map(read_key, found)):
        return ""
    return "has another key" if found else "is not published"
