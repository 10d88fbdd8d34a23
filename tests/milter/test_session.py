"""What one connection's messages get, over a real socket, spoken to as Postfix speaks."""

import random
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from postroom.verdict import Disposition
from tests.fakes.milter_client import ALL_STEPS, LEADING_SPACE, Gone, MilterClient
from tests.fakes.milter_process import GOOD, Process, asking, running, stamped, wait_until
from tests.fakes.milter_scenarios import SCENARIOS, play, scenarios


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    toml = "deadline = 2.0\nmax_size = 30_000_000\n[dns]\ndeadline = 0.5\n"
    with running(tmp_path_factory.mktemp("milter"), toml) as process:
        yield process


@pytest.fixture
def client(server: Process) -> Iterator[MilterClient]:
    with MilterClient(server.endpoint) as connected:
        connected.connect()
        connected.helo()
        yield connected


def test_an_accepted_message_gets_our_results_on_top_and_a_stamp_that_verifies(
    client: MilterClient,
) -> None:
    for number, body in enumerate((b"first\r\n", b"second\r\n\r\n")):
        answer = client.message(GOOD, body, queue_id=f"4X{number}")
        assert answer.reply == "accept"
        assert [name for name, _ in answer.fields[:3]] == [
            "Authentication-Results",
            "X-Postroom-Verdict",
            "From",
        ]
        assert stamped(answer, body, f"4X{number}").verdict.author == "a@sender.test"


def test_the_examiner_sees_the_message_and_the_envelope_as_they_were(
    server: Process, client: MilterClient
) -> None:
    fields: list[tuple[str, bytes | str]] = [
        ("From", b"a@sender.test"),
        ("Subject", b"=?utf-8?q?x?=\n\tfolded"),
        ("X-Eight", b"\xd0\xbf\xff"),
        ("X-Empty", b""),
    ]
    body = b"line\r\n\x00\xff.\r\n.\r\nlast without end"
    client.message(
        fields,
        body,
        sender="<Иван@Почта.test>",
        recipients=("<b@firma.test>", b"<\xff@firma.test>"),
    )
    assert server.raw() == (
        b"From: a@sender.test\r\nSubject: =?utf-8?q?x?=\r\n\tfolded\r\nX-Eight: \xd0\xbf\xff\r\n"
        b"X-Empty: \r\n\r\n" + body
    )
    seen = server.messages()[-1]
    assert seen["sender"] == "Иван@Почта.test"
    assert seen["recipients"] == ["b@firma.test", "\ufffd@firma.test"]
    assert (seen["client_address"], seen["client_name"]) == ("192.0.2.1", "mx.sender.test")
    assert (seen["helo"], seen["queue_id"]) == ("mx.sender.test", "4XyZ1")


@pytest.mark.parametrize(
    ("address", "seen"), [("2001:db8::25", "2001:db8::25"), ("/run/x", ""), ("", "")]
)
def test_clients_of_every_family_are_understood(server: Process, address: str, seen: str) -> None:
    with MilterClient(server.endpoint) as client:
        client.connect("unknown", address)
        for _ in range(2):
            assert client.message(GOOD).reply == "accept"
    assert server.messages()[-1]["client_address"] == seen
    assert server.messages()[-1]["helo"] == ""


def test_a_login_is_told_to_the_examiner_for_its_own_message_only(
    server: Process, client: MilterClient
) -> None:
    client.macros(b"M", auth_authen="anna")
    client.message(GOOD)
    assert server.messages()[-1]["authenticated_user"] == "anna"
    client.macros(b"M", mail_addr="x")
    client.message(GOOD)
    assert server.messages()[-1]["authenticated_user"] == ""


def test_two_messages_of_one_connection_share_nothing(
    server: Process, client: MilterClient
) -> None:
    first = [*GOOD, ("X-First", "1"), ("X-Postroom-Verdict", "forged")]
    client.message(first, b"one\r\n", recipients=("<a@firma.test>", "<b@firma.test>"))
    answer = client.message([("From", "b@sender.test")], b"two\r\n", sender="<>")
    assert server.raw() == b"From: b@sender.test\r\n\r\ntwo\r\n"
    assert server.messages()[-1]["recipients"] == ["info@firma.test"]
    assert server.messages()[-1]["sender"] == ""
    assert answer.removed == []


def test_an_aborted_message_leaves_nothing_behind(server: Process, client: MilterClient) -> None:
    client.mail("<old@sender.test>")
    client.rcpt("<old@firma.test>")
    client.header("Old", "1")
    client.end_of_header()
    client.body(b"old")
    client.abort()
    assert client.message(GOOD).reply == "accept"
    assert server.raw().startswith(b"From: a@sender.test\r\nSubject: hello\r\n\r\nHello")
    assert server.messages()[-1]["recipients"] == ["info@firma.test"]


