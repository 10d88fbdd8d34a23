"""A second look at running text: is every number in it accounted for, does a word call it in doubt?

In: the lines of a text, the order lines read from it, and what tables took. Out: problems. Reading
asks "what is ordered here?"; this asks the opposite, "what here was not understood?", with no eye
for how lines were found, so that a mistake of the one is caught by the other. A number must be a
line's quantity, price or total, stand inside a description, or be a date, a reference, a time.

Limits: it never mends a line; it only takes its certainty away.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal

from postroom.order import OrderLine

from .caseless import Caseless, may_say
from .dates import date_spans, hour_spans
from .doubt_words import (
    ADDS,
    ASIDE,
    BEGINNINGS,
    DOUBTS,
    PAPERWORK,
    POINTS,
    SPEECH,
    WANTS,
    WANTS_MORE,
    WISHES,
)
from .figures import Figure, counts_things, figures, fills, is_time
from .gaps import heads_of_rows
from .holding_words import MULTIPLIES
from .item import unbulleted
from .noise import is_noise, recalls, without_greeting
from .numbers import has_digit
from .prose import only_noise, split_sentences
from .prose_words import LEAD_WORDS, STARTS, STOP_NOUNS, VERB
from .ranges import ranges
from .references import introduces_list, is_hour_at_sea, is_limit, is_named, only_numbers_row
from .units import NEVER_ORDERED, unit_of

_UNSURE = 0.6
_MOST_WORDS = 18  # of a description in running text
_FEW_WORDS = 5
_WHEN = re.compile(r"\b\d{1,2}:\d\d\b|\b\d{1,2}\.\d{1,2}\.(?:\d\d)?\d\d\b")
# Nobody describes goods by them: what has one more of these ordered by it.
_AMOUNTS = frozenset({"TNE", "MTQ", "XPX"})
_MEASURE_ALONE = re.compile(
    r"(?i)\W*\d+(?:[.,]\d+)?\s?(?:mm|cm|m|yd|ft|in|kg|g|l|ml|cl|t|мм|см|м|кг|г|л|мл|т)\W*"
)
_MODEL = re.compile(r"\b[A-ZА-Я]{2,}[ -]?\d")  # "HP 305 black"
_MIXED = re.compile(r"[^\W\d_]\S*\d|\d\S*[^\W\d_]")
_DETAILS = frozenset(
    """size sizes colour color type model grade red blue green black white yellow grey gray "
    "large small
    medium размер размера цвет цвета тип модель красный синий зеленый зелёный черный чёрный белый
    желтый жёлтый белых черных чёрных красных синих größe farbe typ modell rot blau grün gelb
    schwarz weiß grau groß klein new more neue weitere новых таких such those these""".split()
)
# What a name does not end or begin with: something was cut, or belongs elsewhere.
_LOOSE_END = re.compile(
    r"(?i)(?:(?<!\d)\sin$|\s(?:of|for|to|with|and|or|on|at|by|the|(?-i:[aвскуи])|или|для|на|по|от|до|из|за"
    r"|und|oder|für|mit|von|zu|auf|an|der|die|das|den)$|^(?:and|or|then|и|или|потом|und|oder|dann|also|sowie)\s)"
)
# No words of a speaker: "Folie 23 my", "thank you cards".
_NO_SPEECH = re.compile(
    r"\d\s?my\b|\b[Tt]hank[- ][Yy]ou(?= (?:(?i:card|sticker|tag|label|note|gift|bag)s?)\b)"
)
# A price nobody read, whatever its currency is called.
_PRICE_LEFT = re.compile(
    r"@\s?[€$£]?\d|[€$£]\s?\d|\d\s?[€$£]|\s(?:at|@|à|zu je|je|по) (?:[A-Z]{2,3}\.? ?)?\d[\d.,]*$"
    r"|\s(?:at|@|à) [A-Z]{2,3}\.? ?\d"
)
# "шесть дверей из 10", "3 out of 5"; but a "набор из 6" is one
_WORDS = re.compile(r"[^\W\d_]+")
_NAME = re.compile(r"[^\W\d_]{4,}")
_COUNTED = re.compile(r"\d{1,4}\s[^\W\d_]")  # "1 CO2-Flasche", and 10 kg of it?
_TAKES_BACK = frozenset(
    """no make it that them sorry actually rather better i mean meant oops nein doch lieber
    besser gleich natürlich verzeihung quatsch halt ach moment нет ой лучше точнее вернее
    давайте извините хотя все таки всё""".split()
)
_OUT_OF = Caseless(r"(?:(?<!набор)(?<!комплект)(?<!упаковка)\sиз|\sout of|\sbis|\sдо)\s\d{1,5}$")
_NEW_SENTENCE = re.compile(rf"[.!?]\s+{STARTS.pattern}")
# "2 pallets of 48 bags cement": are they counted by the pallet or by the bag?
_PACKED_FIRST = Caseless(
    r"(?:(?:zu |mit )?je|zu|à|a|mit|по|of|with|each(?: with| of)?|per|x|х)\s\d{1,4}\s?[^\W\d_]{2,}"
)
# "1/2 tons", "S - 10, M - 20, L", "A1;Chair;10": fractions and lists that nobody took apart
_SEVERAL = re.compile(
    r"(?i)^\d/\d{1,3}\s(?![\"”″]|inch|zoll|дюйм)|(?<!\d)[-–—:]\s?\d+\s?[,;](?!\d)|;\d"
)
_OPENS_TITLE = re.compile(r"[„“«\"]$")  # incense „Drei Könige“
_LETTERS_BEFORE = re.compile(r"(?<!\S)[A-ZА-Я]{2,4} $")  # "filter CUK 26 009": a model
_NUMBER_ENDS = re.compile(r"[^\W\d_]\s\d{1,4}$")
_SIZED = re.compile(r"\d[\"”″'’]?\s?[xXхХ×*]\s?$")  # "2000 x 1000"
_DESCRIBING = frozenset({"KGM", "GRM", "LTR", "MTR", "MTK", "TNE", "MTQ"})
_SHEETS = frozenset({"ST"})  # "Locher 40 Blatt", "тетрадь 48 листов"
_SHORT_CODE = 3  # letters; a shorter one stands in any text
_LABEL = 8  # letters of a label at most
_MOST_NOTE = 300  # letters of a note; what is longer are terms
_IS_NOTE = Caseless(
    r"\W*(?:notes?|remarks?|comments?|bemerkung(?:en)?|anmerkung(?:en)?|hinweise?|примечани[ея]|комментари[йи])"
    r"\W*:"
)
_NAMES_LINE = Caseless(
    r"\b(?:items?|lines?|pos(?:ition(?:en)?)?|позици\w+|поз|п|артикул|artikel|art)\b[.\s]*(?:no|nr|№|#)?[.\s]*\d"
)
_TOKEN = re.compile(r"\S*\d\S*")
# Figures that order nothing: a share, a time, a sum of money, an ordinal.
_EXPLAINED = Caseless(
    r"(?<![\d-])\d{3}-\d\d-\d\d(?![\d-])"  # a telephone in a town
    r"|(?<!\d)\d+(?:[.,]\d+)?\s?(?:%|процент|percent|prozent)"
    r"|\b\d{1,2}[:.]\d\d\b(?:\s?(?:uhr|ч|h|am|pm))?"
    r"|\b\d{1,2}\s?(?:am|pm|uhr|h)\b|\b\d{1,3}(?:st|nd|rd|th|-?го|-?й|-?е)\b|[$€£₽]\s?\d[\d.,\s]*"
    r"|(?<!\d)\d[\d.,\s]*(?:[$€£₽]|руб|eur\b|usd\b|gbp\b)"
)
# "Ship on one pallet please": how it is packed.
_IN_ONE = Caseless(r"(?<!put )(?<!throw )(?<!pop )(?<!stick )(?<!\w)(?:on|onto|in|auf|на|в)\s$")
_NO_GOODS_FOLLOW = Caseless(r"\s*(?:$|[.,;!)]|(?:please|pls|bitte|пожалуйста)\b)")
_LISTED_BELOW = Caseless(
    r"\b(?:the|as|of) (?:following|below|undermentioned|below[- ]mentioned|listed)\b"
    r"|\b(?:folgende[nrs]?|nachfolgende[nrs]?|nachstehende[nrs]?|untenstehende[nrs]?)\b"
    r"|\b(?:следующ\w+|нижеследующ\w+|указанн\w+ ниже|ниже указанн\w+|перечисленн\w+)\b"
)
# Packed how: "3 уп. по 100 шт", "(100 шт/уп)", "box of 200", "10er Pack".
_PACKED = Caseless(
    r"(?:\b(?:по|à|a|je|zu|of|per|mit|in|x|х|ve|vpe|pack|inhalt|уп|упаковка)[.:]?|/|[(\[,;*×])\s?$"
)


def audited(
    lines: Sequence[str],
    tabled: set[int],
    found: Iterable[OrderLine],
    totals: Sequence[Decimal],
    language: str = "",
    mark: str = "",
    elsewhere: bool = False,
) -> tuple[str, ...]:
    """The problems a second look finds in a text; empty when all of it was understood.

    `elsewhere`: lines were read in the text's tables, of which it may say something as well.
    """
    read = list(found)
    pool = [value for line in read for value in _values(line)] + list(totals)
    used = " | ".join(f"{line.sku} {line.gtin} {line.description}" for line in read)
    problems: list[str] = []
    heads = heads_of_rows(lines)
    for line in _sentences(lines, tabled):
        if recalls(line):
            continue
        if _has_unread(line, pool, used, language, mark):
            problems.append("numbers-unread")
        if not (read or elsewhere) or not may_say(line, BEGINNINGS):
            continue
        problems += _doubts(line)
        if not is_noise(line):
            if _points(line):
                problems.append("points-elsewhere")
            if line not in heads and _wants_more(line, used, language, mark):
                problems.append("quantity-unsaid")
    return tuple(dict.fromkeys(problems))


def _doubts(line: str) -> list[str]:
    """What words call in doubt; an address does not, but "to both addresses" does."""
    if is_noise(line):
        return ["quantity-multiplied"] if MULTIPLIES.search(line) else []
    return [problem for pattern, problem in DOUBTS if pattern.search(line)]


def noted(around: Iterable[str], found: Iterable[OrderLine]) -> tuple[str, ...]:
    """The problems that notes beside a document's table raise about one of its lines.

    Terms of business are full of conditions; only what names a line or its product counts.
    """
    codes = {line.sku.lower() for line in found if len(line.sku) > _SHORT_CODE}
    problems: list[str] = []
    for row in around:
        if len(row) > _MOST_NOTE:
            continue
        small = row.lower()
        named = (
            has_digit(row)
            and not is_noise(row)
            and (_NAMES_LINE.search(row) is not None or any(code in small for code in codes))
        )
        if named or _IS_NOTE.match(row):
            problems += [problem for pattern, problem in DOUBTS if pattern.search(row)]
    return tuple(dict.fromkeys(problems))


def beside(text: str) -> tuple[str, ...]:
    """The problems a mail's own words raise about lines that stand in a table or a document.

    More goods ("add two lamps") are no line of those, number or not.
    """
    problems: list[str] = []
    for line in text.split("\n"):
        if not may_say(line, BEGINNINGS):
            continue
        for sentence in split_sentences(without_greeting(line)):
            if recalls(sentence):
                continue
            problems += _doubts(sentence)
            if is_noise(sentence):
                continue
            if WANTS_MORE.search(sentence) is not None and not PAPERWORK.search(sentence):
                problems.append("quantity-unsaid")
    return tuple(dict.fromkeys(problems))


def doubted(line: OrderLine, language: str = "", mark: str = "") -> OrderLine:
    """A line from text whose description still holds what may be the true quantity: unsure."""
    if not (line.sku or line.gtin) and (_only_details(line.description) or _is_label(line)):
        return _weaker(line, "description-thin")
    if (
        SPEECH.search(_NO_SPEECH.sub(" ", line.description))
        or _LOOSE_END.search(line.description)
        or (line.description[-1:].isdigit() and _OUT_OF.search(line.description))
        or _NEW_SENTENCE.search(line.description)
        or _PRICE_LEFT.search(line.description)
    ):
        return _weaker(line, "description-unsure")
    if _PACKED_FIRST.match(line.description):
        return _weaker(line, "quantity-ambiguous")
    if line.unit_code in NEVER_ORDERED or (
        line.unit_code in _DESCRIBING
        and (_ends_bare(line.description, language, mark) or _COUNTED.match(line.description))
    ):
        return _weaker(line, "quantity-ambiguous")
    if not _is_proved(line) and (_SEVERAL.search(line.description) or _ends_as_many(line)):
        return _weaker(line, "quantity-ambiguous")
    if _is_proved(line) or not _holds_another(line, language, mark):
        return line
    return _weaker(line, "quantity-ambiguous")


def _ends_as_many(line: OrderLine) -> bool:
    """True for 4711 of "Stapler 10": the number behind the name orders, that in front names."""
    bare = not line.unit and line.unit_price is None
    many = bare and (line.quantity or 0) >= 1000
    return many and _NUMBER_ENDS.search(line.description) is not None


def _is_label(line: OrderLine) -> bool:
    """True for "Kst. 4410" and the like: one short word and a number of four digits or more."""
    bare = not line.unit and line.unit_price is None and len(line.description) < _LABEL
    return bare and (line.quantity or 0) >= 1000 and " " not in line.description


def only_corrects(line: OrderLine) -> bool:
    """True for a line that names nothing but takes back a number: "No, make it 40 bags"."""
    first = line.description.partition(" ")[0].strip(",.").lower()
    if first not in _TAKES_BACK or line.sku:
        return False
    words = _WORDS.findall(line.description.lower())
    return all(word in _TAKES_BACK for word in words)


def nameless(line: OrderLine) -> OrderLine:
    """A line whose description names no goods: unsure."""
    return _weaker(line, "description-thin")


def _ends_bare(description: str, language: str, mark: str) -> bool:
    """True when a number without a unit ends the description, and names nothing (ГОСТ 3077)."""
    found = figures(description, language, mark)
    return bool(found) and (
        found[-1].end == len(description) and found[-1].unit is None and not found[-1].reference
    )


def _only_details(description: str) -> bool:
    """True for "size 5" and "red": what it is was said of another line."""
    if _MEASURE_ALONE.fullmatch(description):
        return True
    if _MIXED.search(description) or _MODEL.search(description):
        return False
    words = _WORDS.findall(description.lower())
    return all(len(word) < 3 or word in _DETAILS for word in words)


def _weaker(line: OrderLine, problem: str) -> OrderLine:
    return replace(
        line,
        confidence=min(line.confidence, _UNSURE),
        problems=tuple(dict.fromkeys((*line.problems, problem))),
    )


def _is_proved(line: OrderLine) -> bool:
    return (
        line.quantity is not None
        and line.unit_price is not None
        and line.total is not None
        and abs(line.quantity * line.unit_price - line.total) <= Decimal("0.02")
    )


def _holds_another(line: OrderLine, language: str, mark: str) -> bool:
    """True for a line whose name holds what may be ordered as well."""
    description = line.description
    if len(description.split()) > _MOST_WORDS or _WHEN.search(description):
        return True  # more than a name
    if description.count("(") != description.count(")"):
        return True  # cut somewhere
    for figure in figures(description, language, mark):
        before, behind = description[: figure.start], description[figure.end :]
        if "(" in before and ")" not in before[before.rfind("(") :]:
            continue
        if figure.numeral:
            if not figure.weak and not _OPENS_TITLE.search(before):
                return True
            continue
        if figure.money or (figure.times and not _SIZED.search(before)):
            return True
        packed = _PACKED.search(description[: figure.number_start])
        code = figure.unit.unit.code if figure.unit else ""
        if code in _AMOUNTS:
            return True
        apart = figure.unit is None and " " in _said(description, figure)
        if apart and not (line.sku and _LETTERS_BEFORE.search(before)):
            return True
        describes = packed or behind.lstrip().startswith("/") or (code in _SHEETS and before)
        closes = not behind.strip(" .")
        describes = describes or (closes and fills(figure, unit_of(line.unit), line.quantity))
        if counts_things(figure) and not describes and figure.values[0] != 1:
            return True
        leads = not re.search(r"\w", before) and figure.unit is None and not figure.reference
        if leads and re.match(r"\s[a-zа-яёäöü]", behind):
            return True
    return bool(ranges(description, mark))


def _said(text: str, figure: Figure) -> str:
    """The number as written: "45 000" is no code, "1613 7407 00" is several numbers."""
    return text[figure.number_start : figure.number_end]


def _values(line: OrderLine) -> list[Decimal]:
    return [value for value in (line.quantity, line.unit_price, line.total) if value is not None]


def _has_unread(line: str, pool: list[Decimal], used: str, language: str, mark: str) -> bool:
    """True when a line of text names a number that nothing read accounts for."""
    noise = is_noise(line)
    if only_numbers_row(line):
        return False
    line = unbulleted(line)
    behind = 0
    found = figures(line, language, mark)
    if not noise and _has_strange(line, found, used):
        return True
    for figure in found:
        inside, behind = figure.start < behind, max(behind, figure.end)
        if inside or (noise and not counts_things(figure)) or _is_explained(line, figure):
            continue
        said = _said(line, figure)
        described = _is_number_in(used, said)
        if (described and not counts_things(figure)) or _taken(figure, pool) or described:
            continue
        return True
    return False


def _is_number_in(text: str, number: str) -> bool:
    """True when `number` stands in `text` and is no part of a longer one."""
    start = text.find(number)
    while start >= 0:
        end = start + len(number)
        if not (text[max(0, start - 1) : start].isdecimal() or text[end : end + 1].isdecimal()):
            return True
        start = text.find(number, start + 1)
    return False


def _has_strange(line: str, found: Sequence[Figure], used: str) -> bool:
    """True when a token with a digit is neither a figure, nor in a line's words, nor explained."""
    if not has_digit(line):
        return False
    spans = [(figure.start, figure.end) for figure in found]
    spans += [*date_spans(line), *hour_spans(line)]
    spans += [match.span() for match in _EXPLAINED.finditer(line)]
    for match in _TOKEN.finditer(line):
        token = match[0].strip(".,;:!?()[]«»\"'*=-–—+x×х/")
        if not any(char.isdigit() for char in token) or token.removesuffix("s") in used:
            continue
        begin = match.start() + match[0].find(token)
        if any(start < begin + len(token) and begin < end for start, end in spans):
            continue
        if introduces_list(line, begin, begin + len(token)):
            continue
        if is_named(line[:begin]) or STOP_NOUNS.match(line[begin + len(token) :]):
            continue
        return True
    return False


