"""pyspf's evaluator, with its DNS replaced and its faults mended.

In: an identity and the answers known so far. Out: pyspf's (result, code, text); or `Needed`, which
names the records to fetch before the next run. Standard: RFC 7208.

Mended: void look-ups are counted per term (4.6.4); DNS trouble in ptr is no match (5.5); modifier
names have no case and unknown ones may repeat (6, 12); macros expand in linear time, a name too
long loses as many labels as needed (7.3); explanations (6.2) are not fetched; the domain is what
stands behind the last "@".
"""

import re
import urllib.parse
from collections.abc import Sequence

from spf import PermError, TempError, query  # type: ignore[import-untyped]

from postroom.failure import TemporaryFailure

from .resolver import Answer, Question, RecordType, Resolver

_LONGEST_RECORD = 4_096  # octets; real ones stay below it, 3.4 asks for one in a UDP answer
_LONGEST_NAME = 253
_MOST_VOID = 2  # 4.6.4
_MOST_NAMES = 10  # 4.6.4, of MX and of PTR

_MODIFIER = re.compile(r"([a-z][a-z0-9_.-]*)=(.*)", re.ASCII | re.IGNORECASE | re.DOTALL)
_MACRO = re.compile(r"%(?:([%_-])|\{([a-zA-Z])([0-9]{0,3})([rR]?)([.+,/_=-]*)\}|)", re.ASCII)
_ENDS_IN_MACRO = re.compile(r"%(?:[%_-]|\{[^{}]*\})\Z", re.ASCII)
_TOP_LABEL = re.compile(
    r"(?=[0-9-]*[a-z-])[0-9a-z](?:[0-9a-z-]*[0-9a-z])?", re.ASCII | re.IGNORECASE
)
_ESCAPES = {"%": "%", "_": " ", "-": "%20"}  # 7.1

Known = dict[Question, Answer | TemporaryFailure]


class Needed(Exception):
    """The evaluation cannot go on without these records."""

    def __init__(self, questions: Sequence[Question]) -> None:
        super().__init__(len(questions))
        self.questions = tuple(questions)


class Records:
    """What is known to all runs of one check: answers fetched, and those the resolver has at hand.

    Comparing the client with a network is the dearest step, so its results are kept too.
    """

    def __init__(self, resolver: Resolver, fetched: Known) -> None:
        self._resolver = resolver
        self._fetched = fetched
        self.matched: dict[tuple[tuple[str, ...], int], bool] = {}  # (networks, length) -> client

    def find(self, questions: Sequence[Question]) -> list[Answer | TemporaryFailure]:
        """The answers, failures in their place; raises Needed for those not known yet."""
        missing: dict[Question, None] = {}
        for question in questions:
            if question not in self._fetched:
                answer = self._resolver.known(*question)
                if answer is None:
                    missing[question] = None
                else:
                    self._fetched[question] = answer
        if missing:
            raise Needed(list(missing))
        return [self._fetched[question] for question in questions]


