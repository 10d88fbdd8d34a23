"""What a site's own mail teaches: candidates are trained, compared, promoted, taken back.

In: labelled mail: *.jsonl files, mailboxes given as CATEGORY=PATH (mbox, Maildir, folder of *.eml),
and what people decided of messages in the store. Out: a candidate on the shelf of models, trained
on that and on the shipped corpus, with its comparison with the live model; later its promotion.

A fifth of the site's mail is held out, by sender and thread, and is never trained on: whether a
group is held out depends on its senders alone, so it stays out in every later training, and the
live model, if it was trained here, has not seen it either.

Limits: what the shipped model knows from mail that is not part of the project (its card names it)
is not in the candidate; the comparison, on the site's own mail, says whether that matters there.
"""

import asyncio
import json
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
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
from .mailfiles import messages_in
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
    category, is_labelled, path = source.partition("=")
    if not is_labelled:
        return read_path(Path(source))
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
    held_out = is_held_out(own)
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


def is_held_out(examples: Sequence[Example]) -> list[bool]:
    """Of each example whether its group, by sender and thread, is never trained on."""
    numbers = groups(examples)
    senders: dict[int, str] = {}
    for number, example in zip(numbers, examples, strict=True):
        author = example.message.author
        name = author.text.lower() if author else example.id
        senders[number] = min(senders.get(number, name), name)
    return [zlib.crc32(senders[number].encode()) % _HELD_OUT == 0 for number in numbers]


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
