"""What stands around the lines: order number, date, currency, delivery, the document's total.

In: lines of text (a body, the rows of a sheet that are no lines, the text of a PDF). Out: a
`Heading`-less bundle of fields, each empty when not said. A number is believed only behind a word
that announces it ("Заказ №", "PO", "Bestellung Nr."), and only if it has a digit and is no date.

Limits: one delivery for the whole order; "KW 41" and "next week" give no date.
"""

import datetime
import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from postroom.order import Delivery, OrderKind

from .addresses import block_at
from .caseless import Caseless
from .currency import currency_in
from .dates import Found, dates_in
from .noise import recalls
from .numbers import NUMBER, decimal_mark, has_digit, readings
from .phrases import QUOTED_ON
from .references import orders_goods
from .words import sums_up

_MOST_LINES = 400
_CODE = r"(?P<code>(?=[^\s,;]{0,24}\d)[A-ZА-Яa-zа-я0-9][\w/.\-]{0,24})"
# Or letters apart from it: "HP 5520".
_LETTERED = r"(?P<code>(?:(?-i:[A-ZА-Я]{1,4}) )?(?=[^\s,;]{0,24}\d)[A-ZА-Яa-zа-я0-9][\w/.\-]{0,24})"
_MARK = r"(?:\s?(?:№|n°|no\.?|nr\.?|number|num\.?|nummer|#|номер|:|id))*\s{0,3}[:#№]?\s{0,3}"
_FLAGS = re.IGNORECASE
_ORDER_NUMBERS = (
    re.compile(r"(?<![\w-])(?P<code>(?:PO|P\.O\.|ORD|SO|ЗП|ЗК|ПЗ)-[A-ZА-Я0-9/-]*\d[\w/-]*)"),
    re.compile(
        rf"\b(?:(?:local )?purchase order|(?:purchase )?requisition|l?\.?p\.?o\.?|our order"
        rf"|order (?:no|number|nr|ref\w*|id)|req\.? (?:no|number|nr)"
        rf"|(?!rahmen)\w{{0,20}}bestell(?:ung|schein|-?nummer|-?nr)\.?(?:-?nr\.?)?"
        rf"|unsere bestell\w*"
        rf"|(?!rahmen)\w{{0,20}}auftrag(?:snummer"
        rf"|s-?nr)?|заказ\w*|заявк\w+|реквизици\w+|спецификаци\w+|bon de commande|commande|pedido"
        rf"|orden de compra|bestellnummer|наш номер заказа)(?:\s(?:поставщику|покупателя"
        rf"|клиента|на отгрузку|на поставку|на перевозку|from us))?{_MARK}{_CODE}",
        _FLAGS,
    ),
    re.compile(rf"\b(?:заказ|заявк|спецификаци)\w*(?:\s[^\W\d_]+){{1,4}}\s?№\s?{_CODE}", _FLAGS),
    re.compile(
        rf"\b(?:p\.?o\.?|purchase order|(?:po|order|bestell)[\s-]?(?:number|no\.?|nummer|nr\.?))"
        rf"\s(?:is|ist|lautet):?\s{{1,3}}{_LETTERED}",
        _FLAGS,
    ),
    # "Please quote BW-0231 on the paperwork."
    re.compile(
        rf"(?<=\bquote)\s(?:(?:our|the|this|ref(?:erence)?|order|number"
        rf"|no)\.?\s){{0,3}}(?!\d{{1,3}}\s){_CODE}"
        rf"\s(?:on|in|with|when)\s(?:\w+\s){{0,2}}{QUOTED_ON}",
        _FLAGS,
    ),
    # "Job no 2214 on the docket", "Kommission 7-12 auf den Lieferschein"
    re.compile(
        rf"\b(?:job|ref(?:erence)?|kommission)\.?{_MARK}{_CODE}"
        rf"\s(?:to go )?(?:on|auf)\s(?:\w+\s){{0,2}}(?:{QUOTED_ON}|(?:lieferschein|rechnung)\b)",
        _FLAGS,
    ),
    re.compile(rf"\border{_MARK}{_CODE}", _FLAGS),
    re.compile(rf"\bour ref(?:erence)?\b\.?{_MARK}{_CODE}", _FLAGS),
    re.compile(r"^\s*(?:номер|number|nr\.?|nummer)\s*:\s*" + _CODE, _FLAGS),
)
_LABELLED = re.compile(
    rf"\b(?P<label>p\.?o\.?|order|bestell(?:ung|nummer)|auftrag|заказ|заявка|реквизиция)"
    rf"{_MARK}{_CODE}",
    _FLAGS,
)
_INVOICE_NUMBERS = (
    re.compile(
        rf"\b\w{{0,20}}(?:rechnung|gutschrift|korrektur|invoice|facture|avoir"
        rf"|credit note)\b[^\n:]{{0,45}}?"
        rf"(?<=\s)(?:nr|no|n°|number|num|#)\.?\s{{0,3}}:?\s{{0,3}}{_CODE}",
        _FLAGS,
    ),
    re.compile(rf"\b(?:avoir|beleg-?(?:nr|nummer)|facture)\.?{_MARK}{_CODE}", _FLAGS),
    re.compile(
        rf"\b(?:сч[её]т(?:-фактура)?(?: на оплату)?|упд|накладная|акт|invoice|credit note"
        rf"|rechnung(?:s-?(?:nummer|nr))?|gutschrift|facture|factura"
        rf"|rechn\.?)\.?{_MARK}{_CODE}",
        _FLAGS,
    ),
    re.compile(r"^\s*(?:номер|number|nr\.?|nummer)\s*:\s*" + _CODE, _FLAGS),
)
_DATE_LIKE = re.compile(r"\d{1,2}[./-]\d{1,2}(?:[./-]\d{2,4})?|\d{4}-\d{2}-\d{2}")
_UNIT_LIKE = re.compile(r"\d+(?:шт|кг|м|pcs|stk|kg|x|х)\.?", re.IGNORECASE)
_DATE_LABEL = Caseless(
    r"\b(?:от|date|dated|datum|vom|дата|rechnungsdatum|bestelldatum|order date|invoice date"
    r"|du|fecha|belegdatum)\b",
)
_DUE_LABEL = Caseless(
    r"\b(?:zahlbar[^.\n]{0,40}\bbis|überweisen[^.\n]{0,50}\bbis|remit[^.\n]{0,20}\b(?:until|by)"
    r"|bis zum"
    r"|оплатить до|срок оплаты|оплата до|due|pay by|payable by|fällig\w*|zahlbar bis"
    r"|échéance|vencimiento|действителен до)\b",
)
_DELIVERY_DATE = Caseless(
    r"\b(?:(?:дата|срок)\s(?:\w+\s)?(?:поставки|доставки|отгрузки|привоза)|поставить"
    r"|доставить|доставка|поставка|отгрузк\w+|отгрузить|привезти|самовывоз|не позднее"
    r"|deliver\w*|delivery date|required by|needed by|need (?:it|them|this) by|ship date"
    r"|requested date|liefertermin|lieferdatum|lieferung|liefern|anlieferung|livraison"
    r"|entrega|к|до|by|bis|на)\b",
)
_STRONG_DELIVERY = Caseless(
    r"\b(?:(?:дата|срок)\s(?:\w+\s)?(?:поставки|доставки|отгрузки)|delivery date"
    r"|required (?:by|date)|liefertermin|lieferdatum|date de livraison|fecha de entrega"
    r"|requested delivery|поставить|доставить|доставка|отгрузить|отгрузк\w+|deliver\w*"
    r"|anlieferung|lieferung|liefern)\b",
)
_ADDRESS = Caseless(
    r"^\W*(?:адрес (?:доставки|поставки|отгрузки|разгрузки)|место (?:доставки|поставки)"
    r"|доставка по адресу|грузополучатель|куда везти|доставить по адресу|доставка(?: на| в"
    r"| до)?|delivery address|deliver to|ship to|delivery to|delivery site|site"
    r"|lieferadresse|lieferanschrift|lieferung an|lieferort|versandadresse|anlieferung"
    r"|baustelle|adresse de livraison|livrer à"
    r"|dirección de entrega)\s*[:\-–]\s*(?P<address>.{4,200})$"
    r"|\b(?:по адресу|доставить на адрес|доставка на адрес|please deliver to|ship (?:it "
    r"|them )?to|deliver to|liefern sie (?:bitte )?an"
    r"|lieferung (?:bitte )?an)\s?:?\s(?P<inline>(?:[^.\n]|(?:(?<=\bг)|(?<=\bул)|(?<=\bд)|(?<=\bпр)"
    r"|(?<=\bпер)|(?<=\bобл)|(?<=\bкв)|(?<=\bстр)|(?<=\bкорп)|(?<=\bпос)|(?<=str))\.){6,160})",
)
_TOTAL_LABEL = Caseless(
    r"(?:итого|всего)(?: к оплате| с ндс| по (?:заказу|сч[её]ту))?|к оплате|сумма (?:заказа"
    r"|счета|документа)|(?:grand |order |invoice )?total(?: due| amount)?|amount due"
    r"|gesamtbetrag|gesamtsumme|endbetrag|rechnungsbetrag|zahlbetrag|auftragssumme|total ttc"
    r"|net à payer|importe total",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the text around the lines says."""

    number: str = ""
    date: datetime.date | None = None
    due_date: datetime.date | None = None
    total: Decimal | None = None  # what an invoice asks for, behind a word that says so
    currency: str = ""
    delivery: Delivery = Delivery()


def surroundings(
    lines: Sequence[str], kind: OrderKind, language: str = "", written: datetime.date | None = None
) -> Surroundings:
    """What the text around the lines says about the order as a whole."""
    looked = [line[:500] for line in lines[:_MOST_LINES]]
    bill = kind is OrderKind.INVOICE
    dated = [(line, found) for line in looked for found in dates_in(line, language, written)]
    return Surroundings(
        number=_number(_with_next(looked) if bill else looked, kind),
        date=_labelled_date(dated, _DATE_LABEL, _DUE_LABEL, _STRONG_DELIVERY),
        due_date=_labelled_date(dated, _DUE_LABEL)
        or (_due_below(looked, language, written) if bill else None),
        total=_asked(looked) if bill else None,
        currency=_currency(looked),
        delivery=Delivery(address=_address(looked), date=_delivery_date(dated)),
    )


_NUMBER_HEADING = Caseless(
    r"(?:rechnungs?-?(?:nummer|nr)|invoice (?:no|number)|beleg-?nr)\.?:?$",
)
_DUE_HEADING = Caseless(r"\b(?:fälligkeit|due date|échéance|срок оплаты)\b")
_ASKED = (
    re.compile(
        r"\b(?:zahlbetrag|zu zahlen(?:der betrag)?|amount due|due payable|total due|balance due"
        r"|net [àa] payer"
        r"|(?:итого|всего) к оплате|к оплате|rechnungsbetrag|endbetrag|gesamtbetrag|bruttobetrag"
        r"|bruttosumme"
        r"|total ttc|total amount|grand total|invoice total)\b(?P<rest>[^\n]{0,60})$",
        _FLAGS,
    ),
    re.compile(r"^\s*(?:total|итого|gesamt|summe)\b(?P<rest>[^\n]{0,40})$", _FLAGS),
)


def _with_next(lines: Sequence[str]) -> list[str]:
    """Lines; one that only heads a number takes the line below it."""
    return [
        f"{line.strip()} {following.strip()}" if _NUMBER_HEADING.search(line.strip()) else line
        for line, following in zip(lines, [*lines[1:], ""], strict=True)
    ]


def _due_below(
    lines: Sequence[str], language: str, written: datetime.date | None
) -> datetime.date | None:
    """The date under a heading "Fälligkeit", within two rows."""
    for place, line in enumerate(lines):
        if _DUE_HEADING.search(line):
            for below in lines[place + 1 : place + 3]:
                found = dates_in(below, language, written)
                if found:
                    return found[-1].day
    return None


def _asked(lines: Sequence[str]) -> Decimal | None:
    """The amount behind the strongest word that asks for it; the last such line counts."""
    mark = decimal_mark(lines)
    for pattern in _ASKED:
        for line in reversed(lines):
            match = pattern.search(line)
            said = NUMBER.findall(match["rest"]) if match else []
            values = readings(said[-1], mark) if said else ()
            if values and values[0] > 0:
                return values[0]
    return None


def _number(lines: Sequence[str], kind: OrderKind) -> str:
    patterns = _INVOICE_NUMBERS if kind is OrderKind.INVOICE else _ORDER_NUMBERS
    numbered = [line for line in lines if has_digit(line)]
    for pattern in patterns:
        for line in numbered:
            for match in pattern.finditer(line):
                code = match["code"].rstrip(".-/")
                announced = match[0][: match.start("code") - match.start()]
                alone = not line[: match.start()].strip()
                if _is_of_other(line[: match.start("code")], announced):
                    continue
                if _is_number(code, line[match.end() :], announced, alone):
                    return code
    return ""


_OTHER_PAPER = Caseless(
    r"\b(?:договор\w*|контракт\w*|соглашени\w*|тендер\w*|contract|agreement|framework|quot\w+"
    r"|(?:\w+)?vertrag\w*|angebot\w*)\b"
)


def _is_of_other(before: str, announced: str) -> bool:
    """True for the sum of an order ("Всего по заказу 5 000") and the number of its contract."""
    marked = re.search(r"(?i)(?:№|#|\bno|\bnr|number|nummer|номер|n°)\W*$", announced)
    return (marked is None and sums_up(before)) or _OTHER_PAPER.search(announced) is not None


def names_several(lines: Sequence[str]) -> bool:
    """True when the same word announces two different order numbers: "PO 5501 ... PO 5502"."""
    said: dict[str, set[str]] = {}
    for line in lines[:_MOST_LINES]:
        line = line[:500]
        if not has_digit(line) or recalls(line):
            continue
        for match in _LABELLED.finditer(line):
            code = match["code"].rstrip(".-/")
            announced = match[0][: match.start("code") - match.start()]
            alone = not line[: match.start()].strip()
            if _is_number(code, line[match.end() :], announced, alone):
                said.setdefault(match["label"][:3].lower(), set()).add(code.lower())
    return any(len(codes) > 1 for codes in said.values())


def _is_number(code: str, behind: str, announced: str, alone: bool) -> bool:
    """True for what can be an order's number: not a date, a quantity, a year or a day."""
    numbered = re.search(r"(?:№|#)\W*$", announced) and re.fullmatch(r"\d{1,4}/\d{1,4}", code)
    if (_DATE_LIKE.fullmatch(code) and not numbered) or _UNIT_LIKE.fullmatch(code):
        return False
    if announced and announced[-1].isalnum() and not re.search(r"(?i)(?:po|no|nr)$", announced):
        return False  # no gap: "orders2go"
    if orders_goods(announced, code, behind) and (len(code) < 3 or ":" in announced or not alone):
        return False  # "I would like to order: 24 mugs"
    if re.search(r"(?i)(?:№|#|no|nr|number|nummer|номер|n°|:)\W*$", announced):
        return True
    if code.isdigit() and len(code) < 3 and (behind.strip(" .,;:") or not alone):
        return False  # "заказ 5 ..." counts; a title "Заказ 77" is a number
    return not re.match(
        r"\s?(?:шт|кг|м\b|pcs|x\b|х\b|уп|stk|stück|kg|box|кор|boxes|%|€|\$|eur|руб)",
        behind,
        re.IGNORECASE,
    )


def _labelled_date(
    dated: Sequence[tuple[str, Found]], label: Caseless, *unwanted: Caseless
) -> datetime.date | None:
    for line, found in dated:
        before = line[max(0, found.start - 60) : found.start]
        if label.search(before) and not any(other.search(before) for other in unwanted):
            return found.day
    return None


def _delivery_date(dated: Sequence[tuple[str, Found]]) -> datetime.date | None:
    for label in (_STRONG_DELIVERY, _DELIVERY_DATE):
        for line, found in dated:
            before = line[max(0, found.start - 60) : found.start]
            said = label.search(before)
            if (
                said
                and not _DUE_LABEL.search(before)
                and not _DATE_LABEL.search(before[said.end() :])
            ):
                return found.day
    return None


def _address(lines: Sequence[str]) -> str:
    for place, line in enumerate(lines):
        block = block_at(lines, place)
        if block is not None and block.delivery:
            return block.address
        match = _ADDRESS.search(line)
        if match:
            begin, end = match.span("address" if match["address"] else "inline")
            address = line[begin:end].strip(" .,;")
            if len(address) > 5:
                return address
    return ""


def _currency(lines: Sequence[str]) -> str:
    """The one currency named; empty when several are."""
    found = {
        currency
        for line in lines
        if len(line) < 40 or any(map(str.isdigit, line))
        if (currency := currency_in(line))
    }
    return found.pop() if len(found) == 1 else ""


def says_total(line: str) -> bool:
    """True when a line announces the total of the whole document."""
    return bool(_TOTAL_LABEL.search(line))


def amounts_agree(sums: Sequence[Decimal], totals: Sequence[Decimal]) -> bool:
    """True when one of the sums is one of the totals, to the cent or with a usual VAT on top."""
    for one in sums:
        for total in totals:
            slack = max(Decimal("0.05"), abs(total) / 2000)
            if abs(one - total) <= slack:
                return True
    return False
