"""Real ERPs for tests: prepared once by scripts/setup-erp, then a copy per test on the loopback.

In: a folder for the copy. Out: a running server, stopped with its context. `prepared` builds what
is missing (minutes, the first time) and says why where it cannot.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "sandbox-admin"
_BUILD_S = 1_200.0
_START_S = 120.0


def prepared(kind: str) -> Path:
    """The folder that scripts/setup-erp prepared; RuntimeError says what went wrong."""
    done = subprocess.run(
        [str(ROOT / "scripts" / "setup-erp"), kind],
        capture_output=True,
        text=True,
        timeout=_BUILD_S,
        cwd=ROOT,
    )
    if done.returncode:
        raise RuntimeError(f"scripts/setup-erp {kind}: {done.stderr[-2000:]}")
    return Path(done.stdout.strip().splitlines()[-1])


def cache() -> Path:
    """Where scripts/setup-erp puts what it prepares."""
    home = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    return Path(os.environ.get("POSTROOM_ERP_CACHE", home / "postroom" / "erp"))


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def tryton(folder: Path, build: Path, *, port: int = 0) -> Iterator[str]:
    """A Tryton of its own on a copy of the prepared database; its base URL."""
    database = folder / "postroom.sqlite"
    if not database.exists():
        shutil.copy(build / "prepared.sqlite", database)
    port = port or free_port()
    conf = folder / "trytond.conf"
    conf.write_text(
        f"[database]\nuri = sqlite://\npath = {folder}\n[web]\nlisten = 127.0.0.1:{port}\n"
    )
    # Without -d its first call fails with a KeyError inside a 200.
    command = [str(build / "venv" / "bin" / "trytond"), "-c", str(conf), "-d", "postroom"]
    url = f"http://127.0.0.1:{port}"
    with running(command, folder, lambda: answers(f"{url}/postroom/rest/model/party.party")):
        yield url


@contextlib.contextmanager
def roundup(folder: Path, build: Path) -> Iterator[str]:
    """A Roundup of its own on a copy of the prepared tracker; its base URL."""
    tracker = folder / "tracker"
    shutil.copytree(build / "tracker", tracker)
    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    config = tracker / "config.ini"
    text = config.read_text(encoding="utf-8")
    config.write_text(text.replace("http://127.0.0.1:1/", url), encoding="utf-8")
    server = Path(__file__).parent / "roundup_serve.py"
    command = [str(build / "venv" / "bin" / "python"), str(server), str(tracker), str(port)]
    with running(command, folder, lambda: answers(url)):
        yield url


@contextlib.contextmanager
def running(command: list[str], folder: Path, ready: Callable[[], bool]) -> Iterator[int]:
    """A server process, from when it is ready until the block ends; its process id."""
    with (folder / "server.log").open("ab") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
    try:
        end = time.monotonic() + _START_S
        while not ready():
            if process.poll() is not None or time.monotonic() > end:
                said = (folder / "server.log").read_text(errors="replace")[-2000:]
                raise RuntimeError(f"{command[0]} did not start: {said}")
            time.sleep(0.1)
        yield process.pid
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


def answers(url: str) -> bool:
    """Whether a server answers with anything at all."""
    try:
        httpx.get(url, timeout=10, trust_env=False)
    except httpx.HTTPError:
        return False
    return True
