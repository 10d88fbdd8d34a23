"""The commands as an operator or a program uses them: real processes, stdin and stdout."""

import base64
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

ORDER = (
    b"From: Anna <anna@kunde.test>\r\nTo: info@company.test\r\nSubject: Order 4711\r\n"
    b"Message-ID: <1@kunde.test>\r\n\r\n"
    b"Please send us\r\n\r\n10 pcs M8x30 bolt, zinc\r\n2 boxes of paper A4\r\n\r\nAnna\r\n"
)


def _postroom(
    *arguments: str, stdin: bytes = b"", config: str = "", folder: Path | None = None
) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-P", "-m", "postroom", *arguments]
    if folder is not None:
        path = folder / "postroom.toml"
        path.write_text(config, encoding="utf-8")
        command += ["--config", str(path)]
    return subprocess.run(command, input=stdin, capture_output=True, timeout=60, check=False)


def _line(**fields: Any) -> bytes:
    return json.dumps(fields).encode() + b"\n"


def _answers(output: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]


def test_jsonl_answers_every_line_in_order_and_survives_bad_ones() -> None:
    message = base64.b64encode(ORDER).decode()
    lines = [
        _line(id=1, message=message),
        b"this is no JSON\n",
        _line(id=3, message="%%%"),
        _line(id="four", text="no message"),
        _line(id=5, message=message, now="yesterday"),
        b'["a list"]\n',
        b"\n",
        _line(id=8, message=""),
        _line(id=9, message=base64.b64encode(bytes(range(256)) * 40).decode()),
        _line(id=10, message=message, unknown_key=True),
    ]
    done = _postroom("read", "--jsonl", stdin=b"".join(lines))
    answers = _answers(done.stdout)
    assert [answer["id"] for answer in answers] == [1, None, 3, "four", 5, None, 8, 9, 10]
    reasons = [answer.get("error", {}).get("reason", "") for answer in answers]
    assert reasons == ["", "bad-json", "bad-base64", *["bad-request"] * 3, "", "", ""]
    assert answers[0]["subject"] == "Order 4711"
    assert all(answer["error"]["text"] for answer in answers if "error" in answer)
    assert done.returncode == 1


def test_leaves_come_when_asked_for() -> None:
    message = base64.b64encode(ORDER).decode()
    done = _postroom("read", "--jsonl", stdin=_line(id=1, message=message, leaves=True))
    (leaf,) = _answers(done.stdout)[0]["leaves"]
    assert leaf["type"] == "text/plain"
    assert "10 pcs M8x30" in leaf["text"]
    assert base64.b64decode(leaf["data"]).startswith(b"Please send us")
    assert leaf["size"] == len(base64.b64decode(leaf["data"]))


def test_check_takes_assumed_results_for_dmarc() -> None:
    spf = {"result": "pass", "domain": "kunde.test"}
    request = _line(
        id="a",
        message=base64.b64encode(ORDER).decode(),
        ip="192.0.2.1",
        mail_from="anna@kunde.test",
        assume={"spf": spf, "dkim": [], "discovery": "psl"},
    )
    (answer,) = _answers(
        _postroom("check", "--jsonl", "--resolver", "127.0.0.1:9", stdin=request).stdout
    )
    assert answer["spf"]["result"] == "pass"
    assert answer["dkim"] == []
    assert answer["dmarc"]["domain"] == "kunde.test"
    assert answer["disposition"] in ("accept", "defer")
    assert answer["authentication_results"].startswith("localhost;")


def test_files_are_answered_with_their_names_and_a_missing_one_is_an_error(tmp_path: Path) -> None:
    there = tmp_path / "order.eml"
    there.write_bytes(ORDER)
    done = _postroom("classify", "--json", str(there), str(tmp_path / "absent.eml"))
    answers = _answers(done.stdout)
    assert [Path(answer["file"]).name for answer in answers] == ["order.eml", "absent.eml"]
    assert answers[0]["category"] == "purchase_order"
    assert answers[1]["error"]["reason"] == "unreadable-file"
    assert done.returncode == 1


def test_extract_reads_a_message_and_a_bare_document(tmp_path: Path) -> None:
    mail = tmp_path / "order.eml"
    mail.write_bytes(ORDER)
    table = tmp_path / "order.csv"
    table.write_text("SKU;Description;Quantity;Price\nA-1;Bolt;10;1,50\n", encoding="utf-8")
    answers = _answers(_postroom("extract", "--json", str(mail), str(table)).stdout)
    assert [line["quantity"] for line in answers[0]["lines"]] == ["10", "2"]
    (line,) = answers[1]["lines"]
    assert (line["sku"], line["quantity"], line["unit_price"]) == ("A-1", "10", "1.50")


def test_explain_says_what_would_be_done_and_why_not_more(tmp_path: Path) -> None:
    mail = tmp_path / "order.eml"
    mail.write_bytes(ORDER)
    config = '[dns]\nresolver = ["127.0.0.1:9"]\ndeadline = 1\n'
    done = _postroom("explain", "--json", str(mail), config=config, folder=tmp_path)
    (answer,) = _answers(done.stdout)
    assert answer["decision"]["outcome"] == "review"
    assert any(reason.startswith("unauthenticated:") for reason in answer["decision"]["reasons"])
    assert answer["actions"] == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["check"], "FILE"),
        (["queue", "approve", "12"], "m12"),
        (["queue", "approve", "a12"], "m12"),
        (["queue", "retry", "m12"], "a34"),
        (["check", "--resolver", "127.0.0.1:99999", "a.eml"], "name server"),
        (["api", "token", "add", "anna", "--days", "4000000"], "--days"),
        (["nonsense"], "nonsense"),
    ],
)
def test_a_wrong_command_line_is_status_2_with_its_mend(arguments: list[str], said: str) -> None:
    done = _postroom(*arguments)
    assert done.returncode == 2
    assert said in done.stderr.decode()


def test_a_wrong_configuration_is_status_2_and_names_the_key(tmp_path: Path) -> None:
    done = _postroom("doctor", config="[milter]\nsoket = 1\n", folder=tmp_path)
    assert done.returncode == 2
    assert "milter.soket" in done.stderr.decode()


def test_the_configuration_is_printed_without_the_passwords_in_its_urls(tmp_path: Path) -> None:
    config = (
        '[store]\nurl = "postgresql+psycopg://room:geheim@db/n"\n'
        '[redis]\nurl = "redis://:geheim@h"\n[erp]\nbase_url = "https://u:geheim@erp.test"\n'
    )
    for words in (["config"], ["config", "--json"]):
        done = _postroom(*words, config=config, folder=tmp_path)
        assert done.returncode == 0 and b"geheim" not in done.stdout
        assert b"https://u:***@erp.test" in done.stdout


def test_doctor_finds_faults_on_an_empty_machine_and_names_the_mends(tmp_path: Path) -> None:
    config = (
        f'[service]\nstate_dir = "{tmp_path}/state"\nrun_dir = "{tmp_path}/run"\n'
        f'[milter]\nsocket = "unix:{tmp_path}/run/m"\n[lmtp]\nsocket = "unix:{tmp_path}/run/l"\n'
    )
    done = _postroom("doctor", "--json", config=config, folder=tmp_path)
    findings = _answers(done.stdout)
    faults = [finding for finding in findings if finding["state"] == "fault"]
    assert done.returncode == 1
    assert {"milter", "lmtp"} <= {finding["what"].split()[0] for finding in faults}
    assert all(finding["mend"] for finding in findings if finding["state"] != "ok")
    assert not (tmp_path / "state").exists(), "doctor changes nothing"
