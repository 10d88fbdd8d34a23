"""Lines of a mail that name no goods: greetings, signatures, phones, banks, addresses, terms.

In: one line of text. Out: True when nothing on it can be an order line. Here a false alarm hides a
line and a miss invents one, so patterns ask for the telling word, not for its shape alone.
"""

import re
from functools import lru_cache

from .caseless import Caseless
from .dates import DAY, HOUR_ENDS, hour_spans
from .numbers import has_digit

_FLAGS = re.IGNORECASE

_CONTACT = Caseless(
    r"\b(?:тел|tel|phone|fon|fax|факс|моб|mob|mobile|handy|cell|whatsapp|ватсап|вотсап"
    r"|telegram|телеграм\w*|viber|e-?mail|почта|www|skype|доб|ext)\b",
)
_WEB = Caseless(r"https?://|\S@\S+\.\S")
_TELEPHONE = re.compile(
    r"(?:\+\s?\d[\d ()-]{8,}|\b[78][ -]?\(\d{3,5}\)"
    r"|\b[78][ -]\d{3}[ -]\d{3}(?:[ -]\d\d){2}\b"
    r"|\(0?\d{2,5}\)[ -]?\d{2,4}[ -]\d{2,4}|\b8[ -]?9\d\d[ -]?\d{3}"
    r"|\b0\d{3,4}[ /-]\d{3,}[ /-]?\d{2,})",
)
_BANK = Caseless(
    r"\b(?:инн|кпп|огрн(?:ип)?|бик|р/с|к/с|р/сч|расч[её]тный сч[её]т|корр?\.? ?сч[её]т|окпо"
    r"|оквэд|iban|bic|swift|blz|kto|konto(?:nummer)?|ust\.?-?id(?:nr)?|ust-idnr|steuernummer"
    r"|st\.?-nr|handelsregister|hrb|hra|vat (?:no|id|reg\w*|number|[a-z]{2}\s?\d+)"
    r"|company (?:no|reg\w*)|registered (?:in|office)|geschäftsführer|amtsgericht|siret"
    r"|siren|n° tva|cif|nif|eori|gln|duns|bank|банк|банке|банком|банковск\w+|реквизит\w*)\b",
)
_ADDRESS = re.compile(
    r"\b(?:(?:ул|просп|пр-т|пр-кт|пер|наб|шоссе|бульвар|б-р|мкр|р-н|обл|г)\.\s?\w|(?:улица"
    r"|проспект|переулок|шоссе|набережная|адрес\w*|юр\. адрес|офис\w?\s?№?\s?\d|этаж|Parkway"
    r"|Industrial Estate|Business Park|[Pp]ostcode|P\.?O\.? Box|rue (?:de|du|des))\b)",
)
_NUMBERED_ADDRESS = re.compile(
    r"(?:\b\d+[a-z]?,? (?:[A-Z][a-z]+ ){1,3}(?:Street|Road|Avenue|Lane|Drive|Way|Close|St|Rd"
    r"|Ave)\b|\b(?:Blvd|Boulevard|Suite|Ste\.?) ?#?\d"
    r"|[a-z],? [A-Z]{2},? \d{5}(?:-\d{4})?\s*$"
    r"|\b\w*(?:straße|strasse|str\.|weg|platz|allee|gasse)\s\d"
    r"|\b\d{5,6},? (?:г\.|[A-ZА-Я][a-zа-я]+)\s*$|^\s*(?:D-|A-|CH-)\d{4,5}\b"
    r"|^\s*\d{5} [A-ZÄÖÜ][a-zäöüß]+(?: [a-zäöüß]+| [A-ZÄÖÜ][a-zäöüß]+)?\s*$"
    r"|\b[A-Z]{1,2}\d[\dA-Z]? \d[A-Z]{2}\b)",
)
_TERM = Caseless(
    r"^\W*(?:(?:purchase |our |your |unsere |ihre )?(?:order|po|bestell\w*|auftrags?|заказ"
    r"|заявка)[\s-]?(?:no|nr|number|nummer|№|ref)\b\.?|(?:срок|дата|адрес|место|условия"
    r"|способ|время|окно|период|желаем\w+ (?:дата"
    r"|срок)|планов\w+ (?:дата|срок)) ?(?:\w+ )?(?:поставк\w*|отгрузк\w*|доставк\w*|оплат\w*"
    r"|при[её]мк\w*|разгрузк\w*|получени\w*|вывоза)"
    r"|доставка|доставить|самовывоз|оплата|оплатим|получатель|грузополучатель|плательщик"
    r"|заказчик|покупатель|поставщик|контакт\w*|контактное лицо|при[её]мка|комментарий"
    r"|основание|договор|контракт|примечание|исполнитель|водитель|объект|вес|масса|автомобиль"
    r"|машина|гарантия"
    r"|интервал|срок\w*|подписант|скидка|предоплата|ндс|в т\.? ?ч\.? ндс|валюта|загрузка"
    r"|выгрузка|разгрузка|погрузка|въезд|режим|часы|груз|товарн\w+|ставка|тара|возвратн\w+|темп"
    r"|deliver(?:y|ed?)?(?: (?:date|address|terms|to|time|by|week|required"
    r"|requested))?|ship(?:ping|ment)?(?: (?:to|via|terms|date|method|by))"
    r"|payment(?: terms)?|terms|incoterms?|contact|site contact|attn|attention|account(?: no"
    r"| number)?|cost cent(?:re|er)|project|job no|job|budget|requisition|buyer|seller"
    r"|supplier|vendor|bill to|invoice (?:to|address)|ref(?:erence)?|your ref|our ref|quote"
    r"|valid until|required by|needed by|due|notes?|re|subject|date|vat|demurrage|freight"
    r"|packing|carrier|vehicle|reg(?:istration)?(?: no)?|vin"
    r"|liefer(?:termin|adresse|datum|anschrift|zeit|bedingung\w*|ung|ort|woche)"
    r"|versand(?:art|adresse)?|zahlung(?:sbedingung\w*|sziel|sart)?|rechnungsadresse"
    r"|rechnung|ansprechpartner|kommission|kostenstelle|projekt|kundennummer|kunden-nr"
    r"|ihr zeichen|unser zeichen|lieferant\w*|baustelle|anlieferung|abladung|termin|laden"
    r"|entladen|fracht|fahrzeug|fahrgestell\w*|ware|leergut|pfand|betreff|datum|hinweis|incoterm"
    r"|skonto|angebot"
    r"|livraison|adresse|paiement|date de livraison|entrega|forma de pago)\b[^:\n]{0,30}(?::"
    r"|\s[-–—]\s)(?!\s*$)",
)
_TERM_SENTENCE = Caseless(
    r"^\W*(?:доставка|доставить|отгрузка|отгрузить|самовывоз|оплата|срок\w*|предоплата"
    r"|deliver(?:y|ies)?|please deliver (?:to|by|on|before|between)|ship to|lieferung"
    r"|(?:shipment|shipping|versand)(?! (?:of|von)\b)"
    r"|liefertermin|anlieferung|zahlung|payment|incoterms|livraison|wir arbeiten|we are open"
    r"|работаем|приём|прием|приемка|приёмка|график|kw|termin)\b",
)
_PAYMENT = Caseless(
    r"^\W*(?:(?:payment|terms)\W+(?:terms\W+)?)?(?:net|netto)\s(?:7|10|14|15|20|21|28|30|45|60|90)"
    r"(?:\s?(?:days|tage))?\s*(?:[,;.]|$)",
)
_GREETING = re.compile(
    r"^\W*(?:здр[ао]?в?ст\w+|добрый (?:день|вечер)|доброе утро|доброго (?:дня"
    r"|времени(?: суток)?)|уважаем\w+|привет\w*|приветствую|коллеги|ребята?|день добрый"
    r"|hello|hi|hey|dear|morning|good (?:morning|afternoon|day)|to whom|sehr geehrte\w*"
    r"|guten (?:tag|morgen|abend)|hallo|moin|liebe[rs]?|grüß gott|servus|bonjour|madame"
    r"|monsieur|hola|estimad\w+|buenos días|buenas)\b[^\d:!,.\n]{0,40}(?:[!,.:)]+"
    r"|$)\s*(?:(?-i:[A-ZА-ЯЁ][\w.-]{1,20}(?: [A-ZА-ЯЁ][\w.-]{1,20}){0,2})[!,.]+\s*)?",
    _FLAGS,
)
_SIGN_OFF = Caseless(
    r"^\W*(?:с уважением|с ув\.?|с наилучшими|с благодарностью|заранее (?:спасибо"
    r"|благодар\w+)|спасибо|благодарю|(?:kind|best|warm|with best)? ?regards|best|cheers"
    r"|sincerely|yours (?:sincerely|faithfully|truly)|thanks?(?: you)?|many thanks|br"
    r"|mit (?:freundlichen|freundlichem|besten|lieben) gr[uü](?:ß|ss)\w*|freundliche grüße"
    r"|viele grüße|liebe grüße|beste grüße|(?:schöne )?grüße|gruß|mfg|lg|vg|danke"
    r"|cordialement|bien cordialement|saludos|un saludo|atentamente|отправлено с|sent from"
    r"|von meinem|gesendet von)\b(?!.{40})",
)
_SIGN_OFF_ENDS = Caseless(
    r"^\W*(?:с уважением|с ув\.|с наилучшими пожеланиями|(?:kind|best|warm) regards"
    r"|regards\W*$|yours (?:sincerely|faithfully)|mit (?:freundlichen|freundlichem"
    r"|besten) gr|freundliche grüße|viele grüße\W*$|beste grüße|mfg\W*$|cordialement"
    r"|atentamente|отправлено с|sent from my|von meinem)",
)
_FORWARDED = Caseless(
    r"^\W*(?:from|to|cc|sent|subject|von|an|gesendet|betreff|datum|от|кому|отправлено|тема"
    r"|дата|копия|de|à|envoyé|objet)\s?:\s",
)
_NUMBER_ALONE = Caseless(
    r"^\W*(?:(?:our |my |unsere? |наш )?(?:lieferant|supplier|vendor|kunde|customer|поставщик"
    r"|клиент"
    r"|account|acct|a/c|cost (?:centre|center|code)|kostenstelle|konto|лицевой счет|лицевой счёт"
    r"|kd\.?|lief\.?|kst\.?|acc\.?)(?:en)?[\s.-]*(?:nr|no"
    r"|nummer|number|№|id)?\W{0,3}\d+\W*$)"
    r"|^\W*abruf\b.{0,20}\b(?:aus|zu)\b.{0,40}$|^\W*(?:(?:our|your|unsere?|ihre?|наш|ваш|po"
    r"|p\.o\.|purchase)\s)?(?:order|po|заказ"
    r"|заявка|bestellung|bestellnummer|auftrag|abruf|commande|pedido"
    r"|ref(?:erence)?)\b[^\d\n]{0,24}\S*\d\S*\W*$",
)
# "Cust: 4471": a label and a number of three digits or more; "Box: 100" names goods.
_LABELLED_NUMBER = Caseless(
    r"^\W*(?:cust(?:omer)?|client|acc(?:oun)?t?|a/c|job|ref(?:erence)?|route|branch|store|dept"
    r"|rep|till|loc(?:ation)?"
    r"|site|agent|vendor|supplier|doc(?:ument)?|seq|page|kd|kunde|konto|filiale|beleg|vorgang"
    r"|seite|клиент|филиал"
    r"|магазин|код|счет|счёт|документ|стр)\b\.?\s?(?:no|nr|number|id|№|#)?\W*[:#№=]\W*\d[\w/-]*\W*$"
)
# The lawyers' words below a mail; "by mistake" alone may speak of goods.
_DISCLAIMER = Caseless(
    r"(?:intended|named|correct) (?:recipients?|addressees?)|confidentiality notice"
    r"|protected health information"
    r"|(?:this|the) (?:e-?mail|message|communication)\b[^.\n]{0,80}\b(?:confidential|privileged)"
    r"|(?:received|got|get|obtained)\b (?:this|the) (?:e-?mail|message)\b[^.\n]{0,60}"
    r"\b(?:error|mistake|mistakenly)"
    r"|nicht (?:der|die) (?:\w+ )?(?:adressat|empfänger)\w*|nicht für sie bestimmt"
    r"|diese (?:e-?mail|nachricht)\b[^.\n]{0,60}\bvertraulich"
    r"|(?:diese|die) (?:e-?mail|nachricht|mail)\b[^.\n]{0,40}\b(?:irrtümlich"
    r"|versehentlich)\w* (?:erhalten|zugesandt)"
    r"|(?:irrtümlich|versehentlich)\w*\b[^.\n]{0,20}\b(?:diese|die) (?:e-?mail|nachricht|mail)\b"
    r"|не являетесь (?:\w+ ){0,2}(?:адресатом|получателем)"
    r"|(?:это|данное|настоящее) (?:\w+ )?(?:письмо|сообщение)\b[^.\n]{0,80}\b(?:по ошибке"
    r"|конфиденциальн\w+)"
    r"|получили (?:это|данное|настоящее|его) (?:\w+ )?(?:письмо|сообщение)?[^.\n]{0,20}по ошибке"
    r"|(?:письмо|сообщение) (?:\w+ ){0,3}(?:конфиденциальн\w+|не предназначено вам)"
)
# "Think before you print": said below any mail, and of no goods where it holds no number.
_SAVES_PAPER = Caseless(
    r"\b(?:(?:before|without|avoid) (?:you )?print(?:ing)? (?:this|the) (?:e-?mail|mail|message)"
    r"|print this e-?mail"
    r"|druck\w* (?:sie |bitte )*diese (?:e-?mail|mail|nachricht)\b[^.\n]{0,12} (?:nur|nicht|erst)\b"
    r"|(?:bevor|ehe|ob) (?:\w+ ){0,3}diese (?:e-?mail|mail|nachricht) (?:\w+ ){0,3}?\w*druck\w*"
    r"|(?:печата\w+|распечат\w+) (?:это|данное) (?:\w+ )?(?:письмо|сообщение))"
)
# Nothing but a telephone's groups of digits, with words behind a stroke or none.
_DIGITS = r"(?:\(?0\d{1,4}\)?(?:[ -]\d{2,4}){2,4}|\(?[2-9]\d{2}\)?[ -]\d{3}-\d{4})"
_ONLY_TELEPHONE = re.compile(rf"\W*{_DIGITS}\W*?(?:\s*$|[|/;](?:\D*$|\W*{_DIGITS}\W*$))")
_TIME = Caseless(
    r"^\W*(?:с |до |к |после |from |until |by |ab |bis |um )?\d{1,2}[:.]\d{2}\b(?!\s?(?:кг"
    r"|kg|шт|м\b|л\b|x|х))",
)
# "Friday before 8, if you can"
_DAY_AND_HOUR = Caseless(
    rf"^\W*(?:on |am |в |во )?{DAY}"
    r" (?:before|by|after|from|until|till|at|around|ab|bis|vor|nach|um|gegen|до|после|к|с)"
    rf" \d{{1,2}}{HOUR_ENDS}"
)
_RULER = re.compile(r"^[\s\-_=*+|~#·.:—–]*$")


