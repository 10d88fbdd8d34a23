"""A reply is written only with a text that somebody approved, to the byte."""

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from postroom.actions import approvals, outbox, wording
from postroom.actions import plan as planning
from postroom.actions.outbox import Done
from postroom.actions.performers import ReplyPerformer, ReplyWithheld
from postroom.config import Config
from postroom.decision import Step
from postroom.failure import PermanentFailure
from postroom.store.engine import Database
from tests.fakes import post
from tests.fakes.smtp_sink import SmtpSink

NAME = "order-confirmation"


@pytest.fixture
def sink() -> Iterator[SmtpSink]:
    with SmtpSink() as server:
        yield server


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The admin's own templates: at first copies of ours."""
    return Path(shutil.copytree(wording.SHIPPED, tmp_path / "templates"))


def settings(folder: Path | None = None, sink: SmtpSink | None = None, **reply: object) -> Config:
    submit = {"submit": sink.address} if sink else {}
    return post.config(reply={"templates_dir": folder, **submit, **reply})


def answer(config: Config, database: Database) -> str:
    """Sends the planned reply; "" or the gate that is shut."""
    number = post.take(database, "d1")
    actions = planning.plan(
        post.decision(steps=(Step.REPLY,)),
        message=post.message(),
        verdict=post.verdict(),
        order=post.order(),
        classification=post.classification(),
        envelope=post.envelope(),
        digest="d1",
        received_at=post.NOW,
        config=config,
    )
    with database.transaction() as connection:
        outbox.put(connection, number, actions, post.NOW, "lmtp")
    (leased,) = outbox.lease(database, post.NOW, 1, 60.0, "test")
    try:
        done = asyncio.run(ReplyPerformer(config, database, post.HandClock())(leased))
    except ReplyWithheld as closed:
        return closed.gate
    assert isinstance(done, Done)
    return ""


def found(config: Config, language: str = "ru") -> wording.Wording:
    return wording.find(NAME, language, config.reply)


def state(database: Database, config: Config) -> str:
    with database.reading() as connection:
        return approvals.standing(connection, found(config), config.reply).state


def decide(database: Database, config: Config, verb: str, who: str = "anna") -> int:
    with database.transaction() as connection:
        return getattr(approvals, verb)(connection, found(config), post.NOW, who)  # type: ignore[no-any-return]


def test_the_sums_are_those_of_the_files_we_ship() -> None:
    """After a change of a shipped template: write what this test expects into SHA256SUMS."""
    config = post.config().reply
    expected = "".join(f"{w.digest}  {w.title}\n" for w in wording.all_of(config))
    assert (wording.SHIPPED / "SHA256SUMS").read_text() == expected
    assert all(w.is_shipped and w.html for w in wording.all_of(config))


@pytest.mark.parametrize(("trusted", "gate"), [(True, ""), (False, "template-unapproved")])
def test_a_shipped_text_counts_as_approved_where_the_admin_trusts_it(
    database: Database, sink: SmtpSink, trusted: bool, gate: str
) -> None:
    assert answer(settings(sink=sink, trust_shipped=trusted), database) == gate
    assert len(sink.received()) == (0 if gate else 1)


def test_a_revoked_shipped_text_is_not_used(database: Database, sink: SmtpSink) -> None:
    config = settings(sink=sink)
    decide(database, config, "revoke")
    assert answer(config, database) == "template-unapproved"
    assert sink.received() == []


def test_a_copy_of_a_shipped_text_is_that_text(database: Database, folder: Path) -> None:
    assert state(database, settings(folder)) == "shipped"


@pytest.mark.parametrize("part", ["txt", "html"])
@pytest.mark.parametrize("change", ["\n", " ", "x", "{# #}"])
def test_an_edited_text_is_unapproved_until_a_person_agrees(
    database: Database, sink: SmtpSink, folder: Path, part: str, change: str
) -> None:
    config = settings(folder, sink)
    decide(database, config, "approve")
    with (folder / f"{NAME}.ru.{part}.j2").open("a", encoding="utf-8") as file:
        file.write(change)
    assert state(database, config) == "unapproved"
    assert answer(config, database) == "template-unapproved"
    assert sink.received() == []
    assert decide(database, config, "approve", "boris") == 2
    assert state(database, config) == "approved"


