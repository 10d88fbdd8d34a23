"""Column words: what a table's heading cell means, in Russian, English, German, French, Spanish.

In: the text of one heading cell. Out: a `Heading` (role, unit or currency named in it), or None
when no column of ours is called so. Patterns are tried in order and the first that fits decides,
so the narrow ones stand first ("сумма НДС" before "сумма", "unit price" before "unit").

Limits: words that mean two things ("item", "позиция", "материал") get their likelier role;
table.py looks at the cells below and may change its mind.
"""

import re
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from functools import lru_cache

from .caseless import Caseless
from .currency import currency_in
from .units import Sort, Unit, unit_of


class Role(Enum):
    """What a column holds."""

    POSITION = "position"
    SKU = "sku"  # the seller's number
    BUYER_SKU = "buyer-sku"  # the customer's own number
    ORDER_NUMBER = "order-number"  # of the order that a row belongs to
    GTIN = "gtin"
    DESCRIPTION = "description"
    DETAIL = "detail"  # size, grade, colour: belongs to the description
    ORDERED = "ordered"  # a quantity, said to be the ordered one
    QUANTITY = "quantity"
    UNIT = "unit"
    UNIT_CODE = "unit-code"  # ОКЕИ number
    PACK_SIZE = "pack-size"
    PRICE = "price"
    PRICE_GROSS = "price-gross"  # with VAT, said so
    PRICE_BASE = "price-base"  # how many the price is for
    TOTAL = "total"
    TOTAL_GROSS = "total-gross"
    DISCOUNT = "discount"
    TAX = "tax"  # rate or amount
    CURRENCY = "currency"
    DATE = "date"
    STOCK = "stock"
    OTHER = "other"  # known, of no use: note, brand, weight


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """One column as its heading tells."""

    role: Role
    unit: str = ""  # "Кол-во, шт" -> "шт"
    currency: str = ""  # "Цена, EUR" -> "EUR"


_SEPARATORS = re.compile(r"(?:[^\w%#№+]|_)+")
_CAMEL = re.compile(r"(?<=[a-zа-я])(?=[A-ZА-Я][a-zа-я])")
_NOT_UNITS = frozenset({"позиция", "место", "мест", "position", "лицензия", "license", "услуга"})

