"""Amounts behind quantities in a list: the price of one, or of all?

In: what the lines of a text order, and the text. Out: the same, without `price-or-total-unclear`
where it is the price of one: because the text says so ("prices are per bag", "unit price"), or
because every line of the list is laid out alike and the amounts can be no sums. They cannot where
one has more decimals than money has, where most are no multiple of the quantity to the cent (or
half, and more fall than grow as the quantities do), where three or more fall as the quantities
grow, or where one amount stands at different quantities of the same goods.

Limits: one amount alone ("50 mugs - 200 €") stays in doubt, and so does a list that names a sum;
there judge.py looks whether the lines come to it.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import combinations

from .caseless import Caseless
from .item import Candidate
from .units import unit_of

_UNCLEAR = "price-or-total-unclear"
_PIECES = frozenset({"H87", "EA", "C62", ""})
_ANY = "C62"
# "unit price", "Stückpreise netto", "Цены указаны за единицу"
_SAYS = Caseless(
    r"\b(?:unit (?:price|cost)s?|(?:price|cost)s? (?:each|(?:are |is )?for one)"
    r"|(?:einzel|stück)preise?n?|e-?preise?|ep|цен\w{0,2} единицы)\b"
)
_SPEAKS = Caseless(r"\b(?:цен\w{0,2}|стоимость|prices?|pricing|rates?|\w*preise?n?)\b")
_FOR_ONE = Caseless(r"(?<!\w)(?:за|per|pro|je|by the|/)\s?(?:1\s)?(?P<unit>[^\W\d_]+)")
_SUMS = Caseless(
    r"\b(?:gesamt\w*|zeilensumme\w*|line totals?|total (?:price|amount|per line)s?|totals"
    r"|for (?:all|the lot)|zusammen|altogether|общ\w+ (?:цен|стоим|сумм)\w*|за вс[её]"
    r"|сумм\w{0,2})\b"
)
# "42 р. за всё": behind an amount
_OF_ALL = Caseless(
    r"\d.{0,12}(?:за вс[её]|всего|итого|for (?:all|the lot)|altogether|(?:in )?total|zusammen"
    r"|(?:ins)?gesamt)\W*$"
)
_CENT = Decimal("0.01")
_FALLING = 3  # amounts that fall where one grows, to be called falling
_SAME_LETTERS = 4  # of a first word that names the same goods


def prices_of_one(
    candidates: Sequence[tuple[int, Candidate]],
    listed: Collection[int],
    lines: Sequence[str],
    summed: bool,
) -> list[tuple[int, Candidate]]:
    """The candidates, those cleared whose amount is the price of one.

    `listed`: places of the lines of a list. `summed`: the text gives a sum.
    """
    priced = [(place, one) for place, one in candidates if one.draft.price]
    unclear = [one for _, one in priced if _UNCLEAR in one.draft.problems]
    if not unclear:
        return list(candidates)
    taken = {place for place, _ in priced}
    said = [line for place, line in enumerate(lines) if place not in taken and line.strip()]
    sums = any(_SUMS.search(line) for line in said)
    if sums or any(_OF_ALL.search(lines[place]) for place in taken):
        return list(candidates)
    units = frozenset(code for line in said for code in _units_said(line))
    of_list = not summed and _is_list(priced, listed) and _no_sums(unclear)
    return [
        (place, _cleared(one) if of_list or _is_said(one, units) else one)
        for place, one in candidates
    ]


def _cleared(one: Candidate) -> Candidate:
    kept = tuple(problem for problem in one.draft.problems if problem != _UNCLEAR)
    return replace(one, draft=replace(one.draft, problems=kept))


def _units_said(line: str) -> list[str]:
    """The codes of the units that prices are said to be for; that of any unit included."""
    codes = [_ANY] if _SAYS.search(line) else []
    if _SPEAKS.search(line):
        named = [unit_of(match["unit"]) for match in _FOR_ONE.finditer(line)]
        codes += [unit.code for unit in named if unit is not None]
    return codes


def _is_said(one: Candidate, codes: frozenset[str]) -> bool:
    if _ANY in codes:
        return True
    unit = unit_of(one.draft.unit) if one.draft.unit else None
    code = unit.code if unit else ""
    return bool(codes & _PIECES) if code in _PIECES else code in codes


def _is_list(priced: Sequence[tuple[int, Candidate]], listed: Collection[int]) -> bool:
    """True for lines of a list laid out alike, each a quantity and one amount."""
    shapes = {(one.first, bool(one.money), bool(one.draft.discount)) for _, one in priced}
    return len(shapes) == 1 and all(
        place in listed
        and (one.has_unit or one.counted)
        and not one.draft.total
        and len(one.draft.price) == len(one.draft.quantity) == 1
        and (_UNCLEAR in one.draft.problems or one.draft.quantity[0] == 1)
        for place, one in priced
    )


def _no_sums(unclear: Sequence[Candidate]) -> bool:
    """True where the amounts of two lines or more can be no sums."""
    if len(unclear) < 2:
        return False
    pairs = [(one.draft.quantity[0], one.draft.price[0]) for one in unclear]
    if any(price % _CENT for _, price in pairs):
        return True
    growing, falling = _trend(pairs)
    odd = sum(_no_multiple(*pair) for pair in pairs)
    if (falling and odd * 2 > len(pairs)) or (falling > growing and odd * 2 == len(pairs)):
        return True
    if falling >= _FALLING and falling >= _FALLING * growing:
        return True
    return any(
        one.draft.price == other.draft.price
        and one.draft.quantity != other.draft.quantity
        and _names_same(one.draft.description, other.draft.description)
        for one, other in combinations(unclear[:50], 2)
    )


def _trend(pairs: Sequence[tuple[Decimal, Decimal]]) -> tuple[int, int]:
    """How many pairs of amounts grow with their quantities, and how many fall."""
    steps = [
        (one[0] - other[0]) * (one[1] - other[1]) for one, other in combinations(pairs[:50], 2)
    ]
    return sum(step > 0 for step in steps), sum(step < 0 for step in steps)


def _no_multiple(quantity: Decimal, amount: Decimal) -> bool:
    """True for 8.75 and 200 pieces: no price of one, in whole cents, makes that sum."""
    return amount % 1 != 0 and (amount / quantity) % _CENT != 0


def _names_same(one: str, other: str) -> bool:
    first = one.partition(" ")[0].lower()
    return len(first) >= _SAME_LETTERS and first == other.partition(" ")[0].lower()
