"""Dashboard and alerts speak of metrics that exist, and do what they say."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import Gauge
from prometheus_client.metrics import MetricWrapperBase

from postroom import metrics
from scripts import dashboard
from tests.fakes.alarms import needs_promtool

ROOT = Path(__file__).resolve().parents[2]
MONITORING = ROOT / "monitoring"
ALERTS = yaml.safe_load((MONITORING / "alerts.yml").read_text(encoding="utf-8"))
RULES = [rule for group in ALERTS["groups"] for rule in group["rules"]]


def _exported() -> dict[str, tuple[str, ...]]:
    """Every name that /metrics can have, with its labels."""
    found: dict[str, tuple[str, ...]] = {}
    for metric in vars(metrics).values():
        if isinstance(metric, metrics.Vital):
            found[metric.name] = metric.labels
        elif isinstance(metric, MetricWrapperBase):
            (family,) = metric.describe()
            labels = tuple(metric._labelnames)
            match family.type:
                case "counter":
                    found[f"{family.name}_total"] = labels
                case "histogram":
                    for end in ("bucket", "sum", "count"):
                        found[f"{family.name}_{end}"] = (*labels, "le")
                case _:
                    found[family.name] = labels
    return found


def _expressions() -> list[str]:
    panels: Any = dashboard.dashboard()["panels"]
    shown = [target["expr"] for panel in panels for target in panel.get("targets", ())]
    return [*shown, *(rule["expr"] for rule in RULES)]


def _unknown(expression: str, exported: dict[str, tuple[str, ...]]) -> list[str]:
    """Names and labels in an expression that nothing exports."""
    wrong = []
    known: set[str] = {"job", "instance"}
    for name, chosen in re.findall(r"(postroom_\w+)(\{[^}]*\})?", expression):
        if name not in exported:
            wrong.append(name)
            continue
        known |= set(exported[name])
        wrong += [
            f"{name}{{{label}}}"
            for label in re.findall(r"(\w+)\s*[=!]", chosen)
            if label not in (*exported[name], "job", "instance")
        ]
    grouped = re.findall(r"by \(([^)]*)\)", expression)
    by = {label.strip() for labels in grouped for label in labels.split(",") if label.strip()}
    return [*wrong, *sorted(by - known)]


@pytest.mark.parametrize("expression", _expressions())
def test_every_metric_and_label_that_is_asked_for_is_exported(expression: str) -> None:
    assert _unknown(expression, _exported()) == []


def test_every_metric_that_a_page_names_is_exported() -> None:
    exported = {re.sub(r"_(bucket|sum|count)$", "", name) for name in _exported()}
    of_the_role = {"postroom_canary", "postroom_log_days", "postroom_options", "postroom_ref"}
    for page in sorted((ROOT / "docs").glob("*.md")):
        named = set(re.findall(r"`(postroom_[a-z_]+)", page.read_text(encoding="utf-8")))
        assert named - of_the_role <= exported, page.name


def test_a_part_that_never_sets_a_gauge_says_nothing_with_it() -> None:
    gauges = [metric for metric in vars(metrics).values() if isinstance(metric, Gauge)]
    assert gauges
    for gauge in gauges:  # one without labels is 0 from the start; only these modes pass over that
        assert gauge._labelnames or gauge._multiprocess_mode in ("mostrecent", "livemostrecent")


def test_the_test_of_expressions_finds_what_is_wrong() -> None:
    exported = _exported()
    assert _unknown("sum by (colour) (postroom_messages_total)", exported) == ["colour"]
    assert _unknown('postroom_messages_total{colour="red"}', exported)
    assert _unknown("postroom_no_such", exported) == ["postroom_no_such"]


def test_the_dashboard_is_the_one_that_the_table_makes() -> None:
    written = (MONITORING / "grafana" / "postroom.json").read_text(encoding="utf-8")
    assert written == dashboard.text(), "run .venv/bin/python scripts/dashboard.py"


def test_panels_do_not_overlap_and_each_has_its_own_number() -> None:
    panels = json.loads(dashboard.text())["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    cells: set[tuple[int, int]] = set()
    for panel in panels:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        mine = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not mine & cells, panel["title"]
        cells |= mine


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_every_alert_has_a_runbook(rule: dict[str, Any]) -> None:
    page, _, anchor = rule["annotations"]["runbook"].partition("#")
    headings = re.findall(r"(?m)^#+ (.*)$", (ROOT / page).read_text(encoding="utf-8"))
    assert anchor == rule["alert"].lower()
    assert rule["alert"] in headings, f"{page} has no heading {rule['alert']}"


def test_every_alert_is_tried() -> None:
    tried = (MONITORING / "alerts.test.yml").read_text(encoding="utf-8")
    assert [rule["alert"] for rule in RULES if rule["alert"] not in tried] == []


@needs_promtool
@pytest.mark.slow
def test_promtool_finds_the_rules_sound_and_their_tests_pass() -> None:
    for command in (["check", "rules", "alerts.yml"], ["test", "rules", "alerts.test.yml"]):
        done = subprocess.run(
            ["promtool", *command],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            cwd=MONITORING,
        )
        assert done.returncode == 0, done.stdout + done.stderr
