"""A root of a fresh Debian or Ubuntu for Ansible to fill.

In: nothing, or a wheelhouse. Out: a folder with a minimal system in it, namespaces of its own for
mounts and processes, and a process that keeps both: when it ends, in whatever way, the kernel
ends everything inside and takes the mounts away. The network is this machine's, so services
inside listen on loopback ports above 10000.

The release is this machine's own, or the one that $POSTROOM_TEST_RELEASE names (bookworm, trixie,
noble): `POSTROOM_TEST_RELEASE=trixie scripts/test tests/ansible/test_converge.py`.

debootstrap takes its packages from where this machine's apt takes them, those of the other
distribution from its public archive. What it makes is kept as a tar file in
$XDG_CACHE_HOME/postroom, named after everything it was made from, so that a second run starts in
seconds.

Limits: root only, as chroot and namespaces need it; no systemd inside (booted.py has one). Ubuntu
on a Debian machine needs /usr/share/keyrings/ubuntu-archive-keyring.gpg, or debootstrap refuses.
"""

import hashlib
import os
import platform
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Self

from tests.sandbox.waiting import wait_until

# The script that keeps a root: $1 is its folder, $2 what it sees as /srv. It says "ready" once.
_KEEPER = """
set -e
mount --make-rprivate /
mount --bind "$1" "$1"
mount -t proc proc "$1/proc"
mount --rbind /dev "$1/dev"
mount -t tmpfs -o mode=755 tmpfs "$1/run"
mount --bind -o ro "$2" "$1/srv"
exec chroot "$1" /bin/sh -c 'echo ready; exec sleep infinity' </dev/null
"""
# The releases that the role knows.
_DISTRIBUTIONS = {"bookworm": "debian", "trixie": "debian", "noble": "ubuntu"}
_ARCHIVES = {
    "debian": "http://deb.debian.org/debian",
    "ubuntu": "http://archive.ubuntu.com/ubuntu",
}
_SCRIPTS = Path("/usr/share/debootstrap/scripts")
_LIKE = {"debian": "sid", "ubuntu": "gutsy"}  # what the scripts of later releases are links to
# 101: "action forbidden by policy" (Debian's invoke-rc.d): what apt installs is not started.
_NOTHING_STARTS = "#!/bin/sh\nexit 101\n"


