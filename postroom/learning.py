"""What a site's own mail teaches: candidates are trained, compared, promoted, taken back.

In: labelled mail: *.jsonl files, mailboxes given as CATEGORY=PATH (mbox, Maildir, folder of *.eml),
and what people decided of messages in the store. Out: a candidate on the shelf of models, trained
on that and on the shipped corpus, with its comparison with the live model; later its promotion.

A fifth of the site's mail is held out, by sender and thread, and is never trained on: the shelf
keeps each sender's side, so it stays out in every later training, whatever threads join by then,
and the live model, if it was trained here since, has not seen it either. Who was trained on is
never held out later.

Limits: training elsewhere needs the shelf's sides.json there. What the shipped model knows from
mail that is not part of the project (its card names it) is not in the candidate; the comparison, on
the site's own mail, says whether that matters there.
"""

import asyncio
import json
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from . import jobs
from .classify import concepts as vocabulary
from .classify import train as training
from .classify.compare import Comparison, Difference, compare
from .classify.evaluation import Evaluation, ask
from .classify.examples import SHIPPED as CORPUS
from .classify.examples import Example, groups, read_path
from .classify.llm import CALIBRATION, Llm, LlmCalibration
from .classify.scorer import Model
from .classify.shelf import Change, Shelf, live_model
from .config import Config
from .failure import PermanentFailure
from .mailfiles import is_mailbox, messages_in
from .message import Message
from .ownership import give_to_owner
from .reading.pool import WorkerLost, WorkerPool
from .store import decided
from .store.engine import Database

_HELD_OUT = 5  # one group in so many
_BATCH = 20  # messages a worker reads at a time


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """What came of a training at a site."""

    name: str
    out: Path
    trained_on: int  # mails, the shipped corpus included
    own: int  # mails of the site among them
    comparison: Comparison


class NotBetter(PermanentFailure):
    """The candidate must not be promoted; says why."""

    def __init__(self, objections: Sequence[str]) -> None:
        text = f"{'; '.join(objections)}. With --force and a name it is promoted all the same"
        super().__init__("candidate-not-better", ValueError(text))


def examples_in(source: str, config: Config) -> list[Example]:
    """The examples of a *.jsonl file, a folder of them, or CATEGORY=PATH of a mailbox.

    Raises CorpusError, and PermanentFailure(unreadable-source) naming the path.
    """
    whole = Path(source)
    category, is_labelled, path = source.partition("=")
    if not is_labelled or whole.exists():
        if _lacks_category(whole):
            mend = f"{source} is a mailbox: write CATEGORY={source}"
            raise PermanentFailure("unreadable-source", ValueError(mend))
        return read_path(whole)
    try:
        named = list(messages_in(Path(path).expanduser()))
    except OSError as error:
        raise PermanentFailure("unreadable-source", error) from error
    if not named:
        raise PermanentFailure("unreadable-source", ValueError(f"{path}: holds no message"))
    read = _read(config, [raw for _, raw in named])
    return [
        _example(name, message, category)
        for (name, _), message in zip(named, read, strict=True)
        if message is not None
    ]


def check_labels(labels: Iterable[str], config: Config) -> tuple[str, ...]:
    """The labels that are no category of the configuration.

    Raises PermanentFailure(no-such-category) for one that is only written otherwise.
    """
    plain = {_plainly(name): name for name in config.categories}
    strange = sorted(set(labels) - set(config.categories))
    for label in strange:
        if (meant := plain.get(_plainly(label))) is not None:
            mend = f"{label!r} is no category; write {meant}"
            raise PermanentFailure("no-such-category", ValueError(mend))
    return tuple(strange)


def strange_categories(config: Config) -> tuple[str, ...]:
    """The categories of the site's live model that the configuration does not have."""
    live = Shelf(folder=config.models_dir).live
    known = Model(live, vocabulary.load()).facts.categories if live else ()
    return tuple(name for name in known if name not in config.categories)