@lru_cache(maxsize=256)
def is_noise(line: str) -> bool:
    """True for a line that cannot name goods."""
    if _RULER.match(line) or not any(char.isdigit() or char.isalpha() for char in line):
        return True
    if len(line) > 1000:
        line = line[:1000]
    if not without_greeting(line).strip() or _SIGN_OFF.match(line) or _FORWARDED.match(line):
        return True
    if _NUMBER_ALONE.match(line) or _LABELLED_NUMBER.match(line) or _PAYMENT.match(line):
        return True
    if _TERM.match(line) or _BANK.search(line) or _CONTACT.search(line) or _TIME.match(line):
        return True
    if ("@" in line or "://" in line) and _WEB.search(line):
        return True
    if has_digit(line) and (_TELEPHONE.search(line) or _NUMBERED_ADDRESS.search(line)):
        return True
    if has_digit(line) and (_only_telephone(line) or _DAY_AND_HOUR.match(line)):
        return True
    if _DISCLAIMER.search(line) or (not has_digit(line) and _SAVES_PAPER.search(line)):
        return True
    return bool(_ADDRESS.search(line)) or bool(_TERM_SENTENCE.match(line) and len(line.split()) > 2)


def is_contact(line: str) -> bool:
    """True for a telephone or an address of mail, which no goods are brought to."""
    return bool(
        _CONTACT.search(line)
        or _WEB.search(line)
        or _TELEPHONE.search(line)
        or _only_telephone(line)
    )


