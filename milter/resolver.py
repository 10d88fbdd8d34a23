"""DNS for one message after another: one cache, and a deadline for each check of a message.

In: a name and a record type. Out: an `Answer`, or TemporaryFailure for trouble, which callers
turn into temperror and never into "no record". A `Resolver` is the seam that tests replace;
`DnsResolver` asks real servers with dnspython's asyncio resolver: EDNS (RFC 6891), TCP when an
answer is cut short (RFC 7766), positive and negative answers cached for their TTL (RFC 2308),
the same question asked once however many messages wait for it, servers that keep silent asked
last (`nameservers.py`). Each query has a socket of its own (its port must not be guessable), so
there are limits: for one check, so that a message full of silent names harms no other, and for
the process.

Limits: no DNSSEC validation of our own; point `resolver` at a validating one for that.
"""

import asyncio
import resource
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

import dns.asyncresolver
import dns.exception
import dns.name
import dns.resolver

from postroom.config import DnsSection, name_server
from postroom.failure import PermanentFailure, TemporaryFailure

from .dns_message import question_of, text_of, ttl_of, ttl_of_no_name
from .nameservers import NameServer, NameServers


class RecordType(Enum):
    """What is asked for, RFC 1035 3.2.2."""

    A = "A"
    AAAA = "AAAA"
    MX = "MX"
    PTR = "PTR"
    TXT = "TXT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What DNS says about one name and type.

    A and AAAA are addresses as text, PTR names without the final dot, MX "preference name", TXT
    the joined strings with one character per octet (latin-1), so that nothing is lost.
    """

    values: tuple[str, ...] = ()  # empty: there is no such record
    exists: bool = True  # False: NXDOMAIN, the name and all below it do not exist (RFC 8020)


NO_SUCH_NAME = Answer(exists=False)


class Resolver(Protocol):
    """Look-ups for messages."""

    def with_deadline(self) -> "Resolver":
        """A view whose look-ups all end within the deadline, from now; at most so many at once.

        A view of a view has a new deadline and shares the other's places.
        """
        ...

    def known(self, name: str, kind: RecordType) -> Answer | None:
        """The answer if it is at hand; asks nobody and never waits."""
        ...

    async def look_up(self, name: str, kind: RecordType) -> Answer:
        """The records of a name.

        Raises TemporaryFailure dns-timeout or dns-servfail.
        """
        ...


Question = tuple[str, RecordType]


async def look_up_all(
    resolver: Resolver, questions: Sequence[Question]
) -> list[Answer | TemporaryFailure]:
    """The answers to several questions, asked together; a failure stands where its answer would."""
    found: dict[Question, Answer | TemporaryFailure | None] = {
        question: resolver.known(*question) for question in questions
    }
    missing = [question for question, answer in found.items() if answer is None]
    answers = (
        [await _settled(resolver, missing[0])]
        if len(missing) == 1
        else await asyncio.gather(*(_settled(resolver, question) for question in missing))
    )
    found.update(zip(missing, answers, strict=True))
    return [answer for question in questions if (answer := found[question]) is not None]


async def _settled(resolver: Resolver, question: Question) -> Answer | TemporaryFailure:
    try:
        return await resolver.look_up(*question)
    except TemporaryFailure as failure:
        return failure


# Sockets open to DNS servers for one view. SPF asks for ten addresses at most, a policy needs eight
# names, max_signatures is ten: only what is more than that waits, and only for its own message.
_AT_ONCE_PER_VIEW = 12
# For all: the four views of each of the messages that Postfix handles at once when its
# default_process_limit is 100. However many of them are hostile, the others find places.
_AT_ONCE = 100 * 4 * _AT_ONCE_PER_VIEW
_LARGEST_CACHED = 8_192  # octets of one answer; keeps the cache's memory within its entry count
_EDNS_PAYLOAD = 1_232  # octets that pass without fragments, DNS Flag Day 2020


class DnsResolver:
    """Asks the configured servers, or those of /etc/resolv.conf."""

    def __init__(self, section: DnsSection) -> None:
        """Raises PermanentFailure dns-resolver when a configured server cannot be used."""
        self._deadline = section.deadline
        self._cache = _Cache(section.cache_size)
        self._flights: dict[Question, asyncio.Task[Answer]] = {}
        self._slots = asyncio.Semaphore(_sockets())
        self._resolver = _servers(section.resolver)
        self._servers = NameServers(
            (
                one if isinstance(one, NameServer) else NameServer(str(one), self._resolver.port)
                for one in self._resolver.nameservers
            ),
            rotate=self._resolver.rotate,
        )
        self._resolver.rotate = False  # the order is ours
        self._resolver.timeout = min(section.query_timeout, section.deadline)
        self._resolver.lifetime = section.deadline
        self._resolver.use_edns(0, 0, _EDNS_PAYLOAD)

    def with_deadline(self) -> Resolver:
        """A view whose look-ups end together, `dns.deadline` from now."""
        return self.view(asyncio.Semaphore(_AT_ONCE_PER_VIEW))

    def view(self, slots: asyncio.Semaphore) -> Resolver:
        """A view with these places."""
        return _View(self, asyncio.get_running_loop().time() + self._deadline, slots)

    async def look_up(self, name: str, kind: RecordType) -> Answer:
        """The records of a name, with a deadline of its own; see `Resolver.look_up`."""
        return await self.with_deadline().look_up(name, kind)

    def known(self, name: str, kind: RecordType) -> Answer | None:
        """The answer if it is in the cache; asks nobody."""
        now = asyncio.get_running_loop().time()
        return self._cache.get((_normal(name), kind), now)

    async def ask(self, name: str, kind: RecordType, until: float) -> Answer:
        """The records of a name, from the cache or the servers, before the loop's time `until`."""
        key = (_normal(name), kind)
        found = self._cache.get(key, asyncio.get_running_loop().time())
        if found is not None:
            return found
        question = question_of(key[0])
        if question is None:
            return NO_SUCH_NAME
        flight = self._flights.get(key)
        if flight is None:
            flight = asyncio.create_task(self._fetch(key, question))
            self._flights[key] = flight
            flight.add_done_callback(lambda done: self._landed(key, done))
        try:
            async with asyncio.timeout_at(until):
                # Shielded: another message may wait for the same answer.
                return await asyncio.shield(flight)
        except TimeoutError as error:
            raise TemporaryFailure("dns-timeout", error) from error

    def _landed(self, key: Question, flight: asyncio.Task[Answer]) -> None:
        self._flights.pop(key, None)
        if not flight.cancelled():
            flight.exception()  # looked at, so that a failure nobody waits for is not a warning

    async def _fetch(self, key: Question, question: dns.name.Name) -> Answer:
        name, kind = key
        try:
            # Waiting for a slot counts: while servers are dead no queue may build up.
            async with asyncio.timeout(self._deadline), self._slots:
                now = asyncio.get_running_loop().time()
                # Taken over before anything waits: `resolve` copies the list as it begins.
                self._resolver.nameservers = self._servers.in_order(now)
                found = await self._resolver.resolve(
                    question, kind.value, raise_on_no_answer=False, search=False
                )
            answer = Answer(values=tuple(text_of(record) for record in found.rrset or ()))
            ttl = ttl_of(found.response, negative=not answer.values)
        except dns.resolver.NXDOMAIN as error:
            answer, ttl = NO_SUCH_NAME, ttl_of_no_name(error)
        except (dns.exception.Timeout, TimeoutError) as error:
            raise TemporaryFailure("dns-timeout", error) from error
        except (dns.exception.DNSException, OSError) as error:
            raise TemporaryFailure("dns-servfail", error) from error
        now = asyncio.get_running_loop().time()
        self._cache.put((name, kind), answer, now + ttl)
        return answer


