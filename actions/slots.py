"""Marked places in a reply's texts, and what a person may have put into them. Pure.

In: a `Wording` whose sources say `{{ slot("greeting", "Thank you for your order.") }}`; texts that
a person approved for one reply. Out: the slots with their default texts; a `Personal`, checked.

A text for a slot is one line of plain text. What could lead a reader elsewhere (a link, an address,
markup) or hide something (controls, marks of direction) is refused, not mended. Slots in the first
line, the subject, are not offered: headers always have the default.

Limits: "e.g." and its like are taken for a domain. A telephone number is not found.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping

from jinja2 import Environment, TemplateSyntaxError, nodes

from postroom.failure import PermanentFailure

from .plan import Personal
from .wording import Wording

LONGEST = 300  # characters of one text
# What mail readers make a link of: a scheme, an address, a dot before a letter, an IPv4 address.
_LINK = re.compile(
    r"//|\\\\|@|\b(?:https?|ftp|mailto|tel|sms|sip|skype|xmpp|javascript|data):(?=\S)|www\."
    r"|[.\u3002](?=[^\W\d_])|\d+(?:\.\d+){3}",
    re.I,
)
_MARKUP = re.compile("[<>{}]")


def marked(wording: Wording) -> dict[str, str]:
    """The slots of a wording's body by name, with the default text of each.

    Raises PermanentFailure(template-broken).
    """
    found: dict[str, str] = {}
    for source, first_line in ((wording.text, 2), (wording.html, 1)):
        try:
            tree = Environment(autoescape=True).parse(source)
        except TemplateSyntaxError as error:
            raise PermanentFailure("template-broken", error) from error
        for call in tree.find_all(nodes.Call):
            match call:
                case nodes.Call(
                    node=nodes.Name(name="slot"),
                    args=[nodes.Const(value=str(name)), nodes.Const(value=str(default))],
                ) if call.lineno >= first_line:
                    found.setdefault(name, default)
    return found


def filled(texts: Mapping[str, str]) -> Callable[[str, str], str]:
    """The word `slot` as templates call it."""

    def slot(name: str, default: str) -> str:
        return texts.get(name, default)

    return slot


def refusal(text: str) -> str:
    """Why a text may not stand in a slot: empty, too-long, control, markup or link; "" if it may.

    Compatibility forms (a full-width dot) count as what they look like.
    """
    plain = unicodedata.normalize("NFKC", text)
    if not plain.strip():
        return "empty"
    if max(len(text), len(plain)) > LONGEST:
        return "too-long"
    if not (text.isprintable() and plain.isprintable()):
        return "control"
    if _MARKUP.search(plain):
        return "markup"
    return "link" if _LINK.search(plain) else ""


def personal(wording: Wording, texts: Mapping[str, str]) -> Personal:
    """The texts as they go into one reply with just this wording.

    Raises PermanentFailure(bad-slot) that names the slot and what is wrong with it.
    """
    known = marked(wording)
    for name, text in texts.items():
        if name not in known:
            said = f"{wording.title} has no slot {name!r}, only: {', '.join(known) or 'none'}"
            raise PermanentFailure("bad-slot", ValueError(said))
        if why := refusal(text):
            said = f"{name}: {why}; write one line of at most {LONGEST} characters, without links"
            raise PermanentFailure("bad-slot", ValueError(said))
    return Personal(wording=wording.digest, texts=dict(texts))
