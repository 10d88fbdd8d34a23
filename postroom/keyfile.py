"""Secrets in files: read, or made once with mode 0600.

In: a path. Out: the secret in it. A file that is not there is made with 256 random bits, whole or
not at all, so that two processes that start together end with the same secret. Made by root in a
folder of somebody else's, it belongs to the folder's owner, who is the one to use it.
"""

import contextlib
import os
import secrets
from pathlib import Path

from .failure import PermanentFailure
from .ownership import give_to_owner


def secret_at(path: Path) -> bytes:
    """The secret in the file, made when missing; durable.

    Raises PermanentFailure(secret-unreadable) when it can be neither read nor made, or is empty.
    """
    try:
        try:
            secret = path.read_bytes().strip()
        except FileNotFoundError:
            _make(path)
            secret = path.read_bytes().strip()
    except OSError as error:
        if not path.parent.exists():
            mend = f"there is no folder {path.parent}: systemd makes it when the service starts"
            raise PermanentFailure("secret-unreadable", FileNotFoundError(mend)) from error
        raise PermanentFailure("secret-unreadable", error) from error
    if not secret:
        raise PermanentFailure("secret-unreadable", ValueError(f"{path} is empty"))
    return secret


def _make(path: Path) -> None:
    """Writes a new secret beside the path and links it there, unless somebody was faster."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    made = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(made, "wb") as file:
            file.write(secrets.token_hex(32).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        give_to_owner(draft)
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