# (role, pattern over the squeezed cell: lower case, one space between words).
_PATTERNS: tuple[tuple[Role, re.Pattern[str]], ...] = tuple(
    (role, re.compile(pattern))
    for role, pattern in (
        (
            Role.POSITION,
            r"(?:№|n|no|nr|#|n o|№ ?п ?п|п ?п|№ п п|pos|poz|поз|№ поз|№ позиции|position no|pos nr"
            r"|pos no|lfd nr|lfdnr|ligne|line|line no|line #|ln|номер п п|номер строки|№ строки"
            r"|sl no|sr no|s no|item #|n° ligne|zeile|no d ordre|npp"
            r"|order (?:line|pos|position)(?: (?:no|nr|number|#))?|bestell ?pos(?:ition)?"
            r"|(?:поз|позиция|строка) заказа)",
        ),
        (
            Role.ORDER_NUMBER,
            r"(?:customer )?(?:p ?o|purchas\w* (?:order|document|doc))"
            r"(?: (?:no|nr|number|#|id|ref\w*))?"
            r"|(?:customer )?order (?:id|no|nr|number|ref\w*|#)|(?:document|doc) (?:no|nr|number|#)"
            r"|(?:einkaufs)?beleg ?(?:nr|nummer)|einkaufsbeleg|bestell ?referenz"
            r"|bestellung (?:nr|nummer|referenz)|auftrags? ?(?:nr|nummer)"
            r"|(?:заказ|заявка) (?:№|номер)|(?:№|номер) (?:заказа|заявки|документа)",
        ),
        (
            Role.OTHER,
            r"order (?:date|status)|(?:заказ|заявка) (?:от|дата)|дата (?:заказа|заявки)"
            r"|order created|created at|order (?:week|day|multiple|type|priority|deadline)"
            r"|.*\b(?:(?:lead|delivery) time|lieferzeit)\b.*",
        ),
        (
            Role.OTHER,  # what programs write beside their lines
            r"(?:company|purchasing|plant|tax) (?:code|org\w*|group)|storage loc\w*|lagerort|werk"
            r"|(?:item|document|doc|line|material|product) (?:category|type|group)|positionstyp"
            r"|belegart|buchungskreis|mandant|warengruppe|einkäufergruppe|einkaufsorganisation"
            r"|(?:vendor|supplier|lieferant|kreditor|поставщик|контрагент)(?: name)?"
            r"|(?:external|database) id|(?:g ?l )?account|sachkonto|(?:gegen)?konto|kostenträger"
            r"|bu schlüssel|steuerschlüssel|project|projekt|проект|terms|ship via|incoterms?"
            r"|(?:created|approved) (?:by|on)|организация|подразделение|договор|менеджер",
        ),
        (
            Role.OTHER,
            r".*\b(?:вес|масса|weight|gewicht|poids|объ[её]м|volume|гтд|страна|country"
            r"|origin|статус"
            r"|status|склад|комментари\w*|примечани\w*|замечани\w*|прим|remarks?|comments?|bemerkung\w*"
            r"|notes?|hinweis|anmerkung\w*|notiz\w*"
            r"|производитель|изготовитель|manufacturer|hersteller|сертификат\w*|серия|основание"
            r"|hs code|zolltarif\w*|kostenstelle|cost cent\w+|объект|акциз\w*|фото|image"
            r"|(?:requested|ordered) by|requester|room|department|dept|abteilung|raum|besteller"
            r"|отдел|кабинет|заявитель|заказчик"
            r"|картинка|cancel\w*|storn\w*|отмен\w*|аннулир\w*)\b.*",
        ),
        (
            Role.TAX,
            r".*(?:ставка|сумма|размер|%|rate|amount|betrag|satz|taux) ?(?:ндс|налога?|vat"
            r"|tax|mwst|ust|tva|iva|gst)\b(?!.*(?:с ндс|incl)).*",
        ),
        (
            Role.TAX,
            r"(?:в т ч |в том числе |incl )?(?:btw|ндс|налог|vat|tax|mwst|ust|tva|iva|gst"
            r"|tax(?:es)?|steuer|vat code|[csi]gst)(?: ?(?:%|satz|rate|amount|betrag|руб|eur"
            r"|id|code|in %|сумма|ставка|\d\d?(?: \d)? ?%?))*|% (?:ндс|vat|mwst|ust|tva)|impuestos",
        ),
        (
            Role.DISCOUNT,
            r".*\b(?:скидк\w*|discount|disc|rabatt|nachlass|remise|rem|korting|descuento|dto)\b.*",
        ),
        (
            Role.PRICE_BASE,
            r"(?:(?:je|per|pro|pe) )?(?:pe|je|per|pro|pr ?einh|preis ?einh(?:eit)?"
            r"|preis ?(?:basis|bezug|menge|je|pro|per)"
            r"|basis ?menge|price (?:unit|per|base|basis|for)|base (?:qty|quantity)|unit of price"
            r"|цена за|единица цены|база цены)",
        ),
        (
            Role.PRICE_GROSS,
            r"(?:.*\b(?:цена|price|preis)\b.*(?:с ндс|с налогом|incl\w*|brutto|gross"
            r"|inkl\w*)|prix ttc|pu ttc|bruttopreis|gross price)",
        ),
        (
            Role.TOTAL,
            r"(?:.*\b(?:total|gesamt|ext\w*|line|zeilen|g) (?:price|preis)|(?:price|preis"
            r"|prix|precio) total|prix total ht|gp|g preis)\b.*",
        ),
        (
            Role.PRICE,
            r"each|.*\b(?:preis me|ek|vk|uvp|ekp|vkp|prijs|prezzo|cena|цена|price|preis|einzelpreis"
            r"|stückpreis|stueckpreis"
            r"|e preis|ep"
            r"|prix|precio|p u|pu|unit cost|unit value|unit net|net price|nettopreis"
            r"|стоимость ед\w*|стоимость за ед\w*|cost|rate|тариф|einzel|listenpreis)\b.*",
        ),
        (
            Role.TOTAL_GROSS,
            r"(?:.*\b(?:сумма|стоимость|всего|итого)\b.*(?:с ндс|с налогом|с учетом).*"
            r"|.*\b(?:total|amount)\b.*(?:incl\w*|gross)\b.*|brutto\w*|.*gesamt.*brutto.*"
            r"|.*\bttc|montant ttc|line total inc\w*)",
        ),
        (
            Role.TOTAL,
            r".*\b(?:bedrag|totaal|importo|wartość|сумма|стоимость|всего|итого|amount|total"
            r"|ext|extended|extension|gesamt"
            r"|gesamtpreis|gesamtbetrag|betrag|summe|montant|importe|wert|value|subtotal"
            r"|nettobetrag|nettowert|bruttowert|warenwert|zeilensumme|positionswert|netto|net)\b.*",
        ),
        (
            Role.STOCK,
            r".*\b(?:остат\w*|продаж\w*|sales|verkauf\w*|расход|usage|verbrauch|наличи\w*"
            r"|shipped|on order|в пути|заказано ранее|im zulauf"
            r"|stock(?! (?:code|no|nr|number|id|ref|item)\b)"
            r"|on hand"
            r"|bestand|available|verfügbar|lager\w*"
            r"|отгружено|delivered|geliefert|received|back ?order\w*|резерв|доступно"
            r"|запас|min\w* (?:stock|level|qty)|par level|(?:mindest|melde|soll|ist|rest)bestand"
            r"|reorder (?:point|level)"
            r"|свободно|мин\w* (?:заказ|партия)|moq|min order)\b.*|soll|ist|par",
        ),
        (
            Role.PACK_SIZE,
            r".*\b(?:шт|штук|бут|pcs|stück|stk|st|units?|ед) (?:в |per |pro |in "
            r"|je )?(?:кор\w*|уп\w*|ящ\w*|блок\w*|пал\w*|box|pack|case|ctn|carton|karton|ve"
            r"|kt|vpe|palette|pallet|gebinde)\b.*"
            r"|.*\b(?:qty|quantity|menge|anzahl|stückzahl) (?:per|pro|je) (?:box|pack|case|ctn"
            r"|carton|karton|ve|vpe|palette|pallet|gebinde|bag|roll)\b.*"
            r"|.*\b(?:в упаковке|в коробке|в кор|в уп|кратность|фасовка|упаковка по"
            r"|pack size|case size|packgröße|ve größe|inhalt|packing|упаковка шт)\b.*"
            r"|норма упаковки|шт в ?уп|кол ?во в (?:уп|кор|ящ)\w*",
        ),
        (
            Role.ORDERED,
            r".*\b(?:заказ|заказано|к заказу|ваш заказ|заявка|потребность|требуется|нужно"
            r"|надо|bedarf|bedarfsmenge|benötigt|abruf|abrufmenge|to order|закупить|дозаказ"
            r"|order qty|ordered|order quantity|qty ordered|ordered qty"
            r"|quantity ordered|order|bestellmenge|bestellt|cantidad pedida|qté commandée"
            r"|заказываем|к поставке)\b.*|(?:qty |quantity )?(?:needed|wanted)"
            r"|(?:zu |nach)?bestellen|заказать|купить|докупить|re ?order|to (?:buy|purchase)",
        ),
        (
            Role.ORDERED,
            r"(?:packs?|boxes|cases|cartons?|units|rolls|pieces|bags) (?:req d|reqd|required"
            r"|needed|wanted)",
        ),
        (Role.UNIT_CODE, r".*\b(?:океи|код ед\w*)\b.*"),
        (
            Role.UNIT,
            r"(?!.*\b(?:qty|кол|menge|quantity|количество|кол во)\b).*\b(?:ед ?изм\w*"
            r"|единиц\w*(?: изм\w*)?|еи|ед|unit|uom|u m|um|um|einheit|einh|me|mengeneinheit"
            r"|unité|unidad|bestelleinheit|uom code|order unit|units of measure|ме|изм)\b.*",
        ),
        (
            Role.QUANTITY,
            r".*\b(?:сколько|how many|how much|wieviel|wie viele?|aantal|hoeveelheid"
            r"|quantità|qta|ilość|кол ?во|кол|количество|колич|к во"
            r"|kolvo|qty|qnty|quantity|qté|qte"
            r"|quantité|menge|anzahl|anz|stückzahl|stueckzahl|cantidad|cant|cdad"
            r"|объем поставки|number of|q ty|quant|stück|stk|шт|штук|pcs|units|hours|std"
            r"|стук|hours qty|hrs|tage|days)\b.*",
        ),
        (
            Role.GTIN,
            r".*\b(?:ean|ean13|ean 13|gtin|штрих ?коды?|штрихкод|barcode|bar code|шк"
            r"|upc)\b.*",
        ),
        (
            Role.BUYER_SKU,
            r".*\b(?:наш|our|unsere|unser|customer|buyer|kunden|клиента|покупателя|notre"
            r"|client) ?(?:\w+ )?(?:код|артикул|art\w*|part|sku|item|no|nr|материал|number"
            r"|ref|code|réf\w*)\b.*|kundenartikel\w*|kundenmaterial\w*",
        ),
        (
            Role.SKU,
            r"art|.*\b(?:артикул\w*|арт|код\w*|sku|cat(?:alog(?:ue)?)?(?: ?(?:no|nr|number|#"
            r"|№))?|каталожный|кат|item (?:no|nr|number|code|id|ref|№)|part(?: ?(?:no|nr"
            r"|number|#|code|№))?|p ?n|pn|article (?:no|number|code|№)|art (?:no|nr|n|code"
            r"|№)|artnr|artikel ?(?:nr|nummer|no|code)|artikelnummer|artikelnr"
            r"|bestell ?(?:nr|nummer|code)|заказной (?:код|номер)|material ?(?:nr|nummer|no|number)"
            r"|materialnummer|materialnr|sach ?nr|sachnummer|teile ?(?:nr|nummer)"
            r"|teilenummer|product (?:code|no|number|id|ref)|produkt ?(?:nr|code|nummer)|ref"
            r"|réf|référence|reference|referenz|referencia|mpn|номенклатурный (?:номер|№)|ном №"
            r"|номер (?:детали|по каталогу|изделия|товара)|model|модель|code|nummer"
            r"|item code|stock code|(?:impa|issa)(?: ?(?:no|code|number))?|id товара"
            r"|катал\w* номер|каталог\w*|código|codigo|handle"
            r"|oem)\b.*",
        ),
        (
            Role.DETAIL,
            r".*\b(?:размер\w*|типоразмер|марка|тип|гост|сорт|цвет|характеристик\w*|size"
            r"|color|colour|grade|dimensions?|farbe|größe|groesse|abmessung\w*|taille"
            r"|couleur|material type|specification|spec|вариант|ту|длина|length|толщина|ral"
            r"|класс|диаметр|бренд|brand|marke|фирма)\b.*",
        ),
        (
            Role.DESCRIPTION,
            r".*\b(?:наименован\w*|название|имя|номенклатур\w*|товар\w*|продукц\w*"
            r"|продукт\w*|описание|содержание|материал\w*|издели\w*|предмет|работ\w*"
            r"|услуг\w*|позици\w*|ассортимент|description|desc|item|items|product|products"
            r"|goods|article|designation|bezeichnung|artikelbezeichnung|artikel|beschreibung"
            r"|ware|warenbezeichnung|leistung\w*|produkt\w*|position|désignation|libellé"
            r"|description\w*|descripción|descripcion|concepto|produit|artículo|articulo"
            r"|material|materialbezeichnung|materialkurztext|kurztext|text|name|title"
            r"|particulars|details|service|services|деталь|запчасть|запчасти|оборудование"
            r"|what|was|что|styles?|wines?|weine?|sorte|plants?"
            r"|pflanzen?|drinks?|getränke?|medikament\w*"
            r"|лекарств\w*|werkzeug\w*|инструмент\w*|ingredients?|zutat\w*|rohstoff\w*|dish"
            r"|speise\w*|omschrijving|descrizione|articolo|nazwa|produkty|towar|препарат"
            r"|блюдо|book|titel|название товара|dienstleistung)\b.*",
        ),
        (
            Role.DATE,
            r".*\b(?:дата|срок\w*|date|delivery|deliver|liefertermin|lieferdatum|termin"
            r"|livraison|fecha|entrega|due|необходимо к"
            r"|(?:need|needed|required|wanted) by|period|zeitraum|когда|date\w*"
            r"|liefer\w*|req)\b.*",
        ),
        (Role.CURRENCY, r"(?:валюта|currency|währung|curr|devise|moneda|waers)"),
    )
)
# "14 Tage netto" and "Артикул 4471" are content, "EAN 13" and "MwSt 19 %" are headings.
_WITHOUT_DIGITS = frozenset(
    {Role.QUANTITY, Role.ORDERED, Role.DESCRIPTION, Role.SKU, Role.DATE, Role.TOTAL}
)
# "Материал, характеристика" names the goods, "Характеристика материала" only describes them.
_NAMES_FIRST = re.compile(
    r"(?:материал|наименование|товар|изделие|продукция|item|product|artikel|bezeichnung)\b(?! type)"
)
# "What we need", "Что нужно": the goods, however they are wanted.
_ASKS_WHAT = re.compile(
    r"(?:what|что)(?: (?!.*\b(?:price|qty|quantity|cost|цена|сумма)\b).+)?"
    r"|was (?:wird|wir|brauch\w*|benötigt|bestell\w*|soll|fehlt|gebraucht)\b.*"
)
_BEHIND_ORDER = re.compile(r"\b(?:order|bestellt|per order)\b (\w+)")
_STILL_ORDERED = frozenset(
    "qty qnty quantity quantities amount amt number count volume total units pieces menge here now "
    "please in for this today required requested confirmed".split()
)
# Ordered at another time, or not ordered but advised.
_NOT_THIS_TIME = re.compile(
    r"\b(?:last|previous\w*|prior|past|earlier|already|average|avg|max\w*|min\w*|suggested"
    r"|recommended|history|historical|ytd|to date|per order"
    r"|прошл\w*|предыдущ\w*|последн\w*|ранее|уже|средн\w*|макс\w*|мин\w*|рекоменд\w*"
    r"|letzte\w*|vorherige\w*|vorige\w*|frühere\w*|bisher\w*|bereits|durchschnitt\w*|mindest\w*"
    r"|empfohlen\w*|vorjahr\w*)\b"
)
_SAYS_SOMETHING = re.compile(r"[^\W\d_]|[№#%]")
LONGEST_HEADING = 60  # a heading cell is short; longer text is content


