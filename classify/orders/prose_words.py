"""Words and patterns by which prose.py cuts sentences; five languages.

Lead words may stand before a quantity ("please send us 5"), stop nouns behind a number say that it
orders nothing ("5 days"), tails end a description ("... by Friday"). All patterns are linear.
"""

import re

from .caseless import Caseless
from .multiplied import TIMES

BOUNDARY = Caseless(
    r";|,(?!\d)|,(?=\d+ ?[xх×] )|(?<!\d),(?=\d)"
    r"|\s(?:'?n'?|u\.?)\s(?=\d)|(?<=[^\W\d_]{3})/(?=\d{1,3}\s[^\W\d_]{3})"
    r"|\s/\s|(?<!hundred)(?<!thousand)(?<!hundert)(?<!tausend)"
    r"\s(?:и|а также|плюс|да ещё|да еще|and|plus|und|sowie|dazu|außerdem|y|et|&|\+)\s"
    r"|:\s|\n|\s[-–—]\s(?=[^\d\s])",
)
LEAD_WORDS = frozenset(
    """нам мне нужно нужны нужен нужна надо нада требуется требуются необходимо прошу просим вас
    пожалуйста плиз счет счёт на по за еще ещё также тоже и а то тогда добавьте к этому заказ
    заказываем заказать закажите закажи заявка в количестве возьмем берем берём возьмём давайте
    дайте пришлите привезите привезти отгрузите выпишите выставите поставьте поставить поставку
    отправьте
    отгрузить поставить выставить отправить доставить подготовить отпустить изготовить продать
    отгрузке отгрузку поставке поставку
    собрать выписать зарезервировать оформить принять прислать
    сегодня завтра срочно будет итого оставьте доставьте вышлите из наличия со склада для нас хотим
    хотели бы купить приобрести хочу ваш наш от у теперь
    we us i me d ll
    please pls need require would like to order want take have get send supply deliver
    ship the a another more also additionally and plus for of our your quote book with new another
    extra can could you kindly find my po provide dispatch next week monday tuesday wednesday
    thursday friday saturday sunday mon tue wed thu fri sat sun tomorrow today then so ok in
    wir ich sie uns mir bitte noch brauchen brauche benötigen benötige bestellen bestelle möchten
    möchte nehmen nehme liefern schicken senden über auftrag bestellung dann dazu zusätzlich die das
    den der für morgen heute hiermit gerne gern folgende folgendes von vom titel montag dienstag
    mittwoch donnerstag freitag mo di mi do fr sa ab sofort gut davon je außerdem auch einmal ordern
    hätten hätte mal schick schickt bring bringt bringen lass gib nimm
    wieder erneut nochmal nochmals und again снова опять вновь sowie
    am um montag dienstag mittwoch donnerstag freitag samstag sonntag понедельник вторник среду
    четверг пятницу субботу drop bring grab sort
    put pop stick list catalogue catalog offer
    nous il faut voudrions souhaitons souhaiterions aimerions besoin avons merci passer
    commander commandons veuillez livrer envoyer de du des nos necesitamos
    queremos quisiéramos quiero pedir encargar necesito deseamos
    pedimos favor enviar por el la los las un""".split()
)
STOP_NOUNS = Caseless(
    r"\s*(?:[-–—]?\s?(?:го|х|й|ти|ой|ый|th|st|nd|rd)\b|рабочих|раб\.|дн|дней|день|дня|недел|месяц"
    r"|мес\b|час|утра|вечера|минут|лет\b|год|этаж|числ|позици|раз\b|раза\b|процент|точк|вариант"
    r"|человек|чел\b|заказ|счет|счёт|договор|янв|фев|мар(?:та)?\b|апр|мая\b|июн|июл|авг|сен"
    r"|окт|ноя|дек"
    r"|days?\b|weeks?\b|months?\b|hours?\b|years?\b|working|business|o'?clock|am\b|pm\b|minutes?"
    r"|mins?\b|people|floor|times\b|positions?|lines?\b|orders?\b|options?|quotes?\b|invoices?\b"
    r"|percent|january|february|march|april|june|july|august|september|october|november|december"
    r"|tage\b|tagen|wochen?\b|monaten?|stunden|uhr|jahren?|positionen|bestellungen|mal\b|prozent"
    r"|werktage|arbeitstage|januar|februar|märz|mai\b|juni|juli|oktober|dezember|of each|each of"
    r"|of (?:the|them|these|those|our|your)|from (?:them|these)|нам|вам|из (?:них|этих|тех)"
    r"|und\b|and\b|или\b|or\b|oder\b"
    r"|to\b|bis\b|до\b|only\b|more is)",
)
# What ends a description: when, where, how, from which offer.
TAIL = Caseless(
    r"\s(?:на (?:завтра|сегодня|понедельник|вторник|среду|четверг|пятницу|субботу|неделе"
    r"|следующ\w+|объект"
    r"|склад|адрес|тот же|прежн\w+|условиях|январ\w+|феврал\w+|март|апрел\w+|июн\w+|июл\w+|август"
    r"|сентябр\w+|октябр\w+|ноябр\w+|декабр\w+)|к (?:понедельнику|вторнику|среде|четвергу"
    r"|пятнице|субботе"
    r"|концу|\d)|до (?:понедельника|вторника|среды|четверга|пятницы|конца|завтра|\d)"
    r"|по (?:вашему|прайсу"
    r"|кп|старой|прежней|договору|той же)|согласно|как (?:обычно|всегда|в прошлый|договаривались)"
    r"|с доставкой|с отгрузкой|самовывоз\w*|срок\w*|доставк\w+|и (?:выставите|пришлите|отправьте)"
    r"|(?:for|by|on|before|until|next) (?:next |this |the )?(?:monday|tuesday|wednesday|thursday"
    r"|friday|saturday|sunday|tomorrow|today|delivery|week\b|end of|\d{1,2}(?:st|nd|rd|th)|site"
    r"|our (?:site|warehouse|customer))|from your (?:offer|quote|catalogue|list|stock)"
    r"|(?:here|there|with us|ready) (?:by|before|on)"
    r"|at (?:the |your )?(?:agreed|quoted|usual|current|contract)(?! [\d€$£])"
    r"|as per (?:your|the|our)|per your|as (?:last|usual|before|quoted|discussed)|same as"
    r"|to (?:our|the|site|be delivered)|asap|urgently|please|delivered|with (?:the next|delivery)"
    r"|(?:bis|auf|am|zum|ab) (?:nächste\w*|kommende\w*|montag|dienstag|mittwoch|donnerstag|freitag"
    r"|samstag|morgen|heute|ende|anfang|\d|kw)|an (?:die|unsere?n?|das|den) |spätestens"
    r"|schnellstmöglich|laut (?:ihrem|angebot|ihrer)|aus ihrem|gemäß"
    r"|wie (?:immer|letztes|gehabt|besprochen|angeboten|üblich)|frei haus"
    r"|per (?:express|spedition|post)|zur? (?:lieferung|abholung)|nach\b|zu ihren|bitte\b|rüber"
    r"|zu liefern|(?:nach|mit)liefern|bereitstellen"
    r"|zurücklegen|zuschicken|zusenden|bestellen|liefern|schicken|senden|kommen|haben"
    r"|mit dem nächsten|pour (?:lundi|mardi|mercredi|jeudi|vendredi|le|demain)|para el"
    r"|s'il vous)\b",
)
# What can only describe the thing before it.
DETAIL = Caseless(
    r"\W*(?:длин\w+|ширин\w+|высот\w+|толщин\w+|цвет\w*|размер\w*|марк\w+|сорт\w*|гост\b|фракци\w+"
    r"|length\w*|width|height|colou?rs?|sizes?|grade|länge|breite|höhe|farbe|größe|stärke|ral\b"
    r"|motiv\b|muster\b|dekor\b|pattern\b|motif\b|рисунок\b)"
    r"|\W*\d{1,3}(?:[.,]\d)?\s?%\s(?!(?:rabatt|skonto|nachlass|mehr|weniger|davon|off|discount|more|less"
    r"|of|скидк\w*|больше|меньше|от)\b)[^\W\d_]{4,}\W*$"
    r"|\W*\d{1,4}(?:[.,]\d{1,2})?\s?(?:mm|cm|мм|см)\b\W*$"
)
POLITE = Caseless(
    r"^\W*(?:пожалуйста|плиз|спасибо|заранее.*|please|pls|thanks?|thank you|thx|danke|bitte"
    r"|если можно|срочно|завтра|сегодня|today"
    r"|tomorrow|merci|gracias|по возможности|как обычно|как всегда|as usual|urgent\w*|asap"
    r"|доставка.*"
    r"|самовывоз.*|оплат\w+.*|счет.*|счёт.*|срок.*|lieferung.*|delivery.*|price.*|цена.*"
    r"|lg.*|vg.*|gruß.*)?\W*$",
)
POLITE_END = Caseless(
    r"(?<![\s,])[\s,]+(?:please|pls|plz|bitte(?: (?:liefern|senden|schicken))?|пожалуйста|плиз"
    r"|thanks?|danke|спасибо)\W*$"
)
# Where goods are to be brought, in a sentence that orders them.
TO_ADDRESS = re.compile(
    r"\s(?:(?:по (?:следующему )?адресу|на (?:следующий )?адрес"
    r"|на (?:ул\.|улицу|пр\.|проспект|шоссе)|(?:to|at) (?:the )?(?:following )?address|to:"
    r"|an (?:die |folgende )?(?:Adresse|Anschrift))(?!\w)|(?:to|at) (?=\d+[a-z]?,? [A-Z]))"
)
# Wanted beside the goods, and none of them.
PAPERS = Caseless(
    r"\W*(?:(?:the|an?|your|die|eine|den|einen) )?(?:invoice|bill\b|certificate|delivery note"
    r"|data ?sheet|price|quot|rechnung|lieferschein|zertifikat|angebot|сч[её]т|накладн|сертификат"
    r"|документ|упд\b|паспорт|цен[ауы]\b|доверенност|доставк)"
)
RETURNS = Caseless(
    r"\b(?:empties|leergut|leere\w* (?:kisten|fässer|gebinde|paletten)|pfand\w*|retouren?|returns?"
    r"|to (?:collect|return|pick up)|zurück(?:nehmen|geben|holen)|abzuholen|mitnehmen|возврат\w*"
    r"|забрать|заберите|вернуть|порожн\w+|пуст\w+ (?:тар|кег|бутыл|баллон|поддон)\w*)\b",
)
ABBREVIATED = Caseless(
    r"(?:^|[\s\d(]|(?<=[\w-])(?=(?:str|nr)$))(?:шт|уп|упак|кор|рул|пач|компл|арт|ст|тыс|кг|г|л|м|т|мм|см|оц|прим|ул|д"
    r"|им|др|руб|р"
    r"|ca|z|b|kl|abm|dim|ausf|inkl|stk|st|pkg|kg|nr|no|art|pos|approx|qty|pcs|pc|incl|max|min|mr|mrs|dr|ltr|pal|dia"
    r"|gr|vgl|bzw|ggf|evtl|u|fa|hr|fr|str|tel|mod|доп|техн|мин|макс|см|п|сп|чел"
    r"|fl|pkt|krt|kan|ds|dos|gl|bd|rl|sck|beut|btl|pck|bl|ktn|ctn|фл|бут|кан|бан|меш|ящ|вед|пал"
    r"|бух|пос|дер|обл|корп|кв|наб|пер|просп|пл|мкр)$",
)
# What begins a sentence and no name of goods: a unit with a dot before it did end one.
STARTS = re.compile(
    r"(?:Auf|Bitte|Wir|Ich|Die|Der|Das|Den|Für|An|Am|Im|In|Bei|Nach|Zur?|Zum|Lieferung|Versand"
    r"|Danke"
    r"|Bezahl(?:e|en|ung)|Zahl(?:e|en|ung)|Vielen|Falls|Wenn|Sollte|Es|Außerdem|Ausserdem|Alles"
    r"|Rechnung|Abholung|Sie|Können|Könnten"
    r"|Mit"
    r"|Please|We|I|The|This|These|Deliver|Delivery|Thanks|Thank|Can|Could|Also|Our|My|If|Is|Are|It"
    r"|They|And|Any|Let|Do|Just|Will|Would|Many|Kind|Best|Regards|Collection|Invoice|To|For)\b"
)
# "am 12. Juni": the dot behind a day ends no sentence.
MONTH = re.compile(
    r"(?:Jan(?:uar)?|Jän(?:ner)?|Feb(?:ruar)?|März|Apr(?:il)?|Mai|Juni?|Juli?|Aug(?:ust)?"
    r"|Sept?(?:ember)?|Okt(?:ober)?|Nov(?:ember)?|Dez(?:ember)?)\b"
)
# "Korken 1. Wahl", "im 3. Stock": nor does one behind a grade or a floor.
GRADED = re.compile(
    r"(?:Wahl|Klasse|Qualität|Sorte|Güte|Stock|Stockwerk|Etage|OG|UG|Obergeschoss|Untergeschoss"
    r"|Generation|Platz)\b"
)
SENTENCE_END = re.compile(
    r"[.!?…]+\s+(?=[A-ZА-ЯЁÄÖÜ\d(\"«]|(?:danke|спасибо|thanks|thx|merci|gracias|lg|vg|cheers|ta\b"
    r"|заранее|счет|счёт|оплата|доставка|отправляйте|привезите)\b)"
)
# "Please send for the kitchen 3 mops", but a number behind "the machine" is that one's.
FOR_WHOM = Caseless(
    r"\b(?:für (?:die|den|das|unser\w{0,2})|for (?:the|our)|для (?:наш\w{2,3}|сво\w{2,3}))\s"
    r"(?!\w*(?:maschine|anlage|charge|linie|gerät|auftrag|projekt|kunde|wohnung|station|zimmer|raum"
    r"|gruppe|klasse|machine|line|unit|job|order|project|room|site|batch|store|class|ward|flat"
    r"|станк|лини|цех|объект|заказ|класс|групп|участ|партии))[^\W\d_]+\s$"
)
# "2 x Ball, 350 g leicht": how long or heavy one of them is
MEASURED = re.compile(
    r"\s?\d{1,4}(?:[.,]\d{1,2})? ?(?:g|ml|cm|mm|г|гр|мл|см|мм)\.?"
    r"(?: (?:leicht|light|schwer|heavy|lang|long|breit|wide|hoch|high|tall|tief|deep|dick|thick"
    r"|stark|netto|net|each|pro stück|je stück|л[её]гк\w+|тяж[её]л\w+|нетто|кажд\w+))?\s*(?:$|[,;])"
)
COUNTS_BY_SIGN = re.compile(rf"\s*\d{{1,4}} ?[{TIMES}] .*[^\W\d_]{{3}}")
# Said of a price, part of no name: "zzgl. 19 % MwSt", "plus VAT", "с НДС".
VAT_NOTE = Caseless(
    r"(?<!\s)(?:\s*[(,])?\s*(?<!\w)(?:plus|incl(?:uding|\.)?|excl(?:uding|\.)?|ex|inkl(?:usive|\.)?|zzgl\.?"
    r"|zuzüglich"
    r"|\+|с|без|включая|в т\. ?ч\.)\s?(?:\d{1,2}\s?%\s?)?(?:vat|mwst|ust|ндс"
    r"|tax)\b\.?\s?(?:\d{1,2}\s?%)?\)?",
)
VERB = Caseless(
    r"\s(?:будет|будут|есть|нужн\w+|можно|может|закажем|оплатим|заберем|заберём|приедет"
    r"|приедем|ждем"
    r"|ждём|пришлите|привезите|выставите|if|is|are|will|was|were|would|can|could|has|have"
    r"|which|that"
    r"|i'll|we'll|so\b|because|but|ist|sind|wird|werden|wurde|kann|könn\w+|soll\w*|weil|dass|damit"
    r"|aber|falls|wenn|denn|da wir|но|что|чтобы|если|который|которые|так как|потому)\b"
)
