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

from .answers import answers_of, for_several, yes_or_no
from .cells import Cell, is_number, text_of
from .contents import (
    adds_up,
    agreement,
    all_ones,
    are_codes,
    are_positions,
    are_words,
    has_units,
    is_scaled,
    numeric_share,
    texts_of_column,
    unit_in,
    unit_share,
)
from .currency import currency_in
from .fields import Columns
from .units import unit_of
from .words import Heading, Role, counts_pieces, heading, price_base, priced_otherwise, unit_heading

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
    below = [
        row
        for row in rows[index + used : index + used + _LOOK_AHEAD]
        if len(row) - row.count("") > 1  # a title or a total says nothing of columns
    ]
    texts = [text_of(cell) for cell in named]
    return FoundHeading(columns=_settled(roles, texts, below, mark), rows=used)


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
    below: Sequence[Sequence[Cell]],
    mark: str,
) -> Columns:
    roles = _by_content(roles, below, mark)
    quantity, problems = _quantity(roles, below, mark)
    price, total = _price_and_total(roles, quantity, below, mark)
    if total is not None and price is None and counts_pieces(heading_texts[total]):
        total = None  # "Total units" is no money
        problems += ("two-quantity-columns",)
    if better := _that_multiplies(roles, (quantity, price, total), below, mark):
        quantity, price, total = better
        roles[quantity] = Heading(role=Role.QUANTITY, unit=unit_in(heading_texts[quantity]))
    sku = _sku(roles, below)
    descriptions = _descriptions(roles, below, sku)
    if sku is None and not descriptions:
        sku = _first(roles, Role.BUYER_SKU)
    if _has_unknown(roles, heading_texts, below):
        problems += ("column-unknown",)
    problems += for_several(heading_texts, below)
    if quantity is not None and is_scaled(heading_texts[quantity]):
        problems += ("quantity-scaled",)
    if price is not None and quantity is not None:
        counted = roles[quantity].unit
        if _first(roles, Role.UNIT) is None or counted:
            problems += priced_otherwise(heading_texts[price], counted)
    currencies = {one.currency for one in roles.values() if one.currency}
    return Columns(
        sku=sku,
        gtin=_first(roles, Role.GTIN),
        descriptions=descriptions,
        quantity=quantity,
        unit=_first(roles, Role.UNIT)
        if _first(roles, Role.UNIT) is not None
        else _first(roles, Role.UNIT_CODE),
        price=price,
        total=total,
        discount=_first(roles, Role.DISCOUNT),
        price_base=price_base(heading_texts[price]) if price is not None else Decimal(1),
        unit_word=roles[quantity].unit if quantity is not None else "",
        currency=currencies.pop() if len(currencies) == 1 else "",
        answers=answers_of(heading_texts, below, set(roles)),
        is_form=bool(_all(roles, Role.STOCK, Role.ORDERED)),
        confidence=(
            0.5 if quantity is None else _DOUBTED if "column-unknown" in problems else 0.94
        ),
        problems=problems,
    )


_PACK_WORDS = frozenset({"vpe", "ve", "pe", "уп", "упак", "pack"})  # beside a quantity: its size


def _has_unknown(
    roles: dict[int, Heading], texts: Sequence[str], below: Sequence[Sequence[Cell]]
) -> bool:
    """True for a column of figures under a heading we do not know: it may be what matters."""
    return any(
        text
        and place not in roles
        and text.strip(" .").lower() not in _PACK_WORDS
        and numeric_share(texts_of_column(below, place)) > 0.7
        for place, text in enumerate(texts)
    )


def _first(roles: dict[int, Heading], role: Role) -> int | None:
    return next((place for place in sorted(roles) if roles[place].role is role), None)


def _all(roles: dict[int, Heading], *wanted: Role) -> list[int]:
    return [place for place in sorted(roles) if roles[place].role in wanted]


def _by_content(
    roles: dict[int, Heading], below: Sequence[Sequence[Cell]], mark: str
) -> dict[int, Heading]:
    """Mend headings whose cells say otherwise."""
    mended = dict(roles)
    descriptions = _all(roles, Role.DESCRIPTION)
    wordiest = descriptions[0] if descriptions else None
    if len(descriptions) > 1:
        wordiest = max(descriptions, key=lambda one: _letters_below(below, one))
    for place in descriptions:
        texts = texts_of_column(below, place)
        if texts and place != wordiest and are_codes(texts):
            role = Role.POSITION if are_positions(texts) else Role.SKU
            mended[place] = replace(roles[place], role=role)
        elif texts and are_positions(texts) and len(texts) > 1:
            mended[place] = replace(roles[place], role=Role.POSITION)
    quantities = _all(mended, Role.QUANTITY, Role.ORDERED)
    units = _all(mended, Role.UNIT)
    if units and numeric_share(texts_of_column(below, units[0])) > 0.7:
        if quantities and any(currency_in(text) for text in texts_of_column(below, units[0])):
            mended[units[0]] = replace(mended[units[0]], role=Role.PRICE)
        elif not quantities:
            mended[units[0]] = replace(mended[units[0]], role=Role.QUANTITY)
        elif unit_share(texts_of_column(below, quantities[0])) > 0.5:
            mended[units[0]] = replace(mended[units[0]], role=Role.QUANTITY)
            mended[quantities[0]] = replace(mended[quantities[0]], role=Role.UNIT)
    for place in _all(mended, Role.UNIT):
        texts = texts_of_column(below, place)
        if numeric_share(texts) > 0.7 and not all(unit_of(text) for text in texts):
            del mended[place]  # figures are no units: they may be the prices of one
    if not _all(mended, Role.DESCRIPTION):
        _find_description(mended, below)
    if not _all(mended, Role.QUANTITY, Role.ORDERED):
        _find_quantity(mended, below, mark)
    if not _all(mended, Role.UNIT):
        _find_unit(mended, below)
    return mended