@lru_cache(maxsize=1024)  # a document says the same headings on every page
def heading(cell: str) -> Heading | None:
    """What a heading cell means; None when it is no heading of ours."""
    if not cell or len(cell) > LONGEST_HEADING or not _SAYS_SOMETHING.search(cell):
        return None
    squeezed = _SEPARATORS.sub(" ", _CAMEL.sub(" ", cell).lower().replace("ё", "е")).strip()
    if not squeezed:
        return Heading(role=Role.POSITION) if cell.strip() in ("№", "#") else None
    if squeezed == "art" and "." not in cell:
        return None  # German "Art" is a kind, "Art." an article's number
    if squeezed in ("line", "zeile") and currency_in(cell):
        return Heading(role=Role.TOTAL, currency=currency_in(cell))
    if _ASKS_WHAT.fullmatch(squeezed):
        return Heading(role=Role.DESCRIPTION)
    for role, pattern in _PATTERNS:
        if pattern.fullmatch(squeezed):
            if role is Role.ORDERED and not _orders(squeezed):
                continue
            if role is Role.ORDERED and _NOT_THIS_TIME.search(squeezed):
                role = Role.STOCK
            if role is Role.DETAIL and _NAMES_FIRST.match(squeezed):
                role = Role.DESCRIPTION
            if role is Role.UNIT and currency_in(cell):
                role = Role.PRICE  # "Unit £": what one costs
            if role in _WITHOUT_DIGITS and any(char.isdigit() for char in squeezed):
                return None
            return Heading(role=role, unit=_unit_named(squeezed, role), currency=currency_in(cell))
    return None


