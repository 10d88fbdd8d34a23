"""A copy in a Maildir: written once, on disk when it is said to be.

In: a mailbox, a folder, the action's key and the bytes. Out: the file's place below the root. One
Maildir per mailbox, sub-folders as Maildir++ has them (".Orders", ".Orders.2026", names in the
modified UTF-7 of RFC 3501 5.1.3), made when first needed. The file and its folder are synced
before anything is said to be done.

The file is named after the action's key, so a repeated attempt finds its own file in new/, or in
cur/ with whatever flags a mail program gave it, and changes nothing. That costs a listing of both;
the first attempt of a key has nothing to find and lists nothing, however full the folder is.

Limits: who moved or deleted the copy between a crash and the repeated attempt gets it again. Line
ends stay as received (CRLF).
"""

import base64
import errno
import hashlib
import os
import re
import secrets
from pathlib import Path

from postroom.failure import TemporaryFailure

_LONGEST_NAME = 200  # octets of a folder's name; file systems allow 255
_FULL = (errno.ENOSPC, errno.EDQUOT)
_UNSAFE = re.compile(rb"[^a-z0-9@._+=-]")


def store(
    root: Path, mailbox: str, folder: str, key: str, content: bytes, *, repeated: bool
) -> str:
    """Writes the copy unless it is there already; its place below `root`, without new/ or cur/.

    `repeated`: an attempt with this key was begun before.
    Raises TemporaryFailure(storage-full) or TemporaryFailure(mailbox).
    """
    place = Path(mailbox_name(mailbox)) / folder_name(folder)
    name = f"{key}.postroom"
    try:
        _write(root / place, name, content, repeated=repeated)
    except OSError as error:
        raise failure(error) from error
    return str(place / name)


def failure(error: OSError) -> TemporaryFailure:
    """What a refusal of the file system means; an admin can mend every one of them."""
    return TemporaryFailure("storage-full" if error.errno in _FULL else "mailbox", error)


def mailbox_name(mailbox: str) -> str:
    """A mailbox as one safe path component: other octets as %XX, never a dot in front."""
    octets = mailbox.lower().encode("utf-8", "replace")
    safe = _UNSAFE.sub(lambda found: f"%{found[0][0]:02x}".encode(), octets).decode()
    return _shortened(f"%2e{safe[1:]}" if safe.startswith(".") else safe or "%")


def folder_name(folder: str) -> str:
    """A folder as Maildir++ names it; INBOX is the Maildir itself and gives an empty name."""
    parts = [part for part in folder.split("/") if part.strip()]
    if parts and parts[0].upper() == "INBOX":
        parts = parts[1:]
    # The dot separates levels in Maildir++, so it cannot be part of a name.
    return _shortened("".join(f".{_utf7(part.strip().replace('.', '_'))}" for part in parts))


def _write(maildir: Path, name: str, content: bytes, *, repeated: bool) -> None:
    _make(maildir)
    if repeated and _was_written(maildir, name):
        # Perhaps the attempt that wrote it died before the folder was synced.
        _sync(maildir / "new")
        return
    temporary = maildir / "tmp" / f"{name}.{os.getpid()}.{secrets.token_hex(4)}"
    try:
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(maildir / "new" / name)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    _sync(maildir / "new")


def _was_written(maildir: Path, name: str) -> bool:
    """Whether an earlier attempt came to its end; removes what it left half-way."""
    for leftover in (maildir / "tmp").glob(f"{name}.*"):
        leftover.unlink(missing_ok=True)
    for folder in ("new", "cur"):
        with os.scandir(maildir / folder) as entries:
            # cur/ has name:2,FLAGS; some servers put ,S=size before it
            if any(
                entry.name == name or entry.name.startswith((f"{name}:", f"{name},"))
                for entry in entries
            ):
                return True
    return False


def _make(maildir: Path) -> None:
    if all((maildir / folder).is_dir() for folder in ("tmp", "new", "cur")):
        return
    for folder in ("tmp", "new", "cur"):
        (maildir / folder).mkdir(mode=0o700, parents=True, exist_ok=True)
    if maildir.name.startswith("."):
        (maildir / "maildirfolder").touch(mode=0o600)
        _sync(maildir.parent)
    _sync(maildir)
    _sync(maildir.parent.parent if maildir.name.startswith(".") else maildir.parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _shortened(name: str) -> str:
    if len(name) <= _LONGEST_NAME:
        return name
    return f"{name[: _LONGEST_NAME - 17]}-{hashlib.sha256(name.encode()).hexdigest()[:16]}"


def _utf7(text: str) -> str:
    """Modified UTF-7, RFC 3501 5.1.3."""

    def shifted(found: re.Match[str]) -> str:
        if found[0] == "&":
            return "&-"
        octets = base64.b64encode(found[0].encode("utf-16-be", "replace"))
        return f"&{octets.rstrip(b'=').replace(b'/', b',').decode()}-"

    return re.sub(r"&|[^\x20-\x7e]+", shifted, text)