def test_a_client_that_hangs_up_in_the_body_harms_nobody(server: Process) -> None:
    for _ in range(2):
        client = MilterClient(server.endpoint)
        client.connect()
        client.mail()
        client.rcpt()
        client.end_of_header()
        client.raw(b"\x00\x01\x00\x00Bonly the beginning")
        client.hang_up()
    with MilterClient(server.endpoint) as client:
        client.connect()
        assert client.message(GOOD).reply == "accept"


def test_forged_fields_go_and_foreign_ones_stay_in_their_place(client: MilterClient) -> None:
    for _ in range(2):
        answer = client.message(
            [
                ("Authentication-Results", "mx.sender.test; spf=pass"),
                ("authentication-results", "mail.firma.test;\n\tdmarc=pass"),
                ("AUTHENTICATION-RESULTS", '(hi) "MAIL.firma.test" 1; dmarc=pass'),
                ("X-Postroom-Verdict", "v=1;k=x"),
                ("From", "a@sender.test"),
                ("x-postroom-dry-run", "reject"),
                ("Authentication-Results", "other.test; dkim=pass"),
                ("x-postroom-verdict", "v=1"),
            ]
        )
        assert answer.reply == "accept"
        assert [(name, value.split(b";")[0].strip()) for name, value in answer.fields] == [
            ("Authentication-Results", b"mail.firma.test"),
            ("X-Postroom-Verdict", b"v=1"),
            ("Authentication-Results", b"mx.sender.test"),
            ("From", b"a@sender.test"),
            ("Authentication-Results", b"other.test"),
        ]
        stamped(answer, b"Hello\r\n")


def test_more_forged_fields_than_anybody_needs_are_refused_at_once(client: MilterClient) -> None:
    fields: list[tuple[str, bytes | str]] = [("X-Postroom-Verdict", "x")] * 101
    for _ in range(2):
        answer = client.message([*GOOD, *fields])
        assert answer.reply.startswith("550 5.7.1 ")
        assert answer.removed == []
    assert client.message([*GOOD, *fields[:100]]).reply == "accept"


REPLIES = [
    (("temporary", "dns-timeout"), "451 4.3.0 "),
    (("temporary", "authentication-temperror"), "451 4.7.24 "),
    (("raise",), "451 4.3.0 "),
    (("timeout",), "451 4.3.0 "),
    (("nonsense",), "451 4.3.0 "),
    (("reject", "dmarc-reject", "Read", "100%", "of", "it"), "550 5.7.26 Read 100%% of it"),
    (("reject", "spam"), "550 5.7.1 "),
    (("reject", "of-no-table", "why"), "550 5.7.1 why"),
    (("defer", "authentication-temperror"), "451 4.7.24 "),
    (("defer", "of-no-table", "because"), "451 4.3.0 because"),
]


@pytest.mark.parametrize(("wish", "reply"), REPLIES)
def test_what_the_examiner_says_is_told_in_smtps_words(
    client: MilterClient, wish: tuple[str, ...], reply: str
) -> None:
    for _ in range(2):
        answer = client.message(asking(*wish))
        assert answer.reply.startswith(reply)
        assert "secret" not in answer.reply
        assert answer.inserted == []
        assert answer.removed == []
    assert client.message(GOOD).reply == "accept"


def test_a_bug_is_logged_with_its_traceback_and_told_to_nobody(
    server: Process, client: MilterClient
) -> None:
    before = len(server.events("bug"))
    client.message(asking("raise"))
    wait_until(lambda: len(server.events("bug")) > before)
    assert "ValueError" in str(server.events("bug")[-1])
    assert server.events("deferred")[-1]["reason"] == "bug"


@pytest.mark.slow
@pytest.mark.parametrize("wish", ["sleep", "stubborn"])
def test_an_examination_that_takes_too_long_is_deferred_at_the_deadline(
    client: MilterClient, wish: str
) -> None:
    started = time.monotonic()
    answer = client.message(asking(wish, "8"))
    assert answer.reply.startswith("451 4.4.7 ")
    assert 1.9 < time.monotonic() - started < 7  # the deadline is 2 s, the examination takes 8
    assert client.message(GOOD).reply == "accept"


