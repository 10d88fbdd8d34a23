"""One line of a list -> what it orders: "болт М8х30 оц. - 200 шт", "20x M8x30 zinc @ 0.12".

In: a line of text. Out: a `Candidate` (a Draft and how its quantity was said), or None when the
line orders nothing. Every free-standing number is weighed as the quantity by what surrounds it;
then the others are tried as price and total. What is left of the line is the description.

Limits: a line with two equally likely quantities gets the first and a low confidence.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache

from .caseless import Caseless
from .codes import codes_of, leading_code, names_something
from .countwords import (
    counted_by,
    counts_alone,
    counts_shortened,
    counts_word,
    may_be_counted_by,
    noun_alone,
    unit_before_noun,
    word_before,
    word_behind,
)
from .figures import Figure, counts_things, figures, fills, measures
from .lines import Draft, multiplies
from .multiplied import TIMES, counted_sizes
from .naming import behind, description_of
from .pricing import discount_in, is_each, may_be_packed, prices_of_one, with_its_unit
from .units import NEVER_ORDERED, Sort

_BULLET = Caseless(
    r"\s*(?:[-–—•*·▪►●○■+>✓]\s*(?=\S)|\(?\d{1,3}\)\.?\s*|№\s?\d{1,3}[.):]?\s+|\d{1,3}\.\s+"
    r"|\d{1,3}\.(?=[^\W\d])|(?:pos|поз)\.?\s?\d{1,4}[.:)]?\s+"
    r"|(?:line|item|position|позиция|строка)\s\d{1,4}[.:)]\s+|[a-zа-я]\)\s+)",
)
_LEADERS = re.compile(r"\s*(?:\.{3,}|…+|_{3,})\s*")
_WIDE = re.compile(r"\t+| {3,}|\s*[|¦]\s*| {2,}")
_WORD_CHAR = re.compile(r"\w")
_MARKER_BEFORE = re.compile(r"[-–—:=;\t|]\s*$")
_END = re.compile(r"[\s.,;:!)|\]\t]*$")
_VAGUE = Caseless(
    r"\b(?:если|или|либо|вместо|аналог\w*|примерно|как в прошлый раз|как обычно"
    r"|как всегда|уточн\w+|если есть|if|or|either|instead"
    r"|as last time|as usual|same as|whatever|maybe|perhaps|possibly|oder|falls|wenn|statt"
    r"|anstatt|wie letztes mal|wie immer|wie gehabt"
    r"|eventuell|evtl|несколько|some|several|einige|ein paar|остальное|the rest|tbc|tbd"
    r"|н/д|не надо|не нужно"
    r"|возврат\w*|забрать|rückgabe|retoure\w*|leergut|returns?|empties|не нужны?|не привоз\w+"
    r"|bitte prüfen|noch offen|сколько есть|alle|all you have)\b|\?"
)
_CHANGE = Caseless(
    r"\b(?:(?:было|стало|was|were|вместо|instead of|statt|unchanged|cancel|ремове|remove)\b"
    r"|alt:|neu:|старое|новое|отмен|убрать|streichen)"
    r"|->|→|entfällt|unverändert|не\s+\d+,?\s+а\s+\d+"
)
_OF_EACH_BEFORE = re.compile(r"(?i)\b(?:по|je|à|jeweils)\s*$")
_OF_EACH_BEHIND = re.compile(r"(?i)\s?(?:каждого|каждой|jeweils|each of|of each)")
_NAME_FOLLOWS = re.compile(r"[\s\t]*[^\W\d_]|[\s\t]*[\"«“(]|\s+\w")
_REPLY_MARKS = re.compile(r"\s*(?:>\s?)+")
_PER_PACK = Caseless(r"\b(?:по|à|a|je|of|zu|per|in|@)\s*$")
_UNIT_LEADS = re.compile(r"(?:^|\s)(?P<word>[^\W\d_]{2,5})\.?\s$")
# Who eats, sits or waits is not ordered: "20 people in total".
_NO_GOODS = Caseless(
    r"[ \u00a0](?:people|persons|guests|attendees|delegates|pax|staff|of us|leute|personen|gäste"
    r"|mitarbeiter"
    r"|kollegen|teilnehmer|человек|чел\.|гост(?:ей|я)|сотрудник\w*|участник\w*|days?|weeks?"
    r"|tage\w?|wochen"
    r"|дней|дня|недел\w+)\b"
)
_MULTIPLIED = re.compile(rf"\d{{1,4}} ?[{TIMES}] ?")
_STARTS_BARE = re.compile(r"\s(?:[^\W\d_]{3,}|[A-ZА-ЯЁÄÖÜ]{1,4}\d?-?[A-ZА-ЯЁÄÖÜ]?[a-zа-яёäöü]{3,})")
_YEAR = re.compile(r"(?:19[5-9]|20[0-4])\d")
_WORD_OF = re.compile(r"\s[a-z]{3,12}\sof\s[a-zA-Z]")  # "6 trays of ..."
# "Bath towels, 80 @ £6.20"
_AT_PRICE = re.compile(r"\s?(?:@|à)\s?(?:[€$£₽¥₹]|[A-Z]{1,3}\s?)?\d[\d.,]*(?![\d.,]| ?for\b)")
_LEFT_PRICE = re.compile(r"@\s?(?:[^\W\d_]{1,3}\.?)?\s?\d")  # a price nobody read
_IN_COLUMN = re.compile(r" ?[^\W\d_]+\.?\t")
_LEADS = 3.0  # the score of a figure that a sentence puts first
_AMOUNT_OF = re.compile(r"(?i)^(?:of|von|d'|de)\s")


# The mark that groups thousands, in languages whose writers do not use it for anything else.
GROUPS_WITH = {"de": ".", "es": ".", "en": ","}


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """What a line may order."""

    draft: Draft
    score: float  # how surely it orders anything: 0 hardly .. 6 surely
    has_unit: bool
    measured: bool  # the quantity's unit measures (kg, m, l)
    dashed: bool  # the quantity stands behind a dash, colon or tab
    first: bool  # the quantity stands first
    last: bool = False  # nothing but prices stands behind the quantity
    counted: bool = False  # "× 40", "Qty 2": pieces beyond doubt
    money: str = ""  # currency named in the line


def item(
    line: str,
    language: str = "",
    mark: str = "",
    enumerated: bool = False,
    first: bool = False,
) -> Candidate | None:
    """What a line orders; None when no quantity can be seen in it.

    `enumerated`: the lines around count themselves with bare numbers; the first is no quantity.
    `first`: the figure it begins with is the quantity, by what stood before.
    """
    text = _plain(line)
    if enumerated:
        text = re.sub(r"^\s*\d{1,4}[\s.)]+", "", text)
    else:
        text = unbulleted(text)
    coded, sku, gtin = codes_of(text)
    coded, discount = discount_in(coded)
    found = figures(coded, language, mark)
    weighed = sorted(
        ((_weight(coded, one), -place, one) for place, one in enumerate(found)),
        reverse=True,
        key=lambda w: w[:2],
    )
    if not weighed or weighed[0][0] <= 0:
        return None
    leading = (max(weighed[0][0], _LEADS), 0, found[0]) if first and found[0].start == 0 else None
    best_score, _, quantity = _by_product(found) or leading or weighed[0]
    package = quantity.unit.unit if quantity.unit and quantity.start == 0 else None
    rivals = [
        one
        for w, _, one in weighed[1:]
        if w > best_score - 0.75 and not fills(one, package, quantity.values[0])
    ]
    rivalled = any(one.values != quantity.values for one in rivals) or _beside_range(
        found, quantity
    )
    found, doubts = prices_of_one(found, quantity)
    price, total = _money(coded, found, quantity)
    price = with_its_unit(coded, price, quantity)
    description = description_of(coded, [quantity, *(one for one in (price, total) if one)])
    if not names_something(description) and not sku and not gtin:
        return None
    if not sku:
        sku, description = leading_code(description)
    money = next((one.money for one in found if one.money), "")
    if counts_things(quantity) and _MULTIPLIED.fullmatch(coded[: quantity.number_start]):
        rivalled = True  # "3 x 20 boxes": twenty, or sixty
    if counted_sizes(coded) and quantity.times and quantity.start == 0:
        rivalled = True  # twenty of 110 mm, or a size? the list says
    if not (total or quantity.unit):
        rivalled = rivalled or _has_cents(coded, quantity)  # "Paint 5 l 450,00": a price
    problems = (*_problems(coded, quantity, rivalled), *doubts)
    if any(may_be_packed(coded, one, quantity, price) for one in found if one.is_price):
        problems = (*problems, "pack-or-price")
    if _LEFT_PRICE.search(description):
        problems = (*problems, "price-unread")
    if price and not total and not is_each(coded, price) and quantity.values[0] != 1:
        problems = (*problems, "price-or-total-unclear")
    unit, values = _unit_and_values(quantity)
    if not unit:
        description, unit, doubts = _counted(coded, quantity, description, bool(sku), language)
        problems += doubts
    if len(values) > 1 and counts_things(quantity) and language in GROUPS_WITH:
        if GROUPS_WITH[language] in coded[quantity.number_start : quantity.number_end]:
            # "1.000 Stk" in German: nobody counts pieces in thousandths, whatever mark prices have
            values = (max(values),)
    if len(values) > 1 and _money_says_grouped(coded, quantity, found):
        values = (max(values),)
    draft = Draft(
        sku=sku,
        gtin=gtin,
        description=description,
        quantity=values,
        unit=unit,
        price=price.values if price else (),
        total=total.values if total else (),
        discount=discount,
        confidence=0.9,
        problems=problems,
    )
    return Candidate(
        draft=draft,
        score=best_score,
        has_unit=bool(quantity.unit or unit),
        measured=measures(quantity),
        dashed=bool(_MARKER_BEFORE.search(coded[: quantity.start]))
        or quantity.times
        or quantity.labelled
        or _is_at_price(coded, quantity),
        last=not _WORD_CHAR.search(behind(coded, quantity, price, total)),
        first=not _WORD_CHAR.search(coded[: quantity.start]),
        counted=quantity.times or quantity.labelled,
        money=money,
    )


def _beside_range(found: Sequence[Figure], quantity: Figure) -> bool:
    """True for "4 apples 10-12": a bare number beside a range that may be meant."""
    if quantity.unit or quantity.times or quantity.labelled:
        return False
    return any(
        one.rough and not (one.unit or one.numeral or one.money) and one is not quantity
        for one in found
    )


def _money_says_grouped(line: str, quantity: Figure, found: Sequence[Figure]) -> bool:
    """True for "1,250 ft at $0.42": the price has its cents behind the other mark."""
    other = "." if "," in line[quantity.number_start : quantity.number_end] else ","
    return any(
        (one.money or one.is_price)
        and one is not quantity
        and _has_cents(line, one)
        and line[one.number_end - 3] == other
        for one in found
    )


def _counted(
    line: str, quantity: Figure, description: str, coded: bool, language: str
) -> tuple[str, str, tuple[str, ...]]:
    """(description, unit, problems) where no unit stands behind the quantity itself."""
    led = "" if quantity.labelled or quantity.reference else line[: quantity.start]
    if found := word_before(description, led):
        return (*found, ())
    if _WORD_CHAR.search(line[: quantity.start]):
        word = _noun_behind(line, quantity)
        if not word and not quantity.unit and _MARKER_BEFORE.search(line[: quantity.start]):
            short, known = counts_shortened(line[quantity.end :])
            if known:
                return _without_short(description, short), short, ()
            if short:
                return description, "", ("unit-unsure",)
        return description.removesuffix(word).rstrip(" \t,;") if word else description, word, ()
    one = quantity.values[0] == 1
    if quantity.times and language == "de" and (named := unit_before_noun(description)):
        return (*named, ())
    direct = coded or quantity.times or quantity.labelled  # "20 x pots": the pots are counted
    counted = None if direct else counted_by(description, one)
    if counted and _IN_COLUMN.match(line, quantity.end):
        counted = replace(counted, sure=True)  # "2 jugs      acid wash": a column of its own
    guessed = not (counted or direct or one) and may_be_counted_by(description)
    unsure = guessed or (counted is not None and not counted.sure)
    return (*word_behind(description, counted), ("unit-unsure",) if unsure else ())


def _without_short(description: str, short: str) -> str:
    return description.rstrip(".").removesuffix(short).rstrip(" \t,;")


def _noun_behind(line: str, quantity: Figure) -> str:
    if quantity.unit or not _WORD_CHAR.search(line[: quantity.start]):
        return ""
    if word := counts_alone(line[quantity.end :], quantity.values[0] == 1):
        return word
    marked = _MARKER_BEFORE.search(line[: quantity.start])
    return noun_alone(line, quantity.end) if marked else ""


def _by_product(found: Sequence[Figure]) -> tuple[float, int, Figure] | None:
    """The quantity when three figures in a row multiply: 60 боб × 92,00 = 5 520,00."""
    for one, two, three in zip(found, found[1:], found[2:], strict=False):
        if (
            two.values[0] == 1
            or one.values[0] == 1
            or any(figure.numeral for figure in (one, two, three))
        ):
            continue
        if not _any_product(one, two, three):
            continue
        swapped = counts_things(two) and not counts_things(one)
        same = next((f for f in found if counts_things(f) and f.values == one.values), one)
        return (6.0, 0, two if swapped else same)
    return None


@lru_cache(maxsize=256)  # every step of reading a text asks for the same lines
def unbulleted(text: str) -> str:
    """The line without its bullet or its own number."""
    match = _BULLET.match(text)
    return text[match.end() :] if match else text


def _plain(line: str) -> str:
    """Dot leaders, tabs, pipes and wide gaps as one tab; quotes of a reply gone."""
    text = line[:600]
    if marks := _REPLY_MARKS.match(text):
        text = text[marks.end() :]
    return _WIDE.sub("\t", _LEADERS.sub("\t", text.strip(" \t|"))).strip()


def _weight(line: str, figure: Figure) -> float:
    """How much a figure looks like the quantity; 0 or less: it is not."""
    before, behind = line[: figure.start], line[figure.end :]
    if figure.money or figure.is_total or figure.values[0] <= 0:
        return -1.0
    if figure.is_price and not counts_things(figure):
        return -1.0
    packed = figure.is_price or _PER_PACK.search(before)  # "3 уп. по 100 шт"
    if measures(figure) and re.search(r"(?i)\b(?:an?|one|ein|eine|einen|each)\s*$", before):
        return -1.0  # "a 25 lb jug" is one jug
    weight = 0.0
    if figure.labelled:
        weight += 5
    if figure.reference and not counts_things(figure):
        weight -= 4
    if figure.times:
        weight += 4
    if not (figure.times or _code(figure)) and _NO_GOODS.match(line, figure.number_end):
        weight -= 4
    at_start = not _WORD_CHAR.search(before)
    at_end = bool(_END.fullmatch(behind)) or behind.lstrip(" ").startswith("\t")
    if figure.unit is None and not at_start and counts_alone(behind, figure.values[0] == 1):
        at_end = True
        weight += 2
    marked = bool(_MARKER_BEFORE.search(before))
    priced = not marked and _is_at_price(line, figure)
    if marked or priced:
        weight += 2.5 if not at_start else 0
        at_end = at_end or priced
    if figure.unit and figure.unit.unit.code in NEVER_ORDERED:
        weight -= 3  # nobody orders millimetres of anything
    led = None if figure.reference else _UNIT_LEADS.search(before)
    if figure.unit is None and led and counts_word(led["word"]):
        weight += 3
    if counts_things(figure):
        weight += 3
        if packed:
            weight -= 2.5
    elif measures(figure):
        weight += 1.6 if at_start or at_end else 0.4
        if figure.unit and figure.unit.unit.sort is Sort.TIME:
            weight -= 1 if marked else 4  # "монтаж - 8 ч", but not "2 weeks min"
    if at_start:
        weight += (
            1.4 + (1.5 if _starts_bare(figure, behind) else 0)
            if _NAME_FOLLOWS.match(behind)
            else 0.2
        )
        if figure.unit is None and (
            counted_by(behind, figure.values[0] == 1) or _WORD_OF.match(behind)
        ):
            weight += 2
    if at_end:
        weight += 1.2
    if figure.weak and figure.unit is None:
        weight -= 1
    if before.rstrip().endswith("("):
        weight -= 2.5 if counts_things(figure) else 1.5
    if figure.unit is None and _YEAR.fullmatch(line[figure.number_start : figure.number_end]):
        weight -= 0 if marked or figure.times or figure.labelled else 2  # "Merlot 2021"
    whole = figure.values[0] == figure.values[0].to_integral_value()
    if not whole and figure.unit is None:
        weight -= 1.5
    return weight


def _is_at_price(line: str, figure: Figure) -> bool:
    """True for the 80 of "Bath towels, 80 @ £6.20"."""
    return figure.unit is None and _AT_PRICE.match(line, figure.end) is not None


def _code(figure: Figure) -> str:
    return figure.unit.unit.code if figure.unit else ""


def _starts_bare(figure: Figure, behind: str) -> bool:
    """ "15 lengths of timber": a whole number, then a word in small letters or of some length."""
    whole = figure.values[0] == figure.values[0].to_integral_value()
    return figure.unit is None and whole and bool(_STARTS_BARE.match(behind))


def _money(
    line: str, found: Sequence[Figure], quantity: Figure
) -> tuple[Figure | None, Figure | None]:
    """The price and the total among the other figures."""
    others = [
        one
        for one in found
        if one is not quantity
        and not one.numeral
        and not one.reference
        and (one.money or not _in_brackets(line, one))  # "(1 VE = 1.000 St.)" is no total
    ]
    cells = [
        one
        for one in others
        if one.start > quantity.start
        and (one.money or one.is_price or one.is_total or one.unit is None)
    ][:12]  # a line with more of them is no item of a list
    for price in cells:
        for total in cells:
            if price is total or total.start < price.start or price.unit is not None:
                continue
            if _any_product(quantity, price, total):
                return price, total
    prices = [one for one in others if one.is_price and (one.unit is None or one.money)]
    price_said = next((one for one in prices if one.money), next(iter(prices), None))
    total_said = next((one for one in others if one.is_total), None)
    if price_said or total_said:
        return price_said, total_said
    moneyed = [one for one in others if one.money]
    if len(moneyed) == 1:
        return moneyed[0], None
    if len(moneyed) == 2:
        return moneyed[0], moneyed[1]
    separate = [
        one
        for one in cells
        if one.unit is None and _MARKER_BEFORE.search(line[: one.start]) and _has_cents(line, one)
    ]
    return (separate[0], None) if len(separate) == 1 else (None, None)


def _in_brackets(line: str, figure: Figure) -> bool:
    before = line[: figure.start]
    return before.rfind("(") > before.rfind(")")


def _has_cents(line: str, figure: Figure) -> bool:
    return bool(re.search(r"[.,]\d{2}$", line[figure.number_start : figure.number_end]))


def _any_product(quantity: Figure, price: Figure, total: Figure) -> bool:
    return any(
        cost != 1 and multiplies(count, cost, amount)
        for count in quantity.values[:2]
        for cost in price.values[:2]
        for amount in total.values[:2]
    )


def _problems(line: str, quantity: Figure, rivalled: bool) -> tuple[str, ...]:
    problems: list[str] = []
    if rivalled:
        problems.append("quantity-ambiguous")
    if _OF_EACH_BEFORE.search(line[: quantity.number_start]) or _OF_EACH_BEHIND.match(
        line, quantity.end
    ):
        problems.append("quantity-ambiguous")  # "по 10 шт": ten of each of what?
    if quantity.rough:
        problems.append("quantity-vague")
    if _CHANGE.search(line):
        problems.append("line-changes")
    elif _VAGUE.search(line):
        problems.append("line-conditional")
    return tuple(problems)


_THOUSANDS = re.compile(r"(?i)(?:тыс\w*\.?|тысяч\w*)\s?(?P<unit>.*)")


def _unit_and_values(quantity: Figure) -> tuple[str, tuple[Decimal, ...]]:
    """The unit as written; "5 тыс. шт" is 5000 шт."""
    if quantity.unit is None:
        return "", quantity.values
    match = _THOUSANDS.fullmatch(quantity.unit.text)
    if match:
        return match["unit"], tuple(value * 1000 for value in quantity.values)
    return quantity.unit.text, quantity.values


def weakened(candidate: Candidate, confidence: float, problem: str = "") -> Candidate:
    """The same candidate, held for less sure."""
    problems = candidate.draft.problems
    if problem and problem not in problems:
        problems = (*problems, problem)
    draft = replace(
        candidate.draft, confidence=min(candidate.draft.confidence, confidence), problems=problems
    )
    return replace(candidate, draft=draft)
