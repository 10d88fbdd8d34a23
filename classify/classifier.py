"""What is it: rules and model asked, their answers kept apart and combined by a table.

In: a `Message`, and where known its `Verdict` and `Envelope`. Out: a `Classification` that says
who had the last word and why. Rules and model are loaded once; `reload` takes new ones, or keeps
the old ones when the new have a fault. A model that cannot be used leaves the rules to go alone,
and everything to a person. With `classification.shadow` the shelf's candidate is asked beside the
live model; where they differ is logged and counted, and that is all.

    rule says   model says                     confidence          review
    nothing     anything                       the model's         below the threshold
    A           A                              the higher of both  below the threshold
    A           unsure (under one half)        the rule's          below the threshold
    A           B, or unsure with hardly any A the rule's x (1 - the model's half)   forced
    A at 0.99+  anything                       the rule's          no
    anything    the model cannot be used       the rule's, or 0    forced

A trusted spam filter's verdict (evidence.py) changes the model's probabilities before the table
is looked into. After it: a message that a machine wrote is never sure of a business category, the
model is never sure of text that is mostly no letters or digits, and a rule's `review: true` forces
a review whatever the confidence.

A classification has two halves: `begin` takes about a millisecond, `finish` ten times that where
the message `takes_long`; `classify` is both.

Limits: synchronous; asked from several threads at once it is safe.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from postroom import maillog, metrics
from postroom.classification import CATEGORIES, Classification
from postroom.config import ClassificationSection
from postroom.envelope import Envelope
from postroom.message import Message
from postroom.order import Doubtful
from postroom.verdict import Verdict

from . import aside_model, concepts, features, similar
from .evidence import SpamVerdict, spam_verdict, weighed
from .features import Features
from .rulebook import Findings, Rulebook, RuleError
from .rulefile import Names, load_rules
from .scorer import Early, Model, ModelError, Scores
from .shelf import Shelf, live_model

_CERTAIN = 0.99  # a rule this sure is not questioned
_UNSURE = 0.5  # a model less sure than this contradicts nobody
_HARDLY = 0.1  # an unsure model that gives a rule's category less contradicts all the same
_MACHINE = 0.6  # the most a machine's mail can be sure of a business category
_GARBLED = 0.6  # the most the model can be sure of text that nobody can read
_NO_BUSINESS = ("spam", "other")
_TOLD = 4  # features named in the reasons
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """Category and confidence on the way to a Classification."""

    category: str = "other"
    confidence: float = 0.0
    source: str = "model"
    forced: bool = False
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """Half a classification."""

    message: Message
    envelope: Envelope | None
    found: Features
    findings: Findings  # of the rules
    model: Model | None
    early: Early | None  # none where there is no model to be used

    @property
    def takes_long(self) -> bool:
        """The encoder has to be asked."""
        return self.early is not None and not self.early.is_enough


class Classifier:
    """Rules and model, loaded."""

    def __init__(
        self,
        section: ClassificationSection,
        shelf: Path | None = None,
        categories: Collection[str] = CATEGORIES,
        part: str = "",
        templates: Names | None = None,
    ) -> None:
        """Loads both; `shelf` is the folder of the site's own models.

        `categories` and `templates` are those of which a rule may name one. `part` is whose
        metric shows whether there is a model; without one none does.
        Raises RuleError for faulty rules; a faulty model is only reported.
        """
        self._section = section
        self._shelf = Shelf(folder=shelf) if shelf else None
        self._categories = categories
        self._templates = templates
        self._part = part
        self._rules: Rulebook = load_rules(section, categories, templates)
        self._concepts = concepts.load()
        self._model: Model | None = None
        self._shadow: Model | None = None
        self.model_fault = ""  # why there is no model, or not the site's; empty while all is well
        try:
            self._model = self._load_model()
        except ModelError as error:
            self._degrade(error)
        self._shadow = self._load_shadow()
        self._show()

    @property
    def model_name(self) -> str:
        """Identity of the model; empty when rules go alone."""
        return self._model.facts.name if self._model else ""

    @property
    def rule_count(self) -> int:
        """How many rules are in force."""
        return len(self._rules.rules)

    def reload(self) -> tuple[str, ...]:
        """Takes rules and model anew; what has a fault stays as it was, and the faults are told.

        Raises nothing: nobody waits for the thread in which a SIGHUP does it.
        """
        problems: list[str] = []
        with _keeping("rules", problems):
            self._rules = load_rules(self._section, self._categories, self._templates)
        with _keeping("model", problems):
            self._model = self._load_model()
            problems += [self.model_fault] * bool(self.model_fault)
        with _keeping("shadow", problems):
            self._shadow = self._load_shadow()
        self._show()
        return tuple(problems)

    def find(
        self, message: Message, verdict: Verdict | None = None, envelope: Envelope | None = None
    ) -> Findings:
        """What the rules say by themselves."""
        return self._rules.apply(message, verdict, envelope)

    def vector(self, message: Message) -> similar.Vector:
        """What the message is like, for finding others like it."""
        found = features.extract(message, self._concepts)
        return similar.vector(
            found, self._ask(self._model, lambda model: model.contributions(found))
        )

    def classify(
        self, message: Message, verdict: Verdict | None = None, envelope: Envelope | None = None
    ) -> Classification:
        """What the message is; never raises for anything in it."""
        return self.finish(self.begin(message, verdict, envelope))

    def begin(
        self, message: Message, verdict: Verdict | None = None, envelope: Envelope | None = None
    ) -> Begun:
        """What the rules and the model's early part say; never raises for anything in it."""
        found = features.extract(message, self._concepts)
        model = self._model  # a reload may put another in its place before the end
        return Begun(
            message=message,
            envelope=envelope,
            findings=self._rules.apply(message, verdict, envelope, found),
            model=model,
            early=self._ask(model, lambda known: known.early(found)),
            found=found,
        )

    def finish(self, begun: Begun) -> Classification:
        """What the message is; never raises for anything in it."""
        message, envelope, findings = begun.message, begun.envelope, begun.findings
        found, early = begun.found, begun.early
        scores = self._ask(begun.model, lambda known: known.whole(found, early)) if early else None
        said = dict(scores.probabilities) if scores else {}
        filtered = spam_verdict(message, envelope, self._section.spam_filters)
        changed = weighed(said, filtered) if filtered and said else {}
        answer = combine(findings, changed or said)
        answer = _of_garbled(_of_a_machine(answer, message), found)
        unsure = answer.confidence < self._section.threshold
        forced = answer.forced or findings.review
        metrics.CLASSIFIED.labels(answer.category, answer.source, "no" if unsure else "yes").inc()
        if scores:
            metrics.FAMILIARITY.observe(scores.signs.familiarity)
            self._compare(found, scores, envelope)
        return Classification(
            category=answer.category,
            confidence=round(answer.confidence, 4),
            source=answer.source,
            scores=_rounded(said),
            weighed=_rounded(changed),
            reasons=(
                *findings.reasons,
                *_filter_said(filtered),
                *self._told(answer, found, scores),
            ),
            review=unsure or forced,
            forced=forced,
            priority=findings.priority or "normal",
            labels=findings.labels,
            model=scores.facts.name if scores else "",
            blocked=findings.blocked,
            folder=findings.folder,
            template=findings.template,
        )

    def asides(self, sentences: Sequence[Doubtful]) -> frozenset[str]:
        """Those of an order's doubtful sentences that surely say nothing of its goods.

        None where what knows them cannot be used; then a person reads the order.
        """
        try:
            return aside_model.load().among(sentences)
        except ModelError as error:
            maillog.degraded(part="asides", reason=str(error))
            return frozenset()

    def orders(self, message: Message) -> bool:
        """Whether the model is sure that a message orders, whatever rules say of it."""
        said = self.classify(message).scores
        return said.get("purchase_order", 0.0) >= self._section.threshold

    def _ask(self, model: Model | None, question: Callable[[Model], T]) -> T | None:
        """What a model says; None where it cannot be used, or no longer."""
        if model is None:
            return None
        try:
            return question(model)
        except ModelError as error:
            self._degrade(error)
            return None

    def _load_model(self) -> Model:
        """The model in force; where the site's own has a fault, what is in use or is shipped."""
        path, fault = live_model(self._section.model_file, self._shelf, self._concepts)
        if fault is None:
            self.model_fault = ""
            return Model(path, self._concepts)
        instead = self._model or Model(path, self._concepts)
        self.model_fault = f"{fault}; {instead.facts.name} is used instead"
        maillog.degraded(part="model", reason=self.model_fault)
        return instead

    def _load_shadow(self) -> Model | None:
        path = self._shelf.candidate if self._shelf and self._section.shadow else None
        if path is None:
            return None
        try:
            return Model(path, self._concepts)
        except ModelError as error:
            maillog.degraded(part="shadow", reason=str(error))
            return None

    def _compare(self, found: Features, scores: Scores, envelope: Envelope | None) -> None:
        """Asks the candidate too; its word goes to log and metrics alone."""
        shadow = self._shadow
        if shadow is None:
            return
        try:
            other = shadow.score(found)
        except ModelError as error:
            maillog.degraded(part="shadow", reason=str(error))
            self._shadow = None
            return
        live, share = next(iter(scores.probabilities.items()))
        candidate, likely = next(iter(other.probabilities.items()))
        metrics.SHADOW.labels(live, candidate).inc()
        if live != candidate:
            maillog.shadow_differs(
                queue_id=envelope.queue_id if envelope else "",
                live=live,
                live_confidence=round(share, 4),
                candidate=candidate,
                candidate_confidence=round(likely, 4),
                model=shadow.facts.name,
            )

    def _degrade(self, error: ModelError) -> None:
        self._model, self.model_fault = None, str(error)
        self._show()
        maillog.degraded(part="model", reason=str(error))

    def _show(self) -> None:
        if self._part:
            metrics.MODEL_LOADED.labels(self._part).set(self._model is not None)

    def _told(self, answer: _Answer, found: Features, scores: Scores | None) -> Iterator[str]:
        if scores is None:
            yield f"no model: {self.model_fault}; rules went alone"
        else:
            best, share = next(iter(scores.probabilities.items()))
            yield f"model: {best} ({share:.2f})"
            yield from _explained(best, found, scores)
        yield from answer.reasons


