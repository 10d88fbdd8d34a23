"""Units of measure: the word people write -> UN/ECE Recommendation 20 code.

In: "шт.", "Stk", "rolls", "пог. м", or an ОКЕИ number ("796"). Out: a `Unit`, or None. Packages
use the Rec 20 codes that Rec 21 lends with an X in front (XBX box, XRO roll). Whether a unit
counts things or measures stuff matters for reading text: "5 л" may describe a canister, "5 шт"
is always a quantity.

Limits: trade words without a code ("рейс", "машина") are units with an empty code.
"""

import re
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache


class Sort(Enum):
    """What a unit does."""

    COUNT = "count"  # pieces, sets, pairs
    PACK = "pack"  # boxes, rolls, bags: counts packages
    MEASURE = "measure"  # kg, m, l: may also describe the goods
    TIME = "time"  # hours, days


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """One unit word."""

    code: str  # UN/ECE Rec 20; empty when there is none
    sort: Sort


# code: words, all lower case, "ё" as "е", without dots and spaces.
_COUNT = """
H87: шт штук штука штуки штуку штучка штучек pc pcs piece pieces stk stck stück stueck st pce pces
  nos pièce pièces pza pzas unid uds szt ks db kpl
C62: ед единица единиц единицы единицу unit units einheit einheiten unité unités unidad unidades изд
  изделие изделий один
EA: ea each
PR: пара пары пар пару pair pairs paar paare paire paires pares prs
SET: компл комплект комплекта комплекты комплектов к-т кт комп набор набора наборов наборы наб set
  sets satz sätze garnitur jeu jeux juego juegos kit kits гарнитур
GRO: gross гросс
DZN: дюжина дюжины дюжин дюжину dozen dozens doz dz dutzend dtzd douzaine docena
MIL: тысшт тыс тысяча тысяч mille
ST: лист листа листов листы sheet sheets blatt bogen feuille feuilles hoja hojas platte platten
E27: доза доз дозы
E48: усл услуга услуги услуг service services
: чел человек место мест позиция person persons personen лицензия лицензий лицензии license
  licenses licence licences lizenz lizenzen экз экземпляр экземпляра экземпляров copy copies
  exemplar exemplare голова голов length lengths lgth ct куст рейс рейса машина машины машину off
  порция порций порции бухта бухты бухту бухт бух тираж пе
"""
_PACK = """
NMP: уп упак упаковка упаковки упаковок упаковку упк pack packs pkt pkts pkg pkgs package packages
  packung packungen pack pck ve vpe paquet paquets paquete paquetes pk блок блоков блока блоки
XPA: пач пачка пачки пачек пачку блистер блистера блистеров пакет пакета пакетов пакеты packet
  packets päckchen paket pakete
  pak sachet sachets пакетик пакетиков
XBX: кор короб короба коробов коробка коробки коробок коробку ящ ящик ящика ящиков ящики box boxes
  bx schachtel schachteln kasten kästen kiste kisten boîte boîtes caja cajas лоток лотков лотка
  crate crates case cases cs kst ki
XCT: картон carton cartons ctn ctns karton kartons krt kart kt ktn cartone
XRO: рул рулон рулона рулонов рулоны roll rolls rolle rollen rl rll rouleau rouleaux rollo rollos
  ролик роликов rol
XBG: меш мешок мешка мешков мешки bag bags sack säcke saecke sac sacs sacks saco sacos beutel tüte
  tüten btl куль bulkbag bulkbags bigbag bigbags jumbobag jumbobags tonbag tonbags dumpybag
  dumpybags
XBO: btl btls fls
  бут бутыл бутылка бутылки бутылок бутылку бутыль бутыли бутылей bottle bottles flasche
  flaschen fl bouteille bouteilles botella botellas фл флак флакон флакона флаконов флаконы
XCA: банка банки банок банку бан can cans dose dosen tin tins lata latas жестянка
: gebinde tray trays punnet punnets tub tubs steige steigen stiege stiegen netz netze becher riegel
  tafel tafeln kübel hobbock ballen bale bales vial vials ampulle ampullen амп ампула ампулы ампул
  coil coils skein strip strips block blocks brick bricks палка палок брикет брикетов плитка плиток
  cartridge cartridges kartusche kartuschen
XJR: jar jars glas gläser
XCI: канистра канистры канистр канистру кан canister canisters jerrycan jerrycans kanister kan
  bidon bidons
XBJ: ведро ведра ведер вед bucket buckets eimer seau seaux cubo cubos pail pails
XBA: бочка бочки бочек бочку barrel barrels fass fässer fässchen baril barriles keg kegs кег кега
  кегов drum drums
XPX: паллет паллета паллеты паллету палл поддон поддона поддонов поддоны pallet pallets palette
  paletten plt pal palettes palé palés пал палета палет
XTU: туба тубы туб тюбик тюбика тюбиков tube tubes tuben
XCY: баллон баллона баллонов балл бал cylinder cylinders gasflasche
XSO: катушка катушки катушек бобина бобины бобин боб spool spools spule spulen reel reels
XBE: моток мотка мотков ветка ветки веток куст кустов связка связки связок пучок пучка пучков
  bundle bundles bdl bdls bndl bunch bunches stem stems bund bündel
  букет
XPG: плита плит плиты плиту
XRD: пруток прутка прутков прут стержень stange stangen rod rods хлыст хлыстов
RM: ream reams ries rames
XTR: контейнер контейнера контейнеров container containers
XSI: стопка стопок
"""
_MEASURE = """
KGM: кг килограмм килограмма килограммов kg kgs kilo kilos kilogram kilograms kilogramm
GRM: г гр грамм грамма граммов g gr gram grams gramm
MGM: мг mg
TNE: т тн тонна тонны тонн тонну t to tonne tonnes tonnen ton tons mt toneladas tonnen
DTN: ц центнер центнера центнеров
LBR: lb lbs pound pounds
ONZ: oz
MTR: м метр метра метров m mtr mtrs meter meters metre metres laufmeter mètre mètres metros пм мп
  погм мпог погонныйметр погонныхметров пог lfm lfdm lm
CMT: см cm
MMT: мм mm
KMT: км km
FOT: ft feet foot
INH: inch inches zoll дюйм дюйма дюймов
MTK: м2 м² квм мкв квадратныхметров m2 m² qm sqm squaremetres squaremeters
MTQ: м3 м³ кубм мкуб куб куба кубов кубометр кубометров кубометра кубическихметров m3 m³ cbm cum
  kubikmeter raummeter
LTR: л литр литра литров l ltr ltrs liter liters litre litres litros
MLT: мл ml
CLT: cl
HLT: hl гл дал
GLL: gal gallon gallons
KWH: квтч kwh
MWH: мвтч mwh
GB: гб gb
KWT: квт kw
"""
_TIME = """
HUR: ч час часа часов h hr hrs hour hours std stunde stunden heure heures hora horas
DAY: дн день дня дней сут сутки суток day days tag tage jour jours día días
MON: мес месяц месяца месяцев month months monat monate mois mes meses
ANN: год года лет year years jahr jahre ans año años
WEE: нед неделя недели недель week weeks woche wochen semaine semana
MIN: мин минута минуты минут min mins minute minutes minuten
E51: смена смены смен маш-ч
"""
# ОКЕИ (OK 015-94) numbers that stand in tables and in the XML of 1C and of the УПД.
_OKEI = {
    "003": "MMT",
    "004": "CMT",
    "006": "MTR",
    "008": "KMT",
    "018": "MTR",
    "055": "MTK",
    "112": "LTR",
    "113": "MTQ",
    "163": "GRM",
    "166": "KGM",
    "168": "TNE",
    "206": "DTN",
    "356": "HUR",
    "359": "DAY",
    "362": "MON",
    "366": "ANN",
    "616": "XSO",
    "625": "ST",
    "642": "C62",
    "657": "C62",
    "704": "SET",
    "715": "PR",
    "728": "XPA",
    "736": "XRO",
    "778": "NMP",
    "796": "H87",
    "798": "MIL",
    "812": "XBX",
    "839": "SET",
    "868": "XBO",
    "872": "XBO",
    "876": "C62",
    "879": "H87",
}


