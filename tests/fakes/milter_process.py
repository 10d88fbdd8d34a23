"""A real MilterServer in a process of its own, with an examiner that does what the message asks.

Run as a module with the path of a TOML file and the path of a log: every message that the
examiner sees is appended there as one JSON line, and so is everything the service logs. The
`X-Test` field of a message says what the examiner does: "sleep 3", "stubborn 3" (deaf to being
cancelled), "local" (one of our own clients), "raise", "temporary REASON", "nonsense",
"reject REASON TEXT", "defer REASON", "quarantine REASON"; without it the message is accepted.
"""

import asyncio
import base64
import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from postroom import maillog, stamp
from postroom.classification import Classification
from postroom.clock import SystemClock
from postroom.config import load
from postroom.envelope import Envelope
from postroom.examination import Examination
from postroom.failure import TemporaryFailure
from postroom.milter.keyring import Keyring
from postroom.milter.server import MilterServer
from postroom.milter.sign import Signer
from postroom.reading import fields
from postroom.stamp import StampKey
from postroom.verdict import Disposition, DmarcResult, Result, Verdict
from tests.fakes.milter_client import Answer

KEY = StampKey.of(b"a secret for tests")
GOOD: list[tuple[str, bytes | str]] = [("From", "a@sender.test"), ("Subject", "hello")]
ROOT = Path(__file__).resolve().parents[2]


def asking(*wish: str) -> list[tuple[str, bytes | str]]:
    """The header of a message that tells the examiner what to do."""
    return [*GOOD, ("X-Test", " ".join(wish))]


def stamped(answer: Answer, body: bytes, queue_id: str = "4XyZ1") -> Examination:
    """What the one stamp on an accepted message says; raises when it does not verify."""
    (value,) = answer.values(stamp.HEADER)
    return stamp.read(
        value.decode(),
        queue_id=queue_id,
        body=body,
        keys=(KEY,),
        now=datetime.now(UTC),
        max_age=timedelta(minutes=5),
    )


async def examine(envelope: Envelope, raw: bytes, seen: Path) -> Examination:
    """Writes down what came and does what X-Test says."""
    with seen.open("a", encoding="utf-8") as out:
        facts = dataclasses.asdict(envelope) | {"size": len(raw)}
        if len(raw) < 200_000:
            facts["raw"] = base64.b64encode(raw).decode()
        out.write(json.dumps(facts) + "\n")
    found, _ = fields.split(raw)
    wish = next((f.value.decode().split() for f in found if f.key == b"x-test"), [])
    verdict = Verdict(
        author="a@sender.test", dmarc=DmarcResult(result=Result.PASS, domain="sender.test")
    )
    good = Examination(verdict=verdict, classification=Classification(category="support"))
    match wish:
        case []:
            return good
        case ["sleep", seconds]:
            await asyncio.sleep(float(seconds))
            return good
        case ["stubborn", seconds]:
            until = time.monotonic() + float(seconds)
            while time.monotonic() < until:
                try:
                    await asyncio.sleep(until - time.monotonic())
                except asyncio.CancelledError:
                    continue
            return good
        case ["local"]:
            return dataclasses.replace(good, verdict=dataclasses.replace(verdict, local=True))
        case ["raise"]:
            raise ValueError("secret text that no peer may read")
        case ["timeout"]:
            raise TimeoutError
        case ["temporary", reason]:
            raise TemporaryFailure(reason)
        case ["nonsense"]:
            return None  # type: ignore[return-value]  # a bug in an examiner
        case [told, reason, *text]:
            return dataclasses.replace(
                good, disposition=Disposition(told), reason=reason, text=" ".join(text)
            )
        case _:
            raise AssertionError(wish)


def authentication_results(verdict: Verdict, envelope: Envelope) -> str:
    """A value of the shape authenticate.py gives."""
    return (
        "mail.firma.test;\n\t"
        f"spf={verdict.spf.result.value} smtp.mailfrom={envelope.sender or 'none'};\n\t"
        f"dmarc={verdict.dmarc.result.value} header.from={verdict.dmarc.domain}"
    )


def main() -> None:
    """Serves until SIGTERM."""
    config, seen = load(Path(sys.argv[1])), Path(sys.argv[2])
    maillog.configure(config.log.level, config.log.format)

    async def examiner(envelope: Envelope, raw: bytes) -> Examination:
        return await examine(envelope, raw, seen)

    MilterServer(
        config=config,
        examine=examiner,
        key=KEY,
        clock=SystemClock(),
        authentication_results=authentication_results,
        sign=Signer(config, Keyring(config.dkim_keys_dir), SystemClock()),
    ).serve()


@dataclasses.dataclass(kw_only=True)
class Process:
    """The running server."""

    endpoint: str
    popen: "subprocess.Popen[bytes]"
    seen: Path
    log: Path

    def messages(self) -> list[dict[str, Any]]:
        """What the examiner saw, in order."""
        return [json.loads(line) for line in self.seen.read_text().splitlines()]

    def raw(self) -> bytes:
        """The last message the examiner saw."""
        return base64.b64decode(self.messages()[-1]["raw"])

    def events(self, name: str = "") -> list[dict[str, Any]]:
        """What was logged; all of one event if named."""
        lines = [line for line in self.log.read_text().splitlines() if line.startswith("{")]
        logged = [json.loads(line) for line in lines]
        return [event for event in logged if not name or event["event"] == name]

    def stop(self, timeout_s: float = 60.0) -> int:
        """SIGTERM and the exit status."""
        self.popen.send_signal(signal.SIGTERM)
        return self.popen.wait(timeout_s)


def wait_until(condition: Callable[[], bool], timeout_s: float = 60.0) -> None:
    """Returns once the condition holds; raises TimeoutError when it does not in time."""
    until = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > until:
            raise TimeoutError
        time.sleep(0.01)


@contextmanager
def running(folder: Path, toml: str = "", endpoint: str = "") -> Iterator[Process]:
    """A server on a unix socket in `folder`, or on another endpoint; killed at the end."""
    where = endpoint or f"unix:{folder}/milter.sock"
    tables = toml if "[milter]" in toml else "[milter]\n" + toml
    tables = tables.replace("[milter]\n", f'[milter]\nsocket = "{where}"\n', 1)
    config = folder / "postroom.toml"
    config.write_text('[service]\nhostname = "mail.firma.test"\n' + tables)
    seen, log = folder / "seen", folder / "log"
    seen.touch()
    command = [sys.executable, "-m", "tests.fakes.milter_process", str(config), str(seen)]
    with log.open("wb") as out:
        popen = subprocess.Popen(
            command, stdout=out, stderr=out, cwd=ROOT, env=os.environ | {"PYTHONUNBUFFERED": "1"}
        )
    process = Process(endpoint=where, popen=popen, seen=seen, log=log)
    try:
        wait_until(lambda: bool(process.events("started")) or popen.poll() is not None)
        yield process
    finally:
        popen.kill()
        popen.wait(60)


if __name__ == "__main__":
    main()
