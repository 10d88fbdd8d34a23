"""Handing a message to Postfix: repeatable before the data, unknown after the dot."""

import asyncio

import pytest

from postroom.actions.submit import (
    OutcomeUnknown,
    RecipientRefused,
    Refused,
    ServerRefused,
    submit,
)
from postroom.failure import PermanentFailure, TemporaryFailure
from tests.fakes.smtp_sink import SmtpSink

MESSAGE = b"Subject: x\r\n\r\n.dot\r\n..two\r\nlast"


class Line:
    """The point of no return: passed, or refused."""

    def __init__(self, refuse: Exception | None = None) -> None:
        self.passed = False
        self._refuse = refuse

    async def __call__(self) -> None:
        if self._refuse:
            raise self._refuse
        self.passed = True


def send(
    server: str,
    line: Line,
    *,
    recipient: str = "ivan@snab.example",
    message: bytes = MESSAGE,
    within_s: float = 5.0,
) -> str:
    async def talk() -> str:
        async with asyncio.timeout(within_s):
            return await submit(
                server,
                hostname="mx.firma.test",
                sender="",
                recipient=recipient,
                message=message,
                before_data=line,
            )

    return asyncio.run(talk())


def test_the_message_arrives_whole_from_the_null_sender() -> None:
    with SmtpSink() as sink:
        queue_id = send(sink.address, Line())
        (received,) = sink.received()
    assert (received.sender, received.recipients) == ("", ("ivan@snab.example",))
    assert received.raw == MESSAGE + b"\r\n"
    assert queue_id == received.queue_id


@pytest.mark.parametrize(
    "message", [b"a\n.\nb", b"a\r.\rb", b"a\r\n.\r\nMAIL FROM:<x@y.test>\r\n", b"a\n.\r\nRSET\r\n"]
)
def test_no_message_can_end_itself_early(message: bytes) -> None:
    """SMTP smuggling: a lone dot between line ends of any kind stays text."""
    with SmtpSink() as sink:
        send(sink.address, Line(), message=message)
        (received,) = sink.received()
    assert b"\r\n.\r\n" in received.raw


@pytest.mark.parametrize("moment", ["greeting", "mail", "rcpt", "data"])
@pytest.mark.parametrize(
    ("fault", "kind", "reason"),
    [
        ("451 4.3.0 later", TemporaryFailure, "smtp-451"),
        ("421 4.3.2 closing", TemporaryFailure, "smtp-421"),
        ("550 5.1.1 no", PermanentFailure, "smtp-550"),
        ("drop", TemporaryFailure, "smtp-connection-lost"),
        ("nonsense", TemporaryFailure, "smtp-connection-lost"),
        ("200", TemporaryFailure, "smtp-200"),
    ],
)
def test_trouble_before_the_data_leaves_nothing_behind(
    moment: str, fault: str, kind: type[Exception], reason: str
) -> None:
    line = Line()
    with SmtpSink() as sink:
        sink.faults[moment].append(fault)
        with pytest.raises(kind, match=f"^{reason}$"):
            send(sink.address, line)
        assert not line.passed
        assert sink.received() == []
        assert send(sink.address, line)


@pytest.mark.parametrize(
    ("moment", "said", "kind"),
    [
        ("greeting", "554 5.7.1 no", ServerRefused),
        ("mail", "553 5.7.1 Sender address rejected: not owned by user", ServerRefused),
        ("mail", "550 5.1.1 no", ServerRefused),
        ("rcpt", "550 5.1.1 User unknown", RecipientRefused),
        ("rcpt", "556 5.1.10 nullMX", RecipientRefused),
        ("rcpt", "552 5.2.2 Mailbox full", RecipientRefused),
        ("rcpt", "550 no", RecipientRefused),
        ("rcpt", "554 5.7.1 Relay access denied", PermanentFailure),
        ("rcpt", "550 5.1.0 Sender address rejected", PermanentFailure),
        ("rcpt", "550 5.1.8 Sender address rejected: Domain not found", PermanentFailure),
        ("rcpt", "554 5.1.11 no", PermanentFailure),
        ("data", "554 5.5.1 no", PermanentFailure),
    ],
)
def test_a_refusal_says_whose_fault_it_is_where_the_server_does(
    moment: str, said: str, kind: type[Exception]
) -> None:
    with SmtpSink() as sink:
        sink.faults[moment].append(said)
        with pytest.raises(PermanentFailure) as refused:
            send(sink.address, Line())
    assert type(refused.value) is kind


def test_whoever_guards_the_line_may_refuse() -> None:
    with SmtpSink() as sink:
        with pytest.raises(PermanentFailure, match="^reply-withheld$"):
            send(sink.address, Line(PermanentFailure("reply-withheld")))
        assert sink.received() == []


@pytest.mark.parametrize(
    ("fault", "reason"), [("451 4.3.0 later", "smtp-451"), ("554 5.7.1 no", "smtp-554")]
)
def test_a_no_to_the_data_is_a_refusal(fault: str, reason: str) -> None:
    line = Line()
    with SmtpSink() as sink:
        sink.faults["dot"].append(fault)
        with pytest.raises(Refused) as refused:
            send(sink.address, line)
    assert refused.value.failure.reason == reason
    assert line.passed


@pytest.mark.parametrize(("fault", "kept"), [("drop", 0), ("drop-after", 1)])
def test_silence_after_the_dot_leaves_everything_open(fault: str, kept: int) -> None:
    with SmtpSink() as sink:
        sink.faults["dot"].append(fault)
        with pytest.raises(OutcomeUnknown):
            send(sink.address, Line())
        assert len(sink.received()) == kept


def test_a_server_that_hangs_after_the_dot_is_waited_for_until_the_deadline() -> None:
    with SmtpSink() as sink:
        sink.faults["dot"].append("hang-after")
        with pytest.raises(TimeoutError):
            send(sink.address, Line(), within_s=0.3)


def test_nobody_at_home_is_temporary() -> None:
    with pytest.raises(TemporaryFailure, match="smtp-unreachable"):
        send("127.0.0.1:1", Line())


def test_an_address_beyond_ascii_needs_smtputf8() -> None:
    with SmtpSink() as sink:
        send(sink.address, Line(), recipient="иван@snab.example")
        assert sink.received()[0].recipients == ("иван@snab.example",)
    with SmtpSink(offers=("8BITMIME",)) as sink:
        with pytest.raises(PermanentFailure, match="smtputf8-not-offered"):
            send(sink.address, Line(), recipient="иван@snab.example")


@pytest.mark.parametrize(
    "recipient", ["a@b>\r\nRCPT TO:<x@y.test", "a\n@b.test", "a\x00@b.test", "a b@c.test"]
)
def test_no_address_can_carry_a_command(recipient: str) -> None:
    with SmtpSink() as sink:
        with pytest.raises(PermanentFailure, match="smtp-bad-address"):
            send(sink.address, Line(), recipient=recipient)
        assert sink.received() == []


def test_an_answer_that_never_ends_is_cut() -> None:
    with SmtpSink(offers=("X" * 100,) * 500) as sink:
        with pytest.raises(TemporaryFailure, match="smtp-connection-lost"):
            send(sink.address, Line())
    with SmtpSink(offers=("X" * 100_000,)) as sink:
        with pytest.raises(TemporaryFailure, match="smtp-connection-lost"):
            send(sink.address, Line())
