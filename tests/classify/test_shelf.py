"""The shelf of models: what is live, what was, and who said so."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from postroom.classify.shelf import Shelf
from postroom.failure import PermanentFailure

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def put(shelf: Shelf, name: str) -> Path:
    path = shelf.place(name)
    path.write_bytes(name.encode())
    shelf.put_candidate(path)
    return path


def promote(shelf: Shelf, name: str) -> None:
    put(shelf, name)
    shelf.promote("maria", NOW, forced=False, why="")


def test_without_models_the_shipped_one_is_live(tmp_path: Path) -> None:
    shelf = Shelf(folder=tmp_path / "models")
    assert (shelf.live, shelf.candidate, shelf.history()) == (None, None, [])
    with pytest.raises(PermanentFailure, match="no-candidate"):
        shelf.promote("maria", NOW, forced=False, why="")
    with pytest.raises(PermanentFailure, match="nothing-to-roll-back"):
        shelf.rollback("maria", NOW)


def test_a_candidate_is_promoted_once_and_by_whom_is_kept(tmp_path: Path) -> None:
    shelf = Shelf(folder=tmp_path / "models")
    made = put(shelf, "one")
    change = shelf.promote("maria", NOW, forced=True, why="worse at hr")
    assert (shelf.live, shelf.candidate) == (made, None)
    assert shelf.history() == [change]
    assert (change.who, change.model, change.before, change.forced, change.why) == (
        "maria", "one", "", True, "worse at hr",
    )  # fmt: skip


def test_rolling_back_goes_step_by_step_to_the_shipped_model(tmp_path: Path) -> None:
    shelf = Shelf(folder=tmp_path / "models")
    for name in ("one", "two", "three"):
        promote(shelf, name)
    gone_through = []
    for _ in range(3):
        shelf.rollback("boris", NOW)
        gone_through.append(shelf.live.stem if shelf.live else "shipped")
    assert gone_through == ["two", "one", "shipped"]
    assert [change.verb for change in shelf.history()] == ["promote"] * 3 + ["rollback"] * 3


def test_after_a_rollback_another_model_can_be_promoted_and_rolled_back(tmp_path: Path) -> None:
    shelf = Shelf(folder=tmp_path / "models")
    promote(shelf, "one")
    promote(shelf, "two")
    shelf.rollback("maria", NOW)
    promote(shelf, "three")
    assert shelf.rollback("maria", NOW).model == "one"
    assert shelf.rollback("maria", NOW).model == ""


def test_a_torn_line_of_the_history_is_left_out_and_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shelf = Shelf(folder=tmp_path / "models")
    promote(shelf, "one")
    history = shelf.folder / "history.jsonl"
    for torn in (b'{"at": "2026-03-01T12:00', b"\xff\n", b"[]\n{}\n", b'{"who": "mar'):
        history.write_bytes(history.read_bytes() + torn)
    promote(shelf, "two")
    assert [change.model for change in shelf.history()] == ["one", "two"]
    assert "history.jsonl" in capsys.readouterr().out
    assert shelf.rollback("boris", NOW).model == "one"
    assert shelf.rollback("boris", NOW).model == ""


def test_sides_are_kept_and_never_taken_for_none(tmp_path: Path) -> None:
    shelf = Shelf(folder=tmp_path / "models")
    assert shelf.sides() == {}
    shelf.keep_sides({"00aa": True, "00bb": False})
    assert shelf.sides() == {"00aa": True, "00bb": False}
    (shelf.folder / "sides.json").write_text('{"00aa": tr')
    with pytest.raises(PermanentFailure, match="sides-unreadable"):
        shelf.sides()


def test_a_deleted_model_is_named(tmp_path: Path) -> None:
    shelf = Shelf(folder=tmp_path / "models")
    promote(shelf, "one")
    promote(shelf, "two")
    (shelf.folder / "one.onnx").unlink()
    with pytest.raises(PermanentFailure, match="model-gone"):
        shelf.rollback("maria", NOW)
    assert shelf.live is not None and shelf.live.stem == "two"
