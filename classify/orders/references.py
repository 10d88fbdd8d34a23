"""Words behind which a number names something: an order, an article, a size, a standard, a place.

In: what stands before a number, the number, what stands behind it. Out: whether it is a name.

Limits: an order's number of up to four digits that goods seem to follow is taken for a quantity.
"""

import re

from .caseless import Caseless

_REFERENCE_BEFORE = Caseless(
    r"(?:№|#|\b(?:no\.?|nr\.?|n°|po|арт(?:икул\w*)?\.?|art(?:ikel"
    r"|icle)?\.?(?:-?nr)?\.?|код(?:ом|а)?|кп|sku|ref\.?"
    r"|gr(?:öße|\.)?|size|размер\w*|р-р|тип\w*|гост|din|iso|иso|ту|dn"
    r"|ду|ру|pn|ral|номер\w*"
    r"|pos(?:ition|\.)?|поз(?:иц\w+|\.)?|п\.|п/п|ver(?:sion|\.)?|v|type|typ"
    r"|model\w*|модел\w+|серия|mark"
    r"|d|ø|∅|кл\.?|marka|марк\w+|кв\.|д\.|оф\.|дом"
    r"|корп\.?|стр\.?|ком\.|каб\.?|доб\.?|week|kw|class"
    r"|класс\w*|grade|items?|line|(?<!we )(?<!to )(?<!i )order|заказ(?:а|у|е"
    r"|ом)?|сч[её]т(?:а|у|е|ом)?|договор\w*|invoice|quote|bestellung|auftrag"
    r"|rechnung|angebot|rahmen(?:vertrag|bestellung|auftrag|abruf|vereinbarung)\w*|vertrag\w*"
    r"|kontrakt\w*"
    r"|contract|agreement|контракт\w*|соглашени\w+|кодом?|кабинет|ворота|gate|tor|bay|room|недел\w+"
    r"|ebc|ibu|sae|awg|shore|grit|körnung|зернистость\w*|p\.?o\.? is|sort|сорт\w*|v\.|рост\w*"
    r"|(?<=\bcost )cent(?:re|er)|account|acct|acc|kostenstelle"
    r"|kommission|proje[ck]t|job|kunden-?(?:nr|nummer)|магазин\w*|филиал\w*|filiale"
    r"|liste|list|katalog|catalog(?:ue)?|каталог\w*|прайс\w*|tower|block|building|site|plot|lot"
    r"|year"
    r"|floor|store|school|berth|pier|quay|jetty|liegeplatz|причал\w*|участ(?:ок|ка|ке)|подъезд\w*"
    r"|werk|halle))[ :.]*$",
)
# "Please order 24 mugs": these words name an order only where no goods follow the number.
_ORDERS = Caseless(r"(?:order|bestellung|auftrag|заказ(?:а|у|е|ом)?)\s?:?\s{0,3}$")
_NOUN = Caseless(
    r"\s(?!(?:vom|from|dated|please|pls|for|with|per|and|has|was|which|that|attached|below|bitte"
    r"|für"
    r"|und|noch|ist|wird|hat|mit|laut|siehe|ещ[её]|добав\w+|прошу|просим|для|или|был\w*|срочн\w+"
    r"|при"
    r"|вложен\w+|согласно|прилаг\w+)\b)[^\W\d_]{3}"
)
_MOST_COUNTED = 4  # digits
# "Kst. 4410" is a cost centre, "Äpfel Kst. 10" are crates.
_COST_CENTRE = Caseless(r"\bkst[ :.]*$")
_LEAST_OF_CENTRE = 3  # digits


def is_referred_to(before: str, number: str, behind: str) -> bool:
    """True when the word that ends `before` says that a name of something follows."""
    if len(number) >= _LEAST_OF_CENTRE and number.isdecimal() and _COST_CENTRE.search(before):
        return True
    last = before.rstrip(" :.").rfind(" ") + 1
    return _REFERENCE_BEFORE.search(before, last) is not None and not orders_goods(
        before, number, behind
    )


def orders_goods(before: str, number: str, behind: str) -> bool:
    """True for the 24 of "please order 24 mugs" and "order: 24 mugs"."""
    return (
        len(number) <= _MOST_COUNTED
        and number.isdecimal()
        and _NOUN.match(behind) is not None
        and _ORDERS.search(before) is not None
    )


