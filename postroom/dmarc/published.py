"""What sending reports asks of DNS: a domain's policy, its organization, the texts under a name.

`Lookups` is the seam; the service answers it with the milter's own discovery, tests with a table.
"""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedPolicy:
    """A DMARC record as it applies to an author domain (RFC 9989 4.7, RFC 9990 3.1.1.5)."""

    domain: str  # where the record stands: the policy domain
    p: str  # none, quarantine, reject
    sp: str = ""  # empty: not published
    np: str = ""
    adkim: str = "r"
    aspf: str = "r"
    testing: bool = False  # t=y
    report_uris: tuple[str, ...] = ()  # rua=


class Lookups(Protocol):
    """DNS, for reports."""

    async def policy(self, domain: str) -> PublishedPolicy | None:
        """The policy of an author domain; None without one. Raises TemporaryFailure."""
        ...

    async def org_domain(self, domain: str) -> str:
        """The organizational domain (RFC 9989 4.10.2). Raises TemporaryFailure."""
        ...

    async def texts(self, name: str) -> tuple[str, ...]:
        """The TXT records of a name; empty when there are none. Raises TemporaryFailure."""
        ...
