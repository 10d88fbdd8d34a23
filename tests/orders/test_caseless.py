"""Patterns that take no notice of case find what re.IGNORECASE finds, at the same places."""

import re
import sys

import pytest

from postroom.classify.orders.caseless import Caseless, lowered


def test_small_letters_stand_where_the_letters_stood() -> None:
    every = "".join(map(chr, range(sys.maxunicode + 1)))
    assert len(lowered(every)) == len(every)


@pytest.mark.parametrize("pattern", [r"\bпо(?:ставка)?\b", r"stra(?:ß|ss)e \d+", r"[a-zё]+-?\d"])
def test_the_same_is_found_as_by_ignorecase(pattern: str) -> None:
    text = "ПОСТАВКА Straße 5, STRASSE 12, İx-3 STRAẞE 7 По ЁЛКА-4, \u212a9"
    plain = re.compile(pattern, re.IGNORECASE)
    ours = Caseless(pattern)
    assert [m.span() for m in ours.finditer(text)] == [m.span() for m in plain.finditer(text)]
    assert ours.sub("*", text) == plain.sub("*", text)


def test_what_is_left_by_a_substitution_keeps_its_capitals() -> None:
    assert Caseless(r"\s?vat\b").sub("", "Bolts M8 VAT, Nuts vat") == "Bolts M8, Nuts"


@pytest.mark.parametrize("pattern", ["PO", "(?i)po", r"\d[A-Z]"])
def test_a_pattern_that_could_not_match_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="small letters"):
        Caseless(pattern)


def test_character_classes_are_not_taken_for_capitals() -> None:
    assert Caseless(r"(?P<Code>\S\W\D)").search("a-b")
