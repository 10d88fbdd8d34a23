"""The model card: what a model was made from and how far it can be trusted.

In: the examples, the figures on held-out folds. Out: MODEL_CARD.md beside the model.
"""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from .calibration import Calibration
from .cascade import Cascade
from .examples import Example
from .judge import Classes, Figures, Numbers

# What is known of the sources the shipped model is made from.
_SOURCES = {
    "train_real_en": (
        "real English mail: Enron inboxes as published in the public record, TREC 2007 and CSDMC "
        "2010 spam; one reader each",
        "none stated; the text is not part of the project, only weights derived from it",
    ),
    "spam_extra": (
        "real spam, TREC 2007 and CSDMC 2010, labelled by its source",
        "none stated; likewise",
    ),
    "written_ru": ("mail written for the purpose, Russian", "ours"),
    "written_en_de": ("mail written for the purpose, English and German", "ours"),
}
_OUR_CORPUS = re.compile(r"(?:ru|en|de|fr|es|fres)-[a-z0-9]+")  # files of classify/corpus
_MADE = (
    "pieces.model, pieces.npy and pieces.npz are made by scripts/pieces.py from vocabulary and "
    "vectors of Google's Universal Sentence Encoder, multilingual, version 3 (Apache-2.0, see "
    "pieces.LICENSE); how telling a piece is comes from our own corpus. encoder.model, "
    "encoder.npy, encoder.onnx and encoder.npz are made by scripts/encoder.py from "
    "multilingual-e5-small (MIT, see encoder.LICENSE); the model's last layers are that "
    "encoder's, trained on."
)
# What the figures are measured against.
_TARGETS = (
    "real English accuracy 0.90 and macro-F1 0.88; written mail 0.93 in each language; at "
    "confidence 0.85 a precision of 0.98 with a coverage of 0.60; calibration error 0.03"
)


def write(
    path: Path,
    *,
    name: str,
    examples: Sequence[Example],
    groups: int,
    figures: tuple[Figures, ...],
    strangers: tuple[Figures, ...],
    cascade: Cascade,
    probabilities: Numbers,
    truth: Classes,
    threshold: float,
) -> None:
    """Writes the card."""
    parts = [
        f"# Model card: {name}\n",
        "What it is: a linear model over hashed words, letters, concepts, structure and the "
        "meaning of pieces of words (features.py), a small network that reads words in their "
        "order (network.py) and, only where those are unsure (cascade.py), a sentence encoder for "
        "many languages, its upper half trained on (encoder.py, transformer.py); their logits are "
        "added and calibrated by Platt's scaling with a slope that depends on the message "
        "(calibration.py). It proposes a "
        "category for a message at a company's address; rules and thresholds dispose.\n",
        "Not for: judging people, or acting without the checks of decide.py. It has not seen "
        "languages other than those below; text it does not know comes out unsure.\n",
        _data(examples, groups),
        _splits(cascade),
        _summary(figures, threshold),
        _strangers(strangers, threshold),
        *(_segment(figure) for figure in figures if "clear" not in figure.name),
        _reliability(probabilities, truth),
        "Written by `postroom model train`; do not edit.\n",
    ]
    path.write_text("\n".join(parts), encoding="utf-8")


def _data(examples: Sequence[Example], groups: int) -> str:
    lines = ["## Data\n", "| source | mails | certain | what | licence |", "|---|---|---|---|---|"]
    for source, mails in sorted(Counter(e.source for e in examples).items()):
        what, licence = _SOURCES.get(source, ("the site's own mail", "the site's"))
        if _OUR_CORPUS.fullmatch(source):
            what, licence = "mail written for this project, classify/corpus", "ours"
        certain = sum(e.is_certain for e in examples if e.source == source)
        lines.append(f"| {source} | {mails} | {certain} | {what} | {licence} |")
    lines.append(f"\n{len(examples)} mails in {groups} groups.\n\n{_MADE}\n")
    return "\n".join(lines)


