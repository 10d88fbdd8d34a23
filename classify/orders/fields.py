"""Where each field of an order line stands in a table's rows.

Made by columns.py, used by table.py to take a row apart. Pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from .answers import Answers
from .cells import Cell, amounts, quantity_of, text_of
from .currency import code_of_word, sign_or_code


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Where each field of a line stands; None for a column the table lacks."""

    sku: int | None = None
    gtin: int | None = None
    descriptions: tuple[int, ...] = ()  # joined in this order
    quantity: int | None = None
    unit: int | None = None
    price: int | None = None
    total: int | None = None
    discount: int | None = None
    base: int | None = None  # how many the price of a row is for
    price_base: Decimal = Decimal(1)  # how many the price is for: "Preis je 100"
    unit_word: str = ""  # the unit the quantity's heading names
    currency: str = ""
    currency_column: int | None = None
    answers: Answers = Answers()  # columns of yes and no, and of remarks
    order_number: int | None = None  # a column that names the order in each row
    is_form: bool = False  # a price list with a column to fill in
    confidence: float = 0.94  # of a line read by these columns, before proof
    problems: tuple[str, ...] = ()

    def is_filled_in_last(self) -> bool:
        """True where the prices stand before the quantities, and no sums behind them."""
        return (
            self.price is not None
            and self.quantity is not None
            and self.price < self.quantity
            and self.total is None
        )

    def cell(self, row: Sequence[Cell], column: int | None) -> Cell:
        """That column's cell; "" when the table or the row lacks it."""
        return row[column] if column is not None and column < len(row) else ""

    def currencies(self, row: Sequence[Cell]) -> set[str]:
        """The currencies that a row's amounts are in, as far as it says."""
        said = {self.currency}
        for column in (self.price, self.total):
            cell = self.cell(row, column)
            if isinstance(cell, str) and not (cell[:1].isdigit() and cell[-1:].isdigit()):
                said.add(sign_or_code(cell))
        if self.currency_column is not None:
            named = text_of(self.cell(row, self.currency_column))
            said.add(code_of_word(named) or named.upper())
        return said - {""}

    def priced_for(self, row: Sequence[Cell], mark: str) -> Decimal:
        """How many the price of a row is for."""
        said = quantity_of(self.cell(row, self.base), mark).readings[:1]
        return self.price_base * (said[0] if said and said[0] > 0 else Decimal(1))

    def description(self, row: Sequence[Cell]) -> str:
        """The description, its details behind it."""
        parts = [text_of(self.cell(row, column)) for column in self.descriptions]
        return " ".join(part for part in parts if part)

    def has_product(self, row: Sequence[Cell], label: str) -> bool:
        """True when a row holds a product although its label reads like a total's."""
        code = text_of(self.cell(row, self.sku)) or text_of(self.cell(row, self.gtin))
        quantity = quantity_of(self.cell(row, self.quantity)).readings
        price = amounts(self.cell(row, self.price))
        return bool(code and code != label and quantity) or bool(
            quantity and price and self.total and code
        )
