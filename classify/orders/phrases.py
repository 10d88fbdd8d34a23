"""Phrases by which people order, change, cancel, ask or confirm; in five languages.

Only patterns live here, each with a word on what it tells; kind.py weighs them, prose.py looks
for order verbs with them, noise.py tells lines that name no goods. All are linear: no nested
repetition.
"""

from .caseless import Caseless

# The writer orders: verbs and nouns of the act itself.
ORDERS = Caseless(
    r"\b(?:заказ(?:ать|ываем|ываю|али|ал|а|у|ом|ы|ов)?|заявк[аиуе]|за[кя]а?жите?|закажи"
    r"|закажем|закупаем|потребност\w+|спецификаци\w+"
    r"|(?:прошу|просим|просьба|просит|просят)\s+(?:\w+\s+){0,3}(?:отгрузить|поставить|выставить"
    r"|отправить|привезти|доставить|принять|подготовить|приготовить|продать|зарезервировать|собрать"
    r"|выписать|отпустить|изготовить|укомплектовать|прислать|выслать|включить|напечатать)"
    r"|(?:прошу|просим)(?=\s(?:нам\s)?(?:\d|дв(?:а|е|ух|ое|адцать|енадцать)\b|три\b|тридцать"
    r"|четыре\b|пять\b|пять?(?:десят|надцать)|шесть|семь|восемь|девять|десять|сорок\b|сто\b))"
    r"|отгрузите|отгружайте|отправьте|отправляйте|привезите|привезти|доставьте|поставьте|вышлите"
    r"|пришлите|выпишите|выставите|выставьте|оформите|хоте(?:ли|лось) бы (?:\w+\s){0,2}\d"
    r"|хо(?:чу|тим) (?:купить|заказать)"
    r"|везите|оформите|соберите|зарезервируйте|забронируйте|запускайте|печатайте|подключайте"
    r"|размещаем заказ|продлеваем|дозаказ\w*"
    r"|(?:нам|мне|нужен|нужн[оаы]|надо|нада|требуется|требуются|необходим[оаы]?)\b|бер[её]м"
    r"|возьм[её]м|купим|приобрет\w+|на завтра|на (?:понедельник|вторник|среду|четверг"
    r"|пятницу|субботу|следующую неделю)|подтверждаем заказ|оформляйте|оформить заказ"
    r"|purchase orders?|p\.?o\.?[\s-]?(?:no|number|#|\d[\w/-]*)|orders?|ordering"
    r"|(?:please|kindly) (?:send|supply"
    r"|deliver|ship|dispatch|provide|book|arrange|prepare|proceed|process|bring|pack|print|produce"
    r"|make up|put (?:together|up|by)|find (?:our"
    r"|attached|below))"
    r"|(?:can|could|may) i (?:please |also )?(?:get|have|order)"
    r"|pls (?:send|go ahead|supply|ship)|(?:we|i)(?:'d| would)? (?:need|require"
    r"|like to (?:order|buy|have)|like \d+|want|take|order)|can (?:you|we) (?:send|have|get"
    r"|order|drop|bring|supply|deliver|put|do)"
    r"|could (?:you|we) (?:send|have|get|please send)|send us|ship to|on hire|go ahead"
    r"|we'?ll take|drop ship|we need|need (?:\d+x?|for|the following)"
    r"|put (?:me|us) down for|proforma for|on order"
    r"|for (?:tomorrow|monday|tuesday|wednesday"
    r"|thursday|friday|saturday|sunday)"
    r"|\w{0,20}bestell(?:en|e|ung|ungen|t|ten)?|скинь\w* (?:сч[её]т|накладную)|hiermit bestelle\w*"
    r"|\w{0,20}auftrag|auftragserteilung|beauftrag\w+|(?:um|mit der) lieferung(?: von)?"
    r"|bitte (?:\w+\s+){0,4}(?:liefern|senden|schicken|bestellen"
    r"|abrufen|richten|bereitstellen|zurücklegen|einpacken|drucken|erfassen|zusenden|einplanen"
    r"|produzieren|fertigen|anfertigen|herstellen|herrichten|vorbereiten|zusammenstellen"
    r"|kommissionieren|mitbringen)"
    r"|(?:unser|mein|folgende[nr]?|nachfolgende[nr]?) (?:\w+ )?bedarf"
    r"|bitte (?:(?:uns|mir|noch|auch|morgen|heute|am|[^\W\d_]{3,8}tag|mittwoch) ){0,4}"
    r"bringen:?(?=\s\d)"
    r"|(?:wir|ich) nehmen?(?=\s(?:\d|zwei|drei|vier|fünf|zehn)(?![^!?]{0,200}\bzurück\b))"
    r"|liefern sie|kaufen wir|wir kaufen|brauche[n]?|brauch|benötige[n]?|nehmen wir|nehme"
    r"|(?:wir|ich) bräuchten?|hätten? (?:wir |ich )?gerne?|bestellanforderung|banf"
    r"|materialanforderung|ordern|abrufen"
    r"|abruf|für (?:morgen|heute|übermorgen|nächste woche|(?:mon|diens|donners|frei|sams)tag"
    r"|mittwoch)|bitte (?:noch |auch )?(?:für|\d+x?)|(?:nach|mit)liefern"
    r"|per express|nachbestellung|noch raus"
    r"|commande[rsz]?|commandons|nous souhaitons commander|veuillez (?:nous )?(?:livrer"
    r"|envoyer|expédier)|bon de commande|il nous faut"
    r"|pedido|pedimos|(?:queremos|quisiera|quiero) (?:pedir|encargar)|solicitamos"
    r"|rogamos (?:nos )?(?:envíen|suministren)|necesitamos"
    r"|orden de compra)\b",
)
# "Twenty of these, please": asks, where nothing else is asked.
ASKS_POLITELY = Caseless(
    r"(?m)\b(?:please|pls|plz|bitte|пожалуйста|плиз)[ \t]*(?:[.!:;]+(?=\s|$)|(?:x+[ \t]*)?(?=\n|$))"
    r"|^\W*(?:pls|please|bitte|пожалуйста)[ \t:]+\d"
    # What is wished for stands below: "please leave at the gate for us:".
    r"|\b(?:please|pls|plz|bitte|пожалуйста|прошу|просим|просит|просят)\s(?![^.!?\n]{0,90}"
    r"(?:note|see|find|check|look|confirm|compare|quote|price|stock|return|collect|credit|refund"
    r"|exchange"
    r"|back|offer|beacht|prüf|bestätig|vergleich|abhol|zurück|gutschr|umtausch|tausch|angebot|preis"
    r"|bestand|lager|retour|сообщ|провер|уточн|подтверд|сверит|вернуть|забра|возвр|обмен|списа|цен"
    r"|остат|налич|ознаком))[^.!?\n]{3,90}:[ \t]*(?=\n|$)",
)
# The writer decides, whatever he asked before.
DECIDES = Caseless(
    r"\b(?:выстав(?:ите|ьте|ляйте)|выпишите|печатайте|заказываем|закажите|оформляйте"
    r"|размещаем|бер[её]м|возьм[её]м|отгрузите|отгружайте|привезите|пришлите товар"
    r"|запускайте|подключайте|(?:принять|принимайте) (?:в|к) (?:исполнение|исполнению"
    r"|работу)|направляем (?:вам )?(?:заявку|заказ|спецификацию)|просим (?:отгрузить"
    r"|поставить|выставить)|прошу (?:отгрузить"
    r"|поставить|выставить)"
    r"|please (?:send us \d|supply|deliver|ship|book|proceed|process)|we (?:hereby )?order"
    r"|we(?:'ll| will)? take|go ahead|please accept|purchase order|place (?:an|the"
    r"|our) order"
    r"|bestellen wir|wir bestellen|hiermit bestell\w*|bitte (?:liefern|bestellen|senden"
    r"|schicken|abrufen)|nehmen wir|wir nehmen|commandons|veuillez (?:nous )?livrer"
    r"|pedimos)\b",
)
# The writer cancels.
CANCELS = Caseless(
    r"\b(?:отмен(?:а|ить|ите|яем|яется|е|у|им|ён|ен)\b|аннулир\w+|анн?улировать|снимите (?:с"
    r"|наш|заказ)|отказываемся от"
    r"|cancel(?:led|lation|ling|ing)?|put [\w ]{1,24}on hold|on hold until|storno"
    r"|stornier\w*|annullier\w*|abbestell\w*|hinfällig"
    r"|annul\w+|cancelar|cancelamos|anular)\b",
)
# The writer changes an order given earlier.
CHANGES = Caseless(
    r"\b(?:(?:измен(?:ить|ите|ения|ение|яем|илось)|скорректир\w+"
    r"|корректировк\w+)(?=[^.\n]{0,60}(?:заказ|заявк|сч[её]т|кол-во|количеств|позици))"
    r"|убер(?:ите|ем)|исключите|(?:артикул|позици\w*|поз\.)[^.\n]{0,60}замен(?:ите|ить)"
    r"|замен(?:ите|ить)[^.\n]{0,40}(?:в заказ|в сч[её]т|позици|артикул)|перевыстав\w+|вместо"
    r"|добав(?:ьте"
    r"|ить)(?=[^.\n]{0,40}(?:к|в)\s+(?:заказ|сч[её]т|заявк))"
    r"|(?:к|в)\s+(?:заказ|сч[её]т|заявк)\w*\s[^.\n]{0,40}добав(?:ьте|ить)|дозаказ к"
    r"|перен(?:ос|ести|есите)\s(?:\w+\s)?(?:срок|дат|поставк|отгрузк)\w*|сдвин\w+"
    r"|(?:change|amend|revise|update|modify|reduce|increase"
    r"|adjust)\w*\s(?:\w+\s){0,3}(?:order|po|booking|quantity|qty|delivery)|revised (?:order"
    r"|po|purchase|quantit\w+)|(?:order|po|purchase order|заказ\w*"
    r"|bestellung)\b[^\n]{0,30}\brev(?:ision|ised)?\b|supersedes|(?:replaces"
    r"|overrides)\s(?:\w+('s)?\s){0,4}(?:order|po|mail|e-?mail|list)|amendment|disregard"
    r"|instead of|in place of|order change|change order|change to (?:our )?(?:po|order)"
    r"|replace\w*\s(?:\w+\s){0,3}(?:with|by)|add\b[^\n]{0,80}\bto (?:\S+\s){1,2}(?:order|po"
    r"|delivery)\b"
    r"|please add (?:to|\d+[^.\n]{0,40} to (?:our|the"
    r"|my) (?:order|po))"
    r"|(?:bestell|auftrags)änderung\w*|änder(?:n|ung|ungen|t)\b(?=[^.\n]{0,60}(?:bestellung"
    r"|auftrag|menge|termin|unsere))|geänderte|abgeändert|(?:bestellung"
    r"|auftrag)[^.\n]{0,40}\b(?:ändern|erhöhen|reduzieren|verschieben|ergänzen)"
    r"|erhöhen sie|reduzieren sie|terminverschiebung|verschieben|anstatt|anstelle|statt"
    r"|ersetzt (?:die|unsere|meine|alle)|взамен|заменяет"
    r"|nachträglich"
    r"|modifi(?:er|cation|cación|car)\b(?=[^.\n]{0,40}(?:commande|pedido)))",
)
# A paper that changes an order says so at the beginning of a row, of which order behind it.
CHANGE_TITLE = Caseless(
    r"(?:^|\n)\W{0,3}(?:изменени[ея]|поправк[аи]|корректировка|дополнение"
    r"|(?:order )?(?:change|amendment|revision|correction)s?"
    r"|(?:bestell|auftrags)?(?:änderung|korrektur|nachtrag)(?:en)?)\b[^\n]{0,30}?"
    r"\s(?:к|по|в|to|of|for|zu|zur|zum|der|unserer?)\s[^\n]{0,25}?"
    r"\b(?:заказ\w*|заявк\w+|(?:purchase )?order|po|bestellung|auftrag)\b"
)
# The seller's words: an order of somebody's was accepted. Orders nothing from us.
CONFIRMS = Caseless(
    r"(?:ваш\w* (?:заказ|заявк)\w*\s(?:\S+\s){0,3}(?:принят|подтвержд|оформлен|собран"
    r"|передан|отправлен|получен|готов)"
    r"|подтвержда(?:ем|ю) (?:\w+ ){0,2}ваш\w* (?:заказ|заявк)"
    r"|подтверждени[ея] (?:вашего )?заказа|(?:спасибо|благодарим) (?:вас )?за (?:ваш )?заказ"
    r"|мы получили ваш заказ|заказ(?:\s\S+){0,2} (?:собран|отгружен|доставлен)"
    r"|(?:we|i) (?:hereby )?(?:confirm|acknowledge)\s(?:\w+\s){0,3}your (?:purchase )?order"
    r"|(?:to|hereby|can) confirm (?:\w+ ){0,3}your (?:purchase )?order"
    r"|(?:we|i)(?:'ve| have)? received your (?:purchase )?order(?! (?:form|confirm|acknowledg))"
    r"|order confirmation (?:no|number|#|\w*\d)|thank(?:s| you)[\w ,]{0,30}for (?:your"
    r"|the) (?:purchase |recent )?order"
    r"|your order (?:has been|was|is) (?:received|confirmed|accepted|shipped|placed)"
    r"|we thank you for your (?:purchase )?order|order acknowledge?ment (?:no|number|#"
    r"|\w*\d)"
    r"|auftragsbestätigung (?:nr|no|[\w/-]{0,20}\d)|(?:vielen )?dank für (?:ihren?|deinen?|euren?"
    r"|eure)"
    r" (?:bestellung"
    r"|auftrag)|ihre bestellung (?:ist|wurde|haben wir)"
    r"|bestätigen? (?:(?:wir|ich|ihnen|dir|hiermit|gerne?|dankend|den (?:erhalt|eingang)) ){0,4}"
    r"(?:ihre[rn]?|deine[rn]?|eure[rn]?) (?:bestellung|auftrag)"
    r"|merci (?:pour|de) votre commande|nous confirmons votre commande|gracias por su pedido)",
)
# The seller's words about goods: what he ships, what waits, what is there. They order nothing.
SELLS = Caseless(
    r"\b(?:отгрузим|доставим|привез[её]м"
    r"|осталось(?: (?:в наличии|на складе))?[^\S\n]*:[^\S\n]*(?=\n|$)"
    r"|остатки(?: на складе| товаров?)?[^\S\n]*:[^\S\n]*(?=\n|$)"
    r"|на складе(?: (?:есть|осталось|имеется|ещ[её]))*[^\S\n]*:[^\S\n]*(?=\n|$)"
    r"|в наличии(?: (?:есть|осталось|имеется|ещ[её]))*[^\S\n]*:[^\S\n]*(?=\n|$)"
    r"|we(?:'ll| will| shall) (?:ship|dispatch|despatch)|i(?:'ll| will) (?:ship|dispatch|despatch)"
    r"|we(?:'re| are) (?:shipping|dispatching|despatching)"
    r"|are (?:\w+ )?on back[- ]?order|still on back[- ]?order|currently on back[- ]?order"
    r"|back[- ]?orders? (?:update|list|status|report|notice|notification)"
    r"|we still have\b[^\n:?]{0,30}:[^\S\n]*(?=\n|$)|i still have\b[^\n:?]{0,30}:[^\S\n]*(?=\n|$)"
    r"|still in stock\b[^\n:?]{0,30}:[^\S\n]*(?=\n|$)"
    r"|wir (?:liefern|versenden|verschicken)|werden nachgeliefert|im rückstand"
    r"|wir haben\b[^\n:?]{0,30}\b(?:noch|lager|bestand)\b[^\n:?]{0,30}:[^\S\n]*(?=\n|$)"
    r"|ich habe\b[^\n:?]{0,30}\b(?:noch|lager|bestand)\b[^\n:?]{0,30}:[^\S\n]*(?=\n|$)"
    # A consignment is on its way: what it holds was ordered before.
    r"|(?:sendung|lieferung|bestellung|ware|paket)\s(?:hat|ist|wurde|wird|geht)\s[^.!?\n]{0,50}"
    r"\b(?:verlassen|versendet|versandt|verschickt|übergeben|unterwegs|auf den weg|auf dem weg)"
    r"|(?:orders?|parcels?|shipments?|consignments?|goods|items?)\s[^.!?\n]{0,30}"
    r"\b(?:(?:has|have|was|were)\s(?:now |just |today |been )*"
    r"(?:shipped|dispatched|despatched|handed (?:over )?to)|(?:is|are) on (?:its|their) way)"
    r"|(?:заказ|груз|товар|посылка|партия|отправление)\s[^.!?\n]{0,40}"
    r"\b(?:отгружен[аы]?|отправлен[аоы]?|передан[аоы]? (?:в|перевозчику|курьеру)))(?!\w)"
)
# Where a reference is to be quoted: "on all paperwork".
QUOTED_ON = (
    r"(?:paper ?work|papers|invoic\w+|dockets?|notes?|tickets?|documents?|correspondence|labels?"
    r"|box(?:es)?"
    r"|parcels?|pallets?|cartons?|payments?|deliver(?:y|ies)|remittances?|statements?)\b"
)
# The writer asks before buying.
ENQUIRES = Caseless(
    r"(?:сколько (?:будет )?сто[ия]т|каков[ао] (?:цена|стоимость)|какая цена|по какой цене"
    r"|прошу (?:вас )?(?:сообщить|указать|прислать|направить|выслать) (?:\w+\s)?(?:цен"
    r"|стоимост|коммерч|кп|прайс|наличие|предложени)"
    r"|запрос (?:кп|ткп|цен|коммерческого)|коммерческое предложение|просчита\w+"
    r"|есть ли (?:у вас )?в наличии"
    r"|есть (?:ли )?в наличии\s?\?|в наличии\?|уточните (?:наличие|цен|стоимость)"
    r"|интересует (?:цена|стоимость|наличие)"
    r"|пришлите (?:прайс|кп|цен)|request for quot\w+|rfq|please (?:quote(?! (?:lot|our|the"
    r"|po|order|this|number|ref|batch|all)|[^.?\n]{1,40}\s(?:on|in|with|when|for) (?:\w+ ){0,2}"
    rf"{QUOTED_ON})|send (?:us )?(?:a "
    r"|your )?(?:quote|quotation|price|best))|(?:could|can) (?:you|we) (?:please )?(?:quote"
    r"|get a quote|have a quote|have a price)"
    r"|how much (?:would|is|are|does|do)|what(?:'s| is| are) (?:your|the) (?:best )?(?:price"
    r"|cost|lead)|quotation for|looking for a quote|price and availability|availability of"
    r"|bitte um (?:ein |ihr )?(?:angebot|preis)|angebotsanfrage|preisanfrage|anfrage|(?:ein"
    r"|ihr) angebot (?:über|für|zu)|angebot erstellen|was kostet|was kosten"
    r"|könnten sie (?:mir|uns) (?:ein )?angebot|bieten sie (?:uns )?(?:bitte )?an"
    r"|demande de (?:prix|devis)|un devis|solicitud de (?:presupuesto|cotización)"
    r"|presupuesto para|cotización)",
)
# The writer bills.
BILLS = Caseless(
    r"(?:(?:направля\w+|высыла\w+|отправля\w+|прилага\w+|во вложении|в приложении|вложен\w*"
    r"|прикладыва\w+)\s(?:\w+\s){0,3}(?:сч[её]т(?!чик)|упд|акт\b|сч[её]т-фактур\w+"
    r"|накладн\w+)"
    r"|сч[её]т(?:-фактура| на оплату)? ?(?:№|n|no)\s?\S*\d|(?:просим|прошу) оплатить"
    r"|сч[её]т[ау]? к оплате|задолженност\w+|просрочен\w+|акт сверки|оплат(?:а|или"
    r"|ите) (?:по )?сч[её]т\w*"
    r"|(?:please find|attached|enclosed|here is|here's)\s(?:\w+\s){0,4}(?:invoice"
    r"|credit note|statement)|our invoice|invoice (?:no|number|#|nr|[\w/-]*\d)"
    r"|payment (?:reminder|due|overdue|of invoice)|overdue|amount due|remittance|credit note"
    r"|(?:anbei|beiliegend|im anhang|hiermit)\s(?:\w+\s){0,5}(?:rechnung|gutschrift|mahnung)"
    r"|unsere rechnung|rechnung (?:nr|no|[\w/-]*\d)|rechnungsnummer|zahlungserinnerung|mahnung"
    r"|gutschrift (?:nr|\w*\d)"
    r"|(?:ci-joint|veuillez trouver)\s(?:\w+\s){0,4}facture|facture (?:n|no|[\w/-]*\d)"
    r"|factura (?:n|no|[\w/-]*\d))",
)
# Asking for a bill is ordering.
ASKS_FOR_BILL = Caseless(
    r"\b(?:выстав(?:ите|ьте|ить|ляйте)|выпишите|жд[её]м(?=[^.\n]{0,30}сч[её]т)|пришлите"
    r"|перевыставите|счет на (?:ооо|ип|нас|оплату пришл|тсж))\b[^.\n]{0,30}(?:сч[её]т|сч)?"
    r"|bill (?:to|us)"
    r"|invoice (?:to|us)|rechnung an|rechnung bitte",
)
# An order that points at another one instead of saying what.
AS_BEFORE = Caseless(
    r"\b(?:как (?:в прошл\w+ раз|обычно|всегда|в прошлом|раньше|тогда|и в)"
    r"|то же(?: самое)?,? что|повторите (?:прошлый |последний )?заказ|тот же (?:заказ|набор)"
    r"|аналогичн\w+ (?:прошл|предыдущ)\w+"
    r"|same (?:as|again|order)|as last time|as before|as usual|the usual(?! (?:address|terms"
    r"|place|time|price|delivery|account|way))|repeat (?:the "
    r"|our )?(?:last |previous )?order|wie (?:letztes mal|beim letzten mal|immer|gehabt"
    r"|üblich|zuletzt|gewohnt)|gleiche menge wie|das gleiche wie|dasselbe"
    r"|comme (?:d'habitude|la dernière fois)|como siempre|igual que)\b",
)
# Where and how it is brought, of which "as always" tells nothing new of the goods.
_WAY = (
    r"(?:(?:hinten|vorne|abladen|abstellen|hinstellen|ablegen|(?:\w{0,12}(?:hof|tor|tür|eingang"
    r"|einfahrt|rampe"
    r"|garage|pforte|rezeption|keller|hebebühne|kühlbox|kühlwagen|spedition))(?:es|e|s)?)"
    r"|unload\w*|leave (?:it|them|everything)?|doors?|gates?|entrance|yard|dock|bay|reception"
    r"|tail ?lift"
    r"|hiab|courier|carrier|forwarder|haulier|van|cool ?box\w*|back of"
    r"|разгруз\w+|разгруж\w+|выгру\w+|ворот\w*|вход\w*|двор\w*|проходн\w+|охран\w+|рамп\w+"
    r"|термо(?:сум|бокс|короб|контейнер)\w+|рефрижератор\w*|манипулятор\w*|газел\w+|курьер\w*)\b"
)
_AS_EVER = (
    r"(?:wie (?:immer|gehabt|üblich|zuletzt|gewohnt|(?:beim )?letzte[ns]? mal)"
    r"|(?<!же )как (?:обычно|всегда|раньше|в прошлый раз)"
    r"|(?<!same )as (?:usual|before|always|last time))\b"
)
# Address, delivery and payment as always: that says nothing of the goods.
TERMS_AS_BEFORE = Caseless(
    rf"\b{_AS_EVER}[^.!?;:\d\n]{{0,30}}\b{_WAY}|\b{_WAY}[^.!?;:\d\n]{{0,30}}\s{_AS_EVER}"
    # "Forwarder: same as usual"
    rf"|(?:^|\n)\W*(?:[^\W\d_]+ ){{0,2}}{_WAY}(?: (?:address|terms))?\s?:\s?"
    rf"(?:the )?(?:same as (?:usual|before|always|last time)|{_AS_EVER})\W*(?=\n|$)"
    # "Same as billing": of an address.
    r"|\bsame as (?:the )?(?:billing|invoice|invoicing|shipping|delivery)(?: address)?\b"
    # "Same as always, in by the side door": nothing is named before it that could be the same.
    rf"|(?:^|\n|[.!?]\s+)same as (?:always|usual|last time|before),? (?:in|at|by|to|round|through"
    rf"|via|into)\b"
    rf"[^.!?;:\d\n]{{0,30}}\b{_WAY}"
    r"|\b(?:\w{0,12}(?:adresse|anschrift|lieferung|konditionen|bedingungen|zahlung)|адрес\w*"
    r"|доставк\w+"
    r"|оплат\w+|условия\w*|самовывоз|отгрузк\w+|сч[её]т\w*|versand|abholung|rechnung|shipping"
    r"|delivery|deliver|address|payment|terms|invoice)\b[^.,;\n]{0,20}?"
    r"\s(?:wie (?:immer|gehabt|üblich|zuletzt|gewohnt)|как (?:обычно|всегда|раньше|в прошлый раз)"
    r"|(?<!same )as (?:usual|before|last time)|the usual)\b",
)
# The writer wants an answer before anything is sent. "Can you send 5 boxes?" is no such question.
ASKS_BACK = Caseless(
    r"\b(?:что (?:можете|посоветуете|предложите)|как(?:ие|ой|ая|ое|ого|им)|сколько|поч[её]м"
    r"|когда|есть ли|а если|можно ли"
    r"|what|which|how (?:much|long|soon|many)|when|do you (?:have|offer|do|also|stock)"
    r"|is (?:it|there|this)|are (?:there|these|they)|does|would it"
    r"|bieten sie|(?:zu|bis|ab|in) welche\w*|welche\w*|wie (?:viel|lange|schnell)|wieviel"
    r"|wann|was|ist (?:das|es|der|die)|sind (?:die|das)|gibt es|haben sie"
    r"|quel\w*|combien|quand|cuál\w*|cuánto\w*|cuándo)\b[^.?!\n]{0,140}\?",
)
# An order that was sent before is asked about.
REMINDS = Caseless(
    r"\b(?:reminder|напомина\w+|erinnerung|(?:no|not received|not had|haven't had"
    r"|missing)[^.\n]{0,40}(?:confirmation|acknowledge?ment)"
    r"|(?:confirmation|acknowledge?ment) (?:is )?(?:missing|outstanding|overdue)"
    r"|(?:не получили|нет) подтверждени\w+|noch keine (?:auftragsbestätigung|bestätigung))\b",
)
# Titles of documents.
ORDER_TITLE = Caseless(
    r"\b(?:заказ(?:\s(?:поставщику|покупателя|клиента|на поставку))?|заявка(?:\s\w+){0,3}"
    r"|спецификация|purchase order|order form|sales order|bestellung|bestellschein"
    r"|bestellformular|auftrag|abruf|bon de commande|commande|orden de compra|pedido|po)\b",
)
INVOICE_TITLE = Caseless(
    r"\b(?:сч[её]т(?:-фактура)?(?:\s(?:на оплату|№))|универсальный передаточный документ|упд"
    r"|товарная накладная|акт (?:№|выполненных|об оказании)|(?:tax |proforma "
    r"|commercial )?invoice|credit note|\w{0,20}rechnung(?:s-?(?:nummer|nr|datum|korrektur))?"
    r"|gutschrift|facture"
    r"|factura|avoir|fattura)\b",
)
# Papers that list goods and order none: deliveries, stocks, forecasts, what a seller confirms.
_OTHER_PAPERS = (
    r"(?:delivery|dispatch|despatch|goods received|consignment) note|goods receipt"
    r"|delivery (?:slip|docket|ticket)|pack(?:ing)? (?:list|slip|note)|pick(?:ing)? (?:list|slip)"
    r"|(?:stock|inventory) (?:list|count|report|sheet|take|taking|levels?|status)|inventory"
    r"|stock-?tak(?:e|ing)|(?:\w{1,20} )?forecast|back[- ]?orders? (?:list|report|status|update)"
    r"|(?:sales )?order (?:confirmation|acknowledge?ment)"
    r"|lieferschein|liefernachweis|lieferavis|versandanzeige|pack(?:liste|zettel)|pickliste"
    r"|kommissionier(?:liste|schein)|ladeliste|wareneingangs(?:schein|liste)"
    r"|inventur(?:liste|bogen|erfassung|aufnahme)?|(?:lager)?bestands(?:liste|übersicht|aufnahme)"
    r"|lagerliste|lagerbestand|zählliste|\w{0,12}(?:prognose|vorschau)|rückstandsliste"
    r"|auftragsbestätigung|(?:(?:товарно-)?(?:транспортн|расходн|приходн)\w+ )?накладная|ттн"
    r"|упаковочный лист|лист (?:подбора|комплектации)|инвентаризаци(?:я|онная \w+)"
    r"|(?:складские )?остатки(?: (?:товаров|товара|на складе))?|ведомость остатков"
    r"|прогноз(?: \w{1,20})?|подтверждение заказа"
)
PRICE_LIST = Caseless(
    r"\b(?:price ?lists?|list of prices|preislisten?|прайс(?:[- ]?лист\w*)?|tarif)\b"
)
# As a title: it begins a row or a row's second cell, and nothing follows or a number, a day, what
# it is for. "Please enclose a delivery note" is none.
OTHER_TITLE = Caseless(
    r"(?:^|\n)(?:[^\t\n]{0,60}(?:\t| {2}))?[^\w\n]{0,3}(?P<title>" + _OTHER_PAPERS + r")"
    r"(?=[^\w\n]*(?:$|\n)|\t| {2}|,?\s(?:nr|no|number|num|№|n°|#)[.:\s]|[\s:#№-]*\S*\d"
    r"|\s(?:zu|für|vom|per|for|of|as of|от|к|по|на|за)\s)"
)
OTHER_NAME = Caseless(r"\b(?:" + _OTHER_PAPERS + r")\b")
# What a row beside a document's table says of the document or of its quantities.
PATTERN_ONLY = Caseless(
    r"(?:^|\n)[^\w\n]{0,5}(?:muster(?:formular)?|образец(?: заполнения)?|пример(?: заполнения)?"
    r"|example(?: order)?|specimen|vorlage|beispiel(?:bestellung)?|шаблон)[^\w\n]{0,5}(?=\n|$)"
)
IS_COPY = Caseless(
    r"(?:^|\n)[^\w\n]{0,5}(?:duplicate|duplikat|zweitschrift|дубликат|copy|kopie|копия)"
    r"(?=[^\w\n]{0,5}(?:\n|$)|\s?[-–—:(])"
)
IN_PACKAGES = Caseless(
    r"\b(?:quantit(?:y|ies) [^.\n]{0,20}\bin (?:full )?(?:boxes|packs|packets|cartons|cases|crates"
    r"|pallets|dozens|hundreds|thousands|multiples)|(?:mengen?|stückzahlen?)\b[^.\n]{0,20}\bin "
    r"(?:vollen )?(?:kartons?|packungen|paketen|kisten|paletten|gebinden|ve|vpe|dutzend|hundert"
    r"|tausend|tsd)|количеств\w* [^.\n]{0,20}\bв (?:упаковках|коробках|пачках|ящиках|паллетах"
    r"|тысячах|сотнях|тыс))\b"
)
ONLY_IF = Caseless(
    r"\b(?:only [^.\n]{0,40}\bif|nur [^.\n]{0,40}\b(?:wenn|falls)|только [^.\n]{0,40}\bесли)\b"
)
