"""What a mail says beside its goods: which sentences may be asides, and the mail without them.

In: a message, and the order that was read from it. Out: the sentences that took its certainty, or
may have, for classify/aside_model.py to judge; and the message without those which are asides. An
aside leaves the order as it is: when and where to bring it, who writes, how he pays. Patterns know
what they know; whoever asks about "the gate opens around 10" has to understand it. What holds a
number and else nothing that speaks of goods is believed to be an aside more easily.

Limits: what was surely read as goods is never asked about, nor are headings, greetings and rows of
tables. A mail of more than MOST such sentences, or very long, is left as it is.
"""

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, replace
from itertools import pairwise

from postroom.message import Message
from postroom.order import Doubtful, Order, OrderKind, OrderLine

from .doubt_words import ADDS, CLEARLY_DOUBTS, DOUBTS, POINTS, WANTS, WANTS_MORE
from .figures import counts_things, figures
from .item import unbulleted
from .lines import SURE
from .noise import is_noise
from .numbers import has_digit
from .phrases import ORDERS
from .prose import continues, split_sentences
from .remarks import names_any, names_of, squeezed

MOST = 60
_MOST_CHARACTERS = 20_000
_SHORT = 100  # characters of a line that is judged as a whole first: dots in it end no sentence
_LONGEST = 300  # characters of a sentence that is asked about
_MOST_NAMING = 5  # words; fewer may name goods, or head what stands below
_LEAST = 3  # letters and digits of a name that a sentence is known to hold goods by


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Lines that a mail program broke one paragraph into."""

    first: int
    lines: int
    text: str
    sentences: tuple[str, ...]

    def asked(self) -> Iterator[str]:
        """What of it is asked about: the whole where it is short, and its sentences."""
        if len(self.text) <= _SHORT:
            yield self.text
        yield from self.sentences


def doubtful(message: Message, order: Order) -> tuple[Doubtful, ...]:
    """The sentences to ask about; none where no answer would make the order complete."""
    if order.complete or order.kind is not OrderKind.ORDER or not order.lines:
        return ()
    if len(message.new_text) + len(message.signature) > _MOST_CHARACTERS:
        return ()
    goods = _Goods(order.lines)
    asked = dict.fromkeys(
        sentence
        for text in (message.new_text, message.signature)
        for block in _blocks(text)
        for sentence in _asked(block, goods)
    )
    if len(asked) > MOST:
        return ()
    names = names_of(order.lines)
    return tuple(
        Doubtful(text=one, is_grave=is_grave(one) or names_any(one, names)) for one in asked
    )


def is_grave(sentence: str) -> bool:
    """Whether a word of the sentence may change an order, or a number of it counts goods."""
    if not has_digit(sentence) or any(pattern.search(sentence) for pattern, _ in DOUBTS):
        return True
    if POINTS.search(sentence) or WANTS_MORE.search(sentence) or WANTS.search(sentence):
        return True
    if ADDS.search(sentence):
        return True
    return any(counts_things(figure) for figure in figures(sentence))


def without(message: Message, asides: Set[str]) -> Message:
    """The message without those sentences; every line stays where it was, if need be empty."""
    if not asides:
        return message
    return replace(
        message,
        new_text=_without(message.new_text, asides),
        signature=_without(message.signature, asides),
    )


def _without(text: str, asides: Set[str]) -> str:
    lines = text.split("\n")
    for stretch in _stretches(lines):
        kept = [one for one in stretch.sentences if asides.isdisjoint({one, stretch.text})]
        if len(kept) < len(stretch.sentences):
            lines[stretch.first : stretch.first + stretch.lines] = [
                " ".join(kept),
                *[""] * (stretch.lines - 1),
            ]
    return "\n".join(lines)


def _blocks(text: str) -> Iterator[list[_Stretch]]:
    """The stretches between two empty lines."""
    block: list[_Stretch] = []
    for stretch in _stretches(text.split("\n")):
        if block and stretch.first > block[-1].first + block[-1].lines:
            yield block
            block = []
        block.append(stretch)
    yield block


def _stretches(lines: Sequence[str]) -> Iterator[_Stretch]:
    """A text's paragraphs as the writer meant them."""
    place = 0
    while place < len(lines):
        end = place + 1
        while end < len(lines) and lines[end].strip() and continues(lines[end - 1], lines[end]):
            end += 1
        joined = " ".join(line.strip() for line in lines[place:end])
        if sentences := tuple(filter(None, _sentences(joined))):
            yield _Stretch(place, end - place, joined, sentences)
        place = end


def _sentences(text: str) -> Iterator[str]:
    """The sentences of a paragraph, each with what ends it: a question is no statement."""
    places, behind = [], 0
    for sentence in split_sentences(text):
        places.append(text.index(sentence, behind))
        behind = places[-1] + len(sentence)
    for begin, end in pairwise([*places, len(text)]):
        yield text[begin:end].strip()


def _asked(block: Sequence[_Stretch], goods: "_Goods") -> Iterator[str]:
    listed = any(goods.stand_in(stretch.text) for stretch in block)
    for stretch in block:
        if unbulleted(stretch.text) != stretch.text:
            continue
        for sentence in stretch.asked():
            # "Toner" in a list is a row without a number, and no aside whatever it looks like.
            bare = listed and not has_digit(sentence) and len(sentence.split()) < _MOST_NAMING
            if not bare and _may_be_aside(sentence) and not goods.stand_in(sentence):
                yield sentence


def _asks_for_more_below(sentence: str) -> bool:
    """True for "Please send us", whose goods stand below."""
    return sentence[-1].isalpha() and not has_digit(sentence) and bool(ORDERS.search(sentence))


def _may_be_aside(sentence: str) -> bool:
    """False for headings, rows, and what words say all too clearly: "double it", "on hold"."""
    if len(sentence) > _LONGEST or "\t" in sentence:
        return False
    if sentence.endswith(":") and len(sentence.split()) < _MOST_NAMING:
        return False
    if _asks_for_more_below(sentence) or any(
        pattern.search(sentence) for pattern in CLEARLY_DOUBTS
    ):
        return False
    return has_digit(sentence) or not is_noise(sentence)


class _Goods:
    """What the lines of an order are known by in its text."""

    def __init__(self, lines: Sequence[OrderLine]) -> None:
        believed = [line for line in lines if _is_believed(line)]
        self._names = {squeezed(line.description) for line in believed}
        self._names = {name for name in self._names if len(name) >= _LEAST}
        self._rows = [
            squeezed(f"{line.sku} {line.gtin} {line.description} {line.unit}") for line in believed
        ]

    def stand_in(self, sentence: str) -> bool:
        """True for what orders one of them, and for a part of their row."""
        said = squeezed(unbulleted(sentence))
        return any(name in said for name in self._names) or any(said in row for row in self._rows)


def _is_believed(line: OrderLine) -> bool:
    """Goods by more than a number in front of words: by a unit, a price, a code."""
    told = line.unit_code or line.unit_price is not None or line.sku or line.gtin
    return bool(told) or line.confidence >= SURE
