"""Numbers in words: "пять", "двадцать пять", "two dozen", "dreiundzwanzig", "half a dozen".

In: a list of lower-case words and where to begin. Out: the value and how many words it takes, or
None. Russian, English and German up to 999 999, with cases; single words up to a hundred in French
and Spanish, and only when the text is in that language.

Limits: ordinals are not numbers; "a few", "несколько", "ein paar" are not numbers either, who
reads text treats them as vague. Words for one ("один", "ein", "un") are `weak`: they are articles
as often as quantities.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache

from .units import unit_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Numeral:
    """A number in words."""

    value: Decimal
    words: int  # how many words it took
    weak: bool = False  # "ein", "один", "one": perhaps only an article
    rough: bool = False  # "пара стульев": a few; "two thirds": no decimal says it
    pair: bool = False  # "пара сапог": one, of what comes in twos


def _table(text: str) -> dict[str, int]:
    """{"пять": 5, ...} from lines of "5 пять пяти пятью"."""
    table: dict[str, int] = {}
    for line in text.split("\n"):
        value, *words = line.split() or [""]
        table.update({word: int(value) for word in words})
    return table


_SMALL = _table("""
1 один одна одно одну одного одной one ein eine einen einem eins
2 два две двух двум двое two zwei
3 три трех трое three drei
4 четыре четырех четверо four vier
5 пять пяти пятеро five fünf fuenf
6 шесть шести шестеро six sechs
7 семь семи семеро seven sieben
8 восемь восьми eight acht
9 девять девяти nine neun
10 десять десяти ten zehn
11 одиннадцать одиннадцати eleven elf
12 двенадцать двенадцати twelve zwölf zwoelf
13 тринадцать тринадцати thirteen dreizehn
14 четырнадцать четырнадцати fourteen vierzehn
15 пятнадцать пятнадцати fifteen fünfzehn fuenfzehn
16 шестнадцать шестнадцати sixteen sechzehn
17 семнадцать семнадцати seventeen siebzehn
18 восемнадцать восемнадцати eighteen achtzehn
19 девятнадцать девятнадцати nineteen neunzehn
20 двадцать двадцати twenty zwanzig
30 тридцать тридцати thirty dreißig dreissig
40 сорок сорока forty vierzig
50 пятьдесят пятидесяти fifty fünfzig fuenfzig
60 шестьдесят шестидесяти sixty sechzig
70 семьдесят семидесяти seventy siebzig
80 восемьдесят восьмидесяти eighty achtzig
90 девяносто ninety neunzig
100 сто ста
200 двести двухсот
300 триста трехсот
400 четыреста четырехсот
500 пятьсот пятисот
600 шестьсот шестисот
700 семьсот семисот
800 восемьсот восьмисот
900 девятьсот девятисот
""")
# French and Spanish words are believed only in those languages: "once", "dos", "mil" mean other
# things elsewhere.
_ROMANCE = _table("""
1 un une uno una
2 deux dos
3 trois tres
4 quatre cuatro
5 cinq cinco
6 seis six
7 sept siete
8 huit ocho
9 neuf nueve
10 dix diez
11 onze once
12 douze doce
13 treize trece
14 quatorze catorce
15 quinze quince
16 seize dieciséis
17 diecisiete
18 dieciocho
19 diecinueve
20 vingt veinte
30 trente treinta
40 quarante cuarenta
50 cinquante cincuenta
60 soixante sesenta
70 setenta
80 ochenta
90 noventa
100 cent cien ciento
""")
_TIMES = _table("""
1000 тысяча тысячу тысячи тысяч тыс thousand tausend
100 сотня сотню сотни сотен hundred hundert
12 дюжина дюжину дюжины дюжин dozen dozens dutzend
10 десяток десятка десятков
""")
_ARTICLES = frozenset({"a", "an", "ein", "einem", "einen", "eine", "une", "una"})
_JOINERS = frozenset({"and", "und", "y", "et"})
_PAIRS = {"пара": 2, "пару": 2, "couple": 2}
# What comes in twos: "пара сапог" is one pair, "пара стульев" a couple of chairs.
_PAIRED = re.compile(
    r"(?:сапо[гж]|ботин|полуботин|перчат|рукавиц|краг|носк|носок|туф|кроссов|тапо|валенк|валенок|лыж|коньк"
    r"|коньков|брюк|джинс|штан|галош|калош|бахил|наушник|очков|наколенник|налокотник|беруш|вставок"
    r"|стелек|гетр|кед|ласт|резинов|рабоч|х/?б|хлопчат|нитрил|латекс|утепл|зимн|кирзов|диэлектр|защитн)"
)
_FRACTIONS = {"viertel": 4, "quarter": 4, "quarters": 4, "четверти": 4, "четвертых": 4}
_OTHER_FRACTIONS = frozenset(
    "drittel fünftel sechstel achtel zehntel third thirds fifth fifths sixth sixths eighth eighths "
    "tenths трети третьих пятых десятых".split()
)
_HALVES = {
    **dict.fromkeys(("полтора", "полторы", "anderthalb", "eineinhalb"), Decimal("1.5")),
    "dreiviertel": Decimal("0.75"),
}
_FIRST_WORDS = frozenset({"half", *_HALVES, *_PAIRS, *_ARTICLES, *_SMALL, *_ROMANCE, *_TIMES})
_ALONE_ONLY = 9  # what stands after a tens word: 1..9


@lru_cache(maxsize=4096)
def may_begin(word: str) -> bool:
    """False for most words, by which no number begins in any language."""
    plain = _plain(word)
    return plain in _FIRST_WORDS or plain.partition("-")[0] in _SMALL or _value(plain) > 0


def numeral_at(words: Sequence[str], start: int, language: str = "") -> Numeral | None:
    """The number in words that begins at words[start]; None when none does."""
    if start >= len(words):
        return None
    if language in ("fr", "es"):
        value = _ROMANCE.get(words[start].lower(), 0)
        return Numeral(value=Decimal(value), words=1, weak=value == 1) if value else None
    first = _plain(words[start])
    if first in _HALVES:
        return Numeral(value=_HALVES[first], words=1)
    if first in _PAIRS:
        behind = _plain(words[start + 1]) if start + 1 < len(words) else ""
        paired = _PAIRED.match(behind) is not None
        value = 1 if paired else _PAIRS[first]
        return Numeral(value=Decimal(value), words=1, rough=not paired, pair=paired)
    if fraction := _fraction(words, start):
        return fraction
    following = [_plain(word) for word in words[start + 1 : start + 3]]
    if first == "half" and following == ["a", "dozen"]:
        return Numeral(value=Decimal(6), words=3)
    if first in _ARTICLES and following and following[0] in _TIMES:
        composed = _composed(words, start + 1)
        return replace(composed, words=composed.words + 1) if composed else None
    return _composed(words, start)


def _fraction(words: Sequence[str], start: int) -> Numeral | None:
    """ "drei viertel", "three-quarters"; rough where it is no decimal."""
    used = 1 if "-" in words[start] else 2
    said = [part for word in words[start : start + used] for part in _plain(word).split("-")]
    counted = _SMALL.get(said[0], 0)
    if len(said) != 2 or not counted or said[1] not in (_FRACTIONS.keys() | _OTHER_FRACTIONS):
        return None
    rest = [_plain(word) for word in words[start + used : start + used + 3]]
    if rest[:1] == ["of"] and rest[1:2] in (["a"], ["an"]):
        used, rest = used + 2, rest[2:]
    parts, measured = _FRACTIONS.get(said[1], 0), bool(rest) and unit_of(rest[0]) is not None
    if counted < parts and measured:
        return Numeral(value=Decimal(counted) / parts, words=used)
    if rest[:1] == ["of"] or measured:
        return Numeral(value=Decimal(counted), words=used, rough=True)
    return None  # "six quarter plates"


def _plain(word: str) -> str:
    return word.lower().replace("ё", "е").strip(".")


def _composed(words: Sequence[str], start: int) -> Numeral | None:
    total = current = used = 0
    ceiling = 1000  # the next small number must be below the lowest place filled so far
    for index in range(start, min(len(words), start + 8)):
        word = _plain(words[index])
        if word in _JOINERS and used and index + 1 < len(words) and current % 100 == 0:
            if _value(_plain(words[index + 1])) and (current or total):
                used += 1
                continue
            break
        value = _value(word)
        if value >= 1000 and not used:  # zweitausend: complete in itself
            return Numeral(value=Decimal(value), words=1)
        if value and value < ceiling and (not current or current % _place(current) == 0):
            current += value
            ceiling = _place(value)
        elif word in _TIMES and (current or not used):
            current = max(current, 1) * _TIMES[word]
            ceiling = min(_TIMES[word], 100)
            if _TIMES[word] == 1000:
                total, current, ceiling = total + current, 0, 1000
        else:
            break
        used += 1
    while used and _plain(words[start + used - 1]) in _JOINERS:
        used -= 1
    if not used:
        return None
    value = total + current
    return Numeral(value=Decimal(value), words=used, weak=value == 1)


def _place(value: int) -> int:
    """The place a number leaves open below it: 20 -> 10, 300 -> 100, 7 -> 1."""
    for place in (100, 10):
        if value % place == 0:
            return place
    return 1


def _value(word: str) -> int:
    """1..999 for one word, hyphens and German compounds included; 0 when it is no number."""
    if word in _SMALL:
        return _SMALL[word]
    if "-" in word:
        tens, _, ones = word.partition("-")
        small = _SMALL.get(ones, 0)
        if _SMALL.get(tens, 0) in range(20, 100, 10) and 0 < small <= _ALONE_ONLY:
            return _SMALL[tens] + small
    return _german(word)


def _german(word: str) -> int:
    """einundzwanzig, zweihundert, dreihundertfünfzig; 0 when it is none of these."""
    if len(word) > 40 or not ("und" in word or "tausend" in word):  # "und" is in "hundert"
        return 0
    thousands, found, rest = word.partition("tausend")
    if found:
        factor = (_SMALL.get(thousands, 0) or _german(thousands)) if thousands else 1
        tail = (_SMALL.get(rest, 0) or _german(rest)) if rest else 0
        return factor * 1000 + tail if 0 < factor < 1000 and (tail or not rest) else 0
    hundreds, found, rest = word.partition("hundert")
    if found:
        factor = _SMALL.get(hundreds, 0) if hundreds else 1
        tail = (_SMALL.get(rest, 0) or _german_tens(rest)) if rest else 0
        return factor * 100 + tail if 0 < factor < 10 and (tail or not rest) else 0
    return _german_tens(word)


def _german_tens(word: str) -> int:
    ones, found, tens = word.partition("und")
    if not found or _SMALL.get(tens, 0) not in range(20, 100, 10):
        return 0
    small = _SMALL.get(ones, 0)
    return _SMALL[tens] + small if 0 < small <= _ALONE_ONLY else 0