def _orders(squeezed: str) -> bool:
    """False for "Order code", "Order week", "Bestellt am": what the order has, not how many."""
    behind = _BEHIND_ORDER.search(squeezed)
    if behind and behind[1] == "unit":
        return False  # what is counted by
    return not behind or behind[1] in _STILL_ORDERED or unit_of(behind[1]) is not None


def _unit_named(squeezed: str, role: Role) -> str:
    """The unit a quantity's heading names ("Кол-во, кг", "Коробок")."""
    if role not in (Role.QUANTITY, Role.ORDERED):
        return ""
    for word in reversed(squeezed.split()):
        if len(squeezed.split()) > 1 and word in ("ед", "units", "unit"):
            continue
        found: Unit | None = unit_of(word)
        if found and word not in _NOT_UNITS and not word.isdigit():
            return word
    return ""


def unit_heading(cell: str) -> Heading | None:
    """A quantity column headed by nothing but a unit: "Кор", "Kartons", "pcs"."""
    squeezed = _SEPARATORS.sub(" ", cell.lower().replace("ё", "е")).strip()
    if squeezed in _NOT_UNITS or squeezed.isdigit() or not unit_of(squeezed):
        return None
    return Heading(role=Role.QUANTITY, unit=cell.strip())


_BASE = re.compile(r"(?i)(?:\bje|\bper|\bpro|\bза|/)\s?(?P<base>10{1,4})\b")


