"""Which messages are canaries (keeping/canary.py sends them): by author and Message-ID together.

In: the configuration. Out: a Message-ID for a new one, and the condition that finds them all. The
author alone says nothing: canary.mailbox may be a mailbox that people and forms write as.
"""

import uuid

from sqlalchemy import ColumnElement, and_, false

from postroom.config import Config

from .schema import MESSAGE

_LOCAL = "<canary."


def new_message_id(config: Config) -> str:
    """A Message-ID no other message has."""
    return f"{_LOCAL}{uuid.uuid4().hex}{_domain(config)}"


def are_canaries(config: Config) -> ColumnElement[bool]:
    """True of every canary, of no other mail; of none where there is no canary.mailbox."""
    if config.canary.mailbox is None:
        return false()
    return and_(
        MESSAGE.c.author == config.canary.mailbox,  # has an index
        MESSAGE.c.message_id.startswith(_LOCAL, autoescape=True),
        MESSAGE.c.message_id.endswith(_domain(config), autoescape=True),
    )


def _domain(config: Config) -> str:
    return f"@{config.service.hostname}>"
