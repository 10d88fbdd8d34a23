"""`postroom model`: train, judge, promote and take back; watch how well it does."""

import getpass
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress

from postroom.codec import to_plain

from .options import (
    ConfigOption,
    JsonOption,
    check_writable,
    configuration,
    configuration_or_defaults,
    show,
    writing,
)

app = typer.Typer(help="The classification model.")

SourcesArgument = Annotated[
    list[str] | None,
    typer.Argument(help="Labelled *.jsonl files, folders of them, or CATEGORY=MAILBOX."),
]
WhoOption = Annotated[str, typer.Option("--as", help="Who decides; else the login name.")]
SeedOption = Annotated[int, typer.Option("--seed", help="Same data and seed, same model.")]


@app.command()
def info(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Say which model is in use, how good it was when made, and who put it there."""
    from postroom.classify import train
    from postroom.classify.shelf import Shelf
    from postroom.learning import live_path

    settings = configuration_or_defaults(config)
    shelf = Shelf(folder=settings.models_dir)
    show(
        {
            **train.info(live_path(settings)),
            "candidate": shelf.candidate.stem if shelf.candidate else "",
            "history": [to_plain(change) for change in shelf.history()],
        },
        json,
    )


@app.command("train")
def train_model(
    sources: SourcesArgument = None,
    store: Annotated[
        bool, typer.Option("--store", help="Also learn from what people decided of stored mail.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Train on the sources alone and write the model here."),
    ] = None,
    seed: SeedOption = 0,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Train on the shipped corpus and your own mail; the result is a candidate.

    A fifth of your mail, by sender and thread, is held out to compare it with the live model.
    """
    from postroom.classify import train
    from postroom.learning import check_labels, examples_decided, examples_in, train_candidate
    from postroom.store.engine import Database

    if not sources and not store:
        raise typer.BadParameter("name at least one source, or use --store")
    settings = configuration_or_defaults(config) if out else configuration(config)
    if out is not None:
        with writing(out.parent):
            out.parent.mkdir(parents=True, exist_ok=True)
        check_writable(out)
    own = [example for source in sources or [] for example in examples_in(source, settings)]
    _say_strange(check_labels((example.label for example in own), settings))
    if store:
        database = Database(settings.store_url)
        try:
            own += examples_decided(settings, database)
        finally:
            database.close()
    with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("training", total=train.STEPS)
        if out is not None:
            report = train.train(own, out, seed, done=lambda: progress.advance(task))
            show(to_plain(report), json)
            return
        candidate = train_candidate(settings, own, seed, lambda: progress.advance(task))
    show(to_plain(candidate), json)
    if not json:
        told = (
            "; ".join(candidate.comparison.objections) or "`postroom model promote` makes it live"
        )
        typer.echo(f"candidate {candidate.name}: {told}", err=True)


@app.command("eval")
def evaluate_model(
    sources: SourcesArgument = None,
    html: Annotated[
        Path | None, typer.Option("--html", help="Also write a report, one file.")
    ] = None,
    file: Annotated[
        Path | None, typer.Option("--model", help="Judge this model, not the live one.")
    ] = None,
    llm: Annotated[
        bool,
        typer.Option("--llm", help="Measure the language model on mail the model is unsure of."),
    ] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Judge the model on labelled mail that it was not trained on."""
    from postroom.classify import concepts, report
    from postroom.classify.evaluation import evaluate
    from postroom.classify.scorer import Model
    from postroom.learning import check_labels, examples_in, live_path, measure_llm

    if not sources:
        raise typer.BadParameter("name at least one source")
    settings = configuration_or_defaults(config)
    if html is not None:
        check_writable(html)
    examples = [example for source in sources for example in examples_in(source, settings)]
    check_labels((example.label for example in examples), settings)
    known = concepts.load()
    threshold = settings.classification.threshold
    model = Model(file or live_path(settings), known)
    evaluation = evaluate(examples, ", ".join(sources), model, known, threshold)
    for figures in evaluation.figures:
        show(to_plain(figures), json)
    if html is not None:
        with writing(html):
            html.write_text(report.html(evaluation, threshold), encoding="utf-8")
        typer.echo(f"report: {html}", err=True)
    if llm:
        show({"llm": measure_llm(settings, evaluation)}, json)


@app.command()
def promote(
    who: WhoOption = "",
    force: Annotated[
        bool, typer.Option("--force", help="Also when it is worse, or nothing can be said.")
    ] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Make the candidate live, unless it is worse than the live model."""
    from postroom import learning

    settings = configuration(config)
    if force and not who:
        raise typer.BadParameter("--force needs --as NAME: whoever forces it stands for it")
    show(to_plain(learning.promote(settings, who or getpass.getuser(), force=force)), json)
    _say_strange(learning.strange_categories(settings))
    if settings.classification.model_file is not None:
        typer.echo(
            "postroom: classification.model_file is set and stays in use: unset it for this model",
            err=True,
        )
    _say_reload()


@app.command()
def rollback(who: WhoOption = "", config: ConfigOption = None, json: JsonOption = False) -> None:
    """Make live again what was live before."""
    from datetime import UTC, datetime

    from postroom.classify.shelf import Shelf

    shelf = Shelf(folder=configuration(config).models_dir)
    show(to_plain(shelf.rollback(who or getpass.getuser(), datetime.now(UTC))), json)
    _say_reload()


@app.command("drift")
def show_drift(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Say what the model says of the newest mail, and how often people agree."""
    from postroom.drift import drift
    from postroom.store.engine import Database

    settings = configuration(config)
    database = Database(settings.store_url)
    try:
        answer: dict[str, Any] = drift(settings, database)
    finally:
        database.close()
    show(answer, json)


def _say_strange(names: tuple[str, ...]) -> None:
    for name in names:
        typer.echo(
            f"postroom: {name!r} is no category of the configuration: what is taken for it will "
            f"wait for a person until there is [categories.{name}]",
            err=True,
        )


def _say_reload() -> None:
    sys.stderr.write("SIGHUP to `postroom serve` (systemctl reload) takes it into use.\n")