def _only_telephone(line: str) -> bool:
    """True for a telephone's digits alone, or with when it is answered: "open Tue-Sun 7-3"."""
    for start, end in sorted(hour_spans(line), reverse=True):
        line = line[:start] + line[end:]
    return _ONLY_TELEPHONE.match(line) is not None


_RECALLED_WORDS = (
    r"(?:прошл\w+|предыдущ\w+|последн\w+|last|previous|recent|letzte\w*|vorige\w*|jüngste\w*)"
    r"\s(?:\w+\s)?(?:заказ\w*|заявк\w+|партии|партию|поставк\w+|отгрузк\w+|раз|orders?"
    r"|delivery|shipment|batch|time|(?:week|month|year)(?:'s)?|bestellung|lieferung|sendung|ware"
    r"|mal)"
)
_RECALLED = Caseless(_RECALLED_WORDS)
_RECALLS = Caseless(
    r"^\W*(?:\w{2,20},\s)?(?:(?:\w+\s){0,2}(?:спасибо|благодар\w+|thanks?|thank you|danke|dank)"
    r"\b[^.!?\n]{0,60}"
    rf"(?:{_RECALLED_WORDS}|(?:letzten|last|previous|последни\w+|прошлы\w+) \d)"
    r"|(?:the |our |your |die |unsere |наш\w* |ваш\w* |в |по |beim |von (?:der"
    rf"|den) )?"
    rf"{_RECALLED_WORDS}\s[^!?\n]{{0,80}}"
    r"(?:пришл\w+|получил\w+|приехал\w+|доехал\w+|оплачен\w*|arrived|received|was|were"
    r"|angekommen|erhalten|bezahlt|war|waren|are|is|had|ordered|delivered|took|bought|привез\w+"
    r"|взяли|брали"
    r"|заказывал\w+|принят\w*|был\w*|geliefert|bestellt|kam\w*|hatten)\b)",
)
# What lies in stock or came earlier, told before or behind what is ordered.
_STATES = Caseless(
    r"^\W*(?:(?:we|i|there)(?:'ve|'re|'s)?\b[^.!?\n]{0,24}\b(?:still|currently|already|only"
    r"|down to|left with|hold"
    r"|in stock)\b|currently\b|(?:am|auf|im) lager (?:sind|ist|haben|liegen)"
    r"|wir haben\b[^.!?\n]{0,30}\bnoch\b"
    r"|offen (?:sind|ist|bleiben)|(?:на складе|у нас)\b[^.!?\n]{0,30}\b(?:есть|осталось"
    r"|остал[аи]сь|лежит|лежат)"
    r"|осталось|остал[аи]сь|остаток\b"
    r"|(?:the|die|der|das|те|эти)\s(?:\d{1,5}\s)?[^!?\n]{0,40}\b(?:you|arrived|delivered|vom"
    r"|von|geliefert\w*"
    r"|привезли|пришли)\b[^.!?\n]{0,40}\b(?:are|were|is|was|sind|waren|ist|war|спасибо|отлично"
    r"|отличные))\b"
)
_ASKS_FOR_MORE = Caseless(
    r"\b(?:нужн\w+|надо|прошу|просим|закажите|заказываем|пришлите|привезите|отгрузите|ещ[её]|теперь"
    r"|добав\w+|довез\w+|дошл\w+|отправ\w+|достав\w+|вышл\w+|хот(?:им|ел\w*)|хочу|возьм\w+|бер[её]м"
    r"|сейчас|повтор\w+|now|this time|make|should|bring|get|jetzt|diesmal|bedarf|liefer\w+"
    r"|please|pls|need|want|order|send|again|same|more|another|bitte|brauch\w+"
    r"|benötig\w+|bestell\w+|nochmal\w*|wieder|gleiche\w*|weitere"
    r"|leave (?:it|that|this|those|them)|skip)\b",
)


@lru_cache(maxsize=256)  # every step of reading a text asks for the same lines
def recalls(sentence: str) -> bool:
    """True for what came before or is there: "all 40 boxes arrived", "we still have 12 bags"."""
    match = _RECALLS.match(sentence[:400]) or _STATES.match(sentence[:400])
    if match is None or sentence.rstrip().endswith("?"):
        return False
    return not _ASKS_FOR_MORE.search(_RECALLED.sub(" ", sentence))


def without_greeting(line: str) -> str:
    """The line without the greeting it begins with."""
    match = _GREETING.match(line)
    return line[match.end() :] if match else line


def ends_text(line: str) -> bool:
    """True for the line with which a letter closes; what follows is the signature."""
    return bool(_SIGN_OFF_ENDS.match(line)) or line.rstrip() == "--"
