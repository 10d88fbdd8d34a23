"""Article numbers and GTINs in a line of text: labelled, in brackets, or standing first.

In: a line, or what is left of it. Out: the code, and the text without it.

Limits: a bare number of fewer than five digits is no article number unless a label says so.
"""

import re

from .caseless import Caseless
from .lines import checked_gtin

_LABELLED_SKU = Caseless(
    r"[(\[]?\s?(?<!\w)(?:артикул|арт\.?|art(?:ikel)?\.?-?\s?(?:nr|no)?\.?|artikelnummer"
    r"|best(?:ell)?\.?-?nr\.?|pzn|sku|p/n|part\s?(?:no|number|#)\.?"
    r"|p\s?n(?=\s?[:#№.]|\s[\w./+-]{5})|item\s?(?:no|code|#)\.?|код(?:\s?товара)?|code|cat\.?\s?(?:no|#)\.?|ref\.?|réf\.?|mpn"
    r"|кат\.?\s?(?:№|номер)|кат\.(?=\s?\d+[-/]\d{3}))\s?[:.#№]?\s?"
    r"(?P<code>[a-zа-я0-9][\w./+-]*\d[\w./+-]*(?<![.,]))\s?[)\]]?",
)
# "SKU: PD-FLAT-BK": a code without a digit, where the label leaves no doubt
_SPELLED_SKU = re.compile(
    r"(?<!\w)(?:SKU|MPN|P/N|Art\.?-?Nr\.?|Артикул)\s?[:#№]\s?(?P<code>[A-ZА-Я0-9]+(?:[-_./][A-ZА-Я0-9]+)+)(?!\w)"
)
_COLON = re.compile(r"[:#№]")
_SPELLED_IN_BRACKETS = re.compile(
    r"\((?:SKU|MPN|Ref\.?|Art\.?(?:-?Nr\.?)?|Арт\.?)\s?[:#№]?\s?(?P<code>[A-ZА-Я0-9]+(?:[-_/][A-ZА-Я0-9]+)+)\)"
)
_BRACKETED_SKU = re.compile(r"\[(?P<code>[\w./+-]{3,30})\]")
_GTIN = re.compile(
    r"(?:\b(?:EAN|GTIN|ШК|штрих-?код)\s?[:.]?\s?)?(?<![\w.,])(?P<code>\d{13}|\d{14})(?![\w.,]\w)",
    re.IGNORECASE,
)
_LEADING_CODE = re.compile(
    r"(?P<code>(?=[^\s]*\d)[A-ZА-Я0-9][A-ZА-Я0-9./_-]{3,24}|\d{5,12})(?=\t|\s[-–—]\s|\s{2,}"
    r"|:\s|,\s|\s+[^\W\d_]{3})"
)
_CODE_ALONE = re.compile(r"(?=\S*\d)(?=\S*[^\W\d_])[\w./+-]{4,30}")


def codes_of(text: str) -> tuple[str, str, str]:
    """Labelled article numbers and GTINs taken out of the line: (rest, sku, gtin)."""
    sku = gtin = ""
    if match := _GTIN.search(text):
        if checked_gtin(match["code"])[0]:
            gtin = match["code"]
            text = text[: match.start()] + "\t" + text[match.end() :]
    if match := _BRACKETED_SKU.search(text):
        if any(char.isdigit() for char in match["code"]):
            sku = match["code"]
            text = text[: match.start()] + text[match.end() :]
    if not sku and (match := _labelled(text)):
        sku = text[match.start("code") : match.end("code")]
        text = f"{text[: match.start()]} {text[match.end() :]}"
    return text.strip(" \t,;"), sku, gtin


def _labelled(text: str) -> re.Match[str] | None:
    if match := _LABELLED_SKU.search(text):
        return match
    match = _SPELLED_SKU.search(text) if _COLON.search(text) else None
    return match or (_SPELLED_IN_BRACKETS.search(text) if "(" in text else None)


def leading_code(description: str) -> tuple[str, str]:
    """A first word that can only be an article number: (sku, the rest)."""
    plain = description.replace("\t", " ")
    if _CODE_ALONE.fullmatch(description):
        return description, description
    if match := _LEADING_CODE.match(description):
        code = match["code"]
        rest = description[match.end() :].lstrip(" \t:,-–—")
        if names_something(rest) and (
            code.isdigit() or re.search(r"[-./_]", code) or len(code) >= 6
        ):
            return code, rest.replace("\t", " ")
    return "", plain


def names_something(description: str) -> bool:
    letters = sum(char.isalpha() for char in description)
    return letters >= 2 or (letters >= 1 and any(char.isdigit() for char in description))
