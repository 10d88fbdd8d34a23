"""Which column holds what: by the heading's words, corrected by the cells below them.

In: rows of cells and where a heading may stand. Out: `Columns`, or None when that row is no
heading of a goods table. A heading may fill two rows (a group title above its parts). Words that
mean two things are settled by content: an "Item" column of 10, 20, 30 counts positions, a
"Material" column of numbers holds codes. Of several price and total columns the pair is taken
whose products agree in most rows.

Limits: without a heading only tables whose shape leaves no doubt are read, and less surely.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from itertools import dropwhile

from .agreement import Figured
from .answers import answers_of, for_several, may_name_order, names_orders, yes_or_no
from .cells import Cell, is_number, text_of
from .contents import (
    are_codes,
    are_positions,
    are_the_same,
    are_words,
    is_scaled,
    may_count,
    numeric_share,
    texts_of_column,
    unit_in,
    unit_share,
)
from .currency import currency_in
from .fields import Columns
from .quantities import (
    before_and_now,
    find_quantity,
    first_of,
    places_of,
    price_and_total,
    price_base_column,
    quantity_column,
    take_sums,
    that_multiplies,
)
from .units import unit_of
from .words import (
    Heading,
    Role,
    counts_pieces,
    heading,
    price_base,
    priced_otherwise,
    says_price,
    unit_heading,
)

_DOUBTED = 0.8  # a column of figures nobody knows may hold the true quantity
_LOOK_AHEAD = 40  # rows below the heading that may correct it
_GOODS = frozenset({Role.SKU, Role.BUYER_SKU, Role.GTIN, Role.DESCRIPTION})
_FIGURES = frozenset(
    {Role.QUANTITY, Role.ORDERED, Role.PRICE, Role.PRICE_GROSS, Role.TOTAL, Role.TOTAL_GROSS}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundHeading:
    """A heading and how many rows it takes."""

    columns: Columns
    rows: int
    width: int  # cells; a row with more of them was cut where nobody meant it


def columns_of(rows: Sequence[Sequence[Cell]], index: int, mark: str) -> FoundHeading | None:
    """The columns when a heading of a goods table begins at rows[index]."""
    named = rows[index]
    roles = _roles(named)
    if roles is None:
        return None
    used = 1
    if index + 1 < len(rows):
        second = _second_row(rows[index], rows[index + 1])
        if second is not None:
            merged = _roles(second)
            if merged is not None and len(merged) >= len(roles):
                roles, used, named = merged, 2, second
    if not _is_goods(roles):
        return None
    under = rows[index + used : index + used + _LOOK_AHEAD]
    below = [
        row
        for row in dropwhile(partial(_goes_on, first=min(roles)), under)
        if len(row) - row.count("") > 1  # a title or a total says nothing of columns
    ]
    texts = [text_of(cell) for cell in named]
    return FoundHeading(
        columns=_settled(roles, texts, under, below, mark),
        rows=used,
        width=max(map(len, rows[index:][:used])),
    )


def _goes_on(row: Sequence[Cell], first: int) -> bool:
    """True for a row below a heading that only goes on with it: the branches of a firm."""
    return not any(is_number(cell) for cell in row) and not text_of(
        row[first] if first < len(row) else ""
    )


def _roles(row: Sequence[Cell]) -> dict[int, Heading] | None:
    """The headings by column; None when the row cannot be a heading."""
    said = [(place, text_of(cell)) for place, cell in enumerate(row) if text_of(cell)]
    if len(said) < 2 or sum(isinstance(row[place], Decimal) for place, _ in said) > len(said) / 3:
        return None
    roles: dict[int, Heading] = {}
    for place, text in said:
        found = heading(text)
        if found:
            roles[place] = found
    roles |= before_and_now(dict(said))
    if len(roles) < 2 or len(roles) * 2 < len(said):
        return None
    wants_quantity = not any(one.role in (Role.QUANTITY, Role.ORDERED) for one in roles.values())
    for place, text in said:
        by_unit = unit_heading(text) if wants_quantity else None
        if by_unit and (place not in roles or _only_unit(roles, place)):
            roles[place] = by_unit
            wants_quantity = False
    return roles


def _only_unit(roles: dict[int, Heading], place: int) -> bool:
    return False if roles[place].role is Role.UNIT else roles[place].role is Role.OTHER


def _is_goods(roles: dict[int, Heading]) -> bool:
    found = {one.role for one in roles.values()}
    figures = found & _FIGURES
    return bool(figures) and (
        bool(found & _GOODS)
        or (len(figures) >= 2 and Role.POSITION in found)
        or (Role.UNIT in found and Role.POSITION in found)
    )


def _second_row(first: Sequence[Cell], second: Sequence[Cell]) -> list[Cell] | None:
    """Both rows as one when the second only completes the heading; None when it is content."""
    said = [text_of(cell) for cell in second if text_of(cell)]
    if not said or any(isinstance(cell, Decimal) for cell in second):
        return None
    if any(any(char.isdigit() for char in text) or len(text) > 30 for text in said):
        return None
    known = sum(1 for text in said if heading(text) or unit_heading(text))
    if known * 2 < len(said):
        return None
    merged: list[Cell] = []
    for place in range(max(len(first), len(second))):
        above = text_of(first[place]) if place < len(first) else ""
        under = text_of(second[place]) if place < len(second) else ""
        below = heading(under)
        says_unit = below is not None and below.role in (Role.UNIT, Role.UNIT_CODE)
        merged.append(under if says_unit else f"{above} {under}".strip())
    return merged


def _settled(
    roles: dict[int, Heading],
    heading_texts: Sequence[str],
    under: Sequence[Sequence[Cell]],
    below: Sequence[Sequence[Cell]],
    mark: str,
) -> Columns:
    figured = Figured(below, mark)
    roles = _by_content(roles, heading_texts, figured)
    order_number = _order_number(roles, heading_texts, below)
    take_sums(roles, heading_texts, under, figured)
    quantity, problems = quantity_column(roles, heading_texts, figured)
    if before_and_now(dict(enumerate(heading_texts))):
        problems += ("change",)
    price, total = price_and_total(roles, quantity, figured)
    if total is not None and price is None and counts_pieces(heading_texts[total]):
        total = None  # "Total units" is no money
        problems += ("two-quantity-columns",)
    if better := that_multiplies(roles, (quantity, price, total), figured):
        quantity, price, total = better
        roles[quantity] = Heading(role=Role.QUANTITY, unit=unit_in(heading_texts[quantity]))
    base, doubts = price_base_column(roles, heading_texts, (quantity, price, total), figured)
    problems += doubts
    sku = _sku(roles, below)
    descriptions = _descriptions(roles, below, sku)
    if sku is None and not descriptions:
        sku = first_of(roles, Role.BUYER_SKU)
    if _has_unknown(roles, heading_texts, below):
        problems += ("column-unknown",)
    problems += for_several(heading_texts, below)
    if quantity is not None and is_scaled(heading_texts[quantity]):
        problems += ("quantity-scaled",)
    if price is not None and quantity is not None:
        counted = roles[quantity].unit
        if first_of(roles, Role.UNIT) is None or counted:
            problems += priced_otherwise(heading_texts[price], counted)
    currencies = {one.currency for one in roles.values() if one.currency}
    return Columns(
        sku=sku,
        gtin=first_of(roles, Role.GTIN),
        descriptions=descriptions,
        quantity=quantity,
        unit=first_of(roles, Role.UNIT)
        if first_of(roles, Role.UNIT) is not None
        else first_of(roles, Role.UNIT_CODE),
        price=price,
        total=total,
        discount=first_of(roles, Role.DISCOUNT),
        base=base,
        price_base=price_base(heading_texts[price]) if price is not None else Decimal(1),
        unit_word=roles[quantity].unit if quantity is not None else "",
        currency=currencies.pop() if len(currencies) == 1 else "",
        currency_column=first_of(roles, Role.CURRENCY),
        answers=answers_of(heading_texts, below, set(roles)),
        order_number=order_number,
        is_form=bool(places_of(roles, Role.STOCK, Role.ORDERED)) and "change" not in problems,
        confidence=(
            0.5 if quantity is None else _DOUBTED if "column-unknown" in problems else 0.94
        ),
        problems=problems,
    )


_PACK_WORDS = frozenset({"vpe", "ve", "pe", "уп", "упак", "pack"})  # beside a quantity: its size


def _has_unknown(
    roles: dict[int, Heading], texts: Sequence[str], below: Sequence[Sequence[Cell]]
) -> bool:
    """True for a column of figures under a heading we do not know: it may be what matters.

    So may one under no heading beside a quantity, whose heading may stand above both.
    """
    counted = False
    goods = min(places_of(roles, *_GOODS), default=0)
    for place, text in enumerate(texts):
        if text or place in roles:
            counted = place in roles and roles[place].role in (Role.QUANTITY, Role.ORDERED)
        if place in roles or not (text or counted) or text.strip(" .").lower() in _PACK_WORDS:
            continue
        said = texts_of_column(below, place)
        if numeric_share(said) > 0.7 and may_count(said, leads=place < goods):
            return True
    return False


def _order_number(
    roles: dict[int, Heading], texts: Sequence[str], below: Sequence[Sequence[Cell]]
) -> int | None:
    """The column that names each row's order; "Bestellnummer" may head the products' codes.

    It does where no other column holds codes and no code comes twice.
    """
    named = places_of(roles, Role.ORDER_NUMBER)
    if named:
        return max(named, key=lambda place: (len(set(texts_of_column(below, place))), -place))
    codes = places_of(roles, Role.SKU, Role.BUYER_SKU)
    for place in codes:
        said = texts_of_column(below, place)
        if may_name_order(texts[place]) and (len(codes) > 1 or len(set(said)) < len(said)):
            roles[place] = Heading(role=Role.ORDER_NUMBER)
            for one in codes:
                found = heading(texts[one])
                if found is not None and found.role is Role.DESCRIPTION:
                    roles[one] = Heading(role=Role.SKU)  # "Material", above codes
            return place
    return next((place for place in range(len(texts)) if names_orders(texts, place)), None)


def _by_content(
    roles: dict[int, Heading], heading_texts: Sequence[str], figured: Figured
) -> dict[int, Heading]:
    """Mend headings whose cells say otherwise."""
    below = figured.rows
    mended = dict(roles)
    descriptions = places_of(roles, Role.DESCRIPTION)
    wordiest = descriptions[0] if descriptions else None
    if len(descriptions) > 1:
        wordiest = max(descriptions, key=lambda one: _letters_below(below, one))
    for place in descriptions:
        texts = texts_of_column(below, place)
        if texts and place != wordiest and are_codes(texts) and are_the_same(texts):
            mended[place] = replace(roles[place], role=Role.OTHER)  # a plant, a project
        elif texts and place != wordiest and are_codes(texts):
            mended[place] = replace(roles[place], role=_code_role(roles, place, figured))
        elif texts and are_positions(texts) and len(texts) > 1:
            mended[place] = replace(roles[place], role=Role.POSITION)
    for place in places_of(mended, Role.ORDERED):
        if texts_of_column(below, place) and yes_or_no(below, place):
            del mended[place]  # "Order?": yes
    quantities = places_of(mended, Role.QUANTITY, Role.ORDERED)
    units = places_of(mended, Role.UNIT)
    if units and numeric_share(texts_of_column(below, units[0])) > 0.7:
        if quantities and any(currency_in(text) for text in texts_of_column(below, units[0])):
            mended[units[0]] = replace(mended[units[0]], role=Role.PRICE)
        elif not quantities:
            mended[units[0]] = replace(mended[units[0]], role=Role.QUANTITY)
        elif unit_share(texts_of_column(below, quantities[0])) > 0.5:
            mended[units[0]] = replace(mended[units[0]], role=Role.QUANTITY)
            mended[quantities[0]] = replace(mended[quantities[0]], role=Role.UNIT)
    for place in places_of(mended, Role.UNIT):
        texts = texts_of_column(below, place)
        if numeric_share(texts) > 0.7 and not all(unit_of(text) for text in texts):
            del mended[place]  # figures are no units: they may be the prices of one
    for place in places_of(mended, Role.PRICE_BASE):
        if not figured.are_powers_of_ten(place) or not places_of(mended, Role.PRICE):
            del mended[place]  # "Price unit" may be the price of a unit
            if says_price(heading_texts[place]):
                mended[place] = Heading(role=Role.PRICE, currency=currency_in(heading_texts[place]))
    if not places_of(mended, Role.DESCRIPTION):
        _find_description(mended, below)
    if not places_of(mended, Role.QUANTITY, Role.ORDERED):
        find_quantity(mended, figured)
    if not places_of(mended, Role.UNIT):
        _find_unit(mended, below)
    return mended


def _code_role(roles: dict[int, Heading], place: int, figured: Figured) -> Role:
    """What a column headed like a name holds when codes stand in it."""
    texts = texts_of_column(figured.rows, place)
    if are_positions(texts):
        return Role.POSITION
    headed = places_of(roles, Role.SKU)
    filled = max((len(texts_of_column(figured.rows, one)) for one in headed), default=0)
    return Role.BUYER_SKU if filled >= len(texts) else Role.SKU


def _find_unit(roles: dict[int, Heading], below: Sequence[Sequence[Cell]]) -> None:
    """A column without heading that holds nothing but units, as under a merged "Количество"."""
    for place in range(max((len(row) for row in below), default=0)):
        texts = texts_of_column(below, place)
        if place not in roles and texts and unit_share(texts) >= 0.8:
            roles[place] = Heading(role=Role.UNIT)
            return


def _find_description(roles: dict[int, Heading], below: Sequence[Sequence[Cell]]) -> None:
    """A column without a known heading that holds words is the description."""
    width = max((len(row) for row in below), default=0)
    best, most = None, 0.0
    for place in range(width):
        if place in roles and roles[place].role not in (Role.POSITION, Role.OTHER, Role.SKU):
            continue
        if (
            place in roles
            and roles[place].role is Role.SKU
            and not are_words(texts_of_column(below, place))
        ):
            continue
        letters = _letters_below(below, place)
        if letters > most and letters >= 4 * max(1, len(below)) and not yes_or_no(below, place):
            best, most = place, letters
    if best is not None:
        roles[best] = Heading(role=Role.DESCRIPTION)


def _letters_below(below: Sequence[Sequence[Cell]], place: int) -> int:
    return sum(sum(char.isalpha() for char in text) for text in texts_of_column(below, place))


def _sku(roles: dict[int, Heading], below: Sequence[Sequence[Cell]]) -> int | None:
    """The code column that is filled best and tells products apart; the first of equals."""
    columns = places_of(roles, Role.SKU)
    if len(columns) < 2:
        return columns[0] if columns else None
    return max(
        columns,
        key=lambda place: (
            not are_the_same(texts_of_column(below, place)),
            len(texts_of_column(below, place)),
            -unit_share(texts_of_column(below, place)),
            -place,
        ),
    )


def _descriptions(
    roles: dict[int, Heading], below: Sequence[Sequence[Cell]], sku: int | None
) -> tuple[int, ...]:
    """The name first, then what belongs to it: size, grade, a second text column."""
    names = places_of(roles, Role.DESCRIPTION)
    details = [place for place in places_of(roles, Role.DETAIL) if place != sku]
    if len(names) > 1:
        longest = max(
            names, key=lambda place: sum(len(text) for text in texts_of_column(below, place))
        )
        names = [longest]
    return (*names, *details)
