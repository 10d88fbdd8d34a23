"""Lines that only part another: "30 chairs, 15 for Leeds and 15 for York" orders thirty.

In: the lines read from running text, in order. Out: the same; unsure are those that may be a whole
and its parts, by their sum, those whose description begins as only a part's does ("on Monday",
"nach Ulm", "free"), and those that hold another ("2 drills 3 batteries"). What is ordered a person
must say.

Limits: parts that come to something else than the whole, or stand on lines of a list, are not seen.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from decimal import Decimal

from postroom.order import OrderLine

from .caseless import Caseless
from .figures import figures

# When, where, for whom, at what price: goods are not called so.
_BEGINS = Caseless(
    r"(?:(?:on|to|at|by|from|until|till|next|now|later|today|tomorrow|gratis)"
    r"|for(?! (?:sale|rent|hire)\b)|free(?! (?:range|standing|flow\w*|form)\b)"
    r"|the (?:week|day|month|year|rest|other|others|same|following|next|second|first|last)"
    r"|this (?:week|month|year|time)|in (?:the|an?|early|late|mid|each|both|two|three"
    r"|january|february|march|april|may|june|july|august|september|october|november|december)"
    r"|nach|am|im|ins|zum|zur|für|bis|ab|aufs?|heute|morgen|später|nächste\w*|kostenlos\w*|umsonst"
    r"|an (?:die|den|das|unser\w*)|in (?:die|der|den|dem|das|einer?|kw|zwei|drei)"
    r"|в|во|на|для|до|сейчас|сразу|сегодня|завтра|потом|позже|бесплатно|в подарок)"
    r"\s+(?!\d|[xх×]\s)"
    r"|(?:free|gratis|kostenlos|umsonst|бесплатно|later|now|today|tomorrow|heute|morgen|später"
    r"|сейчас|сразу|сегодня|завтра|потом|позже)\W*$"
)
_FOR = Caseless(r"(?:for|für|для)\s")  # "15 licences for Acme Suite"
# "drills 3 batteries", "Bohrmaschinen 3 Akkus": goods, a number, goods.
_MORE = re.compile(
    r"(?<!\S)(?:(?P<small>[a-zа-яё]{3,})|[A-ZÄÖÜ][a-zäöüß]{3,})(?:\sw/)?\s(?P<number>\d{1,3})"
    r"\s(?!класс|сорт|размер|grade|class|size|(?:gang|way|pole|core|ply|door|drawer|seat|tier|burner"
    r"|ring|button|lever|phase|speed|pin|panel)\b)(?:(?P<small_too>[a-zа-яё])|[A-ZÄÖÜ])[^\W\d_]{3,}"
)
_OF_BULK = frozenset({"TNE", "MTQ"})  # what comes by the lorry
# What is never counted by itself; English stuff is known by its missing plural.
_STUFF = frozenset(
    """песка песку песок щебня щебень гравия гравий цемента цемент бетона бетон раствора раствор
    асфальта керамзита грунта грунт торфа торф земли муки муку мука сахара сахару соли риса гречки
    масла молока картофеля картошки капусты моркови солярки бензина гипса клея извести
    sand kies splitt schotter zement beton mörtel erde torf mehl zucker salz reis gips kalk diesel
    heizöl""".split()
)
_UNSURE = 0.6
_LEAST = 2  # parts
_MOST = 12
_MOST_WORDS = 2  # of a part's description


def parted(
    lines: Sequence[OrderLine], language: str = "", told: Collection[str] = frozenset()
) -> list[OrderLine]:
    """The same lines; those that may part another, or be parted by others, are unsure.

    `told`: the sources of rows that say behind a dash how many, as all around them do; a number of
    their name ("Filter 201 Blue - 2 rolls") orders nothing.
    """
    lines = [
        _unsure(line, "quantity-ambiguous")
        if line.source not in told and _holds_another(line)
        else line
        for line in lines
    ]
    for place in range(1, len(lines)):
        if _lacks_unit(lines[place - 1], lines[place], language):
            lines[place] = _unsure(lines[place], "unit-missing")
    found = {
        place
        for place, line in enumerate(lines)
        if _BEGINS.match(line.description) and not (line.unit and _FOR.match(line.description))
    }
    for place, whole in enumerate(lines):
        count = _parts_of(whole, lines[place + 1 : place + 1 + _MOST])
        found |= set(range(place, place + count + 1)) if count else set()
    return [
        _unsure(line, "part-of-another") if place in found else line
        for place, line in enumerate(lines)
    ]


def _lacks_unit(before: OrderLine, line: OrderLine, language: str) -> bool:
    """True for the two of "3 pallets of sand and 2 of cement": stuff comes by something."""
    if line.source != before.source or line.unit or line.sku or not before.unit:
        return False
    word = line.description
    if not word.isalpha() or line.unit_price is not None:
        return False
    several = language == "en" and word.endswith("s")
    if word.lower() in _STUFF or (before.unit_code in _OF_BULK and not several):
        return True
    return language == "en" and word.islower() and not several and line.quantity != 1


def _holds_another(line: OrderLine) -> bool:
    """True for a line without code or price that names goods twice, a number between them."""
    if line.sku or line.gtin or line.unit_price is not None:
        return False
    return any(
        (match["small"] is None) == (match["small_too"] is None)
        and _counts(line.description, match.start("number"))
        for match in _MORE.finditer(line.description)
    )


def _counts(description: str, place: int) -> bool:
    """True when the number there is no size, no price and no name of something."""
    figure = next((one for one in figures(description) if one.number_start == place), None)
    return figure is not None and not (figure.unit or figure.money or figure.reference)


def _unsure(line: OrderLine, problem: str) -> OrderLine:
    problems = tuple(dict.fromkeys((*line.problems, problem)))
    return replace(line, confidence=min(line.confidence, _UNSURE), problems=problems)


def _parts_of(whole: OrderLine, following: Sequence[OrderLine]) -> int:
    """How many lines that follow in the same sentence add up to `whole`; 0 when they do not."""
    left = whole.quantity or Decimal(0)
    for count, line in enumerate(following, start=1):
        if line.source != whole.source or not (line.quantity and _only_tells_apart(line)):
            return 0
        left -= line.quantity
        if left <= 0:
            return count if left == 0 and count >= _LEAST else 0
    return 0


def _only_tells_apart(line: OrderLine) -> bool:
    """True for "10 brown" and "15 for York": a number and a word or two."""
    if line.unit or line.sku or line.gtin or line.unit_price is not None:
        return False
    words = line.description.split()
    return len(words) <= _MOST_WORDS and not any(map(str.isdigit, line.description))
