"""Writes the Grafana dashboard from the table below, so that it cannot drift from the metrics.

    .venv/bin/python scripts/dashboard.py      monitoring/grafana/postroom.json

A row of the dashboard is a title and its panels; a panel is a title, what it shows, a unit, and
one expression per line of the graph. tests/monitoring holds every metric and label named here
against postroom/metrics.py.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PLACE = Path(__file__).resolve().parent.parent / "monitoring" / "grafana" / "postroom.json"
_SOURCE = {"type": "prometheus", "uid": "${source}"}
_WIDTH, _HEIGHT = 24, 8  # of Grafana's grid


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One graph or number."""

    title: str
    lines: tuple[tuple[str, str], ...]  # (expression, legend)
    unit: str = "short"
    kind: str = "timeseries"  # or stat
    means: str = ""
    promise: float | None = None  # a line that shall not be crossed
    stacked: bool = False


def _quantiles(metric: str, chosen: str = "") -> tuple[tuple[str, str], ...]:
    rate = f"rate({metric}_bucket{chosen}[$__rate_interval])"
    return tuple(
        (f"histogram_quantile({share}, sum by (le) ({rate}))", f"p{round(share * 100)}")
        for share in (0.5, 0.95, 0.99)
    )


def _rate(metric: str, *by: str, per: float = 60) -> str:
    return f"sum by ({', '.join(by)}) (rate({metric}[$__rate_interval])) * {per:g}"


ROWS: tuple[tuple[str, tuple[Panel, ...]], ...] = (
    (
        "Now",
        (
            Panel(
                title="Last mail",
                kind="stat",
                unit="dateTimeFromNow",
                lines=(("postroom_last_mail_timestamp_seconds * 1000", ""),),
            ),
            Panel(
                title="Last canary",
                kind="stat",
                unit="dateTimeFromNow",
                lines=(("postroom_canary_timestamp_seconds * 1000", ""),),
            ),
            Panel(
                title="Waiting for a person",
                kind="stat",
                lines=(("postroom_reviews_waiting", ""),),
            ),
            Panel(
                title="Dead letters",
                kind="stat",
                lines=(('postroom_queue_depth{state="dead"}', ""),),
            ),
            Panel(
                title="Parts up",
                kind="stat",
                lines=(("postroom_part_up", "{{part}}"), ("postroom_database_up", "database")),
            ),
            Panel(
                title="Certificate ends",
                kind="stat",
                unit="dateTimeFromNow",
                lines=(("postroom_certificate_end_timestamp_seconds * 1000", ""),),
            ),
        ),
    ),
    (
        "Intake",
        (
            Panel(
                title="Mail, by what SMTP was told",
                means="Messages a minute",
                stacked=True,
                lines=(
                    (_rate("postroom_milter_messages_total", "disposition"), "{{disposition}}"),
                ),
            ),
            Panel(
                title="Mail against the usual of this hour",
                means="Mails an hour, and what the last four weeks had at this hour",
                lines=(
                    ("sum(increase(postroom_messages_total[1h]))", "now"),
                    ("postroom_usual_messages_per_hour", "usual"),
                ),
            ),
            Panel(
                title="LMTP's answers",
                means="Answers a minute",
                stacked=True,
                lines=(
                    (_rate("postroom_lmtp_replies_total", "code"), "{{code}}"),
                    (_rate("postroom_duplicates_total"), "duplicates"),
                ),
            ),
        ),
    ),
    (
        "Latency against the promise",
        (
            Panel(
                title="Answer to SMTP",
                unit="s",
                promise=1.0,
                lines=_quantiles("postroom_stage_seconds", '{stage="milter"}'),
            ),
            Panel(
                title="From receipt to action",
                unit="s",
                promise=2.0,
                lines=_quantiles("postroom_receipt_to_action_seconds"),
            ),
            Panel(
                title="Stages, p95",
                unit="s",
                lines=(
                    (
                        "histogram_quantile(0.95, sum by (le, stage)"
                        " (rate(postroom_stage_seconds_bucket[$__rate_interval])))",
                        "{{stage}}",
                    ),
                ),
            ),
        ),
    ),
    (
        "What it is",
        (
            Panel(
                title="Categories",
                means="Messages a minute",
                stacked=True,
                lines=((_rate("postroom_messages_total", "category"), "{{category}}"),),
            ),
            Panel(
                title="Outcome",
                means="Messages a minute",
                stacked=True,
                lines=((_rate("postroom_messages_total", "outcome"), "{{outcome}}"),),
            ),
            Panel(
                title="Confidence",
                means="Median and the least sure tenth",
                unit="percentunit",
                lines=tuple(
                    (
                        f"histogram_quantile({share}, sum by (le)"
                        " (rate(postroom_confidence_bucket[$__rate_interval])))",
                        legend,
                    )
                    for share, legend in ((0.5, "median"), (0.1, "least sure tenth"))
                ),
            ),
            Panel(
                title="Who had the last word, and was it sure",
                means="Messages a minute",
                stacked=True,
                lines=(
                    (_rate("postroom_classified_total", "source", "sure"), "{{source}} {{sure}}"),
                ),
            ),
            Panel(
                title="Familiar words",
                means="Falls as mail drifts away from what the model was trained on",
                unit="percentunit",
                lines=(
                    (
                        "histogram_quantile(0.5, sum by (le)"
                        " (rate(postroom_familiarity_bucket[$__rate_interval])))",
                        "median",
                    ),
                    ("postroom_model_loaded", "model loaded: {{part}}"),
                ),
            ),
        ),
    ),
    (
        "Who sent it",
        (
            *(
                Panel(
                    title=method.upper(),
                    means="Results a minute",
                    stacked=True,
                    lines=(
                        (
                            _rate(f'postroom_auth_results_total{{method="{method}"}}', "result"),
                            "{{result}}",
                        ),
                    ),
                )
                for method in ("spf", "dkim", "dmarc")
            ),
            Panel(
                title="Forged headers removed, stamps, signatures",
                means="A minute",
                lines=(
                    (_rate("postroom_headers_removed_total", "header"), "removed {{header}}"),
                    (_rate("postroom_stamps_total", "state"), "stamp {{state}}"),
                    (_rate("postroom_messages_signed_total", "domain"), "signed {{domain}}"),
                ),
            ),
            Panel(
                title="DMARC reports",
                means="An hour",
                lines=(
                    (_rate("postroom_dmarc_seen_total", "state", per=3600), "seen {{state}}"),
                    (_rate("postroom_dmarc_reports_total", "outcome", per=3600), "got {{outcome}}"),
                ),
            ),
        ),
    ),
    (
        "What follows",
        (
            Panel(
                title="Attempts at actions",
                means="A minute",
                stacked=True,
                lines=(
                    (_rate("postroom_attempts_total", "step", "outcome"), "{{step}} {{outcome}}"),
                ),
            ),
            Panel(
                title="Why attempts fail",
                means="A minute",
                lines=(
                    (
                        _rate('postroom_attempts_total{outcome!="done"}', "step", "reason"),
                        "{{step}} {{reason}}",
                    ),
                ),
            ),
            Panel(
                title="Destinations away",
                means="1 while the circuit breaker is open",
                lines=(("postroom_destination_away", "{{destination}}"),),
            ),
            Panel(
                title="Replies not sent, and why",
                means="An hour",
                stacked=True,
                lines=(
                    (_rate("postroom_replies_withheld_total", "reason", per=3600), "{{reason}}"),
                ),
            ),
            Panel(
                title="Queue",
                stacked=True,
                lines=(('postroom_queue_depth{state!~"done|dropped"}', "{{state}}"),),
            ),
            Panel(
                title="Ages",
                unit="s",
                lines=(
                    ("postroom_queue_age_seconds", "oldest due action"),
                    ("time() - postroom_oldest_review_timestamp_seconds", "oldest review"),
                ),
            ),
        ),
    ),
    (
        "The machine",
        (
            Panel(
                title="Reading workers killed",
                means="An hour",
                lines=((_rate("postroom_workers_lost_total", "reason", per=3600), "{{reason}}"),),
            ),
            Panel(
                title="Parts that ended by themselves",
                lines=(("postroom_part_deaths", "{{part}}"),),
            ),
            Panel(
                title="Space",
                unit="bytes",
                lines=(
                    ("postroom_free_space_bytes", "free"),
                    ("postroom_needed_space_bytes", "below this mail is deferred"),
                ),
            ),
        ),
    ),
)


