"""What ONNX Runtime may do on its own."""

import os
import subprocess
import sys
from pathlib import Path


def test_it_notes_nothing_of_the_machine_and_so_tells_nobody(tmp_path: Path) -> None:
    told = {
        name: value for name, value in os.environ.items() if not name.startswith(("ORT_", "XDG_"))
    }
    subprocess.run(
        [sys.executable, "-c", "import postroom.classify.runtime"],
        env=told | {"HOME": str(tmp_path)},
        check=True,
        timeout=60,
    )
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
