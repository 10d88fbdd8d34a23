"""Reads template files: YAML, every key checked, each fault named with file, line and mend.

In: a file, or a folder of *.yaml. Out: `Template`s in the order of their names, or one
TemplateError that lists all faults of all files.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import re2  # type: ignore[import-untyped]
import yaml

from postroom.failure import PermanentFailure
from postroom.order import OrderKind

from .template import FIELDS, LINE_FIELDS, LineRules, Template, pattern

_KEYS = (
    "name", "senders", "keywords", "exclude", "kind", "language", "decimal", "currency", "fields",
    "columns", "lines",
)  # fmt: skip
_LINE_KEYS = ("start", "end", "line", "more", "skip")
_KINDS = {
    "order": OrderKind.ORDER,
    "invoice": OrderKind.INVOICE,
    "order_change": OrderKind.ORDER_CHANGE,
}
T = TypeVar("T")
_LARGEST, _MOST_FILES, _LONGEST = 200_000, 1000, 2000


class TemplateError(PermanentFailure):
    """Template files that cannot be used; `faults` has one line each: file:line: mend."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("template-invalid", ValueError("\n".join(faults)))
        self.faults = faults


class _Fault(Exception):
    def __init__(self, node: yaml.Node, mend: str) -> None:
        super().__init__(mend)
        self.line = node.start_mark.line + 1
        self.mend = mend


_NOTHING = yaml.ScalarNode("", "", yaml.Mark("", 0, 0, 0, "", 0))


def load_templates(place: Path) -> tuple[Template, ...]:
    """The templates of a file or folder. Raises TemplateError."""
    faults: list[str] = []
    found: dict[str, Template] = {}
    for path in _files(place):
        try:
            template = _template(path)
        except _Fault as fault:
            faults.append(f"{path}:{fault.line}: {fault.mend}")
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            faults.append(f"{path}:{line}: is no YAML: {error.problem}")
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            faults.append(f"{path}:1: cannot be read: {error}")
        else:
            if template.name in found:
                faults.append(f"{path}:1: another file has a template named {template.name!r}")
            found[template.name] = template
    if faults:
        raise TemplateError(faults)
    return tuple(found.values())


def _files(place: Path) -> list[Path]:
    if place.is_dir():
        return sorted(place.glob("*.yaml"))[:_MOST_FILES]
    return [place]


def _template(path: Path) -> Template:
    text = path.read_text(encoding="utf-8")[:_LARGEST]
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    if not isinstance(root, yaml.MappingNode):
        raise _Fault(root or _NOTHING, "a template is a mapping; begin with `name:`")
    keys = dict(_entries(root, _KEYS, "a template"))
    if "name" not in keys:
        raise _Fault(root, "name is missing; write `name: who-writes-so`")
    fields = _patterns(keys.get("fields"), FIELDS, "fields")
    columns = {
        name: _said(node) for name, node in _pairs(keys.get("columns"), LINE_FIELDS, "columns")
    }
    lines = _lines(keys.get("lines"))
    template = Template(
        name=_said(keys["name"]),
        senders=tuple(one.lower() for one in _list(keys.get("senders"), _is_sender, _SENDER)),
        keywords=_list(keys.get("keywords")),
        exclude=_list(keys.get("exclude")),
        kind=_choice(keys.get("kind"), _KINDS, OrderKind.ORDER),
        language=_said(keys.get("language")),
        decimal=_choice(keys.get("decimal"), {",": ",", ".": "."}, ""),
        currency=_said(keys.get("currency")).upper(),
        fields=fields,
        columns=columns,
        lines=lines,
    )
    if bool(columns) == bool(lines.line):
        raise _Fault(
            root, "say how the lines look: either `columns:` of a table, or `lines:` with `line:`"
        )
    if columns and not {"quantity"} <= set(columns):
        raise _Fault(keys["columns"], "columns need `quantity`, headed as in the document")
    return template


_SENDER = "write an address, or @domain for all of a domain"


def _is_sender(text: str) -> bool:
    return text.count("@") == 1 and not text.endswith("@")


def _entries(
    node: yaml.MappingNode, known: tuple[str, ...], where: str
) -> Iterator[tuple[str, yaml.Node]]:
    for key, value in node.value:
        name = key.value if isinstance(key, yaml.ScalarNode) else ""
        if name not in known:
            raise _Fault(key, f"{where} has no key {name!r}; it has {', '.join(known)}")
        yield name, value


def _pairs(
    node: yaml.Node | None, known: tuple[str, ...], where: str
) -> Iterator[tuple[str, yaml.Node]]:
    if node is None:
        return
    if not isinstance(node, yaml.MappingNode):
        raise _Fault(node, f"{where} is a mapping of {', '.join(known)}")
    yield from _entries(node, known, where)


def _patterns(node: yaml.Node | None, known: tuple[str, ...], where: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in _pairs(node, known, where):
        compiled = _compiled(value)
        if compiled.groups < 1:
            raise _Fault(value, f"{where}.{name} needs a group ( ) around what is meant")
        found[name] = _said(value)
    return found


def _compiled(node: yaml.Node) -> Any:
    text = _said(node)
    if len(text) > _LONGEST:
        raise _Fault(node, f"a pattern may have {_LONGEST} characters")
    try:
        return pattern(text)
    except re2.error as error:
        raise _Fault(node, f"is no pattern (RE2: no look-around): {error}") from error


def _lines(node: yaml.Node | None) -> LineRules:
    found: dict[str, str] = {}
    for name, value in _pairs(node, _LINE_KEYS, "lines"):
        groups = set(_compiled(value).groupindex)
        if name in ("line", "more") and groups - set(LINE_FIELDS):
            unknown = ", ".join(sorted(groups - set(LINE_FIELDS)))
            raise _Fault(value, f"unknown group {unknown}; there are {', '.join(LINE_FIELDS)}")
        if name == "line" and not (
            "quantity" in groups and groups & {"sku", "gtin", "description"}
        ):
            raise _Fault(
                value, "a line needs the groups quantity and one of sku, gtin, description"
            )
        if name == "more" and "description" not in groups:
            raise _Fault(value, "`more` needs the group description")
        found[name] = _said(value)
    if node is not None and "line" not in found:
        raise _Fault(node, "lines need `line:`, a pattern with named groups (?P<quantity>...)")
    return LineRules(**found)


def _said(node: yaml.Node | None) -> str:
    if node is None:
        return ""
    if not isinstance(node, yaml.ScalarNode):
        raise _Fault(node, "write one text here, in quotes")
    return str(node.value)


def _list(
    node: yaml.Node | None, fits: Callable[[str], bool] = bool, mend: str = "an entry is empty"
) -> tuple[str, ...]:
    if node is None:
        return ()
    if not isinstance(node, yaml.SequenceNode):
        raise _Fault(node, "write a list: [one, two]")
    found = []
    for one in node.value:
        text = _said(one)
        if not fits(text):
            raise _Fault(one, f"{text!r}: {mend}")
        found.append(text)
    return tuple(found)


def _choice(node: yaml.Node | None, known: Mapping[str, T], default: T) -> T:
    if node is None:
        return default
    text = _said(node)
    if text not in known:
        raise _Fault(node, f"{text!r} is none of {', '.join(known)}")
    return known[text]
