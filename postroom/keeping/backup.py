"""Backups: database and keys copied while mail goes on, and put back.

In: the configuration and a folder. Out: FOLDER/postroom-YYYYMMDDTHHMMSSZ with

    postroom.sqlite   the database as of one moment (SQLite's online backup), or
    postroom.dump     pg_dump's custom format, as of one moment
    stamp.key, audit.key, dkim/   what cannot be made again; audit.head, where the log ended;
                                  erasures.jsonl, who was erased
    manifest.json     version, schema revision, SHA-256 of every file

A backup is written beside its final name, synced and renamed: a folder with the final name is
complete. Everything in it is mode 0600, the folder 0700.

What `restore` must not do is repeat what happened after the backup was made: ERP calls are
repeated with their old keys, which an ERP recognises; replies have no such guard and are held
until a person releases them. Whoever was erased in the meantime is erased again (person.py).

`restore` is all or nothing: the copy is made ready beside the database, with replies held and
erasures repeated, and takes its place by one rename. On a host that was set up anew the audit log
gets back the key it was written with; other keys that are here stay, and `differing` names them.

Limits: Maildirs are the mail server's to back up; each message is in the database as well. Restore
is for SQLite; for PostgreSQL it names the command. Mail taken after the backup is not in it. What
is written while SQLite's file is copied stays in its -wal, which grows until the copy is done.
"""

import fcntl
import hashlib
import json
import os
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, make_url, select, text, update

from postroom import __version__, maillog
from postroom.audit import AuditLog
from postroom.config import Config
from postroom.failure import Failure, PermanentFailure, TemporaryFailure
from postroom.keyfile import secret_at
from postroom.ownership import give_like, give_to_owner
from postroom.store.audit import AuditKey, is_sealed_with
from postroom.store.engine import Database
from postroom.store.schema import ACTION, METADATA
from postroom.store.upgrade import upgrade, version

from .person import erase_again, take_erasures

_PREFIX = "postroom-"
_NAME = re.compile(rf"{_PREFIX}\d{{8}}T\d{{6}}Z")  # as back_up gives it, and nothing else
_MANIFEST = "manifest.json"
_BESIDE = ("-wal", "-shm")  # SQLite's own files, named like the database
_LEFT_OUT = 10_000_000  # numbers of each table, at a restore; more than a month of busy mail needs
_GIVEN = "SELECT name, seq FROM sqlite_sequence"  # the highest number of each table


def back_up(config: Config, folder: Path, now: datetime, *, keep: int = 0) -> Path:
    """Makes a backup and, with `keep`, deletes all but the newest; the new one's folder.

    Raises TemporaryFailure(backup) when a file cannot be copied, and TemporaryFailure(database).
    """
    place = folder / f"{_PREFIX}{now:%Y%m%dT%H%M%SZ}"
    partial = place.with_name(f".{place.name}.partial")
    try:
        _make_folder(config, folder)
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(mode=0o700)
        _copy_database(config, partial)
        _copy_keys(config, partial)
        _write_manifest(config, partial, now)
        give_to_owner(partial)
        _sync(partial)
        partial.rename(place)
        _sync_folder(folder)
    except (OSError, sqlite3.Error, subprocess.SubprocessError) as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise TemporaryFailure("backup", error) from error
    for old in backups(folder)[keep:] if keep else ():
        _delete(old)
    return place


def backups(folder: Path) -> list[Path]:
    """The complete backups in a folder, newest first; what else lies there is none of ours."""
    named = (one for one in folder.glob(f"{_PREFIX}*") if _NAME.fullmatch(one.name))
    return sorted((one for one in named if (one / _MANIFEST).is_file()), reverse=True)