class MailRoot:
    """One root; use it as a context manager. `shared` is what it sees read-only as /srv."""

    packages: tuple[str, ...] = (
        *("python3", "python3-apt", "python3-venv", "ca-certificates", "openssl", "zstd"),
    )

    def __init__(self, shared: Path) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="postroom-root-"))
        self.folder.chmod(0o755)  # the users inside pass through
        self._shared = shared
        self._keeper: subprocess.Popen[str] | None = None
        self._started: list[subprocess.Popen[bytes]] = []
        self.pid = 0  # of the process inside, for nsenter

    def __enter__(self) -> Self:
        try:
            _unpack(_archive(self.packages), self.folder)
            shutil.copyfile("/etc/resolv.conf", self.folder / "etc/resolv.conf")
            self._keep()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends everything inside, then deletes the folder."""
        self._end()
        # The mounts were private to the keeper; what is left here are plain files.
        shutil.rmtree(self.folder, ignore_errors=True)

    def run(
        self, *command: str, given: str = "", check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Runs a command inside as root. Raises RuntimeError with what it printed."""
        done = subprocess.run(
            [*self.enter(), *command],
            input=given,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
            env={"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
        )
        if check and done.returncode:
            raise RuntimeError(f"{command}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def start(self, log: str, *command: str) -> None:
        """Starts a command inside that runs until it is ended, or the root is closed."""
        inner = 'log=$1; shift; exec setsid "$@" >>"$log" 2>&1 </dev/null'
        started = subprocess.Popen(
            [*self.enter(), "/bin/sh", "-c", inner, "sh", log, *command],
            stdin=subprocess.DEVNULL,
            env={"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
        )
        self._started.append(started)

    def enter(self) -> list[str]:
        """What to put before a command that shall run inside."""
        namespaces = ("-m", "-p", "-u", "-i", "-C", "-n")
        return ["nsenter", "-t", str(self.pid), *namespaces, "-r", "-w", "--"]

    def read(self, path: str) -> str:
        """A file inside, as this machine sees it."""
        return (self.folder / path.lstrip("/")).read_text()

    def exists(self, path: str) -> bool:
        """True when there is such a file inside; a link counts, wherever it leads."""
        return os.path.lexists(self.folder / path.lstrip("/"))

    def _keep(self) -> None:
        policy = self.folder / "usr/sbin/policy-rc.d"
        policy.write_text(_NOTHING_STARTS)
        policy.chmod(0o755)
        told = self._begin(("--mount", "--pid"), _KEEPER)
        if told != "ready":
            raise RuntimeError(f"the root's namespaces could not be made: {told}")

    def _begin(self, namespaces: tuple[str, ...], script: str, *given: str) -> str:
        """Starts the keeper with a script; "ready", or all that it printed before it ended."""
        self._keeper = keeper = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "--", "unshare", *namespaces, "--fork",
             "--kill-child", "sh", "-c", script, "keeper", str(self.folder), str(self._shared),
             *given],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )  # fmt: skip
        assert keeper.stdout is not None
        told = []
        for line in keeper.stdout:
            if line.strip() == "ready":
                children = Path(f"/proc/{keeper.pid}/task/{keeper.pid}/children").read_text()
                self.pid = int(children.split()[0])
                return "ready"
            told.append(line.strip())
        return " ".join(told)

    def _end(self) -> None:
        """Ends the keeper, and the kernel everything inside; the folder stays."""
        keeper, self._keeper = self._keeper, None
        if keeper is None:
            return
        keeper.kill()
        keeper.wait(20)
        assert keeper.stdout is not None
        keeper.stdout.close()
        for started in self._started:
            started.wait(20)  # killed by the kernel with everything else inside
        self._started.clear()
        if self.pid:
            _wait_until_gone(self.pid)
        self.pid = 0


def release() -> tuple[str, str]:
    """The distribution asked for, and the code name of its release."""
    wanted = os.environ.get("POSTROOM_TEST_RELEASE", "")
    if not wanted:
        return own_release()
    if wanted not in _DISTRIBUTIONS:
        known = ", ".join(_DISTRIBUTIONS)
        raise RuntimeError(f"POSTROOM_TEST_RELEASE={wanted}: it may be one of {known}")
    return _DISTRIBUTIONS[wanted], wanted


def own_release() -> tuple[str, str]:
    """This machine's distribution and the code name of its release."""
    facts = platform.freedesktop_os_release()
    return facts["ID"], facts["VERSION_CODENAME"]


def mirror(distribution: str, code_name: str) -> str:
    """Where packages of a release come from: this machine's own place where it has one."""
    ours, own = own_release()
    found = _apt_source(code_name)
    if found is None and distribution == ours:
        found = _apt_source(own)  # one archive has all releases of a distribution
    found = found or _ARCHIVES.get(distribution)
    if found is None:
        raise RuntimeError(f"apt's sources name nothing for {code_name}")
    return found


def _apt_source(code_name: str) -> str | None:
    for path in sorted(Path("/etc/apt/sources.list.d").glob("*.sources")):
        for stanza in re.split(r"\n\s*\n", path.read_text()):
            uris = re.search(r"(?m)^URIs:\s*(\S+)", stanza)
            suites = re.search(r"(?m)^Suites:\s*(.*)", stanza)
            if uris and suites and code_name in suites[1].split():
                return uris[1]
    for path in [Path("/etc/apt/sources.list"), *Path("/etc/apt/sources.list.d").glob("*.list")]:
        if path.exists():
            found = re.search(
                rf"(?m)^deb\s+(?:\[[^]]*\]\s+)?(\S+)\s+{code_name}\s", path.read_text()
            )
            if found:
                return found[1]
    return None


def _archive(packages: tuple[str, ...]) -> Path:
    """The root as a tar file, made when there is none that was made from the same."""
    distribution, code_name = release()
    made_from = (*packages, distribution, code_name, platform.machine(), Path(__file__).name)
    key = hashlib.sha256("\n".join((*made_from, _recipe())).encode()).hexdigest()[:16]
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "postroom"
    cache.mkdir(parents=True, exist_ok=True)
    archive = cache / f"root-{code_name}-{key}.tar"
    if not archive.exists():
        with tempfile.TemporaryDirectory(prefix="postroom-bootstrap-") as place:
            root = Path(place) / "root"
            _bootstrap(root, packages, distribution, code_name)
            partial = archive.with_suffix(".partial")
            _call("tar", "-C", str(root), "-cf", str(partial), ".")
            partial.rename(archive)
    return archive


def _recipe() -> str:
    return Path(__file__).read_text().partition("def _bootstrap")[2]


def _bootstrap(root: Path, packages: tuple[str, ...], distribution: str, code_name: str) -> None:
    place = mirror(distribution, code_name)
    universe = ["--components=main,universe"] if distribution == "ubuntu" else []
    # debootstrap of one distribution may not know the last releases of the other by name.
    script = [] if (_SCRIPTS / code_name).exists() else [str(_SCRIPTS / _LIKE[distribution])]
    include = f"--include={','.join(packages)}"
    _call(
        # In namespaces of its own: what it mounts and starts ends with it, however it ends.
        *("unshare", "--mount", "--pid", "--fork", "--kill-child", "--"),
        *("debootstrap", "--variant=minbase", "--force-check-gpg", include),
        *(*universe, code_name, str(root), place, *script),
    )
    components = "main universe" if universe else "main"
    (root / "etc/apt/sources.list").write_text(f"deb {place} {code_name} {components}\n")
    for setting in Path("/etc/apt/apt.conf.d").iterdir():
        if "Acquire" in setting.read_text():
            shutil.copyfile(setting, root / "etc/apt/apt.conf.d" / setting.name)
    for heavy in ("usr/share/doc", "usr/share/locale", "usr/share/man", "var/cache/apt/archives"):
        shutil.rmtree(root / heavy, ignore_errors=True)
    (root / "var/cache/apt/archives/partial").mkdir(parents=True)


def _unpack(archive: Path, folder: Path) -> None:
    _call("tar", "-C", str(folder), "-xf", str(archive))


def _call(*command: str) -> None:
    done = subprocess.run(
        command, capture_output=True, text=True, errors="replace", timeout=900, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed:\n{(done.stdout + done.stderr)[-2000:]}")


def _wait_until_gone(pid: int) -> None:
    wait_until(lambda: not Path(f"/proc/{pid}").exists(), 20, "the root's processes to end")
