"""Reads rule files: YAML with a check of every key, each fault named with file, line and mend.

In: folders of *.yaml, with lists/*.txt beside them. Out: a `Rulebook`, or one RuleError that
lists all faults of all files, so that an admin mends them in one go and the old rules can stay in
force meanwhile.

Limits: YAML as PyYAML's safe loader reads it; aliases are allowed, merge keys are not.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import NoReturn

import numpy as np
import yaml
from numpy.typing import NDArray

from postroom.classification import CATEGORIES
from postroom.config import ClassificationSection
from postroom.message import Message
from postroom.reading import language

from . import concepts, features
from .conditions import (
    CLOSED,
    HEADER,
    LISTED,
    NUMBERS,
    OPERATORS,
    SIMILAR,
    TEXTS,
    TRUTHS,
    PatternError,
    PatternSet,
)
from .rulebook import (
    SHIPPED,
    All,
    Between,
    Condition,
    Effects,
    Holds,
    Is,
    Listed,
    Not,
    Present,
    Rule,
    Rulebook,
    RuleError,
    Similar,
    Some,
)
from .similar import vector

_MOST_RULES, _DEEPEST, _MOST_CONDITIONS, _LARGEST = 2_000, 20, 20_000, 1_000_000
_MOST_EXAMPLES, _LARGEST_LIST = 200, 10_000_000
_RULE_KEYS = ("name", "because", "when", "then", "enabled")
_EFFECT_KEYS = (
    "category", "confidence", "review", "labels", "priority", "block_actions", "folder",
    "template",
)  # fmt: skip
_PRIORITIES = ("low", "normal", "high")

Names = Callable[[], Collection[str]]  # asked at every loading: files may have come since


class _Fault(Exception):
    """One fault at one place."""

    def __init__(self, node: yaml.Node, mend: str) -> None:
        super().__init__(mend)
        self.line = node.start_mark.line + 1
        self.mend = mend


def load_rules(
    section: ClassificationSection,
    categories: Collection[str] = CATEGORIES,
    templates: Names | None = None,
) -> Rulebook:
    """The shipped rules and those of the configured folder.

    `categories` and `templates` are those that a rule may give; without the latter any.
    Raises RuleError with every fault of every file.
    """
    return load_folders(SHIPPED, section.rules_dir, categories, templates)


def load_folders(
    shipped: Path | None,
    site: Path | None,
    categories: Collection[str] = CATEGORIES,
    templates: Names | None = None,
) -> Rulebook:
    """The rules of two folders; the second's come first and replace the first's by name.

    `categories` and `templates` are those that a rule may give; without the latter any.
    Raises RuleError with every fault of every file.
    """
    reader = _Reader(categories, templates() if templates else None)
    own = reader.folder(site) if site else []
    replaced = {rule.name for rule in own}
    given = [rule for rule in (reader.folder(shipped) if shipped else [])
             if rule.name not in replaced]  # fmt: skip
    if reader.problems:
        raise RuleError(reader.problems)
    reader.close(site or shipped)
    rules = tuple(rule for rule in own + given if rule.enabled)
    return Rulebook(rules=rules, sets=reader.sets, examples=reader.vectors())


class _Reader:
    """Collects rules, pattern sets and faults."""

    def __init__(self, categories: Collection[str], templates: Collection[str] | None) -> None:
        self._categories = categories
        self._templates = templates
        self.problems: list[str] = []
        self.sets: dict[str, PatternSet] = {}
        self._conditions = 0
        self._folder = self._path = Path()  # being read
        self._examples: dict[str, list[str]] = {}
        self._wanted: list[tuple[str, str]] = []  # (place, example set) of each `similar`

    def folder(self, folder: Path) -> list[Rule]:
        """The rules of all *.yaml files, in the order of their names."""
        if not folder.is_dir():
            self.problems.append(f"{folder}:0: is no folder; make it or unset rules_dir")
            return []
        self._folder = folder
        rules: dict[str, Rule] = {}
        for path in sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")]):
            for rule in self._file(path):
                if rule.name in rules:
                    mend = f"rule {rule.name!r} is also at {rules[rule.name].place}; rename one"
                    self.problems.append(f"{rule.place}: {mend}")
                rules[rule.name] = rule
        if len(rules) > _MOST_RULES:
            self.problems.append(f"{folder}:0: has over {_MOST_RULES} rules; drop some")
        return list(rules.values())

    def vectors(self) -> dict[str, NDArray[np.float32]]:
        """The example sets that rules ask for, a row for each example."""
        wanted = sorted({name for _, name in self._wanted})
        known = concepts.load() if wanted else None
        return {
            name: np.array(
                [vector(features.extract(_mail(t), known)) for t in self._examples[name]]
            )
            for name in wanted
            if known is not None
        }

    def close(self, folder: Path | None) -> None:
        """Compiles what was collected. Raises RuleError."""
        missing = [
            f"{place}: there are no examples {name!r}; add them under `examples:`"
            for place, name in self._wanted
            if name not in self._examples
        ]
        if missing:
            raise RuleError(missing)
        for field, patterns in self.sets.items():
            try:
                patterns.close()
            except PatternError as error:
                mend = f"the patterns on `{field}` are too many ({error}); simplify them"
                raise RuleError([f"{folder}:0: {mend}"]) from error

    def _file(self, path: Path) -> list[Rule]:
        try:
            content = path.read_bytes()
            if len(content) > _LARGEST:
                self.problems.append(f"{path}:1: is larger than 1 MB; split it")
                return []
            root = _root(content)
        except OSError as error:
            self.problems.append(f"{path}:0: cannot be read ({error.strerror}); mend its rights")
            return []
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 0
            self.problems.append(f"{path}:{line}: is no YAML ({error.problem}); mend the syntax")
            return []
        except (yaml.YAMLError, RecursionError):
            self.problems.append(f"{path}:1: is no YAML; mend the syntax")
            return []
        return [] if root is None else list(self._rules(path, root))

    def _rules(self, path: Path, root: yaml.Node) -> Iterator[Rule]:
        try:
            table = _mapping(root, ("rules", "examples"))
            if "examples" in table:
                self._read_examples(table["examples"])
            nodes = _sequence(table["rules"]) if "rules" in table else []
        except _Fault as fault:
            self.problems.append(f"{path}:{fault.line}: {fault.mend}")
            return
        for node in nodes:
            try:
                self._path = path
                yield self._rule(node, f"{path}:{node.start_mark.line + 1}")
            except _Fault as fault:
                self.problems.append(f"{path}:{fault.line}: {fault.mend}")

    def _read_examples(self, node: yaml.Node) -> None:
        if not isinstance(node, yaml.MappingNode):
            _fault(node, "write a mapping here, from a set's name to a list of texts")
        for key, value in node.value:
            texts = [_text(one) for one in _sequence(value)]
            if not 0 < len(texts) <= _MOST_EXAMPLES:
                _fault(value, f"give one to {_MOST_EXAMPLES} examples")
            self._examples[_text(key)] = texts

    def _rule(self, node: yaml.Node, place: str) -> Rule:
        table = _mapping(node, _RULE_KEYS)
        if "name" not in table:
            _fault(node, "a rule needs a name; add `name: ...`")
        name = _text(table["name"])
        enabled = _truth(table["enabled"]) if "enabled" in table else True
        if not enabled and "when" not in table:
            return Rule(name=name, place=place, when=All(of=()), then=Effects(), enabled=False)
        if "when" not in table or "then" not in table:
            _fault(node, f"rule {name!r} needs `when` and `then`")
        return Rule(
            name=name,
            place=place,
            when=self._condition(table["when"], 0),
            then=_effects(table["then"], self._categories, self._templates),
            because=_text(table["because"]) if "because" in table else "",
            enabled=enabled,
        )

    def _condition(self, node: yaml.Node, depth: int) -> Condition:
        self._conditions += 1
        if depth > _DEEPEST or self._conditions > _MOST_CONDITIONS:
            _fault(node, f"conditions are nested over {_DEEPEST} deep or too many; simplify")
        known = ("all", "any", "not", HEADER, SIMILAR, *TEXTS, *NUMBERS, *TRUTHS)
        if isinstance(node, yaml.SequenceNode):
            parts = tuple(self._condition(one, depth + 1) for one in node.value)
        else:
            table = _mapping(node, known, "condition")
            parts = tuple(self._one(key, value, depth) for key, value in table.items())
        if not parts:
            _fault(node, "an empty condition would match every message; say what must hold")
        return parts[0] if len(parts) == 1 else All(of=parts)

    def _one(self, key: str, node: yaml.Node, depth: int) -> Condition:
        if key in ("all", "any"):
            inner = tuple(self._condition(one, depth + 1) for one in _sequence(node))
            if not inner:
                _fault(node, f"`{key}` is empty; list conditions or remove it")
            return All(of=inner) if key == "all" else Some(of=inner)
        if key == "not":
            return Not(of=self._condition(node, depth + 1))
        if key == HEADER:
            return self._header(node)
        if key == SIMILAR:
            return self._similar(node)
        if key in TRUTHS:
            return Is(field=key, wanted=_truth(node))
        if key in NUMBERS:
            return _between(key, node)
        table = _mapping(node, (*OPERATORS, LISTED), "operator")
        listed = [self._listed(key, table.pop(LISTED))] if LISTED in table else []
        if not table and listed:
            return listed[0]
        found = self._matching(key, node, key, table)
        return All(of=(*listed, found)) if listed else found

    def _similar(self, node: yaml.Node) -> Condition:
        table = _mapping(node, ("to", "above"), "key of similar")
        if set(table) != {"to", "above"}:
            _fault(node, "`similar` needs `to`, an example set, and `above`, a likeness up to 1")
        name, least = _text(table["to"]), _number(table["above"])
        if not 0.0 < least <= 1.0:
            _fault(table["above"], "`above` is a cosine; write more than 0, up to 1")
        self._wanted.append((f"{self._path}:{node.start_mark.line + 1}", name))
        return Similar(to=name, above=least)

    def _listed(self, field: str, node: yaml.Node) -> Condition:
        """The entries of lists/NAME.txt, one a line; # begins a comment."""
        name = _text(node)
        path = self._folder / "lists" / f"{name}.txt"
        if "/" in name or name.startswith(".") or not name.isprintable():
            _fault(node, f"{name!r} is no list's name; write NAME of lists/NAME.txt")
        try:
            if path.stat().st_size > _LARGEST_LIST:
                _fault(node, f"{path} is larger than 10 MB; split it")
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError):
            _fault(node, f"{path} cannot be read as text; make it, one address or domain a line")
        entries = (line.partition("#")[0].strip().lower() for line in lines)
        return Listed(field=field, names=frozenset(entry for entry in entries if entry))

    def _header(self, node: yaml.Node) -> Condition:
        table = _mapping(node, ("name", "present", *OPERATORS), "key of header")
        if "name" not in table:
            _fault(node, "`header` needs the header's name; add `name: ...`")
        name = _text(table.pop("name")).lower()
        if "present" in table:
            if len(table) > 1:
                _fault(node, "`present` stands alone; drop it or the other operator")
            return Present(name=name, wanted=_truth(table["present"]))
        found = self._matching(HEADER, node, f"{HEADER} {name}", table)
        return replace(found, name=name) if isinstance(found, Holds) else _named(found, name)

    def _matching(
        self, field: str, node: yaml.Node, key: str, table: dict[str, yaml.Node]
    ) -> Condition:
        """Several operators in one condition must all hold; of a list of values one must."""
        if not table:
            _fault(node, f"`{field}` needs an operator: {', '.join(OPERATORS)}")
        parts = []
        for operator, value in table.items():
            numbers = []
            for one in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                text = _text(one)
                _check_closed(field, operator, one, text)
                try:
                    numbers.append(self.sets.setdefault(key, PatternSet()).add(operator, text))
                except PatternError as error:
                    _fault(one, f"{text!r} is no regular expression of RE2 ({error}); "
                                "look-around and back-references are not known")  # fmt: skip
            if not numbers:
                _fault(value, f"`{operator}` is empty; give a value or a list of them")
            parts.append(Holds(field=field, patterns=frozenset(numbers)))
        return parts[0] if len(parts) == 1 else All(of=tuple(parts))


