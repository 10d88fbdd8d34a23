"""Child processes that never outlive the sandbox, and the family tree below one of them.

In: a command. Out: a `Child` whose output goes to a file, that gets SIGTERM when this process
dies in any way (setpriv(1), prctl PR_SET_PDEATHSIG), and whose descendants can be listed.

Limits: Linux; children must be started from the main thread, because the kernel counts the death
of the starting thread as the parent's.
"""

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

from .postfix import ROOT


class Child:
    """One process of the sandbox."""

    def __init__(self, command: list[str], *, log: Path) -> None:
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", "--", *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=ROOT,
                env=os.environ | {"PYTHONUNBUFFERED": "1"},
                start_new_session=True,  # Ctrl-C is the sandbox's to answer
            )

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """True until it has ended."""
        return self._process.poll() is None

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        self._process.kill()
        self._process.wait(60)

    def stop(self, timeout_s: float = 15) -> int:
        """SIGTERM, wait, and SIGKILL when it takes too long; its exit status."""
        if self.is_running:
            self._process.terminate()
            try:
                self._process.wait(timeout_s)
            except subprocess.TimeoutExpired:
                self.kill()
        return self._process.returncode


def descendants(pid: int) -> Iterator[tuple[int, str]]:
    """Every living process below `pid`, with its command line."""
    for child in _children(pid):
        with contextlib.suppress(OSError):
            line = Path(f"/proc/{child}/cmdline").read_bytes().replace(b"\0", b" ").decode()
            yield child, line.strip()
        yield from descendants(child)


def kill(pid: int) -> bool:
    """SIGKILL; False when the process was gone already."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def _children(pid: int) -> list[int]:
    found: list[int] = []
    with contextlib.suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(OSError):
                found += [int(text) for text in (thread / "children").read_text().split()]
    return found
