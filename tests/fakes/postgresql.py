"""A private PostgreSQL for tests: its own folder, a unix socket, no network.

In: an empty folder. Out: databases by URL, made from nothing and gone with the folder. As root
the server runs as the user "postgres", because it refuses root.

Limits: needs the programs of PostgreSQL and the driver psycopg; `missing` says what is not here.
"""

import importlib.util
import os
import pwd
import shutil
import subprocess
from pathlib import Path
from types import TracebackType


def _programs() -> Path | None:
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        if (folder / "initdb").exists():
            return folder
    found = shutil.which("initdb")
    return Path(found).parent if found else None


def missing() -> str:
    """Why there can be no PostgreSQL here, or empty."""
    if _programs() is None:
        return "PostgreSQL is not installed"
    if importlib.util.find_spec("psycopg") is None:
        return "the driver psycopg is not installed"
    if os.geteuid() == 0 and "postgres" not in (user.pw_name for user in pwd.getpwall()):
        return "PostgreSQL refuses to run as root and there is no user postgres"
    return ""


class PostgreSql:
    """The server; use it as a context manager."""

    def __init__(
        self, folder: Path, *, fsync: bool = False, listen: tuple[str, int] | None = None
    ) -> None:
        self._folder = folder
        self._listen = listen  # an address on a network of test hosts, who are let in
        self._fsync = "on" if fsync else "off"
        self._user = "postgres" if os.geteuid() == 0 else None
        programs = _programs()
        assert programs is not None
        self._programs = programs

    def __enter__(self) -> "PostgreSql":
        self._folder.chmod(0o777)
        self.run("initdb", "-D", str(self._folder / "data"), "-U", "test", "-A", "trust", "-N")
        address, port = self._listen or ("", 5432)
        options = f"-c listen_addresses='{address}' -c port={port} -c fsync={self._fsync}"
        options += f" -c unix_socket_directories='{self._folder}'"
        if address:
            with (self._folder / "data" / "pg_hba.conf").open("a") as access:
                access.write(f"host all all {address}/24 trust\n")
        self.run(
            *("pg_ctl", "-D", str(self._folder / "data"), "-w", "-t", "30"),
            *("-l", str(self._folder / "log"), "-o", options, "start"),
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.run("pg_ctl", "-D", str(self._folder / "data"), "-w", "-m", "fast", "stop")

    def create(self, name: str) -> str:
        """Makes an empty database; its URL."""
        address, port = self._listen or ("", 5432)
        self.run("createdb", "-h", str(self._folder), "-p", str(port), "-U", "test", name)
        if address:
            return f"postgresql+psycopg://test@{address}:{port}/{name}"
        return f"postgresql+psycopg://test@/{name}?host={self._folder}"

    def run(self, program: str, *arguments: str) -> None:
        """Runs one of PostgreSQL's programs as the server's user."""
        self._start(program, *arguments, stdout=subprocess.DEVNULL)

    def output(self, program: str, *arguments: str) -> bytes:
        """What one of PostgreSQL's programs writes."""
        return self._start(program, *arguments, stdout=subprocess.PIPE).stdout

    def _start(
        self, program: str, *arguments: str, stdout: int
    ) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [str(self._programs / program), *arguments],
            user=self._user,
            cwd="/",
            check=True,
            stdout=stdout,
            stderr=subprocess.DEVNULL,
            timeout=120,
        )
