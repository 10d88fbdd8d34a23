"""Whether a text orders for several places: "Order for Leeds: ... Order for York: ...".

In: the lines of a mail. Out: True when two headings name two places, or two delivery addresses
are given; an order has only one. What is written after "for", "für" or "для" is a place when it is
called by a name, not a day, and not the room or the use of something ("For the kitchen:").

Limits: headings that are nothing but a name ("Leeds:") are not told from groups of goods.
"""

import re
from collections.abc import Sequence

from .addresses import block_at
from .caseless import Caseless

_MOST_LINES = 400
_LONGEST = 120
_FOR = re.compile(
    r"\W*(?:(?i:(?:the |our |die |unsere |наш[аи]? )?(?:orders?|delivery|items|goods|list"
    r"|bestellung|lieferung|ware|material|заказ|заявка|доставка|поставка|список))\s)?"
    r"(?i:for|to|für|nach|для|на|в)\s(?P<place>[^:\n]{2,40}?)\s*(?::(?P<rest>.*))?"
)
_NAMED = re.compile(r"(?:^|\s)[A-ZÄÖÜА-ЯЁ]")
_ARTICLE = re.compile(r"(?i)(?:die|das|den|dem|der|unser\w*|ein\w*)\s")
_TIMES = Caseless(
    r"\b(?:(?:mon|tues|wednes|thurs|fri|satur|sun)day|mon|tue|wed|thu|fri|sat|sun|tomorrow|today|week"
    r"|delivery|january|february|march|april|may|june|july|august|september|october|november|december"
    r"|(?:mon|diens|donners|frei|sams|sonn)tag|mittwoch|morgen|heute|woche|kw|januar|februar|märz|mai"
    r"|juni|juli|oktober|dezember|понедельник|вторник|сред[уа]|четверг|пятниц[уа]|суббот[уа]"
    r"|воскресенье|завтра|сегодня|недел\w+|январ\w+|феврал\w+|март\w*|апрел\w+|ма[йя]|июн\w+|июл\w+"
    r"|август\w*|сентябр\w+|октябр\w+|ноябр\w+|декабр\w+)\b"
)
_SITE = Caseless(
    r"\b(?:site|branch|office|shop|store|depot|yard|warehouse|school|plot|unit|flat|house|farm|plant"
    r"|baustelle|filiale|standort|lager|werk|büro|objekt|haus|markt|schule|kita|niederlassung"
    r"|объект\w*|филиал\w*|склад\w*|магазин\w*|офис\w*|школ\w+|точк\w+|участ\w+|баз\w+)\b"
)
_WORD = re.compile(r"\w+")
_FEW_WORDS = 4  # of a heading without a colon


def names_places(lines: Sequence[str]) -> bool:
    """True when a text names two places that its goods are for."""
    looked = lines[:_MOST_LINES]
    places = [
        place
        for number, line in enumerate(looked)
        if len(line) <= _LONGEST and (place := _heads(line)) and _counts_below(looked, number)
    ]
    if any(not (place <= places[0] or places[0] <= place) for place in places):
        return True  # but "Leeds" and "the Leeds office" are the same
    blocks = [block_at(looked, number) for number in range(len(looked))]
    addresses = {block.address for block in blocks if block is not None and block.delivery}
    return len(addresses) > 1


def _heads(line: str) -> frozenset[str]:
    """The words by which a heading names a place; empty when it names none."""
    match = _FOR.fullmatch(line.strip())
    if match is None or (match["rest"] is None and len(line.split()) > _FEW_WORDS):
        return frozenset()
    place = match["place"].strip()
    site = _SITE.search(place) is not None
    if _TIMES.search(place) or not (site or _NAMED.search(place)):
        return frozenset()
    if not site and (_ARTICLE.match(place) or any(map(str.isdigit, place))):
        return frozenset()
    return frozenset(_WORD.findall(_SITE.sub(" ", _ARTICLE.sub("", place)).lower()))


def _counts_below(lines: Sequence[str], number: int) -> bool:
    """True when a number stands behind a heading or in the next line that says something."""
    _, _, rest = lines[number].partition(":")
    following = rest if rest.strip() else next(filter(str.strip, lines[number + 1 :]), "")
    return any(map(str.isdigit, following))
