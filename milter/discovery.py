"""Where a domain's DMARC policy stands, and which domain is its organization's.

In: a domain, a resolver. Out: `Policies.of(domain)`. Two ways: the DNS tree walk of RFC 9989 4.10,
and the public suffix list of RFC 7489 3.2. One `Policies` serves one message and asks each name
once, the names of a walk together.

Limits: the public suffix list is the one that ships with the publicsuffixlist package.
"""

from dataclasses import dataclass
from functools import cache

from publicsuffixlist import PublicSuffixList

from postroom.failure import TemporaryFailure

from .dmarc_record import DmarcRecord, read_record
from .resolver import Answer, RecordType, Resolver, look_up_all

_MOST_QUERIES = 8  # RFC 9989 4.10


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What discovery found for one domain."""

    domain: str  # that was asked for
    org_domain: str  # its organizational domain
    record: DmarcRecord | None = None  # the one to be applied; None: no DMARC
    record_domain: str = ""  # where it stands
    trouble: TemporaryFailure | None = None  # then org_domain is not known


@cache
def _public_suffix_list() -> PublicSuffixList:
    """The list, a constant of 10,000 lines, read once a process and only where it is wanted."""
    return PublicSuffixList(accept_unknown=True)


class PublicSuffixes:
    """The public suffix list, read at its first use."""

    def org_domain(self, domain: str) -> str:
        """The registrable domain (RFC 7489 3.2); the domain itself when it is a public suffix."""
        return str(_public_suffix_list().privatesuffix(domain) or domain)


_Found = DmarcRecord | TemporaryFailure | None


class Policies:
    """Discovery for one message."""

    def __init__(self, resolver: Resolver, suffixes: PublicSuffixes | None) -> None:
        """With `suffixes` as RFC 7489 has it, without by tree walk."""
        self._resolver = resolver
        self._suffixes = suffixes
        self._found: dict[str, _Found] = {}

    async def prepare(self, domain: str) -> None:
        """Asks for a domain's records now, so that they are there when `of` wants them."""
        if domain:
            await self._records([domain] if self._suffixes else walk(domain))

    async def of(self, domain: str) -> Policy:
        """The policy that applies to a domain, given as `ascii_name` has it.

        Raises TemporaryFailure when DNS could not say.
        """
        if self._suffixes is not None:
            return await self._by_suffix(domain, self._suffixes)
        return await self._by_walk(domain)

    async def org_domain(self, domain: str) -> str:
        """The organizational domain (RFC 9989 4.10.2, RFC 7489 3.2); raises as `of` does."""
        if self._suffixes is not None:
            return self._suffixes.org_domain(domain)
        policy = await self._by_walk(domain)
        if policy.trouble is not None:
            raise policy.trouble
        return policy.org_domain

    async def _by_suffix(self, domain: str, suffixes: PublicSuffixes) -> Policy:
        """RFC 7489 6.6.3."""
        org = suffixes.org_domain(domain)
        record, where = _sure((await self._records([domain]))[0]), domain
        if record is None and org != domain:
            record, where = _sure((await self._records([org]))[0]), org
        return Policy(
            domain=domain,
            org_domain=org,
            record=record,
            record_domain=where if record else "",
        )

    async def _by_walk(self, domain: str) -> Policy:
        """RFC 9989 4.10.1 and 4.10.2."""
        names = walk(domain)
        answers = await self._records(names)
        records: dict[str, DmarcRecord] = {}
        org, suffix, trouble = domain, "", None
        for name, found in zip(names, answers, strict=True):
            if isinstance(found, TemporaryFailure):
                trouble = found
                break
            if found is None:
                continue
            records[name] = found
            if found.psd == "y" and name != domain:
                org, suffix = _one_label_below(name, domain), name
                break
            org = name
            if found.psd in ("y", "n"):
                break
        if trouble is not None and domain not in records:
            raise trouble
        where = next((name for name in (domain, org, suffix) if name in records), "")
        return Policy(
            domain=domain,
            org_domain=org,
            record=records.get(where),
            record_domain=where,
            trouble=trouble,
        )

    async def _records(self, domains: list[str]) -> list[_Found]:
        """What stands at _dmarc under each domain, asked together and once a message."""
        new = [domain for domain in domains if domain not in self._found]
        # A deadline of their own: what was asked before must not cost an author his policy.
        answers = await look_up_all(
            self._resolver.with_deadline(), [(f"_dmarc.{domain}", RecordType.TXT) for domain in new]
        )
        for domain, answer in zip(new, answers, strict=True):
            self._found[domain] = self._read(answer)
        return [self._found[domain] for domain in domains]

    def _read(self, answer: Answer | TemporaryFailure) -> _Found:
        if isinstance(answer, TemporaryFailure):
            return answer
        read = [read_record(text, rfc7489=self._suffixes is not None) for text in answer.values]
        ours = [found for found in read if found is not None]
        # RFC 9989 4.10 steps 2 and 6: several records are as good as none.
        return ours[0] if len(ours) == 1 else None


def walk(domain: str) -> list[str]:
    """The names a tree walk asks, at most eight (RFC 9989 4.10 steps 3, 4 and 7)."""
    labels = domain.split(".")
    rest = labels[1:] if len(labels) < _MOST_QUERIES else labels[-(_MOST_QUERIES - 1) :]
    return [domain] + [".".join(rest[start:]) for start in range(len(rest))]


def _one_label_below(name: str, domain: str) -> str:
    return ".".join(domain.split(".")[-(name.count(".") + 2) :])


def _sure(found: _Found) -> DmarcRecord | None:
    if isinstance(found, TemporaryFailure):
        raise found
    return found
