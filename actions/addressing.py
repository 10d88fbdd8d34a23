"""How an author is addressed in a reply, from the name that their mail program shows. Pure.

In: a display name, one clean line. Out: the name a letter may begin with, "First Surname" where it
was written "Surname, First", or "" where it is none of a person: an address, a login, a department,
"no reply". The templates have words of their own for nobody's name.

Limits: words, not people: who is called like a department is addressed without a name.
"""

import re

_LONGEST, _MOST_WORDS = 60, 5  # beyond, it is a sentence
_BRACKETED = re.compile(r"\([^()]*\)|\[[^\[\]]*\]|\{[^{}]*\}|<[^<>]*>")
# What follows tells of the company, the department, or the list that passed the mail on.
_REST = re.compile(r"\s*[/|\\(\[{<].*|\s+(?:[-\u2013\u2014]+|via|über|через)\s.*", re.IGNORECASE)
_LOGIN = re.compile(r"[^\W\d_]{2,}\.[^\W\d_]{2,}|_")
_NO_REPLY = ("noreply", "notreply", "dontreply", "nichtantworten", "keineantwort", "неотвеч")
# After a comma these are no first name.
_TITLES = frozenset(
    "dr prof phd dphil mba msc bsc ma ba md jr sr esq cpa llm ing dipl-ing ii iii ктн дтн".split()
)
# How words begin that name a desk or a company, not a person.
_ROLES = re.compile(
    r"\b(?:(?:info|office|service|team|dept|desk|admin|mail|shop|store|system|it|hr|sales|orders?|"
    r"support|helpdesk|accounts?|purchas(?:e|es|ing)|postmaster|webmaster|root|bot|robot|buyers?|"
    r"ltd|llc|inc|corp|plc|gmbh|ag|kg|ohg|ug|ооо|оао|зао|пао|ао|ип|офис|склад|заказы?|"
    r"заказов|сервис|служба|группа|инфо|бот|закупк[аи]|закупок|продаж|продажи|lager|büro|buero|"
    r"technik|empfang|zentrale|personal|versand|auftrag)\b|"
    r"payable|receivable|procure|billing|invoice|accounting|department|reception|customer|"
    r"secretar|manager|logisti|warehouse|dispatch|newsletter|notific|company|"
    r"einkauf|verkauf|vertrieb|buchhalt|bestell|rechnung|sekretariat|kunden|abteilung|verwaltung|"
    r"auftrags|technisch|"
    r"отдел|снабжен|бухгалт|прием|секретар|поддержк|менеджер|админ|логист|компани|рассылк|уведомл)",
    re.IGNORECASE,
)


def address_of(name: str) -> str:
    """The name as a letter addresses it, or ""."""
    folded = name.casefold().replace("ё", "е")
    letters = "".join(c for c in folded if c.isalpha())
    if any(words in letters for words in _NO_REPLY):
        return ""
    bare = _BRACKETED.sub(" ", name).strip(" \t'\"`\u2018\u2019\u201c\u201d\u201e«»")
    bare = " ".join(_REST.sub("", bare).split()).rstrip(",;:").strip()
    return _in_order(bare) if _is_person(bare) else ""


def _is_person(name: str) -> bool:
    return (
        any(c.isalpha() for c in name)
        and len(name) <= _LONGEST
        and len(name.split()) <= _MOST_WORDS
        and not any(c.isdigit() or c in "@:=;<>{}" for c in name)
        and not _LOGIN.search(name)
        and not (" " not in name and "." in name)
        and not _ROLES.search(name.casefold().replace("ё", "е"))
    )


def _in_order(name: str) -> str:
    """ "Surname, First" as "First Surname", without titles behind a comma."""
    surname, *rest = (part.strip() for part in name.split(","))
    first = [part for part in rest if not _is_title(part)]
    if first and " " in surname and not surname[0].islower():
        return ""  # "García Márquez, Gabriel" and "Ivan Petrov, Snab" are written alike
    return " ".join((*first[:1], surname)).strip()


def _is_title(part: str) -> bool:
    words = part.casefold().replace(".", "").split()
    return all(word in _TITLES for word in words)
