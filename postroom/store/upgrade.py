"""Brings a database's tables to what this version of Postroom knows, all or nothing.

In: a `Database`, empty or of an older version. Out: the tables of schema.py with their triggers,
and one row in alembic_version. Two processes that start at the same moment queue up: SQLite by
its write lock, PostgreSQL by an advisory lock; the second finds nothing left to do.

Limits: there is no way down: a table that was dropped on the way up cannot be made again from
nothing. Go back with a backup (`postroom db backup` before an upgrade).
"""

from pathlib import Path

from alembic import command
from alembic.config import Config as AlembicConfig
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import text

from postroom.failure import PermanentFailure

from .engine import Database

_SCRIPTS = Path(__file__).parent / "migrations"
_LOCK = 5_710_017  # any number of ours; PostgreSQL's advisory locks are named by numbers


def upgrade(database: Database) -> None:
    """Runs every revision the database does not have yet; durable on return.

    Raises TemporaryFailure(database) when it cannot be reached and
    PermanentFailure(database-newer) when a newer Postroom has been here.
    """
    config = _alembic()
    with database.transaction() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:n)"), {"n": _LOCK})
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise PermanentFailure("database-newer", error) from error


def version(database: Database) -> str:
    """The revision a database is at; empty when it has no tables of ours.

    Raises TemporaryFailure(database).
    """
    with database.reading() as connection:
        return MigrationContext.configure(connection).get_current_revision() or ""


def newest() -> str:
    """The revision this version of Postroom works with."""
    return ScriptDirectory.from_config(_alembic()).get_current_head() or ""


def is_current(database: Database) -> bool:
    """True when the database is at the revision this version of Postroom works with."""
    return version(database) == newest()


def _alembic() -> AlembicConfig:
    config = AlembicConfig()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
