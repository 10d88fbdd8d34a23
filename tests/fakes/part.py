"""A part that only listens, hands over and ends: what its supervisor is tested with, quickly.

Run as a script with a folder and the part's name, and steered by files in that folder:

    hold    while it is there, a part that starts does not yet listen
    fail    a part that starts ends at once
    stay    a part that has a successor does not end before SIGTERM
    stop    a part that says that it listens sends its supervisor SIGTERM at once

It leaves PART.pid.PID when it starts, and PART.up.PID when it listens. As in a milter, a second
thread waits for signals; one that it gets was not sent to the main thread alone, and it leaves
`stolen`.
"""

import os
import signal
import socket
import sys
import threading
import time
from pathlib import Path

from postroom.lineage import die_with_parent
from postroom.succession import SUCCEEDED, inherited, tell_ready

_SIGNALS = {signal.SIGTERM, signal.SIGHUP, SUCCEEDED}


def main() -> None:
    """Runs until it is told to end."""
    folder, part = Path(sys.argv[1]), sys.argv[2]
    die_with_parent()
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    (folder / f"{part}.pid.{os.getpid()}").touch()
    if (folder / "fail").exists():
        sys.exit(1)
    threading.Thread(target=_steal, args=(folder,), daemon=True).start()
    while (folder / "hold").exists():
        _obey(folder)
        time.sleep(0.01)
    path = folder / f"{part}.sock"
    kept = inherited(f"unix:{path}") or [_listening(path)]
    tell_ready(f"unix:{path}", [one.fileno() for one in kept])
    if (folder / "stop").exists():
        os.kill(os.getppid(), signal.SIGTERM)
    (folder / f"{part}.up.{os.getpid()}").touch()
    while True:
        _obey(folder)
        time.sleep(0.01)


def is_gone(pid: int) -> bool:
    """True when a process has ended, waited for or not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def _listening(path: Path) -> socket.socket:
    path.unlink(missing_ok=True)
    own = socket.socket(socket.AF_UNIX)
    own.bind(str(path))
    own.listen()
    return own


def _obey(folder: Path) -> None:
    pending = signal.sigpending()
    for number in pending & _SIGNALS:
        signal.sigwait({number})
    if signal.SIGTERM in pending or (SUCCEEDED in pending and not (folder / "stay").exists()):
        sys.exit(0)


def _steal(folder: Path) -> None:
    signal.sigwait(_SIGNALS)
    (folder / "stolen").touch()
    os._exit(3)


if __name__ == "__main__":
    main()
