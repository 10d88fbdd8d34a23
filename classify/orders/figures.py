"""The numbers of one line of running text and what surrounds each: is it a quantity, a price, part
of a code, a size?

In: a line of text. Out: `Figure`s, one for every number that stands by itself, with the unit or
currency beside it and the mark before it. Numbers inside codes and sizes ("M8x30", "CF-259",
"60х27", "20%", "12/П-23", "+7 900 ...") are not figures at all.

Limits: knows what stands beside a number, not what the goods are: that "5 л" describes a canister
and "40 кг" orders potatoes is decided in item.py.
"""

import re
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache

from .amounts import CENTS, FLAT, MONEY_BEFORE, MONEY_BEHIND, PRICE_SIGN, is_sum, rand
from .caseless import Caseless
from .currency import code_of_word, currency_in
from .dates import date_spans, hour_spans
from .multiplied import TIMES, counted_sizes, in_size
from .numbers import GROUPING, NUMBER, has_digit, readings
from .numerals import Numeral, may_begin, numeral_at
from .pricebase import Base, base_behind
from .properties import property_behind
from .ranges import Range, ranges, sizes
from .references import is_referred_to
from .units import NEVER_ORDERED, Found, Sort, Unit, unit_behind, unit_named

# What says that a price follows.
_PRICE_BEFORE = Caseless(
    r"(?:@|\b(?:по(?: цене)?|цена|цене)|(?<!\w)à|\b(?:at|price|je|zu je|preis|epreis|vk|ek"
    r"|unit price|предлож\w*))[:.]?[ \u00a0]*$",
)
# Words that lead to a price only where the number looks like money: "for 12.50", not "for 2 days".
_PRICE_PERHAPS = Caseless(
    r"(?:(?<!\w)a|\b(?:for|für|за|zu|pro(?: stück| st)?|max\.?))[:.]?[ \u00a0]*$",
)
_TOTAL_BEFORE = Caseless(
    r"(?:(?<![^\W\d_])=|\b(?:на сумму|сумма|итого|total|ges(?:amt)?\.?|gesamtpreis"
    r"|summe))[:.]?[ \u00a0]*$",
)
_QUANTITY_BEFORE = Caseless(
    r"\b(?:кол-?во|количество|к-во|qty\.?|quantity|qnty|menge|anzahl|quantité|qté|cantidad"
    r"|stückzahl|в количестве|заказ(?=\s?[:=])|order(?:ed)?(?=\s?[:=]))[ :.=\-–]*$",
)
_ROUGH_BEFORE = Caseless(
    r"(?:~|≈|около|примерно|приблизительно|порядка|до|approx\.?|about|around|roughly"
    r"|up to|ca\.?|circa"
    r"|etwa|ungefähr|bis zu|rund|не более|не менее|минимум|max\.?|maximal|min\.?|at least"
    r"|mindestens)\s*$"
)
_RANGE_BEHIND = re.compile(r"\s?(?:[-–—]|\.\.\.?|…|до|to|bis|или|or|oder)\s?\d")
_RANGE_BEFORE = re.compile(r"\d\s?(?:[-–—]|\.\.\.?|…|(?<=\s)(?:до|to|bis|или|or|oder))\s?$")
_TIMES_SIGN = re.compile(f"[{TIMES}]")  # without one beside it, a number is part of no size
_TIMES_BEFORE = re.compile(rf"(?:^|[\s\)\]])[{TIMES}]\s?$")
# "G 1/2 A x 15L", "M12 x 5m": a size.
_TIMES_SIZE = re.compile(rf"(?:^|\s)(?:[^\W\d_]{{1,2}}\.?|\S*\d\S*)\s[{TIMES}]\s?$")
_TIMES_NAME = re.compile(rf"[^\W\d_]{{3,}} [{TIMES}] ?$")  # "male x 12mm"
_TIMES_BEHIND = re.compile(rf"\s?[{TIMES}](?=\s)|\s?×(?!\s?\d)")
_TIMES_CLOSES = re.compile(r"[xх](?=\s*(?:[,;.)]|$))")  # "Stühle 4x, Tische 2x", but no "HP 59X"
_ORDINAL = re.compile(r"st\b|nd\b|rd\b|th\b")  # "1st"
_PERCENT = re.compile(r"\s?(?:%|процент|prozent|percent)")
_DAY_BEFORE = Caseless(r"\b(?:am|zum|bis|dem|vom|ab|den)\s$")
_DOT_ENDS = re.compile(r"\.(?:\s|$)")
_WORD_CHARS = re.compile(r"[\w&]")
_WORDS = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)?")
_REPEATED = re.compile(r"\s?\((?P<value>\d{1,6})\)")  # "two (2) units"
_TELEPHONE = re.compile(r"0\d{1,4}[ \u00a0]\d")  # "087 555": no number of anything
_FRACTION = re.compile(r"[ -]\d{1,2}/\d{1,2} ?(?:[\"”″]|inch|Zoll|дюйм)")  # 'candle 1 1/4"'
_MOST_FIGURES = 60
_OF_PIECES = frozenset({"NMP", "XPA", "XBX", "XCT"})  # packages that hold pieces: no bags of cement


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One number that stands by itself."""

    start: int  # of the number, or of what belongs before it ("× 40" begins at "×")
    end: int  # behind its unit or currency
    values: tuple[Decimal, ...]
    number_start: int
    number_end: int
    unit: Found | None = None
    money: str = ""  # ISO 4217 of the currency beside it
    is_price: bool = False  # "@ 0.12", "по 289,00"
    is_total: bool = False  # "= 32 800"
    labelled: bool = False  # "кол-во: 5", "Qty 2"
    times: bool = False  # "20x ...", "× 40"
    reference: bool = False  # "№ 5", "Art. 8817": a name of something
    rough: bool = False  # "около 50", "200-300"
    numeral: bool = False  # in words
    weak: bool = False  # "ein", "один"
    base: Base | None = None  # how many a price is for, where that is not one


@lru_cache(maxsize=256)  # every step of reading a text asks for the same lines
def figures(line: str, language: str = "", mark: str = "") -> tuple[Figure, ...]:
    """Every free-standing number of a line, in order."""
    dates = [*date_spans(line), *hour_spans(line)]
    rough = {one.start: one for one in ranges(line, mark, whole=True)}
    sized = dict(sizes(line))
    found: list[Figure] = []
    position = 0
    while len(found) < _MOST_FIGURES and (match := NUMBER.search(line, position)):
        start, end = _trim(line, match)
        position = sized.get(start, end)
        if start in sized:
            continue
        if start in rough and (ranged := _ranged(line, rough[start])):
            found.append(ranged)
            position = ranged.end
            continue
        if (
            any(start < until and begin < end for begin, until in dates)
            and not unit_after(line, end)
            and not MONEY_BEFORE.search(line[max(0, start - 8) : start])  # "£4.15" is no day
            and not PRICE_SIGN.search(line[max(0, start - 3) : start])
            and not MONEY_BEHIND.match(line, end)
        ):
            position = max(
                end, next(until for begin, until in dates if start < until and begin < end)
            )
            continue
        figure = _figure(line, start, end, mark)
        if figure:
            found.append(figure)
            position = max(position, figure.end)
    worded = _numerals(line, found, language)
    if worded and "(" in line:
        found = [one for one in found if not any(_repeats(one, word) for word in worded)]
    whole = sorted([*found, *worded], key=lambda one: one.start)
    if (count := counted_sizes(line)) and not any(_orders(line, one) for one in whole):
        value = Decimal(line[: count.end("number")])
        led = Figure(
            start=0,
            end=count.end("sign"),
            values=(value,),
            number_start=0,
            number_end=count.end("number"),
            times=True,
        )
        whole.insert(0, led)
    return tuple(_based(line, _each_counted(line, whole)))


def _orders(line: str, figure: Figure) -> bool:
    """True for a figure that says how many beside a size in front: "20 x 110mm batten - 40"."""
    if figure.money or figure.is_price or figure.reference:
        return False
    bare = figure.unit is None and not any(map(str.isalnum, line[figure.end :]))
    return figure.labelled or figure.times or counts_things(figure) or bare or figure.start == 0


def _each_counted(line: str, found: list[Figure]) -> list[Figure]:
    """ "Collar 25cm - 6 each": where no other number can be the quantity, that of "each" is."""
    if len(found) > 1 and any(_may_count(one) for one in found if not one.is_price):
        return found
    for place, one in enumerate(found):
        said = line[one.number_start : one.number_end]
        each = unit_behind(line, one.number_end)
        if has_digit(line[one.end :]):
            continue
        if one.is_price and not one.money and said.isdecimal() and each and each.unit.code == "EA":
            found[place] = replace(one, unit=each, end=each.end, is_price=False)
            break
    return found


def _may_count(figure: Figure) -> bool:
    """True for a figure that may say how many: no money, no measure of one of them."""
    return not (figure.money or figure.is_total or figure.reference or measures(figure))


def _based(line: str, found: list[Figure]) -> list[Figure]:
    """ "£4.20 per 100" is one figure, where another can be the quantity."""
    for price in found:
        base = base_behind(line, price.end) if price.money or price.is_price else None
        if base is None:
            continue
        others = [one for one in found if not price.start <= one.start < base.end]
        if not base.may_count or any(_counts_besides(one, base) for one in others):
            whole = replace(price, end=base.end, is_price=True, base=base)
            return _based(line, sorted([*others, whole], key=lambda one: one.start))
    return found


def _counts_besides(figure: Figure, base: Base) -> bool:
    """True for a figure that can be the quantity, so that the base of a price is none."""
    if figure.money or figure.is_price or figure.reference:
        return False
    return base.unit is None or counts_things(figure) or figure.times or figure.labelled


def _repeats(figure: Figure, worded: Figure) -> bool:
    """True for the "(2)" of "two (2) units"."""
    return worded.start < figure.start < worded.number_end


def _ranged(line: str, found: Range) -> Figure | None:
    """ "5-6 листов": one rough figure, the lower end its value; None for the tail of a code."""
    if _glued_before(line, found.start):
        return None
    unit = unit_behind(line, found.end)
    return Figure(
        start=found.start,
        end=unit.end if unit else found.end,
        values=(found.low,),
        number_start=found.start,
        number_end=found.end,
        unit=unit,
        rough=True,
    )


def unit_after(line: str, end: int) -> bool:
    """True when a unit stands right behind `end`."""
    return unit_behind(line, end) is not None


def _trim(line: str, match: re.Match[str]) -> tuple[int, int]:
    """A match that is the tail of a code, grouped by a space with the next number, cut back."""
    start, end = match.span()
    before = line[:start]
    if any(char in GROUPING for char in match[0]) and (
        _glued_before(line, start)
        or re.search(r"[^\W\d_]{1,3}\d*$", before)
        and before[-1:].isdigit()
    ):
        first = re.match(r"\d+", match[0])
        assert first is not None
        return start, start + first.end()
    return start, end


def _glued_before(line: str, start: int) -> bool:
    """True when the number is the tail of a code or size: "А4", "CF-259", "№", "3х2,5"."""
    if start == 0:
        return False
    before = line[start - 1]
    if before in "_/\\°^№#+":
        return True
    if before.isalnum():
        if before in "xхXХ" and start > 1 and not line[start - 2].isalnum():
            return False
        return True
    if before == "×" and start > 1:
        return line[start - 2].isdigit()
    if (
        before == "-"
        and _ends_word(line[: start - 1])
        and not line[start:].lstrip("0123456789").strip(" .;")
    ):
        return False  # "стикеры жёлтые-24": a dash, not a code
    if before in "-–." and start > 1:
        return line[start - 2].isalnum() and not (before == "–" or line[start - 2].isspace())
    return before in ",:" and start > 1 and line[start - 2].isdigit()


def _ends_word(text: str) -> bool:
    """True behind a word of four small letters or more."""
    return bool(re.search(r"[a-zа-яёäöüß]{4,}$", text))


def _glued_behind(line: str, end: int, unit: Found | None) -> bool:
    """True when the number goes on into a code, a size, a percentage or a time."""
    if unit is not None:
        return False
    behind, following = line[end : end + 1], line[end + 1 : end + 2]
    if not behind:
        return False
    if behind in "%°‰\"”″'’_№^":
        return True
    if behind in TIMES:
        return not _TIMES_CLOSES.match(line, end) and not (
            following in ("", " ", "\u00a0", "\t") or (behind == "×" and not following.isdigit())
        )
    if behind.isalnum():
        return True
    if behind in "-–":
        return following.isalnum()
    if behind == "+":
        return following.isdigit()
    if behind in "/:":
        return following.isalnum()
    return behind in ".," and following.isdigit()


def _figure(line: str, start: int, end: int, mark: str) -> Figure | None:
    if _glued_before(line, start) and not is_sum(line, start, end):
        return None
    if _TELEPHONE.match(line, start, end):
        return None
    if _FRACTION.match(line, end) and _WORD_CHARS.search(line[:start]):
        return None
    unit = unit_behind(line, end)
    if _ORDINAL.match(line, end) or _PERCENT.match(line[end : end + 10]):
        return None
    multiplied = _TIMES_SIGN.search(line[max(0, start - 3) : start] + line[end : end + 2])
    priced = line[end : end + 1] == "/" and (
        MONEY_BEFORE.search(line[max(0, start - 8) : start])
        or PRICE_SIGN.search(line[max(0, start - 3) : start])
    )  # "$11.20/m"
    priced = priced or MONEY_BEHIND.match(line, end)  # "600р"
    if (_glued_behind(line, end, unit) and not priced) or (
        multiplied and in_size(line, start, end)
    ):
        return None
    before = line[:start]
    describes = property_behind(line, start, end)
    if describes and not priced and _WORD_CHARS.search(before):
        return None
    values = readings(line[start:end], mark)
    if not values:
        return None
    behind = MONEY_BEHIND.match(line, end)
    money = currency_in(behind[0]) if behind else ""
    in_front = None
    if not money and (in_front := MONEY_BEFORE.search(before[-8:]) or rand(line, start, end)):
        money = currency_in(in_front[0]) or code_of_word(in_front[0])
    if money and behind:
        unit = None
    stop = behind.end() if behind and money else (unit.end if unit else end)
    closes = _TIMES_CLOSES.match(line, end) if multiplied and not unit else None
    stop = closes.end() if closes else stop
    times = multiplied is not None and bool(
        closes or _TIMES_BEFORE.search(before) or _TIMES_BEHIND.match(line[end : end + 3])
    )
    if money and line.startswith(FLAT, stop):
        stop, values = stop + len(FLAT), values[:1]
    if times and unit and unit.unit.sort is Sort.MEASURE:
        small = unit.unit.code in NEVER_ORDERED and _TIMES_NAME.search(before[-24:])
        times = not (small or _TIMES_SIZE.search(before[-24:]))
    begin = start
    if in_front and money:
        begin = start - len(in_front[0])
    tail = line[max(0, begin - 24) : begin]
    price_said, total_said = _PRICE_BEFORE.search(tail), _TOTAL_BEFORE.search(tail)
    if price_said is None and (money or CENTS.search(line[start:end])) and unit is None:
        price_said = _PRICE_PERHAPS.search(tail)
    quantity_said = _QUANTITY_BEFORE.search(tail)
    led_by = quantity_said or total_said or price_said
    if led_by:  # the words that lead to the figure are no part of the description
        begin -= len(tail) - led_by.start()
    if _DOT_ENDS.match(line, end) and _DAY_BEFORE.search(before[-6:]):
        return None  # "nach dem 15.": a day
    each = _is_each(line, end)
    if each:
        unit = None
    rough = bool(_ROUGH_BEFORE.search(before[-16:])) or _is_range(line, start, stop)
    if not (money or price_said) and " " in line[start:end] and _may_be_two(before, unit):
        values = (*values, *readings(line[start:end].rpartition(" ")[2], mark)[:1])
    return Figure(
        start=begin,
        end=stop,
        values=values,
        number_start=start,
        number_end=end,
        unit=unit,
        money=money,
        is_price=bool(price_said) or each,
        is_total=bool(total_said),
        labelled=bool(quantity_said),
        times=times,
        reference=not money and is_referred_to(tail, line[start:end], line[end : end + 24]),
        rough=rough,
    )


def _may_be_two(before: str, unit: Found | None) -> bool:
    """True where a space may part two numbers: "М 150 500 шт", "3 100m drums of cable"."""
    tail = before.rstrip()
    if not tail:
        return unit is not None and unit.unit.sort is Sort.MEASURE
    return _WORD_CHARS.match(tail[-1]) is not None and "\t" not in before[len(tail) :]


_EACH = re.compile(r"(?i)\s?(?:each|ea|apiece|das stück|je stück|per (?:pc|piece|unit))\b")
_EA = re.compile(r"(?i)\s?ea\b")


def _is_each(line: str, end: int) -> bool:
    """True for "9.00 each": the price of one; "100 ea 1/2-13 bolts" counts them."""
    if _EA.match(line, end) and not any(mark in line[max(0, end - 3) : end] for mark in ".,"):
        return False
    return _EACH.match(line[end : end + 12]) is not None


def _is_range(line: str, start: int, stop: int) -> bool:
    behind = _RANGE_BEHIND.match(line[stop : stop + 8])
    before = _RANGE_BEFORE.search(line[max(0, start - 8) : start])
    dash_list = behind and re.match(r"\s[-–—]\s", line[stop : stop + 3])
    return bool(before and not re.search(r"\s[-–—]\s$", line[:start])) or bool(
        behind and not dash_list
    )


def _numerals(line: str, taken: list[Figure], language: str) -> list[Figure]:
    """Numbers in words."""
    spans = [(match.start(), match.end()) for match in _WORDS.finditer(line)][:200]
    words = [line[start:end] for start, end in spans]
    found: list[Figure] = []
    index = 0
    while index < len(words):
        numeral = None
        if may_begin(words[index]):
            numeral = numeral_at(words, index, language) or _one_of(line, words, spans, index)
        if numeral is None:
            index += 1
            continue
        start, end = spans[index][0], spans[index + numeral.words - 1][1]
        index += numeral.words
        if _part_of_code(line, start, end):
            continue
        if _explains(line, start, end, taken):
            _contradict(taken, start, numeral.value)
            continue
        if repeated := _REPEATED.match(line, end):
            end = repeated.end() if Decimal(repeated["value"]) == numeral.value else end
        unit = unit_named(line[start:end], end) if numeral.pair else unit_behind(line, end)
        if unit and unit.text == "paar" and numeral.weak:
            continue  # "ein paar Sachen": some; "ein Paar Stiefel" is a pair
        tail = line[max(0, start - 24) : start]
        found.append(
            Figure(
                start=start,
                end=unit.end if unit else end,
                values=(numeral.value,),
                number_start=start,
                number_end=end,
                unit=unit,
                numeral=True,
                weak=numeral.weak,
                rough=numeral.rough or bool(_ROUGH_BEFORE.search(tail)),
            )
        )
    return found


def _one_of(
    line: str, words: list[str], spans: list[tuple[int, int]], index: int
) -> Numeral | None:
    """ "a case of", "a box": the article before something that counts is a one."""
    if words[index].lower() not in ("a", "an"):
        return None
    unit = unit_behind(line, spans[index][1])
    if unit is None or unit.unit.sort not in (Sort.COUNT, Sort.PACK):
        return None
    return Numeral(value=Decimal(1), words=1, weak=True)


def _part_of_code(line: str, start: int, end: int) -> bool:
    before, behind = line[start - 1 : start], line[end : end + 1]
    return (
        before in ("-", "/", "_")
        and before != ""
        or behind in ("-", "/", "_")
        and behind != ""
        or (behind.isdigit() or before.isdigit())
    )


def _explains(line: str, start: int, end: int, taken: list[Figure]) -> bool:
    """ "5 (пять) дней": the word repeats the figure before it."""
    return line[start - 1 : start] == "(" or any(
        figure.number_end <= start <= figure.number_end + 2 and figure.unit is None
        for figure in taken
    )


def _contradict(taken: list[Figure], start: int, value: Decimal) -> None:
    """Make the figure before "(двенадцать)" rough when the words say another number."""
    for place, figure in enumerate(taken):
        if 0 <= start - figure.number_end <= 2 and value not in figure.values:
            taken[place] = replace(figure, rough=True)


def counts_things(figure: Figure) -> bool:
    """True when the unit beside a figure counts pieces or packages."""
    return figure.unit is not None and figure.unit.unit.sort in (Sort.COUNT, Sort.PACK)


def fills(figure: Figure, package: Unit | None, packages: Decimal | None) -> bool:
    """True for the 1000 of "5 packs of forks 1000 pcs": pieces in fewer packages."""
    if figure.unit is None or package is None or package.code not in _OF_PIECES:
        return False
    return figure.unit.unit.sort is Sort.COUNT and figure.values[0] > (packages or 0)


def is_time(figure: Figure) -> bool:
    """True when the unit beside a figure measures time."""
    return figure.unit is not None and figure.unit.unit.sort is Sort.TIME


def measures(figure: Figure) -> bool:
    """True when the unit beside a figure measures stuff or time, so that it may describe."""
    return figure.unit is not None and figure.unit.unit.sort in (Sort.MEASURE, Sort.TIME)
