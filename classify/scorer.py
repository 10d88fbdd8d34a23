"""The ONNX model: loaded once, asked for every message, some milliseconds each.

In: `Features`. Out: `Scores`: a calibrated probability for each category and what each feature
said. The graph (made by export.py) has two parts; each is run where its input is given. The early
one adds up a table of hashed weights (Gather, Mul, ReduceSum), a small one for the meaning of the
text (MatMul) and a network that reads words in order. The other is the upper half of a sentence
encoder (encoder.py), asked where the early one is unsure (cascade.py).
Everything that belongs to the weights stands in the same file, as ONNX metadata, so that no
half of a model can be swapped: categories, versions of features and concepts, calibration.

Limits: several threads may ask at once; each answer is made on one.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from postroom.failure import PermanentFailure

from . import encoder, features
from .calibration import Calibration, Signs
from .cascade import Cascade
from .concepts import Concepts
from .encoder import Encoder
from .features import Features
from .runtime import session

SHIPPED = Path(__file__).parent / "model" / "postroom.onnx"
FORMAT = 8  # of the metadata and the graph's answers


class ModelError(PermanentFailure):
    """The model cannot be used; `text` says which file, why, and the mend."""

    def __init__(self, path: Path, mend: str, cause: BaseException | None = None) -> None:
        super().__init__("model-unusable", cause)
        self.text = f"{path}: {mend}"

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the model's file says of itself."""

    name: str  # identity: changes with every weight
    categories: tuple[str, ...]
    cascade: Cascade
    training: dict[str, Any]  # digest and size of the data, seed, figures: for `model info`


@dataclass(frozen=True, slots=True, kw_only=True)
class Early:
    """What the early part says of one message: what the whole goes on from."""

    sums: NDArray[np.float32]  # [category]: logits
    probabilities: list[float]  # by the model's order of categories
    is_enough: bool  # the answer stands, the encoder is not asked
    signs: Signs  # what says how far the answer can be trusted
    contributions: NDArray[np.float32]  # [feature, category]: what each added, in logits
    meaning: NDArray[np.float32]  # [category]: what the meaning of the text added
    in_order: NDArray[np.float32]  # [category]: what words in order added


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """The model's answer for one message."""

    facts: Facts  # of the model
    probabilities: dict[str, float]  # category -> calibrated probability, largest first
    signs: Signs  # what says how far the answer can be trusted
    contributions: NDArray[np.float32]  # [feature, category]: what each added, in logits
    meaning: NDArray[np.float32]  # [category]: what the meaning of the text added
    in_order: NDArray[np.float32]  # [category]: what words in order, and the encoder, added


