"""Tells whoever started the service that it serves: sd_notify(3), as far as we need it.

In: $NOTIFY_SOCKET, which systemd sets for a unit of Type=notify. Out: one datagram to it; without
the variable nobody asked, and nothing happens.

Limits: none hears that we stop or reload; systemd is who asked for both.
"""

import contextlib
import os
import socket


def announce_ready() -> None:
    """Says that the service is up; until then systemd neither reloads it nor calls it started."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]  # unix(7): an abstract name
    # Who does not listen any more need not know.
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        told.sendto(b"READY=1", address)