# What a number behind these words names is known, and is no quantity.
_REFERS = Caseless(
    r"(?:№|#|\b(?:no|nr|number|[^\W\d_]{0,20}nummer|[^\W\d_]{2,20}nr|номер\w*|ref\w*|po|p\.o|order"
    r"|orders|заказ\w*(?:\s(?:поставщику|покупателя|клиента))?|заявк\w*|реквизици\w*|requisition"
    r"|req|договор\w*"
    r"|контракт\w*|спецификаци\w*|кп|сч[её]т\w*|invoices?|quote|quotation|offer|angebot\w*"
    r"|[^\W\d_]{0,20}bestellung\w*|bestellschein\w*"
    r"|[^\W\d_]{0,20}auftrag\w*|preisliste\w*|price ?list|rechnung\w*|vertrag\w*|projekt|project"
    r"|unit|plot|bay|dock|gate|room|kw|week|wk|приказ\w*"
    r"|ворот\w*|кабинет\w*|store|shop|school|branch|филиал\w*|школ\w+|lager|склад\w*|объект\w*"
    r"|участ\w*|magazin|магазин\w*|filiale|werk|halle|tor|cost|berth|pier|quay|jetty|liegeplatz"
    r"|причал\w*|подъезд\w*"
    r"|cent(?:re|er)|account|acct|konto|kst|kostenstelle|код\w*|code|rv|rahmen\w*|fahrgestell\w*"
    r"|vin|dwg|drawing|rev|прайс\w*|от|vom|dated))"
    r"[\s.:/()-]*(?:(?:is|ist|lautet)\s)?(?:no|nr|№|#)?[\s.:]*$"
)
_REFERENCE = 40  # characters in front of a number that may say what it refers to
# "ETA 17 Nov 2025 1400 LT": a seaman's clock, and no litres.
_CLOCK = Caseless(
    r"\b(?:eta|etd|etb|arriv\w+|sail\w*|depart\w*)\b[^.;!?\n]{0,30}"
    r"\s(?P<hour>(?:[01]\d|2[0-3])[0-5]\d\s?(?:lt|utc|gmt|hrs?|hours|local time))\b"
)
# "no taller than 1.6m": what is said of a pallet, a lorry, a gate.
_AT_MOST = Caseless(
    r"(?:\b(?:no|not) (?:\w{1,8}er|more) than|\b(?:nicht|kein\w*) (?:höher|länger|breiter|schwerer"
    r"|größer)\w* als"
    r"|\bне (?:выше|длиннее|шире|тяжелее|больше)(?: чем)?)\s$"
)
_BEARS = Caseless(
    r"(?:\b(?:\w{0,12}stapler|hubwagen|\w{0,8}kran|\w{0,8}aufzug|\w{0,6}bühne|brücke|rampe|regal\w*)"
    r" (?:hebt|trägt|schafft|packt|hält|kann)(?: (?:nur|bis|max\.?|maximal|höchstens|bis zu))?"
    r"|\b(?:fork ?lift|stacker|pallet truck|crane|hoist|tail ?lift|lift|bridge|ramp|shelf|racking)"
    r" (?:lifts|takes|bears|handles|carries|manages|can (?:lift|take|bear|handle|carry))"
    r"(?: (?:only|up to|just|max\.?))?"
    r"|(?:погрузчик|кран|подъ[её]мник|лифт|рохля|тельфер|мост|стеллаж)"
    r" (?:поднимает|бер[её]т|держит|выдержит|тянет|выдерживает)"
    r"(?: (?:только|до|максимум|макс\.?))?)\s$"
)
# "Our PO is HP 5520": letters in capitals belong to the number.
_NUMBER_IS = re.compile(
    r"(?i:\b(?:p\.?o\.?|order|bestell\w*|auftrag\w*|ref\w*|заказ\w*|заявк\w*)"
    r"(?:\s(?:no|nr|number|nummer|num)\.?)?\s(?:is|ist|lautet)):?\s[A-ZА-Я]{1,4}\s$"
)
# A row's own number and nothing else: "No.1", "Pos. 3".
_ONLY_NUMBERED = Caseless(r"\W*(?:no|nr|pos|поз|№|item|line)[.\s:№#]*\d{1,3}\W*$")
# What tells, in a line that introduces a list, that its figure is ordered after all.
_EACH = Caseless(
    r"\b(?:of|each|ea|every|times|twice|x|set|sets|je|jeweils|mal|von|pro|per|по|кажд\w+|штук|шт"
    r"|раз\w?|из)\b"
)
_YEAR = re.compile(r"20[1-3]\d")
_OF_YEAR = Caseless(
    r"\b(?:the|in|of|year|season|saison|jahr\w*|\w*list\w*|\w*katalog\w*|catalog\w*|год\w*|сезон\w*"
    r"|каталог\w*|прайс\w*|spring|summer|autumn|winter|frühjahr|sommer|herbst)\s$"
)
_IN_PLACE = re.compile(r"(?:\b(?:in|nach|an|aus|bei|to|at|near|from|в|на|из)|,)\s$")
_POSTCODE = re.compile(r"\d{4,6}")


def is_named(before: str) -> bool:
    """True when what stands before a number says of what it is the name: "our PO is", "plot"."""
    last = before[-_REFERENCE:]
    return _REFERS.search(last) is not None or _NUMBER_IS.search(last) is not None


def is_limit(before: str) -> bool:
    """True when a number only says what something may not be, or bears: "no taller than"."""
    return _AT_MOST.search(before[-_REFERENCE:]) is not None or bears(before)


def bears(before: str) -> bool:
    """True when a number says what a lorry or a lift can bear: "our forklift lifts 1.5 t"."""
    return _BEARS.search(before[-_REFERENCE:]) is not None


def is_hour_at_sea(line: str, place: int) -> bool:
    """True when the number at `place` is an hour, however much "1400 LT" looks like litres."""
    clock = _CLOCK.search(line)
    return clock is not None and clock.start("hour") <= place < clock.end("hour")


def only_numbers_row(line: str) -> bool:
    """True for "No.1" on a line of its own."""
    return _ONLY_NUMBERED.match(line) is not None


def introduces_list(line: str, start: int, end: int) -> bool:
    """True for a year, a postcode, a figure in brackets in a line that a list stands below.

    "for the 2025 season:", "for our store in 1230 Wien:", "to the site (Im Buch 11):".
    """
    if not line.rstrip().endswith(":"):
        return False
    before, said, behind = line[:start], line[start:end], line[end:]
    bracket = before.rfind("(")
    if bracket >= 0 and ")" not in before[bracket:] and ")" in behind:
        return not _EACH.search(line[bracket : end + behind.index(")")])
    if _EACH.match(behind.lstrip()):
        return False
    if _YEAR.fullmatch(said) and _OF_YEAR.search(before):
        return True
    named = re.match(r"\s[A-ZÄÖÜА-ЯЁ]", behind) is not None
    return named and bool(_POSTCODE.fullmatch(said) and _IN_PLACE.search(before))
