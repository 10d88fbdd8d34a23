"""Sensitive topics: what a machine must not answer before a person has read it. Pure.

In: the words an author wrote. Out: the topic they touch, or "". A topic is a list of words and
phrases, given by how they begin: "refund" finds "refunds", "rückerstatt" finds "Rückerstattung".
They match at the start of a word only, in any case, with any white space between them; "ё" is
"е". `[reply.sensitive]` replaces the list of a topic, turns it off with an empty list, or adds one.
Patterns run in RE2, in linear time, whatever an author or an admin writes.

Limits: words, not meaning: "no need to refund" touches the topic, and a complaint in other words
does not.
"""

import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import re2  # type: ignore[import-untyped]

SHIPPED: dict[str, tuple[str, ...]] = {
    "refund": (
        *("refund", "money back", "chargeback", "charge back", "reimburs", "compensation"),
        *("erstatt", "rückerstatt", "geld zurück", "rückzahlung", "rückbuch", "gutschrift"),
        *("schadenersatz", "schadensersatz", "entschädig"),
        *("возврат денег", "возврат средств", "возврат денежных", "верните деньги"),
        *("вернуть деньги", "возвратить деньги", "возмещени", "возместит", "компенсац", "чарджбек"),
    ),
    "dispute": (
        *("dispute", "disputing", "contest the", "wrongly charged", "incorrectly charged"),
        *("overcharged", "refuse to pay", "widerspr", "bestreite", "anfecht", "zu unrecht"),
        *("falsch berechnet", "zahlung verweiger", "strittig", "оспарива", "оспорит", "спорн"),
        *("не согласны с", "несогласны с", "не согласен с", "отказываемся платить"),
        *("отказываюсь платить", "разногласи"),
    ),
    "complaint": (
        *("complain", "unacceptable", "dissatisfied", "disappointed", "outrageous", "scandal"),
        *("beschwer", "reklam", "mangelhaft", "mängelrüge", "unzufrieden", "inakzeptabel"),
        *("unverschämt", "frechheit", "enttäuscht", "рекламаци", "жалоб", "жалуемся", "жалуюсь"),
        *("претензи", "недовол", "возмущ", "неприемлем", "безобрази", "разочарован"),
    ),
    "legal": (
        *("lawyer", "attorney", "solicitor", "lawsuit", "legal action", "legal proceedings"),
        *("legal department", "take you to court", "sue you", "subpoena", "litigation", "court "),
        *("cease and desist", "breach of contract", "terminate the contract", "liability claim"),
        *("anwalt", "anwält", "rechtsanwalt", "rechtsanwält", "rechtsabteilung", "klage "),
        *(
            "verklag",
            "gericht ",
            "gerichtlich",
            "abmahn",
            "unterlassung",
            "mahnbescheid",
            "rechtliche schritte",
        ),
        *("vertragsbruch", "fristlos", "kündig", "юрист", "адвокат", "иск ", "исков", "в суд"),
        *("судебн", "досудебн", "прокурат", "роспотребнадзор", "расторжен", "расторгнуть"),
        *("нарушение договора", "юридическ"),
    ),
    "privacy": (
        *("gdpr", "ccpa", "data protection", "personal data", "data subject", "privacy request"),
        *("right to be forgotten", "right of access", "erase my", "delete my data", "data breach"),
        *("dsgvo", "datenauskunft", "auskunft nach art", "löschung meiner", "meine daten"),
        *("personenbezogen", "datenschutzverletz", "datenschutzbeauftragt", "datenpanne"),
        *("персональных данных", "персональные данные", "персональным данным", "152-фз"),
        *("удалите мои данные", "удалить мои данные", "утечк", "отзыв согласия"),
    ),
    "fraud": (
        *("fraud", "scam", "phishing", "identity theft", "stolen card", "unauthorised payment"),
        *("unauthorized payment", "unauthorised transaction", "unauthorized transaction"),
        *("betrug", "betrüg", "gestohlen", "identitätsdiebstahl", "strafanzeige", "polizei"),
        *("мошен", "обман", "украден", "похищен", "полици", "фишинг"),
    ),
    "safety": (
        *("injur", "accident ", "hazard", "product recall", "caught fire", "allerg"),
        *("verletz", "unfall", "produktrückruf", "rückrufaktion", "vergift", "stromschlag"),
        *("травм", "несчастн", "авари", "отзыв продук", "загорел", "отравл"),
        *("удар током",),
    ),
}
# What a shipped word means every day, not counted as the topic: the verb "ankündigen" taken apart,
# and what every company's letter says of itself.
_EVERYDAY = {
    "legal": (
        re2.compile(
            r"(?:^|[^\pL\pN])(?P<word>kündig(?:e|en|t|te|ten))(?P<between>[^.!?;:,]{0,120}\s)"
            r"an\s*(?:[.!?;:,)]|$|\n)"
        ),
        re2.compile(
            r"(?:^|[^\pL\pN])(?P<word>юридическ\pL+)(?P<between>"
            r"(?:[\s/(),]+(?:и\s+)?(?:фактическ|почтов)\pL+)?[\s)]+)"
            r"(?:адрес|лиц|наименован|назван)"
        ),
        re2.compile(r"адрес\pL*[\s(]+(?P<word>юридическ\pL+)(?P<between>)"),
    ),
}
_NOT_EVERYDAY = ("vertr", " und ", " oder ")  # two things are said, or one of a contract
_MOST_TEXT = 200_000  # characters looked at, subject included


def sensitive_topic(words: str, changed: Mapping[str, tuple[str, ...]]) -> str:
    """The first topic that the words touch, or ""; `changed` is `[reply.sensitive]`."""
    folded = _folded(words[:_MOST_TEXT])
    for topic, pattern in _patterns(tuple(sorted(changed.items()))):
        everyday = () if topic in changed else _EVERYDAY.get(topic, ())
        if pattern.search(_without(folded, everyday)):
            return topic
    return ""


def _without(folded: str, everyday: tuple[Any, ...]) -> str:
    """The words without those that are meant as every day."""
    for pattern in everyday:
        folded = pattern.sub(_masked, folded)
    return folded


def _masked(found: Any) -> str:
    said = " ".join(found["between"].split())
    if any(words in f" {said} " for words in _NOT_EVERYDAY):
        return str(found[0])
    return str(found[0]).replace(found["word"], " ", 1)


@lru_cache(maxsize=8)
def _patterns(changed: tuple[tuple[str, tuple[str, ...]], ...]) -> list[tuple[str, Any]]:
    topics = SHIPPED | dict(changed)
    written = {topic: [w for w in words if w.strip()] for topic, words in topics.items()}
    return [(topic, _pattern(words)) for topic, words in written.items() if words]


def _pattern(words: list[str]) -> Any:
    starts = (_start(word) for word in words)
    # RE2's \b knows ASCII only; a word begins where no letter or digit stands before it.
    return re2.compile(rf"(?:^|[^\pL\pN])(?:{'|'.join(starts)})")


def _start(word: str) -> str:
    """A phrase as a pattern; one that ends in a space is a whole word."""
    pattern = r"\s+".join(re2.escape(part) for part in _folded(word).split())
    return rf"{pattern}(?:[^\pL\pN]|$)" if word.endswith(" ") else pattern


def _folded(words: str) -> str:
    encodable = words.encode("utf-8", "replace").decode()  # RE2 takes no lone surrogates
    plain = unicodedata.normalize("NFKC", encodable).casefold().replace("ё", "е")
    # Soft hyphens and the like would split a word that reads as one.
    return "".join(c for c in plain if unicodedata.category(c) != "Cf")