class Model:
    """A loaded model."""

    def __init__(self, path: Path, concepts: Concepts) -> None:
        """Loads the file. Raises ModelError: missing, corrupt, or made for other features."""
        self._encoder = _reader()
        self._session = _opened(path)
        self.facts = _facts(path, self._session, concepts, self._encoder)
        self._nothing = _nothing(self._session)

    def score(self, found: Features) -> Scores:
        """The probabilities for one message. Raises ModelError when the runtime fails."""
        return self.whole(found, self.early(found))

    def early(self, found: Features) -> Early:
        """What the early part says; a millisecond. Raises ModelError when the runtime fails."""
        sums, table, meant, in_order, inbox, _ = self._run(lambda: self._for_early(found))
        contributions, known = table[:, :-1], table[:, -1]
        words = found.is_word
        weight = float(found.weights[words].sum())
        signs = Signs(
            familiarity=min(float(known[words].sum()) / weight, 1.0) if weight else 0.0,
            inbox=float(inbox[0]),
            words=int(np.count_nonzero(words)),
            language=found.language,
        )
        cascade = self.facts.cascade
        said = cascade.early.probabilities(sums.tolist(), self.facts.categories, signs)
        return Early(
            sums=sums,
            probabilities=said,
            is_enough=cascade.is_enough(said),
            signs=signs,
            contributions=contributions,
            meaning=meant,
            in_order=in_order,
        )

    def whole(self, found: Features, early: Early) -> Scores:
        """The answer; where the early part is unsure the encoder is asked, for ten times as long.

        Raises ModelError when the runtime fails.
        """
        names, said, in_order = self.facts.categories, early.probabilities, early.in_order
        if not early.is_enough:
            by_encoder = self._run(lambda: self._in_context(found, early.signs.inbox))[-1]
            in_order = in_order + by_encoder
            sums = (early.sums + by_encoder).tolist()
            said = self.facts.cascade.whole.probabilities(sums, names, early.signs)
        largest_first = sorted(zip(names, said, strict=True), key=lambda one: -one[1])
        return Scores(
            facts=self.facts,
            probabilities=dict(largest_first),
            signs=early.signs,
            contributions=early.contributions,
            meaning=early.meaning,
            in_order=in_order,
        )

    def contributions(self, found: Features) -> NDArray[np.float32]:
        """What each feature said [id, category]. Raises ModelError when the runtime fails."""
        table: NDArray[np.float32] = self._run(lambda: self._for_early(found))[1]
        return table[:, :-1]

    def _run(self, given: Callable[[], dict[str, NDArray[Any]]]) -> list[NDArray[np.float32]]:
        """The graph's answers to what is given, part of which the runtime makes too."""
        try:
            made: list[NDArray[np.float32]] = self._session.run(None, self._nothing | given())
        except Exception as error:  # onnxruntime's errors have no common base
            raise ModelError(SHIPPED, "the ONNX runtime failed on a message", error) from error
        return made

    def _for_early(self, found: Features) -> dict[str, NDArray[Any]]:
        tokens = found.sequence
        return {
            "ids": found.ids,
            "weights": found.weights,
            "meaning": found.meaning,
            "words": tokens.words,
            "stems": tokens.stems,
            "concepts": tokens.concepts,
            "parts": tokens.parts,
        }

    def _in_context(self, found: Features, inbox: float) -> dict[str, NDArray[Any]]:
        read = self._encoder.read(found.texts)
        return {
            "contexts": self._encoder.contexts(read.pieces),
            "piece parts": read.parts,
            "inbox": np.array([inbox], dtype=np.float32),
        }


def _reader() -> Encoder:
    try:
        return encoder.load()
    except Exception as error:  # onnxruntime's and sentencepiece's errors have no common base
        raise ModelError(encoder.SHIPPED, "cannot be read; reinstall Postroom", error) from error


def _opened(path: Path) -> Any:
    if not path.is_file():
        raise ModelError(path, "no such file; reinstall Postroom or run `postroom model train`")
    try:
        return session(path)
    except Exception as error:  # onnxruntime's errors have no common base
        raise ModelError(
            path, "is no ONNX model; reinstall it or run `postroom model train`", error
        ) from error


def _nothing(session: Any) -> dict[str, NDArray[Any]]:
    """Each input of the graph, empty, or zeros where its size is fixed."""
    kinds = {"tensor(int64)": np.int64, "tensor(float)": np.float32}
    return {
        one.name: np.zeros([n if isinstance(n, int) else 0 for n in one.shape], kinds[one.type])
        for one in session.get_inputs()
    }


def _facts(path: Path, session: Any, concepts: Concepts, reader: Encoder) -> Facts:
    written = session.get_modelmeta().custom_metadata_map.get("postroom", "")
    try:
        facts = json.loads(written)
        wanted = {
            "format": FORMAT,
            "features": features.VERSION,
            "buckets": features.BUCKETS,
            "concepts": concepts.digest,
            "encoder": reader.digest,
        }
        for key, value in wanted.items():
            if facts[key] != value:
                mend = f"was made for {key} {facts[key]}, this is {value}: train it anew"
                raise ModelError(path, mend)
        return Facts(
            name=str(facts["name"]),
            categories=tuple(str(category) for category in facts["categories"]),
            cascade=Cascade(
                early=Calibration(**facts["early"]),
                whole=Calibration(**facts["whole"]),
                enough=float(facts["enough"]),
            ),
            training=dict(facts["training"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(path, "is not a model of Postroom: train one", error) from error
