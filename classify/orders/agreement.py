"""What the figures below a heading make: quantity x price = total, columns that add up.

In: the rows below a heading, and which columns to try. Out: the share of rows that agree, or
those of the columns that do. Every cell is read once, however often its column is tried.

Limits: of prices and of totals the first eight are tried, of other columns the first sixteen that
hold a quantity; a table with more is no order that a person laid out.
"""

from collections.abc import Iterator, Sequence, Set
from decimal import Decimal
from itertools import islice, product

from .cells import Cell, amounts, quantity_of, text_of
from .lines import what_discount_leaves

MOST_TRIED = 8
_POWERS = frozenset(Decimal(10**power) for power in range(5))

_ALL = (Decimal(1),)
_ROUNDING = Decimal("0.02")
_Figures = list[Decimal | None]


class Figured:
    """The rows below a heading with the figures in their cells."""

    def __init__(self, rows: Sequence[Sequence[Cell]], mark: str) -> None:
        self.rows = rows
        self.width = max((len(row) for row in rows), default=0)
        self._mark = mark
        self._counts: dict[int, _Figures] = {}
        self._amounts: dict[int, _Figures] = {}

    def counts(self, place: int) -> _Figures:
        """The quantity in each row of a column; None where there is none."""
        if place not in self._counts:
            self._counts[place] = [
                next(iter(quantity_of(row[place], self._mark).readings), None)
                if place < len(row)
                else None
                for row in self.rows
            ]
        return self._counts[place]

    def amounts(self, place: int) -> _Figures:
        """The amount of money in each row of a column; None where there is none."""
        if place not in self._amounts:
            self._amounts[place] = [
                next(iter(amounts(row[place], self._mark)), None) if place < len(row) else None
                for row in self.rows
            ]
        return self._amounts[place]

    def counting(self, besides: Set[int]) -> Iterator[int]:
        """The columns that hold a quantity in some row, but for those named."""
        left = (place for place in range(self.width) if place not in besides)
        held = (place for place in left if any(one is not None for one in self.counts(place)))
        return islice(held, 2 * MOST_TRIED)

    def agreement(
        self,
        quantity: int,
        price: int,
        total: int,
        discount: int | None = None,
        base: int | None = None,
    ) -> float:
        """The share of rows where quantity x price, less discount, is that total, without VAT.

        `base`: the column that says how many the price is for.
        """
        asked = agreed = 0
        unsaid: _Figures = [None] * len(self.rows)
        for count, cost, made, reduction, many in zip(
            self.counts(quantity),
            self.amounts(price),
            self.amounts(total),
            unsaid if discount is None else self.amounts(discount),
            unsaid if base is None else self.counts(base),
            strict=True,
        ):
            if count is None or cost is None or made is None:
                continue
            asked += 1
            exact = count * cost / (many or 1)
            for left in what_discount_leaves(reduction) or _ALL:
                paid = exact * left
                if abs(paid - abs(made)) <= abs(paid) / 200 + _ROUNDING:
                    agreed += 1
                    break
        return agreed / asked if asked else 0.0

    def best(
        self, quantity: int, prices: Sequence[int], totals: Sequence[int]
    ) -> tuple[float, int | None, int | None]:
        """(share, price, total) that agree in most rows; the first of equals."""
        tried = product(prices[:MOST_TRIED], totals[:MOST_TRIED])
        best: tuple[float, int | None, int | None] = (0.0, None, None)
        for price, total in tried:
            share = self.agreement(quantity, price, total)
            if best[1] is None or share > best[0]:
                best = (share, price, total)
        return best

    def all_ones(self, place: int) -> bool:
        """True when nothing but "1" stands in a column."""
        return all(
            text == "1" for row in self.rows if place < len(row) and (text := text_of(row[place]))
        )

    def are_powers_of_ten(self, place: int) -> bool:
        """True when nothing but 1, 10, 100, 1000 and 10000 is counted in a column."""
        said = {one for one in self.counts(place) if one is not None}
        return bool(said) and said <= _POWERS

    def adds_up(self, parts: Sequence[int], total: int) -> bool:
        """True when in every row (of two at least) the parts' columns make the total's."""
        made = [(row, one) for row, one in enumerate(self.amounts(total)) if one is not None]
        return len(made) > 1 and all(
            sum(self.amounts(place)[row] or Decimal(0) for place in parts) == one
            for row, one in made
        )
