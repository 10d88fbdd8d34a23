"""Words by which a trade counts and that mean goods themselves elsewhere: "10 balls Merino".

In: what stands behind a bare number. Out: the counting word and what it counts, or None. units.py
knows the words that always count ("шт", "boxes"); those here count only where the name of something
follows: ten balls of Merino are balls, ten balls size 5 are footballs. Some of them are goods so
often ("5 pots terracotta") that whoever reads them so should hold the line for unsure.

Limits: such a unit has no code, an ERP gets it as it was written. A word of a trade that is not
here stays in the description.
"""

import re
from dataclasses import dataclass

from .units import Sort, unit_of

_ENGLISH = frozenset(
    """balls skeins hanks cops yards yds loaves cloves sprigs rashers slices portions
    servings pints quarts firkins flagons growlers magnums demijohns polypins carafes
    truckles wedges pouches sleeves wraps swags sheaves posies batches dumpies stillages
    lgths quires ricks ampoules ingots twists fathoms sprays""".split()
)
_GERMAN = frozenset(  # with a capital: "5 ring binders" are no rings
    """knäuel knäule stränge docke docken elle ellen kopf köpfe knollen zehen zweige strauß
    sträuße topf töpfe schale schalen seite seiten stremel scheiben laib laibe bleche blech
    portionen becher korb körbe krüge horden träger ster srm festmeter kubik fuhre fuhren
    ladung ladungen heft hefte ring ringe mappen blöcke lage lagen bahnen wickel trommel
    trommeln haspel haspeln patronen röhrchen fläschchen zentner pfund gitterbox gitterboxen
    kolli colli harass harasse harassen kiepe kiepen kränze""".split()
)
_OTHERS = frozenset(
    """клубок клубка клубков пасма пасмы пасм шпуля шпули шпуль вилок вилка вилков кочан
    кочана кочанов головка головки головок головку зубчик зубчика зубчиков сетка сетки сеток
    сетку веточка веточки веточек букет букета букетов горшок горшка горшков корзина корзины
    корзин корзину кассета кассеты кассет кассету буханка буханки буханок буханку противень
    противня противней тушка тушки тушек тушку стакан стакана стаканов стаканчик стаканчика
    стаканчиков кувшин кувшина кувшинов баклажка баклажки баклажек баклажку пузырек пузырька
    пузырьков пластинка пластинки пластинок хлыст хлыста хлыстов штабель штабеля штабелей
    самосвал самосвала самосвалов камаз камаза камазов вагон вагона вагонов цистерна
    цистерны цистерн цистерну бигбэг бигбэга бигбэгов биг-бэг биг-бэга биг-бэгов мешочек
    мешочка мешочков кулек кулька кульков ведерко ведерка ведерок тюк тюка тюков кипа кипы
    кип кипу бидон бидона бидонов кусок куска кусков ломоть ломтя ломтей pelote pelotes
    écheveau écheveaux cône cônes bobine bobines barquette barquettes botte bottes cagette
    cagettes fût fûts flacon flacons tonneau tonneaux tranche tranches miche miches ovillo
    ovillos madeja madejas cono conos garrafa garrafas bandeja bandejas manojo manojos tarro
    tarros""".split()
)
# Goods as often as a way to count them.
_PERHAPS = frozenset(
    """cones heads bulbs pots cups plates bowls pans platters cards wreaths garlands flats
    loads skips cages bars slabs sections panels boards logs cubes strings strands sides
    joints racks books pads spindles baskets hampers jugs stacks wheels bolts displays
    etui etuis teller tassen секция секции секций звено звена звеньев кольцо кольца колец полоса
    полосы полос отрезок отрезка отрезков шприц шприца шприцев кружка кружки кружек тарелка тарелки
    тарелок таблетка таблетки таблеток брусок бруска брусков""".split()
)
# A word shortened until no vowel is left: "6 bks brown paper". Sizes and stuff are so as well.
_SHORT = re.compile(r"(?!y)[b-df-hj-np-tv-xz]{3,4}")
_NO_UNITS = frozenset(
    """pvc mdf dvd tft crt gps pcb ptz gfk hpl dsl nbr bnc xlr cctv hdtv std sml lrg med blk wht grn
    brn dbl sgl hvy rnd sqr str gld slv mtl plt sst thk lng shrt bldg xxl mms lbs hrs mtrs
    kgs""".split()
)
_LAST_WORD = re.compile(r"[\s,;(](?P<word>[^\W\d_]{2,5})\.?$")
_COUNTS = re.compile(
    r"(?P<short>[A-ZА-ЯЁa-zа-яёäöüÄÖÜ][a-zа-яёäöü]{0,4}\.)\s+(?=\w)"
    r"|(?P<word>[a-z]{3,12})\s+of\s+(?=[a-zA-Z])"
)
_NUMBERED = re.compile(r"(?:^|\s)\d{1,4}\s?$")  # "20 St. - 10": those St. are the twenty's
_NOUN_ALONE = re.compile(r"\s(?P<word>[A-ZÄÖÜ][a-zäöüß]{2,14})[\s.,;]*")
_BEFORE_NOUN = re.compile(r"(?P<unit>[A-ZÄÖÜ][a-zäöüß]+) (?=[A-ZÄÖÜ][a-zäöüß]{2})")
_ALONE = re.compile(r"[ \u00a0](?P<word>[^\W\d_]{2,15})[\s.,;]*")
_SHORTENED = re.compile(r"[ \u00a0](?P<word>[^\W\d_]{2,6})\.[\s.,;]*")
_SINGULARS = {"loaf": "loaves", "sheaf": "sheaves", "posy": "posies", "pouch": "pouches"}
_WORD = re.compile(
    r"\s*(?P<word>[^\W\d_]+(?:-[^\W\d_]+)?)\.?[ \u00a0]+"
    r"(?P<of>(?:of|von|de)[ \u00a0]+|d['’])?(?=\w)"
)
_BEFORE_NAME = re.compile(r"[a-z]{2,}s [A-Z][a-z]{3,}")
_BEFORE_GENITIVE = re.compile(
    r"(?P<word>[а-яё]{3,}) (?P<of>[а-яё]{2,}(?:[ыиая]|ов|ев|ей))(?![а-яё])"
)
_DESCRIBES = re.compile(r"сорт|марк|размер|цвет|модел|тип|фирм|серии|длин|класс|вид")
_NAME = re.compile(r"[^\W\d_]+")
_ADJECTIVE = re.compile(r"(?:[ыио]й|[ая]я|[ое]е|[ыи]е|[ыи]х|[ое]го|[ую]ю|[ыи]м)$")
# What follows goods, not a way to count them: "10 balls size 5", "6 plates white".
_QUALIFIES = frozenset(
    """size sizes for in with without at per a an the and or no ref type model from to by on
    as each black white red blue green grey gray brown yellow orange pink purple silver gold
    brass chrome clear small large medium big long short new old assorted mixed plain round
    square please für mit ohne in aus à je zu und oder nach wie typ modell bitte на для с со
    без из по и или в к размер тип цвет модель""".split()
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """A counting word behind a number."""

    word: str  # as written
    end: int  # where what is counted begins
    sure: bool  # False: it may as well be part of the name


def counted_by(text: str, one: bool = False) -> Counted | None:
    """The counting word that begins `text`, and where what it counts begins; None where none does.

    `one`: the number before it is a one, so "loaf" counts as "loaves" do.
    """
    match = _WORD.match(text)
    if match is None:
        return None
    word = match["word"]
    plain = word.lower().replace("ё", "е")
    if one:
        plain = _plural(plain)
    sure = plain in _ENGLISH or plain in _OTHERS or (word[0].isupper() and plain in _GERMAN)
    short = _SHORT.fullmatch(word) is not None and plain not in _NO_UNITS
    if not sure and not short and plain not in _PERHAPS:
        return None
    if not (match["of"] or short) and not _is_counted(text, match.end(), word):
        return None
    return Counted(word=word, end=match.end(), sure=sure or bool(match["of"]))


def may_be_counted_by(text: str) -> bool:
    """True where a word we do not know may count what follows: "10 dollops Merino".

    It is a plural in small letters before a name, or a Russian noun before a genitive.
    """
    if _BEFORE_NAME.match(text):
        return True
    match = _BEFORE_GENITIVE.match(text)
    return (
        match is not None
        and not _ADJECTIVE.search(match["word"])
        and not _ADJECTIVE.search(match["of"])
        and not _DESCRIBES.match(match["of"])
    )


def _plural(word: str) -> str:
    plural = _SINGULARS.get(word, f"{word}s")
    return plural if plural in _ENGLISH else word


def _is_counted(text: str, start: int, word: str) -> bool:
    """True when the name of something stands at `start`, no colour or size of the word itself."""
    name = _NAME.match(text, start)
    if name is None:
        return word[0].islower()  # "4 lgths 110mm pipe"
    plain = name[0].lower()
    if word[0].isupper():  # a German noun counts another noun
        return name[0][0].isupper() and len(plain) > 2 and name[0][1:].islower()
    return plain not in _QUALIFIES and not (plain[-1] > "z" and _ADJECTIVE.search(plain))


def word_before(description: str, led: str) -> tuple[str, str] | None:
    """(description, unit) where the unit stands before its number: "Отвод 500х300 шт 6".

    `led`: what leads to the number.
    """
    match = _LAST_WORD.search(description)
    if match is None or not counts_word(match["word"]):
        return None
    before = led.rstrip(" \t.:=–—-")
    if not before.endswith(match["word"]) or _NUMBERED.search(before[: -len(match["word"])]):
        return None
    return description[: match.start()].rstrip(" ,;"), match["word"]


def unit_before_noun(description: str) -> tuple[str, str] | None:
    """(description, unit) of German goods behind "1x": "Fass Motoröl", but not "Dosenöffner"."""
    match = _BEFORE_NOUN.match(description)
    if match is None or not counts_word(match["unit"]):
        return None
    return description[match.end() :], match["unit"]


def counts_word(word: str) -> bool:
    """True for a unit that counts pieces or packages."""
    unit = unit_of(word)
    return unit is not None and unit.sort in (Sort.COUNT, Sort.PACK) and unit.code != "C62"


def counts_alone(text: str, one: bool = False) -> str:
    """The counting word that is all that stands behind a number: "Smoked salmon 2 sides"."""
    match = _ALONE.fullmatch(text)
    if match is None:
        return ""
    plain = match["word"].lower().replace("ё", "е")
    if one:
        plain = _plural(plain)
    known = plain in _ENGLISH or plain in _GERMAN or plain in _OTHERS or plain in _PERHAPS
    return match["word"] if known else ""


def counts_shortened(text: str) -> tuple[str, bool]:
    """(short word, True where it begins a counting word) that is all behind a number: "20 кас."."""
    match = _SHORTENED.fullmatch(text)
    if match is None:
        return "", False
    plain = match["word"].lower().replace("ё", "е")
    words = (_ENGLISH, _GERMAN, _OTHERS, _PERHAPS)
    known = len(plain) > 2 and any(one.startswith(plain) for group in words for one in group)
    return match["word"], known


def noun_alone(line: str, end: int) -> str:
    """A German noun that alone stands behind the quantity that ends there: "Lachs: 3 Seiten"."""
    match = _NOUN_ALONE.fullmatch(line, end)
    return match["word"] if match else ""


def word_behind(description: str, counted: Counted | None) -> tuple[str, str]:
    """(description, unit) where a word we do not know counts: "20 Kan. Öl", "5 trays of eggs"."""
    if counted:
        return description[counted.end :].strip(), counted.word
    match = _COUNTS.match(description)
    if match is None:
        return description, ""
    return description[match.end() :].strip(), (match["short"] or match["word"])
