"""Log lines of several processes that share one output never run into each other."""

import io
import json

from postroom import maillog


class _Writes(io.StringIO):
    """An output that remembers what each write was given, as an unbuffered one would send it."""

    def __init__(self) -> None:
        super().__init__()
        self.given: list[str] = []

    def write(self, text: str, /) -> int:
        self.given.append(text)
        return super().write(text)


def test_an_event_is_one_write_that_ends_with_its_line() -> None:
    out = _Writes()
    maillog.configure("info", "json", out)
    maillog.started("worker")
    maillog.stopped("worker")
    assert [json.loads(text)["event"] for text in out.given] == ["started", "stopped"]
    assert all(text.endswith("\n") for text in out.given)