def _find_unit(roles: dict[int, Heading], below: Sequence[Sequence[Cell]]) -> None:
    """A column without heading that holds nothing but units, as under a merged "Количество"."""
    for place in range(max((len(row) for row in below), default=0)):
        texts = texts_of_column(below, place)
        if place not in roles and texts and unit_share(texts) >= 0.8:
            roles[place] = Heading(role=Role.UNIT)
            return


def _find_quantity(roles: dict[int, Heading], below: Sequence[Sequence[Cell]], mark: str) -> None:
    """No quantity by its heading: a column that, times the price, makes the total is one."""
    prices = _all(roles, Role.PRICE, Role.PRICE_GROSS)
    totals = _all(roles, Role.TOTAL, Role.TOTAL_GROSS)
    width = max((len(row) for row in below), default=0)
    known = {place for place in roles if roles[place].role not in (Role.TOTAL, Role.OTHER)}
    if not prices and (altogether := _sum_of_columns(roles, below, mark)) is not None:
        roles[altogether] = Heading(role=Role.QUANTITY)
        return
    for place in range(width):
        others = [total for total in totals if total != place]
        if place in known or not prices or not others:
            continue
        if any(
            agreement(below, place, price, total, mark) > 0.7
            for price in prices
            for total in others
        ):
            roles[place] = Heading(role=Role.QUANTITY)
            return


def _sum_of_columns(
    roles: dict[int, Heading], below: Sequence[Sequence[Cell]], mark: str
) -> int | None:
    """A "total" that adds up the columns before it, as of several warehouses: pieces, no money."""
    for total in _all(roles, Role.TOTAL):
        parts = [
            place
            for place in range(total)
            if (place not in roles or roles[place].role in (Role.OTHER, Role.STOCK))
            and numeric_share(texts_of_column(below, place)) == 1
        ]
        if len(parts) > 1 and adds_up(below, parts, total, mark):
            return total
    return None


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


def _quantity(
    roles: dict[int, Heading], below: Sequence[Sequence[Cell]], mark: str
) -> tuple[int | None, tuple[str, ...]]:
    """The quantity's column; two that disagree are named."""
    ordered = [
        place
        for place in _all(roles, Role.ORDERED)
        if numeric_share(texts_of_column(below, place)) > 0
    ]
    plain = [
        place
        for place in _all(roles, Role.QUANTITY)
        if numeric_share(texts_of_column(below, place)) > 0
    ]
    candidates = ordered or plain
    if not candidates:
        named = _all(roles, Role.QUANTITY, Role.ORDERED)
        return (named[0] if named else None), ()
    if len(candidates) == 1:
        return candidates[0], ()
    totals = _all(roles, Role.TOTAL, Role.TOTAL_GROSS)
    prices = _all(roles, Role.PRICE, Role.PRICE_GROSS)
    scored = [
        (
            max(
                (
                    agreement(below, place, price, total, mark)
                    for price in prices
                    for total in totals
                ),
                default=0.0,
            ),
            -place,
        )
        for place in candidates
    ]
    best, place = max(scored)
    if best > 0.5:
        return -place, ()
    return candidates[0], ("two-quantity-columns",)


def _price_and_total(
    roles: dict[int, Heading], quantity: int | None, below: Sequence[Sequence[Cell]], mark: str
) -> tuple[int | None, int | None]:
    prices = _all(roles, Role.PRICE) + _all(roles, Role.PRICE_GROSS)
    totals = _all(roles, Role.TOTAL) + _all(roles, Role.TOTAL_GROSS)
    if quantity is not None and len(prices) > 1 and not totals:
        discount = _first(roles, Role.DISCOUNT)
        for total in prices[1:]:
            if agreement(below, quantity, prices[0], total, mark, discount) > 0.5:
                return prices[0], total
    if quantity is None or not prices or not totals:
        return (prices[0] if prices else None), (totals[0] if totals else None)
    if len(prices) == len(totals) == 1:
        return prices[0], totals[0]
    best = max(
        ((agreement(below, quantity, price, total, mark), -one, -two), price, total)
        for one, price in enumerate(prices)
        for two, total in enumerate(totals)
    )
    return best[1], best[2]


