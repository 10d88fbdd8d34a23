"""The reader's promises, on the octets that fuzzing kept and on new ones for a moment."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.reading.fuzz_targets import CORPUS, TARGETS

ROUNDS = 400  # of octets that atheris makes in a test; scripts/fuzz makes millions
KEPT = sorted(path for path in CORPUS.glob("*/*") if path.is_file())


@pytest.mark.parametrize("path", KEPT, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_kept_octets_break_nothing(path: Path) -> None:
    TARGETS[path.parent.name](path.read_bytes())


def test_every_target_has_a_corpus() -> None:
    assert {path.parent.name for path in KEPT} == set(TARGETS)


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS)
def test_new_octets_break_nothing(target: str, tmp_path: Path) -> None:
    pytest.importorskip("atheris", reason="atheris is not made for this Python")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "tests.reading.fuzz", target),
            *(
                f"-runs={ROUNDS // 8 if target.startswith('order_') else ROUNDS}",
                "-seed=1",
                "-max_len=1000",
                f"-artifact_prefix={tmp_path}/",
            ),
            *(str(tmp_path), str(CORPUS / target)),
        ],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3_000:]
