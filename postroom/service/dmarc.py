"""Reports and the milter's DNS brought together: the answers that postroom/dmarc asks for."""

from postroom.config import Config
from postroom.dmarc.published import PublishedPolicy
from postroom.milter.discovery import Policies, PublicSuffixes
from postroom.milter.resolver import DnsResolver, RecordType, Resolver
from postroom.reading.names import ascii_name


class DnsLookups:
    """`Lookups` by the same discovery that judged the messages."""

    def __init__(self, config: Config, resolver: Resolver | None = None) -> None:
        self._resolver = resolver or DnsResolver(config.dns)
        by_list = config.authentication.dmarc_discovery == "psl"
        self._suffixes = PublicSuffixes() if by_list else None

    async def policy(self, domain: str) -> PublishedPolicy | None:
        """The policy of an author domain (RFC 9989 4.10.1). Raises TemporaryFailure."""
        found = await self._policies().of(domain)
        record = found.record
        if record is None or record.policy is None:
            return None
        return PublishedPolicy(
            domain=found.record_domain,
            p=record.policy.value,
            sp=record.subdomain_policy.value if record.subdomain_policy else "",
            np=record.nonexistent_policy.value if record.nonexistent_policy else "",
            adkim="s" if record.strict_dkim else "r",
            aspf="s" if record.strict_spf else "r",
            testing=record.testing,
            report_uris=record.report_uris,
        )

    async def org_domain(self, domain: str) -> str:
        """The organizational domain (RFC 9989 4.10.2). Raises TemporaryFailure."""
        return await self._policies().org_domain(ascii_name(domain))

    async def texts(self, name: str) -> tuple[str, ...]:
        """The TXT records of a name. Raises TemporaryFailure."""
        return (await self._resolver.with_deadline().look_up(name, RecordType.TXT)).values

    def _policies(self) -> Policies:
        return Policies(self._resolver.with_deadline(), self._suffixes)
