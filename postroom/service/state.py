"""What must be there before any part starts: the stamp's key and this version's schema."""

import os
import secrets

from postroom.config import Config
from postroom.failure import PermanentFailure
from postroom.stamp import StampKey
from postroom.store.engine import Database
from postroom.store.upgrade import is_current, upgrade


def stamp_key(config: Config) -> StampKey:
    """The key of the stamp, from `service.secret_file`, made with mode 0600 when missing.

    Raises PermanentFailure(secret-unreadable) when it can be neither read nor made.
    """
    path = config.service.secret_file or config.service.state_dir / "stamp.key"
    try:
        try:
            made = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return StampKey.of(path.read_bytes().strip())
        secret = secrets.token_hex(32).encode()
        with os.fdopen(made, "wb") as file:
            file.write(secret + b"\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise PermanentFailure("secret-unreadable", error) from error
    return StampKey.of(secret)


def prepare_state(config: Config) -> None:
    """Makes the key and brings the database to this version's schema, before any part starts.

    Raises PermanentFailure(secret-unreadable, database-outdated) or what the database raises.
    """
    stamp_key(config)
    database = Database(config.store_url)
    try:
        if config.store.auto_upgrade:
            upgrade(database)
        elif not is_current(database):
            raise PermanentFailure("database-outdated", RuntimeError("run `postroom db upgrade`"))
    finally:
        database.close()
