"""Alembic's entry: runs the revisions on the connection that upgrade.py hands over.

There is no alembic.ini and no URL here: the connection comes in `config.attributes`, already
inside the one transaction that makes an upgrade all or nothing. Run with `alembic` by hand it
says so. SQLite changes tables by copying them (batch mode).
"""

from alembic import context

from postroom.failure import PermanentFailure
from postroom.store.schema import METADATA

connection = context.config.attributes.get("connection")
if connection is None:
    raise PermanentFailure("use-postroom-db-upgrade")

context.configure(
    connection=connection,
    target_metadata=METADATA,
    render_as_batch=connection.dialect.name == "sqlite",
)
with context.begin_transaction():
    context.run_migrations()
