"""Backups: database and keys copied while mail goes on, and put back.

In: the configuration and a folder. Out: FOLDER/postroom-YYYYMMDDTHHMMSSZ with

    postroom.sqlite   the database as of one moment (SQLite's online backup), or
    postroom.dump     pg_dump's custom format, as of one moment
    stamp.key, audit.key, dkim/   what cannot be made again; audit.head, where the log ended
    manifest.json     version, schema revision, SHA-256 of every file

A backup is written beside its final name, synced and renamed: a folder with the final name is
complete. Everything in it is mode 0600, the folder 0700.

What `restore` must not do is repeat what happened after the backup was made: ERP calls are
repeated with their old keys, which an ERP recognises; replies have no such guard and are held
until a person releases them. Whoever was erased in the meantime is erased again (person.py).

Limits: Maildirs are the mail server's to back up; each message is in the database as well. Restore
is for SQLite; for PostgreSQL it names the command. Mail taken after the backup is not in it.
"""

import fcntl
import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path

from sqlalchemy import make_url, select, update

from postroom import __version__
from postroom.audit import AuditLog
from postroom.config import Config
from postroom.failure import PermanentFailure, TemporaryFailure
from postroom.store.engine import Database
from postroom.store.schema import ACTION
from postroom.store.upgrade import upgrade, version

from .person import erase_again

_PREFIX = "postroom-"
_PAGES_AT_ONCE = 4_096  # of the database, then other writers get their turn


def back_up(config: Config, folder: Path, now: datetime, *, keep: int = 0) -> Path:
    """Makes a backup and, with `keep`, deletes all but the newest; the new one's folder.

    Raises TemporaryFailure(backup) when a file cannot be copied, and TemporaryFailure(database).
    """
    place = folder / f"{_PREFIX}{now:%Y%m%dT%H%M%SZ}"
    partial = place.with_name(f".{place.name}.partial")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(mode=0o700)
        _copy_database(config, partial)
        _copy_keys(config, partial)
        _write_manifest(config, partial, now)
        _sync(partial)
        partial.rename(place)
        _sync_folder(folder)
    except (OSError, sqlite3.Error, subprocess.SubprocessError) as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise TemporaryFailure("backup", error) from error
    for old in backups(folder)[keep:] if keep else ():
        shutil.rmtree(old)
    return place


def backups(folder: Path) -> list[Path]:
    """The complete backups in a folder, newest first."""
    return sorted((one for one in folder.glob(f"{_PREFIX}*") if one.is_dir()), reverse=True)


def check(backup: Path) -> list[str]:
    """What is wrong with a backup; empty when every file is as it was written."""
    try:
        manifest = json.loads((backup / "manifest.json").read_text("utf-8"))
    except (OSError, ValueError) as error:
        return [f"manifest.json cannot be read: {error}"]
    wrong = [
        f"{name} is missing or changed"
        for name, digest in manifest["files"].items()
        if _digest(backup / name) != digest
    ]
    copy = backup / "postroom.sqlite"
    if not wrong and copy.exists():
        with closing(sqlite3.connect(f"file:{copy}?mode=ro&immutable=1", uri=True)) as rows:
            found = rows.execute("PRAGMA quick_check").fetchone()[0]
        wrong += [] if found == "ok" else [f"postroom.sqlite: {found}"]
    return wrong


def restore(config: Config, backup: Path, now: datetime, who: str) -> Path:
    """Puts a backup in the place of the database; where the database it replaced lies now.

    Raises PermanentFailure: running (stop the service first), backup-broken, not-sqlite.
    """
    wrong = check(backup)
    if wrong:
        raise PermanentFailure("backup-broken", RuntimeError("; ".join(wrong)))
    url = make_url(config.store_url)
    if url.get_backend_name() != "sqlite" or not url.database:
        command = f"pg_restore --clean --if-exists --dbname=URL {backup / 'postroom.dump'}"
        raise PermanentFailure("not-sqlite", RuntimeError(f"stop the service and run: {command}"))
    target = Path(url.database)
    aside = target.with_name(f"{target.name}.before-restore-{now:%Y%m%dT%H%M%SZ}")
    with stopped(config):
        for suffix in ("", "-wal", "-shm"):
            old = target.with_name(target.name + suffix)
            if old.exists():
                old.rename(aside.with_name(aside.name + suffix))
        shutil.copyfile(backup / "postroom.sqlite", target)
        target.chmod(0o600)
        _copy_back_keys(config, backup)
        _settle(config, now, who, backup.name)
        _sync_folder(target.parent)
    return aside