@pytest.mark.slow
def test_many_slow_examinations_do_not_wait_for_each_other(server: Process) -> None:
    took: list[float] = []

    def one() -> None:
        with MilterClient(server.endpoint) as client:
            started = time.monotonic()
            client.connect()
            client.helo()
            assert client.message(asking("sleep", "1.2")).reply == "accept"
            took.append(time.monotonic() - started)

    for _ in range(2):
        threads = [threading.Thread(target=one) for _ in range(40)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
    assert len(took) == 80
    assert max(took) < 6  # eight at a time they would take as long, one by one 48 s


def test_a_quarantined_message_is_accepted_with_the_stamp_that_says_so(
    client: MilterClient,
) -> None:
    answer = client.message(asking("quarantine", "dmarc-quarantine"))
    assert (answer.reply, answer.quarantined) == ("accept", "")
    assert stamped(answer, b"Hello\r\n").disposition is Disposition.QUARANTINE


@pytest.mark.slow
def test_a_message_above_the_limit_is_refused_and_the_next_one_taken(
    client: MilterClient,
) -> None:
    for _ in range(2):
        assert client.message(GOOD, b"x" * 31_000_000).reply.startswith("552 5.3.4 ")
    assert client.message(GOOD).reply == "accept"


@pytest.mark.slow
def test_a_large_body_arrives_whole(server: Process, client: MilterClient) -> None:
    body = random.Random(7).randbytes(20_000_000)
    for _ in range(2):
        answer = client.message(GOOD, body)
        assert answer.reply == "accept"
        stamped(answer, body)
        assert server.messages()[-1]["size"] == len(body) + len(
            b"From: a@sender.test\r\nSubject: hello\r\n\r\n"
        )


def test_thousands_of_fields_are_a_message_and_hundreds_of_thousands_are_refused(
    server: Process, client: MilterClient
) -> None:
    client.message([*GOOD, *[("X", "a\n\tb")] * 4_000])
    assert server.messages()[-1]["size"] == 4_000 * len("X: a\r\n\tb\r\n") + len(
        b"From: a@sender.test\r\nSubject: hello\r\n\r\nHello\r\n"
    )
    assert client.message([*GOOD, *[("X", "a")] * 200_000]).reply.startswith("552 5.3.4 ")
    assert client.message(GOOD).reply == "accept"


def test_header_lines_we_write_are_of_legal_length(client: MilterClient) -> None:
    answer = client.message(GOOD, sender=f"<{'x' * 60}@{'long.' * 40}test>")
    for name, value in answer.fields[:2]:
        lines = (name.encode() + b":" + value).split(b"\n")
        assert max(map(len, lines)) <= 998
        assert all(line.startswith(b"\t") for line in lines[1:])
        assert b"\r" not in value


def test_garbage_instead_of_the_protocol_ends_that_connection_only(server: Process) -> None:
    noise = random.Random(3)
    for packet in (
        b"GET / HTTP/1.1\r\n\r\n",
        b"\xff\xff\xff\xffO",
        b"\0\0\0\0",
        b"\0\0\0\x01Z",
        *(noise.randbytes(200) for _ in range(20)),
    ):
        client = MilterClient(server.endpoint)
        client.raw(packet)
        client.hang_up()
    with MilterClient(server.endpoint) as client:
        client.connect()
        for _ in range(2):
            assert client.message(GOOD).reply == "accept"


def test_commands_out_of_order_are_never_accepted(server: Process) -> None:
    with MilterClient(server.endpoint) as client:
        client.connect()
        client.raw(b"\0\0\0\x01E")  # end of a message that never began
        assert client.message(GOOD).reply == "accept"
        client.mail()
        client.abort()
        client.abort()
        assert client.message(GOOD).reply == "accept"


def test_a_helo_that_is_no_utf8_is_as_good_as_none(server: Process) -> None:
    with MilterClient(server.endpoint) as client:
        client.connect()
        client.helo(b"\xff\xfe")
        for _ in range(2):
            assert client.message(GOOD).reply == "accept"
    assert server.messages()[-1]["helo"] == ""


def test_a_client_of_unreadable_name_is_not_taken_for_ourselves(server: Process) -> None:
    with MilterClient(server.endpoint) as client:
        before = len(server.messages())
        client.connect(b"\xff\xfe")
        for _ in range(2):
            assert client.message(GOOD).reply.startswith(("tempfail", "451 "))
        assert len(server.messages()) == before


def test_a_peer_that_cannot_remove_headers_is_turned_away(server: Process) -> None:
    with pytest.raises(Gone):
        MilterClient(server.endpoint, actions=0x1)


def test_a_peer_without_the_newer_protocol_steps_is_served(server: Process) -> None:
    old = ALL_STEPS & 0x7F
    with MilterClient(server.endpoint, steps=old, version=2, actions=0x3F) as client:
        assert not client.steps & LEADING_SPACE
        client.connect()
        for _ in range(2):
            answer = client.message([*GOOD, ("X-Postroom-Verdict", "x")])
            assert answer.reply == "accept"
            assert not answer.values("Authentication-Results")[0].startswith(b" ")
            stamped(answer, b"Hello\r\n")
    assert server.raw().startswith(b"From: a@sender.test\r\nSubject: hello\r\nX-P")


def test_a_message_without_queue_id_is_stamped_without(client: MilterClient) -> None:
    for _ in range(2):
        stamped(client.message(GOOD, queue_id=""), b"Hello\r\n", queue_id="")


@pytest.mark.skipif(not SCENARIOS.exists(), reason="conformance data is not here")
@pytest.mark.parametrize("scenario", scenarios())
def test_sessions_of_other_milters_test_suites_are_answered(
    server: Process, scenario: dict[str, Any]
) -> None:
    """The steps with an examiner that accepts: no hang, no crash, a sensible reply."""
    for answer, body in play(server.endpoint, scenario["steps"]):
        assert answer.reply == "accept"
        stamped(answer, body)