def _that_multiplies(
    roles: dict[int, Heading],
    found: tuple[int | None, int | None, int | None],
    below: Sequence[Sequence[Cell]],
    mark: str,
) -> tuple[int, int, int] | None:
    """(quantity, price, total) that make every total where those found make none.

    Forms with boxes, pieces a box and pieces altogether price the pieces.
    """
    quantity, price, total = found
    if quantity is None or price is None or total is None:
        return None
    if agreement(below, quantity, price, total, mark) > 0.3 or all_ones(below, price):
        return None
    taken = {place for place in roles if roles[place].role in (Role.POSITION, Role.SKU, Role.GTIN)}
    for one in _all(roles, Role.TOTAL, Role.TOTAL_GROSS):
        for place in range(max((len(row) for row in below), default=0)):
            if place in taken or place in (quantity, price, one):
                continue
            if agreement(below, place, price, one, mark) > 0.9:
                return place, price, one
    return None


def _sku(roles: dict[int, Heading], below: Sequence[Sequence[Cell]]) -> int | None:
    """The code column that is filled best; the first of equals."""
    columns = _all(roles, Role.SKU)
    if len(columns) < 2:
        return columns[0] if columns else None
    return max(
        columns,
        key=lambda place: (
            len(texts_of_column(below, place)),
            -unit_share(texts_of_column(below, place)),
            -place,
        ),
    )


def _descriptions(
    roles: dict[int, Heading], below: Sequence[Sequence[Cell]], sku: int | None
) -> tuple[int, ...]:
    """The name first, then what belongs to it: size, grade, a second text column."""
    names = _all(roles, Role.DESCRIPTION)
    details = [place for place in _all(roles, Role.DETAIL) if place != sku]
    if len(names) > 1:
        longest = max(
            names, key=lambda place: sum(len(text) for text in texts_of_column(below, place))
        )
        names = [longest]
    return (*names, *details)


def columns_by_content(rows: Sequence[Sequence[Cell]], mark: str) -> Columns | None:
    """The columns of a table without a heading, when its cells leave no doubt; else None."""
    body = [row for row in rows if sum(bool(text_of(cell)) for cell in row) >= 2][:_LOOK_AHEAD]
    while body and not any(is_number(cell) for cell in body[0]):
        body = body[1:]  # a heading in words we do not know
    if not body:
        return None
    width = max(len(row) for row in body)
    texts = {place: texts_of_column(body, place) for place in range(width)}
    full = [place for place in texts if len(texts[place]) >= 0.7 * len(body)]
    words = [
        place for place in full if _letters(texts[place]) >= 0.6 and unit_share(texts[place]) < 0.6
    ]
    numeric = [
        place
        for place in full
        if numeric_share(texts[place]) >= 0.9
        and not (are_positions(texts[place]) and place == min(full) and len(body) > 1)
    ]
    units = [place for place in full if unit_share(texts[place]) >= 0.8]
    if not words or not numeric:
        return None
    name = max(words, key=lambda place: sum(len(text) for text in texts[place]))
    guess = Columns(
        descriptions=(name,), unit=units[0] if units else None, sku=_code_column(full, texts, name)
    )
    numeric = [place for place in numeric if place != guess.sku]
    return _figures_by_content(guess, body, numeric, mark)


def _letters(texts: list[str]) -> float:
    return sum(sum(char.isalpha() for char in text) >= 3 for text in texts) / len(texts)


def _code_column(full: list[int], texts: dict[int, list[str]], name: int) -> int | None:
    for place in full:
        if place < name and are_codes(texts[place]) and not are_positions(texts[place]):
            if all(len(text) >= 4 for text in texts[place]):
                return place
    return None


def _figures_by_content(
    guess: Columns, body: Sequence[Sequence[Cell]], numeric: list[int], mark: str
) -> Columns | None:
    """Quantity, price and total among the numeric columns."""
    for total in reversed(numeric):
        for quantity in numeric:
            for price in numeric:
                if len({quantity, price, total}) == 3 and quantity < price:
                    if agreement(body, quantity, price, total, mark) >= 0.8 and not all_ones(
                        body, price
                    ):
                        return replace(
                            guess, quantity=quantity, price=price, total=total, confidence=0.88
                        )
    if len(numeric) == 1:
        measured = guess.unit is not None or has_units(body, numeric[0])
        return replace(guess, quantity=numeric[0], confidence=0.88 if measured else 0.8)
    if len(numeric) == 2 and guess.unit is not None:
        near = min(numeric, key=lambda place: (abs(place - (guess.unit or 0)), place))
        other = next(place for place in numeric if place != near)
        return replace(guess, quantity=near, price=other, confidence=0.75)
    return None