def _splits(cascade: Cascade) -> str:
    return (
        "## Splits\n\n"
        "Five folds, grouped by sender address, by sender domain (domains with up to 25 mails), "
        "by thread (subject without prefixes, digits as one) and by opening text (near-"
        "duplicates): a group stands on one side. Every figure below is of mail left out, with "
        "calibrations fitted on the other folds.\n\n"
        "Sums are divided by a temperature; the lead of the best answer over chance, in log odds, "
        "is multiplied by a slope, and an offset added. Without the encoder:\n\n"
        f"{_formula(cascade.early)}\n\n"
        f"Where that is below {cascade.enough}, with it:\n\n{_formula(cascade.whole)}\n"
    )


def _formula(calibration: Calibration) -> str:
    factors = ", ".join(
        f"{name} {value:+.2f}"
        for name, value in (calibration.categories | calibration.languages).items()
    )
    return (
        f"temperature {calibration.temperature:.2f}, offset {calibration.offset:+.2f}, slope "
        f"exp({calibration.slope:.2f} - {calibration.unfamiliar:.2f} x share of unknown "
        f"words - {calibration.inbox:.2f} x how much it reads like mail between people + "
        f"{calibration.words:.2f} x (logarithm of one more than its words - 3.5)); by the best "
        f"answer and by language: {factors or 'none'}."
    )


def _table(figures: tuple[Figures, ...], threshold: float) -> list[str]:
    lines = [
        f"| set | mails | accuracy | macro-F1 | precision at {threshold} | coverage | "
        "calibration error |",
        "|---|---|---|---|---|---|---|",
    ]
    for figure in figures:
        lines.append(
            f"| {figure.name} | {figure.mails} | {figure.accuracy:.3f} | {figure.macro_f1:.3f} | "
            f"{_number(figure.precision, 3)} | {figure.coverage:.2f} | "
            f"{figure.calibration_error:.3f} |"
        )
    return lines


def _summary(figures: tuple[Figures, ...], threshold: float) -> str:
    lines = ["## Figures\n", f"Aimed at: {_TARGETS}.\n", *_table(figures, threshold)]
    lines.append(
        "\nClear cases: mail that the labelling reader found unmistakable; of the others a careful "
        "colleague could choose another label. Two readers agree on 96 % of such mail."
    )
    return "\n".join(lines) + "\n"


def _strangers(figures: tuple[Figures, ...], threshold: float) -> str:
    """What to expect of mail from another world than the training's."""
    lines = [
        "## Sources never seen\n",
        "Each source judged by a model that never saw it, nor some other sources (they are held "
        "out a quarter at a time): other companies, other writers.\n",
        *(_table(figures, threshold) if figures else ["There is one source only."]),
    ]
    return "\n".join(lines) + "\n"


def _segment(figures: Figures) -> str:
    lines = [f"### {figures.name}\n", "| class | mails | precision | recall |", "|---|---|---|---|"]
    for category, (mails, precision, recall) in figures.per_class.items():
        lines.append(f"| {category} | {mails} | {_number(precision, 2)} | {recall:.2f} |")
    return "\n".join(lines) + "\n"


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _reliability(probabilities: Numbers, truth: Classes) -> str:
    """The reliability diagram, as a table: how often answers of each confidence are right."""
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == truth
    lines = ["## Reliability\n", "| confidence | mails | right | |", "|---|---|---|---|"]
    for low in np.arange(0.2, 1.0, 0.1):
        inside = (confidence >= low) & (confidence < low + 0.1 + (1e-9 if low > 0.85 else 0))
        if inside.any():
            share = float(right[inside].mean())
            bar = "#" * round(share * 20)
            lines.append(f"| {low:.1f}-{low + 0.1:.1f} | {inside.sum()} | {share:.2f} | {bar} |")
    return "\n".join(lines) + "\n"
