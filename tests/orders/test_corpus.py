"""The corpus of orders: how much is read right, and that nothing wrong is sent on silently."""

from collections import defaultdict
from pathlib import Path

import pytest

from tests.fakes.invoice_heads import score_heads
from tests.fakes.order_corpus import Scored, score_all

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(scope="module")
def groups() -> dict[str, list[Scored]]:
    found: dict[str, list[Scored]] = defaultdict(list)
    for scored in score_all(ROOT):
        found[scored.group.split()[0]].append(scored)
    return found


def f1(documents: list[Scored]) -> float:
    right = sum(one.right for one in documents)
    wrong = sum(one.wrong for one in documents)
    missed = sum(one.missed for one in documents)
    return 2 * right / (2 * right + wrong + missed)


@pytest.mark.slow
@pytest.mark.parametrize("group", ["mail", "document"])
def test_our_own_orders_are_read(groups: dict[str, list[Scored]], group: str) -> None:
    assert f1(groups[group]) >= 0.92


@pytest.mark.slow
def test_lines_said_to_be_sure_are_right(groups: dict[str, list[Scored]]) -> None:
    documents = groups["mail"] + groups["document"]
    sure = sum(one.sure for one in documents)
    assert sum(one.sure_right for one in documents) >= 0.98 * sure


@pytest.mark.slow
def test_no_order_is_silently_wrong(groups: dict[str, list[Scored]]) -> None:
    documents = groups["mail"] + groups["document"]
    wrong = [one.name for one in documents if one.silently_wrong]
    assert len(wrong) <= 0.01 * len(documents), wrong


@pytest.mark.slow
def test_sheets_and_structured_documents_are_read(groups: dict[str, list[Scored]]) -> None:
    by_group: dict[str, list[Scored]] = defaultdict(list)
    for one in groups["document"]:
        by_group[one.group.split()[1]].append(one)
    sheets = [one for name in ("xlsx", "xls", "ods", "csv", "tsv", "dbf") for one in by_group[name]]
    assert f1(sheets) >= 0.97
    assert f1(by_group["xml"] + by_group["edi"]) == 1


@pytest.mark.slow
def test_the_heads_of_invoices_are_read_by_text() -> None:
    samples = ROOT.parent / "shared" / "samples"
    if not samples.is_dir():
        pytest.skip("the samples are not here")
    heads = list(score_heads(samples))
    for field, least in (("kind", 0.9), ("number", 0.8), ("total", 0.7), ("due date", 0.75)):
        found = [head for head in heads if head.field == field]
        assert sum(head.right for head in found) >= least * len(found), field


@pytest.mark.slow
def test_the_public_samples_are_read(groups: dict[str, list[Scored]]) -> None:
    samples = groups["samples"]
    if not samples:
        pytest.skip("the samples are not here")
    by_group: dict[str, list[Scored]] = defaultdict(list)
    for one in samples:
        by_group[one.group].append(one)
    assert f1(by_group["samples xml"]) == 1
    assert f1(by_group["samples hybrid pdf xml"]) == 1
    assert f1(by_group["samples hybrid pdf text"]) >= 0.85
