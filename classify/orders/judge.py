"""A reading -> the Order that is handed on, and whether it may go to the ERP without a person.

In: a `Reading` that has everything, lines settled. Out: an `Order`. The sums are checked here:
lines against the document's total, with VAT or without. `complete` is said only when the kind is an
order, every line names a product and a positive quantity surely, nothing disagrees, and no problem
is left that a person must see.

Limits: it believes the readers' confidence; the catalogue is asked later (classify/catalogue).
"""

from dataclasses import replace
from decimal import Decimal

from postroom.order import Order, OrderKind, OrderLine

from .heading import amounts_agree
from .hostile import MOST_LINES
from .lines import SURE, by_one_rule, divided, numbered, with_bare_sizes_unsure
from .reading import Reading

KIND_UNSURE = "kind-unsure"
_UNPROVED = 0.8
# Worth telling, but no reason to stop an order.
_HARMLESS = frozenset({"tax-id-invalid", "currency-unsaid"})
_VAT_RATES = tuple(Decimal(rate) for rate in "20 19 10 7 22 21 5.5 8 23 24 25 5 8.1 18 12".split())


def judged(reading: Reading) -> Order:
    """The order a reading amounts to, with `complete` decided."""
    lines = numbered(reading.lines[:MOST_LINES])
    kind = reading.kind or (OrderKind.ORDER if lines else OrderKind.NONE)
    problems = list(reading.problems)
    lines = with_bare_sizes_unsure(by_one_rule(_totals_for_prices(lines, reading)))
    if len(reading.lines) > MOST_LINES:
        problems.append("too-many-lines")
    total = reading.total
    problem, agreed = _sum_problem(lines, reading)
    if problem:
        problems.append(problem)
    if problem:
        lines = tuple(_unproved(line) for line in lines)
    if agreed is not None:
        lines = tuple(_proved(line) for line in lines)
    if total is None and agreed is not None:
        total = agreed
    elif total is None and reading.totals:
        total = max(reading.totals)
    if not lines and kind in (OrderKind.ORDER, OrderKind.ORDER_CHANGE):
        problems.append("no-lines")
    order = Order(
        kind=kind,
        number=reading.number,
        date=reading.date,
        currency=reading.currency,
        buyer=reading.buyer,
        delivery=reading.delivery,
        lines=lines,
        total=total,
        due_date=reading.due_date,
        problems=tuple(dict.fromkeys(problems)),
    )
    return replace(order, complete=_is_complete(order))


def known_to_order(order: Order) -> Order:
    """The order without the doubt that no word of it orders: who knows mail says that it does."""
    known = replace(order, problems=tuple(one for one in order.problems if one != KIND_UNSURE))
    return replace(known, complete=_is_complete(known))


def _totals_for_prices(lines: tuple[OrderLine, ...], reading: Reading) -> tuple[OrderLine, ...]:
    """Web shops head the sum of a line "Price": where the prices alone make the total, they are
    the lines' totals."""
    totals = [*reading.totals, *((reading.total,) if reading.total is not None else ())]
    if (
        not totals
        or not lines
        or any(line.total is not None or not line.quantity for line in lines)
    ):
        return lines
    prices = [line.unit_price for line in lines if line.unit_price is not None]
    if len(prices) < len(lines) or all(line.quantity == 1 for line in lines):
        return lines
    products = sum(
        ((line.quantity or Decimal(0)) * (line.unit_price or Decimal(0)) for line in lines),
        Decimal(0),
    )
    if amounts_agree([products], totals) or not amounts_agree([sum(prices, Decimal(0))], totals):
        return lines
    return tuple(
        replace(
            line,
            total=line.unit_price,
            unit_price=divided(line.unit_price or Decimal(0), line.quantity or Decimal(1)),
        )
        for line in lines
    )


# Doubts about numbers that the document's total takes away, when it agrees.
_NUMBER_DOUBTS = frozenset({"price-or-total-unclear", "number-ambiguous"})


def _proved(line: OrderLine) -> OrderLine:
    """A line whose only doubt was a number, in a document whose total agrees with its lines."""
    if not line.problems or not set(line.problems) <= _NUMBER_DOUBTS:
        return line
    return replace(line, problems=(), confidence=max(line.confidence, 0.9))


def _unproved(line: OrderLine) -> OrderLine:
    """A line of a document whose sums disagree: sure no more, unless its own total proves it."""
    proved = line.quantity and line.unit_price and line.quantity * line.unit_price == line.total
    return line if proved else replace(line, confidence=min(line.confidence, _UNPROVED))


def _is_complete(order: Order) -> bool:
    return (
        order.kind is OrderKind.ORDER
        and bool(order.lines)
        and all(_is_sure(line) for line in order.lines)
        and all(problem in _HARMLESS for problem in order.problems)
    )


def _is_sure(line: OrderLine) -> bool:
    return (
        line.confidence >= SURE
        and bool(line.sku or line.gtin or line.description)
        and line.quantity is not None
        and line.quantity > 0
    )


def _sum_problem(lines: tuple[OrderLine, ...], reading: Reading) -> tuple[str, Decimal | None]:
    """("total-mismatch" or "", the total that agrees)."""
    totals = [reading.total] if reading.total is not None else list(reading.totals)
    if reading.kind is OrderKind.INVOICE and reading.totals:
        totals = list(reading.totals)  # what is due may hold charges, prepayments, several taxes
    if not totals or not lines:
        return "", None
    sums: list[Decimal] = []
    if all(line.total is not None for line in lines):
        sums.append(sum((line.total or Decimal(0) for line in lines), Decimal(0)))
    if all(line.quantity is not None and line.unit_price is not None for line in lines):
        sums.append(
            sum(
                ((line.quantity or 0) * (line.unit_price or Decimal(0)) for line in lines),
                Decimal(0),
            )
        )
    if not sums:
        pieces = sum((line.quantity or Decimal(0) for line in lines), Decimal(0))
        agrees = pieces in totals or not any(line.total or line.unit_price for line in lines)
        return ("" if agrees else "total-unchecked"), None
    sums += [one + reading.charges for one in sums if reading.charges]
    grossed = [one * (100 + rate) / 100 for one in sums for rate in _VAT_RATES]
    # What is due on an invoice is the sum with VAT; the net sum above it agrees with the lines too.
    ways = [sums + grossed] if reading.kind is OrderKind.INVOICE else [sums, grossed]
    for way in ways:
        for total in sorted(totals, reverse=True):
            if amounts_agree(way, [total]):
                return "", total
    if reading.kind is OrderKind.INVOICE and len(totals) > 1:
        return "total-unchecked", None
    return "total-mismatch", None
