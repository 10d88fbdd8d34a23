"""ONNX Runtime as the classifier uses it: on one thread, since a process serves one core.

In: an ONNX file. Out: a session, which several threads may ask at once.
"""

from pathlib import Path
from typing import Any

import onnxruntime  # type: ignore[import-untyped]


def session(path: Path) -> Any:
    """The file, loaded. Raises what ONNX Runtime raises; its errors have no common base."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
