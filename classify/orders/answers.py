"""Columns of a table that answer yes or no, and what rows say of themselves besides their figures.

In: headings, rows of cells. Out: which columns say whether a row is wanted ("Bestellen?"), which
only answer something else ("Gefahrgut", "hazardous"), and whether a row is ordered surely. A "no"
under a heading that asks for something else takes nothing away; under one that asks whether the row
is wanted, or under none, it does.

Limits: marks ("x") are only believed under a heading that asks for them.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from .caseless import Caseless
from .cells import Cell, text_of
from .contents import texts_of_column
from .doubt_words import DOUBTS
from .figures import counts_things, figures, is_time
from .prose_words import STOP_NOUNS

_WORD = re.compile(r"[^\W\d_]{2,}")
_SHORT = 12  # characters of an answer
_MOST_NOTE = 200  # characters of a remark that are looked at
_YES_NO = re.compile(
    r"(?i)(?:yes|no|y|n|ja|nein|j|да|нет|д|н|true|false|oui|non|o|s[ií]|нет\.|да\.|wahr|falsch"
    r"|ok)[.!]?"
)
_DECLINES = re.compile(
    r"(?i)\s*(?:no|nein|нет|не надо|nope|non|skip|n|н|false|falsch|0|-|–|—)\s*[.!]?\s*"
)
_DECLINED = frozenset(("no", "nein", "нет", "не надо", "nope", "non", "skip"))
_DECLINED_FROM = frozenset("nNнНsS ")  # what any of these begins with
_MARK = re.compile(r"(?i)[xх✓✔+v√●•*]|1")
_REMARKS = Caseless(
    r"\b(?:комментари\w*|примечани\w*|прим|замечани\w*|remarks?|comments?|bemerkung\w*|anmerkung\w*|notes?"
    r"|notiz\w*"
    r"|hinweis\w*"
    r"|observations?|remarques?|commentaires?)\b"
)
# Headings that ask whether a row is wanted at all.
_ASKS_IF_WANTED = Caseless(
    r"\W*(?:(?:to |re)?order(?:ed)?|buy|purchase|want(?:ed)?|need(?:ed)?|required|include[ds]?"
    r"|in scope|send|ship"
    r"|deliver|approv(?:e|ed|al)|confirm(?:ed)?|ok(?:ay)?|accept(?:ed)?|select(?:ed)?|active"
    r"|yes ?/ ?no|y ?/ ?n"
    r"|(?:zu )?bestell(?:en|t|ung)|ordern|kaufen|liefern|benötigt|gebraucht|erwünscht|genehmigt"
    r"|freigegeben"
    r"|freigabe|bestätigt|auswahl|ausgewählt|ja ?/ ?nein|j ?/ ?n|заказ(?:ать|ываем)?|нужн[оаы]?"
    r"|нужен|надо|бер[её]м"
    r"|отгружать|поставлять|согласован[оа]?|утвержден[оа]?|подтвержден[оа]?|выбор|выбрано"
    r"|да ?/ ?нет"
    r"|(?:please )?(?:tick|check|mark)(?: here)?|(?:bitte )?ankreuzen"
    r"|отметить|отметка|выбрать|commander|à commander|pedir)\W*$"
)
# A row that says of itself that it is not, or not surely, ordered.
_STRUCK = Caseless(
    r"\b(?:cancel\w*|deleted|do not (?:ship|send|deliver)|on hold|discontinued|out of stock"
    r"|not required"
    r"|отмен\w*|аннулир\w*|не (?:нужн\w+|надо|отгружать|поставлять|заказывать|требуется)|снят\w? с"
    r"|нет в наличии|уточн\w+|под вопросом|или аналог|storn\w+|entfällt|gestrichen"
    r"|nicht (?:liefern|lieferbar)"
    r"|gelöscht|annul\w+|tbc|tbd|if (?:in stock|available|possible|not|you|we)"
    r"|or (?:equivalent|similar|alternative)|instead|replace\w* (?:with|by)|substitut\w+"
    r"|alternativ\w*"
    r"|nur wenn|falls|sofern|statt|anstatt|oder (?:ähnlich|gleichwertig)\w*|ersatzweise|если"
    r"|при (?:наличии|возможности|условии)|вместо|заменить|замените|замена на"
    r"|или (?:эквивалент|похож)\w*|to be confirmed"
    r"|not (?:needed|ordered)|nicht (?:bestellt|benötigt|bestellen)|по возможности)\b"
)
# A cell that says nothing but that its row is done with, or goes back: "shipped", "Return: Clip".
_DONE = re.compile(
    r"(?i)\W*(?:(?:please|bitte|already|bereits|schon|уже|пожалуйста),? )?"
    r"(?:shipped|dispatched|closed|delivered|fulfilled|completed|ignore|disregard|returns?|returned"
    r"|credit(?:ed)?|refund(?:ed)?|ignorieren|geliefert|erledigt|versendet|retoure|gutschrift"
    r"|отгружен[оаы]?|доставлен[оаы]?|закрыт[оаы]?|возврат|игнорировать|не учитывать)"
    r"(?: (?:already|bereits|this|line|item|row))?\W*(?::.*)?"
)
# Columns whose rows say where to; rows that differ are for several places.
_PLACES = re.compile(
    r"(?i)\W*(?:ship(?:ping)?|deliver(?:y)?)[ -]?(?:to|address|site|location|place)\W*"
    r"|\W*(?:lieferadresse|lieferort|lieferanschrift|empfänger|адрес(?: доставки)?|место доставки"
    r"|грузополучатель|получатель|куда)\W*"
)
_MAY_NAME_ORDER = re.compile(r"(?i)\W*bestell\W?(?:nr|nummer)\W*")
# What was ordered and then was not.
_COUNTED = r"(?:qty|quantity|units?|pcs|menge|stk|stück|кол-?во|количество|шт)"
_TAKES_BACK = Caseless(
    rf"\W*(?:{_COUNTED}\W+)?(?:cancel\w*|storn\w*|отмен\w*|аннулир\w*)(?:\W+{_COUNTED})?\W*$"
)
# A remark that leaves a row's order open, changes it, or asks something.
_OPEN = Caseless(
    r"\b(?:or|oder|only (?:if|when|with)"
    r"|unless|depend\w*|as long as|subject to|otherwise|maybe|perhaps"
    r"|possibly|later"
    r"|not (?:yet|sure|urgent)|wait\b|ask|check|confirm\w*|quote|optional|alternat\w*|was \d"
    r"|were \d|now \d|change\w*"
    r"|reduce\w*|increase\w*|already|sample first|was ist|ggf|eventuell|evtl|vielleicht|erst\b"
    r"|später|noch nicht"
    r"|bestätig\w+|prüfen|rückfrage|klären|anfrag\w+|optional|wenn|bisher|war \d|bereits"
    r"|geändert|аналог\w*|замен\w*"
    r"|возможно|может быть|позже|потом|только (?:если|при)|согласовать|подтверд\w+|узнать"
    r"|проверить|было \d|по наличию"
    r"|опционально|резерв|ждать|не срочно|или)\b|\?"
)
# The same, said in a column of remarks; elsewhere such words may name goods ("double bed").
_DECLINES_OR_DOUBLES = Caseless(
    r"\b(?:don'?t (?:need|want)|no need|not (?:this time|now|today|any ?more)|zero|none|nil|nothing"
    r"|enough|plenty|(?:got|have) (?:some|it|these|them)|use up|too (?:expensive|dear)|double|twice"
    r"|triple|half|next (?:month|year|time|order|quarter)|postpone\w*|defer\w*|hold|stop(?:ped)?"
    r"|blocked|obsolete|swap"
    r"|zurückgestellt|zurückstellen|gesperrt|diesmal nicht|nicht (?:nötig|mehr|diesmal|jetzt|heute)"
    r"|reicht(?! (?:bis|am))|genug|auf lager|haben wir|(?:noch|ist) (?:da|vorhanden)"
    r"|nächste[nrs]? (?:monat|jahr|mal|quartal)|doppelt\w*|zweimal|halbe?|hälfte|zu teuer"
    r"|aufbrauchen|verschoben|pausiert|ausgesetzt"
    r"|отлож\w+|хватает|хватит|достаточно|есть (?:на складе|в наличии|остат\w+|запас)"
    r"|на складе есть|пока (?:нет|есть|не)|не (?:сейчас|сегодня|в этот раз|актуально)|в следующ\w+"
    r"|дорого|вдвое|дважды|двойн\w+|половин\w+|на кажд\w+|заблокир\w+|приостанов\w+|стоп"
    r"|перен[её]с\w*|перенос\w*)\b"
    r"|^\W*(?:x ?\d{1,3}|\d{1,3} ?x)\W*$"
)
# Titles of parts of a sheet that hold no order.
_OTHER_LIST = Caseless(
    r"\b(?:last (?:month|week|year|order|time)|previous\w*|earlier|already (?:ordered|delivered"
    r"|shipped)|delivered (?:last|on|in|earlier)"
    r"|history|returns?|returned|cancelled|canceled|back ?orders?|outstanding|optional"
    r"|alternatives?|for information"
    r"|do not order|not ordered|on stock|in stock|stock list|letzte\w*|vorig\w*"
    r"|bereits (?:bestellt|geliefert)"
    r"|geliefert|retoure\w*|rückgabe|storniert|entfällt|optional|alternativ\w*|zur info"
    r"|nicht bestellen|lagerbestand"
    r"|прошл\w+|предыдущ\w+|уже (?:заказан\w*|отгружен\w*|поставлен\w*)|отгружен\w*|возврат\w*"
    r"|отменен\w*|отменён\w*"
    r"|архив|остатки|для справки|не заказывать|опционально|альтернатив\w*|снято)\b"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """The columns that answer yes or no."""

    wanted: tuple[int, ...] = ()  # they say whether the row is wanted
    marked: tuple[int, ...] = ()  # the same, by a mark: no mark, not wanted
    aside: tuple[int, ...] = ()  # they answer something else
    notes: tuple[int, ...] = ()  # remarks
    others: tuple[int, ...] = ()  # under a heading that we do not know, or under none
    unnamed: tuple[int, ...] = ()  # under none: several words there are a remark


def answers_of(texts: Sequence[str], below: Sequence[Sequence[Cell]], known: set[int]) -> Answers:
    """Which columns answer yes or no, by their cells; what about, by their headings.

    `known`: columns whose headings say what they hold.
    """
    wanted: list[int] = []
    marked: list[int] = []
    aside: list[int] = []
    notes: list[int] = []
    others: list[int] = []
    for place, title in enumerate(texts):
        if _REMARKS.search(title):
            notes.append(place)
        elif place not in known:
            others.append(place)
        first = next((row[place] for row in below if place < len(row) and row[place]), "")
        if not isinstance(first, str) or len(first) > _SHORT or first.isdecimal():
            continue
        filled = texts_of_column(below, place)
        asks = _asks_if_wanted(title)
        if all(_YES_NO.fullmatch(text) for text in filled):
            (wanted if asks or not title.strip() else aside).append(place)
        elif asks and all(_MARK.fullmatch(text) or _DECLINES.fullmatch(text) for text in filled):
            marked.append(place)
    return Answers(
        wanted=tuple(wanted),
        marked=tuple(marked),
        aside=tuple(aside),
        notes=tuple(notes),
        others=tuple(others),
        unnamed=tuple(place for place in others if not texts[place].strip()),
    )


def for_several(texts: Sequence[str], below: Sequence[Sequence[Cell]]) -> tuple[str, ...]:
    """The problems of rows that are for different places, or taken back."""
    problems: list[str] = []
    for place, title in enumerate(texts):
        if _TAKES_BACK.match(title) and any(
            text.strip("0.,") and not _DECLINES.fullmatch(text)
            for text in texts_of_column(below, place)
        ):
            problems.append("leaves-out")
        if _PLACES.fullmatch(title) and len(set(texts_of_column(below, place))) > 1:
            problems.append("places-differ")
    return tuple(problems)


def names_orders(texts: Sequence[str], place: int) -> bool:
    """True for a column of order numbers; Shopify heads its own "Name", beside "Lineitem name"."""
    return texts[place] == "Name" and any(title.startswith("Lineitem ") for title in texts)


def may_name_order(heading_text: str) -> bool:
    """True for "Bestellnummer": the order's number, or that by which a product is ordered."""
    return _MAY_NAME_ORDER.fullmatch(heading_text) is not None


