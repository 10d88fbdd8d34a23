"""The resolver against real name servers on loopback."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from postroom.config import DnsSection
from postroom.failure import PermanentFailure, TemporaryFailure
from postroom.milter.nameservers import NameServer, NameServers
from postroom.milter.resolver import Answer, DnsResolver, RecordType, look_up_all
from tests.fakes.dns import DnsServer

ZONE = """
a.test TXT v=spf1 -all
a.test A 192.0.2.1
a.test AAAA 2001:db8::1
a.test MX 20 second.test
a.test MX 10 first.test
1.2.0.192.in-addr.arpa PTR a.test
alias.test CNAME a.test
_dmarc.deep.test TXT v=DMARC1; p=none
"""


def ask(
    server: DnsServer, question: Callable[[DnsResolver], Awaitable[Any]], **settings: Any
) -> Any:
    resolver = DnsResolver(DnsSection(resolver=(server.address,), **settings))
    return asyncio.run(question(resolver))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "kind", "values"),
    [
        ("a.test", RecordType.TXT, ("v=spf1 -all",)),
        ("A.TEST.", RecordType.A, ("192.0.2.1",)),
        ("a.test", RecordType.AAAA, ("2001:db8::1",)),
        ("a.test", RecordType.MX, ("20 second.test", "10 first.test")),
        ("1.2.0.192.in-addr.arpa", RecordType.PTR, ("a.test",)),
        ("alias.test", RecordType.A, ("192.0.2.1",)),
    ],
)
def test_records_come_as_text(name: str, kind: RecordType, values: tuple[str, ...]) -> None:
    with DnsServer(ZONE) as server:
        answer: Answer = ask(server, lambda resolver: resolver.look_up(name, kind))
    assert sorted(answer.values) == sorted(values)
    assert answer.exists


def test_no_such_record_and_no_such_name_are_told_apart() -> None:
    async def both(resolver: DnsResolver) -> list[Answer | TemporaryFailure]:
        questions = [("deep.test", RecordType.A), ("other.test", RecordType.A)]
        return await look_up_all(resolver, questions)

    with DnsServer(ZONE) as server:
        assert ask(server, both) == [Answer(exists=True), Answer(exists=False)]


def test_octets_of_a_text_record_are_kept_one_to_one() -> None:
    with DnsServer({"odd.test": [("TXT", "caf\xc3\xa9 \xff" + "x" * 600)]}) as server:
        answer = ask(server, lambda resolver: resolver.look_up("odd.test", RecordType.TXT))
    assert answer.values == ("caf\xc3\xa9 \xff" + "x" * 600,)


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "a..test",
        "x" * 64 + ".test",
        ".".join(["x" * 60] * 5),
        "bücher.test",
        "a\udcffb.test",
    ],
)
def test_a_name_that_cannot_be_asked_does_not_exist(name: str) -> None:
    with DnsServer(ZONE) as server:
        answer = ask(server, lambda resolver: resolver.look_up(name, RecordType.A))
        assert server.queries == []
    assert not answer.exists


def test_a_backslash_in_a_name_is_no_escape() -> None:
    with DnsServer(ZONE) as server:
        answer = ask(server, lambda resolver: resolver.look_up(r"\097.test", RecordType.A))
    assert not answer.exists


def test_an_answer_too_big_for_udp_comes_over_tcp() -> None:
    long = {"big.test": [("TXT", f"{n} " + "x" * 250) for n in range(20)]}
    with DnsServer(long) as server:
        answer = ask(server, lambda resolver: resolver.look_up("big.test", RecordType.TXT))
        assert [transport for _, _, transport in server.queries] == ["udp", "tcp"]
    assert len(answer.values) == 20


def test_servfail_is_trouble_and_not_an_empty_answer() -> None:
    with DnsServer(ZONE, servfail={"a.test"}) as server, pytest.raises(TemporaryFailure) as raised:
        ask(server, lambda resolver: resolver.look_up("a.test", RecordType.TXT))
    assert raised.value.reason == "dns-servfail"


@pytest.mark.parametrize("name", ["a.test", "alias.test", "none.test"])
def test_an_answer_is_asked_for_once_positive_or_negative(name: str) -> None:
    async def twice(resolver: DnsResolver) -> Answer | None:
        await resolver.look_up(name, RecordType.A)
        await resolver.look_up(name.upper(), RecordType.A)
        return resolver.known(name, RecordType.A)

    with DnsServer(ZONE) as server:
        assert ask(server, twice) is not None
        assert len(server.queries) == 1


def test_failures_are_not_kept() -> None:
    async def twice(resolver: DnsResolver) -> list[Answer | TemporaryFailure]:
        return [(await look_up_all(resolver, [("a.test", RecordType.A)]))[0] for _ in range(2)]

    with DnsServer(ZONE, servfail={"a.test"}) as server:
        answers = ask(server, twice)
        assert len(server.queries) == 2
    assert all(isinstance(answer, TemporaryFailure) for answer in answers)


def test_the_cache_forgets_the_least_recently_used_and_can_be_off() -> None:
    async def three(resolver: DnsResolver) -> list[bool]:
        for kind in (RecordType.A, RecordType.TXT, RecordType.AAAA):
            await resolver.look_up("a.test", kind)
        return [
            resolver.known("a.test", kind) is not None
            for kind in (RecordType.A, RecordType.TXT, RecordType.AAAA)
        ]

    with DnsServer(ZONE) as server:
        assert ask(server, three, cache_size=2) == [False, True, True]
        assert ask(server, three, cache_size=0) == [False, False, False]


def test_the_same_question_of_many_messages_is_asked_once() -> None:
    async def crowd(resolver: DnsResolver) -> list[Answer]:
        views = [resolver.with_deadline() for _ in range(50)]
        return await asyncio.gather(*(view.look_up("a.test", RecordType.A) for view in views))

    with DnsServer(ZONE) as server:
        assert len(ask(server, crowd)) == 50
        assert len(server.queries) == 1


def test_a_dead_server_costs_fifty_messages_one_deadline_together() -> None:
    async def message(resolver: DnsResolver, number: int) -> str:
        view = resolver.with_deadline()
        reasons = []
        for step in range(4):
            try:
                await view.look_up(f"{number}.{step}.test", RecordType.TXT)
            except TemporaryFailure as failure:
                reasons.append(failure.reason)
        return ",".join(reasons)

    async def crowd(resolver: DnsResolver) -> list[str]:
        return await asyncio.gather(*(message(resolver, number) for number in range(50)))

    with DnsServer(dead=True) as server:
        begin = time.monotonic()
        reasons = ask(server, crowd, deadline=0.5, query_timeout=0.2)
        elapsed = time.monotonic() - begin
    assert set(reasons) == {",".join(["dns-timeout"] * 4)}
    assert elapsed < 12  # one after the other they would take 25 s


@pytest.mark.slow
def test_an_outage_leaves_no_queue_behind() -> None:
    async def outage(server: DnsServer, resolver: DnsResolver) -> list[Answer]:
        names = [[(f"{m}.{n}.test", RecordType.A) for n in range(16)] for m in range(60)]
        await asyncio.gather(*(look_up_all(resolver.with_deadline(), one) for one in names))
        server.dead = False
        answers = []
        for _ in range(2):  # a queue would take three deadlines more to empty
            with contextlib.suppress(TemporaryFailure):
                answers.append(await resolver.look_up("a.test", RecordType.A))
        return answers

    with DnsServer(ZONE, dead=True) as server:
        settings: dict[str, Any] = {"deadline": 4.0, "query_timeout": 1.0}
        answers = ask(server, lambda resolver: outage(server, resolver), **settings)
    assert answers and answers[0].values == ("192.0.2.1",)


def test_crowds_of_silent_names_do_not_hold_up_another_message() -> None:
    async def race(resolver: DnsResolver) -> tuple[Answer, bool]:
        slow = []
        for n in range(40):
            names = [(f"s{n}.{m}.test", RecordType.A) for m in range(16)]
            slow.append(asyncio.create_task(look_up_all(resolver.with_deadline(), names)))
            await asyncio.sleep(0.03)  # the server's buffer is no part of the test
        answer = await resolver.with_deadline().look_up("a.test", RecordType.A)
        waiting = not any(task.done() for task in slow)
        for task in slow:
            task.cancel()
        await asyncio.gather(*slow, return_exceptions=True)
        return answer, waiting

    silent = [f"s{n}.{m}.test" for n in range(40) for m in range(16)]
    with DnsServer(ZONE, silent=silent) as server:
        answer, waiting = ask(server, race, deadline=20.0, query_timeout=10.0)
    assert answer.values == ("192.0.2.1",)
    assert waiting


def test_a_view_of_a_view_has_a_new_deadline_and_the_same_places() -> None:
    async def again(resolver: DnsResolver) -> tuple[Answer, bool]:
        view = resolver.with_deadline()
        silent = [(f"s{n}.test", RecordType.A) for n in range(12)]
        await look_up_all(view, silent)
        answer = await view.with_deadline().look_up("a.test", RecordType.A)
        ends_first = view.with_deadline()
        await asyncio.sleep(0.1)
        slow = asyncio.create_task(look_up_all(view.with_deadline(), silent))
        await asyncio.sleep(0.05)
        with pytest.raises(TemporaryFailure, match="dns-timeout"):
            await ends_first.look_up("a.test", RecordType.AAAA)
        await slow
        return answer, resolver.known("a.test", RecordType.AAAA) is None

    with DnsServer(ZONE, silent=[f"s{n}.test" for n in range(12)]) as server:
        answer, never_asked = ask(server, again, deadline=0.5, query_timeout=0.4)
    assert answer.values == ("192.0.2.1",)
    assert never_asked


def test_the_second_server_answers_when_the_first_is_dead() -> None:
    with DnsServer(dead=True) as dead, DnsServer(ZONE) as alive:
        settings = DnsSection(resolver=(dead.address, alive.address), query_timeout=0.1)
        answer = asyncio.run(DnsResolver(settings).look_up("a.test", RecordType.A))
    assert answer.values == ("192.0.2.1",)


def test_a_server_that_keeps_silent_is_waited_for_once_and_not_by_every_question() -> None:
    async def several(resolver: DnsResolver) -> list[Answer]:
        names = ("a.test", "_dmarc.deep.test", "none.test")
        return [await resolver.look_up(name, RecordType.TXT) for name in names]

    with DnsServer(dead=True) as dead, DnsServer(ZONE) as alive:
        resolver = DnsResolver(
            DnsSection(resolver=(dead.address, alive.address), query_timeout=0.1, deadline=5.0)
        )
        answers = asyncio.run(several(resolver))
        assert [name for name, _, _ in dead.queries] == ["a.test"]
    assert [answer.exists for answer in answers] == [True, True, False]


def test_a_silent_server_is_seen_when_the_deadline_is_no_longer_than_one_query() -> None:
    async def three(resolver: DnsResolver) -> Answer:
        for kind in (RecordType.A, RecordType.AAAA):  # the first may end before it is noted
            await look_up_all(resolver, [("a.test", kind)])
        return await resolver.look_up("a.test", RecordType.TXT)

    with DnsServer(dead=True) as dead, DnsServer(ZONE) as alive:
        settings = DnsSection(
            resolver=(dead.address, alive.address), query_timeout=0.5, deadline=0.5
        )
        assert asyncio.run(three(DnsResolver(settings))).values == ("v=spf1 -all",)


def the_order(servers: NameServers, now: float) -> list[int]:
    return [one.port for one in servers.in_order(now)]


def test_a_silent_server_rests_and_then_one_question_finds_out_whether_it_is_back() -> None:
    first, second = NameServer("127.0.0.1", 1), NameServer("127.0.0.1", 2)
    servers = NameServers([first, second])
    assert the_order(servers, 100) == [1, 2]
    first.kept_silent(100, 102)
    assert the_order(servers, 102) == [2, 1]
    assert [the_order(servers, 140) for _ in range(3)] == [[1, 2], [2, 1], [2, 1]]
    first.kept_silent(140, 142)
    assert [the_order(servers, 180), the_order(servers, 180)] == [[1, 2], [2, 1]]
    first.answered(181)
    assert [the_order(servers, 182) for _ in range(2)] == [[1, 2], [1, 2]]


def test_a_name_that_nobody_answers_for_does_not_make_a_server_dead() -> None:
    first, second = NameServer("127.0.0.1", 1), NameServer("127.0.0.1", 2)
    servers = NameServers([first, second])
    first.answered(101)
    first.kept_silent(100, 102)
    assert the_order(servers, 102) == [1, 2]
    second.answered(103)
    first.kept_silent(110, 112)
    second.kept_silent(112, 114)
    assert the_order(servers, 114) == [2, 1]  # both rest: the one that answered last goes first


def test_servers_take_turns_where_resolv_conf_says_so() -> None:
    servers = NameServers([NameServer("127.0.0.1", port) for port in (1, 2, 3)], rotate=True)
    assert [the_order(servers, 0)[0] for _ in range(4)] == [2, 3, 1, 2]


@pytest.mark.parametrize("endpoint", ["127.0.0.1:port", "127.0.0.1:99999", "no such host:53"])
def test_a_resolver_that_cannot_be_used_is_said_at_the_start(endpoint: str) -> None:
    with pytest.raises(PermanentFailure) as raised:
        DnsResolver(DnsSection.model_construct(resolver=(endpoint,)))  # past the file's own check
    assert raised.value.reason == "dns-resolver"
