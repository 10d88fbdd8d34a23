"""Writes the reference pages from the code, so that they cannot lie; tests/test_docs.py compares.

    docs/configuration.md   postroom/config.py: keys, defaults, and the comments beside them
    docs/metrics.md         postroom/metrics.py: names, labels, help
    docs/logging.md         postroom/maillog.py: one function per event, its docstring
    docs/postroom.1         the commands (manpage.py)

Run it as `.venv/bin/python scripts/reference.py` after changing one of these modules.
"""

import inspect
import json
import re
import sys
from pathlib import Path
from typing import Any, get_args, get_origin

from prometheus_client.metrics import MetricWrapperBase
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from postroom import config, maillog, metrics

sys.path.append(str(Path(__file__).resolve().parent.parent))  # as a script it knows its folder only
from scripts import manpage

DOCS = Path(__file__).resolve().parent.parent / "docs"
_FIELD = re.compile(r"^    (\w+): ")
_CONFIGURATION = """# Configuration

One TOML file, `/etc/postroom/postroom.toml` unless `--config` or `$POSTROOM_CONFIG` names
another. Every key has a default; an unknown or wrong key stops the start with a line that names
the key and the mend. Secrets are not keys: they stand in files that keys point to. This page is
written from `postroom/config.py` by `scripts/reference.py` and tested against it.

An endpoint is `unix:/path/to/socket` or `inet:HOST:PORT`. Times are in seconds, sizes in octets.
"""
_SHIPPED_ROWS = """The rows shipped. Keys of a table of the same name in the file are laid over
one: what is not said stays as it is here. `steps = []` turns a category's steps off. A category of
another name has the defaults above.
"""


def _comments(section: type[BaseModel]) -> dict[str, str]:
    """Field -> the comment that ends its line or stands above it."""
    meanings: dict[str, str] = {}
    for base in section.__bases__:
        if base is not config.Section and issubclass(base, config.Section):
            meanings |= _comments(base)
    above: list[str] = []
    current = ""
    for line in inspect.getsource(section).splitlines():
        stripped = line.strip()
        found = _FIELD.match(line)
        if found:
            current = found[1]
            meanings[current] = " ".join(above)
            above = []
        if stripped.startswith("# "):
            above.append(stripped[2:])
        elif "  # " in line:
            said = line.split("  # ", 1)[1].strip()
            meanings[current] = f"{meanings.get(current, '')} {said}".strip()
    return meanings


def _toml(value: Any) -> str:
    if isinstance(value, Path):
        return json.dumps(str(value))
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    if value is None:
        return "unset"
    return json.dumps(value) if isinstance(value, str) else str(value)


def _rows(section: type[BaseModel], meanings: dict[str, str]) -> list[str]:
    rows = ["| key | default | meaning |", "|---|---|---|"]
    for name, field in section.model_fields.items():
        if _table_of(field) is not None:
            continue
        meaning = meanings.get(name, "").replace("|", "\\|")
        rows.append(f"| `{name}` | `{_toml(field.default)}` | {meaning}{_choices(field)} |")
    return rows


def _table_of(field: FieldInfo) -> tuple[str, type[config.Section]] | None:
    """What to write behind a sub-table's name, and its section; None for a plain key."""
    annotation: Any = field.annotation
    if isinstance(annotation, type) and issubclass(annotation, config.Section):
        return "", annotation
    of = get_args(annotation)
    if get_origin(annotation) is dict and issubclass(of[1], config.Section):
        return '."NAME"', of[1]
    return None


def _tables(title: str, section: type[config.Section]) -> list[str]:
    """A section and the tables in it."""
    parts = [f"## [{title}]\n\n{inspect.getdoc(section)}\n"]
    parts.append("\n".join(_rows(section, _comments(section))) + "\n")
    for name, field in section.model_fields.items():
        table = _table_of(field)
        if table is not None:
            parts += _tables(f"{title}.{name}{table[0]}", table[1])
    return parts


def _choices(field: FieldInfo) -> str:
    words = re.findall(r"Literal\[([^\]]*)\]", str(field.annotation))
    return f"; one of {words[0]}" if words and "tuple" not in str(field.annotation) else ""


def _category_rows() -> list[str]:
    rows = ["| category | " + " | ".join(config.CategoryRow.model_fields) + " |"]
    rows.append("|---" * (len(config.CategoryRow.model_fields) + 1) + "|")
    for name, row in config.DEFAULT_CATEGORIES.items():
        cells = (f"`{_toml(value)}`" for value in row.model_dump().values())
        rows.append(f"| `{name}` | " + " | ".join(cells) + " |")
    return rows


def configuration() -> str:
    """docs/configuration.md."""
    parts = [_CONFIGURATION]
    for name, field in config.Config.model_fields.items():
        section: Any = config.CategoryRow if name == "categories" else field.annotation
        title = "categories.NAME" if name == "categories" else name
        parts += _tables(title, section)
        if name == "categories":
            parts.append(_SHIPPED_ROWS)
            parts.append("\n".join(_category_rows()) + "\n")
    return "\n".join(parts)


def metric_page() -> str:
    """docs/metrics.md."""
    rows = [
        "# Metrics",
        "",
        "Served for Prometheus at `metrics.listen` (path `/metrics`) by `postroom serve` for all",
        "its parts together. This page is written from `postroom/metrics.py` by",
        "`scripts/reference.py`.",
        "",
        "| metric | kind | labels | meaning |",
        "|---|---|---|---|",
    ]
    for metric in vars(metrics).values():
        if isinstance(metric, MetricWrapperBase):
            (family,) = metric.describe()
            name = f"{family.name}_total" if family.type == "counter" else family.name
            labels = ", ".join(f"`{label}`" for label in metric._labelnames)
            rows.append(f"| `{name}` | {family.type} | {labels} | {family.documentation} |")
        elif isinstance(metric, metrics.Vital):
            labels = ", ".join(f"`{label}`" for label in metric.labels)
            rows.append(f"| `{metric.name}` | gauge | {labels} | {metric.meaning} |")
    return "\n".join(rows) + "\n"


def log_page() -> str:
    """docs/logging.md."""
    rows = [
        "# Log events",
        "",
        "One JSON object per line on standard output: `timestamp`, `level`, `event` and the",
        "event's own fields. No line holds a secret, a subject or a body. This page is written",
        "from `postroom/maillog.py` by `scripts/reference.py`.",
        "",
        "| event | meaning | fields |",
        "|---|---|---|",
    ]
    for name, function in inspect.getmembers(maillog, inspect.isfunction):
        if name.startswith("_") or name == "configure" or function.__module__ != maillog.__name__:
            continue
        meaning = (inspect.getdoc(function) or "").replace("\n", " ")
        fields = ", ".join(f"`{field}`" for field in inspect.signature(function).parameters)
        rows.append(f"| `{name.replace('_', '-')}` | {meaning} | {fields} |")
    return "\n".join(rows) + "\n"


PAGES = {
    "configuration.md": configuration,
    "metrics.md": metric_page,
    "logging.md": log_page,
    "postroom.1": manpage.text,
}

if __name__ == "__main__":
    for page, text in PAGES.items():
        (DOCS / page).write_text(text(), encoding="utf-8")