def _root(content: bytes) -> yaml.Node | None:
    """The document's root; None where it is empty. Raises YAMLError and RecursionError."""
    loader = yaml.SafeLoader(content)
    try:
        return loader.get_single_node()
    except (ValueError, OverflowError) as error:  # an escape that chr() does not take
        problem = "an escape names no character"
        raise yaml.MarkedYAMLError(problem=problem, problem_mark=loader.get_mark()) from error
    finally:
        loader.dispose()


def _mail(text: str) -> Message:
    return Message(raw=b"", text=text, new_text=text, language=language.detect(text))


def _named(condition: Condition, name: str) -> Condition:
    """Gives every part of a header's condition the header's name."""
    match condition:
        case All(of=parts):
            return All(of=tuple(_named(part, name) for part in parts))
        case Holds():
            return replace(condition, name=name)
        case _:
            return condition


def _between(key: str, node: yaml.Node) -> Condition:
    table = _mapping(node, ("above", "below", "equals"), "operator")
    if not table:
        _fault(node, f"`{key}` needs `above`, `below` or `equals`")
    low, high = float("-inf"), float("inf")
    if "equals" in table:
        low = high = _number(table["equals"])
    if "above" in table:
        low = max(low, _number(table["above"]) + 1)
    if "below" in table:
        high = min(high, _number(table["below"]) - 1)
    return Between(field=key, low=low, high=high)


