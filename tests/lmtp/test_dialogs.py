"""Every tests/dialogs/lmtp-*.txt, spoken with the real server on a socket.

# a comment                = key value     a key of [lmtp], before the first line
C: a line, CR LF added     C| octets with escapes (\\r \\n \\0), sent as they are
S: the reply's line        S~ the start of the reply's line
T: sender -> recipients | repr of the octets taken | facts of the client
N: nothing was taken since the last T or N              X: the server closes
"""

import ast
import asyncio
from pathlib import Path

import pytest

from postroom.envelope import Envelope
from tests.fakes.lmtp import Peer, Remembering, connect, lmtp_config, serving

DIALOGS = sorted((Path(__file__).resolve().parent.parent / "dialogs").glob("lmtp-*.txt"))


@pytest.mark.parametrize("dialog", DIALOGS, ids=lambda path: path.stem)
def test_dialog(dialog: Path, tmp_path: Path) -> None:
    lines = dialog.read_text(encoding="utf-8").splitlines()
    keys = dict(line[2:].split(" ", 1) for line in lines if line.startswith("= "))
    asyncio.run(_speak(lines, tmp_path, keys))


async def _speak(lines: list[str], folder: Path, keys: dict[str, str]) -> None:
    config = lmtp_config(folder, **keys)
    take = Remembering()
    seen = 0
    async with serving(config, take):
        peer = await connect(config)
        for number, line in enumerate(lines, start=1):
            kind, rest = line[:2], line[3:]
            match kind:
                case "C:":
                    await peer.send(rest.encode() + b"\r\n")
                case "C|":
                    await peer.send(_octets(rest))
                case "S:":
                    assert await peer.line() == rest, f"line {number}"
                case "S~":
                    assert (await peer.line())[: len(rest)] == rest, f"line {number}"
                case "T:":
                    assert _shown(*take.taken[seen]) == rest, f"line {number}"
                    seen += 1
                case "N:":
                    assert len(take.taken) == seen, f"line {number}"
                case "X:":
                    await _closed(peer, number)
                case "" | "# " | "= ":
                    pass
                case _:
                    raise AssertionError(f"line {number}: {line!r} is no line of a dialog")
        await peer.close()
    assert len(take.taken) == seen


async def _closed(peer: Peer, number: int) -> None:
    assert await peer.line() == "", f"line {number}"


def _octets(text: str) -> bytes:
    value = ast.literal_eval(f'b"""{text}"""')
    assert isinstance(value, bytes)
    return value


def _shown(envelope: Envelope, raw: bytes) -> str:
    facts = (envelope.queue_id, envelope.client_address, envelope.client_name, envelope.helo)
    recipients = ", ".join(envelope.recipients)
    return f"{envelope.sender} -> {recipients} | {raw!r} | {' '.join(facts).strip()}".rstrip()
