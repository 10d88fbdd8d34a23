"""Running text (a mail's body, a plain file) -> order lines.

In: text, its language and the day it was written. Out: a `Reading` of strength 0. Tables written
with tabs, pipes or wide gaps go to table.py; lists line by line to item.py; what is left is read
as sentences by prose.py. A line is only believed in company: one bare "лук 10" is nothing, five of
them are a list.

Limits: 2 000 lines and 200 000 characters are read. A unit that some lines of a list name and
others leave out makes those others unsure.
"""

import re
from dataclasses import dataclass, field, replace
from decimal import Decimal

from postroom.order import OrderLine

from .addresses import block_at, may_be_address
from .audit import audited, doubted, nameless, only_corrects
from .caseless import Caseless
from .closing import until_signature
from .enumeration import counted_apart, enumerated_among
from .figures import figures, measures
from .gaps import has_gap
from .item import Candidate, item, unbulleted, weakened
from .layout import begins_alike, codes_one, in_columns, laid_alike, undoubted
from .lines import numbered, ordered_as, settle
from .multiplied import counted_sizes
from .noise import is_noise, recalls, without_greeting
from .numbers import decimal_mark
from .parts import parted
from .prose import names_goods, only_noise, sentences_of, split_sentences, spoken
from .reading import Reading
from .records import records_at
from .remarks import may_remark, speaks_of_goods, speaks_of_line
from .tabular import table_at
from .unitprice import prices_of_one
from .units import unit_behind
from .words import is_tax_label, sums_up

_MOST_CHARACTERS = 200_000
_MOST_LINES = 2000
_LONGEST = 2000  # characters of one line that are looked at
_SURELY = 3.0  # a line's score from which it needs no company
_HARDLY = 1.0
_BEYOND_DOUBT = 5.0


@dataclass(slots=True)
class _Body:
    """The lines and what became of each."""

    lines: list[str]
    language: str
    mark: str
    source: str
    taken: set[int] = field(default_factory=set)
    tabled: set[int] = field(default_factory=set)  # of those, what tables, records, totals took
    listed: set[int] = field(default_factory=set)  # and what lists did
    found: list[tuple[int, OrderLine]] = field(default_factory=list)
    candidates: list[tuple[int, Candidate]] = field(default_factory=list)
    totals: list[Decimal] = field(default_factory=list)
    counts: list[tuple[Decimal, str]] = field(default_factory=list)  # "Всего 100 шт": number, unit
    sentences: list[tuple[str, str]] = field(default_factory=list)  # each, and what was read of it
    problems: list[str] = field(default_factory=list)
    currency: str = ""


def read_body(text: str, language: str = "", source: str = "body") -> Reading:
    """The order lines of running text, with what else is said around them."""
    lines = [line[:_LONGEST] for line in text[:_MOST_CHARACTERS].split("\n")[:_MOST_LINES]]
    body = _Body(
        lines=[without_greeting(line) for line in until_signature(lines)],
        language=language,
        mark=decimal_mark(lines, language),
        source=source,
    )
    if len(text) > _MOST_CHARACTERS:
        body.problems.append("text-too-long")
    if "".join(text[:_MOST_CHARACTERS].split("\n")[_MOST_LINES:]).strip():
        body.problems.append("too-many-lines")
    _read_tables(body)
    _read_totals(body)
    addressed = _read_addresses(body)
    body.tabled = set(body.taken)
    _read_lists(body)
    _read_sentences(body)
    _doubt_addresses(body)
    _settle_all(body)
    _audit(body)
    ordered = [line for _, line in sorted(body.found, key=lambda pair: pair[0])]
    return Reading(
        lines=numbered(ordered),
        totals=tuple(body.totals),
        currency=body.currency,
        around=tuple(
            line
            for place, line in enumerate(lines)
            if (place not in body.taken or place in addressed) and line.strip()
        ),
        problems=tuple(dict.fromkeys(body.problems)),
        strength=0,
        source=source,
    )