@contextmanager
def _keeping(part: str, problems: list[str]) -> Iterator[None]:
    """Leaves a part as it was when the new one has a fault, which is logged and told."""
    try:
        yield
    except RuleError as error:
        maillog.degraded(part=part, reason=error.problems[0])
        problems += error.problems
    except ModelError as error:
        maillog.degraded(part=part, reason=str(error))
        problems.append(str(error))
    except Exception as error:  # noqa: BLE001  a bug in one part keeps no other back
        maillog.bug(part, error)
        problems.append(f"{part}: {type(error).__name__}; the log has the traceback")


def _rounded(probabilities: Mapping[str, float]) -> dict[str, float]:
    return {name: round(p, 4) for name, p in probabilities.items()}


def _filter_said(verdict: SpamVerdict | None) -> Iterator[str]:
    if verdict is not None:
        said = "spam" if verdict.is_spam else "no spam"
        yield f"the spam filter at {verdict.host} says {said} ({verdict.header})"


def combine(findings: Findings, probabilities: Mapping[str, float]) -> _Answer:
    """The table of the module's head; `probabilities` is empty when there is no model."""
    rule, sure = findings.category, findings.confidence
    if not probabilities:
        return _Answer(category=rule or "other", confidence=sure, source="rule", forced=True)
    best = max(probabilities, key=lambda category: probabilities[category])
    share = probabilities[best]
    if not rule:
        return _Answer(category=best, confidence=share)
    answer = _Answer(category=rule, confidence=sure, source="rule")
    if best == rule:
        return replace(answer, confidence=max(sure, share))
    # A category of the site's own that the model was not taught says nothing against the rule.
    is_unlikely = probabilities.get(rule, 1.0) < _HARDLY
    if sure >= _CERTAIN or (share < _UNSURE and not is_unlikely):
        return answer
    return replace(
        answer,
        confidence=sure * (1 - share / 2),
        forced=True,
        reasons=(f"contradiction: the rule says {rule}, the model {best}",),
    )


