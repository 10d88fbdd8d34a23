"""Writes a trained model as an ONNX file.

In: weights, facts. Out: one file holding the graph and, as metadata, everything scorer.py needs
to know about it. Built from ONNX's own node types, not converted from scikit-learn, whose
converter tokenises differently. The same weights and facts give the same bytes.

Limits: large tables are stored in 8 bits a number, with a step for each row.
"""

import hashlib
import json
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper

from . import features
from .fitting import HEARD, LESS_HEARD, Fitted
from .graph import Graph
from .linear import DESK, WORLDS
from .network import DILATION, LOUD, QUIET
from .pieces import CONTEXT, ENTRY, encoder

_LARGE = 10_000  # rows of a table that is stored in 8 bits a number
_MOST = 127  # of such a number


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """A table in 8 bits a number: a row is its numbers times its step."""

    numbers: NDArray[np.int8]  # [row, width]
    steps: NDArray[np.float16]  # [row]


def packed(table: NDArray[np.floating[Any]]) -> Packed:
    """The table; each number is off by half a step at most, 1/254 of the largest of its row."""
    steps = (np.abs(table).max(axis=1) / _MOST).astype(np.float16)
    numbers = table / np.maximum(steps, np.finfo(np.float16).smallest_subnormal)[:, None]
    return Packed(
        numbers=np.rint(numbers.clip(-_MOST, _MOST)).astype(np.int8),
        steps=steps,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """The weights of a model as they are written."""

    table: Packed  # [buckets, worlds * categories + worlds], as in linear.py
    known: NDArray[np.bool_]  # [buckets], its last column
    meaning: NDArray[np.float32]  # [numbers of a meaning, worlds * categories + worlds], likewise
    bias: NDArray[np.float32]  # [worlds * categories + worlds]
    networks: tuple[dict[str, NDArray[np.float32]], ...]  # of words and pieces, as network.py names

    @property
    def classes(self) -> int:
        """How many categories."""
        return len(self.bias) // len(WORLDS) - 1

    @property
    def name(self) -> str:
        """A name that changes with any weight."""
        arrays: tuple[NDArray[Any], ...] = (
            self.table.numbers,
            self.table.steps,
            self.known,
            self.meaning,
            self.bias,
            *chain.from_iterable(one.values() for one in self.networks),
        )
        digest = hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest()
        return f"mixed-{digest[:12]}"


def stored(fitted: Fitted) -> Stored:
    """The weights of a model as they are written."""
    table = fitted.linear.table
    words, pieces = fitted.networks
    return Stored(
        table=packed(table[: features.BUCKETS, :-1]),
        known=table[: features.BUCKETS, -1] > 0,
        meaning=table[features.BUCKETS :, :-1].astype(np.float32),
        bias=fitted.linear.bias.astype(np.float32),
        networks=(words, _folded(pieces)),
    )


def _folded(pieces: dict[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
    """The weights of the network of pieces for contexts as pieces.py gives them.

    Training reads what the encoder makes of them (ENTRY). A token's share of that is projected, and
    a product of two matrices is one; the bias goes to the part of the message, as each token has
    one.
    """
    entry, bias = encoder(ENTRY).values()
    projection = QUIET * pieces["projection"]
    parts = pieces["parts"] + bias @ projection
    own = {"projection": entry @ projection, "parts": parts, "entry": entry, "entry_bias": bias}
    return pieces | own


def write(out: Path, stored: Stored, facts: dict[str, Any]) -> None:
    """Writes the model file; replaces it only once the new one is whole."""
    early, pieces = Graph(), Graph()
    of_words, of_pieces = stored.networks
    _linear(early, stored)
    _network(early, of_words, "words", ("words", "stems", "concepts", "parts"))
    _heard(early, "words", "is inbox")
    early.add("Add", ["linear", "words heard"], "early")
    _network(pieces, of_pieces, "pieces", ("pieces", "piece parts"), contexts="contexts")
    _heard(pieces, "pieces", "inbox")
    graph, classes = Graph(), stored.classes
    graph.where_given(
        "ids",
        early,
        {
            "early sums": ("early", [classes]),
            "contributions": ("by feature and known", [0, classes + 1]),
            "by meaning": ("meant", [classes]),
            "by words": ("words heard", [classes]),
            "is mail between people": ("is inbox", [1]),
        },
    )
    graph.where_given("pieces", pieces, {"by pieces": ("pieces heard", [classes])})
    model = graph.model(
        inputs={
            "ids": (TensorProto.INT64, ["features"]),
            "weights": (TensorProto.FLOAT, ["features"]),
            "meaning": (TensorProto.FLOAT, [len(stored.meaning)]),
            "words": (TensorProto.INT64, ["tokens"]),
            "stems": (TensorProto.INT64, ["tokens"]),
            "concepts": (TensorProto.INT64, ["tokens"]),
            "parts": (TensorProto.INT64, ["tokens"]),
            "pieces": (TensorProto.INT64, ["pieces"]),
            "contexts": (TensorProto.FLOAT, ["pieces", CONTEXT]),
            "piece parts": (TensorProto.INT64, ["pieces"]),
            "inbox": (TensorProto.FLOAT, [1]),
        },
        outputs={
            "early sums": [classes],
            "contributions": ["features", classes + 1],
            "by meaning": [classes],
            "by words": [classes],
            "is mail between people": [1],
            "by pieces": [classes],
        },
    )
    helper.set_model_props(model, {"postroom": json.dumps(facts, sort_keys=True)})
    unfinished = out.with_name(out.name + ".new")
    unfinished.write_bytes(model.SerializeToString(deterministic=True))
    unfinished.replace(out)


def _linear(graph: Graph, stored: Stored) -> None:
    """The rows of all features, weighted and added up; the experts, mixed by the gate."""
    gate = len(WORLDS) * stored.classes
    known = gate + len(WORLDS)
    for name, at in (("first", 0), ("second", 1), ("gate at", gate), ("known at", known)):
        graph.integers(name, at)
    by_feature = _rows(graph, "features", stored.table, "ids", weighted="weights")
    graph.add("ReduceSum", [by_feature, "first"], "said", keepdims=0)
    graph.add("MatMul", ["meaning", graph.constant("meaning weights", stored.meaning)], "means")
    graph.add("Sum", ["said", "means", graph.constant("bias", stored.bias)], "sums")
    graph.add("Slice", ["sums", "gate at", "known at", "first"], "gate")
    graph.add("Softmax", ["gate"], "worlds", axis=0)
    graph.add("Slice", ["worlds", graph.integers("desk at", DESK),
                        graph.integers("desk's end", DESK + 1)], "is desk")  # fmt: skip
    graph.add("Sub", [graph.constant("one", np.ones(1, dtype=np.float32)), "is desk"], "is inbox")
    # An expert's columns stand together; as a matrix that mixes them the gate is one product.
    mixing = np.tile(np.eye(stored.classes, dtype=np.float32), (len(WORLDS), 1))
    spread = np.repeat(np.eye(len(WORLDS), dtype=np.float32), stored.classes, axis=1)
    graph.add("MatMul", ["worlds", graph.constant("spread", spread)], "share of column")
    graph.add("Unsqueeze", ["share of column", "second"], "share of row")
    graph.add("Mul", ["share of row", graph.constant("mixing", mixing)], "mixed by")
    for given, axis, made in (
        ("sums", "first", "linear"), ("means", "first", "meant"),
        (by_feature, "second", "experts say"),
    ):  # fmt: skip
        graph.add("Slice", [given, "first", "gate at", axis], f"{made} by world")
        graph.add("MatMul", [f"{made} by world", "mixed by"], made)
    graph.add("Gather", [graph.constant("known words", stored.known), "ids"], "is known", axis=0)
    graph.add("Cast", ["is known"], "known or not", to=TensorProto.FLOAT)
    graph.add("Mul", ["known or not", "weights"], "known weights")
    graph.add("Unsqueeze", ["known weights", "second"], "known")
    graph.add("Concat", ["experts say", "known"], "by feature and known", axis=1)


def _rows(graph: Graph, name: str, table: Packed, chosen: str, weighted: str = "") -> str:
    """The name of the chosen rows of a table, [chosen, width]; `weighted`: times that of each."""
    for what, array in (("numbers", table.numbers), ("steps", table.steps)):
        constant = graph.constant(f"{what} of {name}", array)
        graph.add("Gather", [constant, chosen], f"packed {what} of {name}", axis=0)
        graph.add("Cast", [f"packed {what} of {name}"], f"{what} there of {name}",
                  to=TensorProto.FLOAT)  # fmt: skip
    steps = f"steps there of {name}"
    if weighted:
        steps = graph.add("Mul", [steps, weighted], f"weighted steps of {name}")
    axis = graph.integers(f"axis of {name}", 1)
    graph.add("Unsqueeze", [steps, axis], f"column of steps of {name}")
    return graph.add(
        "Mul", [f"numbers there of {name}", f"column of steps of {name}"], f"rows of {name}"
    )


def _network(
    graph: Graph,
    weights: dict[str, NDArray[np.float32]],
    kind: str,
    given: tuple[str, ...],
    contexts: str = "",
) -> None:
    """What network.py's `_logits` does, for one message: arrays are [1, width, token]."""
    vectors, seen = [], [f"{kind} attended flat", f"{kind} highest"]
    graph.integers("leading axis", 0)
    if contexts:
        projection = graph.constant(f"{kind} projection", weights["projection"])
        graph.add("MatMul", [contexts, projection], f"{kind} projected")
        vectors.append(f"{kind} projected")
        seen.append(_whole_text(graph, weights, contexts))
    for name in given:
        table = weights[name.removeprefix("piece ")]
        if len(table) > _LARGE:
            vectors.append(_rows(graph, name, packed(table), name))
        else:
            rows = graph.constant(f"table of {name}", table)
            vectors.append(graph.add("Gather", [rows, name], f"of {name}", axis=0))
    graph.add("Sum", vectors, f"{kind} by token")
    graph.add("Transpose", [f"{kind} by token"], f"{kind} by width", perm=[1, 0])
    graph.add("Unsqueeze", [f"{kind} by width", "leading axis"], f"{kind} tokens")
    _gated(graph, "first", kind, "tokens", "near", weights, dilation=1)
    _gated(graph, "second", kind, "near", "farther", weights, dilation=DILATION)
    graph.add("Add", [f"{kind} near", f"{kind} farther"], f"{kind} beside")
    graph.add("Concat", [f"{kind} beside", f"{kind} tokens"], f"{kind} seen", axis=1)
    queries = graph.constant(f"{kind} queries", weights["queries"].T)
    graph.add("MatMul", [queries, f"{kind} seen"], f"{kind} asked")
    graph.add("Softmax", [f"{kind} asked"], f"{kind} attention", axis=2)
    graph.add("Transpose", [f"{kind} seen"], f"{kind} seen by token", perm=[0, 2, 1])
    graph.add("MatMul", [f"{kind} attention", f"{kind} seen by token"], f"{kind} attended")
    graph.add("Flatten", [f"{kind} attended"], f"{kind} attended flat", axis=1)
    graph.add("ReduceMax", [f"{kind} seen"], f"{kind} highest", axes=[2], keepdims=0)
    graph.add("Concat", seen, f"{kind} whole", axis=1)
    for name, before, made in (("hidden", "whole", "before"), ("output", "hidden", "answers")):
        constants = [
            graph.constant(f"{kind} {name} weights", weights[name]),
            graph.constant(f"{kind} {name} bias", weights[f"{name}_bias"]),
        ]
        graph.add("Gemm", [f"{kind} {before}", *constants], f"{kind} {made}")
        if name == "hidden":
            graph.add("Relu", [f"{kind} {made}"], f"{kind} hidden")
    graph.add("Squeeze", [f"{kind} answers", "leading axis"], f"said of {kind}")


def _whole_text(graph: Graph, weights: dict[str, NDArray[np.float32]], contexts: str) -> str:
    """The name of what network.py's `_whole_text` says, [1, width]."""

    def times(given: str, name: str) -> str:
        half = graph.constant(f"{name} weights", weights[name].astype(np.float16))
        whole = graph.add("Cast", [half], name, to=TensorProto.FLOAT)
        return graph.add("MatMul", [given, whole], f"by {name}")

    together = graph.add("ReduceSum", [contexts, "leading axis"], "contexts together", keepdims=1)
    count = graph.add("Shape", [contexts], "count of contexts", start=0, end=1)
    counted = graph.add("Cast", [count], "contexts counted", to=TensorProto.FLOAT)
    root = graph.add("Sqrt", [counted], "contexts' root")
    entered = times(graph.add("Div", [together, root], "contexts' mean"), "entry")
    bias = graph.constant("entry bias", weights["entry_bias"])
    mean = graph.add("Add", [entered, graph.add("Mul", [root, bias], "biases' mean")], "text")
    one = graph.add("Relu", [times(mean, "whole_first")], "text after 1")
    graph.add("Add", [times(mean, "whole_past_first"), times(one, "whole_second")], "text at 2")
    two = graph.add("Relu", ["text at 2"], "text after 2")
    three = graph.add("Relu", [times(two, "whole_third")], "text after 3")
    graph.add("Add", [times(two, "whole_past_third"), times(three, "whole_fourth")], "text at 4")
    graph.add("Tanh", ["text at 4"], "text meant")
    graph.add("LpNormalization", ["text meant"], "text's direction", axis=1, p=2)
    loud = graph.constant("loud", np.array([LOUD], dtype=np.float32))
    return graph.add("Mul", ["text's direction", loud], "whole text")


def _heard(graph: Graph, kind: str, inbox: str) -> None:
    """How much of a network's word is heard, as fitting.py's `Fitted.networks_say` says."""
    less = graph.constant("less heard", np.array([LESS_HEARD], dtype=np.float32))
    loudness = graph.constant(f"loudness of {kind}", np.array([HEARD[kind]], dtype=np.float32))
    graph.add("Mul", [inbox, less], "not heard")
    whole = graph.constant("whole", np.ones(1, dtype=np.float32))
    graph.add("Sub", [whole, "not heard"], "share heard")
    graph.add("Mul", [f"said of {kind}", loudness], f"loud {kind}")
    graph.add("Mul", [f"loud {kind}", "share heard"], f"{kind} heard")


def _gated(
    graph: Graph, name: str, kind: str, given: str, made: str,
    weights: dict[str, NDArray[np.float32]], dilation: int,
) -> None:  # fmt: skip
    own = f"{kind} {name}"
    filters = graph.constant(f"{own} filters", weights[name].transpose(2, 1, 0))
    bias = graph.constant(f"{own} filter bias", weights[f"{name}_bias"])
    graph.add("Conv", [f"{kind} {given}", filters, bias], f"{own} both",
              dilations=[dilation], pads=[dilation, dilation])  # fmt: skip
    graph.add("Split", [f"{own} both"], f"{own} values", f"{own} gates", axis=1)
    graph.add("Sigmoid", [f"{own} gates"], f"{own} open")
    graph.add("Mul", [f"{own} values", f"{own} open"], f"{kind} {made}")
