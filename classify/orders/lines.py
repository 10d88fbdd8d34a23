"""From what stands in a line to an OrderLine: which reading of each number is the right one.

In: a `Draft`, its numbers still with every value they may have. Out: an `OrderLine` whose
confidence says how much of it was proved: quantity x price = total proves all three at once, also
through a discount or with VAT on top; a number with two readings and no proof is unsure.

Limits: totals are proved to the cent that rounding allows, at most 0.5 % off.
"""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import product

from stdnum import ean

from postroom.order import OrderLine

from .numbers import plain
from .units import code_of

SURE = 0.85  # from here on a line may go to the ERP without a person
_VAT_RATES = tuple(Decimal(rate) for rate in "20 19 10 7 22 21 5.5 8 23 24 25 5 8.1 18 12".split())
_DOUBTED = 0.6
_SIZE_LAST = re.compile(r"\d\s?(?P<unit>[^\W\d_]{1,3})\.?$")  # "Onions 20 kg"
_MOST_COMBINATIONS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """One line as read, before anything is proved."""

    sku: str = ""
    gtin: str = ""
    description: str = ""
    quantity: tuple[Decimal, ...] = ()  # every value it may have, the likeliest first
    unit: str = ""
    price: tuple[Decimal, ...] = ()
    total: tuple[Decimal, ...] = ()
    discount: Decimal | None = None  # per cent, or the share of one where only that multiplies
    confidence: float = 0.9  # before proof
    problems: tuple[str, ...] = ()
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Choice:
    quantity: Decimal | None
    price: Decimal | None
    total: Decimal | None
    proved: bool


def settle(draft: Draft, number: int) -> OrderLine:
    """The order line a draft means; its confidence falls with everything that is not proved."""
    choice = _choose(draft)
    problems = list(draft.problems)
    confidence = draft.confidence
    if choice.proved:
        confidence = max(confidence, min(0.99, confidence + 0.05))
    else:
        if len(draft.quantity) > 1 or len(draft.price) > 1:
            problems.append("number-ambiguous")
            confidence = min(confidence, 0.7)
        if choice.quantity and choice.price is not None and choice.total is not None:
            problems.append("line-total-mismatch")
            confidence = min(confidence, 0.5)
    if choice.quantity is None:
        problems.append("quantity-missing")
        confidence = min(confidence, 0.3)
    elif choice.quantity <= 0:
        problems.append("quantity-not-positive")
        confidence = min(confidence, 0.4)
    gtin, gtin_problem = checked_gtin(draft.gtin)
    sku = draft.sku or ("" if gtin else draft.gtin)
    if not (sku or gtin or draft.description):
        problems.append("product-missing")
        confidence = min(confidence, 0.3)
    price = choice.price
    if (
        choice.proved
        and draft.discount
        and price is not None
        and choice.total is not None
        and choice.quantity
    ):
        price = _discounted(price, draft.discount, choice.quantity, choice.total)
    if price is None and choice.total is not None and choice.quantity:
        price = divided(choice.total, choice.quantity)
    return OrderLine(
        line=number,
        sku=sku.strip(),
        gtin=gtin,
        description=draft.description.strip(),
        quantity=plain(choice.quantity) if choice.quantity is not None else None,
        unit=draft.unit.strip(),
        unit_code=code_of(draft.unit),
        unit_price=price,
        total=choice.total,
        confidence=round(confidence, 2),
        problems=tuple(dict.fromkeys([*problems, *gtin_problem])),
        source=draft.source,
    )


def checked_gtin(text: str) -> tuple[str, tuple[str, ...]]:
    """A GTIN with the right check digit; empty, and why, when it is none."""
    digits = text.strip()
    if not digits:
        return "", ()
    padded = digits.zfill(14) if len(digits) in (8, 12, 13, 14) else digits
    if len(padded) == 14 and padded.isascii() and padded.isdigit() and ean.is_valid(padded):
        return digits, ()
    return "", ("gtin-invalid",)


def _choose(draft: Draft) -> _Choice:
    first = _Choice(
        quantity=next(iter(draft.quantity), None),
        price=next(iter(draft.price), None),
        total=next(iter(draft.total), None),
        proved=False,
    )
    if not (draft.quantity and draft.price and draft.total):
        return first
    combinations = product(draft.quantity, draft.price, draft.total)
    for _, (quantity, price, total) in zip(range(_MOST_COMBINATIONS), combinations, strict=False):
        if multiplies(quantity, price, total, draft.discount):
            return _Choice(quantity=quantity, price=price, total=total, proved=True)
    return first


