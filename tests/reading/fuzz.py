"""Atheris (libFuzzer) looks for octets that break what fuzz_targets.py promises.

    python -m tests.reading.fuzz TARGET [libFuzzer's options] [corpus folders]

scripts/fuzz runs every target for long; test_fuzz.py runs each for a moment.
"""

import importlib
import sys

import atheris  # type: ignore[import-untyped]
from atheris.import_hook import instrument_imports  # type: ignore[import-untyped]


def main() -> None:
    """Runs one target with the reader's own modules instrumented."""
    name, *options = sys.argv[1:]
    looked_at = "postroom.classify.orders" if name.startswith("order_") else "postroom.reading"
    with instrument_imports(include=[looked_at]):
        targets = importlib.import_module("tests.reading.fuzz_targets")
    atheris.Setup([sys.argv[0], *options], targets.TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
