"""Message -> Features: hashed words, letters, concepts, structure, meaning, and words in order.

In: a `Message`. Out: `Features`: bucket numbers and weights for the model's table, and where
each came from, so that a person can be told. The new text counts most, the subject by itself,
quoted text little (where the message says nothing by itself, the quoted text is read instead).
Pure: the same message gives the same numbers on every machine (text.py's hash, no `hash()`).

Limits: the first 1,500 characters of the new text and less of everything else are looked at
(measured: more brings nothing); numbers count by shape only. A change here needs a new VERSION
and a new training: a model refuses features of another version.
"""

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from postroom.message import AutomaticKind, Message

from . import pieces
from .concepts import Concepts
from .sequence import STEM, Sequence, sequence
from .text import COUNTED, SPACE, Folded, Hashes, Places, fold, is_garbled, mixed

VERSION = 4
BITS = 18
BUCKETS = 1 << BITS
MEANING = 2 * pieces.SIZE  # numbers that say what new text and subject mean

# How many characters of each text are looked at.
NEW_TEXT, OPENING, SUBJECT, QUOTED, SENDER, ATTACHMENTS = 1_500, 300, 250, 500, 120, 250
SIGNATURE = 250

# Channel -> its share of the whole; found by grouped cross-validation, which is flat here.
CHANNELS = {
    "words": 0.8,
    "letters": 1.0,
    "stems": 1.0,
    "concepts": 1.0,
    "concept pairs": 1.0,
    "opening concepts": 0.8,
    "subject words": 0.7,
    "subject letters": 0.7,
    "subject concepts": 1.0,
    "subject pairs": 0.7,
    "sender words": 0.5,
    "sender concepts": 0.6,
    "attachment words": 0.4,
    "attachment letters": 0.5,
    "attachment concepts": 0.7,
    "quoted concepts": 0.3,
    "structure": 1.2,
}
_NAMES = tuple(CHANNELS)
_SHARES = np.array(tuple(CHANNELS.values()), dtype=np.float32)
_SALTS = np.array([zlib.crc32(name.encode()) << 20 | 1 for name in CHANNELS], dtype=np.uint64)

# The texts in the order they are folded in, and the channel their words, letters, concepts and
# concept pairs go to; -1 for none.
PARTS = 6
_NEW, _SUBJECT, _WHO, _SIGNED, _FILES, _OLD = range(PARTS)
_MEANT = ((_NEW, np.float32(1.5)), (_SUBJECT, np.float32(1.0)))  # and their shares
# What the network of words reads, in this order, and how many tokens of each at most.
_READ = ((_SUBJECT, 20), (_WHO, 6), (_FILES, 12), (_NEW, 150), (_SIGNED, 14), (_OLD, 25))
LONGEST_SEQUENCE = sum(count for _, count in _READ)
# Likewise the sentence encoder, and how many pieces of each at most.
READ_IN_PIECES = ((_SUBJECT, 24), (_FILES, 16), (_NEW, 128), (_OLD, 24))


def _row(*names: str) -> NDArray[np.int64]:
    return np.array([_NAMES.index(name) if name else -1 for name in names])


_WORDS = _row("words", "subject words", "sender words", "", "attachment words", "")
_LETTERS = _row("letters", "subject letters", "", "", "attachment letters", "")
_CONCEPTS = _row(
    "concepts", "subject concepts", "sender concepts", "sender concepts",
    "attachment concepts", "quoted concepts",
)  # fmt: skip
_PAIRS = _row("concept pairs", "subject pairs", "", "", "", "")
_STEMS, _OPENING, _STRUCTURE = _row("stems", "opening concepts", "structure")

# Where a reader is told a feature came from; letters, stems and structure are not told.
_PLACES = {
    "words": "words",
    "concepts": "words",
    "concept pairs": "words",
    "opening concepts": "words",
    "subject words": "subject",
    "subject concepts": "subject",
    "subject pairs": "subject",
    "sender words": "sender",
    "sender concepts": "sender",
    "attachment words": "attachment",
    "attachment concepts": "attachment",
    "quoted concepts": "quoted text",
}
_TOLD = np.array([name in _PLACES for name in _NAMES])
# What the message is about, not how it is built or what it answers.
_TEXT = np.array([name not in ("structure", "quoted concepts") for name in _NAMES])

_NGRAM = 4  # length of the letter n-grams
_NEAR = 5  # tokens that two concepts of a pair may be apart
_APART = (1, 2, 3)  # concepts from one to the next of a pair
_SHIFT = np.uint64(64 - BITS)
_MONEY = np.zeros(0x10000, dtype=bool)
_MONEY[[ord(sign) for sign in "$£€₽"]] = True
_LOG = (1 + np.log(np.arange(1, 4097))).astype(np.float32)
_REPLY = re.compile(r"\s{0,5}(re|aw|ответ|отв|antw|sv)\s{0,3}(\[\d{1,3}\])?\s{0,3}:", re.I)
_FORWARD = re.compile(r"\s{0,5}(fw|fwd|wg|tr|пересл|пер)\s{0,3}:", re.I)


