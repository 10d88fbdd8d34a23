"""A layer of the encoder: what its graph makes is what the arithmetic says."""

import math

import numpy as np
import onnxruntime  # type: ignore[import-untyped]
import pytest
from onnx import TensorProto

from postroom.classify import encoder, layers
from postroom.classify.encoder import HEADS, WIDTH
from postroom.classify.graph import Graph

Floats = encoder.Vectors


def known() -> layers.Weights:
    whole = encoder.upper_half()
    return {name.removeprefix("0 "): one for name, one in whole.items() if name.startswith("0 ")}


def wanted(given: Floats, weights: layers.Weights) -> Floats:
    """The layer in 32 bits."""

    def times(name: str, values: Floats) -> Floats:
        made: Floats = values @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]
        return made

    def normed(name: str, values: Floats) -> Floats:
        values = values - values.mean(axis=1, keepdims=True)
        values /= np.sqrt((values**2).mean(axis=1, keepdims=True) + encoder.EPSILON)
        made: Floats = values * weights[f"{name}.weight"] + weights[f"{name}.bias"]
        return made

    queries, keys, values = (
        one.reshape(len(given), HEADS, -1).transpose(1, 0, 2)
        for one in np.split(times("attention", given), 3, axis=1)
    )
    alike = np.exp(queries @ keys.transpose(0, 2, 1))
    said = (alike / alike.sum(axis=2, keepdims=True)) @ values
    together = said.transpose(1, 0, 2).reshape(given.shape)
    half = normed("attended_norm", given + times("attended", together))
    wide = times("wide", half)
    wide *= 0.5 * (1 + np.vectorize(math.erf)(wide / math.sqrt(2)))
    return normed("narrow_norm", half + times("narrow", wide))


@pytest.mark.parametrize("pieces", [1, 2, 60])
def test_the_graph_of_a_layer_does_its_arithmetic(pieces: int) -> None:
    weights, graph = known(), Graph()
    graph.add("Identity", [layers.write(graph, weights, "given", "one")], "made")
    model = graph.model({"given": (TensorProto.FLOAT, ["n", WIDTH])}, {"made": ["n", WIDTH]})
    session = onnxruntime.InferenceSession(model.SerializeToString())
    given = np.random.default_rng(1).standard_normal((pieces, WIDTH)).astype(np.float32)
    made = np.asarray(session.run(None, {"given": given})[0])
    expected = wanted(given, weights)
    lengths = np.linalg.norm(made, axis=1) * np.linalg.norm(expected, axis=1)
    assert ((made * expected).sum(axis=1) / lengths > 0.995).all()