def _words() -> dict[str, Unit]:
    table: dict[str, Unit] = {}
    for text, sort in (
        (_COUNT, Sort.COUNT),
        (_PACK, Sort.PACK),
        (_MEASURE, Sort.MEASURE),
        (_TIME, Sort.TIME),
    ):
        code = ""
        for line in text.strip().split("\n"):
            named, colon, words = line.partition(":")
            code = named if colon else code
            for word in (words if colon else line).split():
                table.setdefault(word, Unit(code=code.strip(), sort=sort))
    return table


_UNITS = _words()
# Lengths and volumes so small that they only ever describe.
NEVER_ORDERED = frozenset({"MMT", "CMT", "MLT", "INH", "MGM"})
CODES = frozenset(unit.code for unit in _UNITS.values() if unit.code)
_CODE = re.compile(r"[A-Z0-9]{2,3}")
# A unit right behind a number: one word, or two ("пог. м", "sq m", "тыс. шт").
_BEHIND = re.compile(
    r"(?i)[ \u00a0\u202f\t]?(?P<one>[m\u043c][23](?!\w)|[^\W\d_]+[²³]?)(?P<dot>\.)?"
    r"(?:[ \u00a0]?(?P<two>[^\W\d_]+[²³23]?)(?P<dot2>\.)?)?"
)
_HYPHENED = re.compile(r"-[^\W\d_]{1,3}(?!\w)\.?")  # "к-т", "маш-ч"
_TO_ENDS = re.compile(r"\s*(?:$|[,;)|/]|\t|  )")  # "Sand - 6 to", but no "6 to 8"
_SQUEEZE = str.maketrans({"ё": "е", ".": "", " ": "", "\u00a0": "", "\u202f": ""})


