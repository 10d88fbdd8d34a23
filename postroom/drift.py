"""Whether the mail is still what the model was made for, and how often people agree with it.

In: the newest messages of the store, the live model, and the candidate where there is one. Out:
plain figures: how often each category is said, beside its share in the training; how much mail is
sure; how often a person who looked let the model's best guess stand; where candidate and live model
differ on what people decided.

Limits: people look at unsure mail only, so agreement is far below the accuracy of all mail. The
share of a category in the training is what its data were, not what this company gets: watch how
the distance changes, not what it is.
"""

from collections import Counter
from typing import Any

from .classify import concepts as vocabulary
from .classify.evaluation import ask
from .classify.scorer import Model
from .classify.shelf import Shelf
from .config import Config
from .learning import examples_decided, live_path
from .store import decided
from .store.engine import Database

NEWEST = 2_000  # messages looked at


def drift(config: Config, database: Database) -> dict[str, Any]:
    """The figures, ready for JSON. Raises ModelError, TemporaryFailure(database)."""
    model = Model(live_path(config), vocabulary.load())
    with database.reading() as connection:
        said = decided.said(connection, newest=NEWEST)
        reviewed = decided.agreement(connection, newest=NEWEST)
    trained: dict[str, float] = model.facts.training.get("shares", {})
    shares = _shares(Counter(one.proposed for one in said if one.proposed))
    threshold = config.classification.threshold
    mails = sum(mails for mails, _ in reviewed.values())
    return {
        "model": model.facts.name,
        "messages": len(said),
        "said": shares,
        "trained": trained,
        "distance": _distance(shares, trained) if shares and trained else None,
        "sure": _part(sum(one.confidence >= threshold for one in said), len(said)),
        "reviewed": mails,
        "agreement": _part(sum(agreed for _, agreed in reviewed.values()), mails),
        "by_category": {
            name: {"reviewed": mails, "agreed": agreed}
            for name, (mails, agreed) in reviewed.items()
        },
        "candidate": _candidate(config, database, model),
    }


def _candidate(config: Config, database: Database, live: Model) -> dict[str, Any] | None:
    """Both models on what people decided."""
    path = Shelf(folder=config.models_dir).candidate
    if path is None:
        return None
    known = vocabulary.load()
    other = Model(path, known)
    examples = examples_decided(config, database)
    best = [
        [model.facts.categories[i] for i in ask(model, examples, known).argmax(axis=1)]
        for model in (live, other)
    ]
    rows = list(zip(examples, *best, strict=True))
    return {
        "model": other.facts.name,
        "decided": len(rows),
        "live_right": sum(example.label == one for example, one, _ in rows),
        "candidate_right": sum(example.label == two for example, _, two in rows),
        "differ": [
            {"message": example.id, "label": example.label, "live": one, "candidate": two}
            for example, one, two in rows
            if one != two
        ],
    }


def _shares(counts: Counter[str]) -> dict[str, float]:
    whole = sum(counts.values())
    return {name: round(count / whole, 4) for name, count in counts.most_common()}


def _distance(one: dict[str, float], other: dict[str, float]) -> float:
    """Total variation: 0 the same, 1 nothing in common."""
    names = set(one) | set(other)
    return round(sum(abs(one.get(n, 0.0) - other.get(n, 0.0)) for n in names) / 2, 4)


def _part(some: int, whole: int) -> float | None:
    return round(some / whole, 4) if whole else None
