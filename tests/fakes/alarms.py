"""Which of our alerts fire where a scrape says the same for hours; asked of promtool."""

import json
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

_RULES = Path(__file__).resolve().parents[2] / "monitoring" / "alerts.yml"
_LONG_M = 90  # minutes; longer than the `for` of any alert

needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed (apt: prometheus)"
)


def samples(scrape: str) -> list[Sample]:
    """What a page of /metrics says."""
    return [one for family in text_string_to_metric_families(scrape) for one in family.samples]


def assert_that_fire(alerts: Iterable[str], seen: Iterable[Sample], folder: Path) -> None:
    """Fails unless these alerts fire, and no others; `folder` is for promtool's files."""
    series = [{"series": 'up{job="postroom"}', "values": f"1x{_LONG_M}"}]
    for one in seen:
        labels = ",".join(f"{name}={json.dumps(value)}" for name, value in one.labels.items())
        series.append({"series": f"{one.name}{{{labels}}}", "values": f"{one.value}x{_LONG_M}"})
    asked = {
        "expr": 'group by (alertname) (ALERTS{alertstate="firing"})',
        "eval_time": f"{_LONG_M}m",
        "exp_samples": [{"labels": f'{{alertname="{name}"}}', "value": 1} for name in alerts],
    }
    trial = folder / "trial.yml"
    trial.write_text(  # JSON is YAML
        json.dumps(
            {
                "rule_files": [str(_RULES)],
                "evaluation_interval": "1m",
                "tests": [{"interval": "1m", "input_series": series, "promql_expr_test": [asked]}],
            }
        ),
        encoding="utf-8",
    )
    done = subprocess.run(
        ["promtool", "test", "rules", str(trial)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
