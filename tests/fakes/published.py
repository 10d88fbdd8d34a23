"""`Lookups` over a table: policies by author domain, texts by name; None means DNS trouble."""

from collections.abc import Mapping

from postroom.dmarc.published import PublishedPolicy
from postroom.failure import TemporaryFailure


class Published:
    """DNS for reports, as a literal."""

    def __init__(
        self,
        policies: Mapping[str, PublishedPolicy | None | str],
        texts: Mapping[str, tuple[str, ...] | None] | None = None,
    ) -> None:
        self.policies = dict(policies)  # a string stands for the trouble's reason
        self.names = dict(texts or {})
        self.asked: list[str] = []  # names of `texts`

    async def policy(self, domain: str) -> PublishedPolicy | None:
        found = self.policies.get(domain)
        if isinstance(found, str):
            raise TemporaryFailure(found)
        return found

    async def org_domain(self, domain: str) -> str:
        return ".".join(domain.split(".")[-2:])

    async def texts(self, name: str) -> tuple[str, ...]:
        self.asked.append(name)
        found = self.names.get(name, ())
        if found is None:
            raise TemporaryFailure("dns-timeout")
        return found