def _read_tables(body: _Body) -> None:
    place = looked = 0  # `looked`: before it no table without a heading begins
    while place < len(body.lines):
        block = table_at(body.lines, place, body.language, f"{body.source}:", place >= looked)
        if block is None or not (block.table.lines or block.table.headed):
            looked = max(looked, block.end if block else 0)
            place += 1
            continue
        if not block.table.lines:  # nor does any heading within it hold lines
            place = block.end
            continue
        body.found += [(place + index, line) for index, line in enumerate(block.table.lines)]
        body.totals += block.table.totals
        body.currency = body.currency or block.table.currency
        body.problems += block.table.problems
        body.taken |= set(range(place, block.end))
        place = block.end
    for records in records_at(body.lines, body.taken, body.language, f"{body.source}:"):
        body.found += [
            (records.start + index, line) for index, line in enumerate(records.table.lines)
        ]
        body.currency = body.currency or records.table.currency
        body.taken |= set(records.places)


def _read_totals(body: _Body) -> None:
    for place, line in enumerate(body.lines):
        if place in body.taken or len(line) > 200:
            continue
        label = re.split(r"[\d:]", line, maxsplit=1)[0]
        if sums_up(label) and label.strip():
            said = figures(line, body.language, body.mark)
            body.counts += [(one.values[0], one.unit.unit.code) for one in said if one.unit]
            found = [one for one in said if one.unit is None]
            if found and not is_tax_label(label.rsplit(",", 1)[-1]):
                body.totals += [one.values[0] for one in found[:1]]
                body.currency = body.currency or found[0].money
            body.taken.add(place)


def _read_addresses(body: _Body) -> set[int]:
    """Take what stands below "Delivery address:"; its numbers count no goods."""
    addressed: set[int] = set()
    for place in range(len(body.lines)):
        if place not in body.taken | addressed and (block := block_at(body.lines, place)):
            addressed |= set(range(place, block.end)) - body.taken
    body.taken |= addressed
    return addressed


def _doubt_addresses(body: _Body) -> None:
    """Bare lines apart from the list may be a street and a postcode."""
    listed = {
        place: not (one.has_unit or one.dashed or one.draft.price or one.draft.sku)
        for place, one in body.candidates
        if place in body.listed
    }
    elsewhere = [place for place, _ in body.found if place in body.tabled]
    elsewhere += [place for place, _ in body.candidates if place not in body.listed]
    apart = may_be_address(body.lines, listed, elsewhere)
    body.candidates = [
        (place, weakened(one, 0.8, "goods-or-address") if place in apart else one)
        for place, one in body.candidates
    ]


def _read_lists(body: _Body) -> None:
    candidates: dict[int, Candidate] = {}
    for place, said in counted_apart(body.lines, body.taken).items():
        body.lines[place] = said
    enumerated = enumerated_among(body.lines, body.tabled, body.language, body.mark)
    for place, line in enumerate(body.lines):
        if place in body.taken or not line.strip() or _is_sentence(line):
            continue
        if is_noise(line) and not _is_listed_by_count(line):
            continue
        if recalls(line):
            continue
        if _runs_on(body, place - 1) or _runs_on(body, place):
            continue
        candidate = item(line, body.language, body.mark, place in enumerated)
        if candidate and line.rstrip().endswith(":") and not candidate.has_unit:
            continue  # "Пополнение склада 3:" heads a list
        if candidate and candidate.score > 0 and names_goods(candidate.draft):
            candidates[place] = candidate
    believed = _believed(body, candidates)
    firsts = sum(candidates[place].first for place in believed)
    sized = {place for place in believed if counted_sizes(unbulleted(body.lines[place].strip()))}
    for place in believed:
        candidate = candidates[place]
        if not _is_sure(candidate):
            candidate = weakened(
                candidate, 0.88 if candidate.has_unit or candidate.dashed else 0.86
            )
        enough = place not in sized or firsts - len(sized) >= 2
        if candidate.first and enough and firsts >= 2 and 2 * firsts > len(believed):
            candidate = _cleared(candidate)
        body.candidates.append((place, candidate))
        body.taken.add(place)
        body.listed.add(place)