def _check_closed(field: str, operator: str, node: yaml.Node, text: str) -> None:
    """Raises _Fault where a field that has few values can have none that matches."""
    if field not in CLOSED:
        return
    alone = PatternSet()
    try:
        alone.add(operator, text)
        alone.close()
    except PatternError:
        return  # told where it is added to the others
    known = CLOSED[field]
    if not alone.match(list(known)):
        near = " or ".join(get_close_matches(text.lower(), known)) or ", ".join(known)
        _fault(node, f"{text!r} is no value of `{field}`; write {near}")


def _template(node: yaml.Node, known: Collection[str] | None) -> str:
    name = _text(node)
    if known is not None and name not in known:
        near = " or ".join(get_close_matches(name, known)) or ", ".join(sorted(known))
        _fault(node, f"{name!r} is no template; write {near}, or put {name}.en.txt.j2 "
                     "into reply.templates_dir")  # fmt: skip
    return name


def _category(node: yaml.Node, known: Collection[str]) -> str:
    name = _text(node)
    if name not in known:
        near = " or ".join(get_close_matches(name, known)) or ", ".join(known)
        _fault(node, f"{name!r} is no category; write {near}, or add [categories.{name}] "
                     "to the configuration")  # fmt: skip
    return name


def _effects(
    node: yaml.Node, categories: Collection[str], templates: Collection[str] | None
) -> Effects:
    table = _mapping(node, _EFFECT_KEYS, "effect")
    if not table:
        _fault(node, "`then` is empty; give at least one effect")
    category = _category(table["category"], categories) if "category" in table else ""
    if "confidence" in table and not category:
        _fault(table["confidence"], "`confidence` belongs to a category; add `category: ...`")
    confidence = _number(table["confidence"]) if "confidence" in table else 0.95
    if not 0.0 <= confidence <= 1.0:
        _fault(table["confidence"], "`confidence` is a probability; write 0 to 1")
    priority = _text(table["priority"]) if "priority" in table else ""
    if priority and priority not in _PRIORITIES:
        _fault(table["priority"], f"{priority!r} is no priority; write {', '.join(_PRIORITIES)}")
    labels = tuple(_text(one) for one in _sequence(table["labels"])) if "labels" in table else ()
    return Effects(
        category=category,
        confidence=confidence if category else 0.0,
        review=_truth(table["review"]) if "review" in table else False,
        labels=labels,
        priority=priority,
        block_actions=_truth(table["block_actions"]) if "block_actions" in table else False,
        folder=_text(table["folder"]) if "folder" in table else "",
        template=_template(table["template"], templates) if "template" in table else "",
    )


