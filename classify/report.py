"""The report of `postroom model eval`: one HTML file, nothing beside it, no script.

In: an `Evaluation`. Out: HTML with inline SVG: figures of each set, confusion matrix, reliability
diagram, coverage against precision, the surest of the wrong answers. Pure.

Limits: the worst errors show the openings of mails: the file is as confidential as the mail.
"""

from collections.abc import Iterator, Sequence
from html import escape

import numpy as np

from .evaluation import Evaluation
from .judge import Figures

_WORST = 30  # errors shown
_OPENING = 220  # characters of each
_SIDE, _EDGE = 300, 44  # of a diagram, pixels
_STYLE = """
body{font:15px/1.45 system-ui,sans-serif;color:#1c2733;max-width:1060px;margin:2em auto}
h1{font-size:1.5em}h2{font-size:1.15em;margin-top:2em}table{border-collapse:collapse}
td,th{padding:.25em .6em;text-align:right;border-bottom:1px solid #e3e8ee}
td:first-child,th:first-child,.errors td,.errors th{text-align:left}th{color:#52606d}
.side{display:flex;flex-wrap:wrap;gap:2.5em}.errors td{vertical-align:top}.small{color:#52606d}
.matrix td{width:4.2em;text-align:center}svg text{font:11px system-ui,sans-serif;fill:#52606d}
"""


def html(evaluation: Evaluation, threshold: float) -> str:
    """The report."""
    whole = evaluation.figures[0]
    parts = [
        f"<h1>Model {escape(evaluation.model)}</h1>",
        f'<p class="small">{whole.mails} mails of {escape(evaluation.source)}; sure means a '
        f"confidence of {threshold:.2f} or more.</p>",
        "<h2>Figures</h2>",
        _figures(evaluation.figures),
        "<h2>Classes</h2>",
        _classes(whole),
        "<h2>What was taken for what</h2>",
        _confusion(whole, evaluation.categories),
        '<div class="side">',
        f"<div><h2>Reliability</h2>{_reliability(evaluation)}</div>",
        f"<div><h2>Coverage and precision</h2>{_coverage(evaluation, threshold)}</div>",
        "</div>",
        "<h2>The surest errors</h2>",
        _errors(evaluation),
    ]
    title = f"Model {escape(evaluation.model)}"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style></head><body>{''.join(parts)}</body></html>\n"
    )


def _row(cells: Sequence[object], tag: str = "td") -> str:
    return "<tr>" + "".join(f"<{tag}>{escape(str(c))}</{tag}>" for c in cells) + "</tr>"


def _table(head: Sequence[str], rows: Iterator[Sequence[object]], kind: str = "") -> str:
    body = "".join(_row(row) for row in rows)
    return f'<table class="{kind}">{_row(head, "th")}{body}</table>'


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _figures(figures: Sequence[Figures]) -> str:
    head = ("set", "mails", "accuracy", "macro-F1", "precision when sure", "sure", "ECE")
    return _table(
        head,
        (
            (
                one.name,
                one.mails,
                _share(one.accuracy),
                _share(one.macro_f1),
                _share(one.precision),
                f"{one.coverage:.0%}",
                _share(one.calibration_error),
            )
            for one in figures
        ),
    )


def _classes(figures: Figures) -> str:
    return _table(
        ("class", "mails", "precision", "recall"),
        (
            (name, mails, _share(precision), _share(recall))
            for name, (mails, precision, recall) in figures.per_class.items()
        ),
    )


def _confusion(figures: Figures, categories: Sequence[str]) -> str:
    rows = []
    for category, row in zip(categories, figures.confusion, strict=True):
        whole = sum(row)
        if not whole:
            continue
        cells = "".join(
            f'<td style="background:{_shade(count / whole, given == category)}">{count or ""}</td>'
            for given, count in zip(categories, row, strict=True)
        )
        rows.append(f"<tr><td>{escape(category)}</td>{cells}</tr>")
    head = _row(("true ↓ given →", *categories), "th")
    return f'<table class="matrix">{head}{"".join(rows)}</table>'


def _shade(share: float, is_right: bool) -> str:
    red, green, blue = (46, 125, 50) if is_right else (198, 40, 40)
    return f"rgba({red},{green},{blue},{min(0.08 + 0.8 * share, 0.85) if share else 0:.2f})"


