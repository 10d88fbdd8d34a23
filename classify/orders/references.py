"""Words behind which a number names something: an order, an article, a size, a standard, a place.

In: what stands before a number, the number, what stands behind it. Out: whether it is a name.

Limits: an order's number of up to four digits that goods seem to follow is taken for a quantity.
"""

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
    r"|rechnung|angebot|rahmen(?:vertrag|bestellung|auftrag|abruf|vereinbarung)\w*|vertrag\w*|kontrakt\w*"
    r"|contract|agreement|контракт\w*|соглашени\w+|кодом?|кабинет|ворота|gate|tor|bay|room|недел\w+"
    r"|sort|сорт\w*|v\.|рост\w*|(?<=\bcost )cent(?:re|er)|account|acct|acc|kostenstelle"
    r"|kommission|proje[ck]t|job|kunden-?(?:nr|nummer)|магазин\w*|филиал\w*|filiale"
    r"|liste|list|katalog|catalog(?:ue)?|каталог\w*|прайс\w*|tower|block|building|site|plot|lot|year"
    r"|floor|store|school|berth|pier|quay|jetty|liegeplatz|причал\w*|участ(?:ок|ка|ке)|подъезд\w*"
    r"|werk|halle))[ :.]*$",
)
# "Please order 24 mugs": these words name an order only where no goods follow the number.
_ORDERS = Caseless(r"(?:order|bestellung|auftrag|заказ(?:а|у|е|ом)?)\s?:?\s{0,3}$")
_NOUN = Caseless(
    r"\s(?!(?:vom|from|dated|please|pls|for|with|per|and|has|was|which|that|attached|below|bitte|für"
    r"|und|noch|ist|wird|hat|mit|laut|siehe|ещ[её]|добав\w+|прошу|просим|для|или|был\w*|срочн\w+|при"
    r"|вложен\w+|согласно|прилаг\w+)\b)[^\W\d_]{3}"
)
_MOST_COUNTED = 4  # digits


def is_referred_to(before: str, number: str, behind: str) -> bool:
    """True when the word that ends `before` says that a name of something follows."""
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