def check(backup: Path) -> list[str]:
    """What is wrong with a backup; empty when every file is as it was written."""
    try:
        manifest = json.loads((backup / _MANIFEST).read_text("utf-8"))
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

    Durable on return; until then the database that is there stays in its place. Raises
    PermanentFailure: running (stop the service first), backup-broken, not-sqlite; either Failure:
    restore, which says where the old database lies.
    """
    wrong = check(backup)
    if wrong:
        raise PermanentFailure("backup-broken", RuntimeError("; ".join(wrong)))
    url = make_url(config.store_url)
    if url.get_backend_name() != "sqlite" or not url.database:
        command = f"pg_restore --clean --if-exists --dbname=URL {backup / 'postroom.dump'}"
        raise PermanentFailure("not-sqlite", RuntimeError(f"stop the service and run: {command}"))
    target = Path(url.database).resolve()
    aside = target.with_name(f"{target.name}.before-restore-{now:%Y%m%dT%H%M%SZ}")
    fresh = target.with_name(f"{target.name}.restoring")
    with stopped(config):
        try:
            _remove(fresh)  # what a restore that was killed has left
            fresh.touch(mode=0o600)  # nobody else's, before there is anything in it
            shutil.copyfile(backup / "postroom.sqlite", fresh)
            give_to_owner(fresh)
            key = _audit_key(config, fresh, backup)
            _copy_back_keys(config, backup, key)
            take_erasures(config.service.state_dir, backup)
            _settle(_with_audit_key(config, key), fresh, now, who, backup.name, _highest_in(target))
            _swap(target, fresh, aside)
            _take_audit_key(config, backup, key, now)
            _keep_end(config)
        except (OSError, sqlite3.Error, Failure) as error:
            kind = PermanentFailure if isinstance(error, PermanentFailure) else TemporaryFailure
            old = aside if aside.exists() else target
            said = RuntimeError(f"{error}; the old database is {old}")
            raise kind("restore", said) from error
        finally:
            _remove(fresh)
    return aside


def differing(config: Config, backup: Path) -> list[str]:
    """Names of the backup's keys that are missing here or not the same; to be asked afterwards."""
    here = _secrets(config)
    del here["audit.head"]
    for path in (backup / "dkim").rglob("*"):
        if path.is_file():
            name = path.relative_to(backup / "dkim")
            here[f"dkim/{name}"] = config.dkim_keys_dir / name
    return sorted(
        name
        for name, path in here.items()
        if (backup / name).exists() and _digest(backup / name) != _digest(path)
    )


def _make_folder(config: Config, folder: Path) -> None:
    """Makes a folder that is missing; made by root, it is the service's, who has to write there."""
    if not folder.exists():
        folder.mkdir(parents=True, exist_ok=True)
        give_like(config.service.state_dir, folder)


def _delete(old: Path) -> None:
    """Deletes a backup, its manifest last, so that what is left of one is tried again next time.

    One that cannot be deleted is told: the new one is made all the same.
    """
    try:
        for one in old.iterdir():
            if one.is_dir():
                shutil.rmtree(one)
            elif one.name != _MANIFEST:
                one.unlink()
        shutil.rmtree(old)
    except OSError as error:
        maillog.degraded(part="backup", reason=f"not-deleted: {old.name} ({error.strerror})")


def _copy_database(config: Config, folder: Path) -> None:
    url = make_url(config.store_url)
    if url.get_backend_name() == "sqlite":
        source = f"file:{Path(str(url.database)).resolve()}?mode=ro"
        copy = folder / "postroom.sqlite"
        with (
            closing(sqlite3.connect(source, uri=True, timeout=30)) as live,
            closing(sqlite3.connect(copy)) as target,
        ):
            # In one step, beside which others write (WAL). Between two steps SQLite would see their
            # commits and begin anew, without an end where mail comes in all the time.
            live.backup(target)
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
    erased = config.service.state_dir / "erasures.jsonl"  # after the database: none is missing
    if erased.exists():
        shutil.copyfile(erased, folder / erased.name)


def _secrets(config: Config) -> dict[str, Path]:
    """Name in a backup -> the file here."""
    folder = config.service.state_dir
    return {
        "stamp.key": config.service.secret_file or folder / "stamp.key",
        "audit.key": config.audit.key_file or folder / "audit.key",
        "audit.head": folder / "audit.head",
    }


def _audit_key(config: Config, fresh: Path, backup: Path) -> Path:
    """The file with the key that the copy's audit log was written with.

    Ours, unless the backup's fits and ours does not: on a host that was set up anew.
    """
    ours, theirs = _secrets(config)["audit.key"], backup / "audit.key"
    if not (ours.exists() and theirs.exists()):
        return ours
    database = Database(f"sqlite:///{fresh}")
    try:
        upgrade(database)
        with database.reading() as connection:
            fits = [
                is_sealed_with(connection, AuditKey.of(secret_at(path))) for path in (ours, theirs)
            ]
    finally:
        database.close()
    return theirs if fits == [False, True] else ours


def _with_audit_key(config: Config, key: Path) -> Config:
    audit = config.audit.model_copy(update={"key_file": key})
    return config.model_copy(update={"audit": audit})


def _take_audit_key(config: Config, backup: Path, key: Path, now: datetime) -> None:
    """Puts the backup's key and end of the log in the place of ours, which then lies beside it."""
    ours = _secrets(config)["audit.key"]
    if key == ours:
        return
    aside = ours.with_name(f"{ours.name}.before-restore-{now:%Y%m%dT%H%M%SZ}")
    os.link(ours, aside)
    _put_back(config, key, ours)
    end = _secrets(config)["audit.head"]
    if (backup / end.name).exists():
        _put_back(config, backup / end.name, end)
    _sync_folder(ours.parent)


