"""The canary: what counts as its arrival, and that each takes the one before with it."""

import threading
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from postroom.config import CanarySection, Config, ReplySection
from postroom.decision import Outcome
from postroom.failure import Failure
from postroom.keeping.canary import fly
from postroom.reading.reader import read
from postroom.store.canaries import new_message_id
from postroom.store.engine import Database
from postroom.store.schema import MESSAGE
from tests.fakes.kept import NOW, taken
from tests.fakes.smtp_sink import SmtpSink
from tests.sandbox.waiting import wait_until

CANARY = "canary@firma.test"


@pytest.fixture
def flying(config: Config, tmp_path: Path) -> Config:
    return config.model_copy(update={"canary": CanarySection(mailbox=CANARY, deadline=60)})


def _store_what_comes(sink: SmtpSink, config: Config, database: Database) -> None:
    """Plays Postfix and LMTP: what reaches the sink is put into the database."""
    wait_until(lambda: bool(sink.received()), 30, "the canary to come")
    (mail,) = sink.received()
    message = read(mail.raw)
    assert message.automatic.is_automatic
    taken(config, database, CANARY, message_id=message.message_id)


def test_a_canary_is_known_by_its_message_id_and_takes_the_last_one_with_it(
    flying: Config, database: Database, tmp_path: Path
) -> None:
    taken(flying, database, CANARY, days_ago=1, message_id=new_message_id(flying))
    other = taken(flying, database, "anna@kunde.test")
    config = _fly(flying, database, tmp_path)
    with database.reading() as connection:
        rows = connection.execute(select(MESSAGE.c.id, MESSAGE.c.author)).all()
    assert [row.author for row in rows if row.id != other] == [CANARY]
    copies = [
        path.read_bytes() for path in config.maildir_root.rglob("*.postroom") if path.is_file()
    ]
    assert len(copies) == 2


def _fly(flying: Config, database: Database, folder: Path) -> Config:
    with SmtpSink(folder / "sent") as sink:
        config = flying.model_copy(update={"reply": ReplySection(submit=f"127.0.0.1:{sink.port}")})
        post = threading.Thread(target=_store_what_comes, args=(sink, config, database))
        post.start()
        assert fly(config, database, NOW + timedelta(days=1)) >= 0
        post.join()
    return config


def test_other_mail_of_the_canarys_mailbox_and_what_waits_are_left_alone(
    flying: Config, database: Database, tmp_path: Path
) -> None:
    form = taken(flying, database, CANARY, message_id="<form.1@www.firma.test>")
    near = taken(flying, database, CANARY, message_id="<canary.1@elsewhere.test>")
    doubted = taken(
        flying, database, CANARY, outcome=Outcome.REVIEW, message_id=new_message_id(flying)
    )
    config = _fly(flying, database, tmp_path)
    with database.reading() as connection:
        left = connection.scalars(select(MESSAGE.c.id).order_by(MESSAGE.c.id)).all()
    assert left[:-1] == [form, near, doubted]
    copies = [path for path in config.maildir_root.rglob("*.postroom") if path.is_file()]
    assert len(copies) == 4


def test_a_canary_that_does_not_arrive_is_told(
    flying: Config, database: Database, tmp_path: Path
) -> None:
    with SmtpSink(tmp_path / "sent") as sink:
        config = flying.model_copy(
            update={
                "reply": ReplySection(submit=f"127.0.0.1:{sink.port}"),
                "canary": CanarySection(mailbox=CANARY, deadline=0.01),
            }
        )
        with pytest.raises(Failure, match="canary-lost"):
            fly(config, database, NOW, sleep=lambda _seconds: None)


def test_a_postfix_that_is_away_is_told(flying: Config, database: Database) -> None:
    config = flying.model_copy(update={"reply": ReplySection(submit="127.0.0.1:9")})
    with pytest.raises(Failure, match="smtp-unreachable"):
        fly(config, database, NOW)
