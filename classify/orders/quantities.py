"""Which column holds the quantity, and which price and total go with it.

In: columns by their headings, the figures below. Out: their places, and a problem where two may be
meant. Of several the pair is taken whose products agree in most rows.
"""

from collections.abc import Mapping, Sequence
from itertools import takewhile

from .agreement import MOST_TRIED, Figured
from .caseless import Caseless
from .cells import Cell, is_number, text_of
from .contents import numeric_share, texts_of_column, unit_in
from .words import Heading, Role

_COUNTED = r"(?:qty|quantity|menge|anzahl|кол-?во|количество)"
_BEFORE = Caseless(
    rf"\W*(?:{_COUNTED}\W+)?(?:old|original|before|previous(?:ly)?|alte?|bisher\w*|vorher"
    rf"|ursprünglich\w*|было|стар\w+|прежн\w+)(?:\W*{_COUNTED})?\W*$"
)
_NOW = Caseless(
    rf"\W*(?:{_COUNTED}\W+)?(?:new|now|after|revised|changed|changed to|neue?|nachher|jetzt"
    rf"|geändert|стало|нов\w+)(?:\W*{_COUNTED})?\W*$"
)


def first_of(roles: dict[int, Heading], role: Role) -> int | None:
    """The first column of a role; None when there is none."""
    return next((place for place in sorted(roles) if roles[place].role is role), None)


def places_of(roles: dict[int, Heading], *wanted: Role) -> list[int]:
    """The columns of these roles, from the left."""
    return [place for place in sorted(roles) if roles[place].role in wanted]


def quantity_column(
    roles: dict[int, Heading], heading_texts: Sequence[str], figured: Figured
) -> tuple[int | None, tuple[str, ...]]:
    """The quantity's column; two that disagree are named."""
    ordered = _with_numbers(figured, places_of(roles, Role.ORDERED))
    plain = _with_numbers(figured, places_of(roles, Role.QUANTITY))
    candidates = ordered or plain
    if len(candidates) == 1 and _is_price_list(heading_texts, candidates[0]):
        roles[candidates[0]] = Heading(role=Role.PACK_SIZE)
        return None, ()
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


def _is_price_list(heading_texts: Sequence[str], quantity: int) -> bool:
    """True where the only count is of a package, beside the least that may be ordered."""
    return _OF_PACKAGE.match(heading_texts[quantity]) is not None and any(
        map(_LEAST.match, heading_texts)
    )


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
    if base is None:
        return _proved_base(roles, found, figured), ()
    if base is None or price is None or quantity is None or figured.all_ones(base):
        return None, ()
    if total is not None and figured.agreement(quantity, price, total) > 0.5:
        return None, ()
    proved = total is not None and figured.agreement(quantity, price, total, base=base) > 0.5
    if not proved and heading_texts[base].strip(" .").lower() == "pe":
        return None, ("price-per-other-unit",)
    return base, ()


def _proved_base(
    roles: dict[int, Heading],
    found: tuple[int | None, int | None, int | None],
    figured: Figured,
) -> int | None:
    """The column of powers of ten, whatever it is headed, by which every total comes out."""
    quantity, price, total = found
    if quantity is None or price is None or total is None:
        return None
    known = {place for place in roles if roles[place].role is not Role.PACK_SIZE}
    if figured.agreement(quantity, price, total) > 0.5:
        return None
    for place in figured.counting(besides=known):
        if figured.are_powers_of_ten(place) and not figured.all_ones(place):
            if figured.agreement(quantity, price, total, base=place) == 1:
                roles[place] = Heading(role=Role.PRICE_BASE)
                return place
    return None


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
    if not prices or not totals:
        return
    for place in figured.counting(besides=known):
        others = [total for total in totals if total != place]
        if figured.best(place, prices, others)[0] > 0.7:
            roles[place] = Heading(role=Role.QUANTITY)
            return