def _frame(across: str, up: str, content: str) -> str:
    size = _SIDE + 2 * _EDGE
    lines = []
    for step in range(0, 11, 2):
        x, y = _at(step / 10, 0)[0], _at(0, step / 10)[1]
        lines.append(
            f'<line x1="{_EDGE}" x2="{_EDGE + _SIDE}" y1="{y}" y2="{y}" stroke="#e3e8ee"/>'
            f'<text x="{_EDGE - 6}" y="{y + 4}" text-anchor="end">{step / 10:.1f}</text>'
            f'<text x="{x}" y="{_EDGE + _SIDE + 16}" text-anchor="middle">{step / 10:.1f}</text>'
        )
    middle = _EDGE + _SIDE / 2
    return (
        f'<svg width="{size}" height="{size}" role="img">{"".join(lines)}{content}'
        f'<text x="{middle}" y="{size - 8}" text-anchor="middle">{escape(across)}</text>'
        f'<text transform="translate(11 {middle}) rotate(-90)" text-anchor="middle">{escape(up)}'
        "</text></svg>"
    )


def _at(x: float, y: float) -> tuple[float, float]:
    return round(_EDGE + x * _SIDE, 1), round(_EDGE + (1 - y) * _SIDE, 1)


def _reliability(evaluation: Evaluation) -> str:
    """How often answers of each confidence are right; on the diagonal they mean what they say."""
    confidence, right = evaluation.confidence, evaluation.right
    (x1, y1), (x2, y2) = _at(0, 0), _at(1, 1)
    drawn = [f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="#9aa5b1"/>']
    bins = np.minimum((confidence * 10).astype(int), 9)
    for number in range(10):
        inside = bins == number
        if not inside.any():
            continue
        share, mean = float(right[inside].mean()), float(confidence[inside].mean())
        left, top = _at(number / 10, share)
        height = round(share * _SIDE, 1)
        width = _SIDE / 10 - 3
        drawn.append(
            f'<rect x="{left + 1.5}" y="{top}" width="{width}" height="{height}" fill="#90b4d8">'
            f"<title>{int(inside.sum())} mails, right {share:.2f}, said {mean:.2f}</title></rect>"
        )
    return _frame("confidence", "share that is right", "".join(drawn))


def _coverage(evaluation: Evaluation, threshold: float) -> str:
    """Precision of the surest mails, for every share of the mail that could be acted on."""
    order = np.argsort(-evaluation.confidence, kind="stable")
    right = evaluation.right[order]
    counts = np.arange(1, len(right) + 1)
    precision = np.cumsum(right) / counts
    chosen = np.unique(np.linspace(0, len(right) - 1, 200).astype(int))
    points = " ".join(
        f"{x},{y}"
        for x, y in (_at(float(counts[i] / len(right)), float(precision[i])) for i in chosen)
    )
    sure = int((evaluation.confidence >= threshold).sum())
    drawn = f'<polyline points="{points}" fill="none" stroke="#2a6fb0" stroke-width="2"/>'
    if sure:
        x, y = _at(sure / len(right), float(precision[sure - 1]))
        drawn += (
            f'<circle cx="{x}" cy="{y}" r="5" fill="#c62828"/><text x="{x}" y="{y + 22}" '
            f'text-anchor="middle">{threshold:.2f}: {precision[sure - 1]:.3f} of '
            f"{sure / len(right):.0%}</text>"
        )
    return _frame("coverage", "precision", drawn)


def _errors(evaluation: Evaluation) -> str:
    wrong = np.flatnonzero(~evaluation.right)
    worst = wrong[np.argsort(-evaluation.confidence[wrong], kind="stable")][:_WORST]
    if not len(worst):
        return "<p>None.</p>"

    def rows() -> Iterator[Sequence[object]]:
        for index in worst:
            example = evaluation.examples[index]
            said = evaluation.categories[int(evaluation.given[index])]
            text = " ".join(f"{example.message.subject} | {example.message.new_text}".split())
            sure = f"{evaluation.confidence[index]:.2f}"
            doubt = "" if example.is_certain else " (unclear)"
            signs = evaluation.signs[index]
            trusted = f"{signs.familiarity:.0%}, {signs.inbox:.0%}"
            yield example.id, example.label + doubt, f"{said} {sure}", trusted, text[:_OPENING]

    head = ("mail", "label", "said", "words known, between people", "opening")
    return _table(head, rows(), "errors")
