"""Servers that are started together and end together, also when one of them does not start."""

import contextlib
from typing import Self


class Assembly:
    """A context manager whose `_start` puts what it starts into `_open`."""

    def __init__(self) -> None:
        self._open = contextlib.ExitStack()

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._open.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def _start(self) -> None:
        raise NotImplementedError