def _sentences(lines: Sequence[str], tabled: set[int]) -> Iterator[str]:
    """Lines, cut into sentences where only some of a line's sentences name no goods."""
    for place, line in enumerate(lines):
        if place in tabled or not line.strip():
            continue
        sentences = list(split_sentences(line))
        apart = len(sentences) > 1 and any(is_noise(one) or recalls(one) for one in sentences)
        yield from sentences if apart and not only_noise(line) else [line]


def _taken(figure: Figure, pool: list[Decimal]) -> bool:
    """True when some line has that number; each line's number explains one figure."""
    for value in figure.values:
        for wanted in (value, value * 1000):
            if wanted in pool:
                pool.remove(wanted)
                return True
    return False


def _is_explained(line: str, figure: Figure) -> bool:
    if figure.money or figure.is_price or figure.is_total or is_time(figure):
        return True
    if figure.weak and figure.unit is None:
        return True
    if is_hour_at_sea(line, figure.number_start):
        return True
    if figure.weak and _IN_ONE.search(line[: figure.start]):
        return _NO_GOODS_FOLLOW.match(line, figure.end) is not None
    if counts_things(figure):
        return False
    if figure.end == len(line.rstrip(" :")) and line.rstrip().endswith(":"):
        return True  # "For Volvo 65115:" heads a list
    if figure.unit is None and introduces_list(line, figure.number_start, figure.number_end):
        return True
    if is_limit(line[: figure.start]):
        return True
    if is_named(line[: figure.start]):
        return True
    return figure.reference or bool(STOP_NOUNS.match(line[figure.end :]))