def _cleared(candidate: Candidate) -> Candidate:
    """Where most lines begin with their quantity, so does this one: no doubt about it."""
    draft = candidate.draft
    problems = tuple(problem for problem in draft.problems if problem != "quantity-ambiguous")
    return replace(candidate, draft=replace(draft, problems=problems))


def _settle_all(body: _Body) -> None:
    """Candidates to lines, once all are known."""
    body.candidates = prices_of_one(body.candidates, body.listed, body.lines, bool(body.totals))
    measured = any(candidate.measured for _, candidate in body.candidates)
    for place, candidate in body.candidates:
        draft = replace(candidate.draft, source=f"{body.source}:{place + 1}")
        bare = not candidate.has_unit and not candidate.first and not candidate.counted
        if measured and bare and not _is_sized(candidate, body):
            # "картофель 40кг, лук 10": ten what?
            draft = replace(
                draft,
                confidence=min(draft.confidence, 0.75),
                problems=(*draft.problems, "unit-missing"),
            )
        if any(problem in _DOUBTS for problem in draft.problems):
            draft = replace(draft, confidence=min(draft.confidence, _DOUBTS_CONFIDENCE))
        body.found.append((place, settle(draft, 1)))
        body.currency = body.currency or candidate.money


def _is_sized(candidate: Candidate, body: _Body) -> bool:
    """True where the name says how much is in one: "Milk 2L - 40" are forty of two litres."""
    named = figures(candidate.draft.description, body.language, body.mark)
    return candidate.dashed and bool(named) and measures(named[-1])


def _audit(body: _Body) -> None:
    """The second look, at everything but the tables."""
    if body.language == "de" and any(_CAPITAL.search(line.description) for _, line in body.found):
        body.found = [
            (place, line if line.sku or _NAMES.search(line.description) else nameless(line))
            for place, line in body.found
        ]
    alike = laid_alike(body.candidates, body.listed)
    body.found = [
        (place, line if place in body.tabled else _looked_at(body, line, place in alike))
        for place, line in body.found
    ]
    spoken_of = [line for place, line in body.found if place not in body.tabled]
    told = {
        f"{body.source}:{place + 1}"
        for place, one in body.candidates
        if place in alike and one.last and one.dashed
    }
    said = iter(parted(spoken_of, body.language, told))
    body.found = [
        (place, line if place in body.tabled else next(said)) for place, line in body.found
    ]
    _correct(body)
    spoken_of = [line for place, line in body.found if place not in body.tabled]
    own_numbers = enumerated_among(body.lines, body.tabled, body.language, body.mark)
    lines = [
        re.sub(r"^\s*\d{1,4}[\s.)]+", "", line) if place in own_numbers else line
        for place, line in enumerate(body.lines)
    ]
    if len({ordered_as(line) for line in spoken_of}) < len(spoken_of):
        body.problems.append("line-repeated")
    dashed = {place for place, candidate in body.candidates if candidate.dashed}
    if has_gap(body.lines, {place for place, _ in body.candidates}, dashed, body.tabled):
        body.problems.append("quantity-unsaid")
    if not _counts_agree(body):
        body.problems.append("total-mismatch")
    listed = len(spoken_of) < len(body.found)
    body.problems += audited(
        lines, body.tabled, spoken_of, body.totals, body.language, body.mark, listed
    )
    if _remarks(body):
        body.problems.append("remark-unread")
    if not _OF_SOME_LINE.isdisjoint(body.problems):
        body.found = [
            (place, line if place in body.tabled else _weakened(line)) for place, line in body.found
        ]


def _looked_at(body: _Body, line: OrderLine, alike: bool) -> OrderLine:
    look = undoubted if alike else doubted
    return look(line, body.language, body.mark)


def _remarks(body: _Body) -> bool:
    """True when something is said of ordered goods that orders nothing and was not read."""
    listed = {place for place, _ in body.candidates}
    unread = [
        (place, line)
        for place, line in enumerate(body.lines)
        if place not in listed and place not in body.tabled
    ]
    aside = [(line, "") for _, line in unread if only_noise(line) and may_remark(line)]
    return any(speaks_of_line(line) for _, line in unread) or speaks_of_goods(
        [*body.sentences, *aside], (line for _, line in body.found)
    )


