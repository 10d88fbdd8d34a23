"""Writes a trained model as an ONNX file.

In: weights, facts. Out: one file holding the graph and, as metadata, everything scorer.py needs
to know about it. Built from ONNX's own node types, not converted from scikit-learn, whose
converter tokenises differently. The same weights and facts give the same bytes.

Limits: large tables are stored in 8 bits a number, with a step for each row.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper

from . import features, layers
from .encoder import TRAINED, WIDTH
from .fitting import HEARD, LESS_HEARD, Fitted
from .graph import Graph
from .linear import DESK, WORLDS
from .network import DILATION

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
    words: layers.Weights  # of the network, as network.py names them
    upper: layers.Weights  # of the encoder's upper half, as transformer.py names them

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
            *self.words.values(),
            *self.upper.values(),
        )
        digest = hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest()
        return f"mixed-{digest[:12]}"


def stored(fitted: Fitted) -> Stored:
    """The weights of a model as they are written."""
    table = fitted.linear.table
    return Stored(
        table=packed(table[: features.BUCKETS, :-1]),
        known=table[: features.BUCKETS, -1] > 0,
        meaning=table[features.BUCKETS :, :-1].astype(np.float32),
        bias=fitted.linear.bias.astype(np.float32),
        words=fitted.words,
        upper=fitted.upper,
    )


def write(out: Path, stored: Stored, facts: dict[str, Any]) -> None:
    """Writes the model file; replaces it only once the new one is whole."""
    early, later = Graph(), Graph()
    _linear(early, stored)
    _network(early, stored.words)
    _heard(early, "words", "is inbox")
    early.add("Add", ["linear", "words heard"], "early")
    _upper_half(later, stored.upper)
    _heard(later, "encoder", "inbox")
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
    graph.where_given("contexts", later, {"by encoder": ("encoder heard", [classes])})
    model = graph.model(
        inputs={
            "ids": (TensorProto.INT64, ["features"]),
            "weights": (TensorProto.FLOAT, ["features"]),
            "meaning": (TensorProto.FLOAT, [len(stored.meaning)]),
            "words": (TensorProto.INT64, ["tokens"]),
            "stems": (TensorProto.INT64, ["tokens"]),
            "concepts": (TensorProto.INT64, ["tokens"]),
            "parts": (TensorProto.INT64, ["tokens"]),
            "contexts": (TensorProto.FLOAT, ["pieces", WIDTH]),
            "piece parts": (TensorProto.INT64, ["pieces"]),
            "inbox": (TensorProto.FLOAT, [1]),
        },
        outputs={
            "early sums": [classes],
            "contributions": ["features", classes + 1],
            "by meaning": [classes],
            "by words": [classes],
            "is mail between people": [1],
            "by encoder": [classes],
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


def _network(graph: Graph, weights: layers.Weights) -> None:
    """What network.py's `_logits` does, for one message: arrays are [1, width, token]."""
    vectors = []
    graph.integers("leading axis", 0)
    for name in ("words", "stems", "concepts", "parts"):
        if len(weights[name]) > _LARGE:
            vectors.append(_rows(graph, name, packed(weights[name]), name))
        else:
            rows = graph.constant(f"table of {name}", weights[name])
            vectors.append(graph.add("Gather", [rows, name], f"of {name}", axis=0))
    graph.add("Sum", vectors, "by token")
    graph.add("Transpose", ["by token"], "by width", perm=[1, 0])
    graph.add("Unsqueeze", ["by width", "leading axis"], "tokens")
    _gated(graph, "first", "tokens", "near", weights, dilation=1)
    _gated(graph, "second", "near", "farther", weights, dilation=DILATION)
    graph.add("Add", ["near", "farther"], "beside")
    graph.add("Concat", ["beside", "tokens"], "seen", axis=1)
    graph.add("MatMul", [graph.constant("queries", weights["queries"].T), "seen"], "asked")
    graph.add("Softmax", ["asked"], "attention", axis=2)
    graph.add("Transpose", ["seen"], "seen by token", perm=[0, 2, 1])
    graph.add("MatMul", ["attention", "seen by token"], "attended")
    graph.add("Flatten", ["attended"], "attended flat", axis=1)
    graph.add("ReduceMax", ["seen"], "highest", axes=[2], keepdims=0)
    graph.add("Concat", ["attended flat", "highest"], "message", axis=1)
    _answered(graph, "words", "message", *(
        (weights[name], weights[f"{name}_bias"]) for name in ("hidden", "output")
    ))  # fmt: skip


