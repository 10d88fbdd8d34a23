"""The wheel of this tree and wheels of everything it needs, as an admin brings them to a host.

In: nothing. Out: a folder with all of them, for this machine's Python, or for that of the release
which the root is made of (mailroot.py): those that are compiled are then made inside such a root,
with its compiler and with the settings of pip that this machine has.

The wheels of dependencies are kept in $XDG_CACHE_HOME/postroom, named after what asks for them.

Limits: a package index that is a folder of this machine is not seen from inside a root.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from tests.ansible.mailroot import MailRoot, own_release, release
from tests.sandbox.postfix import ROOT

_COMPILER = ("gcc", "g++", "libc6-dev", "libmilter-dev", "python3-dev")
_CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
_SETTINGS = (_CERTIFICATES, "/etc/pip.conf", "~/.config/pip/pip.conf", "~/.pip/pip.conf")
_BUILD = "/root/build"


def wheels(*extras: str) -> Path:
    """A folder with a wheel of this tree and, kept between runs, of everything it needs.

    What extras of Postroom need is there when they are named.
    """
    another = release() != own_release()
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "postroom"
    made_for = release()[1] if another else sys.version
    wanted = (ROOT / "pyproject.toml").read_text() + made_for + ",".join(extras)
    key = hashlib.sha256(wanted.encode()).hexdigest()[:16]
    folder = cache / f"wheels-{key}"
    complete = folder / ".complete"
    collect = [] if another or complete.exists() else ["--wheelhouse"]
    if collect and extras:
        collect += ["--extras", ",".join(extras)]
    done = subprocess.run(
        [str(ROOT / "scripts/release"), str(folder), "--untried", *collect],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    if another and not complete.exists():
        _collect_inside(folder, extras)
    complete.touch()
    return folder


def rebuilt(wheel: Path, folder: Path) -> Path:
    """The same wheel with other bytes, as a later build of it would be."""
    copy = folder / wheel.name
    shutil.copyfile(wheel, copy)
    with zipfile.ZipFile(copy, "a") as zipped:
        zipped.comment = b"built anew"
    return copy


def _collect_inside(folder: Path, extras: tuple[str, ...]) -> None:
    """Makes the wheels of all dependencies in a root of the release; they end up in `folder`."""
    (wheel,) = folder.glob("postroom-*.whl")
    wanted = f"/srv/{wheel.name}" + (f"[{','.join(extras)}]" if extras else "")
    with MailRoot(folder) as root:
        root.run("apt-get", "update")
        root.run(
            *("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "--yes"),
            *("--no-install-recommends", *_COMPILER),
        )
        root.run("python3", "-m", "venv", _BUILD)
        settings = _lend_settings(root)
        root.run(
            *("env", *settings, f"{_BUILD}/bin/pip", "wheel", "--no-input"),
            *("--wheel-dir", f"{_BUILD}/wheels", wanted),
        )
        for made in (root.folder / _BUILD.lstrip("/") / "wheels").glob("*.whl"):
            if made.name != wheel.name:
                shutil.copyfile(made, folder / made.name)


def _lend_settings(root: MailRoot) -> list[str]:
    """Gives a root this machine's settings of pip, and the certificates they rely on.

    What comes back are the variables to set, as env(1) takes them.
    """
    for name in _SETTINGS:
        path = Path(name).expanduser()
        if path.exists():
            target = root.folder / name.replace("~", "root").lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
    return [f"{name}={value}" for name, value in os.environ.items() if name.startswith("PIP_")]