_Found = tuple[Hashes, Places, Places, Places]  # hashes, channels, starts, ends of some features


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """What the model is given of one message."""

    ids: Places  # buckets, at most once per channel
    weights: NDArray[np.float32]
    channel: Places  # of each id: index into CHANNELS
    language: str = "other"
    # Where the features stand, for `told`: one entry per occurrence.
    keys: Places
    starts: Places
    ends: Places
    text: Folded
    meaning: NDArray[np.float32]  # of new text, then of subject: MEANING numbers
    sequence: Sequence  # the words in order
    texts: tuple[str, ...]  # what was looked at, in the order of the parts

    @property
    def is_empty(self) -> bool:
        """True where text and subject have no word at all."""
        return not bool((self.text.part <= _SUBJECT).any())

    @property
    def is_garbled(self) -> bool:
        """True where new text and subject are no text that a person could read."""
        return is_garbled(self.texts[_NEW], self.texts[_SUBJECT])

    @property
    def is_word(self) -> NDArray[np.bool_]:
        """Of each id whether it is a word of the text."""
        words: NDArray[np.bool_] = self.channel == _WORDS[_NEW]
        return words

    @property
    def is_text(self) -> NDArray[np.bool_]:
        """Of each id whether it comes from the message's own words or names."""
        own: NDArray[np.bool_] = _TEXT[self.channel]
        return own

    @property
    def can_be_told(self) -> NDArray[np.bool_]:
        """Of each id whether `told` gives words a reader understands."""
        understood: NDArray[np.bool_] = _TOLD[self.channel]
        return understood

    def told(self, index: int) -> tuple[str, str]:
        """(where, words) of the feature at `index` of ids, one of those `can_be_told`."""
        channel, bucket = int(self.channel[index]), int(self.ids[index])
        found = int(np.flatnonzero(self.keys == (channel << BITS | bucket))[0])
        words = self.text.slice(int(self.starts[found]), int(self.ends[found]))
        return _PLACES[_NAMES[channel]], words


def extract(message: Message, concepts: Concepts) -> Features:
    """The features of a message."""
    texts = _texts(message)
    text = fold(*texts)
    tokens, named = concepts.find(text)
    structure = tuple(_structure(message, texts, text, tokens, named, concepts))
    found = [
        *_word_features(text),
        _letter_features(text),
        *_concept_features(text, tokens, named),
        _structure_features(structure),
    ]
    hashes, channels, starts, ends = (np.concatenate(column) for column in zip(*found, strict=True))
    keys = _keys(hashes, channels)
    ids, channel, weights = _count(keys)
    known = concepts.pieces
    begins = np.zeros(len(text.starts), dtype=np.int64)
    begins[tokens] = named + 1
    return Features(
        ids=ids,
        weights=weights,
        channel=channel,
        language=message.language,
        keys=keys,
        starts=starts,
        ends=ends,
        text=text,
        meaning=np.concatenate(
            [share * known.meaning(known.find(texts[part])) for part, share in _MEANT]
        ),
        sequence=sequence(text, begins, _READ),
        texts=texts,
    )


def _texts(message: Message) -> tuple[str, ...]:
    """What is looked at, in the order of the _NEW ... _OLD constants."""
    new, quoted = message.new_text, message.quoted_text
    if not new[:NEW_TEXT].strip():
        new, quoted = quoted, ""
    author = message.author or next(iter(message.authors), None)
    files = (a.filename[:80] for a in message.attachments[:20] if not a.inline)
    return (
        new[:NEW_TEXT],
        message.subject[:SUBJECT],
        f"{author.local} {author.name}"[:SENDER] if author else "",
        message.signature[:SIGNATURE],
        " ".join(files)[:ATTACHMENTS],
        quoted[:QUOTED],
    )


def _count(keys: Places) -> tuple[Places, Places, NDArray[np.float32]]:
    """Each key once, weighted 1 + log(count), every channel of the length of its share."""
    ordered = np.sort(keys)
    first = np.ones(len(ordered), dtype=bool)
    first[1:] = ordered[1:] != ordered[:-1]
    (places,) = first.nonzero()
    counts = np.empty(len(places), dtype=np.int64)
    counts[:-1], counts[-1:] = places[1:] - places[:-1], len(ordered) - places[-1:]
    weights = _LOG[np.minimum(counts, len(_LOG)) - 1]
    unique = ordered[places]
    channel = unique >> BITS
    lengths = np.sqrt(np.bincount(channel, weights * weights, minlength=len(_NAMES)))
    scale = _SHARES / np.maximum(lengths, 1e-9).astype(np.float32)
    scaled: NDArray[np.float32] = (weights * scale[channel]).astype(np.float32, copy=False)
    return unique & (BUCKETS - 1), channel, scaled


def _keys(hashes: Hashes, channel: Places) -> Places:
    """(channel, bucket) as one number."""
    keys: Places = channel << BITS | (mixed(hashes, _SALTS[channel]) >> _SHIFT).astype(np.int64)
    return keys


