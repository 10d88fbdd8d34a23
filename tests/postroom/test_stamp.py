"""The stamp is believed only for the message it was written for, by whoever has the key."""

from datetime import UTC, datetime, timedelta

import pytest

from postroom.classification import Classification
from postroom.examination import Examination
from postroom.failure import PermanentFailure
from postroom.stamp import StampKey, read, write
from postroom.verdict import Disposition, DkimResult, Result, Verdict

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
KEY = StampKey.of(b"a secret")
OTHER_KEY = StampKey.of(b"another secret")
BODY = b"two boxes of paper\r\n"
EXAMINATION = Examination(
    verdict=Verdict(
        author="anna@kunde.test", dkim=(DkimResult(result=Result.PASS, domain="kunde.test"),)
    ),
    classification=Classification(category="purchase_order", confidence=0.97, review=False),
    disposition=Disposition.QUARANTINE,
    reason="Grüße; b=forged",
)


def _stamp(queue_id: str = "4ABC") -> str:
    return write(EXAMINATION, queue_id=queue_id, body=BODY, key=KEY, now=NOW)


def _read(value: str, queue_id: str = "4ABC", body: bytes = BODY, after: int = 0) -> Examination:
    return read(
        value,
        queue_id=queue_id,
        body=body,
        keys=(OTHER_KEY, KEY),
        now=NOW + timedelta(seconds=after),
        max_age=timedelta(days=1),
    )


def test_a_stamp_gives_back_the_examination() -> None:
    assert _read(_stamp()) == EXAMINATION


@pytest.mark.parametrize(
    "refold",
    [
        lambda value: value.replace("\n\t", "\r\n\t"),
        lambda value: value.replace("\n\t", ""),
        lambda value: value.replace("\n\t", "\n        "),
        lambda value: f"  {value}  ",
    ],
)
def test_folding_on_the_way_does_no_harm(refold) -> None:  # type: ignore[no-untyped-def]
    assert _read(refold(_stamp())) == EXAMINATION


def test_line_ends_and_trailing_empty_lines_of_the_body_are_not_significant() -> None:
    assert _read(_stamp(), body=BODY.replace(b"\r\n", b"\n") + b"\n\n") == EXAMINATION


def test_without_a_queue_id_the_body_alone_binds() -> None:
    assert _read(_stamp(), queue_id="") == EXAMINATION


@pytest.mark.parametrize(
    ("value", "arguments", "reason"),
    [
        ("", {}, "stamp-malformed"),
        ("v=2; b=x", {}, "stamp-malformed"),
        ("v=1; b=\u00e9", {}, "stamp-forged"),
        (_stamp().replace("q=4ABC", "q=4ABD"), {"queue_id": "4ABD"}, "stamp-forged"),
        (_stamp()[:-4] + "AAA=", {}, "stamp-forged"),
        (_stamp(), {"queue_id": "4ABD"}, "stamp-other-message"),
        (_stamp(), {"body": b"three boxes of paper\r\n"}, "stamp-other-message"),
        (_stamp(), {"after": 86_401}, "stamp-expired"),
        (
            write(EXAMINATION, queue_id="4ABC", body=BODY, key=StampKey.of(b"x"), now=NOW),
            {},
            "stamp-forged",
        ),
    ],
)
def test_anything_else_is_not_believed(
    value: str, arguments: dict[str, object], reason: str
) -> None:
    with pytest.raises(PermanentFailure) as caught:
        _read(value, **arguments)  # type: ignore[arg-type]
    assert caught.value.reason == reason


def test_every_line_is_short_enough_for_smtp() -> None:
    assert max(len(line) for line in _stamp().split("\n")) < 100
