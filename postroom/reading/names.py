"""Domain names as DNS wants them (lower case, A-labels, no final dot), and mailboxes by address.

In: a domain, or an address with one, as a mail header, an SMTP command or a DNS record says it,
U-labels included. Out: its A-label form, or empty when it is no host-like name. Standards:
RFC 1035 2.3, RFC 5321 4.1.2 (local parts), RFC 5891, RFC 8616 (U-labels in SPF, DKIM and DMARC).

Limits: underscores are taken as letters, because service labels and some senders have them.
"""

import re

import idna

_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*", re.ASCII)
_OTHER_DOTS = re.compile("[\u3002\uff0e\uff61]")
_LONGEST = 253  # RFC 1035 2.3.4, as text without the root's dot
_PLAIN_LOCAL = re.compile(r'[^\s"(),:;<>@\[\]\\\x00-\x20\x7f]+')  # needs no quotes
_QUOTED_PAIR = re.compile(r"\\(.)", re.DOTALL)
_LONGEST_UNICODE = 1_000  # more characters cannot become a name that fits


def ascii_name(domain: str) -> str:
    """The domain in lower case A-labels; empty when it is not a valid name (RFC 5890 2.3)."""
    name = domain.removesuffix(".").lower()
    if not name.isascii():
        # No mapping of look-alikes and other dots: readers of a name must not differ over it.
        if len(name) > _LONGEST_UNICODE or _OTHER_DOTS.search(name):
            return ""
        try:
            name = idna.encode(name).decode()
        except (idna.IDNAError, UnicodeError):
            return ""
    if len(name) > _LONGEST or not _NAME.fullmatch(name):
        return ""
    return name


def unicode_name(domain: str) -> str:
    """The domain with U-labels; as it is where it is no valid name (RFC 5890 2.3)."""
    try:
        return idna.decode(domain)
    except (idna.IDNAError, UnicodeError):
        return domain


def ascii_address(address: str) -> str:
    """local@domain in lower case, the domain as `ascii_name` has it; empty when it has none."""
    local, _, domain = address.rpartition("@")
    name = ascii_name(domain)
    return f"{local.lower()}@{name}" if local and name else ""


def mailbox_of(address: str) -> str:
    """The mailbox an address belongs to: lower case, without the extension after "+".

    Quotes say how a local part is written, not which it is (RFC 5321 4.1.2): they go where they
    are not needed, and an extension ends a quoted local part as it does any other.
    """
    local, at, domain = address.lower().rpartition("@")
    if not at:
        return domain
    if len(local) > 1 and local.startswith('"') and local.endswith('"'):
        local = _QUOTED_PAIR.sub(r"\1", local[1:-1])
    local = local.partition("+")[0] or local
    if not _PLAIN_LOCAL.fullmatch(local):
        local = '"' + re.sub(r'(["\\])', r"\\\1", local) + '"'
    return f"{local}@{domain}"


def is_same_or_below(name: str, parent: str) -> bool:
    """True when a name equals `parent` or is a subdomain of it; both as `ascii_name` gives them."""
    return bool(parent) and (name == parent or name.endswith("." + parent))