class SpfQuery(query):  # type: ignore[misc]
    """One run of check_host() (RFC 7208 4)."""

    def __init__(self, client: str, local: str, domain: str, helo: str, records: Records) -> None:
        """Raises PermError when the client's address is none."""
        super().__init__(i=client, s=f"{local}@{domain}", h=helo)
        self.l, self.o, self.d = local, domain, domain
        self.trouble = ""  # reason of the DNS failure behind a temperror
        self._records = records
        self._term_is_void = True  # the record itself is no term

    def check_lookups(self) -> None:
        """Counts the look-ups of a term that needs DNS; the next void one is its first."""
        self._term_is_void = False
        super().check_lookups()

    def check0(self, spf: str | None, recursion: int) -> tuple[str, int, str]:
        """Evaluates a record after its modifiers are put in pyspf's form (RFC 7208 6)."""
        if spf and len(spf) > _LONGEST_RECORD:
            raise PermError("Record too long")
        result: tuple[str, int, str] = super().check0(self._tidied(spf) if spf else spf, recursion)
        return result

    def _tidied(self, record: str) -> str:
        version, *rest = record.split(" ")
        terms = [version]
        for term in rest:
            modifier = _MODIFIER.fullmatch(term)
            if modifier is None:
                terms.append(term)
            elif modifier[1].lower() in ("redirect", "exp"):
                terms.append(f"{modifier[1].lower()}={modifier[2]}")
            else:
                # 6: ignored, but 7.1 still binds its macro-string. In an unknown modifier
                # the letters of exp= may be meant, so only the form is looked at.
                _macros(modifier[2])
        return " ".join(terms)

    def get_explanation(self, spec: str) -> None:
        """Fetches nothing: the text of exp= is not used (RFC 7208 6.2 makes it optional)."""

    def expand_domain(self, arg: str) -> str:
        """A domain-spec as a name (RFC 7208 7.1: it ends in a top label or a macro)."""
        bare = arg.removesuffix(".")
        head, dot, top = bare.rpartition(".")
        if arg and not _ENDS_IN_MACRO.search(arg[-40:]) and not (dot and _TOP_LABEL.fullmatch(top)):
            raise PermError("Invalid domain found (use FQDN)")
        return self.expand(arg)

    def expand(self, s: str, stripdot: bool = True) -> str:
        """Macro expansion (RFC 7208 7)."""
        pieces: list[str] = []
        end = 0
        for macro in _macros(s):
            pieces.append(s[end : macro.start()])
            pieces.append(_ESCAPES[macro[1]] if macro[1] else self._macro(macro))
            end = macro.end()
        name = "".join([*pieces, s[end:]]).removesuffix(".")
        while len(name) > _LONGEST_NAME and "." in name:
            name = name.partition(".")[2]
        return name

    def _macro(self, macro: re.Match[str]) -> str:
        letter, digits, reverse, delimiters = macro[2], macro[3], macro[4], macro[5] or "."
        if letter.lower() not in "slodiphv" or (digits and int(digits) == 0):
            raise PermError("Unknown macro")  # c, r and t belong to exp= texts only
        if letter.lower() == "p":
            value = str(self.getp())
        else:
            value = str(getattr(self, letter.lower()))
        for delimiter in delimiters:
            value = value.replace(delimiter, "\0")
        parts = value.split("\0")
        if reverse:
            parts.reverse()
        value = ".".join(parts[-int(digits) :] if digits else parts)
        return urllib.parse.quote(value, safe="~") if letter.isupper() else value

    def getp(self) -> str:
        """The validated name of the client; its void look-ups count once."""
        self._term_is_void = self._term_is_void and self.p is not None
        return str(super().getp())

    def dns_txt(self, domainname: str, rr: str = "TXT", ignore_void: bool = False) -> list[bytes]:
        """The texts under a name as octets: what is not ASCII is told from what is (3.1)."""
        found = self.dns(domainname, rr, ignore_void=ignore_void) if domainname else []
        return [text.encode("latin-1") for text in found]

    def dns(
        self, name: str, qtype: str, cnames: object = None, ignore_void: bool = False
    ) -> list[str]:
        """The records known under a name; TempError for one that failed, Needed for a new one."""
        name = name.lower().removesuffix(".")
        if not all(0 < len(label) < 64 for label in name.split(".")):
            return []
        answer = self._records.find([(name, RecordType[qtype])])[0]
        if isinstance(answer, TemporaryFailure):
            self.trouble = answer.reason
            raise TempError(answer.reason)
        if not answer.values and not ignore_void and not self._term_is_void:
            self._term_is_void = True
            self.void_lookups += 1
            if self.void_lookups > _MOST_VOID:
                raise PermError("Void lookup limit")
        return list(answer.values)

    def dns_mx(self, domainname: str) -> list[str]:
        """The addresses of a name's mail exchangers (RFC 7208 5.4)."""
        exchangers = self.dns(domainname, "MX")
        if len(exchangers) > _MOST_NAMES:
            raise PermError("More than 10 MX records")
        names = [text.partition(" ")[2] for text in sorted(exchangers, key=_preference)]
        self._prefetch(names)
        return [address for name in names for address in self.dns_a(name, self.A)]

    def validated_ptrs(self) -> list[str]:
        """The client's names that lead back to it, ten at most (RFC 7208 5.5)."""
        try:
            names = [str(name) for name in self.dns_ptr(self.i)][:_MOST_NAMES]
        except TempError:
            return []
        self._prefetch(names)
        return [name for name in names if self._leads_back(name)]

    def cidrmatch(self, ipaddrs: Sequence[str], n: int) -> bool:
        """Whether the client is in one of the networks; each is compared once a check."""
        key = (tuple(ipaddrs), n)
        if key not in self._records.matched:
            self._records.matched[key] = bool(super().cidrmatch(ipaddrs, n))
        return self._records.matched[key]

    def _leads_back(self, name: str) -> bool:
        try:
            return bool(self.cidrmatch(self.dns_a(name, self.A), self.cidrmax))
        except TempError:
            return False

    def _prefetch(self, names: Sequence[str]) -> None:
        valid = (name.lower().removesuffix(".") for name in names)
        self._records.find(
            [
                (name, RecordType[self.A])
                for name in valid
                if all(0 < len(label) < 64 for label in name.split("."))
            ]
        )


def _macros(text: str) -> list[re.Match[str]]:
    """The macros of a macro-string; PermError for a stray "%" or other than visible ASCII."""
    if not text.isascii() or not text.isprintable() or " " in text:
        raise PermError("Invalid character")
    found = list(_MACRO.finditer(text))
    if any(macro.group() == "%" for macro in found):
        raise PermError("Invalid macro")
    return found


def _preference(mx: str) -> int:
    return int(mx.partition(" ")[0])
