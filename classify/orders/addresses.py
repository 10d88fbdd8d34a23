"""Where a text gives an address, which looks like goods: "44 Havenkade" may be 44 of something.

In: the lines of a text. Out: the address below a label ("Delivery address:"), line by line, and
which bare lines of a list may be a street or a postcode instead. Streets are called as they like in
every country, so nothing asks for a word: what stands apart from the list and says no unit, price
or code may be an address, and so may what stands below a label, up to what can only be goods.

Limits: an address right below the last goods, without a line between them, is not told from them.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, takewhile

from .caseless import Caseless
from .figures import figures
from .item import unbulleted
from .noise import is_contact, is_noise
from .units import Sort

_LABEL = Caseless(
    r"\W*(?:(?P<delivery>(?:адрес|место) (?:доставки|поставки|отгрузки|разгрузки)"
    r"|доставка по адресу|доставить по адресу|грузополучатель|куда везти"
    r"|(?:delivery|shipping|ship to|site|drop) (?:address|location)|delivery (?:to|site)"
    r"|(?:please )?(?:deliver|ship) to"
    r"|liefer(?:adresse|anschrift|ort)|versand(?:adresse|anschrift)|lieferung an|warenempfänger"
    r"|adresse de livraison|livrer à|dirección de entrega)"
    r"|(?:юридический |почтовый )?адрес(?: плательщика)?|плательщик"
    r"|(?:our |invoice |invoicing |billing |postal )?address|(?:bill|invoice|sold) to"
    r"|(?:rechnungs|firmen|post)?(?:adresse|anschrift)|rechnung an|rechnungsempfänger"
    r"|adresse de facturation|dirección de facturación)\s*(?::\s*|$)"
)
_LONGEST_LABEL = 60  # characters of a line that a label stands in, with what follows it
_MOST_LINES = 7
_LONGEST = 70  # characters of a line of an address
# "NL-1011 AB", "8000", "153000", "BA1 2AB": behind it only a country, a name or a telephone follow.
_POSTCODE = re.compile(
    r"(?<!\w)(?:[A-Z]{1,3}-)?\d{4,6}(?!\w)|(?<!\d)\d{3} \d{2}(?!\d)|\d{2}-\d{3}(?!\d)"
    r"|\b[A-Z]{1,2}\d[\dA-Z]? ?\d[A-Z]{2}\b"
)
_GOODS = re.compile(r"(?:[-–—:=×]|(?<!\w)[xXхХ])\s*\d+\W*$|(?<!\w)\d+\s?[xXхХ×](?!\w)|[€$£₽@]")
_COUNTED = re.compile(r"\W*\d+\s(?P<word>[a-zа-яёäöü][\w'’-]*)")
_LEADS = re.compile(r"\W*\d+\W+[^\W\d_]")
_OF_STREETS = frozenset(
    """rue avenue av bd boulevard place allée allee quai chemin route impasse cours square bis ter
    calle avenida plaza via viale piazza улица ул переулок проспект пр шоссе линия этаж подъезд дом
    кв корпус der de van den het la le les los""".split()
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """An address below its label."""

    end: int  # the first place behind it
    address: str  # on one line
    delivery: bool  # goods are to be brought there; else it is somebody's


def block_at(lines: Sequence[str], place: int) -> Block | None:
    """The address whose label, and nothing else or a name, is lines[place]; None when none is."""
    line = lines[place]
    match = _LABEL.match(line) if len(line) <= _LONGEST_LABEL else None
    if match is None:
        return None
    beside = line[match.end() :].strip()
    if _numbered(beside) or beside.endswith(":"):
        return None  # on one line, or two columns
    below = _below(lines, place + 1, named=bool(beside))
    if not below:
        return None
    parts = (beside, *(line.strip(" ,;.") for line in below if not is_contact(line)))
    said = ", ".join(part for part in parts if part)
    return Block(end=place + 1 + len(below), address=said, delivery=match["delivery"] is not None)


def _below(lines: Sequence[str], start: int, named: bool) -> list[str]:
    """The lines of an address that begins at `start`; empty when it is not surely one.

    `named`: whose address it is stands beside the label.
    """
    block: list[str] = []
    coded = False
    for line in lines[start : start + _MOST_LINES]:
        if not line.strip() or line.rstrip().endswith(":") or may_only_be_goods(line):
            break
        if coded and _numbered(line) and not is_noise(line):
            break
        coded = coded or has_postcode(line)
        block.append(line)
    if not coded and not any(map(is_noise, block)):  # then "4 Chairs" may be meant
        block = list(takewhile(lambda line: not leads_with_number(line), block))
    sure = coded or named or (block and not _numbered(block[0]))
    return block if sure and any(_numbered(line) or is_noise(line) for line in block) else []


def _numbered(line: str) -> bool:
    return any(map(str.isdigit, line))


def may_only_be_goods(line: str) -> bool:
    """True for a line that no address holds: it counts something, or is too long."""
    if len(line) > _LONGEST or unbulleted(line.strip()) != line.strip() or _GOODS.search(line):
        return True
    counted = _COUNTED.match(line)
    if counted and counted["word"] not in _OF_STREETS:
        return True
    return any(
        figure.labelled or (figure.unit is not None and figure.unit.unit.sort is not Sort.TIME)
        for figure in figures(line)
    )


def has_postcode(line: str) -> bool:
    """True for a line with what may be a postcode."""
    return _POSTCODE.search(line) is not None


def leads_with_number(line: str) -> bool:
    """True for "14 Elm Court" and "4 Chairs" alike."""
    return _LEADS.match(line) is not None


def may_be_address(
    lines: Sequence[str], listed: Mapping[int, bool], elsewhere: Iterable[int]
) -> set[int]:
    """The lines of a list that may be part of an address.

    `listed`: for each place of a line whether it is bare, nothing but a number and words.
    `elsewhere`: where other goods stand, in tables and sentences.
    """
    runs = _runs(lines, sorted(listed))
    bare = [run for run in runs if all(listed[place] for place in run)]
    unheaded = [run for run in bare if not _is_headed(lines, run)]
    if len(unheaded) == len(runs) and not any(True for _ in elsewhere):
        unheaded = unheaded[1:]  # nothing else is ordered
    return {place for run in unheaded for place in run}


def _runs(lines: Sequence[str], places: Sequence[int]) -> list[list[int]]:
    """Places that follow each other; over empty lines too, where these part every line."""
    spaced = all(after > before + 1 for before, after in pairwise(places))
    runs: list[list[int]] = []
    for place in places:
        last = runs[-1][-1] if runs else place
        if last < place and (
            place == last + 1 or (spaced and not any(map(str.strip, lines[last + 1 : place])))
        ):
            runs[-1].append(place)
        else:
            runs.append([place])
    return runs


def _is_headed(lines: Sequence[str], run: Sequence[int]) -> bool:
    """True where a line that ends in a colon, and labels no address, stands above the lines."""
    above = ""
    for place in range(run[0] - 1, -1, -1):
        if above := lines[place].strip():
            break
    return above.endswith(":") and _LABEL.match(above) is None and not is_noise(f"{above} x")
