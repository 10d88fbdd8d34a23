"""A child process does not outlive its parent: kill -9 of the service leaves nothing behind.

Linux only (prctl(2) PR_SET_PDEATHSIG); elsewhere children end when their socket closes.
"""

import ctypes
import os
import signal
import sys

PARENT_VARIABLE = "POSTROOM_PARENT"  # pid of the parent, set by it for the child
_PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Asks the kernel to kill this process when its parent ends; exits if it already has."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    # The parent may have died between fork and prctl: then nobody would ever tell us.
    expected = os.environ.get(PARENT_VARIABLE)
    if expected and os.getppid() != int(expected):
        sys.exit(0)


def environment_for_child() -> dict[str, str]:
    """This process's environment with our pid in it, for a child that calls die_with_parent."""
    return os.environ | {PARENT_VARIABLE: str(os.getpid())}