def yes_or_no(below: Sequence[Sequence[Cell]], place: int) -> bool:
    """True when every filled cell of a column says yes or no."""
    return all(_YES_NO.fullmatch(text) for text in texts_of_column(below, place))


def _asks_if_wanted(title: str) -> bool:
    return _ASKS_IF_WANTED.match(title) is not None


def is_wanted(row: Sequence[Cell], answers: Answers) -> bool:
    """False for a row that says of itself that it is not, or not surely, ordered."""
    for place in (*answers.wanted, *answers.marked):
        text = text_of(row[place]) if place < len(row) else ""
        if _DECLINES.fullmatch(text) or (not text and place in answers.marked):
            return False
    aside = answers.aside
    said = [
        cell
        for place, cell in enumerate(row)
        if cell and isinstance(cell, str) and not (aside and place in aside)
    ]
    short = [cell for cell in said if cell[0] in _DECLINED_FROM and len(cell) < _SHORT]
    if any(cell.lower().strip(" .!") in _DECLINED for cell in short):
        return False
    if _STRUCK.search(" | ".join(said)) or any(_DONE.fullmatch(cell[:_MOST_NOTE]) for cell in said):
        return False
    if not (answers.notes or answers.others):
        return True
    unnamed = [one for one in _remarks(row, answers.unnamed) if len(_WORD.findall(one)) > 1]
    remarks = _remarks(row, answers.notes) + unnamed
    return not (
        any(_OPEN.search(note) for note in (*remarks, *_remarks(row, answers.others)))
        or any(_leaves_open(note) for note in remarks)
        or any(_counts(note) for note in remarks)
    )


def stays_open(row: Sequence[Cell], answers: Answers) -> bool:
    """True for a row whose remark counts or asks: a nought in it is not the last word."""
    return any(
        _OPEN.search(note) or _counts(note)
        for note in _remarks(row, (*answers.notes, *answers.others))
    )


def _remarks(row: Sequence[Cell], places: Sequence[int]) -> list[str]:
    said = (row[place] for place in places if place < len(row))
    return [cell[:_MOST_NOTE] for cell in said if isinstance(cell, str) and cell]


def _leaves_open(note: str) -> bool:
    return _DECLINES_OR_DOUBLES.search(note) is not None or any(
        pattern.search(note) for pattern, _ in DOUBTS
    )


def _counts(note: str) -> bool:
    """True for a remark that names another number of them: "2 for reception, rest for office"."""
    return any(
        not (one.reference or one.money or one.weak or is_time(one))
        and (counts_things(one) or one.unit is None)
        and not STOP_NOUNS.match(note[one.end :])
        for one in figures(note)
    )


def heads_another_list(title: str) -> bool:
    """True for the title of a part that holds no order: "Ordered last month", "Retouren"."""
    return len(title) < 60 and _OTHER_LIST.search(title) is not None
