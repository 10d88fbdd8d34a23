"""Messages in files: a single one, an mbox, a Maildir, or a folder of *.eml.

In: a path. Out: each message's bytes with a name to call it by, one at a time, so that a mailbox
larger than memory can be gone through. An mbox is told by its first line; a line that begins with
"From " after an empty line begins the next message, and ">From " stands for "From " (mboxrd).

Limits: an mbox of the kind that counts octets (mboxcl2) is divided at its From lines all the same.
"""

import re
from collections.abc import Iterator
from pathlib import Path

_QUOTED = re.compile(rb"^>(>*From )", re.M)
_CHUNK = 1 << 20


def is_mailbox(path: Path) -> bool:
    """Whether a path holds many messages. Raises OSError."""
    if path.is_dir():
        return True
    if str(path) == "-" or not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(5) == b"From "


def count(path: Path) -> int:
    """How many messages there are, for showing progress. Raises OSError."""
    if path.is_dir():
        return len(_files(path))
    return sum(1 for _ in _divided(path))


def messages_in(path: Path) -> Iterator[tuple[str, bytes]]:
    """(name, bytes) of every message. Raises OSError."""
    if path.is_dir():
        for file in _files(path):
            yield str(file), file.read_bytes()
    elif is_mailbox(path):
        for number, raw in enumerate(_divided(path), start=1):
            yield f"{path}#{number}", _QUOTED.sub(rb"\1", raw)
    else:
        yield str(path), path.read_bytes()


def _files(folder: Path) -> list[Path]:
    """Of a Maildir what is in cur and new, its subfolders (Maildir++) too; else every *.eml."""
    mails = [
        file
        for box in [folder, *sorted(folder.glob(".*/"))]
        for part in ("cur", "new")
        for file in sorted((box / part).glob("*"))
        if file.is_file()
    ]
    return mails or sorted(folder.rglob("*.eml"))


def _divided(path: Path) -> Iterator[bytes]:
    """The messages of an mbox, without their From lines."""
    message: list[bytes] = []
    after_empty, begun = True, False
    with path.open("rb", buffering=_CHUNK) as file:
        for line in file:
            if after_empty and line.startswith(b"From "):
                if begun:
                    yield _joined(message)
                message, begun = [], True
            elif begun:
                message.append(line)
            after_empty = line in (b"\n", b"\r\n")
    if begun:
        yield _joined(message)


def _joined(lines: list[bytes]) -> bytes:
    """The empty line before the next From line belongs to the mbox, not to the message."""
    if lines and lines[-1] in (b"\n", b"\r\n"):
        lines.pop()
    return b"".join(lines)