def dashboard() -> dict[str, Any]:
    """The dashboard as Grafana imports it."""
    panels: list[dict[str, Any]] = []
    y = 0
    for title, row in ROWS:
        panels.append(
            {
                "id": len(panels) + 1,
                "type": "row",
                "title": title,
                "collapsed": False,
                "gridPos": {"h": 1, "w": _WIDTH, "x": 0, "y": y},
                "panels": [],
            }
        )
        y += 1
        height = 4 if row[0].kind == "stat" else _HEIGHT
        width = _WIDTH // min(len(row), 6 if row[0].kind == "stat" else 3)
        for number, panel in enumerate(row):
            across = _WIDTH // width
            place = {
                "h": height,
                "w": width,
                "x": number % across * width,
                "y": y + number // across * height,
            }
            panels.append(_panel(panel, len(panels) + 1, place))
        y += (len(row) + _WIDTH // width - 1) // (_WIDTH // width) * height
    return {
        "uid": "postroom",
        "title": "Postroom",
        "tags": ["mail"],
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {
            "list": [
                {
                    "name": "source",
                    "label": "Source",
                    "type": "datasource",
                    "query": "prometheus",
                    "current": {},
                }
            ]
        },
        "panels": panels,
    }


def _panel(panel: Panel, number: int, place: dict[str, int]) -> dict[str, Any]:
    drawn: dict[str, Any] = {"unit": panel.unit}
    if panel.kind == "timeseries":
        drawn["min"] = 0
        drawn["custom"] = {
            "fillOpacity": 20 if panel.stacked else 0,
            "stacking": {"mode": "normal" if panel.stacked else "none"},
            "thresholdsStyle": {"mode": "line" if panel.promise else "off"},
        }
    if panel.promise:
        drawn["thresholds"] = {
            "mode": "absolute",
            "steps": [
                {"color": "transparent", "value": None},
                {"color": "red", "value": panel.promise},
            ],
        }
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.means,
        "datasource": _SOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": drawn, "overrides": []},
        "targets": [
            {"refId": chr(ord("A") + at), "expr": expr, "legendFormat": legend, "range": True}
            for at, (expr, legend) in enumerate(panel.lines)
        ],
    }


def text() -> str:
    """The file's content."""
    return json.dumps(dashboard(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    PLACE.write_text(text(), encoding="utf-8")
