"""The corpus the project trains on: rows that can be read, labels that exist, no mail twice."""

import collections
import json
import re
from pathlib import Path
from typing import Any

import pytest

from postroom.classification import CATEGORIES

ROOT = Path(__file__).resolve().parents[2]
CORPUS = ROOT / "classify" / "corpus"
SHARED = ROOT.parent / "shared" / "corpus"
FILES = sorted(CORPUS.glob("*.jsonl"))
_SHINGLE = 5  # words
_MOST_ALIKE = 0.5  # Jaccard similarity of two mails' shingles
_ADDRESS = re.compile(r"[\w.+-]+@([\w.-]+\w)")


def _rows(path: Path) -> list[dict[str, Any]]:
    # Not splitlines(): a body may hold U+2028 and its kin.
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


def _shingles(row: dict[str, Any]) -> frozenset[int]:
    words = re.findall(r"\w+", f"{row['subject']} {row['body']}".lower())
    return frozenset(
        hash(tuple(words[i : i + _SHINGLE])) for i in range(max(1, len(words) - _SHINGLE + 1))
    )


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_row_has_its_fields_and_a_known_label(path: Path) -> None:
    for row in _rows(path):
        assert {"id", "lang", "from", "subject", "body", "label", "certainty"} <= set(row), row
        assert row["label"] in CATEGORIES, row["id"]
        assert row["certainty"] in ("h", "l", "unsure"), row["id"]
        assert row["lang"] in ("ru", "en", "de", "fr", "es"), row["id"]
        assert row["subject"] or row["body"] or row["attachment_names"], row["id"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_where_a_second_reader_disagrees_the_row_is_unsure(path: Path) -> None:
    for row in _rows(path):
        assert row.get("second", row["label"]) in CATEGORIES, row["id"]
        differs = row.get("second", row["label"]) != row["label"]
        assert differs == (row["certainty"] == "unsure"), row["id"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_senders_are_of_domains_nobody_has(path: Path) -> None:
    for row in _rows(path):
        for domain in _ADDRESS.findall(row["from"]):
            assert domain.endswith((".example", ".test")), (row["id"], domain)


def test_ids_are_unique() -> None:
    ids = collections.Counter(row["id"] for path in FILES for row in _rows(path))
    assert not [name for name, count in ids.items() if count > 1]


@pytest.mark.slow
def test_no_mail_stands_twice_here_or_in_the_shared_corpus() -> None:
    mails = [(row["id"], _shingles(row)) for path in FILES for row in _rows(path)]
    if SHARED.is_dir():
        shared = sorted(SHARED.glob("*.jsonl"))
        mails += [(f"shared {r['id']}", _shingles(r)) for path in shared for r in _rows(path)]
    where: dict[int, list[int]] = collections.defaultdict(list)
    for number, (_, shingles) in enumerate(mails):
        for shingle in shingles:
            where[shingle].append(number)
    alike: collections.Counter[tuple[int, int]] = collections.Counter()
    for numbers in where.values():
        if len(numbers) <= 50:  # a greeting many share proves nothing
            ours = [n for n in numbers if not mails[n][0].startswith("shared ")]
            alike.update((min(a, b), max(a, b)) for a in ours for b in numbers if a != b)
    for (a, b), twice in alike.items():
        # A pair of two of our own is counted from both sides.
        both_ours = not (mails[a][0] + mails[b][0]).count("shared ")
        common = twice // 2 if both_ours else twice
        union = len(mails[a][1]) + len(mails[b][1]) - common
        assert common / union <= _MOST_ALIKE, (mails[a][0], mails[b][0])
