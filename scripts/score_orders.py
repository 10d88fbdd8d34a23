#!/usr/bin/env python3
"""Scores the order readers on documents with expected lines and prints a table.

In: tests/corpus/orders (ours) and, where it is, ../shared/samples (others'). Out: per group the
documents, lines right, wrong and missed, precision, recall, F1, how many lines reported as sure are
right, how many documents were reported complete, how many of the clear ones (read right, and no
person need look) were, and how many although a line differs. --show prints every
difference. A line is right when quantity and unit price agree and SKU or description matches.
"""

import argparse
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.fakes.invoice_heads import Head, score_heads  # noqa: E402
from tests.fakes.order_corpus import Scored, score_all  # noqa: E402

_TOGETHER = {
    "sheets, csv, dbf": tuple(
        f"document {suffix}" for suffix in ("xlsx", "xls", "ods", "csv", "tsv", "dbf")
    ),
    "own structured": ("document xml", "document edi"),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--show", action="store_true", help="print every difference")
    parser.add_argument("--only", default="", help="groups whose name contains this")
    arguments = parser.parse_args()
    groups: dict[str, list[Scored]] = defaultdict(list)
    for scored in score_all(ROOT):
        if arguments.only in scored.group:
            groups[scored.group].append(scored)
    if arguments.show:
        for scored in (one for group in groups.values() for one in group):
            for line in scored.differences:
                print(f"{scored.name}: {line}")
    print(
        f"{'group':24}{'docs':>5}{'right':>7}{'wrong':>7}{'missed':>7}{'P':>7}{'R':>7}{'F1':>7}"
        f"{'sure':>7}{'sure ok':>9}{'complete':>9}{'of clear':>10}{'silent':>7}{'kind':>7}"
    )
    for name in sorted(groups):
        print(_row(name, groups[name]))
    for title, names in _TOGETHER.items():
        together = [one for name in names for one in groups.get(name, ())]
        print(_row(title, together))
    print(_row("all", [one for group in groups.values() for one in group]))
    if (ROOT.parent / "shared" / "samples").is_dir() and not arguments.only:
        _print_heads(arguments.show)
    return 0


def _print_heads(show: bool) -> None:
    """Fields of invoices by the text of hybrid PDFs, against their XML."""
    heads: dict[str, list[Head]] = defaultdict(list)
    for head in score_heads(ROOT.parent / "shared" / "samples"):
        heads[head.field].append(head)
        if show and not head.right:
            print(f"{head.name}: {head.field} {head.found!r}, the XML says {head.said!r}")
    print(
        "\ninvoices by text: "
        + ", ".join(
            f"{field} {sum(one.right for one in found)} of {len(found)}"
            for field, found in heads.items()
        )
    )


def _row(name: str, documents: list[Scored]) -> str:
    right = sum(one.right for one in documents)
    wrong = sum(one.wrong for one in documents)
    missed = sum(one.missed for one in documents)
    sure = sum(one.sure for one in documents)
    sure_right = sum(one.sure_right for one in documents)
    complete = sum(one.complete for one in documents)
    clear = [one for one in documents if one.clear]
    through = f"{sum(one.complete for one in clear)}/{len(clear)}"
    silent = sum(one.silently_wrong for one in documents)
    judged = [one for one in documents if one.kind_right is not None]
    precision, recall = _share(right, right + wrong), _share(right, right + missed)
    f1 = _share(2 * right, 2 * right + wrong + missed)
    kinds = _share(sum(bool(one.kind_right) for one in judged), len(judged))
    return (
        f"{name:24}{len(documents):5}{right:7}{wrong:7}{missed:7}{precision:7.3f}{recall:7.3f}{f1:7.3f}"
        f"{sure:7}{_share(sure_right, sure):9.3f}{complete:9}{through:>10}{silent:7}{kinds:7.3f}"
    )


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 1.0


if __name__ == "__main__":
    sys.exit(main())
