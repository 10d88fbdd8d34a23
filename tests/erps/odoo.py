"""A real Odoo 19 for tests: prepared once, then a database and a server per test module.

    python -m tests.erps.odoo prepare FOLDER      (called by scripts/setup-erp odoo)

In: FOLDER with Odoo's slimmed files and its own Python. Out: prepared.dump and key in it. The
database is a private PostgreSQL on a unix socket (tests/fakes/postgresql.py).

Limits: preparing takes minutes, so the tests do not do it by themselves: `missing` says what to
run first.
"""

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.erps.server import answers, cache, free_port, running
from tests.fakes import postgresql

MODULES = "sale_management,account,purchase,project,crm"


def missing() -> str:
    """Why there can be no Odoo here, or empty."""
    if reason := postgresql.missing():
        return reason
    if not (cache() / "odoo" / "stamp").exists():
        return "Odoo is not prepared; run scripts/setup-erp odoo (about 4 minutes)"
    return ""


@contextlib.contextmanager
def odoo(folder: Path, build: Path) -> Iterator[str]:
    """An Odoo of its own on a copy of the prepared database "postroom"; its base URL."""
    with postgresql.PostgreSql(folder) as server:
        server.create("postroom")
        dump = folder / "prepared.dump"  # the server's user cannot read the cache
        dump.write_bytes((build / "prepared.dump").read_bytes())
        restore = ("pg_restore", "-h", str(folder), "-U", "test", "-d", "postroom", "--no-owner")
        server.run(*restore, str(dump))
        port = free_port()
        conf = configure(folder, build, port)
        url = f"http://127.0.0.1:{port}"
        command = [*program(build), "server", "-c", str(conf), "-d", "postroom"]
        with environment(build), running(command, folder, lambda: answers(f"{url}/web/version")):
            yield url


def prepare(build: Path) -> None:
    """Makes prepared.dump and key."""
    with tempfile.TemporaryDirectory(prefix="odoo-") as name, environment(build):
        folder = Path(name)
        with postgresql.PostgreSql(folder) as server:
            server.create("postroom")
            conf = configure(folder, build, free_port())
            here = ("-c", str(conf), "-d", "postroom", "--no-http")
            init = (*program(build), "server", *here, "-i", MODULES, "--stop-after-init")
            subprocess.run(init, check=True)
            seed = Path(__file__).parent / "odoo_seed.py"
            said = f"import sys\nsys.path.insert(0, {str(seed.parent)!r})\n"
            said += f"exec(compile(open({str(seed)!r}).read(), 'seed', 'exec'), globals())\n"
            subprocess.run(
                (*program(build), "shell", *here),
                input=said,
                text=True,
                check=True,
                env={**os.environ, "POSTROOM_KEY_FILE": str(build / "key")},
            )
            dump = server.output("pg_dump", "-h", name, "-U", "test", "-Fc", "postroom")
            (build / "prepared.dump").write_bytes(dump)
    if not (build / "key").exists():
        raise SystemExit("the seed made no key; see its output above")


def configure(folder: Path, build: Path, port: int) -> Path:
    """Odoo's configuration for a database in `folder`."""
    conf = folder / "odoo.conf"
    conf.write_text(
        f"[options]\ndb_host = {folder}\ndb_user = test\nlist_db = False\n"
        f"addons_path = {build}/slim/usr/lib/python3/dist-packages/odoo/addons\n"
        f"data_dir = {folder}/files\nhttp_interface = 127.0.0.1\nhttp_port = {port}\n"
        "max_cron_threads = 0\nworkers = 0\nlog_level = warn\n"
    )
    return conf


def program(build: Path) -> tuple[str, ...]:
    """How Odoo is started."""
    return str(build / "venv" / "bin" / "python"), str(build / "slim" / "usr" / "bin" / "odoo")


@contextlib.contextmanager
def environment(build: Path) -> Iterator[None]:
    """Odoo's own modules are found while the block lasts."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = str(build / "slim" / "usr" / "lib" / "python3" / "dist-packages")
    try:
        yield
    finally:
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before


if __name__ == "__main__":
    prepare(Path(sys.argv[2]))
