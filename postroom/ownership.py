"""Whose a file is: what root makes in the service's folders belongs to the service.

Commands are typed as root, beside a service that runs as a user of its own and would be shut out
of a database, key or lock that root has left behind. So who makes a file that the service uses
gives it away afterwards; SQLite does so with its -wal and -shm by itself.

Limits: a folder that is root's says nothing about who uses it; what lies in it stays as it is.
"""

import contextlib
import os
from pathlib import Path


def give_to_owner(path: Path) -> None:
    """Gives root's file to the owner of the folder it stands in; a folder with all that is in it.

    What is not root's is left alone, and so is everything when it is not root who asks.
    """
    for one in (path, *path.rglob("*")):  # a folder comes before what is in it
        give_like(one.parent, one)


def give_like(folder: Path, path: Path) -> None:
    """Gives root's file or folder to the owner of another folder, nothing below it."""
    if os.geteuid() != 0:
        return
    owner = folder.stat()
    if owner.st_uid != 0 and path.lstat().st_uid == 0:
        # A root without this right (in a container, on NFS) works with files as they come.
        with contextlib.suppress(PermissionError):
            os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)
