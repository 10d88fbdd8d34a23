"""The heads of invoices (number, total, due date, seller), by text against the XML embedded in "
"them.

`score_heads` reads every hybrid PDF of the public samples twice: its pages without the XML, and
the XML. Used by scripts/score_orders.py. One PDF per invoice number and seller counts.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rapidfuzz import fuzz

from postroom.classify.orders import extract_document
from postroom.classify.orders.document import placed
from postroom.classify.orders.hostile import Unreadable
from postroom.classify.orders.judge import judged
from postroom.classify.orders.page import pages_of
from postroom.classify.orders.pdf import read_pages
from postroom.order import Order, OrderKind

FIELDS = ("kind", "number", "total", "due date", "seller")
_ALIKE = 80.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """One field of one invoice: what stands in the XML, and what the pages gave."""

    name: str
    field: str
    said: str
    found: str

    @property
    def right(self) -> bool:
        """True when both are the same; a seller's name may be written a little differently."""
        if self.field == "seller":
            return fuzz.token_set_ratio(self.said.lower(), self.found.lower()) >= _ALIKE
        return self.said == self.found


def score_heads(samples: Path) -> Iterator[Head]:
    """Every field that the XML of a hybrid invoice says."""
    seen: set[tuple[str, str]] = set()
    for case in json.loads((samples / "labels-facturx.json").read_text(encoding="utf-8")):
        path = samples / case["file"]
        if not path.exists():
            continue
        exact = extract_document(path.name, path.read_bytes())
        key = (exact.number, exact.buyer.name)
        if exact.kind is not OrderKind.INVOICE or key in seen:
            continue
        seen.add(key)
        shown = _by_text(path)
        if shown is None:
            continue
        for field in FIELDS:
            said = _field(exact, field)
            if said:
                yield Head(name=case["file"], field=field, said=said, found=_field(shown, field))


def _by_text(path: Path) -> Order | None:
    try:
        reading = read_pages(path.name, pages_of(path.read_bytes()))
    except Unreadable:
        return None
    return judged(placed(reading, path.name, "", None))


def _field(order: Order, field: str) -> str:
    match field:
        case "kind":
            return order.kind.value
        case "number":
            return order.number
        case "total":
            return f"{abs(order.total):.2f}" if order.total is not None else ""
        case "due date":
            return order.due_date.isoformat() if order.due_date else ""
        case _:
            return order.buyer.name
