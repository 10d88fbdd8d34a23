"""Where an aggregate report may go.

In: a published policy and DNS. Out: the addresses of rua=, each with its size limit; those
outside the policy's organization only where they agreed to take its reports. Where DNS cannot say
now whether one did, that one is in doubt, and no other.
Standards: RFC 9989 4.7 (rua=), RFC 7489 6.2 (the !10m suffix), RFC 9990 3.5 and 4.

Limits: mailto: only, as RFC 9990 defines no other way; at most ten destinations.
"""

import asyncio
import re
from dataclasses import dataclass, replace
from urllib.parse import unquote

from postroom.failure import TemporaryFailure
from postroom.reading.names import ascii_name

from .published import Lookups, PublishedPolicy

_MOST = 10
_URI = re.compile(r"mailto:([^!?#]+)(?:\?[^!#]*)?(?:!([0-9]{1,18})([kmgt]?))?", re.I | re.ASCII)
# A dot-atom (RFC 5321 4.1.2) without "=?": the email package would decode an encoded word.
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LOCAL = re.compile(rf"(?!.*=\?)(?=.{{1,64}}$){_ATOM}(?:\.{_ATOM})*", re.ASCII)
_UNITS = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}
_LONGEST_NAME = 253


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """One address that wants reports."""

    address: str  # the domain in A-labels, lower case
    most: int | None = None  # octets of the message as sent; None: no limit
    doubt: str = ""  # why DNS could not say whether it agreed

    @property
    def host(self) -> str:
        """Its domain."""
        return self.address.rpartition("@")[2]


def read_uri(uri: str) -> Destination | None:
    """The destination in one URI of rua= (RFC 9989 4.7); None for what is no mailbox."""
    found = _URI.fullmatch(uri.strip())
    if found is None:
        return None
    local, at, domain = unquote(found[1]).rpartition("@")
    host = ascii_name(domain)
    if not at or not host or "." not in host or not _LOCAL.fullmatch(local):
        return None
    most = int(found[2]) * _UNITS[found[3].lower()] if found[2] else None
    return Destination(address=f"{local}@{host}", most=most)


async def destinations(policy: PublishedPolicy, lookups: Lookups) -> list[Destination]:
    """The destinations that may be used or are in doubt, in the order of rua= (RFC 9990 3.5, 4)."""
    read = [found for uri in policy.report_uris if (found := read_uri(uri)) is not None]
    decided = await asyncio.gather(*(_decided(policy, one, lookups) for one in read[:_MOST]))
    allowed: dict[str, Destination] = {}
    for agreed in (one for each in decided for one in each):
        allowed.setdefault(agreed.address.lower(), agreed)
    return list(allowed.values())[:_MOST]


async def _decided(
    policy: PublishedPolicy, wanted: Destination, lookups: Lookups
) -> list[Destination]:
    try:
        return await _agreed(policy, wanted, lookups)
    except TemporaryFailure as failure:
        return [replace(wanted, doubt=failure.reason)]


async def _agreed(
    policy: PublishedPolicy, wanted: Destination, lookups: Lookups
) -> list[Destination]:
    """The destination itself, what it names instead, or nothing (RFC 9990 4)."""
    if await lookups.org_domain(wanted.host) == await lookups.org_domain(policy.domain):
        return [wanted]
    name = f"{policy.domain}._report._dmarc.{wanted.host}"
    if len(name) > _LONGEST_NAME:
        return []
    records = [tags for text in await lookups.texts(name) if (tags := _tags(text)) is not None]
    if not records:
        return []
    instead = next((tags["rua"] for tags in records if tags.get("rua")), "")
    if not instead:
        return [wanted]
    # RFC 9990 4 step 9: only to the same host; otherwise neither is used.
    named = [read_uri(uri) for uri in instead.split(",")]
    if any(one is None or one.host != wanted.host for one in named):
        return []
    return [one for one in named if one is not None]


def _tags(text: str) -> dict[str, str] | None:
    """The tags of an answer; None unless v=DMARC1 stands first (RFC 9990 4 step 6)."""
    specs = [spec.partition("=") for spec in text.split(";") if spec.strip()]
    if not specs or any(not equals for _, equals, _ in specs):
        return None
    tags = {name.strip().lower(): value.strip() for name, _, value in specs}
    first = specs[0]
    return tags if first[0].strip() == "v" and first[2].strip() == "DMARC1" else None
