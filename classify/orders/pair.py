"""Several sources of one mail (body, sheet, PDF, XML) -> one reading; structured wins.

In: the readings of one mail. Out: one reading: the strongest source's lines, with fields it lacks
filled from the weaker ones, and a problem for every disagreement. Two sources that name the same
products and quantities confirm each other.

Limits: descriptions are compared by their words (rapidfuzz); a product named quite differently in
body and document counts as a difference, and a person looks. So do sources that are too long to be
compared: more than a million pairs of lines (a thousand against a thousand) in one mail.
"""

from collections.abc import Sequence
from dataclasses import replace

from rapidfuzz import fuzz

from postroom.order import Buyer, Delivery, OrderKind, OrderLine

from .reading import Reading

_ALIKE = 75.0  # of 100, for two descriptions to mean one product
_MOST_COMPARED = 1_000_000  # pairs of lines
_BELIEVED = 0.6  # a weaker source's line below this contradicts nobody


def paired(readings: Sequence[Reading]) -> Reading:
    """One reading from several sources of one mail; an empty one from none."""
    if not readings:
        return Reading()
    holding = [one for one in readings if one.lines]
    if not holding:
        return _filled(readings[0], readings[1:])
    main = max(holding, key=_rank)
    others = [one for one in readings if one is not main]
    if len(main.lines) * sum(len(one.lines) for one in others) > _MOST_COMPARED:
        own = [problem for one in others for problem in one.problems if ":" in problem]
        uncompared = [f"sources-differ:{one.source}" for one in others if one.lines]
        problems = tuple(dict.fromkeys([*main.problems, *own, *uncompared]))
        return replace(_filled(main, others), problems=problems)
    differences = [_differences(main, other) for other in others]
    problems = (*main.problems, *(one for found in differences for one in found))
    lines = main.lines
    confirming = [
        one for one, found in zip(others, differences, strict=True) if one.lines and not found
    ]
    if confirming:
        lines = tuple(_completed(line, confirming) for line in lines)
    return replace(_filled(main, others), lines=lines, problems=tuple(dict.fromkeys(problems)))


def _rank(reading: Reading) -> tuple[bool, int, float, int]:
    """Orders before bills, strong sources before weak, sure before unsure."""
    sure = sum(line.confidence for line in reading.lines) / len(reading.lines)
    orders = reading.kind is not OrderKind.INVOICE
    return (orders, reading.strength, round(sure, 1), len(reading.lines))


def _differences(main: Reading, other: Reading) -> list[str]:
    """What another source says that the main one does not."""
    problems = [problem for problem in other.problems if ":" in problem]
    claimed = [line for line in other.lines if line.confidence >= _BELIEVED]
    if other.kind is OrderKind.INVOICE and main.kind is not OrderKind.INVOICE:
        return [*problems, f"another-document:{other.source}"] if claimed else problems
    unmatched = [line for line in claimed if not any(_agree(line, one) for one in main.lines)]
    if unmatched:
        problems.append(f"sources-differ:{other.source}")
    elif other.strength >= 1 and claimed and len(claimed) < len(main.lines):
        problems.append(f"sources-differ:{other.source}")
    if other.number and main.number and other.number != main.number and other.strength > 0:
        problems.append(f"numbers-differ:{other.source}")
    return problems


def _agree(one: OrderLine, other: OrderLine) -> bool:
    return one.quantity == other.quantity and _same_product(one, other) and _same_price(one, other)


def _same_price(one: OrderLine, other: OrderLine) -> bool:
    return one.unit_price is None or other.unit_price is None or one.unit_price == other.unit_price


def _same_product(one: OrderLine, other: OrderLine) -> bool:
    if one.gtin and one.gtin == other.gtin:
        return True
    if one.sku and one.sku.lower() in (other.sku.lower(), other.description.lower()):
        return True
    if other.sku and other.sku.lower() in one.description.lower():
        return True
    return fuzz.token_set_ratio(one.description.lower(), other.description.lower()) >= _ALIKE


def _completed(line: OrderLine, confirming: Sequence[Reading]) -> OrderLine:
    """A line that another source says as well: what it lacks is taken from there."""
    for reading in confirming:
        for other in reading.lines:
            if _agree(line, other):
                return replace(
                    line,
                    sku=line.sku or other.sku,
                    gtin=line.gtin or other.gtin,
                    description=line.description or other.description,
                    unit=line.unit or other.unit,
                    unit_code=line.unit_code or other.unit_code,
                    unit_price=line.unit_price if line.unit_price is not None else other.unit_price,
                )
    return line


def _filled(main: Reading, others: Sequence[Reading]) -> Reading:
    """The main reading with its empty fields filled from the others, strongest first."""
    filled = main
    for other in sorted(others, key=lambda one: -one.strength):
        filled = replace(
            filled,
            number=filled.number or other.number,
            date=filled.date or other.date,
            currency=filled.currency or other.currency,
            buyer=Buyer(
                name=filled.buyer.name or other.buyer.name,
                email=filled.buyer.email or other.buyer.email,
                tax_id=filled.buyer.tax_id or other.buyer.tax_id,
            ),
            delivery=Delivery(
                address=filled.delivery.address or other.delivery.address,
                date=filled.delivery.date or other.delivery.date,
            ),
        )
    return filled