def _correct(body: _Body) -> None:
    """ "No, make it 40 bags" says how many bags the line before meant; a person must look."""
    if not any(only_corrects(line) for _, line in body.found):
        return
    kept: list[tuple[int, OrderLine]] = []
    for place, line in sorted(body.found, key=lambda pair: pair[0]):
        meant = next(
            (at for at in range(len(kept) - 1, -1, -1) if _unit(kept[at][1]) == _unit(line)), None
        )
        if meant is None or place in body.tabled or not line.unit or not only_corrects(line):
            kept.append((place, line))
            continue
        first, changed = kept[meant]
        kept[meant] = (
            first,
            replace(
                changed,
                quantity=line.quantity,
                confidence=min(changed.confidence, _DOUBTS_CONFIDENCE),
                problems=(*changed.problems, "corrected"),
            ),
        )
        body.problems.append("corrected")
    body.found = kept


def _unit(line: OrderLine) -> str:
    return line.unit.strip(".").lower()


def _weakened(line: OrderLine) -> OrderLine:
    return replace(line, confidence=min(line.confidence, 0.8))


def _counts_agree(body: _Body) -> bool:
    """False when "Всего 110 шт" stands under lines in that unit, which come to something else."""
    for number, code in body.counts:
        lines = [line for _, line in body.found if line.quantity is not None]
        if lines and code and all(line.unit_code == code for line in lines):
            if sum((line.quantity or Decimal(0) for line in lines), Decimal(0)) != number:
                return False
    return True


_DOUBTS = frozenset(
    {
        "quantity-ambiguous",
        "quantity-vague",
        "line-changes",
        "line-conditional",
        "price-or-total-unclear",
        "price-per-other-unit",
        "pack-or-price",
        "price-unread",
        "description-thin",
        "unit-unsure",
    }
)
_OF_SOME_LINE = frozenset({"corrected", "points-elsewhere"})  # nobody knows of which
_DOUBTS_CONFIDENCE = 0.6


def _is_listed_by_count(line: str) -> bool:
    """True for "* Packing tape 50 m - 24 rolls": a row, whatever else begins with such a word."""
    return _is_listed(line) and _COUNTED_LAST.search(line) is not None and _ends_counted(line)


def _runs_on(body: _Body, place: int) -> bool:
    """True when the line at `place` is broken in the middle of a sentence, as mailers break "
    "them."""
    if not 0 <= place < len(body.lines) - 1:
        return False
    this, following = body.lines[place].strip(), body.lines[place + 1].strip()
    if len(this) < _BROKEN_FROM or this[-1] in ".:;!?" or not following:
        return False
    if unbulleted(following) != following:
        return False
    opened = this.count("(") > this.count(")")
    return opened or (following[0].islower() and not _ends_counted(this))


def _ends_counted(line: str) -> bool:
    """True for "... - 20 boxes" and "... 4.50 €": a line of a list that is whole."""
    if _ENDS_COUNTED.search(line):
        return True
    last = _LAST_NUMBER.search(line)
    unit = unit_behind(line, last.end("number")) if last else None
    return unit is not None and not line[unit.end :].strip(" .,;")


_CAPITAL = re.compile(r"[A-ZÄÖÜ]")  # in German goods are nouns, unless all is in small letters
_NAMES = re.compile(r"[A-ZÄÖÜ\d]")
_BROKEN_FROM = 50  # characters
# "... - 20 шт", "... по 12 800 ₽": a list line is whole
_ENDS_COUNTED = re.compile(r"\d\s?(?:[^\W\d_]{0,6}\.?|[€$£₽₹]|/-)$")
_COUNTED_LAST = re.compile(r"\s[-–—:]\s\d{1,6}\s?[^\W\d_]+\.?$")
_LAST_NUMBER = re.compile(r"(?P<number>\d)\s?[^\W\d_]+\.?$")
_SAYS = re.compile(r"[^\W\d_]{2,}\s+[^\W\d_]")  # two words in a row


