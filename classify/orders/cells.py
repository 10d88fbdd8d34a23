"""One cell: text, exact number or date; and the quantity, amount or code that stands in it.

In: a `Cell` as a reader found it. Out: every value a number may have, the unit written beside it,
a code as people see it (an article number that a spreadsheet made a float is 4500, not 4500.0).
"""

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from .countwords import counts_alone
from .currency import MARK
from .numbers import readings
from .pricebase import base_behind
from .units import unit_behind, unit_of

Cell = str | Decimal | date  # "" is the empty cell

_MONEY = re.compile(MARK, re.IGNORECASE)
_RUPEES = re.compile(r"^\s*Rs\.?\s?|(?<=\d)/-\s*$")  # "Rs. 182/-"
_MONEY_SIGN = re.compile(r"[€$£₽]|\b(?:EUR|USD|RUB|руб)\b")
_LEADING = re.compile(r"\s*([-+\u2212]?\d[\d.,\u00a0\u2009\u202f' ]*\d|[-+\u2212]?\d)")
_ROUGH = re.compile(
    r"(?i)(?:~|≈|\bок\.|около|прим|ca\.|approx|circa|±|\+/-)|\d\s*[-–—]\s*\d|\?|<|>|\bдо\b"
)
_FOR = re.compile(r"/|\s(?=\w{2,3}\s)")
_NO_NUMBER = re.compile(r"[^\d]*")


def text_of(cell: Cell) -> str:
    """The cell as one line of text."""
    if isinstance(cell, str):
        return " ".join(cell.split()) if cell else ""
    if isinstance(cell, Decimal):
        said = format(cell, "f")
        return said.rstrip("0").rstrip(".") if "." in said else said
    return cell.isoformat()


def is_filled(cell: Cell) -> bool:
    """True when `text_of` has something to say."""
    return not isinstance(cell, str) or bool(cell) and not cell.isspace()


def code_text(cell: Cell) -> str:
    """The cell as a code; nothing but dashes is no code."""
    text = text_of(cell)
    return "" if not text.strip("-–—. ") else text


def is_number(cell: Cell) -> bool:
    """True for a number or text that is one (a currency or unit beside it allowed)."""
    if isinstance(cell, Decimal):
        return True
    if isinstance(cell, date) or not cell or not any(char.isdigit() for char in cell):
        return False
    return bool(amounts(cell)) or bool(quantity_of(cell).readings)


def amounts(cell: Cell, mark: str = "") -> tuple[Decimal, ...]:
    """Every value an amount of money can have; empty when the cell is none."""
    if isinstance(cell, Decimal):
        return (cell,)
    if isinstance(cell, date) or len(cell) > 40:
        return ()
    if cell.isdecimal():
        return readings(cell, mark)
    for match in _FOR.finditer(cell):  # "4,20 €/100 Stk"
        base = base_behind(cell, match.start())
        if base and not cell[base.end :].strip() and _MONEY.search(cell):
            if base.number == 1:  # "£3.15 per ream"
                return amounts(cell[: match.start()], mark)
            return base.of_one(amounts(cell[: match.start()], mark))
    bare = _RUPEES.sub("", cell) if "s" in cell else cell
    return readings(_MONEY.sub("", bare).strip(" *=:%\u00a0"), mark)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A quantity cell."""

    readings: tuple[Decimal, ...] = ()
    unit: str = ""  # the unit written in the cell
    problems: tuple[str, ...] = ()


def quantity_of(cell: Cell, mark: str = "") -> Measured:
    """The quantity in a cell: "20", "20 шт", "12,5 кг", "3 уп. по 10 шт", "5 тыс. шт"."""
    if isinstance(cell, Decimal):
        return Measured(readings=(cell,))
    if isinstance(cell, date) or not cell or len(cell) > 60:
        return Measured()
    whole = readings(cell, mark)
    if whole:
        return Measured(readings=whole)
    match = _LEADING.match(cell)
    if _MONEY_SIGN.search(cell):
        return Measured()  # an amount of money under the quantity's heading counts nothing
    if not match:
        return _behind_unit(cell, mark)
    values = readings(match[1], mark)
    if not values:
        return Measured()
    found = unit_behind(cell, match.end())
    rest = cell[found.end if found else match.end() :].strip(" .,;*")
    rest = (
        rest.removeprefix("(s)")
        .removeprefix("(e)")
        .removeprefix("(en)")
        .removeprefix("(n)")
        .strip()
    )
    problems = ("quantity-vague",) if _ROUGH.search(cell) else ()
    if found is None:
        unit = rest if unit_of(rest) or counts_alone(f" {rest}", values[0] == 1) else ""
        return Measured(
            readings=values, unit=unit, problems=problems if unit else ("quantity-note",)
        )
    if any(char.isdigit() for char in rest) and not problems:
        problems = (
            ()
            if rest.lower().startswith(("по", "x", "х", "à", "a ", "je", "of", "("))
            else ("quantity-note",)
        )
    return Measured(readings=values, unit=found.text, problems=problems)


def _behind_unit(cell: str, mark: str) -> Measured:
    """ "шт. 20", "x 4": the unit or a mark stands first."""
    words = cell.split()
    if len(words) == 2 and (unit_of(words[0]) or words[0].lower() in ("x", "х", "×")):
        unit = words[0] if unit_of(words[0]) else ""
        return Measured(readings=readings(words[1], mark), unit=unit)
    return Measured()
