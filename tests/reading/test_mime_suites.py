"""The MIME suites of mail-parser and mime4j: no crash, no lost leaf, equal contents.

Each expected leaf must be among the leaves read, with equal octets (binary) or equal text. Line
ends are compared as LF, because the suites keep one file for both. A message we read otherwise is
listed with the reason; every other difference fails.
"""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest

from postroom.reading.leaves import Leaf, leaves
from postroom.reading.reader import read

MIME = Path(__file__).resolve().parents[3] / "shared" / "conformance" / "mime"
pytestmark = pytest.mark.skipif(not MIME.is_dir(), reason="shared/conformance/mime is absent")

# Message -> why we read it otherwise.
UTF7 = "utf-7 is refused: it can hide markup from every check that does not know it"
UUENCODE = "we decode x-uuencode; mail-parser keeps it encoded"
LYING = "labelled utf-8 but not UTF-8: we repair it, mail-parser shows U+FFFD"
TRUNCATED = "cut base64: we keep the octets of the last, incomplete group, mime4j drops them"
DIFFERENT: dict[str, str] = {
    "legacy/001": UTF7,
    "legacy/005": UTF7,
    "legacy/034": UTF7,
    "legacy/017": UUENCODE,
    "legacy/026": UUENCODE,
    "legacy/048": UUENCODE,
    "legacy/033": LYING,
    "legacy/052": LYING,
    "mime4j/frag": TRUNCATED,
    "mime4j/multi-frag": TRUNCATED,
    "mime4j/malformedHeader-noheader": "no header at all: we take it all for text, as mime4j does "
    "in its other mode (malformedHeaderStartsBody-noheader)",
    "mime4j/malformedHeaderStartsBody-noheader": "mime4j keeps the first line only",
    "mime4j/malformedHeaderStartsBody-nocrlfcrlf": "a line that is no header does not end the "
    "header section, lest a From behind it is hidden (mime4j's other mode agrees)",
}
# Subjects only: raw octets without a charset, which we guess and mail-parser shows as U+FFFD.
GUESSED = ("legacy/010", "legacy/020", "legacy/022", "legacy/027")


def same_text(text: str) -> str:
    return text.replace("\r", "").rstrip("\n")


def expected_leaves(message: dict[str, Any]) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for part in message["parts"]:
        for kind, content in part["body"].items():
            match kind:
                case "Text" | "Html":
                    found.append(("text", same_text(content)))
                case "Binary" | "InlineBinary":
                    found.append(("octets", bytes(content)))
                case "Message":
                    found.extend(expected_leaves(content))
                case _:
                    pass
    return found


def has(expected: tuple[str, Any], got: tuple[Leaf, ...]) -> bool:
    kind, content = expected
    if kind == "text":
        return any(same_text(leaf.text or leaf.data.decode("latin-1")) == content for leaf in got)
    plain = content.replace(b"\r\n", b"\n").rstrip(b"\n")
    return any(leaf.data.replace(b"\r\n", b"\n").rstrip(b"\n") == plain for leaf in got)


def mail_parser_cases() -> list[Path]:
    return sorted(MIME.glob("mail-parser/*/[0-9]*.json"))


def message_of(case: Path) -> bytes:
    raw = case.with_name(case.name.partition(".")[0] + ".eml").read_bytes()
    raw = raw.replace(b"\r\n", b"\n")
    return raw.replace(b"\n", b"\r\n") if ".crlf." in case.name else raw


@pytest.mark.parametrize(
    "case", mail_parser_cases(), ids=lambda case: f"{case.parent.name}/{case.name}"
)
def test_mail_parser_leaves_are_all_found(case: Path) -> None:
    got = leaves(message_of(case))
    missing = [
        one for one in expected_leaves(json.loads(case.read_text("utf-8"))) if not has(one, got)
    ]
    reason = DIFFERENT.get(f"{case.parent.name}/{case.name.partition('.')[0]}", "")
    if reason:
        assert missing, f"no longer different, remove from DIFFERENT: {reason}"
        pytest.xfail(reason)
    assert not missing, [str(one)[:300] for one in missing]


@pytest.mark.parametrize(
    "case", mail_parser_cases(), ids=lambda case: f"{case.parent.name}/{case.name}"
)
def test_mail_parser_subjects_are_equal(case: Path) -> None:
    root = json.loads(case.read_text("utf-8"))["parts"][0]
    subjects = [
        header["value"]["Text"]
        for header in root["headers"]
        if header["name"] == "subject" and isinstance(header["value"], dict)
    ]
    if not subjects:
        pytest.skip("no subject expected")
    got, wanted = (" ".join(one.split()) for one in (read(message_of(case)).subject, subjects[-1]))
    name = f"{case.parent.name}/{case.name.partition('.')[0]}"
    if got != wanted and (name in GUESSED or name in DIFFERENT):
        pytest.xfail(DIFFERENT.get(name, "raw octets without a charset: guessed"))
    assert got == wanted


def mime4j_cases() -> list[Path]:
    return sorted(MIME.glob("mime4j/*/*_decoded.xml"))


@pytest.mark.parametrize("case", mime4j_cases(), ids=lambda case: case.name)
def test_mime4j_leaves_are_all_found(case: Path) -> None:
    stem = case.name.removesuffix("_decoded.xml")
    got = leaves(case.with_name(stem + ".msg").read_bytes())
    digests = {hashlib.sha256(leaf.data).hexdigest() for leaf in got}
    texts = {same_text(leaf.data.decode("latin-1")) for leaf in got}
    missing = []
    for name in re.findall(
        r'<(?:text|binary)-body name="([^"]+)"', case.read_text("utf-8", "replace")
    ):
        wanted = case.parent / name.strip("/")
        if not wanted.exists():
            continue
        octets = wanted.read_bytes()
        if (
            hashlib.sha256(octets).hexdigest() in digests
            or same_text(octets.decode("latin-1")) in texts
        ):
            continue
        missing.append(name)
    reason = DIFFERENT.get(f"mime4j/{stem}", "")
    if reason:
        assert missing, f"no longer different, remove from DIFFERENT: {reason}"
        pytest.xfail(reason)
    assert not missing


@pytest.mark.slow
def test_no_file_of_the_suites_stops_the_reader() -> None:
    paths = sorted(one for one in MIME.rglob("*") if one.is_file())
    for path in paths:
        raw = path.read_bytes()
        assert read(raw).raw == raw, path
    assert len(paths) > 900
