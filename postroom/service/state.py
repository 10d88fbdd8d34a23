"""What must be there before any part starts: the keys and this version's schema."""

from postroom.audit import AuditLog
from postroom.config import Config
from postroom.failure import PermanentFailure
from postroom.keyfile import secret_at
from postroom.stamp import StampKey
from postroom.store.engine import Database
from postroom.store.upgrade import is_current, upgrade


def stamp_key(config: Config) -> StampKey:
    """The key of the stamp, from `service.secret_file`, made with mode 0600 when missing.

    Raises PermanentFailure(secret-unreadable) when it can be neither read nor made.
    """
    path = config.service.secret_file or config.service.state_dir / "stamp.key"
    return StampKey.of(secret_at(path))


def prepare_state(config: Config) -> None:
    """Makes the keys and brings the database to this version's schema, before any part starts.

    Raises PermanentFailure(secret-unreadable, database-outdated) or what the database raises.
    """
    stamp_key(config)
    audit = AuditLog(config)
    database = Database(config.store_url)
    try:
        if config.store.auto_upgrade:
            upgrade(database)
        elif not is_current(database):
            raise PermanentFailure("database-outdated", RuntimeError("run `postroom db upgrade`"))
        audit.tell_end(database)
    finally:
        database.close()
