"""The secrets of one ERP: from a file, a systemd credential, or the environment.

In: the destination's settings. Out: one line of text, read anew at every attempt, so that a new
secret needs no restart. The first of these that is there counts (for "token"; alike "password"):

    token_file = "/path"      that file; a relative path lies in $CREDENTIALS_DIRECTORY
    $CREDENTIALS_DIRECTORY    the file erp.token (or tickets.token) in it, systemd.exec(5)
    environment               POSTROOM_ERP_TOKEN (or POSTROOM_TICKETS_TOKEN)

Failure policy: a secret that is named but not readable may be on its way (temporary). It is never
logged and never stored.
"""

import os
from pathlib import Path
from typing import Literal

from postroom.config import ErpSection
from postroom.failure import TemporaryFailure


def secret(settings: ErpSection, kind: Literal["token", "password"] = "token") -> str:
    """The secret, or "" where none is configured.

    Raises TemporaryFailure(erp-token-unreadable) for one that is configured and unusable.
    """
    name = settings.destination
    credentials = os.environ.get("CREDENTIALS_DIRECTORY", "")
    file = settings.token_file if kind == "token" else settings.password_file
    if file is not None:
        return _line(secret_place(file))
    if credentials and (credential := Path(credentials) / f"{name}.{kind}").exists():
        return _line(credential)
    return os.environ.get(f"POSTROOM_{name}_{kind}".upper(), "").strip()


def secret_place(file: Path) -> Path:
    """Where a file that a key names lies; still relative where this process has no credentials."""
    return Path(os.environ.get("CREDENTIALS_DIRECTORY", "")) / file


def _line(path: Path) -> str:
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise TemporaryFailure("erp-token-unreadable", error) from error
    line = lines[0].strip() if lines else ""
    if not line or not line.isprintable():
        raise TemporaryFailure("erp-token-unreadable")
    return line
