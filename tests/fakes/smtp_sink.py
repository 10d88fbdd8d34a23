"""A small real SMTP server that keeps what it is given; the customers' mail server in tests.

In: SMTP on the loopback. Out: `received()`, and one file per message where a folder is given.
Faults are put in a row per moment and meet the next transactions: a reply line such as
"451 4.3.0 later" or "550 5.1.1 no", or one of the words below.

    greeting, mail, rcpt, data, dot          the moments a fault can be for
    drop                                     the connection ends without an answer
    drop-after (dot)                         the message is kept, then the connection ends
    hang (any), hang-after (dot)             no answer until `close`

    python -m tests.fakes.smtp_sink --port 2525 --folder DIR

Standard: RFC 5321, with SIZE, 8BITMIME, SMTPUTF8 and PIPELINING announced.
Limits: everything is taken from everyone; no TLS, no AUTH.
"""

import argparse
import signal
import socketserver
import threading
from collections import defaultdict, deque
from dataclasses import dataclass
from email import message_from_bytes, policy
from pathlib import Path
from types import TracebackType

OFFERS = ("SIZE 52428800", "8BITMIME", "SMTPUTF8", "PIPELINING")


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One message as it was taken."""

    sender: str  # MAIL FROM without brackets; empty is the null sender
    recipients: tuple[str, ...]
    raw: bytes  # CRLF line ends, dots unstuffed
    queue_id: str

    @property
    def text(self) -> str:
        """The message as text, for a look into it."""
        return self.raw.decode("utf-8", "replace")

    def header(self, name: str) -> str:
        """The first header of that name, decoded, or empty."""
        value = message_from_bytes(self.raw, policy=policy.default).get(name)
        return "" if value is None else str(value)

    @property
    def message_id(self) -> str:
        """The Message-ID header, or empty."""
        return self.header("Message-ID").strip()

    @property
    def in_reply_to(self) -> str:
        """The In-Reply-To header, or empty."""
        return self.header("In-Reply-To").strip()

    @property
    def body(self) -> str:
        """The decoded text part, or empty."""
        part = message_from_bytes(self.raw, policy=policy.default).get_body(("plain",))
        return "" if part is None else str(part.get_content()).replace("\r\n", "\n")


class SmtpSink:
    """The server; use it as a context manager, or `start` and `close` it."""

    def __init__(
        self, folder: Path | None = None, *, port: int = 0, offers: tuple[str, ...] = OFFERS
    ) -> None:
        self.folder = folder
        self.offers = offers
        self.faults: defaultdict[str, deque[str]] = defaultdict(deque)
        self.closing = threading.Event()
        self._lock = threading.Lock()
        self._messages: list[Received] = []
        if folder:
            folder.mkdir(parents=True, exist_ok=True)
        self._server = _Server(("127.0.0.1", port), _Conversation)
        self._server.sink = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._server.server_address[1])

    @property
    def address(self) -> str:
        """HOST:PORT."""
        return f"127.0.0.1:{self.port}"

    def start(self) -> "SmtpSink":
        """Answers from now on."""
        self._thread.start()
        return self

    def close(self) -> None:
        """Stops answering; ends conversations that hang."""
        self.closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def __enter__(self) -> "SmtpSink":
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def received(self) -> list[Received]:
        """Everything taken so far, in order."""
        with self._lock:
            return list(self._messages)

    def keep(self, sender: str, recipients: tuple[str, ...], raw: bytes) -> Received:
        """Takes one message."""
        with self._lock:
            queue_id = f"4D3F{len(self._messages) + 1:06X}"
            message = Received(sender=sender, recipients=recipients, raw=raw, queue_id=queue_id)
            self._messages.append(message)
        if self.folder:
            (self.folder / f"{queue_id}.eml").write_bytes(raw)
        return message

    def fault(self, moment: str) -> str:
        """The next fault for a moment, or empty."""
        with self._lock:
            row = self.faults[moment]
            return row.popleft() if row else ""


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128
    sink: SmtpSink


class _Conversation(socketserver.StreamRequestHandler):
    timeout = 60

    @property
    def _sink(self) -> SmtpSink:
        assert isinstance(self.server, _Server)
        return self.server.sink

    def handle(self) -> None:
        try:
            self._talk()
        except OSError:
            return  # the client went away, killed perhaps

    def _talk(self) -> None:
        sink = self._sink
        sender, recipients = "", list[str]()
        if not self._may_go_on("greeting", "220 sink.test ESMTP"):
            return
        while line := self.rfile.readline(4_096):
            command = line.decode("utf-8", "replace").strip()
            match command.upper().split(" ")[0].split(":")[0]:
                case "EHLO":
                    offers = ["sink.test", *sink.offers]
                    self._say(*(f"250-{offer}" for offer in offers[:-1]), f"250 {offers[-1]}")
                case "HELO":
                    self._say("250 sink.test")
                case "MAIL":
                    sender, recipients = _path(command), []
                    if not self._may_go_on("mail", "250 2.1.0 Ok"):
                        return
                case "RCPT":
                    before = len(recipients)
                    recipients.append(_path(command))
                    fault = sink.fault("rcpt")
                    if fault[:1] in ("4", "5"):
                        del recipients[before:]
                    if not self._may_go_on("", "250 2.1.5 Ok", fault):
                        return
                case "DATA":
                    fault = sink.fault("data")
                    if not self._may_go_on("", "354 End data with <CR><LF>.<CR><LF>", fault):
                        return
                    if not fault and not self._take(sender, tuple(recipients)):
                        return
                case "RSET" | "NOOP":
                    self._say("250 2.0.0 Ok")
                case "QUIT":
                    self._say("221 2.0.0 Bye")
                    return
                case _:
                    self._say("502 5.5.2 Error: command not recognized")

    def _take(self, sender: str, recipients: tuple[str, ...]) -> bool:
        sink = self._sink
        lines = []
        while line := self.rfile.readline(1 << 20):
            if line == b".\r\n":
                break
            lines.append(line[1:] if line.startswith(b".") else line)
        else:
            return False  # no dot came: nothing was taken, RFC 5321 4.1.1.4
        fault = sink.fault("dot")
        if fault and not fault.endswith("-after"):
            return self._may_go_on("", "", fault)
        message = sink.keep(sender, recipients, b"".join(lines))
        return self._may_go_on(
            "", f"250 2.0.0 Ok: queued as {message.queue_id}", fault.removesuffix("-after")
        )

    def _may_go_on(self, moment: str, reply: str, fault: str = "") -> bool:
        fault = fault or (self._sink.fault(moment) if moment else "")
        match fault:
            case "drop":
                return False
            case "hang":
                self._sink.closing.wait(60)
                return False
            case "":
                self._say(reply)
            case _:
                self._say(fault)
        return True

    def _say(self, *lines: str) -> None:
        self.wfile.write("".join(f"{line}\r\n" for line in lines).encode())


def _path(command: str) -> str:
    return command.partition("<")[2].partition(">")[0]


def main() -> None:
    """Runs until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(description="An SMTP server that keeps what it is given")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--folder", type=Path, required=True)
    options = parser.parse_args()
    signals = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    with SmtpSink(options.folder, port=options.port) as sink:
        print(sink.address, flush=True)
        signal.sigwait(signals)


if __name__ == "__main__":
    main()
