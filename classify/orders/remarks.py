"""What a text says of its own goods besides ordering them: "the cement can wait until May".

In: sentences, each with what was read from it, and the order lines. Out: whether some sentence
names ordered goods again. Nobody need know what is said of them (later, none, doubled, changed,
bought elsewhere): goods are named a second time because there is something to say, and it was not
read. A word is the same in singular and plural and in its cases; a code is the same as written.

Limits: goods called otherwise ("the grey stuff") or by three letters are not recognised.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from postroom.order import OrderLine

from .caseless import Caseless
from .closing import is_thanks
from .noise import is_noise, recalls, without_greeting
from .phrases import ORDERS
from .prose import split_sentences
from .prose_words import LEAD_WORDS

_MOST_CHARACTERS = 200_000
_MOST_LINES = 2000
_FEW_WORDS = 4
_LEAST = 4  # letters of a word that names goods
_TOKEN = re.compile(r"[^\W_]+(?:[-./][^\W_]+)*")
_WORD = re.compile(r"[^\W\d_]+")
_SIZE = re.compile(r"[\dxх./]+[^\W\d_]{0,3}|[\W\d]+")  # "25kg", "1200x2400mm", "5-20"
_PLAIN = str.maketrans({"ä": "a", "ö": "o", "ü": "u", "ß": "ss", "ё": "е"})
_UMLAUTS = frozenset("äöü")
# What grammar puts behind a word; at least three letters are left of it.
_ENDINGS = re.compile(
    r"(?<=\w{3})(?:ies|ves?|fe?|ens?|es?|(?<!s)s|(?<=[^aeiou])y|(?<=er)n"
    r"|(?<=\w{4})[ое]в|[аяы]ми|ими|[ое]го|[ое]му|[аяоеыи]м|[ая]х|[оеыи]й|ая|яя|ое|ее|[ыи]е|[ыи]х"
    r"|[ую]ю"
    r"|[аяоеуюыиьй])$"
)
_FLEETING = re.compile(r"(?<=\w\w)[ое](?=[бвгджзклмнпрстфхцчшщ]$)")  # песок, песка
_IS_NOTE = Caseless(
    r"\W*(?:\w{2,12}[ -])?(?:notes?|remarks?|comments?|bemerkung\w*|anmerkung\w*|hinweise?"
    r"|примечани[ея]|комментари[йи]|пометка)\b[^:\n]{0,30}:"
)
_NAMES_LINE = Caseless(
    r"\b(?:items?|lines?|pos(?:ition(?:en|s)?)?|позици\w{1,3}|поз)\b[.\s]*(?:no|nr|№"
    r"|#)?[.\s]*\d{1,3}\b"
    r"\W*[^\W\d_]{2}"
)
_ANNOUNCES = Caseless(
    r"\b(?:attach\w*|enclosed|see file|anbei|im anhang|anlage|beigefügt\w*|angehängt\w*"
    r"|во вложени\w+|в приложени\w+|вложен\w*|приложен\w*|прилага\w+|прикрепл\w+)\b"
    r"|\b(?:orders? (?:for|of)|bestellung (?:über|von)|заказ\w* на|заявк\w+ на)\b"
)
# "We send you our order for welding wire.": what is meant stands in the list.
_INTRODUCES = Caseless(
    r"\W*(?:направля\w+|высыла\w+|отправля\w+|размеща\w+|передаю|шлю|примите|прошу принять"
    r"|просим принять"
    r"|вот|это|here(?:'s| is| comes)|this is|below is|please (?:find|accept|see|process)"
    r"|we (?:send|place)"
    r"|(?:hier|anbei|unten|nachfolgend|hiermit)(?: (?:kommt|ist|folgt|sende[nt]? (?:ich|wir)))?)\b"
    r"[^.,;!?\n]{0,60}\b(?:заказ\w*|заявк\w+|orders?|\w{0,20}bestellung|\w{0,20}auftrag|bedarf)\b"
    r"[^.,;!?\n]{0,40}\s(?:на|for|of|über|von|an|für)\s[^.,;!?\n]{3,60}[.:]?\s*$"
)
# "Next malt order please, for Friday.", "Заказ солода на май": a heading in a sentence.
_IS_ORDER = Caseless(
    r"\W*(?:(?:our|my|the|this|next|new|another|weekly|monthly|week'?s|month'?s)\s){0,3}"
    r"(?:(?!no\b|not\b|without\b)[\w&'-]+\s){1,4}order,?(?: please)?(?:,? (?:for|by"
    r"|on) [^.,;!?\n]{2,50})?[.!]?\s*$"
    r"|\W*(?:(?:наш|наша|новый|новая|очередной|очередная|следующий|следующая)\s)?(?:заказ|заявка)\s"
    r"(?:(?!не\b|без\b|кроме\b)[^\W\d_]+,?\s?){1,5}(?:(?:на|к) [^.,;!?\n]{2,30})?[.!]?\s*$"
)
_TITLE = re.compile(r"\W*[A-ZÄÖÜА-ЯЁ]{3,}(?:\s?(?:&|/|AND|UND|И)\s?[A-ZÄÖÜА-ЯЁ]{3,}){0,2}\W*")
_OF_TEXT = re.compile(r"body:(\d{1,6})")
_TELLS_OF_FIRMS = re.compile(r"\d|@|www\.|://")
# Said of goods and of everything else.
_NO_NAMES = LEAD_WORDS | frozenset(
    """with from this that these those each both than they mit ohne oder aber nicht alle alles
    avec sans para sin con для без или под при как line lines item items pos
    thank thanks danke dank спасибо""".split()
)


def speaks_of_goods(sentences: Iterable[tuple[str, str]], found: Iterable[OrderLine]) -> bool:
    """True when a sentence names goods of some line, and not as what was read from it.

    `sentences`: each with all that was read from it, empty when nothing was.
    """
    left = [again for said, read in sentences if (again := _said_besides(said, read))]
    if not left:
        return False
    names = names_of(found)
    return any(not names.isdisjoint(again) for again in left)


def names_of(found: Iterable[OrderLine]) -> frozenset[str]:
    """What the goods of some lines are called by."""
    return frozenset(name for line in found for name in _names(line))


def names_any(said: str, names: frozenset[str]) -> bool:
    """True when a sentence names goods of `names_of`, and was not read."""
    return not names.isdisjoint(_said_besides(said, ""))


def _heads(said: str) -> bool:
    """True for what announces the goods below it: "Cement and sand:", "We need paper for June:"."""
    if not said.rstrip().endswith(":"):
        return False
    return len(said.split()) <= _FEW_WORDS or ORDERS.search(said) is not None


def _only_introduces(said: str) -> bool:
    """True for a sentence or a title that says no more than that goods are ordered."""
    return bool(_INTRODUCES.match(said) or _IS_ORDER.match(said) or _TITLE.fullmatch(said))


def speaks_of_line(line: str) -> bool:
    """True for "Pos. 3 later": a line's number, and words about it."""
    return _NAMES_LINE.search(line) is not None


