"""Fills a store with messages of the past, all settled, as after years of mail.

In: a SQLite file with a few messages that went through, and how many there shall be. Out: copies of
them with all that hangs on them (deliveries, actions, attempts, events, likeness), each message
with a digest, Message-ID, queue id, author and time of its own, so that every index is as full as
it would be. Likewise a Maildir root, and how many copies shall lie in its folders.

Limits: the texts repeat, so the file compresses better than real mail would; the copies are empty.
No reply is of today: what the gates count does not grow.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

from rich.progress import Progress

_AT_ONCE = 10_000  # messages a transaction
_YEAR_S = 365 * 86_400
_OWN = {  # what tells one message or action from another, in terms of its number n
    "digest": "'stored-' || {n}",
    "queue_id": "'Q' || {n}",
    "message_id": "'<stored-' || {n} || '@past.example>'",
    "author": "'author' || ({n} % 50000) || '@past.example'",
    "order_number": "'P-' || {n}",
    "key": "'stored-' || {n}",
}
_TIMES = ("received_at", "accepted_at", "created_at", "due_at", "finished_at", "started_at")


def multiply(database: Path, count: int, bar: Progress) -> None:
    """Adds `count` copies of the settled messages; durable when it returns."""
    with closing(sqlite3.connect(database, timeout=60, isolation_level=None)) as rows:
        patterns = [n for (n,) in rows.execute(
            "SELECT id FROM message WHERE id NOT IN (SELECT message FROM action WHERE finished_at"
            " IS NULL) AND id NOT IN (SELECT message FROM review WHERE state = 'waiting')"
        )]  # fmt: skip
        task = bar.add_task("filling the store", total=count)
        done = 0
        while done < count:
            many = min(_AT_ONCE, count - done)
            rows.execute("BEGIN IMMEDIATE")
            _add(rows, patterns, done, many, age_s=_YEAR_S * (1 - done / count) + 86_400)
            rows.execute("COMMIT")
            done += many
            bar.advance(task, many)
        rows.execute("PRAGMA optimize")


def fill_maildirs(root: Path, count: int) -> None:
    """Adds `count` copies that nobody took out, spread over the folders there are."""
    folders = list(root.rglob("new"))
    for number in range(count if folders else 0):
        (folders[number % len(folders)] / f"{number:036d}.postroom").touch()


def _add(
    rows: sqlite3.Connection, patterns: list[int], first: int, many: int, *, age_s: float
) -> None:
    rows.execute("CREATE TEMP TABLE IF NOT EXISTS made (old INTEGER, new INTEGER PRIMARY KEY)")
    rows.execute(
        "CREATE TEMP TABLE IF NOT EXISTS made_action"
        " (old INTEGER, new INTEGER PRIMARY KEY, message INTEGER)"
    )
    rows.execute("DELETE FROM made")
    rows.execute("DELETE FROM made_action")
    (top,) = rows.execute("SELECT max(id) FROM message").fetchone()
    rows.executemany(
        "INSERT INTO made VALUES (?, ?)",
        [(patterns[n % len(patterns)], top + 1 + n) for n in range(many)],
    )
    _copy(rows, "message", "made.old = t.id", {"id": "made.new"}, age_s)
    for table in ("delivery", "likeness"):
        _copy(rows, table, "made.old = t.message", {"message": "made.new"}, age_s)
    (top,) = rows.execute("SELECT max(id) FROM action").fetchone()
    rows.execute(
        "INSERT INTO made_action SELECT a.id, ? + row_number() OVER (), made.new FROM made"
        " JOIN action a ON a.message = made.old",
        (top,),
    )
    turn = "CASE t.sequence WHEN '' THEN '' ELSE 'past-' || made.new END"
    acted = {"id": "made.new", "message": "made.message", "after": "''", "sequence": turn}
    _copy(rows, "action", "made.old = t.id", acted, age_s, made="made_action")
    _copy(rows, "attempt", "made.old = t.action", {"id": "NULL", "action": "made.new"}, age_s,
          made="made_action")  # fmt: skip
    told = {"id": "NULL", "message": "made.message", "action": "made.new"}
    _copy(rows, "event", "made.old = t.action", told, age_s, made="made_action")


def _copy(
    rows: sqlite3.Connection,
    table: str,
    join: str,
    own: dict[str, str],
    age_s: float,
    *,
    made: str = "made",
) -> None:
    """Copies the rows of a table that belong to what `made` names, with columns of their own."""
    names = [name for _, name, *_ in rows.execute(f"PRAGMA table_info({table})")]
    words = []
    for name in names:
        if name in own:
            words.append(own[name])
        elif name in _OWN:
            words.append(_OWN[name].format(n="made.new"))
        elif name in _TIMES or name in ("at", "committed_at"):
            words.append(f't."{name}" - {age_s:.0f}')
        else:
            words.append(f't."{name}"')
    columns = ", ".join(f'"{name}"' for name in names)
    rows.execute(
        f"INSERT INTO {table} ({columns}) SELECT {', '.join(words)}"
        f" FROM {made} AS made JOIN {table} AS t ON {join}"
    )
