"""Writes a trained table as an ONNX file.

In: weights, facts. Out: one file holding the graph and, as metadata, everything scorer.py needs
to know about it. Built from ONNX's own node types, not converted from scikit-learn, whose
converter tokenises differently. The same weights and facts give the same bytes.

Limits: weights are stored as 16-bit floats.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

_OPSET = 17  # read by onnxruntime 1.12 and later


def name_of(*weights: NDArray[Any]) -> str:
    """A name that changes with any weight."""
    digest = hashlib.sha256(b"".join(one.tobytes() for one in weights)).hexdigest()
    return f"linear-{digest[:12]}"


def write(
    out: Path,
    table: NDArray[np.float16],
    meaning: NDArray[np.float32],
    bias: NDArray[np.float32],
    facts: dict[str, Any],
) -> None:
    """Writes the model file; replaces it only once the new one is whole.

    `table` is [buckets, categories + 1]; its last column is 1 for words the training knows.
    `meaning` is [numbers of a meaning, categories].
    """
    classes = len(bias)
    nodes = [
        helper.make_node("Gather", ["table", "ids"], ["rows"], axis=0),
        helper.make_node("Cast", ["rows"], ["values"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["weights", "second"], ["column"]),
        helper.make_node("Mul", ["values", "column"], ["contributions"]),
        helper.make_node("ReduceSum", ["contributions", "first"], ["sums"], keepdims=0),
        helper.make_node("Slice", ["sums", "begin", "end"], ["said"]),
        helper.make_node("MatMul", ["meaning", "meanings"], ["meant"]),
        helper.make_node("Add", ["said", "meant"], ["both"]),
        helper.make_node("Add", ["both", "bias"], ["logits"]),
    ]
    graph = helper.make_graph(
        nodes,
        "postroom",
        [
            helper.make_tensor_value_info("ids", TensorProto.INT64, ["features"]),
            helper.make_tensor_value_info("weights", TensorProto.FLOAT, ["features"]),
            helper.make_tensor_value_info("meaning", TensorProto.FLOAT, [len(meaning)]),
        ],
        [
            helper.make_tensor_value_info("logits", TensorProto.FLOAT, [classes]),
            helper.make_tensor_value_info(
                "contributions", TensorProto.FLOAT, ["features", classes + 1]
            ),
            helper.make_tensor_value_info("meant", TensorProto.FLOAT, [classes]),
        ],
        [
            numpy_helper.from_array(table, "table"),
            numpy_helper.from_array(meaning.astype(np.float32), "meanings"),
            numpy_helper.from_array(bias.astype(np.float32), "bias"),
            numpy_helper.from_array(np.array([0], dtype=np.int64), "first"),
            numpy_helper.from_array(np.array([1], dtype=np.int64), "second"),
            numpy_helper.from_array(np.array([0], dtype=np.int64), "begin"),
            numpy_helper.from_array(np.array([classes], dtype=np.int64), "end"),
        ],
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", _OPSET)], producer_name="postroom"
    )
    model.ir_version = 8
    helper.set_model_props(model, {"postroom": json.dumps(facts, sort_keys=True)})
    onnx.checker.check_model(model)
    unfinished = out.with_name(out.name + ".new")
    unfinished.write_bytes(model.SerializeToString(deterministic=True))
    unfinished.replace(out)