def _wants_more(line: str, used: str, language: str, mark: str) -> bool:
    """True when a line asks for something more and says no number: "Dazu noch Putzlappen".

    "We need one barrow" has one, but where nothing read is called so, it was not understood.
    """
    if WANTS_MORE.search(line) is None and WANTS.search(line) is None and not ADDS.search(line):
        return False
    return any(
        (WANTS_MORE.search(sentence) is not None or _wants(sentence) or _adds(sentence))
        and not PAPERWORK.search(sentence)
        and not _says_how_many(sentence, used, language, mark)
        and not is_noise(sentence)
        for sentence in split_sentences(line)
    )


def _says_how_many(sentence: str, used: str, language: str, mark: str) -> bool:
    found = figures(sentence, language, mark)
    if not found or not all(figure.weak and figure.unit is None for figure in found):
        return bool(found)
    small = used.lower()
    return any(word in small for word in _NAME.findall(_asked_for(sentence).lower()))


def _asked_for(sentence: str) -> str:
    return ASIDE.sub(" ", WANTS.sub(" ", sentence))


def _wants(sentence: str) -> bool:
    """True when a sentence asks for goods by name: "Please send the belt for the Makita"."""
    if WANTS.search(sentence) is None or sentence.rstrip().endswith(":"):
        return False
    if _LISTED_BELOW.search(sentence):
        return False
    words = _NAME.findall(_asked_for(sentence))
    return any(word.lower() not in LEAD_WORDS for word in words)


def _adds(sentence: str) -> bool:
    """True for a few words that add goods by name: "Plus plasticiser", "Fließmittel auch noch"."""
    if len(sentence.split()) > _FEW_WORDS or not ADDS.search(sentence) or WISHES.search(sentence):
        return False
    if sentence.rstrip().endswith((":", "?")) or VERB.search(f" {sentence}"):
        return False
    words = _NAME.findall(ASIDE.sub(" ", ADDS.sub(" ", sentence)))
    return any(word.lower() not in LEAD_WORDS for word in words)


def _points(line: str) -> bool:
    if POINTS.search(line) is None:
        return False
    numbers = list(_TOKEN.finditer(line))
    return any(not introduces_list(line, *_bare(one)) for one in numbers) or bool(
        not numbers and figures(line)
    )


def _bare(match: re.Match[str]) -> tuple[int, int]:
    """Where a token stands without the marks around it."""
    said = match[0].rstrip(".,;:!?)")
    return match.start(), match.start() + len(said)
