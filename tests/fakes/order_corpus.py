"""Orders with expected lines, ours and others', read and compared.

`score_all` yields one `Scored` per document. Used by scripts/score_orders.py, which prints the
table, and by the tests that hold the figures up.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from email.headerregistry import Address as HeaderAddress
from email.message import EmailMessage
from email.utils import parseaddr
from functools import cache
from pathlib import Path
from typing import Any

from rapidfuzz import fuzz

from postroom.classify import aside_model
from postroom.classify.classifier import Classifier
from postroom.classify.orders import doubtful, extract, extract_document, known_to_order
from postroom.classify.orders.hostile import Unreadable
from postroom.classify.orders.judge import judged
from postroom.classify.orders.page import pages_of
from postroom.classify.orders.pdf import read_pages
from postroom.config import ClassificationSection
from postroom.message import Message
from postroom.order import Order, OrderLine
from postroom.reading.reader import read

from . import yamls

_SURE = 0.85
_ALIKE = 80.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """One line as it should be read; None and "" are not checked."""

    quantity: Decimal | None = None
    unit: str = ""
    price: Decimal | None = None
    sku: str = ""
    description: str = ""
    sampled: bool = False  # others' label: an unsaid price is not checked


@dataclass(slots=True, kw_only=True)
class Scored:
    """One document, compared."""

    name: str
    group: str
    right: int = 0
    wrong: int = 0
    missed: int = 0
    sure: int = 0
    sure_right: int = 0
    complete: bool = False
    clear: bool = False  # a new order, all of it read right, that no person need look at
    silently_wrong: bool = False
    kind_right: bool | None = None
    differences: list[str] = field(default_factory=list)


def score_all(root: Path) -> Iterator[Scored]:
    """Every document of the corpus, and of the samples where they are."""
    corpus = root / "tests" / "corpus" / "orders"
    for path in sorted(corpus.glob("mails_*.yaml")):
        for case in yamls.load(path):
            yield score_mail(case, f"mail {path.stem.removeprefix('mails_')}")
    for path in sorted(corpus.glob("documents/*.json")):
        yield score_document(path)
    samples = root.parent / "shared" / "samples"
    if samples.is_dir():
        yield from score_samples(samples)


def mail_of(case: dict[str, Any]) -> bytes:
    """The case as the octets of a mail."""
    message = EmailMessage()
    name, address = parseaddr(case["from"])
    local, _, domain = address.partition("@")
    message["From"] = HeaderAddress(name, local, domain)
    message["To"] = "info@firma.test"
    message["Subject"] = case["subject"]
    message["Date"] = case.get("date", "Mon, 03 Jun 2024 10:00:00 +0300")
    message["Message-ID"] = f"<{case['id']}@corpus.test>"
    message.set_content(case["body"])
    if "html" in case:
        message.add_alternative(case["html"], subtype="html")
    return message.as_bytes()


def order_as_served(message: Message) -> Order:
    """The order in a message as the service reads it: again without its asides, if in doubt."""
    order = _known(message, extract(message))
    asides = aside_model.load().among(doubtful(message, order))
    return _known(message, extract(message, asides=asides)) if asides else order


def _known(message: Message, order: Order) -> Order:
    known = known_to_order(order)
    if order.complete or not known.complete:
        return order
    return known if _classifier().orders(message) else order


@cache
def _classifier() -> Classifier:
    return Classifier(ClassificationSection())


def score_mail(case: dict[str, Any], group: str) -> Scored:
    """One mail of the corpus."""
    order = order_as_served(read(mail_of(case)))
    lines = [_expected(line) for line in case["lines"]] if "lines" in case else None
    scored = _compared(case["id"], group, order, lines)
    _check_rest(scored, order, case)
    return scored


def score_document(path: Path) -> Scored:
    """One document; `path` is the JSON beside it, which names it."""
    case = json.loads(path.read_text(encoding="utf-8"))
    content = (path.parent / case["file"]).read_bytes()
    order = extract_document(case["file"], content)
    group = f"document {Path(case['file']).suffix[1:]}"
    lines = [_expected(line) for line in case["lines"]] if "lines" in case else None
    scored = _compared(path.stem, group, order, lines)
    _check_rest(scored, order, case)
    return scored


def _check_rest(scored: Scored, order: Order, case: dict[str, Any]) -> None:
    if "kind" in case:
        scored.kind_right = order.kind.value == case["kind"]
        if not scored.kind_right:
            scored.differences.append(f"kind {order.kind.value}, expected {case['kind']}")
            scored.silently_wrong |= order.complete
    if "number" in case and order.number != case["number"]:
        scored.differences.append(f"number {order.number!r}, expected {case['number']!r}")
    if case.get("complete") is False and order.complete:
        scored.silently_wrong = True
        scored.differences.append("complete although a person must look")
    scored.clear = (
        case.get("kind") == "order"
        and bool(case.get("lines"))
        and case.get("complete") is not False
        and not scored.wrong + scored.missed
        and bool(scored.kind_right)
    )
    if scored.differences or (
        not order.complete and scored.kind_right and case.get("kind") == "order"
    ):
        scored.differences.append(
            f"({order.kind.value}, complete {order.complete}, {order.problems})"
        )


def _expected(line: str) -> Expected:
    quantity, unit, price, sku, description = (part.strip() for part in line.split("|", 4))
    return Expected(
        quantity=Decimal(quantity) if quantity else None,
        unit=unit,
        price=Decimal(price) if price else None,
        sku=sku,
        description=description,
    )


def _compared(name: str, group: str, order: Order, lines: list[Expected] | None) -> Scored:
    scored = Scored(name=name, group=group, complete=order.complete)
    if lines is None:
        return scored
    left = list(order.lines)
    for line in lines:
        found = next((one for one in left if _agrees(line, one)), None)
        if found is None:
            scored.missed += 1
            scored.differences.append(f"missed  {_said(line)}")
            continue
        left.remove(found)
        scored.right += 1
        if found.confidence >= _SURE:
            scored.sure += 1
            scored.sure_right += 1
    for one in left:
        scored.wrong += 1
        scored.sure += one.confidence >= _SURE
        scored.differences.append(
            f"wrong   {one.confidence} {one.quantity} {one.unit!r} at {one.unit_price} "
            f"sku {one.sku!r} {one.description!r} {one.problems}"
        )
    scored.silently_wrong = order.complete and bool(scored.wrong or scored.missed)
    return scored


def _said(line: Expected) -> str:
    return f"{line.quantity} {line.unit!r} at {line.price} sku {line.sku!r} {line.description!r}"


def _agrees(line: Expected, found: OrderLine) -> bool:
    if line.quantity is not None and found.quantity != line.quantity:
        return False
    if line.price is not None and (
        found.unit_price is None or abs(found.unit_price - line.price) > Decimal("0.005")
    ):
        return False
    if line.price is None and found.unit_price is not None and not line.sampled:
        return False
    if line.unit and line.unit.strip(".").lower() != found.unit.strip(".").lower():
        return False
    if line.sku and line.sku.lower() == found.sku.lower():
        return True
    if not line.description:
        return not line.sku
    said = f"{found.sku} {found.gtin} {found.description}".lower()
    return fuzz.token_sort_ratio(line.description.lower(), found.description.lower()) >= _ALIKE or (
        fuzz.token_set_ratio(line.description.lower(), said) >= 95
    )


def score_samples(samples: Path) -> Iterator[Scored]:
    """The public sample documents: XML orders, hybrid PDFs by their text, other PDFs."""
    for case in json.loads((samples / "labels-xml-orders.json").read_text(encoding="utf-8")):
        path = samples / case["file"]
        if path.exists():
            order = extract_document(path.name, path.read_bytes())
            yield _compared(
                case["file"], "samples xml", order, [_label(line) for line in case["lines"]]
            )
    seen: set[str] = set()
    for case in json.loads((samples / "labels-facturx.json").read_text(encoding="utf-8")):
        lines = [_label(line) for line in case["lines"] if _is_visible(line)]
        key = json.dumps([(line["name"], line["qty"], line["price"]) for line in case["lines"]])
        path = samples / case["file"]
        if key in seen or not lines or not path.exists():
            continue
        seen.add(key)
        yield _score_pdf(path, case["file"], "samples hybrid pdf text", lines)
        order = extract_document(path.name, path.read_bytes())
        yield _compared(
            case["file"], "samples hybrid pdf xml", order, [_label(line) for line in case["lines"]]
        )
    for case in json.loads((samples / "labels-pdf-xlsx.json").read_text(encoding="utf-8")):
        path = samples / case["file"]
        lines = [_label(line) for line in case["lines"] if line["qty"]]
        if path.exists() and lines:
            yield _score_pdf(path, case["file"], "samples other pdf", lines)


def _is_visible(line: dict[str, Any]) -> bool:
    visible = line.get("visible") or {}
    return bool(visible.get("qty") and (visible.get("name") or visible.get("sku")))


def _score_pdf(path: Path, name: str, group: str, lines: list[Expected]) -> Scored:
    """A PDF by what its pages show; embedded XML is not looked at."""
    try:
        order = judged(read_pages(path.name, pages_of(path.read_bytes())))
    except Unreadable:
        order = Order()
    return _compared_loosely(name, group, order, lines)


# These labels copy the price of a base quantity (BasisQuantity); the price of one is right.
_PRICED_PER = {"598632147": 2, "ART_9874": 3}


def _label(line: dict[str, Any]) -> Expected:
    price = Decimal(str(line["price"])) if line.get("price") else None
    if price is not None:
        price /= _PRICED_PER.get(line.get("sku") or "", 1)
    return Expected(
        quantity=Decimal(str(line["qty"])) if line.get("qty") else None,
        price=price,
        sku=line.get("sku") or line.get("std") or "",
        description=line.get("name") or "",
        sampled=True,
    )


def _compared_loosely(name: str, group: str, order: Order, lines: list[Expected]) -> Scored:
    """Printed text wraps at will: names by their common words, credit notes without their sign."""
    scored = Scored(name=name, group=group, complete=order.complete)
    left = list(order.lines)
    for line in lines:
        found = next((one for one in left if _agrees_loosely(line, one)), None)
        if found is None:
            scored.missed += 1
            scored.differences.append(f"missed  {_said(line)}")
            continue
        left.remove(found)
        scored.right += 1
        scored.sure += found.confidence >= _SURE
        scored.sure_right += found.confidence >= _SURE
    for one in left:
        scored.wrong += 1
        scored.sure += one.confidence >= _SURE
        scored.differences.append(
            f"wrong   {one.confidence} {one.quantity} {one.unit!r} at {one.unit_price} "
            f"= {one.total} sku {one.sku!r} {one.description[:90]!r} {one.problems}"
        )
    scored.silently_wrong = order.complete and bool(scored.wrong or scored.missed)
    return scored


def _agrees_loosely(line: Expected, found: OrderLine) -> bool:
    if line.quantity is not None and (
        found.quantity is None or abs(found.quantity) != abs(line.quantity)
    ):
        return False
    if line.price is not None and (
        found.unit_price is None or abs(abs(found.unit_price) - abs(line.price)) > Decimal("0.006")
    ):
        return False
    said = f"{found.sku} {found.gtin} {found.description}".lower()
    if line.sku and line.sku.lower() in said:
        return True
    name = line.description.lower()
    squeezed, whole = name.replace(" ", ""), said.replace(" ", "")
    return fuzz.token_set_ratio(name, said) >= 65 or fuzz.partial_ratio(squeezed, whole) >= 85
