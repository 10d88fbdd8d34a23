"""Who orders: name, address of mail and tax number, each checked.

In: the author of a mail and lines of text (signature, heading of a document). Out: a `Buyer` and
problems. A tax number counts only with its label and the right check digits (python-stdnum): ИНН,
the VAT ids of the EU, the UK and Switzerland.

Limits: a document names two parties; without a word that tells buyer from seller no tax number is
taken from it, for the seller's is there as well.
"""

import re
from collections.abc import Sequence
from contextlib import suppress

from stdnum.eu import vat as eu_vat
from stdnum.exceptions import ValidationError
from stdnum.gb import vat as gb_vat
from stdnum.ru import inn

from postroom.envelope import Address
from postroom.order import Buyer

from .caseless import Caseless

_INN = Caseless(r"\bинн\s?(?:/\s?кпп)?\s?[:№]?\s?(?P<number>\d{10}(?:\d{2})?)(?!\d)")
_VAT = Caseless(
    r"(?<![^\W\d_])(?:ust\.?-?\s?id(?:ent)?\.?(?:-?\s?nr\.?|nummer)?|uid|vat(?:\s?(?:reg\w*"
    r"|id|no|nr"
    r"|number|registration))*\.?|n° tva|tva intra\w*|p\.? ?iva|btw|nif|cif)\s?(?:no|nr"
    r"|number)?\.?\s?[:#]?\s{0,2}(?P<number>[a-z]{2}[ -]?[a-z0-9](?:[ .-]?[a-z0-9]){6,12})",
)
_BUYER_WORDS = re.compile(
    r"(?:покупатель|заказчик|плательщик|клиент|грузополучатель|buyer|customer|bill to"
    r"|sold to|purchaser|besteller|käufer|kunde|auftraggeber|rechnungsempfänger|acheteur"
    r"|client|comprador)",
    re.IGNORECASE,
)
_SELLER_WORDS = re.compile(
    r"(?:поставщик|продавец|исполнитель|seller|supplier|vendor|lieferant|verkäufer"
    r"|rechnungsersteller|leistungserbringer|fournisseur|vendeur|proveedor)",
    re.IGNORECASE,
)
_LEGAL = re.compile(
    r"(?P<name>\b(?:ООО|ОАО|ЗАО|ПАО|АО|ИП|ТОО|ГБУЗ|МБОУ|ГУП|МУП|ФГУП|НПО|НПП"
    r"|ТСЖ)\s+[«\"“„]?[^«»\"“”,;\n/]{2,60}[»\"”]?"
    r"|[A-ZÄÖÜ][\w&'’-]*(?: [A-ZÄÖÜ&][\w&'’-]*){0,4}\s(?:GmbH(?: & Co\.? KG)?|AG|KG|OHG|UG"
    r"|e\.K\.|Ltd\.?|Limited|LLC|Inc\.?|PLC|S\.A\.|SARL|S\.L\.|B\.V\.|A/S|Oy|s\.r\.o\."
    r"|Sp\. z o\.o\.|Pte)(?=[\s,.;)]|$))"
)
_QUOTED = re.compile(r"(?P<name>[«\"“][^«»\"“”\n]{2,50}[»\"”])")


def buyer_of_mail(
    author: Address | None, signature: Sequence[str], text: Sequence[str]
) -> tuple[Buyer, tuple[str, ...]]:
    """The buyer of a mail: its author, with what signature and text add."""
    lines = [*signature, *text]
    email = author.text if author else ""
    tax_id, problems = _tax_id(lines)
    company = _company(lines, _LEGAL) or _company(signature, _QUOTED)
    name = company or (author.name if author else "")
    return Buyer(name=name, email=email, tax_id=tax_id), problems


def buyer_of_document(lines: Sequence[str]) -> tuple[Buyer, tuple[str, ...]]:
    """The buyer a document names, by the words that announce one."""
    for place, line in enumerate(lines[:200]):
        if not _BUYER_WORDS.search(line) or len(line) > 400:
            continue
        near = [line[_first(_BUYER_WORDS, line) :], *(_until_seller(lines[place + 1 : place + 4]))]
        tax_id, problems = _tax_id(near)
        company = _company(near, _LEGAL) or _company(near, _QUOTED)
        if tax_id or company:
            return Buyer(name=company, tax_id=tax_id), problems
    return Buyer(), ()


def seller_of_document(lines: Sequence[str]) -> Buyer:
    """Who bills: named behind a word for a seller, else the first company before any buyer."""
    for place, line in enumerate(lines[:120]):
        match = _SELLER_WORDS.search(line)
        if match is None or len(line) > 200:
            continue
        near = [line[match.end() :], *_until_buyer(lines[place + 1 : place + 7])]
        name = _company(near, _LEGAL) or _labelled_name(near)
        if name:
            return Buyer(name=name, tax_id=_tax_id(near)[0])
    above = _until_buyer(lines[:12])
    name = _company(above, _LEGAL) or _company(lines[-12:], _LEGAL)
    return Buyer(name=name, tax_id=_tax_id(above)[0] if name else "")


_NAME_LABEL = re.compile(
    r"^\s*(?:name|имя|наименование|firma|nom)\s*:\s*(?P<name>\S.{1,80})$", re.IGNORECASE
)


def _labelled_name(lines: Sequence[str]) -> str:
    for line in lines:
        match = _NAME_LABEL.match(line)
        if match:
            return " ".join(match["name"].split())
    return ""


def _until_buyer(lines: Sequence[str]) -> list[str]:
    kept: list[str] = []
    for line in lines:
        if _BUYER_WORDS.search(line):
            break
        kept.append(line)
    return kept


def _first(pattern: re.Pattern[str], line: str) -> int:
    match = pattern.search(line)
    return match.end() if match else 0


def _until_seller(lines: Sequence[str]) -> list[str]:
    kept: list[str] = []
    for line in lines:
        if _SELLER_WORDS.search(line):
            break
        kept.append(line)
    return kept


def _tax_id(lines: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    wrong = False
    for line in lines[:300]:
        for match in _INN.finditer(line[:1000]):
            if inn.is_valid(match["number"]):
                return match["number"], ()
            wrong = True
        for match in _VAT.finditer(line[:1000]):
            number = _vat(line[match.start("number") : match.end("number")])
            if number:
                return number, ()
            wrong = True
    return "", ("tax-id-invalid",) if wrong else ()


def _vat(text: str) -> str:
    """A VAT number whose check digits are right, in its compact form."""
    with suppress(ValidationError, ValueError):
        return str(eu_vat.validate(text))
    if text[:2].upper() == "GB":
        with suppress(ValidationError, ValueError):
            return f"GB{gb_vat.validate(text)}"
    return ""


def _company(lines: Sequence[str], pattern: re.Pattern[str]) -> str:
    for line in lines[:60]:
        match = pattern.search(line[:300])
        if match and any(char.isalpha() for char in match["name"]):
            return match["name"].strip(" ,.")
    return ""