def _copy_database(config: Config, folder: Path) -> None:
    url = make_url(config.store_url)
    if url.get_backend_name() == "sqlite":
        source = f"file:{Path(str(url.database)).resolve()}?mode=ro"
        copy = folder / "postroom.sqlite"
        with (
            closing(sqlite3.connect(source, uri=True, timeout=30)) as live,
            closing(sqlite3.connect(copy)) as target,
        ):
            live.backup(target, pages=_PAGES_AT_ONCE)
            target.execute("PRAGMA journal_mode = DELETE")
        return
    plain = url.set(drivername="postgresql").render_as_string(hide_password=True)
    environment = os.environ | ({"PGPASSWORD": str(url.password)} if url.password else {})
    subprocess.run(
        ["pg_dump", "--format=custom", f"--file={folder / 'postroom.dump'}", _shown(plain)],
        env=environment,
        check=True,
        capture_output=True,
    )


def _shown(url: str) -> str:
    """A URL without its password, which goes by the environment and not by the process list."""
    return url.replace(":***@", "@")


def _copy_keys(config: Config, folder: Path) -> None:
    for name, path in _secrets(config).items():
        if path.exists():
            shutil.copyfile(path, folder / name)
    if config.dkim_keys_dir.is_dir():
        shutil.copytree(config.dkim_keys_dir, folder / "dkim")


def _secrets(config: Config) -> dict[str, Path]:
    """Name in a backup -> the file here."""
    folder = config.service.state_dir
    return {
        "stamp.key": config.service.secret_file or folder / "stamp.key",
        "audit.key": config.audit.key_file or folder / "audit.key",
        "audit.head": folder / "audit.head",
    }


def _copy_back_keys(config: Config, backup: Path) -> None:
    """Only keys that are missing: those here may be newer. The audit log's end goes with it."""
    for name, path in _secrets(config).items():
        if (backup / name).exists() and (name == "audit.head" or not path.exists()):
            shutil.copyfile(backup / name, path)
            path.chmod(0o600)
    if (backup / "dkim").is_dir() and not config.dkim_keys_dir.exists():
        shutil.copytree(backup / "dkim", config.dkim_keys_dir)


def _write_manifest(config: Config, folder: Path, now: datetime) -> None:
    database = Database(config.store_url)
    try:
        revision = version(database)
    finally:
        database.close()
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    manifest = {
        "made_at": now.isoformat(timespec="seconds"),
        "postroom": __version__,
        "revision": revision,
        "files": {str(path.relative_to(folder)): _digest(path) for path in files},
    }
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n", "utf-8")


def _settle(config: Config, now: datetime, who: str, name: str) -> None:
    """Brings the copy to this version, holds replies that may have been sent, erases again."""
    database = Database(config.store_url)
    try:
        upgrade(database)
        with AuditLog(config).recording(database) as recording:
            connection = recording.connection
            recording.tell(now, who, "restore", f"backup {name}")
            open_replies = ACTION.c.step == "reply"
            connection.execute(
                update(ACTION)
                .where(open_replies, ACTION.c.state == "leased")
                .values(state="pending", lease_until=None, lease_owner=None)
            )
            connection.execute(
                update(ACTION)
                .where(open_replies, ACTION.c.state.in_(("pending", "waiting")))
                .values(state="held", reason="restored: may have been sent; look, then release")
            )
            erase_again(connection, config.service.state_dir)
    finally:
        database.close()


def held_replies(database: Database) -> list[int]:
    """Numbers of the replies that a restore has held."""
    with database.reading() as connection:
        held = select(ACTION.c.id).where(ACTION.c.step == "reply", ACTION.c.state == "held")
        return list(connection.scalars(held))


@contextmanager
def stopped(config: Config) -> Iterator[None]:
    """Holds the service's lock. Raises PermanentFailure(running) when a service has it."""
    config.service.run_dir.mkdir(parents=True, exist_ok=True)
    with (config.service.run_dir / "serve.lock").open("w", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            stop = RuntimeError("stop the service first: systemctl stop postroom")
            raise PermanentFailure("running", stop) from error
        yield


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def _sync(folder: Path) -> None:
    for path in [*folder.rglob("*"), folder]:
        if path.is_dir():
            path.chmod(0o700)
            _sync_folder(path)
        else:
            path.chmod(0o600)
            with path.open("rb") as file:
                os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