def test_an_approved_text_is_sent(database: Database, sink: SmtpSink, folder: Path) -> None:
    (folder / f"{NAME}.ru.html.j2").unlink()
    config = settings(folder, sink, trust_shipped=False)
    decide(database, config, "approve")
    assert answer(config, database) == ""
    (received,) = sink.received()
    assert "multipart" not in received.header("Content-Type")


def test_approval_is_of_one_language_and_name(database: Database, folder: Path) -> None:
    """The same words under another name, or for other readers, are not approved by it."""
    config = settings(folder, trust_shipped=False)
    for suffix in ("txt", "html"):
        shutil.copy(folder / f"{NAME}.ru.{suffix}.j2", folder / f"{NAME}.de.{suffix}.j2")
    decide(database, config, "approve")
    assert state(database, config) == "approved"
    with database.reading() as connection:
        german = approvals.standing(connection, found(config, "de"), config.reply)
    assert german.state == "unapproved"


def test_who_approved_which_text_and_when_is_kept(database: Database, folder: Path) -> None:
    config = settings(folder)
    decide(database, config, "approve", "anna")
    (folder / f"{NAME}.ru.txt.j2").write_text("Subject: x\nновый\n", encoding="utf-8")
    decide(database, config, "approve", "boris")
    decide(database, config, "revoke", "clara")
    with database.reading() as connection:
        first, second = approvals.history(connection, NAME, "ru")
    assert (first["version"], first["state"], first["decided_by"]) == (1, "approved", "anna")
    assert "Здравствуйте" in first["text"]
    assert (second["version"], second["state"], second["decided_by"]) == (2, "revoked", "clara")
    assert second["text"] == "Subject: x\nновый\n"
    assert second["decided_at"] == post.NOW.isoformat()


@pytest.mark.parametrize("verb", ["approve", "revoke"])
def test_nobody_decides_the_same_twice(database: Database, verb: str) -> None:
    config = settings()
    decide(database, config, verb)
    with pytest.raises(PermanentFailure, match="already-"):
        decide(database, config, verb)


def test_a_revoked_text_can_be_approved_again(database: Database) -> None:
    config = settings()
    assert [decide(database, config, verb) for verb in ("approve", "revoke", "approve")] == [1] * 3
    assert state(database, config) == "approved"


def test_an_approval_taken_back_while_postfix_is_asked_still_counts(
    database: Database, sink: SmtpSink
) -> None:
    """The last look is in the transaction that writes the point of no return."""
    config = settings(sink=sink)
    asked = ReplyPerformer._by_now
    looks = 0

    def revoked_at_second_look(self: ReplyPerformer, connection: object, *rest: object) -> str:
        nonlocal looks
        looks += 1
        if looks == 2:
            approvals.revoke(connection, found(config), post.NOW, "anna")  # type: ignore[arg-type]
        return asked(self, connection, *rest)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ReplyPerformer, "_by_now", revoked_at_second_look)
        assert answer(config, database) == "template-unapproved"
    assert sink.received() == []


@pytest.mark.parametrize("name", ["../secrets", "/etc/passwd", "order-confirmation.ru", "", "A"])
def test_a_name_is_no_path(name: str) -> None:
    with pytest.raises(PermanentFailure, match="template-missing"):
        wording.find(name, "en", post.config().reply)


def test_a_file_that_is_no_text_is_named(folder: Path) -> None:
    (folder / f"{NAME}.ru.txt.j2").write_bytes(b"Subject: \xff\xfe")
    with pytest.raises(PermanentFailure, match="template-broken"):
        found(settings(folder))
