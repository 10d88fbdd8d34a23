"""`postroom classify` of a mailbox: every message in order, whatever is among them."""

import json
from pathlib import Path

import pytest

from postroom.cli.mailboxes import classify_mailboxes, divided
from postroom.config import Config, ReadingSection

CONFIG = Config(reading=ReadingSection(workers=0))
MAILS = [
    b"From: a@kunde.test\nSubject: Rechnung 4711\n\nAnbei unsere Rechnung 4711 zur Zahlung.\n",
    b"\x00\xff\xfe garbage \x80\n",
    b"",
    b"From: b@kunde.test\nSubject: =?utf-8?q?kaputt?=\n\nDie Maschine ist defekt und steht.\n",
]


def mailbox(folder: Path) -> Path:
    path = folder / "box"
    path.write_bytes(b"".join(b"From x Thu Jan  1 00:00:00 2026\n" + m + b"\n" for m in MAILS))
    return path


@pytest.mark.slow
def test_every_message_is_answered_in_order(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = mailbox(tmp_path)
    assert classify_mailboxes([path], CONFIG, as_json=True)
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [answer["file"] for answer in answers] == [f"{path}#{n}" for n in (1, 2, 3, 4)]
    assert answers[0]["category"] == "invoice" and answers[3]["category"] == "support"
    assert all(answer["review"] for answer in answers[1:3])


def test_for_people_there_is_a_line_each_and_a_sum(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert classify_mailboxes([mailbox(tmp_path)], CONFIG, as_json=False)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 5
    assert lines[0].startswith("invoice") and lines[0].endswith("#1")
    assert sum(int(word) for word in lines[-1].split()[1::2]) == 4


def test_mailboxes_are_told_from_messages(tmp_path: Path) -> None:
    single = tmp_path / "a.eml"
    single.write_bytes(MAILS[0])
    box = mailbox(tmp_path)
    assert divided([str(single), str(box), "-", "/nowhere", str(tmp_path)]) == (
        [box, tmp_path],
        [str(single), "-", "/nowhere"],
    )


@pytest.mark.slow
def test_a_mailbox_larger_than_a_batch_keeps_its_order(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    box = tmp_path / "maildir"
    (box / "cur").mkdir(parents=True)
    for number in range(60):
        (box / "cur" / f"{number:03}:2,").write_bytes(MAILS[number % 4])
    assert classify_mailboxes([box], CONFIG, as_json=True)
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [Path(a["file"]).name for a in answers] == [f"{n:03}:2," for n in range(60)]