def _word_features(text: Folded) -> Iterator[_Found]:
    starts, ends, channel = text.starts, text.ends, _WORDS[text.part]
    (seen,) = (channel >= 0).nonzero()
    yield text.words[seen], channel[seen], starts[seen], ends[seen]
    new = int(text.bounds[_NEW + 1])
    starts, ends = starts[:new], ends[:new]
    stems = text.hashes(starts, np.minimum(starts + STEM, ends))
    yield stems, np.full(new, _STEMS), starts, ends


def _letter_features(text: Folded) -> _Found:
    """N-grams of letters that do not reach over a space, but may begin or end with one."""
    count = max(len(text.codes) - _NGRAM + 1, 0)
    spaces = (text.codes == SPACE).cumsum()
    channel = _LETTERS[: len(text.sizes)].repeat(text.sizes)[:count]
    inside = spaces[_NGRAM - 2 : count + _NGRAM - 2] == spaces[:count]
    (starts,) = (inside & (channel >= 0)).nonzero()
    return text.every(_NGRAM)[starts], channel[starts], starts, starts + _NGRAM


def _concept_features(text: Folded, tokens: Places, named: NDArray[np.int64]) -> Iterator[_Found]:
    starts, ends, part = text.starts[tokens], text.ends[tokens], text.part[tokens]
    values = (named + 1).astype(np.uint64)
    channel = _CONCEPTS[part]
    yield values, channel, starts, ends
    opening = int(starts.searchsorted(min(OPENING, int(text.sizes[_NEW]))))
    yield values[:opening], np.full(opening, _OPENING), starts[:opening], ends[:opening]
    count = len(tokens)
    first = np.concatenate([COUNTED[: max(count - apart, 0)] for apart in _APART])
    last = np.concatenate([COUNTED[apart:count] for apart in _APART])
    channel = _PAIRS[part[last]]
    near = (tokens[last] - tokens[first] <= _NEAR) & (part[last] == part[first]) & (channel >= 0)
    first, last = first[near], last[near]
    pairs = (named[first] * 1009 + named[last] + 7).astype(np.uint64)
    yield pairs, channel[near], starts[first], ends[last]


def _structure_features(names: tuple[str, ...]) -> _Found:
    hashes = np.array([zlib.crc32(name.encode()) for name in names], dtype=np.uint64)
    nowhere = np.zeros(len(names), dtype=np.int64)
    return hashes, np.full(len(names), _STRUCTURE), nowhere, nowhere


def _structure(
    message: Message,
    texts: tuple[str, ...],
    text: Folded,
    tokens: Places,
    named: NDArray[np.int64],
    concepts: Concepts,
) -> Iterator[str]:
    new = texts[_NEW]
    yield f"length {min(len(new).bit_length(), 11)}"
    yield f"language {message.language}"
    yield "quoted text" if texts[_OLD].strip() else "no quoted text"
    yield f"{min(new.count('?'), 3)} question marks"
    yield f"{min(new.count('!'), 3)} exclamation marks"
    yield f"{min(new.lower().count('http'), 4)} links"
    yield f"lines {min(new.count(chr(10)).bit_length(), 6)}"
    yield from _figures(text, tokens, named, concepts)
    yield from _header_facts(message)


def _figures(
    text: Folded, tokens: Places, named: NDArray[np.int64], concepts: Concepts
) -> Iterator[str]:
    """Quantities with units and amounts of money, by order of magnitude."""
    new = int(text.bounds[_NEW + 1])
    first = text.codes[text.starts[:new]]
    (number,) = (first == ord("0")).nonzero()
    meaning = np.full(new + 2, -1)
    inside = int(tokens.searchsorted(new))
    meaning[tokens[:inside] + 1] = named[:inside]
    before, after = meaning[number].tolist(), meaning[number + 2].tolist()
    index = concepts.numbers
    quantities = after.count(index["unit"]) + after.count(index["quantity"])
    signs = int(np.count_nonzero(_MONEY[first]))
    amounts = after.count(index["money"]) + before.count(index["money"]) + signs
    yield f"quantities {min(quantities.bit_length(), 4)}"
    yield f"amounts {min(amounts.bit_length(), 3)}"
    yield f"numbers {min(len(number).bit_length(), 6)}"


def _header_facts(message: Message) -> Iterator[str]:
    subject = message.subject[:SUBJECT]
    if _REPLY.match(subject):
        yield "a reply"
    elif _FORWARD.match(subject):
        yield "a forward"
    else:
        yield "a first message"
    if not subject.strip():
        yield "no subject"
    elif subject.isupper():
        yield "subject in capitals"
    files = [a for a in message.attachments[:20] if not a.inline]
    yield f"{min(len(files), 3)} attachments"
    for file in files[:8]:
        yield f"attachment .{file.filename.rpartition('.')[2][-5:].lower()}"
    if message.html and not message.text.strip():
        yield "html without text"
    if "<table" in message.html[:20_000]:
        yield "html table"
    if message.automatic.kind is not AutomaticKind.HUMAN:
        yield f"automatic {message.automatic.kind.value}"
    if message.header("List-Unsubscribe"):
        yield "list-unsubscribe header"
