"""Rules that explain themselves: YAML files in, findings with reasons out.

In: the shipped rules (rules/*.yaml) and a site's folder, read after them. Out: a `Rulebook`, which
answers for a message with `Findings`. Of the rules that set a category the first match counts,
the site's before the shipped; every other effect accumulates. A site's rule of the same name
replaces a shipped one; `enabled: false` switches it off. README.md lists every key.

    rules:
      - name: hosting-invoice
        because: our host's monthly bill        # told to the reader with the match
        when:                                   # several conditions: all must hold
          author_domain: {equals: host.example}
          any:
            - subject: {words: [invoice, rechnung]}
            - attachment_name: {starts: INV}
          not:
            header: {name: X-Test, present: true}
        then: {category: invoice, confidence: 0.97}

Limits: 2,000 rules, 20 levels of all/any/not; conditions as in conditions.py.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from postroom.envelope import Envelope
from postroom.failure import PermanentFailure
from postroom.message import Message
from postroom.verdict import Verdict

from . import concepts, features
from .conditions import HEADER, NUMBERS, TEXTS, TRUTHS, PatternSet, Subject
from .features import Features
from .similar import vector

SHIPPED = Path(__file__).parent / "rules"


class RuleError(PermanentFailure):
    """The rules cannot be used; `problems` has one "file:line: mend" for each fault."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("rules-invalid")
        self.problems = tuple(problems)

    def __str__(self) -> str:
        return "\n".join(self.problems)


@dataclass(frozen=True, slots=True, kw_only=True)
class Holds:
    """One of these patterns matches a field (for a header: the one named)."""

    field: str
    patterns: frozenset[int]
    name: str = ""  # header name, lower case


@dataclass(frozen=True, slots=True, kw_only=True)
class Present:
    """A header stands, or does not."""

    name: str
    wanted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Between:
    """A number lies between two others, both included."""

    field: str
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Is:
    """A yes-or-no field is what was asked for."""

    field: str
    wanted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A field's value, or the domain of the address it is, stands in a list."""

    field: str
    names: frozenset[str]  # lower case


@dataclass(frozen=True, slots=True, kw_only=True)
class Similar:
    """The message is at least so like one of an example set."""

    to: str
    above: float  # cosine of similar.py's vectors


@dataclass(frozen=True, slots=True, kw_only=True)
class All:
    """Every condition holds."""

    of: tuple["Condition", ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Some:
    """One condition holds."""

    of: tuple["Condition", ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Not:
    """The condition does not hold."""

    of: "Condition"


Condition = Holds | Present | Between | Is | Listed | Similar | All | Some | Not


@dataclass(frozen=True, slots=True, kw_only=True)
class Effects:
    """What a match does; an empty field leaves things as they are."""

    category: str = ""
    confidence: float = 0.0  # of the category
    review: bool = False
    labels: tuple[str, ...] = ()
    priority: str = ""  # low, normal or high
    block_actions: bool = False  # neither business action nor reply
    folder: str = ""
    template: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule."""

    name: str
    place: str  # "file:line"
    when: Condition
    then: Effects
    because: str = ""
    enabled: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What the rules say of one message."""

    category: str = ""
    confidence: float = 0.0
    review: bool = False
    labels: tuple[str, ...] = ()
    priority: str = ""
    blocked: bool = False
    folder: str = ""
    template: str = ""
    matched: tuple[str, ...] = ()  # names
    reasons: tuple[str, ...] = ()  # one sentence per match


@dataclass(frozen=True, slots=True, kw_only=True)
class Rulebook:
    """All rules, ready to be applied."""

    rules: tuple[Rule, ...] = ()
    sets: Mapping[str, PatternSet] = field(default_factory=dict)  # "subject", "header x-spam" ...
    examples: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)  # name -> vectors

    def apply(
        self,
        message: Message,
        verdict: Verdict | None = None,
        envelope: Envelope | None = None,
        found: Features | None = None,
    ) -> Findings:
        """What the rules say; `found` spares reading features a second time."""
        asked = Subject(message=message, verdict=verdict, envelope=envelope)
        facts = _Facts(answers=dict(self._answers(asked)), likeness=self._likeness(message, found))
        matched = [rule for rule in self.rules if _holds(rule.when, asked, facts)]
        return _findings(matched)

    def _likeness(self, message: Message, found: Features | None) -> dict[str, float]:
        """Example set -> cosine of the example most alike; empty when no rule asks."""
        if not self.examples:
            return {}
        made = vector(found or features.extract(message, concepts.load()))
        return {name: float((known @ made).max()) for name, known in self.examples.items()}

    def _answers(self, asked: Subject) -> Iterator[tuple[str, frozenset[int]]]:
        for name, patterns in self.sets.items():
            kind, _, header = name.partition(" ")
            values = asked.message.all_headers(header) if kind == HEADER else TEXTS[kind](asked)
            yield name, patterns.match(values)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Facts:
    """What was worked out once for all rules."""

    answers: dict[str, frozenset[int]]  # set of patterns -> those that match
    likeness: dict[str, float]


def _holds(condition: Condition, asked: Subject, facts: _Facts) -> bool:
    match condition:
        case Holds(field=name, patterns=patterns, name=header):
            key = f"{HEADER} {header}" if header else name
            return not patterns.isdisjoint(facts.answers[key])
        case Present(name=name, wanted=wanted):
            return bool(asked.message.all_headers(name)) is wanted
        case Between(field=name, low=low, high=high):
            return low <= NUMBERS[name](asked) <= high
        case Is(field=name, wanted=wanted):
            return TRUTHS[name](asked) is wanted
        case Listed(field=name, names=names):
            return any(_is_listed(value, names) for value in TEXTS[name](asked))
        case Similar(to=name, above=least):
            return facts.likeness[name] >= least
        case All(of=conditions):
            return all(_holds(one, asked, facts) for one in conditions)
        case Some(of=conditions):
            return any(_holds(one, asked, facts) for one in conditions)
        case Not(of=one):
            return not _holds(one, asked, facts)


def _is_listed(value: str, names: frozenset[str]) -> bool:
    value = value.strip().lower()
    return value in names or value.rpartition("@")[2] in names


def _findings(matched: Sequence[Rule]) -> Findings:
    decisive = next((rule for rule in matched if rule.then.category), None)
    effects = [rule.then for rule in matched]
    return Findings(
        category=decisive.then.category if decisive else "",
        confidence=decisive.then.confidence if decisive else 0.0,
        review=any(one.review for one in effects),
        labels=tuple(dict.fromkeys(label for one in effects for label in one.labels)),
        priority=next((one.priority for one in effects if one.priority), ""),
        blocked=any(one.block_actions for one in effects),
        folder=next((one.folder for one in effects if one.folder), ""),
        template=next((one.template for one in effects if one.template), ""),
        matched=tuple(rule.name for rule in matched),
        reasons=tuple(_reason(rule, rule is decisive) for rule in matched),
    )


def _reason(rule: Rule, is_decisive: bool) -> str:
    then, said = rule.then, []
    if is_decisive:
        said.append(f"{then.category} ({then.confidence:.2f})")
    elif then.category:
        said.append(f"{then.category} too, but an earlier rule counts")
    said += ["review"] if then.review else []
    said += [f"label {label}" for label in then.labels]
    said += [f"priority {then.priority}"] if then.priority else []
    said += ["no actions"] if then.block_actions else []
    said += [f"folder {then.folder}"] if then.folder else []
    said += [f"template {then.template}"] if then.template else []
    because = f": {rule.because}" if rule.because else ""
    return f"rule {rule.name}{because} -> {', '.join(said)}"
