"""The conformance cases once more, from outside: through `postroom check --jsonl`, and through
the socket of a real milter process, with a real name server behind both."""

import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from postroom.reading.fields import split
from tests.fakes.dns import DnsServer, Zone
from tests.fakes.milter_client import Answer, MilterClient
from tests.fakes.milter_scenarios import loaded, play, scenarios
from tests.milter import test_conformance_arc as arc
from tests.milter import test_conformance_dkim as dkim
from tests.milter import test_conformance_dmarc as dmarc
from tests.milter import test_conformance_spf as spf
from tests.sandbox.waiting import wait_until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not dkim.CASES.exists(), reason="conformance data is not here"),
]


class Check:
    """One `postroom check --jsonl` that stays up, and the name server it asks."""

    def __init__(self, server: DnsServer, folder: Path) -> None:
        self._server = server
        config = folder / "postroom.toml"
        config.write_text("[dns]\ndeadline = 1.5\nquery_timeout = 1.0\n", encoding="utf-8")
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-P", "-m", "postroom", "check", "--jsonl"),
                *("--no-dns-cache", "--resolver", server.address, "--config", str(config)),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def ask(
        self, zone: Zone, raw: bytes, silent: frozenset[str] = frozenset(), **request: Any
    ) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._server.zone, self._server.silent = zone, silent
        line = {"id": "x", "message": base64.b64encode(raw).decode(), **request}
        self._process.stdin.write(json.dumps(line).encode() + b"\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        assert "error" not in answer, answer
        return answer

    def close(self) -> None:
        self._process.communicate(timeout=20)


@pytest.fixture(scope="module")
def check(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Check]:
    with DnsServer() as server:
        check = Check(server, tmp_path_factory.mktemp("check"))
        yield check
        check.close()


def _texts(records: dict[str, str]) -> Zone:
    return Zone({name: [("TXT", text)] for name, text in records.items()})


def _as_expected(expected: list[str], results: list[str]) -> bool:
    match expected:
        case ["any-pass"]:
            return "pass" in results
        case ["not-pass"]:
            return "pass" not in results
        case ["pass*"]:
            return results[-1:] == ["pass"]
        case _:
            return results == expected


@pytest.mark.parametrize("case", dkim.cases())
def test_dkim_through_the_command(check: Check, case: dict[str, Any]) -> None:
    raw = (dkim.VECTORS / case["file"]).read_bytes()
    answer = check.ask(_texts(case["zone"]), raw, now="2022-11-05T17:01:04+00:00")
    assert _as_expected(case["results"], [one["result"] for one in answer["dkim"]])


@pytest.mark.parametrize(("zone", "silent", "case"), list(spf.cases()))
def test_spf_through_the_command(
    check: Check, zone: Zone, silent: set[str], case: dict[str, Any]
) -> None:
    answer = check.ask(
        zone,
        b"From: a@b.test\r\n\r\n",
        frozenset(name.lower().rstrip(".") for name in silent),
        ip=str(case["host"]),
        helo=case["helo"],
        mail_from=case["mailfrom"],
    )
    assert answer["spf"]["result"] in spf.allowed(case)


@pytest.mark.parametrize(("records", "case"), arc.cases())
def test_arc_through_the_command(
    check: Check, records: dict[str, str], case: dict[str, Any]
) -> None:
    raw = case["message"].encode().replace(b"\n", b"\r\n")
    expected = arc.EXPECTED[str(case["cv"] or "").strip().lower()]
    assert check.ask(_texts(records), raw)["arc"]["result"] == expected.value


@pytest.mark.parametrize(("case", "discovery"), dmarc.cases())
def test_dmarc_through_the_command(check: Check, case: dict[str, Any], discovery: str) -> None:
    zone, silent = Zone(), set[str]()
    for name, records in case["zone"].items():
        for kind, value in records:
            if value == "TIMEOUT":
                silent.add(name.lower().rstrip("."))
            else:
                zone.add(name, kind, "".join(value) if isinstance(value, list) else value)
    if len(records := case["zone"].get("_dmarc.multiple.example", ())) > 1:
        pytest.skip(f"{len(records)} equal records are one in a real answer (RFC 2181 5)")
    assume = {"spf": case["spf"], "dkim": case["dkim"], "discovery": discovery}
    answer = check.ask(zone, dmarc.message(case["from"]), frozenset(silent), assume=assume)
    found = answer["dmarc"]
    expected = case["expect"]
    if "result" in expected:
        allowed = expected["result"]
        assert found["result"] in (allowed if isinstance(allowed, list) else [allowed])
    if "not_result" in expected:
        assert found["result"] != expected["not_result"]


@pytest.fixture(scope="module")
def milter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[DnsServer, Path]]:
    """A real `postroom serve --only milter` and its name server."""
    folder = tmp_path_factory.mktemp("milter")
    with DnsServer() as server:
        (folder / "postroom.toml").write_text(
            f'[service]\nhostname = "mx.company.test"\nstate_dir = "{folder}"\n'
            f'run_dir = "{folder}"\n[milter]\nsocket = "unix:{folder}/milter.sock"\n'
            "trusted_networks = []\n"
            f'[dns]\nresolver = ["{server.address}"]\ncache_size = 0\n'
            'deadline = 1.5\nquery_timeout = 1.0\n[metrics]\nlisten = ""\n'
            '[policy]\ndmarc_reject = "accept"\n',
            encoding="utf-8",
        )
        process = subprocess.Popen(
            [
                *(sys.executable, "-P", "-m", "postroom", "serve", "--only", "milter"),
                *("--config", str(folder / "postroom.toml")),
            ],
            stdout=subprocess.DEVNULL,
        )
        socket = folder / "milter.sock"
        wait_until(socket.exists, 60, "the milter's socket")
        yield server, socket
        process.terminate()
        process.wait(30)


