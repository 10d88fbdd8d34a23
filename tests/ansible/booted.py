"""A root with a real systemd as its first process, and the mail room in it.

In: as mailroot.py and mailroom.py. Out: the same, but who starts, stops, reloads and watches the
services is systemd. Beside mounts and processes the root has a host name, IPC and control groups
of its own: a control group (version 2) below this process's, which goes when the root does.

What the system inside could do to this machine it may not: it has no right to set the clock, load
modules or change the network, /sys and the kernel's settings are read-only, and it has no devices
but those of every container. Units that would fetch something or look for hardware are masked.

Limits: root only. Where the machine forbids one of these things `Forbidden` says which. Control
groups without controllers (on a machine that has version 1 as well) limit nothing, so limits like
MemoryMax= are not shown. A test killed by SIGKILL leaves its control groups behind, empty.
"""

import contextlib
import re
from pathlib import Path
from typing import Any

from tests.ansible.mailroom import MailRoom
from tests.ansible.mailroot import MailRoot
from tests.sandbox.waiting import wait_until

# $3 is the control group, $4 the rights that the system inside lacks. pivot_root, not chroot: the
# kernel lets nobody in a chroot make user namespaces, which PrivateUsers= does. Mounts are shared,
# as systemd has them on a machine and leaves to others in a container: credentials come by one.
_KEEPER = """
set -e
echo 0 >"$3/cgroup.procs"
exec unshare --cgroup sh -c '
set -e
mount --make-rprivate /
mount --bind "$1" "$1"
mount --bind -o ro "$2" "$1/srv"
cd "$1"
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro,nosuid,nodev,noexec sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755,nosuid tmpfs dev
for node in null zero full random urandom tty; do
    : >dev/$node
    mount --bind /dev/$node dev/$node
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs dev/shm
mount -t tmpfs -o mode=755,nosuid,nodev tmpfs run
hostname mailroom
mkdir run/outside
pivot_root . run/outside
umount -l run/outside
rmdir run/outside
mount --make-rshared /
unshare --user true
echo ready
exec env -i container=postroom PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    setpriv --bounding-set="$4" /lib/systemd/systemd </dev/null >/dev/null 2>&1
' keeper "$@"
"""
_NAMESPACES = ("--mount", "--pid", "--uts", "--ipc")
_MASKED = (
    *("apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer"),
    *("systemd-journald-audit.socket", "sys-fs-fuse-connections.mount", "dev-hugepages.mount"),
)


class Forbidden(Exception):
    """This machine does not let a root have namespaces or control groups of its own."""


class BootedRoot(MailRoot):
    """One root under systemd. Raises Forbidden when entered where the machine forbids it."""

    packages = (*MailRoot.packages, "dbus", "systemd-sysv")
    _no_rights = "-sys_time,-sys_module,-sys_boot,-sys_rawio,-net_admin,-audit_control,-syslog"

    def boot(self) -> None:
        """Cuts the power, as it were, and starts it again; returns when systemd has started all."""
        self._end()
        self._keep()

    def move(self) -> None:
        """Boots it in the network that this thread is in, not the machine's: it may change that."""
        self._no_rights = self._no_rights.replace("-net_admin,", "")
        self.boot()

    def fetch(self, *packages: str) -> None:
        """Brings packages for a time without a network, and installs none of them."""
        apt = ("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "--yes")
        self.run(*apt, "update")
        self.run(*apt, "install", "--no-install-recommends", "--download-only", *packages)

    def systemctl(self, *arguments: str, check: bool = True) -> str:
        """What systemctl(1) prints."""
        return self.run("systemctl", "--no-pager", *arguments, check=check).stdout

    def show(self, unit: str, *names: str) -> dict[str, str]:
        """Properties of a unit."""
        told = self.systemctl("show", unit, *(f"--property={name}" for name in names))
        return dict(line.split("=", 1) for line in told.splitlines())

    def processes(self, unit: str = "") -> dict[int, str]:
        """The processes of a unit, or all, as this machine numbers them; their command lines."""
        group = self._group
        if unit:
            known_as = self.show(unit, "ControlGroup")["ControlGroup"].lstrip("/")
            if not known_as:
                return {}
            group = group / known_as
        found = {}
        for listed in group.rglob("cgroup.procs"):
            for pid in listed.read_text().split():
                with contextlib.suppress(OSError):
                    line = Path(f"/proc/{pid}/cmdline").read_bytes()
                    found[int(pid)] = line.replace(b"\0", b" ").decode().strip()
        return found

    def _keep(self) -> None:
        for unit in _MASKED:
            mask = self.folder / "etc/systemd/system" / unit
            if not mask.is_symlink():
                mask.symlink_to("/dev/null")
        self._group = _own_control_group() / self.folder.name
        try:
            self._group.mkdir()
        except OSError as error:
            raise Forbidden(f"no control group can be made: {error}") from error
        told = self._begin(_NAMESPACES, _KEEPER, str(self._group), self._no_rights)
        if told != "ready":
            raise Forbidden(f"no namespaces can be made: {told}")
        wait_until(self._has_started, 60, "systemd to start everything", self._state)

    def _end(self) -> None:
        super()._end()
        if hasattr(self, "_group") and self._group.exists():
            wait_until(self._is_group_gone, 20, "the root's control groups to be empty")

    def _has_started(self) -> bool:
        return self._state() in ("running", "degraded")

    def _state(self) -> str:
        return self.systemctl("is-system-running", check=False).strip()

    def _is_group_gone(self) -> bool:
        with contextlib.suppress(OSError):
            for group in sorted(self._group.rglob("*/"), reverse=True):
                if group.is_dir():
                    group.rmdir()
            self._group.rmdir()
        return not self._group.exists()


class BootedRoom(MailRoom):
    """One host whose services are systemd's."""

    root: BootedRoot

    def __init__(self, folder: Path, root: BootedRoot, wheels: Path) -> None:
        super().__init__(folder, root, wheels)

    def variables(self) -> dict[str, Any]:
        """What an admin writes, with nothing left out."""
        variables = super().variables()
        del variables["mail_host_systemd"], variables["postroom_systemd"]
        del variables["mail_host_parameters"]["maillog_file"]
        return variables

    def journal(self) -> str:
        """The end of it, Postroom's own and the system's."""
        last = ("journalctl", "-n", "60", "--no-pager")
        ours, others = ((*last, "--namespace=postroom"), last)
        return "\n".join(self.root.run(*asked, check=False).stdout for asked in (ours, others))

    def events(self, name: str) -> list[str]:
        """Lines of Postroom's journal with an event of that name."""
        told = self.root.run("journalctl", "--namespace=postroom", "-o", "cat", "--no-pager").stdout
        return [line for line in told.splitlines() if re.search(rf"\b{name}\b", line)]


def _own_control_group() -> Path:
    """Where in the hierarchy of version 2 this process is. Raises Forbidden when there is none."""
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    places = [Path(mount[1]) for mount in mounts if mount[2] == "cgroup2"]
    own = re.search(r"(?m)^0::/(.*)$", Path("/proc/self/cgroup").read_text())
    if not places or not own:
        raise Forbidden("no control groups of version 2 are mounted")
    return places[0] / own[1]
