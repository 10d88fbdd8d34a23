"""What SMTP said: who connected, MAIL FROM and RCPT TO.

Made by milter/server.py from callbacks and by lmtp/server.py from LMTP commands and XFORWARD;
read by everything after. Addresses are kept as they were said, without angle brackets.
Standards: RFC 5321 4.1, RFC 2033; XFORWARD as in Postfix's XFORWARD_README.
"""

import ipaddress
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """One mailbox: "Name" <local@domain>."""

    local: str  # as written, quotes removed; empty for an address we could not split
    domain: str  # lower case, as written (U-label or A-label); empty when there is none
    name: str = ""  # decoded display name

    @property
    def text(self) -> str:
        """local@domain; empty when there is no address."""
        if not self.domain:
            return self.local
        return f"{self.local}@{self.domain}"


def plain_address(text: str) -> str:
    """An IP address in its usual form; IPv4 in IPv6 as IPv4; empty when it is none."""
    bare = text[5:] if text.lower().startswith("ipv6:") else text
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        return ""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


def parse_path(path: str) -> Address:
    """The address of an SMTP path: "<a@b>" or "a@b"; the null path gives an empty one.

    The last "@" separates (RFC 5321 4.1.2: a quoted local part may hold one).
    """
    bare = path.strip()
    if bare.startswith("<") and bare.endswith(">"):
        bare = bare[1:-1]
    local, at, domain = bare.rpartition("@")
    if not at:
        return Address(local=bare, domain="")
    return Address(local=local, domain=domain.lower().rstrip("."))


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """One transaction's envelope."""

    client_address: str = ""  # IP address as text; empty when unknown (local submission)
    client_name: str = ""  # reverse name as Postfix found it, or empty
    helo: str = ""  # HELO or EHLO argument
    sender: str = ""  # MAIL FROM without brackets; empty is the null sender
    recipients: tuple[str, ...] = ()  # RCPT TO without brackets, in order
    queue_id: str = ""  # Postfix's queue id; empty when not told
    authenticated_user: str = ""  # SASL login that submitted the message; empty for none

    @property
    def is_null_sender(self) -> bool:
        """True for MAIL FROM:<>, which no reply may ever answer (RFC 5321 4.5.5)."""
        return self.sender in ("", "<>")
