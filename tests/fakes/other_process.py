"""A short Python program in a process of its own, which nothing here has touched."""

import os
import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).parents[2]


def said(program: str, **environment: str) -> str:
    """What it wrote to its standard output; `environment` is added to ours."""
    return subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        cwd=_ROOT,
    ).stdout