def price_base(heading_text: str) -> Decimal:
    """How many a price column's price is for: "Preis je 100"."""
    match = _BASE.search(heading_text)
    return Decimal(match["base"]) if match else Decimal(1)


_PRICE_WORD = Caseless(r"price|preis|цен|prix|precio")


def says_price(heading_text: str) -> bool:
    """True for a heading that speaks of a price, whatever its column holds."""
    return _PRICE_WORD.search(heading_text) is not None


_PER = re.compile(r"(?i)(?:\bper|\bза|\bje|\bpro|/)\s?(?:1\s)?(?P<unit>[^\W\d_]{1,12})")


def counts_pieces(heading_text: str) -> bool:
    """True for "Total units", "Всего шт.": a sum of pieces, not of money."""
    words = _WORD.findall(heading_text.lower())
    found = [unit for word in words if (unit := unit_of(word)) is not None]
    return any(unit.sort is Sort.COUNT for unit in found) and not currency_in(heading_text)


def priced_otherwise(price_heading: str, unit: str) -> tuple[str, ...]:
    """A price per case beside a quantity in pieces: neither is wrong, together they are."""
    match = _PER.search(price_heading)
    said = unit_of(match["unit"]) if match else None
    counted = unit_of(unit) if unit else None
    if said is not None and counted is None and not unit:  # by the case, but cases of what?
        return ("price-per-other-unit",) if said.sort is Sort.PACK else ()
    if said is None or counted is None or not said.code or said.code == counted.code:
        return ()
    pieces = {"H87", "EA", "C62"}
    return () if {said.code, counted.code} <= pieces else ("price-per-other-unit",)


