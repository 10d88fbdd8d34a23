"""ONNX Runtime as the classifier uses it: on one thread, since a process serves one core.

In: an ONNX file. Out: a session, which several threads may ask at once.

As soon as it is imported, ONNX Runtime 1.32 makes a file with a number for the machine and gathers
for its maker how it is used. Not here: nothing leaves that the admin has not asked for.
"""

import os
from pathlib import Path
from typing import Any

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime  # type: ignore[import-untyped]


def session(path: Path) -> Any:
    """The file, loaded. Raises what ONNX Runtime raises; its errors have no common base."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
