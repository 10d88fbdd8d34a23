"""Header values and replies in a form that libmilter and Postfix take."""

import pytest

from postroom.failure import PermanentFailure, TemporaryFailure
from postroom.milter.answer import header_value, refusal

VALUES = [
    ("mail.firma.test; none", "mail.firma.test; none"),
    ("a;\n\tb;\r\n c", "a;\n\tb;\n\tc"),
    ("  a  \n\n\n\tb\n", "a\n\tb"),
    ("a\x00b\rc\x7f", "a b c"),
    ("", ""),
]


@pytest.mark.parametrize(("text", "value"), VALUES)
def test_a_value_is_folded_with_lf_and_tab_and_has_no_empty_line(text: str, value: str) -> None:
    assert header_value(text) == value


@pytest.mark.parametrize("text", ["word " * 2_000, "x" * 5_000, "ю" * 5_000, "ю " * 5_000])
def test_a_long_value_is_cut_into_lines_of_legal_length_and_loses_nothing(text: str) -> None:
    value = header_value(text)
    assert max(len(line.encode()) for line in value.split("\n")) <= 998
    assert "".join(value.split()) == "".join(text.split())


REFUSALS = [
    (PermanentFailure("dmarc-reject"), "Do this", "550 5.7.26 Do this"),
    (PermanentFailure("spam"), "", "550 5.7.1 Message refused as spam"),
    (PermanentFailure("new-reason"), "", "550 5.7.1 Message refused by local policy"),
    (TemporaryFailure("new-reason"), "Later", "451 4.3.0 Later"),
    (PermanentFailure("spam"), "two\r\nlines и", "550 5.7.1 two??lines ?"),
]


@pytest.mark.parametrize(("failure", "text", "reply"), REFUSALS)
def test_a_refusal_has_the_code_of_its_reason_and_the_text_of_the_policy(
    failure: PermanentFailure | TemporaryFailure, text: str, reply: str
) -> None:
    assert str(refusal(failure, text)) == reply


def test_a_reply_line_never_exceeds_what_smtp_allows() -> None:
    assert len(str(refusal(PermanentFailure("spam"), "x" * 2_000)) + "\r\n") <= 512