@pytest.mark.parametrize("case", dkim.cases())
def test_dkim_through_the_milters_socket(
    milter: tuple[DnsServer, Path], case: dict[str, Any]
) -> None:
    raw = (dkim.VECTORS / case["file"]).read_bytes()
    if b" x=" in raw:
        pytest.skip("a signature of the past: the milter's clock is the machine's")
    answer = _through(milter, case["zone"], raw)
    assert _as_expected(case["results"], [one for one in _results(answer, "dkim") if one != "none"])


@pytest.mark.parametrize(("zone", "silent", "case"), list(spf.cases()))
def test_spf_through_the_milters_socket(
    milter: tuple[DnsServer, Path], zone: Zone, silent: set[str], case: dict[str, Any]
) -> None:
    server, socket = milter
    server.zone = zone
    server.silent = frozenset(name.lower().rstrip(".") for name in silent)
    with MilterClient(f"unix:{socket}") as client:
        client.connect("client.test", str(case["host"]))
        client.helo(case["helo"])
        answer = client.message([("From", "a@b.test")], sender=f"<{case['mailfrom']}>")
    assert _results(answer, "spf")[0] in spf.allowed(case)


@pytest.mark.parametrize(("records", "case"), arc.cases())
def test_arc_through_the_milters_socket(
    milter: tuple[DnsServer, Path], records: dict[str, str], case: dict[str, Any]
) -> None:
    expected = arc.EXPECTED[str(case["cv"] or "").strip().lower()]
    answer = _through(milter, records, case["message"].encode().replace(b"\n", b"\r\n"))
    assert (_results(answer, "arc") or ["none"]) == [expected.value]  # no chain is not worth a word


def _through(milter: tuple[DnsServer, Path], records: dict[str, str], raw: bytes) -> Answer:
    """What the milter makes of a message, with these TXT records in the DNS."""
    server, socket = milter
    server.zone, server.silent = _texts(records), frozenset()
    fields, body = split(raw)
    with MilterClient(f"unix:{socket}") as client:
        client.connect()
        client.helo()
        # As Postfix hands fields over: LF inside folded values; the client adds the first space.
        given = [
            (one.name.decode(), one.value.removeprefix(b" ").replace(b"\r\n", b"\n"))
            for one in fields
        ]
        return client.message(list(given), body)


def _results(answer: Answer, method: str) -> list[str]:
    """A method's results in our own Authentication-Results; foreign ones stand below it."""
    parts = answer.values("Authentication-Results")[0].decode().split(";")
    return [
        part.split("=")[1].split()[0] for part in parts if part.strip().startswith(f"{method}=")
    ]


# What those milters wrote and we write otherwise, and why.
WRITTEN_OTHERWISE = {
    "unknown-host;": "mx.company.test;",  # the authserv-id is our own name
    "format": 'dmarc=permerror reason="author malformed"',  # From is DMARC's matter here
    "dkim-atps=pass": "dkim=pass",  # RFC 6541 is an experiment that we do not take part in
}
# A Received-SPF that came with the message is a stranger's word: SPF is asked anew, and fails.
NOT_BELIEVED = {"opendmarc/t-verify-received-spf-good": {"dmarc=pass": "dmarc=fail"}}


@pytest.mark.parametrize("scenario", scenarios())
def test_sessions_of_other_milters_get_the_results_wanted_there(
    milter: tuple[DnsServer, Path], scenario: dict[str, Any]
) -> None:
    server, socket = milter
    server.zone = _texts(
        loaded()["keys"]
        | {
            "_dmarc.paypal.com": "v=DMARC1; p=reject",
            "_dmarc.trusteddomain.org": "v=DMARC1; p=none",
            "trusteddomain.org": "v=spf1 -all",
        }
    )
    otherwise: dict[str, str] = WRITTEN_OTHERWISE | NOT_BELIEVED.get(scenario["id"], {})
    for answer, _body in play(f"unix:{socket}", scenario["steps"]):
        assert answer.reply == "accept"
        written = answer.values("Authentication-Results")[0].decode()
        plain = " ".join(written.split())
        wanted = [otherwise.get(one, one) for one in map(str, scenario["ar_strings"])]
        missing = [one for one in wanted if one not in plain]
        assert not missing, plain
