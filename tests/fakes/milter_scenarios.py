"""Sessions drawn from the test suites of OpenDKIM and OpenDMARC, played against our milter."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from . import yamls
from .milter_client import Answer, MilterClient

SCENARIOS = Path(__file__).parents[3] / "shared/conformance/milter/scenarios.yml"


def loaded() -> dict[str, Any]:
    """The file: `keys`, their DNS by name, and `scenarios`; both empty where it is absent."""
    if not SCENARIOS.exists():
        return {"keys": {}, "scenarios": []}
    whole: dict[str, Any] = yamls.load(SCENARIOS)
    return whole


def scenarios() -> list[Any]:
    """One pytest parameter per scenario, named as there."""
    return [pytest.param(one, id=one["id"]) for one in loaded()["scenarios"]]


def play(endpoint: str, steps: list[list[str]]) -> Iterator[tuple[Answer, bytes]]:
    """Takes the steps and gives, at each end of message, the answer and the body it was about."""
    client = MilterClient(endpoint)
    state, body = "start", b""
    for step in steps:
        match step:
            case ["conninfo", name, address]:
                if state != "start":
                    client.close()
                    client = MilterClient(endpoint)
                client.connect(name, "" if address == "unspec" else address)
            case ["helo", name]:
                client.helo(name)
            case ["mailfrom", sender]:
                assert client.mail(f"<{sender}>") == "continue"
                client.rcpt("<info@firma.test>")
                body = b""
            case ["header", name, *value]:
                # As Postfix hands fields over: LF inside folded values.
                client.header(name, value[0].replace("\r\n", "\n") if value else b"")
            case ["eoh"]:
                client.end_of_header()
            case ["bodystring", text]:
                client.body(text.encode())
                body += text.encode()
            case ["eom"]:
                yield client.end(), body
            case _:
                pytest.fail(f"unknown step {step}")
        state = step[0]
    client.close()
