"""Sentences -> what they order: "нам нужно пять коробок бумаги А4 и 2 тонера HP 85A".

In: one sentence. Out: a `Candidate` per thing ordered. A sentence is cut at commas, "and" and the
like; each part must begin with its quantity ("2 rolls of tape") or end with it ("столы 30 шт").
Parts without a quantity that follow are kept with the thing before them, and make it unsure.

Limits: a sentence that orders by pointing ("one of each", "the same again") yields nothing here;
kind.py sees such words and asks for a person. Nothing found in a sentence is ever quite sure.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from .caseless import Caseless
from .figures import Figure, counts_things, figures, is_time
from .item import Candidate, item, unbulleted, weakened
from .lines import Draft
from .noise import is_noise, recalls
from .numbers import has_digit
from .phrases import ASKS_POLITELY, ENQUIRES, ORDERS
from .properties import property_behind
from .prose_words import (
    ABBREVIATED,
    BOUNDARY,
    COUNTS_BY_SIGN,
    DETAIL,
    FOR_WHOM,
    GRADED,
    LEAD_WORDS,
    MEASURED,
    MONTH,
    PAPERS,
    POLITE,
    POLITE_END,
    RETURNS,
    SENTENCE_END,
    STARTS,
    STOP_NOUNS,
    TAIL,
    TO_ADDRESS,
    VAT_NOTE,
    VERB,
)
from .ranges import measured_range
from .references import bears
from .units import Sort, unit_of

_MOST_SENTENCE = 1500
_SPOKEN = 0.87  # confidence of a line from a sentence that orders in so many words
_HINTED = 0.7  # from a sentence without an ordering word
_REFERRED = Caseless(
    r"\b(?:заказ\w*|заявк\w+|сч[её]т\w*|order|po|bestellung|auftrag)\s?(?:№"
    r"|no\.?|nr\.?|#)?\s?[\w/-]*\d[\w/-]*"
)


_NEVER_DESCRIBES = frozenset({"TNE", "MTK", "MTQ", "DTN"})  # nobody packs by the ton
_AGREEING = frozenset(
    "agreed okay yes fine да хорошо ладно согласны согласовали passt einverstanden".split()
)
# "1000 шт. Грунт": a unit behind its number does end a Russian sentence.
_DAY = re.compile(r"(?:^|\D)\d{1,2}$")
_COUNTED_END = re.compile(r"\d\s?[^\W\d_]{1,6}$")


# "... dazu und 5 l": of two boundary words in a row the second stays behind.
_CONJUNCTION = re.compile(r"(?i)^\s*(?:и|and|und|sowie|plus|dazu|&)\s")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """A stretch between two boundaries."""

    text: str
    first: Figure | None  # a quantity it begins with
    last: Figure | None  # a quantity it ends with
    introduces: bool = False  # a colon ends it: what follows is the list


def sentences_of(lines: list[str], taken: set[int]) -> Iterator[tuple[int, str]]:
    """(line it begins on, sentence) for all text that nothing else has read."""
    paragraph: list[str] = []
    begin = 0
    for place, line in enumerate([*lines, ""]):
        if paragraph and not line.strip() and breaks_off(paragraph[-1], *lines[place + 1 :][:1]):
            continue
        usable = place < len(lines) and place not in taken and line.strip() and _may_order(line)
        if paragraph and (not usable or not continues(paragraph[-1], line)):
            for sentence in split_sentences(" ".join(paragraph)):
                said = _without_address(sentence)
                if not is_noise(said) and not recalls(said):
                    yield begin, said
            paragraph = []
        if usable:
            if not paragraph:
                begin = place
            paragraph.append(unbulleted(line.strip()))


def breaks_off(before: str, below: str = "") -> bool:
    """True where what is ordered goes on below an empty line: "Please send us", "ten chairs"."""
    goes_on = before.rstrip()[-1:].isalpha() and below[:1].islower()
    return goes_on and ORDERS.search(before) is not None


def _may_order(line: str) -> bool:
    return not only_noise(line) or _without_address(line) != line


def _without_address(sentence: str) -> str:
    """What a sentence orders, without the address it is to be brought to."""
    match = TO_ADDRESS.search(sentence)
    if match is None or not is_noise(sentence):
        return sentence
    goods, address = sentence[: match.start()], sentence[match.end() :]
    if not figures(goods) or any(counts_things(figure) for figure in figures(address)):
        return sentence
    return goods


def only_noise(line: str) -> bool:
    """True when no sentence of a line can name goods; a telephone in one spoils not the others."""
    if not is_noise(line):
        return False
    sentences = list(split_sentences(line))
    return len(sentences) < 2 or all(is_noise(sentence) for sentence in sentences)


def continues(before: str, line: str) -> bool:
    """True when a line goes on with the sentence of the line before it."""
    bare = line.strip()
    return (
        not before.endswith((".", "!", "?", ":", ";"))
        and (bare[:1].islower() or len(before) > 60 or (before[-1:] == "," and bare[:1].isdigit()))
        and bare == unbulleted(bare)
    )


def split_sentences(paragraph: str) -> Iterator[str]:
    """The sentences of a paragraph; a dot behind an abbreviation ends none."""
    text = paragraph[: _MOST_SENTENCE * 4]
    start = 0
    for match in SENTENCE_END.finditer(text):
        head = text[start : match.start()]
        if _DAY.search(head[-4:]) and (
            MONTH.match(text, match.end()) or GRADED.match(text, match.end())
        ):
            continue
        if match[0].startswith(".") and ABBREVIATED.search(head[-12:]):
            closes = _COUNTED_END.search(head[-16:]) and (
                "а" <= text[match.end()].lower() <= "я" or STARTS.match(text, match.end())
            )
            if not closes:
                continue
        yield head[:_MOST_SENTENCE]
        start = match.end()
    yield text[start:][:_MOST_SENTENCE]


def spoken(
    sentence: str, language: str = "", mark: str = "", listed: bool = False
) -> list[Candidate]:
    """What a sentence orders, in order.

    `listed`: the sentence is a line of a list, so no ordering word is asked for.
    """
    if len(sentence) > _MOST_SENTENCE or not any(char.isalnum() for char in sentence):
        return []
    if not listed and (
        ENQUIRES.search(sentence) or _gives_back(sentence) or _INTRODUCES.search(sentence)
    ):
        return []
    said = _counted_in_brackets(VAT_NOTE.sub(" ", unbulleted(sentence)))
    parts = _agreed(list(_parts(said, language, mark)))
    firsts = sum(part.first is not None for part in parts)
    lasts = sum(part.last is not None and part.first is None for part in parts)
    if firsts + lasts == 0 or (not firsts and _heads_list(sentence, parts)):
        return []
    asks = ORDERS.search(sentence) or ASKS_POLITELY.search(sentence)
    sure = _SPOKEN if asks else _HINTED
    if firsts >= lasts:
        return _by_first(parts, language, mark, sure)
    return _by_last(parts, language, mark, sure)


_IN_BRACKETS = re.compile(r"(?<=[^\W\d_])\s?\((?P<number>\d{1,3})\)(?=\s*(?:[,;.]|$))")


def _counted_in_brackets(sentence: str) -> str:
    """ "chairs (4), desks (2)" as "chairs - 4, desks - 2", where it holds several such and no
    other number."""
    if "(" not in sentence:
        return sentence
    polite = POLITE_END.sub("", sentence)
    counted = _IN_BRACKETS.sub(r" - \g<number>", polite)
    several = len(_IN_BRACKETS.findall(polite)) > 1
    return counted if several and not has_digit(_IN_BRACKETS.sub("", polite)) else sentence


_NUMBER_FIRST = re.compile(r"\s*(?P<low>\d+(?:[.,]\d+)?\s?[-–—]\s?)?(?P<last>\d+(?:[.,]\d+)?)")
# "12 per set", "500 Stück je Karton", "по 10 шт в упаковке"
_IN_PACKAGE = Caseless(
    r"(?:\s[^\W\d_]{1,7}\.?)?\s(?:per|to an?|to the|in an?|in each|je|pro|im?|in einer?|в)\s"
    r"(?P<package>[^\W\d_]+)(?=\s*(?:$|[,;.)]))"
)
_WORDS = re.compile(r"[^\W\d_]+")
_HOURS = 24
_BEFORE_HOUR = Caseless(r"\b(?:zwischen|ab|vor|nach|gegen|between|before|after|until|past)\s$")
# "für die Kita bitte 20 x Malblock"
_ASKS = Caseless(r"\b(?:bitte|please|pls|пожалуйста|прошу|просим)\s$")
# "the gate code is 4471", "our PO is HP 5520"
_STATES = Caseless(r"\s(?:is|are|was|were|ist|sind|lautet|:)\s*(?:[a-zа-я]{1,3}[ -])?$")
# "Please order the following for Tower 9:" what is ordered stands below.
_INTRODUCES = re.compile(r"(?i)\b(?:following|folgende\w*|следующ\w+|as follows|below)\b[^:]*:\s*$")


def _heads_list(sentence: str, parts: list[_Part]) -> bool:
    """True for "please supply to site 14:": its number is no quantity, the list stands below."""
    return sentence.rstrip().endswith(":") and not any(
        part.last is not None and part.last.unit is not None for part in parts
    )


def _gives_back(sentence: str) -> bool:
    """True for what is to be fetched: "6 empties to collect"."""
    return RETURNS.search(sentence) is not None and not ORDERS.search(sentence)


def names_goods(draft: Draft) -> bool:
    """True when something besides ordering words is left: not "Agreed, go ahead with"."""
    if draft.sku or draft.gtin:
        return True
    rest = _REFERRED.sub(" ", ORDERS.sub(" ", draft.description))
    words = _WORDS.findall(rest.lower())
    return any(
        len(word) > 1 and word not in LEAD_WORDS and word not in _AGREEING for word in words
    ) or (any(char.isdigit() for char in rest) and bool(words))


def _agreed(parts: list[_Part]) -> list[_Part]:
    """Where some parts count pieces, a measure at the end of another only describes ("1000 мл")."""
    if not any(part.last is not None and counts_things(part.last) for part in parts):
        return parts
    return [
        replace(part, last=None)
        if part.last is not None and _only_measures(part) and not _is_bought_by(part.last)
        else part
        for part in parts
    ]


def _is_bought_by(figure: Figure) -> bool:
    """Nails are bought by the kilogram and cable by the metre; a litre says the size of a can."""
    return figure.unit is not None and figure.unit.unit.code in ("KGM", "MTR")


def _only_measures(part: _Part) -> bool:
    figure = part.last
    return (
        figure is not None
        and figure.unit is not None
        and figure.unit.unit.sort is Sort.MEASURE
        and figure.unit.unit.code not in _NEVER_DESCRIBES
        and not re.search(r"[-–—:]\s*$", part.text[: figure.start])
    )


def _parts(sentence: str, language: str, mark: str) -> Iterator[_Part]:
    start = 0
    several = len(figures(sentence, language, mark)) > 1
    for match in [*BOUNDARY.finditer(sentence), None]:
        stop = match.start() if match else len(sentence)
        text = _CONJUNCTION.sub("", sentence[start:stop])
        if text.count("(") > text.count(")") and match:
            continue  # a comma inside brackets parts nothing
        if match and match[0] == "," and _only_describes(text, sentence, match.end()):
            continue
        if text.strip():
            part = _part(POLITE_END.sub("", text).strip() or text.strip(), language, mark, several)
            colon = match is not None and match[0].startswith(":")
            yield replace(part, introduces=colon)
        start = match.end() if match else stop


def _only_describes(goods: str, sentence: str, start: int) -> bool:
    """True where a number of a property or a package follows: ", 24 V DC", ", 12 per set".

    So does the measure of one of them behind counted goods: "2 x ball, 350 g light".
    """
    if COUNTS_BY_SIGN.match(goods) and MEASURED.match(sentence, start):
        return True
    number = _NUMBER_FIRST.match(sentence, start)
    return number is not None and bool(
        property_behind(sentence, number.start("last"), number.end())
        or (number["low"] and measured_range(sentence, number.end()))
        or _fills_package(sentence, number.end())
    )


def _fills_package(sentence: str, end: int) -> bool:
    """True where what stands behind a number says that so many are in one: "50 to a box"."""
    match = _IN_PACKAGE.match(sentence, end)
    unit = unit_of(match["package"]) if match else None
    return unit is not None and unit.sort in (Sort.COUNT, Sort.PACK)


def _part(text: str, language: str, mark: str, several: bool) -> _Part:
    first = last = None
    found = figures(text, language, mark)
    for figure in found:
        if figure.money or figure.is_total or is_time(figure):
            continue
        if figure.reference and not counts_things(figure):
            continue
        before, behind = text[: figure.start], text[figure.end :]
        if bears(before):
            continue
        if "(" in before and ")" not in before:
            continue
        if figure.unit is None and figure.values[0] <= _HOURS and _BEFORE_HOUR.search(before):
            continue
        if (
            first is None
            and _leads(before, behind)
            and _orders_something(figure, before, behind, several)
        ):
            first = figure
        at_end = not re.search(r"\w", _without_prices(text, figure.end, found))
        if at_end and _STATES.search(before) and not counts_things(figure):
            continue
        if at_end and not figure.is_price and re.search(r"[^\W\d_]{2,}", _without_lead(before)):
            last = figure
    return _Part(text=text, first=first, last=last)


def _without_prices(text: str, start: int, found: Sequence[Figure]) -> str:
    """What stands behind `start`, its prices and remarks in brackets left out."""
    rest = text[start:]
    for figure in reversed(found):
        if figure.start >= start and (figure.money or figure.is_price or figure.is_total):
            rest = rest[: figure.start - start] + rest[figure.end - start :]
    rest = re.sub(r"^\s*/\s?\w{1,5}\.?", "", rest)
    return re.sub(r"\([^)]*\)", "", rest)


def _leads(before: str, behind: str) -> bool:
    """True when only words that lead to an order stand before a figure.

    For whom it is does too, but not in "for the office 2 12 pens".
    """
    if _ASKS.search(before):
        return True
    said = _behind_verb(_REFERRED.sub("", before))
    if not has_digit(behind.lstrip()[:1]):
        said = FOR_WHOM.sub("", said)
    words = re.findall(r"[^\W\d_]+", said.lower())
    return (
        len(words) <= 10
        and all(word in LEAD_WORDS for word in words)
        and not re.search(r"\d", said)
    )


def _behind_verb(before: str) -> str:
    """What stands behind the last ordering word."""
    end = 0
    for match in ORDERS.finditer(before):
        end = match.end()
    return before[end:]


def _without_lead(before: str) -> str:
    """The text behind the words that lead to an order."""
    words = _behind_verb(before).split()
    while words and re.sub(r"\W", "", words[0].lower()) in LEAD_WORDS:
        words.pop(0)
    return " ".join(words)


def _orders_something(figure: Figure, before: str, behind: str, several: bool) -> bool:
    articled = re.search(r"(?i)\b(?:an?|one|ein|eine|einen|each)\s*$", before)
    if STOP_NOUNS.match(behind) and not counts_things(figure):
        return False
    if figure.unit is not None and figure.unit.unit.sort is Sort.MEASURE and articled:
        return False  # "a 25 lb jug" is one jug
    if figure.weak and figure.unit is None and not several:
        return False  # "ein Angebot" alone; beside other quantities "одну помпу" counts
    return bool(re.match(r"[\s\"«“(]*(?:x |х |× |of |von )?[^\W_]", behind)) and bool(
        re.search(r"[^\W\d_]{2,}", behind)
    )


def _by_first(parts: list[_Part], language: str, mark: str, sure: float) -> list[Candidate]:
    found: list[Candidate] = []
    texts: list[str] = []
    for part in parts:
        if part.first is None:
            priced = found and _only_price(part.text, language, mark)
            if priced and (
                candidate := item(f"{texts[-1]}, {part.text}", language, mark, first=True)
            ):
                kept = min(candidate.draft.confidence, found[-1].draft.confidence)
                found[-1] = weakened(candidate, kept)
            elif found and not priced and _qualifies(part.text):
                found[-1] = _joined(found[-1], part.text)
                texts[-1] = f"{texts[-1]}, {part.text}"
            continue
        text = part.text[part.first.start :]
        cut = _cut(text, part.first.end - part.first.start)
        candidate = item(cut, language, mark, first=True)
        if candidate is None or not _same_quantity(candidate, part.first):
            continue
        if not names_goods(candidate.draft):
            continue
        goes_on = VERB.search(text[len(cut) :]) is not None
        found.append(
            weakened(candidate, 0.75, "sentence-goes-on") if goes_on else weakened(candidate, sure)
        )
        texts.append(cut)
    return found


def _only_price(text: str, language: str, mark: str) -> bool:
    """True for a part that only prices the thing before it: "at £18.50 each"."""
    found = figures(text, language, mark)
    return len(found) == 1 and found[0].is_price and not re.search(r"\w", text[: found[0].start])


def _same_quantity(candidate: Candidate, figure: Figure) -> bool:
    said = candidate.draft.quantity[:1]
    thousands: tuple[Decimal, ...] = tuple(value * 1000 for value in figure.values[:1])
    return said in (figure.values[:1], thousands)


def _cut(text: str, behind_figure: int) -> str:
    """The part up to where it speaks of time, place or something else."""
    head, rest = text[:behind_figure], text[behind_figure:]
    stops = [match.start() for match in (TAIL.search(rest), VERB.search(rest)) if match]
    cut = rest[: min(stops)] if stops else rest
    if re.search(r"\w", cut):
        return head + cut
    return text


def _qualifies(text: str) -> bool:
    """True when a part without quantity may describe the thing before it, or be another."""
    text = _without_verb(text)
    return (
        not POLITE.match(text)
        and not TAIL.match(" " + text)
        and len(text.split()) <= 6
        and not VERB.search(" " + text)
        and not is_noise(text)
    )


def _without_verb(text: str) -> str:
    """ "ведро привезите, пожалуйста" names a bucket."""
    verb = VERB.search(text)
    return text[: verb.start()] if verb and POLITE.match(text[verb.end() :]) else text


def _joined(candidate: Candidate, text: str) -> Candidate:
    said = f"{candidate.draft.description}, {text.strip(' .')}"
    draft = replace(candidate.draft, description=said)
    if DETAIL.match(text):
        return replace(candidate, draft=draft)
    return weakened(replace(candidate, draft=draft), 0.75, "description-unsure")


def _by_last(parts: list[_Part], language: str, mark: str, sure: float) -> list[Candidate]:
    found: list[Candidate] = []
    pending: list[str] = []
    counted = any(part.last is not None and counts_things(part.last) for part in parts)
    for part in parts:
        if part.last is None:
            if part.introduces:
                pending = []
            elif re.search(r"[^\W\d_]", _without_lead(_without_verb(part.text))):
                pending.append(part.text)
            continue
        lead = part.text[: part.last.start]
        candidate = item(f"{_without_lead(lead)} {part.text[len(lead) :]}", language, mark)
        if (
            candidate is None
            or not _same_quantity(candidate, part.last)
            or not names_goods(candidate.draft)
        ):
            pending = []
            continue
        limit = sure if candidate.has_unit or candidate.dashed else min(sure, 0.75)
        if counted and _only_measures(part):
            limit = min(limit, 0.8)  # "краска 5 кг, валик 10 шт": five kilograms, or a can of them?
        if pending:
            named = _without_lead(pending[-1])
            said = f"{named}, {candidate.draft.description}".strip(", ")
            candidate = replace(candidate, draft=replace(candidate.draft, description=said))
            limit = min(limit, 0.75)
            pending = []
        if sum(char.isalpha() for char in candidate.draft.description) < 3:
            candidate, limit = weakened(candidate, 0.6, "description-thin"), 0.6
        found.append(weakened(candidate, limit))
    more = any(_qualifies(text) and not PAPERS.match(text) for text in pending)
    if found and more:  # "... 22 кв.м и затирка"
        found[-1] = weakened(found[-1], 0.75, "description-unsure")
    return found