def unit_of(text: str) -> Unit | None:
    """The unit a word or ОКЕИ number means; None when it is none we know."""
    squeezed = text.strip().lower().translate(_SQUEEZE).strip(",;:()[]/*")
    if squeezed in _UNITS:
        return _UNITS[squeezed]
    if squeezed.isdigit() and squeezed.zfill(3) in _OKEI:
        return Unit(code=_OKEI[squeezed.zfill(3)], sort=Sort.COUNT)
    return None


@lru_cache(maxsize=64)  # a table says the same unit in every row
def code_of(text: str) -> str:
    """The UN/ECE Rec 20 code of a unit as written, a code itself included; empty when unknown."""
    if unit := unit_of(text):
        return unit.code
    bare = text.strip()
    return bare if _CODE.fullmatch(bare) and bare in CODES else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A unit found behind a number."""

    unit: Unit
    text: str  # as written, without the space in front
    end: int  # where it ends in the text


# Two words that make one unit only together; either alone may mean something else.
_DOUBLES = frozenset(
    "пе погм мпог пм мп кубм мкуб квм мкв тысшт sqm cum lfdm lm погонныхметров погонныйметр "
    "квадратныхметров кубическихметров squaremetres squaremeters "
    "bulkbag bulkbags bigbag bigbags jumbobag jumbobags tonbag tonbags dumpybag dumpybags".split()
)


def unit_behind(text: str, position: int) -> Found | None:
    """The unit that stands right behind a number ending at `position`; None when none does."""
    match = _BEHIND.match(text, position)
    if not match:
        return None
    one, two = match["one"].lower(), (match["two"] or "").lower()
    if two and (one + two).replace("ё", "е") in _DOUBLES:
        end = match.end()
        joined = _UNITS[(one + two).replace("ё", "е")]
        return Found(unit=joined, text=text[match.start("one") : end], end=end)
    end = match.end("dot") if match["dot"] else match.end("one")
    unit = _UNITS.get(one.replace("ё", "е"))
    glued = match.start("one") == position
    if (one in ("no", "nr") and glued) or (match["one"] == "nr" and not match["dot"]):
        unit = _UNITS["nos"]  # "12no. couplers", "12 nr couplers": so many of them
    if not match["dot"] and (hyphened := _HYPHENED.match(text, end)):
        whole = _UNITS.get((one + hyphened[0].lower()).rstrip(".").replace("ё", "е"))
        if whole is not None:
            unit, end = whole, hyphened.end()
    if unit is None or _goes_on(text, end) or (one == "to" and not _TO_ENDS.match(text, end)):
        return None
    return Found(unit=unit, text=text[match.start("one") : end], end=end)


def unit_named(word: str, end: int) -> Found | None:
    """A unit that is its own number ("пара сапог"), as one found behind a number."""
    unit = unit_of(word)
    return Found(unit=unit, text=word, end=end) if unit else None


def _goes_on(text: str, end: int) -> bool:
    """True when the word is only the beginning of a longer one ("м-образный", "т/с", "l2")."""
    following = text[end : end + 2]
    return bool(following) and (
        following[0].isalnum() or (following[0] in "-/" and following[1:].isalpha())
    )
