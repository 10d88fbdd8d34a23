"""The house rules of the tree itself; see docs/architecture.md, 'Layout'."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
STAGES = ("milter", "lmtp", "classify", "actions")


@pytest.mark.parametrize("stage", STAGES)
def test_stage_is_linked_into_the_import_package(stage: str) -> None:
    link = ROOT / "postroom" / stage
    assert link.is_symlink(), f"{link} must be a link to ../{stage}"
    assert link.readlink() == Path("..") / stage


@pytest.mark.parametrize("stage", STAGES)
def test_stage_has_no_init_so_it_cannot_shadow_pymilter(stage: str) -> None:
    assert not (ROOT / stage / "__init__.py").exists()


# Who may import whom. A stage absent from a row's set is forbidden to that row.
MAY_IMPORT = {
    "milter": set(),
    "classify": set(),
    "actions": set(),
    "lmtp": {"classify", "actions"},
}


@pytest.mark.parametrize("stage", STAGES)
def test_imports_point_one_way(stage: str) -> None:
    for source in (ROOT / stage).rglob("*.py"):
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                parts = node.module.split(".")
                if parts[0] == "postroom" and len(parts) > 1 and parts[1] in STAGES:
                    assert parts[1] in MAY_IMPORT[stage] | {stage}, f"{source}:{node.lineno}"


def test_link_table_matches_the_install_table() -> None:
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    table = config["tool"]["setuptools"]["package-dir"]
    assert table == {"postroom": "postroom"} | {f"postroom.{s}": s for s in STAGES}


def test_every_folder_with_code_is_installed() -> None:
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    installed = set(config["tool"]["setuptools"]["packages"])
    found = {"postroom"} | {f"postroom.{stage}" for stage in STAGES}
    for top in ("postroom", *STAGES):
        for source in (ROOT / top).rglob("*.py"):
            inner = source.parent.relative_to(ROOT).parts
            if len(inner) > 1 and inner[:2] not in {("postroom", stage) for stage in STAGES}:
                found.add(".".join(inner if top == "postroom" else ("postroom", *inner)))
    assert installed == found


# Of the import package itself: who may look at the stages, and at what else of ours.
VOCABULARY = {
    *("classification", "clock", "codec", "config", "decision", "doorbell", "envelope"),
    *("examination", "failure", "heap", "lineage", "maillog", "message", "metrics", "order"),
    *("ownership", "partcode", "product"),
    "stamp",
    "succession",
    "verdict",
}


def _imported(source: Path) -> set[str]:
    """The first name below `postroom` of everything a file imports."""
    names = set()
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            module = (node.module or "").split(".")
            if node.level == 0 and module[0] == "postroom":
                names.update(module[1:2] or [alias.name for alias in node.names])
            elif node.level == 1 and source.parent == ROOT / "postroom":
                names.update(module[:1] if module[0] else [alias.name for alias in node.names])
    return names


@pytest.mark.parametrize("word", sorted(VOCABULARY))
def test_the_vocabulary_imports_nothing_but_vocabulary(word: str) -> None:
    assert _imported(ROOT / "postroom" / f"{word}.py") <= VOCABULARY


@pytest.mark.parametrize("package", ["reading", "store"])
def test_reading_and_store_import_vocabulary_only(package: str) -> None:
    for source in (ROOT / "postroom" / package).rglob("*.py"):
        assert _imported(source) <= VOCABULARY | {package}, source


def test_dmarc_reports_import_of_the_stages_only_the_hand_over_to_postfix() -> None:
    for source in (ROOT / "postroom" / "dmarc").rglob("*.py"):
        allowed = VOCABULARY | {"reading", "store", "dmarc", "actions", "__version__"}
        assert _imported(source) <= allowed, source
        actions = set(re.findall(r"postroom\.actions\.(\w+)", source.read_text(encoding="utf-8")))
        assert actions <= {"submit"}, source


@pytest.mark.parametrize("stage", STAGES)
def test_stages_import_no_part_of_the_composition(stage: str) -> None:
    allowed = VOCABULARY | {"reading", "store", stage} | MAY_IMPORT[stage] | {"__version__"}
    for source in (ROOT / stage).rglob("*.py"):
        assert _imported(source) <= allowed, source


@pytest.mark.parametrize("stage", STAGES)
def test_siblings_are_imported_relatively(stage: str) -> None:
    """Editors open milter/x.py, not postroom/milter/x.py; relative imports keep both one module."""
    for source in (ROOT / stage).glob("*.py"):
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                assert not (node.module or "").startswith(f"postroom.{stage}."), (
                    f"{source}:{node.lineno}: write `from .{(node.module or '').split('.')[-1]}`"
                )