def _is_sentence(line: str) -> bool:
    """Longer than any list line, or several sentences: prose.py reads it."""
    bare = unbulleted(line.strip())
    words = len(bare.split())
    return (
        words > 24
        or len(bare) > 220
        or (words > 9 and sum(bool(_SAYS.search(one)) for one in split_sentences(bare)) > 1)
    )


def _is_sure(candidate: Candidate) -> bool:
    return candidate.score >= _SURELY and (candidate.has_unit or candidate.dashed)


def _believed(body: _Body, candidates: dict[int, Candidate]) -> list[int]:
    """The lines that are order lines: sure by themselves, or in the company of such."""
    believed: list[int] = []
    for place in sorted(candidates):
        candidate = candidates[place]
        around = (other for other in range(place - _NEAR, place + _NEAR + 1) if other in candidates)
        neighbours = [other for other in around if other != place and _near(body, place, other)]
        line = body.lines[place]
        several = _figures_that_order(body, place) >= 2
        whole = _is_listed(line) or in_columns(line) or codes_one(candidates, place)
        if several and not whole and begins_alike(candidates, place):
            candidate = weakened(candidate, _DOUBTS_CONFIDENCE, "description-unsure")
            candidates[place] = candidate
        elif several and not whole:
            continue  # "60 baguette, 20 focaccia" orders several things: prose.py splits it
        if _is_sure(candidate) and not _reads_like_prose(body.lines[place], candidate):
            believed.append(place)
        elif (
            candidate.score >= _HARDLY
            and neighbours
            and not _reads_like_prose(body.lines[place], candidate)
        ):
            if any(candidates[other].score >= _HARDLY for other in neighbours):
                believed.append(place)
        elif (
            candidate.score >= _HARDLY
            and _is_listed(body.lines[place])
            and not _reads_like_prose(body.lines[place], candidate)
        ):
            believed.append(place)
    return believed


def _is_listed(line: str) -> bool:
    return unbulleted(line.strip()) != line.strip()


def _figures_that_order(body: _Body, place: int) -> int:
    line = unbulleted(body.lines[place].strip())
    if len(figures(line, body.language, body.mark)) < 2:
        return 1
    return len(spoken(line, body.language, body.mark, listed=True))


def _near(body: _Body, one: int, other: int) -> bool:
    """No more than one other line of words between two lines that are at most _NEAR apart."""
    low, high = sorted((one, other))
    return sum(bool(line.strip()) for line in body.lines[low + 1 : high]) <= 1


_NEAR = 4  # lines
_FINITE = Caseless(
    r"\b(?:прошу|просим|нужн[оаы]|надо|будет|будут|есть|закажите|выставите|можно"
    r"|привезите|отгрузите|дайте|заказываем|пожалуйста|please|we|you|is|are|will|would|can"
    r"|could|send|need|have|has|bitte|wir|ich|sie|ist|sind|werden|haben|können|brauchen"
    r"|liefern|nous|veuillez|il|закажем|оплатим|берем|берём|возьмем|приедет|забираем|ждем"
    r"|ждём)\b"
)


def _reads_like_prose(line: str, candidate: Candidate) -> bool:
    """A sentence with a verb: its quantities are found by prose.py."""
    if candidate.score >= _BEYOND_DOUBT and candidate.dashed:
        return False  # "Cola can - 240 pcs": that can is no verb
    bare = unbulleted(line.strip())
    return bool(_FINITE.search(bare)) and len(bare.split()) >= 4


def _read_sentences(body: _Body) -> None:
    for place, sentence in sentences_of(body.lines, body.taken):
        found = spoken(sentence, body.language, body.mark)
        body.candidates += [(place, candidate) for candidate in found]
        body.sentences.append((sentence, " ".join(_read_of(candidate) for candidate in found)))
        body.taken.add(place)


def _read_of(candidate: Candidate) -> str:
    draft = candidate.draft
    return f"{draft.sku} {draft.description} {draft.unit}"
