"""Several hosts share one database; each is lost once, and nothing else is."""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.sandbox import hosts
from tests.sandbox.hosts import Site, patiently
from tests.sandbox.mails import Mail, Writer
from tests.sandbox.soak import order_mail
from tests.sandbox.waiting import wait_until

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.skipif(bool(hosts.missing()), reason=hosts.missing() or "-"),
]
_MAILS, _HOSTS = 36, 3
_ENDED = "('done', 'dead', 'dropped', 'held')"


def test_each_host_is_lost_once_and_no_mail_and_no_order_is_lost_or_doubled() -> None:
    with Site(_HOSTS) as site:
        run = f"{int(time.time())}"
        letters = [order_mail(Writer(site.keys, run), n) for n in range(1, _MAILS + 1)]
        with ThreadPoolExecutor(6) as senders:
            replies = []
            each = _MAILS // _HOSTS
            for number, host in enumerate(site.hosts):
                some = letters[number * each : (number + 1) * each]
                replies += [
                    senders.submit(patiently, site, letter, turn % _HOSTS)
                    for turn, letter in enumerate(some)
                ]
                wait_until(
                    lambda wanted=number * each + 3: _orders(site) >= wanted,  # type: ignore[misc]
                    120,
                    "some orders",
                    site.journal,
                )
                host.lose()
                # The others take over what it had claimed, and all that comes.
                wait_until(
                    lambda wanted=(number + 1) * each: _orders(site) >= wanted,  # type: ignore[misc]
                    180,
                    "the orders of a site with one host less",
                    site.journal,
                )
                host.start()
                wait_until(host.answers, 120, f"{host.name} to be back", site.journal)
            told = [reply.result() for reply in replies]
        wait_until(lambda: _is_settled(site), 180, "the last action to end", site.journal)
        _judge(site, letters, told)


def _judge(site: Site, letters: list[Mail], told: list[str]) -> None:
    assert [reply for reply in told if not reply.startswith("250")] == []
    stored = Counter(row[0] for row in site.rows("SELECT message_id FROM message"))
    assert stored == dict.fromkeys((letter.message_id for letter in letters), 1)
    entered = {
        record["order_number"]: tuple((line["sku"], line["quantity"]) for line in record["lines"])
        for record in site.erp.listing("orders")
    }
    assert len(site.erp.listing("orders")) == len(letters)
    assert entered == {letter.expected.number: letter.expected.lines for letter in letters}
    answered = Counter(mail.in_reply_to for mail in site.sink.received())
    assert max(answered.values()) == 1
    workers = {row[0] for row in site.rows("SELECT DISTINCT who FROM event WHERE kind = 'action'")}
    assert workers


def _orders(site: Site) -> int:
    return len(site.erp.listing("orders"))


def _is_settled(site: Site) -> bool:
    open_ones = site.rows(f"SELECT count(*) FROM action WHERE state NOT IN {_ENDED}")
    return not open_ones[0][0] and not site.postfix.queue()
