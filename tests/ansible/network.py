"""Networks of our own, each with its own loopback, ports and firewall, for a thread to step into.

In: nothing. Out: `Network`, a network namespace that is there as long as the object is open; what a
thread starts or opens while it is `inside` is there as well: servers, clients, processes.
`joined` lays a cable between two. The machine's own network is not touched.

Limits: root only. Threads that were started outside stay outside; there is no way to the world.
"""

import contextlib
import ctypes
import os
import subprocess
from collections.abc import Iterator
from typing import Self

_NEW_NETWORK = 0x40000000  # CLONE_NEWNET of unshare(2) and setns(2); os has both from Python 3.12
_THIS = "/proc/thread-self/ns/net"


class Network:
    """One network; use it as a context manager. Raises OSError where the machine forbids it."""

    def __enter__(self) -> Self:
        here = os.open(_THIS, os.O_RDONLY)
        try:
            _call("unshare", _NEW_NETWORK)
            self._place = os.open(_THIS, os.O_RDONLY)
            subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        finally:
            _call("setns", here, _NEW_NETWORK)
            os.close(here)
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._place)

    @property
    def path(self) -> str:
        """Where ip(8) finds it."""
        return f"/proc/{os.getpid()}/fd/{self._place}"

    @contextlib.contextmanager
    def inside(self) -> Iterator[None]:
        """This thread is in it for as long as the block lasts."""
        here = os.open(_THIS, os.O_RDONLY)
        try:
            _call("setns", self._place, _NEW_NETWORK)
            yield
        finally:
            _call("setns", here, _NEW_NETWORK)
            os.close(here)


def joined(one: Network, address: str, other: Network, *addresses: str) -> None:
    """Lays a cable between two networks; addresses are given with their length: 192.0.2.1/24."""
    with one.inside():
        _ip("link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns", other.path)
    for network, its in ((one, (address,)), (other, addresses)):
        with network.inside():
            for each in its:
                _ip("address", "add", each, "dev", "cable")
            _ip("link", "set", "cable", "up")


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


def _call(name: str, *arguments: int) -> None:
    """A system call that changes this thread's namespaces. Raises OSError."""
    if getattr(ctypes.CDLL(None, use_errno=True), name)(*arguments):
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