def _fault(node: yaml.Node, mend: str) -> NoReturn:
    raise _Fault(node, mend)


def _mapping(node: yaml.Node, known: tuple[str, ...], what: str = "key") -> dict[str, yaml.Node]:
    if not isinstance(node, yaml.MappingNode):
        _fault(node, f"write a mapping here, with {what}s {', '.join(known)}")
    table: dict[str, yaml.Node] = {}
    for key, value in node.value:
        name = _text(key)
        if name not in known:
            _fault(key, f"{name!r} is no {what}; one of {', '.join(known)}")
        if name in table:
            _fault(key, f"{name!r} stands twice; merge them (under `all` or `any`)")
        table[name] = value
    return table


def _sequence(node: yaml.Node) -> list[yaml.Node]:
    if not isinstance(node, yaml.SequenceNode):
        _fault(node, "write a list here: one `- ...` a line, or [a, b]")
    return list(node.value)


def _text(node: yaml.Node) -> str:
    if not isinstance(node, yaml.ScalarNode) or not str(node.value).strip():
        _fault(node, "write a text here, not empty")
    text = str(node.value)
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        _fault(node, f"{text!r} holds half a character; write it whole (\\U0001F600) or as itself")
    return text


def _number(node: yaml.Node) -> float:
    try:
        return float(_text(node).replace("_", ""))
    except ValueError:
        _fault(node, f"{node.value!r} is no number")


def _truth(node: yaml.Node) -> bool:
    said = _text(node).lower()
    if said not in ("true", "false", "yes", "no"):
        _fault(node, f"{node.value!r} is neither true nor false")
    return said in ("true", "yes")