def _upper_half(graph: Graph, weights: layers.Weights) -> None:
    """What transformer.py's `_Network` does, for one message: arrays are [piece, WIDTH]."""
    rows = graph.constant("table of parts of pieces", weights["parts.weight"])
    graph.add("Gather", [rows, "piece parts"], "of piece parts", axis=0)
    now = graph.add("Add", ["contexts", "of piece parts"], "pieces")
    for number in range(TRAINED):
        own = f"layers.{number}."
        one = {name.removeprefix(own): w for name, w in weights.items() if name.startswith(own)}
        now = layers.write(graph, one, now, f"layer {number}")
    queries = graph.constant("queries of pieces", weights["queries.weight"].T)
    graph.add("MatMul", [now, queries], "asked by piece")
    graph.add("Softmax", ["asked by piece"], "attention by piece", axis=0)
    graph.add("Transpose", ["attention by piece"], "attention to pieces", perm=[1, 0])
    graph.add("MatMul", ["attention to pieces", now], "attended pieces")
    whole = graph.integers("one row", 1, -1)
    graph.add("Reshape", ["attended pieces", whole], "attended pieces flat")
    graph.add("ReduceMean", [now], "mean of pieces", axes=[0], keepdims=1)
    graph.add("ReduceMax", [now], "highest of pieces", axes=[0], keepdims=1)
    seen = ["attended pieces flat", "mean of pieces", "highest of pieces"]
    graph.add("Concat", seen, "whole of pieces", axis=1)
    graph.integers("leading axis", 0)
    _answered(graph, "encoder", "whole of pieces", *(
        (weights[f"{name}.weight"].T, weights[f"{name}.bias"]) for name in ("hidden", "output")
    ))  # fmt: skip


_WeightsAndBias = tuple[NDArray[np.float32], NDArray[np.float32]]


def _answered(
    graph: Graph, kind: str, given: str, hidden: _WeightsAndBias, output: _WeightsAndBias
) -> None:
    """A hidden layer, and the logits."""
    now = given
    for name, both in (("hidden", hidden), ("logits", output)):
        constants = [graph.constant(f"{kind} {name} {what}", array)
                     for what, array in zip(("weights", "bias"), both, strict=True)]  # fmt: skip
        now = graph.add("Gemm", [now, *constants], f"{kind} {name}")
        if name == "hidden":
            now = graph.add("Relu", [now], f"{kind} heard of")
    graph.add("Squeeze", [now, "leading axis"], f"said of {kind}")


def _heard(graph: Graph, kind: str, inbox: str) -> None:
    """How much of a network's word is heard, as fitting.py's `Fitted.networks_say` says."""
    less = graph.constant("less heard", np.array([LESS_HEARD[kind]], dtype=np.float32))
    loudness = graph.constant(f"loudness of {kind}", np.array([HEARD[kind]], dtype=np.float32))
    graph.add("Mul", [inbox, less], "not heard")
    whole = graph.constant("whole", np.ones(1, dtype=np.float32))
    graph.add("Sub", [whole, "not heard"], "share heard")
    graph.add("Mul", [f"said of {kind}", loudness], f"loud {kind}")
    graph.add("Mul", [f"loud {kind}", "share heard"], f"{kind} heard")


def _gated(
    graph: Graph, name: str, given: str, made: str, weights: layers.Weights, dilation: int
) -> None:
    filters = graph.constant(f"{name} filters", weights[name].transpose(2, 1, 0))
    bias = graph.constant(f"{name} filter bias", weights[f"{name}_bias"])
    graph.add("Conv", [given, filters, bias], f"{name} both",
              dilations=[dilation], pads=[dilation, dilation])  # fmt: skip
    graph.add("Split", [f"{name} both"], f"{name} values", f"{name} gates", axis=1)
    graph.add("Sigmoid", [f"{name} gates"], f"{name} open")
    graph.add("Mul", [f"{name} values", f"{name} open"], made)