# A row whose words are all of these sums up, it orders nothing.
_SUMMING = frozenset(
    "итого всего total totals grand sub subtotal sum summe gesamt gesamtsumme gesamtbetrag "
    "zwischensumme nettosumme netto brutto nettobetrag bruttobetrag endbetrag rechnungsbetrag "
    "zahlbetrag net gross amount due payable order invoice balance vat tax mwst ust umsatzsteuer "
    "mehrwertsteuer incl inkl excl exkl zzgl zzgl. including excluding of the ндс налог "
    "без с в т ч том ohne exklusive inklusive "
    "числе к оплате по заказу заказа документу сумма счету счета за заявке заявки montant "
    "ht ttc tva "
    "sous général net à payer importe suma iva base imponible document value nett "
    "warenwert gesamtwert "
    "gesamtnettowert nettowert übertrag перенос carried forward brought "
    "auftragswert auftragssumme bestellwert bestellsumme eur usd gbp chf pln rub руб "
    "рублей euro ekr "
    "und and tax "
    "goods untaxed taxable ex inc plus steuer betrag igst cgst sgst untotal payment paid totaal "
    "factuur facture fattura rechnung счет счёт price cost tout compris subt goods% lines "
    "positions позиций наименований единиц items "
    "positionen artikel quantity qty кол-во количество мест вес ставка ставке rate at paye".split()
)
_SUMMING_START = Caseless(
    r"\s*(?:итого\b|всего\b|в том числе ндс|в т\. ?ч\. ?ндс|сумма ндс|sub-?total|grand total"
    r"|total\s*:"
    r"|zwischensumme|gesamtsumme|gesamtbetrag|summe\b|sous-total|total (?:ht|ttc|incl|excl|net|due)"
    r"|(?:zzgl\.? |inkl\.? |incl\.? |\+ ?)?\d{0,2}[.,]?\d{0,2} ?%? ?(?:mwst|ust|vat|tva|ндс)\b)",
)
_WORD = re.compile(r"[^\W\d_]+", re.UNICODE)
_STRONG_SUMMING = frozenset(
    "итого всего total totals subtotal sum summe gesamt gesamtsumme gesamtbetrag zwischensumme "
    "nettosumme nettobetrag bruttobetrag endbetrag rechnungsbetrag zahlbetrag vat mwst ust ндс tva "
    "iva tax steuer umsatzsteuer mehrwertsteuer amount netto brutto balance montant "
    "importe warenwert "
    "gesamtnettowert nettowert übertrag forward "
    "gesamtwert auftragswert auftragssumme bestellwert bestellsumme igst cgst sgst сумма net "
    "gross".split()
)


