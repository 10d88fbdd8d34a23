"""Where a letter closes: what stands below is who wrote it and where he lives.

In: the lines of a text. Out: those above its closing. "Kind regards" closes whatever follows; a
word of thanks or a greeting closes only above a name with an address, a telephone and the like, for
people who thank go on writing.
"""

import re
from collections.abc import Sequence
from itertools import islice

from .addresses import has_postcode, may_only_be_goods
from .caseless import Caseless
from .figures import figures
from .noise import ends_text, is_contact, is_noise
from .numbers import has_digit

_THANKS = Caseless(
    r"\W*(?:(?:(?:many|very many|best|with) )?(?:thanks?(?: you)?|thx|thnx|tx|cheers|ta"
    r"|best(?: wishes)?|sincerely|yours(?: truly)?|warmly)"
    r"(?: (?:in advance|very much|so much|a lot|a million|a bunch|heaps|loads|again|all|mate))?"
    r"|(?:(?:besten|vielen|herzlichen|lieben|schönen|tausend) )?"
    r"dank(?:e(?: (?:schön|sehr|dir|euch|ihnen))?)?(?: (?:im voraus|vorab))?"
    r"|(?:(?:mit )?(?:herzlich|lieb|schön|best|viel|freundlich|sonnig)\w* )?"
    r"gr(?:[uü]|ue)(?:ß|ss)(?:e|en)?(?: (?:aus|von) [^\W\d_]+)?|lg|vg|bg|hg|mfg"
    r"|(?:заранее )?(?:спасибо|благодар\w+)(?: заранее)?|с благодарностью"
    r"|всего (?:доброго|хорошего)|хорошего дня|до свидания"
    r"|met vriendelijke groet(?:en)?|med vänliga? hälsning(?:ar)?|(?:med )?ven(?:n)?lig hilsen"
    r"|cordiali saluti|pozdrawiam|merci(?: (?:beaucoup|d'avance))?|gracias|un saludo|saludos)(?!\w)"
)
_NAME = re.compile(r"[^\W\d_][\w.'’-]*(?: [^\W\d_][\w.'’&-]*){0,3}")
_WRITTEN_NAME = re.compile(r"[A-ZА-ЯЁÄÖÜ][\w.'’-]*(?: [A-ZА-ЯЁÄÖÜ][\w.'’-]*)?")
_GOES_ON = Caseless(
    r"(?:^|\s)(?:p\.?\s?s|пс|п\.с|зы|з\.ы|nachtrag|and|also|plus|oh|sorry|und|noch|auch|dazu|bitte"
    r"|please|pls|и|ещё|еще|также|плюс|пожалуйста|прошу|добав\w+|need|want|send|brauch\w+|нужн\w+"
    r"|not|no|nicht|kein\w*|не|без|without|ohne)(?!\w)"
)
_SMALL = re.compile(r"(?<![\w.-])[a-zа-яёäöüß]{2,}")  # names of people, firms and streets have few
_IN_NAMES = frozenset(
    """of for the de des du la le les los del da van der den het ten ter von vom zu zum zur im am an
    dem et rue avenue boulevard place calle avenida via ul ул пр кв по им менеджер отдел директор
    директора снабженец инженер прораб кладовщик бухгалтер закупок закупкам снабжения""".split()
)
_LONGEST = 60  # characters of the line that closes
_MOST_LINES = 10
_MOST_WORDS = 6


def until_signature(lines: list[str]) -> list[str]:
    """The lines above the one with which a letter closes; all of them when none does."""
    for place, line in enumerate(lines):
        if place and (ends_text(line) or _closes(line, lines[place + 1 :])):
            return lines[:place]
    return lines


def is_thanks(line: str) -> bool:
    """True for words of thanks or a greeting and nothing else."""
    said = line.strip(" ,.!;-–—")
    match = _THANKS.match(said) if len(line) <= _LONGEST else None
    return match is not None and match.end() == len(said)


def _closes(line: str, below: Sequence[str]) -> bool:
    """True for thanks or a greeting that nothing but a signature follows."""
    match = None if len(line) > _LONGEST or has_digit(line) else _THANKS.match(line)
    if match is None:
        return False
    named = line[match.end() :].strip(" ,.!;-–—")
    if named and not _WRITTEN_NAME.fullmatch(named):
        return False
    signed = list(islice((one.strip() for one in below if one.strip()), _MOST_LINES + 1))
    if not signed or len(signed) > _MOST_LINES:
        return False
    if not named and not _NAME.fullmatch(signed[0].rstrip(" ,.")):
        return False
    told = any(has_postcode(one) and not is_contact(one) for one in signed)
    return all(_signs(one, told) for one in signed)


def _signs(line: str, told: bool) -> bool:
    """True for what may stand in a signature; `told`: a postcode stands in it, so streets may."""
    if is_noise(line):
        return True
    counts = figures(line)
    return not (
        line.endswith((":", "?", "!"))
        or len(line.split()) > _MOST_WORDS
        or _GOES_ON.search(line)
        or may_only_be_goods(line)
        or any(word not in _IN_NAMES for word in _SMALL.findall(line))
        or any(figure.numeral for figure in counts)
        or (counts and not told)
    )
