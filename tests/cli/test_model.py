"""`postroom model`: what is wrong is said before the work, and how to mend it."""

import json
from pathlib import Path

import pytest

from postroom import learning
from postroom.classify.scorer import SHIPPED
from postroom.classify.shelf import Shelf
from postroom.config import Config, Service
from postroom.failure import Failure, PermanentFailure, TemporaryFailure
from postroom.store import messages
from postroom.store.engine import Database
from tests.fakes.cli import failure_of, postroom, toml

ROW = {
    "id": "1",
    "from": "a@kunde.test",
    "subject": "Pump",
    "body": "It leaks.",
    "label": "support",
}
MAIL = b"From: a@kunde.test\nSubject: Pump\n\nIt leaks.\n"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    state = tmp_path / "state"
    state.mkdir()
    service = {"state_dir": str(state), "run_dir": str(tmp_path)}
    return toml(tmp_path / "c.toml", service=service, reading={"workers": 0})


def mbox(path: Path) -> Path:
    path.write_bytes(b"From x Thu Jan  1 00:00:00 2026\n" + MAIL)
    return path


def mend_of(result: object) -> str:
    failure = getattr(result, "exception", None)
    assert isinstance(failure, Failure), failure
    return str(failure.cause)


@pytest.mark.parametrize("command", [("eval", "--html"), ("train", "--out")])
def test_a_file_that_cannot_be_written_is_told_before_the_work(
    config: Path, tmp_path: Path, command: tuple[str, str]
) -> None:
    verb, option = command
    (tmp_path / "file").touch()
    path = tmp_path / "file" / "r"
    told = postroom(config, "model", verb, f"hr={tmp_path / 'none'}", option, str(path))
    assert (told.exit_code, told.stdout) == (1, "")
    assert str(tmp_path / "file") in told.stderr


def test_work_that_fails_leaves_no_empty_report(config: Path, tmp_path: Path) -> None:
    html = tmp_path / "r.html"
    told = postroom(config, "model", "eval", f"hr={tmp_path / 'none'}", "--html", str(html))
    assert failure_of(told) == "unreadable-source"
    assert not html.exists()


def test_a_labelled_file_may_have_any_name(tmp_path: Path) -> None:
    path = tmp_path / "a=b.jsonl"
    path.write_text(json.dumps(ROW), encoding="utf-8")
    assert [example.label for example in learning.examples_in(str(path), Config())] == ["support"]


def test_a_mailbox_without_a_category_is_told_how_to_write_it(config: Path, tmp_path: Path) -> None:
    maildir = tmp_path / "Maildir"
    (maildir / "cur").mkdir(parents=True)
    (maildir / "cur" / "1:2,S").write_bytes(MAIL)
    for path in (mbox(tmp_path / "box"), maildir):
        told = postroom(config, "model", "eval", str(path))
        assert failure_of(told) == "unreadable-source"
        assert f"write CATEGORY={path}" in mend_of(told)


@pytest.mark.parametrize("verb", ["train", "eval"])
def test_a_category_written_otherwise_is_refused_before_the_work(
    config: Path, tmp_path: Path, verb: str
) -> None:
    for label, meant in (("Invoice", "invoice"), ("purchase-order", "purchase_order")):
        told = postroom(config, "model", verb, f"{label}={mbox(tmp_path / 'box')}")
        assert failure_of(told) == "no-such-category"
        assert f"write {meant}" in mend_of(told)


def test_a_category_that_the_configuration_lacks_is_named() -> None:
    assert learning.check_labels(["returns", "hr", "returns"], Config()) == ("returns",)


def test_a_promoted_model_that_is_not_used_or_knows_more_is_told(
    config: Path, tmp_path: Path
) -> None:
    shelf = Shelf(folder=tmp_path / "state" / "models")
    made = shelf.place("one")
    made.write_bytes(SHIPPED.read_bytes())
    shelf.put_candidate(made)
    text = config.read_text(encoding="utf-8")
    config.write_text(f'{text}[classification]\nmodel_file = "{SHIPPED}"\n', encoding="utf-8")
    told = postroom(config, "model", "promote", "--force", "--as", "maria")
    assert told.exit_code == 0, told.exception
    assert "classification.model_file is set and stays in use" in told.stderr
    assert "is no category" not in told.stderr
    settings = Config(service=Service(state_dir=tmp_path / "state", run_dir=tmp_path))
    rows = {name: row for name, row in settings.categories.items() if name != "hr"}
    fewer = settings.model_copy(update={"categories": rows})
    assert learning.strange_categories(fewer) == ("hr",)


@pytest.mark.parametrize(
    "command", [("model", "drift"), ("model", "train", "--store"), ("explain", "77"),
                ("queue", "list")]
)  # fmt: skip
@pytest.mark.parametrize("has_folder", [True, False])
def test_before_the_first_start_it_says_to_start_the_service(
    config: Path, tmp_path: Path, command: tuple[str, ...], has_folder: bool
) -> None:
    if not has_folder:
        (tmp_path / "state").rmdir()
    told = postroom(config, *command)
    assert failure_of(told) in ("database", "secret-unreadable")
    assert "start" in mend_of(told) and "SELECT" not in mend_of(told)


def test_a_failure_of_the_mail_path_stays_temporary_without_tables(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/postroom.sqlite")
    with pytest.raises(TemporaryFailure, match="database"), database.reading() as connection:
        messages.find_by_digest(connection, "d")
    database.close()


def test_what_is_no_mailbox_is_read_as_labelled_mail(tmp_path: Path) -> None:
    path = tmp_path / "hr=own.jsonl"
    path.write_text("no JSON", encoding="utf-8")
    with pytest.raises(PermanentFailure, match="is no JSON object"):
        learning.examples_in(str(path), Config())
