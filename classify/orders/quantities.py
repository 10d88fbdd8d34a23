"""Which column holds the quantity, and which price and total go with it.

In: columns by their headings, the figures below. Out: their places, and a problem where two may be
meant. Of several the pair is taken whose products agree in most rows.
"""

from collections.abc import Sequence

from .agreement import MOST_TRIED, Figured
from .contents import numeric_share, texts_of_column
from .words import Heading, Role


def first_of(roles: dict[int, Heading], role: Role) -> int | None:
    """The first column of a role; None when there is none."""
    return next((place for place in sorted(roles) if roles[place].role is role), None)


def places_of(roles: dict[int, Heading], *wanted: Role) -> list[int]:
    """The columns of these roles, from the left."""
    return [place for place in sorted(roles) if roles[place].role in wanted]


def quantity_column(
    roles: dict[int, Heading], figured: Figured
) -> tuple[int | None, tuple[str, ...]]:
    """The quantity's column; two that disagree are named."""
    ordered = _with_numbers(figured, places_of(roles, Role.ORDERED))
    plain = _with_numbers(figured, places_of(roles, Role.QUANTITY))
    candidates = ordered or plain
    if len(ordered) == 1 and plain and not all(_agree(figured, ordered[0], one) for one in plain):
        candidates = ordered + plain
    if not candidates:
        named = places_of(roles, Role.QUANTITY, Role.ORDERED)
        return (named[0] if named else None), ()
    if len(candidates) == 1:
        return candidates[0], ()
    totals = places_of(roles, Role.TOTAL, Role.TOTAL_GROSS)
    prices = places_of(roles, Role.PRICE, Role.PRICE_GROSS)
    shares = [(figured.best(one, prices, totals)[0], one) for one in candidates[:MOST_TRIED]]
    best, place = max(shares, key=lambda pair: pair[0])
    return (place, ()) if best > 0.5 else (candidates[0], ("two-quantity-columns",))


def _agree(figured: Figured, one: int, two: int) -> bool:
    return figured.counts(one) == figured.counts(two)


def _with_numbers(figured: Figured, places: Sequence[int]) -> list[int]:
    return [one for one in places if numeric_share(texts_of_column(figured.rows, one)) > 0]


def price_and_total(
    roles: dict[int, Heading], quantity: int | None, figured: Figured
) -> tuple[int | None, int | None]:
    """The price and the total that go with the quantity."""
    prices = places_of(roles, Role.PRICE) + places_of(roles, Role.PRICE_GROSS)
    totals = places_of(roles, Role.TOTAL) + places_of(roles, Role.TOTAL_GROSS)
    if quantity is not None and len(prices) > 1 and not totals:
        discount = first_of(roles, Role.DISCOUNT)
        for total in prices[1:]:
            if figured.agreement(quantity, prices[0], total, discount) > 0.5:
                return prices[0], total
    if quantity is None or not prices or not totals:
        return (prices[0] if prices else None), (totals[0] if totals else None)
    if len(prices) == len(totals) == 1:
        return prices[0], totals[0]
    return figured.best(quantity, prices, totals)[1:]


def price_base_column(
    roles: dict[int, Heading],
    heading_texts: Sequence[str],
    found: tuple[int | None, int | None, int | None],
    figured: Figured,
) -> tuple[int | None, tuple[str, ...]]:
    """The column that says how many the price is for, as "PE" in SAP's forms: 1, 100 or 1000.

    Elsewhere "PE" is the size of a package: where no totals prove either, the price is in doubt.
    """
    base = first_of(roles, Role.PRICE_BASE)
    quantity, price, total = found
    if base is None or price is None or quantity is None or figured.all_ones(base):
        return None, ()
    if total is not None and figured.agreement(quantity, price, total) > 0.5:
        return None, ()
    proved = total is not None and figured.agreement(quantity, price, total, base=base) > 0.5
    if not proved and heading_texts[base].strip(" .").lower() == "pe":
        return None, ("price-per-other-unit",)
    return base, ()


def that_multiplies(
    roles: dict[int, Heading],
    found: tuple[int | None, int | None, int | None],
    figured: Figured,
) -> tuple[int, int, int] | None:
    """(quantity, price, total) that make every total where those found make none.

    Forms with boxes, pieces a box and pieces altogether price the pieces.
    """
    quantity, price, total = found
    if quantity is None or price is None or total is None:
        return None
    if figured.agreement(quantity, price, total) > 0.3 or figured.all_ones(price):
        return None
    taken = {place for place in roles if roles[place].role in (Role.POSITION, Role.SKU, Role.GTIN)}
    for one in places_of(roles, Role.TOTAL, Role.TOTAL_GROSS)[:MOST_TRIED]:
        for place in figured.counting(besides={*taken, quantity, price, one}):
            if figured.agreement(place, price, one) > 0.9:
                return place, price, one
    return None


def find_quantity(roles: dict[int, Heading], figured: Figured) -> None:
    """No quantity by its heading: a column that, times the price, makes the total is one."""
    prices = places_of(roles, Role.PRICE, Role.PRICE_GROSS)
    totals = places_of(roles, Role.TOTAL, Role.TOTAL_GROSS)
    known = {place for place in roles if roles[place].role not in (Role.TOTAL, Role.OTHER)}
    if not prices and (altogether := _sum_of_columns(roles, figured)) is not None:
        roles[altogether] = Heading(role=Role.QUANTITY)
        return
    if not prices or not totals:
        return
    for place in figured.counting(besides=known):
        others = [total for total in totals if total != place]
        if figured.best(place, prices, others)[0] > 0.7:
            roles[place] = Heading(role=Role.QUANTITY)
            return


def _sum_of_columns(roles: dict[int, Heading], figured: Figured) -> int | None:
    """A "total" that adds up the columns before it, as of several warehouses: pieces, no money."""
    for total in places_of(roles, Role.TOTAL):
        parts = [
            place
            for place in range(total)
            if (place not in roles or roles[place].role in (Role.OTHER, Role.STOCK))
            and numeric_share(texts_of_column(figured.rows, place)) == 1
        ]
        if len(parts) > 1 and figured.adds_up(parts, total):
            return total
    return None
