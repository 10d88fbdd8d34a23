"""An ONNX graph, put together node by node.

In: nodes and constants, by name. Out: a model, checked. Used where one is written: export.py for
the model that training makes, scripts/encoder.py for the first layers of the encoder. Needs
onnx (the extra `train`), which running does not.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

# Bytes of a constant that a branch takes from the whole graph: its own are held twice while loaded.
_LARGE = 1 << 20
_OPSET = 17  # read by onnxruntime 1.12 and later


class Graph:
    """Nodes and constants as they are added."""

    def __init__(self) -> None:
        self._nodes: list[Any] = []
        self._constants: list[Any] = []

    def add(self, kind: str, given: Sequence[str], *made: str, **attributes: Any) -> str:
        """A node that makes its results of the given ones; the name of the first result."""
        self._nodes.append(helper.make_node(kind, list(given), list(made), **attributes))
        return made[0]

    def constant(self, name: str, value: NDArray[Any]) -> str:
        """A constant's name."""
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def integers(self, name: str, *values: int) -> str:
        """The name of a constant of some integers."""
        return self.constant(name, np.array(values, dtype=np.int64))

    def where_given(
        self, name: str, made: "Graph", results: dict[str, tuple[str, list[int]]]
    ) -> None:
        """What another graph makes, where the input of that name is not empty; otherwise zeros.

        `results` says of each result its name there, and its shape where there is nothing.
        """
        size = self.add("Size", [name], f"size of {name}")
        given = self.add("Cast", [size], f"is {name} given", to=TensorProto.BOOL)
        nothing = [
            helper.make_node("Constant", [], [inner], value=numpy_helper.from_array(
                np.zeros(shape, dtype=np.float32)))
            for inner, shape in results.values()
        ]  # fmt: skip
        outputs = [
            helper.make_tensor_value_info(inner, TensorProto.FLOAT, [None] * len(shape))
            for inner, shape in results.values()
        ]
        own = [one for one in made._constants if len(one.raw_data) < _LARGE]
        self._constants += [one for one in made._constants if len(one.raw_data) >= _LARGE]
        self.add(
            "If", [given], *results,
            then_branch=helper.make_graph(made._nodes, name, [], outputs, own),
            else_branch=helper.make_graph(nothing, f"no {name}", [], outputs),
        )  # fmt: skip

    def model(
        self, inputs: dict[str, tuple[int, list[Any]]], outputs: dict[str, list[Any]]
    ) -> onnx.ModelProto:
        """The whole: of each input kind and shape, of each output, all floats, the shape."""
        made = helper.make_graph(
            self._nodes,
            "postroom",
            [helper.make_tensor_value_info(n, kind, shape) for n, (kind, shape) in inputs.items()],
            [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in outputs.items()],
            self._constants,
        )
        model = helper.make_model(
            made, opset_imports=[helper.make_opsetid("", _OPSET)], producer_name="postroom"
        )
        model.ir_version = 8
        onnx.checker.check_model(model)
        return model