@lru_cache(maxsize=64)  # a table says the same unit in every row
def sums_up(text: str) -> bool:
    """True for the label of a totals or VAT row."""
    if _SUMMING_START.match(text):
        return True
    words = _WORD.findall(text.lower().replace("ё", "е"))
    return (
        0 < len(words) <= 8 and not _STRONG_SUMMING.isdisjoint(words) and _SUMMING.issuperset(words)
    )


_CHARGE = re.compile(
    r"(?i)\W*(?:versand\w*|porto|fracht\w*|lieferkosten|liefergebühr|verpackung(?:skosten)?"
    r"|bearbeitungsgebühr|mindermengenzuschlag|shipping(?: and handling)?|delivery(?: charge"
    r"| cost| fee)?"
    r"|postage|carriage|freight|handling|packing|discount|gutschein|rabatt|coupon|voucher|доставка"
    r"|транспортные (?:расходы|услуги)|стоимость доставки|упаковка|скидка|livraison|frais de port"
    r"|port|remise|envío|gastos de envío|descuento)\b[\s\w()%]{0,30}[:.]?\s*"
)


def is_charge(text: str) -> bool:
    """True for a row that charges for bringing the goods, or takes something off."""
    return _CHARGE.fullmatch(text) is not None


_TAX_LABEL = re.compile(r"(?i)\b(?:ндс|vat|mwst|ust|umsatzsteuer|mehrwertsteuer|tva|iva|tax|gst)\b")
_NOT_TAX_ALONE = re.compile(
    r"(?i)\b(?:с ндс|без ндс|включая ндс|incl|excl|inkl|ex|inc|exkl|ht|ttc|включая|gesamt\w*"
    r"|total|всего|"
    r"итого|grand|including)\b"
)


def is_tax_label(text: str) -> bool:
    """True for the label of a VAT amount alone ("в т.ч. НДС 20 %", "zzgl. 19 % MwSt")."""
    if re.match(
        r"(?i)\s*(?:итого|всего|total|gesamt|summe)\b(?!\s+(?:ндс|vat|tax|mwst|taxes))", text
    ):
        return False
    if re.search(r"(?i)в\s*т\.?\s*ч\.?|в том числе|сумма ндс|zzgl|davon|thereof", text):
        return bool(_TAX_LABEL.search(text))
    return bool(_TAX_LABEL.search(text)) and not _NOT_TAX_ALONE.search(text)