def multiplies(
    quantity: Decimal, price: Decimal, total: Decimal, discount: Decimal | None = None
) -> bool:
    """True when quantity x price is the total, as rounded, discounted or with VAT on top."""
    if quantity <= 0 or price < 0:
        return False
    exact = quantity * price
    slack = _slack(quantity, price, exact)
    total = abs(total)  # a credit note's is negative
    if abs(exact - total) <= slack:
        return True
    if any(abs(exact * left - total) <= slack for left in what_discount_leaves(discount)):
        return True
    return any(abs(exact * (100 + rate) / 100 - total) <= slack for rate in _VAT_RATES)


def what_discount_leaves(discount: Decimal | None) -> tuple[Decimal, ...]:
    """The share that is left to pay: per cent, or, below one, perhaps as Excel stores 15 %: 0.15"""
    if not discount:
        return ()
    per_cent = (100 - discount) / 100
    return (per_cent, 1 - discount) if 0 < discount < 1 else (per_cent,)


def doubted(line: OrderLine, problem: str) -> OrderLine:
    """The line with a problem that leaves it unsure."""
    return replace(
        line, confidence=min(line.confidence, _DOUBTED), problems=(*line.problems, problem)
    )


def ordered_as(line: OrderLine) -> tuple[object, ...]:
    """All of a line but how many: where two lines agree in it, one may correct the other."""
    return (line.sku, line.gtin, line.description, line.unit, line.unit_price)


def by_one_rule(lines: tuple[OrderLine, ...]) -> tuple[OrderLine, ...]:
    """Where some totals are quantity x price, one that only VAT would explain is a mistake."""
    exact = [_is_exact(line) for line in lines]
    if True not in exact or False not in exact:
        return lines
    return tuple(
        replace(
            line,
            confidence=min(line.confidence, 0.5),
            problems=tuple(dict.fromkeys((*line.problems, "line-total-mismatch"))),
        )
        if agrees is False
        else line
        for line, agrees in zip(lines, exact, strict=True)
    )


def with_bare_sizes_unsure(lines: tuple[OrderLine, ...]) -> tuple[OrderLine, ...]:
    """Among "Onions 20 kg x 2" and its like, "Garlic 1 kg" may be one's size, and no quantity."""
    sizes = Counter(
        size["unit"].lower()
        for line in lines
        if not line.unit and (size := _SIZE_LAST.search(line.description))
    )
    return tuple(
        replace(
            line,
            confidence=min(line.confidence, _DOUBTED),
            problems=tuple(dict.fromkeys((*line.problems, "quantity-ambiguous"))),
        )
        if sizes[line.unit.strip(".").lower()] > 1 and line.total is None
        else line
        for line in lines
    )


def _is_exact(line: OrderLine) -> bool | None:
    """True when the total is quantity x price and nothing else; None when one of them is unsaid."""
    if not line.quantity or not line.unit_price or not line.total:
        return None
    product = line.quantity * line.unit_price
    if product == line.total:
        return True
    return abs(product - abs(line.total)) <= _slack(line.quantity, line.unit_price, product)


def _slack(quantity: Decimal, price: Decimal, exact: Decimal) -> Decimal:
    """How far rounding of the price may move the total."""
    exponent = price.as_tuple().exponent
    places = -exponent if isinstance(exponent, int) else 0
    rounding = quantity * Decimal(5).scaleb(-max(places, 2) - 1) + Decimal("0.011")
    return min(rounding, abs(exact) / 200 + Decimal("0.011"))


def _discounted(price: Decimal, discount: Decimal, quantity: Decimal, total: Decimal) -> Decimal:
    """The price after the discount, where it is the discounted one that makes the total."""
    if multiplies(quantity, price, total):
        return price
    prices = [price * left for left in what_discount_leaves(discount)]
    made = next((one for one in prices if multiplies(quantity, one, total)), prices[0])
    return plain(made.quantize(Decimal("0.0001")))


def divided(total: Decimal, quantity: Decimal) -> Decimal | None:
    """total / quantity when that is a price someone would write; None otherwise."""
    price = (total / quantity).quantize(Decimal("0.0001"))
    return plain(price) if price * quantity == total else None


def numbered(lines: Iterable[OrderLine]) -> tuple[OrderLine, ...]:
    """The same lines, counted from one."""
    return tuple(
        one if one.line == place else replace(one, line=place)
        for place, one in enumerate(lines, start=1)
    )