class _View:
    """One check's view of a DnsResolver."""

    def __init__(self, shared: DnsResolver, until: float, slots: asyncio.Semaphore) -> None:
        self._shared = shared
        self._until = until
        self._slots = slots

    def with_deadline(self) -> Resolver:
        return self._shared.view(self._slots)

    def known(self, name: str, kind: RecordType) -> Answer | None:
        return self._shared.known(name, kind)

    async def look_up(self, name: str, kind: RecordType) -> Answer:
        if (answer := self._shared.known(name, kind)) is not None:
            return answer
        try:
            async with asyncio.timeout_at(self._until), self._slots:
                return await self._shared.ask(name, kind, self._until)
        except TimeoutError as error:
            raise TemporaryFailure("dns-timeout", error) from error


class _Cache:
    """Answers by question, the least recently used dropped first."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._entries: OrderedDict[Question, tuple[float, Answer]] = OrderedDict()

    def get(self, key: Question, now: float) -> Answer | None:
        entry = self._entries.get(key)
        if entry is None:
            return None
        if entry[0] <= now:
            del self._entries[key]
            return None
        self._entries.move_to_end(key)
        return entry[1]

    def put(self, key: Question, answer: Answer, expires: float) -> None:
        if self._size == 0 or sum(map(len, answer.values)) > _LARGEST_CACHED:
            return
        self._entries[key] = (expires, answer)
        self._entries.move_to_end(key)
        while len(self._entries) > self._size:
            self._entries.popitem(last=False)


def _sockets() -> int:
    """How many sockets there may be; raises the process's soft limit of open files for them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return _AT_ONCE
    wanted = 2 * _AT_ONCE  # the other half is for everything that is not DNS
    files = max(soft, wanted if hard == resource.RLIM_INFINITY else min(wanted, hard))
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
    return min(_AT_ONCE, files // 2)


def _servers(endpoints: tuple[str, ...]) -> dns.asyncresolver.Resolver:
    try:
        if not endpoints:
            return dns.asyncresolver.Resolver()
        resolver = dns.asyncresolver.Resolver(configure=False)
        resolver.nameservers = [_server(endpoint) for endpoint in endpoints]
        return resolver
    except (dns.exception.DNSException, OSError, ValueError) as error:
        raise PermanentFailure("dns-resolver", error) from error


def _server(endpoint: str) -> NameServer:
    return NameServer(*name_server(endpoint))


def _normal(name: str) -> str:
    return name.lower().removesuffix(".")
