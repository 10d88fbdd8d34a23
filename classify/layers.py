"""Layers of a transformer in an ONNX graph, counting in eight bits.

In: the weights of a layer, by name, and a graph. Out: nodes there that make [token, WIDTH] of
[token, WIDTH] (Vaswani et al., Attention Is All You Need, 2017; normalised after each half, as BERT
is). scripts/encoder.py writes the layers that stay as they are by it, export.py those that are
trained. Products are made of whole numbers in eight bits, with a step for all numbers at hand and
one for each column of weights, which makes them three times as fast. Needs onnx (the extra
`train`).

Limits: one text at a time; weights have seven bits, since sums of products of eight by eight
overflow on processors without VNNI.
"""

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from .encoder import EPSILON, HEADS, WIDTH
from .graph import Graph

Weights = dict[str, NDArray[np.float32]]

# Of a layer: queries, keys and values beside each other; what is made of the values attended to;
# and the wide half. Matrices are [out, in].
MATRICES = ("attention", "attended", "wide", "narrow")
_MOST = 64  # of a weight in seven bits


def write(graph: Graph, weights: Weights, given: str, own: str) -> str:
    """The name of what the layer makes of the given; `own` is in all its names."""
    all_three = times(graph, weights, given, own, "attention")
    graph.add("Split", [all_three], *(f"{own} {x}" for x in ("queries", "keys", "values")), axis=1)
    by_head = graph.integers(f"{own} by head", -1, HEADS, WIDTH // HEADS)
    for name, order in (("queries", [1, 0, 2]), ("keys", [1, 2, 0]), ("values", [1, 0, 2])):
        graph.add("Reshape", [f"{own} {name}", by_head], f"{own} {name} by head")
        graph.add("Transpose", [f"{own} {name} by head"], f"{own} {name} of heads", perm=order)
    graph.add("MatMul", [f"{own} queries of heads", f"{own} keys of heads"], f"{own} alike")
    graph.add("Softmax", [f"{own} alike"], f"{own} weighed", axis=-1)
    graph.add("MatMul", [f"{own} weighed", f"{own} values of heads"], f"{own} said")
    graph.add("Transpose", [f"{own} said"], f"{own} said by token", perm=[1, 0, 2])
    whole = graph.integers(f"{own} whole", -1, WIDTH)
    attended = graph.add("Reshape", [f"{own} said by token", whole], f"{own} together")
    half = _added(graph, weights, given, times(graph, weights, attended, own, "attended"),
                  own, "attended_norm")  # fmt: skip
    wide = _gelu(graph, times(graph, weights, half, own, "wide"))
    # A few numbers of few tokens are so large that one step for all would say little of the rest.
    largest = graph.add("ReduceMax", [wide], f"{own} largest", axes=[1], keepdims=1)
    alike = graph.add("Div", [wide, largest], f"{own} alike large")
    narrow = times(graph, weights, alike, own, "narrow", largest)
    return _added(graph, weights, half, narrow, own, "narrow_norm")


def times(graph: Graph, weights: Weights, given: str, own: str, name: str, by: str = "") -> str:
    """The name of the given times the weights of that name and `by`, and the bias added."""
    matrix, made = weights[f"{name}.weight"].T, f"{own} {name}"
    small = graph.add("DynamicQuantizeLinear", [given], f"{made} of", f"{made} step",
                      f"{made} zero")  # fmt: skip
    steps = np.maximum(np.abs(matrix).max(axis=0) / _MOST, 1e-9).astype(np.float32)
    whole = graph.constant(f"{made} in seven bits", np.rint(matrix / steps).astype(np.int8))
    graph.add("MatMulInteger", [small, whole, f"{made} zero"], f"{made} counted")
    graph.add("Cast", [f"{made} counted"], f"{made} whole", to=TensorProto.FLOAT)
    graph.add("Mul", [f"{made} step", graph.constant(f"{made} steps", steps)], f"{made} scale")
    graph.add("Mul", [f"{made} whole", f"{made} scale"], f"{made} scaled")
    scaled = f"{made} scaled"
    if by:
        scaled = graph.add("Mul", [scaled, by], f"{made} as large")
    bias = graph.constant(f"{made} bias", weights[f"{name}.bias"])
    return graph.add("Add", [scaled, bias], made)


def normed(graph: Graph, weights: Weights, given: str, own: str, name: str) -> str:
    """The name of the given, each token of it normalised."""
    scale, bias = (
        graph.constant(f"{own} {name} {x}", weights[f"{name}.{x}"]) for x in ("weight", "bias")
    )
    return graph.add("LayerNormalization", [given, scale, bias], f"{own} {name} normed",
                     epsilon=EPSILON)  # fmt: skip


def _added(graph: Graph, weights: Weights, given: str, new: str, own: str, name: str) -> str:
    return normed(graph, weights, graph.add("Add", [given, new], f"{own} {name} sum"), own, name)


def _gelu(graph: Graph, given: str) -> str:
    """x (1 + erf(x / sqrt 2)) / 2 (Hendrycks and Gimpel, Gaussian Error Linear Units, 2016)."""
    root, one, half = (
        graph.constant(f"{given}: {what}", np.array(value, dtype=np.float32))
        for what, value in (("root", 2**0.5), ("one", 1.0), ("half", 0.5))
    )
    graph.add("Div", [given, root], f"{given} divided")
    graph.add("Erf", [f"{given} divided"], f"{given} erf")
    graph.add("Add", [f"{given} erf", one], f"{given} open")
    graph.add("Mul", [given, f"{given} open"], f"{given} twice")
    return graph.add("Mul", [f"{given} twice", half], f"{given} gelu")
