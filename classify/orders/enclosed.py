"""Whether a mail says that something is attached to it, which then must be there.

In: the writer's words, and whether goods were read in them. Out: True when a file was announced.
"Anbei unsere Bestellung:" above a list announces the list, and what "is to be enclosed" is ours to
enclose.

Limits: words only; "attached" and "im Anhang" always mean a file.
"""

import re
from collections.abc import Sequence

from .caseless import Caseless

_SAYS_ATTACHED = Caseless(
    r"\b(?:во вложени\w+|в приложени\w+|вложен\w*|приложен\w*|прилага\w+|прикладыва\w+"
    r"|прикрепл\w+|attach(?:ed|ing)"
    r"|(?:see|in|per|the|our) (?:the )?attachments?|enclosed|see file"
    r"|anbei|im anhang|anlage|beigefügt\w*"
    r"|angehängt\w*|ci-joint\w*|pièce jointe|adjunt\w+)\b"
)
# "COA to be enclosed", "должны быть приложены": by us.
_ASKED_OF_US = Caseless(
    r"\b(?:(?:to|must|should|shall) be|(?:soll|muss|müssen|sollen)(?: \w+){0,3}"
    r"|(?:должн\w+|должен) быть)\s(?:enclosed|attached|beigefügt|angehängt|приложен\w*|вложен\w*)\b"
)
_ORDER_BELOW = Caseless(
    r"\b(?:anbei|enclosed|прилага\w+)\b[^.!?\n]{0,40}"
    r"\b(?:\w{0,20}bestellung|\w{0,20}auftrag|bedarf|\w{0,12}liste|orders?|needs|requirements|заказ\w*"
    r"|заявк\w+|потребност\w+)\b"
)
_FILE = Caseless(
    r"\bals (?:pdf|excel|datei|anhang|anlage)|\bim anhang|\bin der (?:datei|anlage)"
    r"|\b(?:pdf|file|attach\w*|datei|файл\w*|вложен\w+|anlage)\b"
)
_COLUMNS = re.compile(r"\S(?:\t|\s{2,}|\s*[|;]\s*)\S.*\S(?:\t|\s{2,}|\s*[|;]\s*)\S")


def says_attached(text: str, listed: bool) -> bool:
    """True when a file is announced; `listed`: goods were read in the text itself."""
    lines = [line for line in text.split("\n") if line.strip()]
    return any(
        _SAYS_ATTACHED.search(_ASKED_OF_US.sub(" ", line)) is not None
        and not (listed and _heads_list(line, lines[place + 1 :]))
        for place, line in enumerate(lines)
    )


def _heads_list(line: str, below: Sequence[str]) -> bool:
    """True for "anbei unser Bedarf:" and for "anbei unsere Bestellung." above columns."""
    if not below or not _ORDER_BELOW.search(line) or _FILE.search(line):
        return False
    return line.rstrip().endswith(":") or _COLUMNS.search(below[0]) is not None