def _of_a_machine(answer: _Answer, message: Message) -> _Answer:
    """Lowers a business category of a message that no person wrote, or perhaps none."""
    if not message.automatic.is_automatic or answer.category in _NO_BUSINESS:
        return answer
    if answer.confidence <= _MACHINE:
        return answer
    kind = message.automatic.kind.value
    wrote = "may have written" if message.automatic.doubtful else "wrote"
    reason = f"a machine {wrote} it ({kind}): not sure of a business category"
    return replace(answer, confidence=_MACHINE, reasons=(*answer.reasons, reason))


def _of_garbled(answer: _Answer, found: Features) -> _Answer:
    """Lowers what the model makes of text that was destroyed on its way, or never was any."""
    if answer.source != "model" or answer.confidence <= _GARBLED or not found.is_garbled:
        return answer
    reason = "much of the text is no letters or digits: not sure of anything"
    return replace(answer, confidence=_GARBLED, reasons=(*answer.reasons, reason))


def _explained(category: str, found: Features, scores: Scores) -> Iterator[str]:
    """The features that spoke loudest for a category against the others, in plain words."""
    if found.is_empty:
        yield "there are no words in text or subject"
    elif scores.signs.familiarity < 0.5:
        yield f"only {scores.signs.familiarity:.0%} of the words are known to the model"
    if scores.signs.inbox > 0.5:
        yield f"reads like mail between people ({scores.signs.inbox:.0%})"
    column = scores.facts.categories.index(category)
    said = scores.contributions
    gain = (said[:, column] - said.sum(axis=1) / said.shape[1]) * found.can_be_told
    gains: dict[tuple[str, str], float] = {}
    for index in np.argsort(-gain)[: 2 * _TOLD]:
        if gain[index] <= 0.0 or len(gains) == _TOLD:
            break
        told = found.told(int(index))
        gains[told] = gains.get(told, 0.0) + float(gain[index])
    for (kind, words), value in sorted(gains.items(), key=lambda item: -item[1]):
        yield f"{kind}: '{words}' (+{value:.2f})"
    meant = float(scores.meaning[column] - scores.meaning.mean())
    if meant > 0.0:
        yield f"meaning of the words together (+{meant:.2f})"
    read = float(scores.in_order[column] - scores.in_order.mean())
    if read > 0.0:
        yield f"the words in their order (+{read:.2f})"