def speaks_beside(text: str, found: Sequence[OrderLine]) -> bool:
    """True when a mail says something of goods that stand in its table or its attachment.

    The table's own rows may stand in the text; and what is attached may be called by its goods.
    """
    lines = text[:_MOST_CHARACTERS].split("\n")[:_MOST_LINES]
    own = _OwnRows(lines, found)
    said = [
        line
        for place, line in enumerate(lines, start=1)
        if line.strip() and not own.holds(place, line)
    ]
    sentences = (
        (sentence, "")
        for line in said
        for sentence in split_sentences(without_greeting(line))
        if not (recalls(sentence) or _ANNOUNCES.search(sentence))
        if not is_noise(sentence) or may_remark(sentence)
    )
    return any(map(speaks_of_line, said)) or speaks_of_goods(sentences, found)


class _OwnRows:
    """What of a mail's text only repeats the rows of its table."""

    def __init__(self, lines: Sequence[str], found: Sequence[OrderLine]) -> None:
        goods = [frozenset(_names(line)) for line in found]
        self._goods = set(goods)
        self._rows = [set(_stems(f"{line.description} {line.sku} {line.unit}")) for line in found]
        self._names = frozenset[str]().union(*goods)
        self._written = "\n".join(squeezed(line.description) for line in found)
        self._taught = _taught(lines, found)

    def holds(self, place: int, line: str) -> bool:
        """True for a row with its numbers, for a cell that holds goods or the beginning of them."""
        if place in self._taught:
            return True
        if any(map(str.isdigit, line)):
            stems = set(_stems(line))
            if self._names.intersection(stems) in self._goods:
                return True
            # What is left of a row where a cell spans it and the one above.
            return "\t" in line and any(stems <= row for row in self._rows)
        return squeezed(line) in self._written


def _taught(lines: Sequence[str], found: Iterable[OrderLine]) -> range:
    """The lines that a template read, with those that go on below the last."""
    said = [int(match[1]) for line in found if (match := _OF_TEXT.fullmatch(line.source))]
    if not said:
        return range(0)
    end = max(said)
    while end < len(lines) and lines[end].strip():
        end += 1
    return range(min(said), end + 1)


def squeezed(text: str) -> str:
    """The letters and digits of a text, in small letters: the same however it is laid out."""
    return "".join(filter(str.isalnum, text.lower()))


def may_remark(line: str) -> bool:
    """True for a line beside the goods that may speak of them: a note, a term, a closing word.

    Addresses, numbers and what stands in a signature speak of firms called after goods.
    """
    if is_thanks(line):
        return False
    return _IS_NOTE.match(line) is not None or _TELLS_OF_FIRMS.search(line) is None


def _said_besides(said: str, read: str) -> set[str]:
    """The words of a sentence that were not read; none of a heading."""
    if not said or _heads(said) or (not read and _only_introduces(said)):
        return set()
    if not read:
        return set(_stems(said))
    left = Counter(_stems(said))
    left.subtract(_stems(read))
    return {stem for stem, count in left.items() if count > 0}


def _names(line: OrderLine) -> Iterator[str]:
    """What a line's goods are called by: the words of the name, its codes, the part number."""
    yield from (name for name in _stems(line.description, _LEAST) if not _SIZE.fullmatch(name))
    yield from (name for name in _stems(line.sku, _LEAST) if not name.isdecimal() or len(name) > 4)


def _stems(text: str, least: int = 3) -> Iterator[str]:
    for token in _TOKEN.findall(text.lower()):
        if len(token) >= _LEAST and any(map(str.isdigit, token)):
            yield token
        for word in _WORD.findall(token):
            if len(word) >= least and word not in _NO_NAMES:
                yield _stem(word)


def _stem(word: str) -> str:
    """The word without what grammar makes of it: "Stühlen", "Stuhl"; "мешалок", "мешалка"."""
    if word.endswith(("er", "ern")) and not _UMLAUTS.isdisjoint(word):
        word = word.rstrip("n").removesuffix("er")
    stem = _ENDINGS.sub("", word.translate(_PLAIN))
    return _FLEETING.sub("", stem.rstrip("ь"))