def examples_decided(config: Config, database: Database) -> list[Example]:
    """What people decided of messages in the store: approved as they were, or corrected."""
    with database.reading() as connection:
        rows = decided.labelled(connection)
    read = _read(config, [row.raw for row in rows])
    return [
        _example(f"m{row.message}", message, row.category)
        for row, message in zip(rows, read, strict=True)
        if message is not None
    ]


def train_candidate(
    config: Config, own: Sequence[Example], seed: int = 0, done: Callable[[], None] = lambda: None
) -> Candidate:
    """Trains on the shipped corpus and four fifths of the site's mail; compares on the rest.

    The candidate lies on the shelf on return; `done` is told of each of training.STEPS.
    Raises TrainingError, CorpusError, ModelError.
    """
    shelf = Shelf(folder=config.models_dir)
    known = shelf.sides()
    held_out = is_held_out(own, known)
    shelf.keep_sides(known | dict(zip(map(_digest, own), held_out, strict=True)))
    kept = [example for example, out in zip(own, held_out, strict=True) if not out]
    left = [example for example, out in zip(own, held_out, strict=True) if out]
    data = [*read_path(CORPUS), *kept]
    made = training.train(
        data,
        shelf.place("unfinished"),
        seed,
        threshold=config.classification.threshold,
        done=done,
    )
    path = _named(shelf, made.name)
    comparison = _compared(live_path(config), path, left)
    candidate = Candidate(
        name=made.name, out=path, trained_on=len(data), own=len(kept), comparison=comparison
    )
    path.with_suffix(".json").write_text(json.dumps(asdict(comparison)), encoding="utf-8")
    shelf.put_candidate(path)
    return candidate


def promote(config: Config, who: str, *, force: bool) -> Change:
    """Makes the candidate live, unless it is worse; by force all the same, which is recorded.

    Raises NotBetter, PermanentFailure(no-candidate).
    """
    shelf = Shelf(folder=config.models_dir)
    objections = _objections(config, shelf.candidate)
    if objections and not force:
        raise NotBetter(objections)
    return shelf.promote(who, datetime.now(UTC), forced=bool(objections), why="; ".join(objections))


def measure_llm(config: Config, evaluation: Evaluation) -> dict[str, Any]:
    """Asks the language model about the mails the model is unsure of; keeps how often it is right.

    What was measured is written for classify/llm.py. Raises PermanentFailure(llm-off).
    """
    if not config.llm.model:
        raise PermanentFailure("llm-off", ValueError("llm.model is not set"))

    async def ask_all() -> LlmCalibration:
        llm = Llm(config.llm)
        asked: Counter[str] = Counter()
        right: Counter[str] = Counter()
        for example, row in zip(evaluation.examples, evaluation.probabilities, strict=True):
            if row.max() >= config.classification.threshold:
                continue
            scores = dict(zip(evaluation.categories, row.tolist(), strict=True))
            said = await llm.ask(example.message, scores)
            if said is not None:
                asked[said] += 1
                right[said] += said == example.label
        await llm.close()
        return LlmCalibration(model=config.llm.model, asked=dict(asked), right=dict(right))

    measured = asdict(asyncio.run(ask_all()))
    config.models_dir.mkdir(parents=True, exist_ok=True)
    (config.models_dir / CALIBRATION).write_text(json.dumps(measured), encoding="utf-8")
    give_to_owner(config.models_dir)
    return measured


def live_path(config: Config) -> Path:
    """The model in use."""
    shelf = Shelf(folder=config.models_dir)
    return live_model(config.classification.model_file, shelf, vocabulary.load())[0]


