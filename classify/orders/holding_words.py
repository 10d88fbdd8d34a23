"""Words by which a writer holds his order back, or multiplies it; English, German, Russian.

Only patterns live here, for audit.py: what is written is no order yet ("just reserve them"), waits
for somebody's word or a price ("price first please"), or is wanted more than once ("all of it
twice"). A phrase is one line, or parted from others by a slash; all are linear.

Limits: what speaks of the delivery or of papers ("call beforehand", "awaiting your invoice", "bitte
reservieren und fertig machen") holds nothing back, so the bare words "reserve", "preliminary" and
"twice" are not enough.
"""

from .caseless import Phrases

_THEM = r"(?:them|these|those|this|it|everything|all)"
_SAYS = r"(?:call|ring|phone|confirm|say|pay|approve|sign|hear|decide|tell)"
_AGREED = r"(?:approved|confirmed|agreed|authori[sz]ed|signed(?: off)?)"
_AGREE = r"(?:\w+ )?(?:approve|confirm|agree|authori[sz]e|okay|ok|check|ask|decide)"
_SETTLED = r"(?:approved|confirmed|agreed|authori[sz]ed|advised|decided)"
_APPROVAL = r"(?:approval|sign-?off|sign off|authori[sz]ation|go-?ahead|permission)"
_IS_DUE = r"(?:needed|required|pending|to follow|outstanding|follows|is still|still)"
_PRICES_DE = r"(?:preise?s?|preisinfo|angebot\w*|anbieten|kosten\w*|kalkul\w*|konditionen|muster)"
_NOT_YET_DE = (
    r"(?:bestell|liefer|schick|versend|produzier|beginn|berechn|freigegeb|freigeb|bestätig"
    r"|genehmig|fest|final|sicher|entschied|verbindlich|fix|endgültig|unterschr)\w*"
)
_AGREE_DE = (
    r"(?:genehmig|unterschreib|unterzeichn|freigeb|freigegeb|bestätig|absegn|abnick|abstimm"
    r"|zustimm|entscheid)\w*"
)
_CLEAR_DE = r"(?:klär|absprech|abstimm|überleg|prüf|frag|rückfrag|besprech|entscheid)\w*"
_LATER_DE = r"(?:noch|morgen|später|telefonisch|am|nach|erst|dann|separat|gesondert|nächste|sobald)"
_NOT_YET_RU = (
    r"(?:\w+ )?(?:подпис|утверд|утвержд|согласов|одобр|подтвер|реши|решен|решён|определ"
    r"|заказыва)\w*"
)
_RESERVE_RU = r"(?:\w+ ){0,2}(?:зарезервир|забронир|брониру|резерв|бронь)\w*"
_AGREEING_RU = r"(?:\w+ ){0,2}(?:согласован|утвержден|одобрен|решени|бюджет|тендер)\w*"
_AGREE_RU = r"(?:\w+ )?(?:согласовать|утвердить|одобрить|подписать)"
_BOSS_RU = r"(?:директор|руковод|начальств|начальник|клиент|заказчик|бухгалтер|шеф)\w*"
_OUR_WORD_RU = (
    r"(?:моего|нашего|моей|нашей) (?:\w+ )?(?:звонка|подтверждения|сигнала|отмашки|команды|решения)"
)
_PRICES_RU = r"(?:\w+ ){0,2}(?:цен|стоимост|сч[её]т|прайс|кп)\w*"
# What is written is no order yet.
HOLDS = Phrases(rf"""
not (?:yet )?an? (?:\w+ )?order(?! (?:form|confirm|acknowl)\w*)
no (?:\w+ )?order yet / isn'?t (?:yet )?an? (?:\w+ )?order
not (?:yet )?(?:a )?(?:firm|final|binding|definite|official)
not (?:yet )?(?:been )?(?:approved|authori[sz]ed|signed off)
not (?:quite |yet )?(?:certain|decided)
not sure (?:yet|if we|whether|which|how many|about)
provisional(?:ly)? / tentative(?:ly)? / non-?binding / indicative / ball-?park
preliminary (?:order|list|quantit\w+|numbers|enquiry)
for (?:an? |the |our )?tender(?! (?:no|nr|ref|\S*\d))
for (?:budget(?:ing)?|planning|pricing|estimating|quotation)(?: purposes?)?(?: only)?(?=\W*$)
tendering / just need (?:an? |the )?(?:price|quote|cost)\w*
for information(?: purposes?)?(?: only)?(?=\W*$)
rough (?:idea|price|cost|estimate)
just reserve / only reserve / just hold / only hold
reserve {_THEM}(?! for collection) / reserve (?:stock|for now)
(?<!'ve )put {_THEM}(?: all)? (?:aside|by|on hold) / (?<!'ve )set {_THEM}(?: all)? aside
on hold
hold (?:until|till|off|fire|everything|the order|our order|my order|for now)
please hold(?! (?:at|for (?:collection|pick))) / pls hold(?! (?:at|for (?:collection|pick)))
until (?:i|we) {_SAYS} / till (?:i|we) {_SAYS}
until (?:further notice|you hear|approv\w+|confirm\w+|signed) / till you hear
wait for (?:my|our|approval|confirmation|the (?:go|green|ok|approval|nod))
(?<!can't )wait (?:until|till)
just (?:asking|wondering|looking|an (?:idea|enquiry|inquiry))
don'?t [^.\n]{{0,30}}\byet / do not [^.\n]{{0,30}}\byet
nothing (?:is )?(?:firm|final|confirmed|decided)
haven'?t (?:\w+ )?decided / have not (?:\w+ )?decided / undecided
still (?:deciding|discussing|thinking|considering)
thinking (?:about|of) (?:it|ordering|buying|getting|taking)
letter of intent / intend to (?:order|buy|purchase) / wish ?list
test order / only a test / just a test
unverbindlich\w* / nicht verbindlich / unter vorbehalt / vorläufig(?=\W*$)
vorläufige? (?:bestellung|auftrag|liste|anfrage) / provisorische? (?:bestellung|auftrag)
kein(?:e|en)? (?:\w+ )?(?:bestellung|auftrag)(?! (?:mehr|ohne|unter))
noch nicht\b[^.\n]{{0,20}}\b{_NOT_YET_DE}
noch nichts? (?:\w+ )?(?:liefern|schicken|senden|versenden|buchen|bestellen|auslösen|produzieren)
nur (?:\w+ )?(?:reservier\w*|vormerken|vorgemerkt) / vorerst (?:\w+ )?(?:reservier\w*|vormerken)
erst ?mal (?:\w+ )?(?:reservier\w*|vormerken)
für (?:die |eine |unsere )?(?:ausschreibung|kalkulation|angebotserstellung)
zur (?:ausschreibung|kalkulation|angebotserstellung)
nur (?:zur )?(?:info|information|anfrage|planung) / richtpreis\w* / test-?bestellung
bis auf weiteres / bitte (?:noch |damit )?(?:ab)?warten
warten (?:sie )?(?:bitte )?(?:noch |damit )?(?:bis|auf (?:mein|unser|das ok|grünes)\w*)
bis (?:ich|wir) (?:\w+ ){{0,2}}(?:meld|anruf|bestätig|zusag|freigeb|bescheid|okay)\w*
überleg(?:e|en) (?:es |mir |uns |ich |wir |noch)
придержите / попридержите / придержи
просто (?:\w+ ){{0,2}}(?:посчита|просчита|рассчита|узна|интересу|прикин|спрашива)\w+
просто {_RESERVE_RU} / пока {_RESERVE_RU} / только {_RESERVE_RU}
прикиньте / прикинь / прикинуть / прикинем / прикидываем
заявка предварительная / заказ предварительный
предварительн(?:ый|ая|ое|ые|ой|ую|ого|ому) (?:\w+ )?(?:заказ|заявк|запрос|потребност|список)\w*
предварительн(?:ый|ая|ое|ые|ой|ую|ого|ому) (?:сч[её]т|расч[её]т)\w*
предварительно(?<!\w предварительно)(?=\W*$) / предварительно,
это (?:\w+ )?предварительно / пока (?:\w+ )?предварительно
не (?:является )?(?:тв[её]рд\w+ )?заказ(?:ом)?(?=[\s,.;:!?]*(?:$|а |но )) / не окончательн\w+
для (?:участия в )?тендер\w* / после тендера / под тендер
ещё не {_NOT_YET_RU} / еще не {_NOT_YET_RU} / пока не {_NOT_YET_RU}
не (?:утвержд[её]н|согласован|подписан|одобрен|подтвержд[её]н)[аоы]?
подождите / подождём / подождем / погодите / повремените / притормозите
не (?:спешите|торопитесь) / до {_OUR_WORD_RU} / ждите {_OUR_WORD_RU}
отмашк\w+ / дам добро / дадим добро / подумаем / подумаю / решаем
планируем (?:закуп|заказ|приобр|купить)\w* / тестовый заказ / тестовая заявка
для (?:оценки|сметы|расч[её]та|понимания|ознакомления|информации|справки)(?=\W*$)
""")
# Somebody's word or a price comes first.
DEPENDS = Phrases(rf"""
subject to (?:\w+ )?(?:contract|pric|quot|sign|fund|budget|board|management|client)\w*
subject to (?:\w+ )?(?:director|planning|sight|sample|financ)\w*
prices? (?:first|beforehand|up front) / pricing first / quote first / quotation first
costs? first / samples? first
before (?:i|we) (?:can )?(?:commit|confirm|order|decide|place|go|proceed|sign|buy|approve|agree)
ll (?:\w+ )?(?:re)?confirm / (?<!this )will (?:\w+ )?(?:re)?confirm
(?<!berth )(?<!pier )(?<!gate )(?<!dock )(?<!driver )(?<!vehicle )to be {_SETTLED} / tbc / tba / tbd
has to (?:{_AGREE}|sign(?! in| for)) / have to {_AGREE} / needs? to {_AGREE}
must (?:first |still )?(?:approve|agree|authori[sz]e|sign(?! in| for)|confirm)
let me (?:check|ask|think|speak|talk) / check(?:ing)? with (?:my|our)
awaiting (?!your|delivery|collection|dispatch|invoice|the (?:delivery|invoice|goods))\w+
waiting (?:for|on) (?:\w+ ){{0,3}}(?:{_APPROVAL}|ok|okay|answer|word|reply|budget|funding)
waiting (?:for|on) (?:\w+ ){{0,3}}(?:client|customer|boss|manager|confirmation)
needs? (?:\w+ ){{0,2}}{_APPROVAL} / requires? (?:\w+ ){{0,2}}{_APPROVAL}
needs? (?:the|his|her|their|an?) (?:ok|okay|nod|green light)
sign-?off {_IS_DUE} / approval {_IS_DUE} / go-?ahead {_IS_DUE}
once (?:it'?s |it is |they'?re |they are |this is )?{_AGREED} / once (?:i|we) {_AGREE}
when (?:i|we)(?:'ve| have) {_AGREED}
(?<!can )i (?:may|might) (?:\w+ )?(?:need|want|order|take|change|add|cancel)
(?<!can )we (?:may|might) (?:\w+ )?(?:need|want|order|take|change|add|cancel)
freigabe (?:folgt|fehlt|steht|kommt|ausstehend|noch|erst|abwarten|einholen|ist noch|wird)
nach freigabe / zur freigabe / auf (?:die )?freigabe / um (?:die )?freigabe / vorbehaltlich\w*
geben wir\b[^.\n]{{0,20}}\bfrei / gebe ich\b[^.\n]{{0,20}}\bfrei
wir geben\b[^.\n]{{0,20}}\bfrei / ich gebe\b[^.\n]{{0,20}}\bfrei
genehmigung (?:folgt|fehlt|steht|kommt|noch|erst|ausstehend|abwarten|einholen|wird)
noch (?:\w+ ){{0,3}}{_AGREE_DE}
muss (?:\w+ )?(?:erst|noch)\b[^.\n]{{0,30}}\b{_CLEAR_DE}
müssen (?:\w+ )?(?:erst|noch)\b[^.\n]{{0,30}}\b{_CLEAR_DE}
bestätig(?:e|en)? (?:(?:ich|wir|es|das) )?{_LATER_DE}
bestätigung folgt / zusage folgt / bestellung folgt / auftrag folgt
erst (?:\w+ ){{0,3}}{_PRICES_DE} / zuerst (?:\w+ ){{0,3}}{_PRICES_DE}
zunächst (?:\w+ ){{0,3}}{_PRICES_DE} / vorher (?:\w+ ){{0,2}}{_PRICES_DE}
vorab (?:\w+ ){{0,2}}{_PRICES_DE}
preise? (?:\w+ ){{0,2}}(?:vorab|vorher|zuerst|zunächst)
angebot (?:\w+ ){{0,2}}(?:vorab|vorher|zuerst|zunächst)
dann (?:gebe|bestätige|erteile|entscheide)n? (?:ich|wir)
kläre(?:n)? (?:ich |wir |das |es )*noch
rücksprache (?:folgt|noch|nötig|erforderlich) / noch rücksprache
sobald (?:die|der|das) (?:freigabe|chef|kunde|budget|genehmigung|zusage)
подтвержу / подтвердим / подтверждение (?:будет|пришл\w+|дад\w+|дам|позже|завтра|отдельно)
ждём {_AGREEING_RU} / ждем {_AGREEING_RU} / жду {_AGREEING_RU}
на (?:согласовании|утверждении)
после (?:согласования|утверждения|одобрения) / до (?:согласования|утверждения|одобрения)
надо {_AGREE_RU} / нужно {_AGREE_RU} / осталось {_AGREE_RU} / должен {_AGREE_RU}
согласу(?:ю|ем) (?:с|у) {_BOSS_RU} / согласовать (?:с|у) {_BOSS_RU}
директор (?:\w+ ){{0,2}}(?:утвердит|согласует|одобрит|решит|подтвердит)
руковод\w+ (?:\w+ ){{0,2}}(?:утвердит|согласует|одобрит|решит|подтвердит)
для начала {_PRICES_RU} / сперва {_PRICES_RU}
как только (?:\w+ ){{0,2}}(?:подпиш|утверд|согласу|одобр|подтверд)\w+
""")
_SITES = (
    r"(?:\w+ )?(?:sites|branches|offices|shops|stores|locations|flats|houses|schools|depots"
    r"|gardens|plots|addresses)"
)
_SITE = r"(?:site|branch|office|shop|store|location|flat|house|school|depot|garden|plot|address)"
_SITES_DE = (
    r"(?:\w+ )?(?:baustellen|filialen|standorten?|häusern?|objekten?|lager|märkten?|büros|werken?"
    r"|schulen|wohnungen|kitas|adressen|niederlassungen)"
)
_SITE_DE = (
    r"(?:baustelle|filiale|standort|haus|objekt|lager|markt|büro|werk|schule|wohnung|kita"
    r"|adresse|niederlassung)"
)
_SITES_RU = (
    r"(?:\w+ )?(?:объект|филиал|магазин|офис|склад|адрес|точе?к|школ|дом|квартир|участ|площад\w?к"
    r"|цех)\w*"
)
# What is listed is wanted more than once, or for several places.
MULTIPLIES = Phrases(rf"""
twice (?:please|pls|over|the (?:amount|quantity|number)|as (?:many|much)|everything)
everything twice / (?<!for )all twice / all of (?:it|them|that|this) twice / the lot twice
times (?:two|three|four|five|\d)
all (?:of (?:it|them|the above) )?(?:x|times) ?\d / everything (?:x|times) ?\d
two of everything / three of everything / sets? of everything
double (?:up|everything|it|that|all|this|these|those|the|my|our|please|quantit\w+)
triple (?:everything|it|that|all|this|the) / everything doubled? / quantities doubled?
half (?:now|to|each|of (?:it|them|that|this|these|those)|quantit\w+)
both (?:of (?:the|our) )?{_SITES} / all (?:of )?(?:the |our )?{_SITES}
each (?:of (?:the|our) )?{_SITES} / each {_SITE} / per {_SITE} / one for each
same (?:again |quantit\w+ |list |order )?for (?!delivery|the same)\w+
alles (?:bitte )?(?:zweimal|dreimal|doppelt|mal|x|×) / bitte (?:alles )?(?:zweimal|dreimal|doppelt)
das ganze (?:bitte |noch )*(?:zweimal|dreimal|doppelt|mal|x|×|ein zweites)
zweimal (?:bitte|alles|das ganze) / dreimal (?:bitte|alles|das ganze)
jeweils doppelt / doppelt (?:bitte|so viel|nehmen) / doppelte (?:menge|anzahl)
halbe (?:menge|anzahl) / verdoppel\w+ / verdreifach\w+ / hälfte (?:nach|an|bitte)
beiden? {_SITES_DE} / allen? {_SITES_DE} / jede[nrs]? (?:\w+ )?{_SITE_DE}
je {_SITE_DE} / pro {_SITE_DE}
dasselbe (?:noch ?mal|für|an|nach|auch) / das gleiche (?:noch ?mal|für|an|nach|auch)
вдвое / втрое / пополам / умножить / умножьте / помножить / помножьте
удвоить / удвойте / утроить / утройте
все (?:\w+ )?(?:дважды|вдвойне|трижды|два раза) / всё (?:\w+ )?(?:дважды|вдвойне|трижды|два раза)
двойн(?:ом|ой|ая|ое) (?:размер|количеств|объ[её]м|заказ|норм)\w*
на (?:оба|обе|кажд\w+|все|второй|вторую|два|две|три) {_SITES_RU}
для (?:обоих|обеих|кажд\w+|всех) {_SITES_RU}
то же самое (?:на|для|в) / столько же (?:\w+ )?(?:на|для|в) (?:втор|друг|кажд|трет)\w*
""")