def _put_back(config: Config, copy: Path, path: Path) -> None:
    draft = path.with_name(f"{path.name}.restoring")
    draft.touch(mode=0o600)
    shutil.copyfile(copy, draft)
    give_like(config.service.state_dir, draft)
    _sync_file(draft)
    draft.rename(path)


def _copy_back_keys(config: Config, backup: Path, audit_key: Path) -> None:
    """Only keys that are missing: those here may be newer. The audit log's end goes with its key.

    They are the service's also where the folder they stand in is not. Each comes whole or not at
    all: half a key would be there for good.
    """
    service, keys = config.service.state_dir, config.dkim_keys_dir
    secrets = _secrets(config)
    for name, path in secrets.items():
        is_end = name == "audit.head" and audit_key == secrets["audit.key"]
        if (backup / name).exists() and (is_end or not path.exists()):
            _put_back(config, backup / name, path)
    if (backup / "dkim").is_dir() and not keys.exists():
        draft = keys.with_name(f"{keys.name}.restoring")
        shutil.rmtree(draft, ignore_errors=True)
        shutil.copytree(backup / "dkim", draft)
        give_like(service, draft)
        give_to_owner(draft)
        _sync(draft)
        draft.rename(keys)


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
    (folder / _MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", "utf-8")


def _settle(
    config: Config, fresh: Path, now: datetime, who: str, name: str, given: dict[str, int]
) -> None:
    """Brings the copy to this version, holds replies that may have been sent, erases again.

    `given`: table -> highest number given out by the database that it is to replace.
    """
    database = Database(f"sqlite:///{fresh}")
    try:
        upgrade(database)
        with AuditLog(config).recording_apart(database) as recording:
            connection = recording.connection
            _count_on(connection, given)
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
            erase_again(recording, config.service.state_dir, now, who)
    finally:
        database.close()


def _count_on(connection: Connection, replaced: dict[str, int]) -> None:
    """Lets numbers go on far behind any that were given out, also by a database that is lost.

    Who reads events or labels remembers how far they are, Redis takes no number twice, receivers
    of webhooks know the old ones, and people have quoted m12 and a34.
    """
    here = {row.name: row.seq for row in connection.execute(text(_GIVEN))}
    for table in METADATA.sorted_tables:
        if table.dialect_options["sqlite"]["autoincrement"]:
            highest = max(here.get(table.name, 0), replaced.get(table.name, 0))
            names = {"name": table.name, "seq": highest + _LEFT_OUT}
            connection.execute(text("DELETE FROM sqlite_sequence WHERE name = :name"), names)
            connection.execute(text("INSERT INTO sqlite_sequence VALUES (:name, :seq)"), names)


def _highest_in(replaced: Path) -> dict[str, int]:
    """Table -> highest number given out by the database to be replaced, if that can be read."""
    if not replaced.exists():
        return {}
    try:
        with closing(sqlite3.connect(replaced)) as rows:
            return dict(rows.execute(_GIVEN).fetchall())
    except sqlite3.Error:
        return {}


def _swap(target: Path, fresh: Path, aside: Path) -> None:
    """Puts the copy in the place of the database by one rename; the old one then lies aside.

    At every moment there is a whole database in that place: `_highest_in` has folded the old one's
    -wal into it, and what is left of that would be taken for the new one's.
    """
    with closing(sqlite3.connect(fresh)) as rows:
        rows.execute("PRAGMA journal_mode = DELETE")  # folds in its own
    _sync_file(fresh)
    if target.exists():
        os.link(target, aside)
    for suffix in _BESIDE:
        left = target.with_name(target.name + suffix)
        if left.exists():
            left.rename(aside.with_name(aside.name + suffix))
    fresh.rename(target)
    _sync_folder(target.parent)


def _keep_end(config: Config) -> None:
    """The audit log ends in a row that tells of the restore."""
    database = Database(config.store_url)
    try:
        AuditLog(config).keep_end(database)
    finally:
        database.close()


def _remove(fresh: Path) -> None:
    for suffix in ("", *_BESIDE):
        fresh.with_name(fresh.name + suffix).unlink(missing_ok=True)


def held_replies(database: Database) -> list[int]:
    """Numbers of the replies that a restore has held."""
    with database.reading() as connection:
        held = select(ACTION.c.id).where(ACTION.c.step == "reply", ACTION.c.state == "held")
        return list(connection.scalars(held))


@contextmanager
def stopped(config: Config) -> Iterator[None]:
    """Holds the service's lock. Raises PermanentFailure(running) when a service has it."""
    _make_folder(config, config.service.run_dir)
    path = config.service.run_dir / "serve.lock"
    with path.open("w", encoding="ascii") as lock:
        give_to_owner(path)
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
            _sync_file(path)


def _sync_file(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