# Columns of places: one delivery to their head office is counted by the sum. What columns of sizes,
# colours or weeks add up to names no goods.
_PLACES = Caseless(
    r"\b(?:branch\w*|stores?|shops?|sites?|locations?|warehouses?|depots?|outlets?|offices?|plants?"
    r"|restaurants?|schools?|departments?|wards?|rooms?|filial\w*|standort\w*|markt|märkte|laden"
    r"|läden|lager\w*|werke?|halle|haus|häuser|station\w*|niederlassung\w*|abteilung\w*|baustelle\w*"
    r"|objekte?|küche\w*|praxis|praxen|schulen?|gruppen?|filialen|филиал\w*|магазин\w*|склад\w*"
    r"|точк\w*|аптек\w*|объект\w*|участ(?:ок|к\w+)|отдел\w*|подразделени\w*|столов\w+|кафе"
    r"|ресторан\w*|школ\w*|групп\w*|корпус\w*|офис\w*|адрес\w*|цех\w*|ул|тц|трц)\b"
)
# What a price list says of a package and of the least that is sold.
_OF_PACKAGE = Caseless(
    rf"\W*(?:packs?|cases?|cartons?|box|inner|outer|ve|vpe|karton|упаковк\w*|коробк\w*)\W{{0,3}}{_COUNTED}\W*$"
)
_LEAST = Caseless(
    rf"\W*(?:moq|(?:min(?:imum|\.)?|мин(?:имальн\w+|\.)?)\W{{0,3}}(?:order\w*|заказ|партия|{_COUNTED})\b"
    r"|mindest\w*)"
)
_COUNTING = (Role.QUANTITY, Role.ORDERED)
_PERIOD = Caseless(r"\b(?:kw|cw|wk|weeks?|woche\w*|month\w*|monat\w*|недел\w*|месяц\w*)\b")


def take_sums(
    roles: dict[int, Heading],
    heading_texts: Sequence[str],
    under: Sequence[Sequence[Cell]],
    figured: Figured,
) -> None:
    """Where a column adds up those before it, as of several branches, it is the quantity.

    A "total" of columns that all count, or of none that is known to, is pieces and no money. Their
    headings, or the rows without a sum under them, must speak of places.
    """
    prices = places_of(roles, Role.PRICE, Role.PRICE_GROSS)[:MOST_TRIED]
    figures = [
        place
        for place in range(figured.width)
        if (place not in roles or roles[place].role in (Role.OTHER, Role.STOCK, *_COUNTING))
        and numeric_share(texts_of_column(figured.rows, place)) == 1
    ]
    for total in places_of(roles, Role.TOTAL, *_COUNTING)[:MOST_TRIED]:
        before = [place for place in figures if place < total]
        parts = _parts(roles, heading_texts, total, before[-2 * MOST_TRIED :], figured)
        if not parts or any(
            figured.agreement(one, price, total) > 0.5 for one in parts for price in prices
        ):
            continue
        above = _above_sums(under, total)
        named = {one: _named(one, heading_texts, above) for one in parts}
        spoken = " ".join(named.values())
        if not _PLACES.search(spoken) or _PERIOD.search(spoken):
            continue
        for one in parts:
            headed = "".join(heading_texts[one : one + 1])
            if one in roles or not headed or _PLACES.search(headed):
                roles[one] = Heading(role=Role.STOCK)
        if roles[total].role is Role.TOTAL:
            roles[total] = Heading(role=Role.QUANTITY, unit=unit_in(heading_texts[total]))
        return


def _parts(
    roles: dict[int, Heading],
    heading_texts: Sequence[str],
    total: int,
    figures: list[int],
    figured: Figured,
) -> list[int]:
    """Those of the columns of figures before a sum that make it, as far to the left as they do."""
    parts = figures
    while len(parts) > 1 and not figured.adds_up(parts, total):
        parts = parts[1:]
    counting = [one for one in parts if one in roles and roles[one].role in _COUNTING]
    unheaded = [one for one in parts if not "".join(heading_texts[one : one + 1])]
    if len(parts) < 2:
        return []
    if not counting and any(one != total for one in places_of(roles, *_COUNTING)):
        if roles[total].role is Role.TOTAL:
            roles[total] = Heading(role=Role.STOCK)  # of what is there, no money
        return []
    if not counting:
        return parts
    # "Quantity", "Free of charge": that one counts what the other does is not said.
    return parts if len({*counting, *unheaded}) == len(parts) else []


def _above_sums(under: Sequence[Sequence[Cell]], total: int) -> list[Sequence[Cell]]:
    return list(takewhile(lambda row: not is_number(row[total] if total < len(row) else ""), under))


def _named(place: int, heading_texts: Sequence[str], above: Sequence[Sequence[Cell]]) -> str:
    """What stands above a column's figures."""
    said = [text for row in above if place < len(row) and (text := text_of(row[place]))]
    return " ".join([*heading_texts[place : place + 1], *said])


def before_and_now(headings: Mapping[int, str]) -> dict[int, Heading]:
    """The columns of what was ordered and what is now; empty without one of each."""
    old = [place for place, text in headings.items() if _BEFORE.match(text)]
    new = [place for place, text in headings.items() if _NOW.match(text)]
    if len(old) != 1 or len(new) != 1:
        return {}
    return {old[0]: Heading(role=Role.OTHER), new[0]: Heading(role=Role.ORDERED)}
