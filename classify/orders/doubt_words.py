"""Words by which audit.py doubts what was read from running text; Russian, English, German.

Only patterns live here: what speaks in a description, what takes something out of an order, points
elsewhere, makes it conditional, corrects it, repeats it, or leaves its number open. A phrase is one
line, or parted from others by a slash; all are linear.
"""

from .caseless import Caseless, Phrases
from .holding_words import DEPENDS, HOLDS, MULTIPLIES

# Words of people who speak; goods are not called so.
SPEECH = Phrases(
    r"""
ship to / deliver to / send to / i / we / you / us / me / my / our / your / please / pls
they / them / it / is / are / was / were
will / would / could / want / need / have / had / has / that / which / because / but / so / also
still / again / already / only / just / instead / until / unless / each / both / all / rest / same
usual / usually / normally / currently / actually / sorry / correction / rather / than / make
makes / think / maybe / should / might / there / remaining / ordered / delivered / arrived
received / do / does / did / don't / didn't / not / я / мы / вы / нам / вам / нас / вас / мне
меня / наш\w* / ваш\w* / прошу / просим / пожалуйста / нужн\w+ / надо / есть / нет / был[аио]?
будет / будут / что / чтобы / который / которые / но / тоже / также / ещё / еще / уже / только
остальн\w+ / тот / это / эта / эти / этот / осталось / остал[аи]сь / прошл\w+ / обычно / раньше
все-таки / всё-таки / все таки / всё таки / точнее / вернее / лучше / пусть / пока / потом
привезли / заказывали / брали / сделайте / давайте / ой / не / ich / wir / sie / uns / ihr / ihnen
mein\w* / unser\w* / ihre\w* / bitte / brauchen / haben / ist / sind / war / waren / wird / werden
dass / aber / noch / auch / schon / wieder / alle / rest / gleich\w* / üblich\w* / zusätzlich
davon / dazu / doch / nur / lieber / sondern / eigentlich / diesmal / sonst / beim? / korrektur
statt / nein / nicht / dann / übrig / vorrätig / hatten / hätten / wurden?
""",
    apart=True,
)
# Other verbs name a service: "подписывать не нужно".
_BRINGING_RU = (
    "грузить|отгружать|класть|везти|привозить|отправлять|включать|ставить|считать|заказывать|брать"
    "|присылать|поставлять|собирать|добавлять|покупать|давать|делать|печатать|слать"
)
_NOT_BROUGHT_RU = " / ".join(f"{verb} не (?:надо|нужно)" for verb in _BRINGING_RU.split("|"))
# Days and hours at which nobody is there are taken out of no order.
_TIMES_OUT = (
    r"(?! (?:(?:on|at|for|during) )?(?:the )?(?:when (?:we|i|he|she|they|every(?:body|one)|nobody"
    r"|no one|it'?s|the (?:shop|office|yard|gate|school))\b|weekends?\b|lunch ?times?\b"
    r"|(?:public |bank )holidays?\b|(?:mon|tues|wednes|thurs|fri|satur|sun)days\b))"
)
# What takes goods out.
_EXCEPTS = Phrases(rf"""
leave out
leaving out
left out
except{_TIMES_OUT}
apart from{_TIMES_OUT}
but not
but no
don'?t (?:send|ship|deliver|include|need|order|want)
do not (?:send|ship|deliver|include|need|order|want)
no need to
no (?:[a-z]+ ){{1,2}}(?:this time|today|this week)
not the
hold off
without the
not needed
entfällt
entfallen
skip (?:the|line|item)
drop the
forget (?:the|about)
leave (?:that|this|those|them|it) (?:one|ones|out|off)
scratch the
кроме
за исключением
исключая
(?<!ть )(?<!ти )не (?:надо|нужн[оаы]?)(?! [^\W\d_]+(?:ть|ти)(?!\w))
{_NOT_BROUGHT_RU} / не (?:надо|нужно) (?:{_BRINGING_RU})
не (?:грузите|кладите|отправляйте|отгружайте|везите|привозите|включайте)
не (?:ставьте|считайте|берем|берём|заказываем)
außer
weglassen
lassen\b[^.\n]{{0,40}}\bweg
bitte\b[^.\n]{{0,40}}\bweg
ignore
disregard
remove
delete (?:the (?!e?-?mail|message|original)|lines?|items?|pos|rows?)
cross (?:out|off)
take [^.\n]{{1,40}} (?:off|out of) (?:the|this|our|my) order
ignorieren
ignorier(?:e|t)
entfernen
nehmen\b[^.\n]{{0,40}}\b(?:raus|heraus)
haben wir [^.\n]{{0,30}}noch da
doch noch da
вычеркн\w+
исключ(?!ительн)\w+
отказ(?!оуст)\w*
отбой
убер(?:ите|и|ём|ем)
удал(?:ите|яем|ить)
brauchen wir nicht
kein[emnrs]{{0,2}} [^.\n]{{0,30}}mehr
nicht (?:liefern|mitliefern|senden|schicken|benötigt|bestellen)
ohne die
streichen
""")
# What points at goods that are named somewhere else.
POINTS = Phrases(r"""
of (?:the|those|these|them|each|your)
the (?:above|following quote|rest|others?|same)
из \d+
out of \d+
из (?:них|этих|тех|вашего (?:кп|предложения|прайса))
от (?:них|этих|тех|вашего (?:кп|предложения|прайса))
каждо(?:го|й)
каждый
остальн\w+
один (?:с|без|на|для|из)
одна (?:с|без|на|для|из)
one (?:with|without|for|in|of)
eine?[nrms]? (?:mit|ohne|für)
столько же
поровну
davon
von (?:diesen|denen|jedem|jeder)
je (?:ein|eine|einen|zwei|drei|\d+(?!\d|[.,]\d\d|\s?(?:€|eur)))
jeweils (?:ein|eine|einen|zwei|drei|\d+)
dasselbe
das gleiche
""")
# Whether somebody is there, a door is open, a round can still be reached: nothing of the goods.
_ABOUT_PLACE = (
    r"(?:(?:at all|it is|it'?s) poss\w*|you(?:'re| are)? (?:\w+ )?(?:late|early|lost|delayed)"
    r"|(?:it|this|that|they|the (?:\w+ )?(?:driver|van|truck|lorry|run|round|courier)) "
    r"(?:can|could|will|does|do)?(?:n'?t| ?not)? ?(?:make|catch|manage|reach) (?:it|that|today"
    r"|this)\b"
    r"|(?:nobody|no[- ]?one|someone|anyone|i|we|he|she|(?:the )?(?:office|shop|yard|gate|door"
    r"|reception|farm|house|barn|bakery|kitchen))(?:'s|'m|'re| is| are| am|\b)"
    r"(?: not|n'?t)?(?: \w+)? ?(?:there|in|out(?! of)|away|around|about|home|here|on site|closed"
    r"|shut|locked"
    r"|open|answer\w*|busy)\b)"
)
_ABOUT_PLACE_DE = (
    r"(?:(?:niemand|keiner|jemand|ich|wir"
    r"|(?:(?:der|die|das|unser\w*|mein\w*) )?(?:\w*(?:chef|büro|laden|tor|tür|hof|werkstatt|meister"
    r"|küche|rezeption|pforte|kolleg|nachbar|betrieb|geschäft|theke|bäckerei|praxis)\w*))"
    r"\b[^.,;:!?\n]{0,40}\b(?:(?:da|zu|zu hause|zuhause|anwesend|vor ort|erreichbar|unterwegs|drin"
    r"|auf"
    r"|geschlossen|offen|besetzt) (?:ist|sind|bin|sein|wäre)|antreffen|öffnet|aufmacht|abnimmt)\b)"
)
_ABOUT_PLACE_RU = (
    r"(?:(?:никого|никто|меня|нас|кто-то|кого-то)\b(?: \w+){0,2} ?(?:нет|не будет|не окажется"
    r"|не ответ\w*|не отвеч\w*|не открыва\w*|не застан\w*)|(?:на|в|у) \w+ (?:никого|закрыт\w*)"
    r"|(?:будет |окажется )?закрыт\w*|не (?:дозвон|застан|успе)\w*)"
)
# Nor do these make it depend on anything: "if there are any questions".
_POLITE = (
    r"(?:you|ye|ya|u|y'all) (?:have|need|require|could|can|would)|any|there|poss|so\b|something"
    r"|not\b"
)
_POLITE_RU = r"(?:есть |будут |возникнут |появятся |остались )?(?:вопрос|возможно|можно|что\b|чего)"
# Nor that somebody is to be told when it is ready.
_TELL = (
    r",? (?:please |pls |just |kindly |you can )?"
    r"(?:write(?! down)|call|ring|phone|text|tell|e-?mail|let (?:me|us))"
)
_TOLD_READY = (
    rf"(?:it|all|it all|everything|they|the (?:goods|order|pallet|shipment))"
    rf"(?:'s|'re| is| are)? (?:all )?(?:ready|packed)(?: to go| for collection)?{_TELL}\b"
)
_TOLD_READY_DE = (
    r"(?:alles|es|die ware|die bestellung|die palette) (?:fertig|bereit|gepackt|abholbereit)"
    r"(?: ist| sind| steht)?,? (?:bitte |dann )?(?:kurz )?"
    r"(?:melden|schreib|ruf|bescheid|anruf|info)"
)
_TOLD_READY_RU = (
    r"(?:вс[её]|заказ|груз|товар) (?:уже )?(?:будет )?готов\w*,? (?:то )?(?:пожалуйста,? )?"
    r"(?:напиш|позвон|сообщ|дайте знать|маякн)"
)
# What makes the order depend on something.
_IF = Phrases(rf"""
if(?! (?:{_POLITE}|{_ABOUT_PLACE}|{_TOLD_READY}))
if not,? (?!please|let|call|ring|tell)\w+
unless
provided that
depending on
subject to (?:stock|availab|price|approv|confirm)\w*
as long as
assuming
pending
or (?:equivalent|similar)
(?<!not )(?<!n't )(?<!no )substitutes?
если(?! (?:{_POLITE_RU}|{_ABOUT_PLACE_RU}|{_TOLD_READY_RU}))
при (?:наличии|условии)
по наличию
в зависимости
или аналог\w*
можно (?:аналог|замен)\w*
аналог\w* (?:подойд|можно)\w*
falls(?! (?:sie|noch|etwas|möglich|fragen|{_ABOUT_PLACE_DE}))
wenn(?!['’]s\b| (?:sie|noch|etwas|möglich|fragen|es|{_ABOUT_PLACE_DE}|{_TOLD_READY_DE}))
sofern
je nach
уточн(?:ю|им|ить)
melde mich
reich(?:e|en) (?:ich|wir) nach
let you know (?:the|which|later|tomorrow|next|soon)
vorbehaltlich
then (?:go ahead|ship|send|process|proceed)
before (?:you )?(?:ship|send|process|dispatch|proceed)(?:ping|ing)?
erst (?:nach|wenn)
после подтверждения
сначала
oder (?:gleichwertig|vergleichbar|ähnlich)\w*
""")
# The writer takes back what he wrote a moment ago: "Actually make it 40", "ach nein, 20".
_CORRECTS = Phrases(r"""
actually
i meant?
we meant?
scratch that
correction
or rather
my (?:mistake|bad)
typo
oops
whoops
on second thoughts?
make (?:it|that|those|them|the [^.\n]{1,30}) \d+
should (?:be|read|say) \d+
rather than
not \d+,? but
more like \d+
korrektur
ach nein
doch (?:nur|lieber|besser|gleich|\d+)
lieber (?:\w+ )?\d+
besser (?:\w+ )?\d+
ich mein(?:te|e)
nicht \d+
sondern
stimmt nicht
vertan
verschrieben
vertippt
mein fehler
точнее
вернее
все[- ]?таки
всё[- ]?таки
лучше (?:\w+ )?\d+
давайте (?:\w+ )?\d+
сделайте (?:\w+ )?\d+
ошиб(?:ся|лась|лись|ка)
опечат\w+
исправ(?:ьте|ление|ляю|ляем|лено)
поправ(?:ка|ьте)
имел\w? в виду
хотя нет
передумал\w*
не \d+,? а
no,
nein,
(?<!никого )(?<!меня )(?<!нас )нет,
ой
sorry,
wait,
moment,
""")
# That somebody is there every day orders nothing.
_THERE = r"(?<!there )(?<!here )(?<!open )(?<!manned )(?<!staffed )"
_THERE_DE = (
    r"(?! (?:von [\d:.]+ (?:uhr )?bis [\d:.]+ (?:uhr )?)?"
    r"(?:da|geöffnet|offen|besetzt|erreichbar|anwesend|vor ort)\b)"
)
_THERE_RU = r"(?<!работаем )(?<!открыты )(?<!на месте )"
# What is wanted again and again is no single order.
_RECURS = Phrases(rf"""
(?<!\d )per (?:week|month|day|fortnight|quarter)
each (?:week|month|day|fortnight|quarter)
every (?:second |other )?(?:week|month|fortnight|quarter)
{_THERE}every (?:second |other )?(?:mon|tues|wednes|thurs|fri|satur|sun)?day
weekly(?! (?:\w+ )?order)
monthly(?! (?:\w+ )?order)
fortnightly(?! (?:\w+ )?order)
standing order
wöchentlich(?!\w* (?:bestell|lieferung|order))\w*
monatlich(?!\w* (?:bestell|lieferung|order))\w*
täglich(?!\w* (?:bestell|lieferung|order)){_THERE_DE}\w*
jede[nrms]? (?:woche|monat|tag|(?:mon|diens|donners|frei|sams)tag|mittwoch){_THERE_DE}
(?<!\d )pro (?:woche|monat|tag)
dauerauftrag
dauerbestellung
еженедельн(?!\w+ (?:заказ|заявк))\w+
ежемесячн(?!\w+ (?:заказ|заявк))\w+
{_THERE_RU}ежедневн(?!\w+ (?:заказ|заявк))\w+
{_THERE_RU}кажд(?:ую|ый|ое|ые) (?:недел\w+|месяц|день|понедельник|вторник|среду|четверг|пятницу)
раз в (?:неделю|месяц)
""")
# What is written is no order yet.
_DRAFT = Phrases(r"""
draft(?! (?:beer|ale|cider|lager|excluder|stopper|tube|horse))
do not (?:yet )?(?:process|execute|fulfil|book|action|place|release|dispatch)
don'?t (?:yet )?(?:process|execute|fulfil|book|action|place|release|dispatch)
entwurf
bestellentwurf
nicht\b[^.\n]{0,20}\b(?:ausführen|bearbeiten|auslösen|buchen)
noch nicht\b[^.\n]{0,20}\bausliefern
черновик\w*
не (?:нужно |надо |следует |пока )?(?:отгруж|исполн|обрабатыв|оформля|выполня)\w+
""")
# The same was ordered another way, and would come twice.
_AGAIN = Phrases(r"""
duplicates? (?:of|order|my|our|the|yesterday)
a duplicate
don'?t duplicate
do not duplicate
already (?:been )?(?:ordered|placed)
bereits (?:\w+ )?bestellt
schon (?:\w+ )?bestellt
duplikat
doppelt (?:bestell|liefer|ausführ|buch)\w*
дублир\w+
уже (?:заказ[аы]\w+|отправлял\w*|размест\w+)
""")
# A quantity that nobody can know.
_VAGUE = Phrases(r"""
some (?!time|point|reason|of\b|day|thing|one|more (?:info|detail|time))[a-z]+
several
a few(?! (?:\w+ )?(?:things|items|bits|pieces|supplies|parts)[^.!?\n\d]{0,40}:\s*$)
plenty of
a (?:bit|load|handful|couple) of
loads of
lots of
as (?:many|much) as
however many
whatever
what else
something (?:like|similar)
any spare
the usual(?! (?:address|terms|place|time|price|delivery|account|way|day|conditions|site|location))
побольше
поменьше
можно (?:и )?(?:меньше|больше)
немного
немножко
несколько(?! (?:\w+ )?(?:позиц|вещ|товар|наименован|мелоч)[^.!?\n\d]{0,40}:\s*$)
парочк\w+
сколько (?:есть|можете|дадите|влезет|сможете)
какие-нибудь
какой-нибудь
что-нибудь
ein paar(?! (?:\w+ )?(?:sachen|dinge|artikel|teile|positionen|kleinigkeiten)[^.!?\n\d]{0,40}:\s*$)
einige(?! (?:\w+ )?(?:sachen|dinge|artikel|teile|positionen|kleinigkeiten)[^.!?\n\d]{0,40}:\s*$)
mehrere
genügend
so viele? wie
was (?:sie|ihr) (?:da )?hab(?:t|en)
irgendwelche
das übliche
""")
DOUBTS = (
    (_EXCEPTS, "leaves-out"),
    (_IF, "conditional"),
    (_CORRECTS, "corrected"),
    (_RECURS, "recurring"),
    (_VAGUE, "quantity-unsaid"),
    (_DRAFT, "order-draft"),
    (_AGAIN, "order-repeated"),
    (HOLDS, "order-draft"),
    (DEPENDS, "conditional"),
    (MULTIPLIES, "quantity-multiplied"),
)
# Of those, what means nothing else; "if" and "without" are said of gates and ramps as well.
CLEARLY_DOUBTS = (_CORRECTS, _RECURS, _DRAFT, _AGAIN, HOLDS, DEPENDS, MULTIPLIES)
# Something more is wanted; where no number stands beside it, it was not read.
WANTS_MORE = Phrases(r"""
please\b[^.!?\n]{0,30}\b(?:also|include|add|plus|as well|too)
pls\b[^.!?\n]{0,30}\b(?:also|include|add|plus|as well|too)
can you\b[^.!?\n]{0,30}\b(?:also|include|add|plus|as well|too)
could you\b[^.!?\n]{0,30}\b(?:also|include|add|plus|as well|too)
we\b[^.!?\n]{0,30}\b(?:also|include|add|plus|as well|too)
i\b[^.!?\n]{0,30}\b(?:also|include|add|plus|as well|too)
also (?:need|send|include|add|want)
add (?:an?|another|one|two|three|four|five|six|seven|eight|nine|ten|twelve|\d+)
ergänzen sie
don'?t forget
do not forget
dazu
außerdem
zusätzlich
bitte (?:auch |noch )(?:\w+ )?\w+
brauchen (?:auch |noch )(?:\w+ )?\w+
noch (?:auch |noch )(?:\w+ )?\w+
и\b[^.!?\n]{0,40}\b(?<!не )(?:положите|добавьте|докиньте|приложите|захватите|нужн[аоы]?|надо)
а\b[^.!?\n]{0,40}\b(?<!не )(?:положите|добавьте|докиньте|приложите|захватите|нужн[аоы]?|надо)
ещё\b[^.!?\n]{0,40}\b(?<!не )(?:положите|добавьте|докиньте|приложите|захватите|нужн[аоы]?|надо)
еще\b[^.!?\n]{0,40}\b(?<!не )(?:положите|добавьте|докиньте|приложите|захватите|нужн[аоы]?|надо)
также\b[^.!?\n]{0,40}\b(?<!не )(?:положите|добавьте|докиньте|приложите|захватите|нужн[аоы]?|надо)
положите
добавьте
докиньте
захватите
не забудьте
тоже
""")
# With what is added in a few words: "Plus plasticiser", "and ties as well", "И пластификатор".
ADDS = Caseless(
    r"^\W*(?:oh )?(?:and|plus|also|und|sowie|dazu|auch|плюс|а также|также|и|да|ещё|еще)\s"
    r"|\b(?:too|as well|also|auch|noch|auch noch|тоже|также)"
    r"\W*(?:please|pls|bitte|thanks|danke|пожалуйста)?\W*$"
)
# What is added in the same way and is no goods: wishes, charges, remarks about the delivery.
WISHES = Caseless(
    r"\b(?:happy|merry|nice|good|great|best|wishes|greetings|love|luck|carriage|freight|postage"
    r"|shipping"
    r"|packing|mwst|versand\w*|fracht\w*|porto|verpackung\w*|schön\w*|frohe\w*|gut\w*|grüß\w*"
    r"|viel\w*"
    r"|хорош\w+|добр\w+|удач\w*|праздник\w*|успех\w*|привет\w*)\b"
)
# "Bitte liefern Sie an unser Lager in Bonn" names no goods.
_ONLY_WHERE = (
    r"(?!(?: sie)?(?: es| alles| das| die ware)?"
    r"(?: (?:an|nach|zu|zur|zum|in|ins|im|auf|bei|am|frei)"
    r"(?: (?:die|das|den|der|dem|unsere?[nrms]?|folgende\w*))?(?: [\w.-]+){1,2},?){1,3}\W*$)"
)
# The writer wants something; where the sentence has no number, it was not read.
# All that is listed, by no name of its own.
_LISTED = (
    r"(?! (?:it|them|this|these|those|everything|all|the (?:lot|goods|order|delivery|items|stuff))"
    r"(?: (?:all|please|delivered|ready|here|there|back))?"
    r"(?: (?:by|before|on|at|in|for|to|until|no later|today|tomorrow|asap)\b|\W*$))"
)
WANTS = Phrases(
    rf"""
please (?:send|supply|order|get|bring|pack|put|include)(?! to\b)
we need{_LISTED}
we also need
we'll need{_LISTED}
we will need{_LISTED}
i need{_LISTED}
bitte\b[^.!?\n]{{0,60}}\b(?:liefern|schicken|senden|mitbringen|einpacken)"""
    + _ONLY_WHERE
    + r"""
wir (?:brauchen|benötigen)(?! (?:das |es )?(?:alles|die (?:ware|lieferung|sachen))\b)
(?<!не )нужн[аыо]
(?<!не )нужен
пришлите
привезите
отгрузите
требуется
требуются
"""
)
# By which any of these is known; most lines of a list hold none.
BEGINNINGS = frozenset[str]().union(
    *(
        phrases.beginnings
        for phrases in (*(pattern for pattern, _ in DOUBTS), POINTS, WANTS_MORE, WANTS)
    ),
    ("and", "plu", "als", "und", "sow", "daz", "auc", "плю", "так", "и", "а", "да", "ещё", "еще"),
    ("too", "wel", "noc", "тож"),
)
# What such a sentence may speak of besides goods: time, a list that stands elsewhere.
ASIDE = Caseless(
    r"\b(?:(?:mon|tues|wednes|thurs|fri|satur|sun)day|tomorrow|today|week|morning|noon|afternoon"
    r"|lunch"
    r"|asap|possible|soon|early|urgent\w*|quick\w*|delivery|goods|items|everything|them|this|that"
    r"|these"
    r"|following|below|attached|list\w*|order\w*|site|usual|address|thanks?|hello|dear"
    r"|(?:mon|diens|donners|frei|sams|sonn)tag|mittwoch|morgen|heute|woche|mittag|vormittag"
    r"|nachmittag"
    r"|möglichst|bald|schnell\w*|dringend|folgende\w*|anbei|anhang|liste|bestell\w*|auftrag\w*"
    r"|ware\w*|alles"
    r"|material|artikel|hallo|guten|danke|gruß|понедельник\w*|вторник\w*|сред[аеуы]|четверг\w*"
    r"|пятниц\w*"
    r"|суббот\w*|воскресень\w*|завтра|сегодня|недел\w+|утр\w+|обед\w*|вечер\w*|срочно|быстр\w+"
    r"|скорее"
    r"|добр\w+|день|следующ\w+|ниже|вложен\w+|списк\w+|список|заказ\w*|заявк\w*|товар\w*"
    r"|материал\w*"
    r"|вс[её]|это|здравствуйте|спасибо|поставк\w+|отгрузк\w+|склад\w*|объект\w*)\b"
)
# Papers, prices and answers are asked for without a number.
PAPERWORK = Caseless(
    r"(?:invoice|bill\b|confirm|acknowledg|delivery (?:note|date|time|address)|certificat"
    r"|paperwork|document"
    r"|datasheet|data sheet|price|quote|discount|call|phone|ring (?:me|us)|let (?:me|us) know"
    r"|\btell\b|email|e-mail"
    r"|copy|copies|number|address|tracking|label|receipt|note that|\bref\b|driver|pallet|lift"
    r"|time slot|team"
    r"|rechnung|lieferschein|bestätig|termin|anruf|bescheid|zertifikat|mitteil|melden|angeb"
    r"|preis|adresse"
    r"|kopie|avis|kostenstelle|unterlagen|datenblatt|fragen|fahrer|lieferung|geliefert|abhol|danke"
    r"|сч[её]т|накладн|сертификат|документ|ттн|упд|паспорт|позвон|сообщ|сориентир|цен[уы]|скидк"
    r"|адрес|доставк"
    r"|срок|договор|реквизит|подтверд|печат|подпис|ответ|доверенност|пропуск)"
)