def is_held_out(
    examples: Sequence[Example], known: Mapping[str, bool] = MappingProxyType({})
) -> list[bool]:
    """Of each example whether it is never trained on.

    A sender `known` from an earlier training keeps its side. Another one takes the side of those
    known in its group, by sender and thread, and is held out where these differ; without such it
    goes with its group's lot.
    """
    numbers = groups(examples, by_domain=True)
    sides: dict[int, list[bool]] = {}
    first: dict[int, str] = {}
    for number, example in zip(numbers, examples, strict=True):
        name, side = _sender(example), known.get(_digest(example))
        first[number] = min(first.get(number, name), name)
        if side is not None:
            sides.setdefault(number, []).append(side)
    fresh = {
        number: any(sides[number])
        if number in sides
        else zlib.crc32(name.encode()) % _HELD_OUT == 0
        for number, name in first.items()
    }
    return [
        known.get(_digest(example), fresh[number])
        for number, example in zip(numbers, examples, strict=True)
    ]


def _sender(example: Example) -> str:
    author = example.message.author
    return author.text.lower() if author else example.id


def _digest(example: Example) -> str:
    """Of the sender; too short to tell an address."""
    return f"{zlib.crc32(_sender(example).encode()):08x}"


def _objections(config: Config, candidate: Path | None) -> tuple[str, ...]:
    if candidate is None:
        raise PermanentFailure("no-candidate", RuntimeError("run `postroom model train` first"))
    try:
        written: Any = json.loads(candidate.with_suffix(".json").read_text(encoding="utf-8"))
        comparison = Comparison(
            **{
                **written,
                "differences": tuple(Difference(**one) for one in written["differences"]),
                "objections": tuple(written["objections"]),
            }
        )
    except (OSError, ValueError, TypeError, KeyError):
        return ("its comparison with the live model cannot be read: train it anew",)
    live = Model(live_path(config), vocabulary.load()).facts.name
    if comparison.live != live:
        return (f"it was compared with {comparison.live}, but {live} is live: train it anew",)
    return comparison.objections


def _compared(live: Path, candidate: Path, left: Sequence[Example]) -> Comparison:
    known = vocabulary.load()
    old, new = Model(live, known), Model(candidate, known)
    categories = tuple(dict.fromkeys((*old.facts.categories, *new.facts.categories)))
    usable = [example for example in left if example.label in categories]
    truth = np.array([categories.index(e.label) for e in usable], dtype=np.int64)
    answers = [
        np.array(
            [categories.index(model.facts.categories[i]) for i in said.argmax(axis=1)],
            dtype=np.int64,
        )
        for model in (old, new)
        for said in [ask(model, usable, known)]
    ]
    return compare(truth, answers[0], answers[1], categories, (old.facts.name, new.facts.name))


def _named(shelf: Shelf, name: str) -> Path:
    """Gives a model and its card the name that its weights have."""
    unfinished, path = shelf.place("unfinished"), shelf.place(name)
    unfinished.with_suffix(".md").replace(path.with_suffix(".md"))
    unfinished.replace(path)
    return path


def _lacks_category(path: Path) -> bool:
    """Whether it holds mail that nothing labels."""
    try:
        if path.is_dir():
            return not any(path.glob("*.jsonl")) and any(messages_in(path))
        return path.suffix == ".eml" or is_mailbox(path)
    except OSError:
        return False  # told by who reads it


def _plainly(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())


def _example(name: str, message: Message, category: str) -> Example:
    return Example(
        id=name,
        message=message,
        label=category,
        language=message.language,
        is_certain=True,
        source="site",
    )


def _read(config: Config, raws: Sequence[bytes]) -> list[Message | None]:
    """Messages read in worker processes; None for one that broke its reader."""

    async def read_all() -> list[Message | None]:
        pool = WorkerPool(config.reading)
        try:
            batches = [raws[i : i + _BATCH] for i in range(0, len(raws), _BATCH)]
            return [one for batch in batches for one in await _read_batch(pool, config, batch)]
        finally:
            pool.stop()

    return asyncio.run(read_all())


async def _read_batch(
    pool: WorkerPool, config: Config, raws: Sequence[bytes]
) -> list[Message | None]:
    try:
        return list(await pool.run(jobs.read_messages, list(raws), config.reading))
    except WorkerLost:
        if len(raws) == 1:
            return [None]
        # One of them broke the reader: the others shall not suffer for it.
        return [one for raw in raws for one in await _read_batch(pool, config, [raw])]
