"""Sentences beside the goods: which are asked about, and a mail without those that are asides."""

from email.message import EmailMessage

import pytest

from postroom.classify.orders import doubtful, extract
from postroom.classify.orders.asides import MOST, without
from postroom.message import Message
from postroom.order import Order
from postroom.reading.reader import read

GOODS = "Please send:\n10 bags cement 25 kg\n4 pcs trowel 20 cm\n"
GATE = "The gate opens for lorries around 10 or so, with the 26 behind the old barn."


def mail(body: str, subject: str = "Order 4711") -> Message:
    message = EmailMessage()
    message["From"] = "Buyer <buyer@kunde.test>"
    message["To"] = "info@firma.test"
    message["Subject"] = subject
    message.set_content(body)
    return read(message.as_bytes())


def heard(message: Message, *asides: str) -> Order:
    return extract(message, asides=frozenset(asides))


def asked_of(message: Message) -> dict[str, bool]:
    """What is asked about, and whether it is grave."""
    return {one.text: one.is_grave for one in doubtful(message, extract(message))}


def asked(body: str) -> dict[str, bool]:
    return asked_of(mail(body))


def test_an_aside_leaves_an_order_without_doubt() -> None:
    message = mail(f"{GOODS}\n{GATE}\n")
    order = extract(message)
    assert not order.complete
    assert GATE in asked_of(message)
    assert heard(message, GATE).complete


def test_a_sentence_that_is_no_aside_keeps_its_doubt() -> None:
    message = mail(f"{GOODS}\n{GATE} The trowels can wait.\n")
    assert "remark-unread" in heard(message, GATE).problems


def test_nothing_is_asked_about_an_order_without_doubt() -> None:
    assert asked(GOODS) == {}


@pytest.mark.parametrize(
    "body", ["Please cancel our order 17, the 5 bags.", "Please change our order 17: 5 bags more."]
)
def test_nothing_is_asked_about_what_is_no_new_order(body: str) -> None:
    assert asked(f"{body}\n\n{GATE}\n") == {}


@pytest.mark.parametrize(
    "line",
    [
        "10 bags cement 25 kg",
        "cement 25 kg",
        "Please send:",
        "Toner",
        "- Lamp oil",
        "Please double everything.",
        "Hold the order until I call.",
        "A-1\tbolt\t20",
    ],
)
def test_goods_headings_and_clear_words_are_never_asked_about(line: str) -> None:
    assert line not in asked(f"{GOODS}{line}\n\n{GATE}\n")


@pytest.mark.parametrize(
    ("sentence", "is_grave"),
    [
        ("Gate 4 opens at 7.", False),
        ("Shut from 12 to 1, cement dust everywhere.", True),  # ordered goods
        ("The van holds 20 rolls so two drops are fine.", True),
        ("If it rains, use gate 4.", True),
        ("Leave it with Pat.", True),  # no number that could be its only fault
    ],
)
def test_what_may_change_the_order_is_grave(sentence: str, is_grave: bool) -> None:
    assert asked(f"{GOODS}\n{sentence}\n\n{GATE}\n")[sentence] is is_grave


def test_a_sentence_over_two_lines_is_one() -> None:
    broken = GATE.replace("lorries ", "lorries\n")
    message = mail(f"{GOODS}\n{broken}\n")
    assert GATE in asked_of(message)
    assert without(message, {GATE}).new_text.split("\n")[:3] == GOODS.split("\n")[:3]
    assert "gate" not in without(message, {GATE}).new_text


def test_the_other_lines_stay_where_they_were() -> None:
    message = mail(f"{GOODS}\n{GATE} Thanks a lot.\nPat\n")
    lines = message.new_text.split("\n")
    left = without(message, {GATE}).new_text.split("\n")
    assert len(left) == len(lines)
    assert [(a, b) for a, b in zip(lines, left, strict=True) if a != b] == [
        (f"{GATE} Thanks a lot.", "Thanks a lot.")
    ]


def test_what_an_aside_says_of_number_and_place_is_still_read() -> None:
    number = "Our order number is K-7788, the yard is 20 behind the mill."
    message = mail(f"{GOODS}\n{number}\n", subject="cement")
    assert heard(message, number).number == "K-7788"


def test_whether_it_is_an_order_is_read_from_the_whole() -> None:
    left = "Your order was dispatched today with 2 pallets."
    message = mail(f"{left}\n\n10 bags cement 25 kg\n4 pcs trowel 20 cm\n", subject="")
    assert not heard(message, left).complete


def test_a_file_that_an_aside_announces_must_be_there() -> None:
    announced = "The rest is in the attached list for the shed."
    assert "attachment-missing" in heard(mail(f"{GOODS}\n{announced}\n"), announced).problems


def test_ice_as_always_points_to_no_other_order() -> None:
    message = mail(f"{GOODS}\nSame driver as last time.\n")
    assert "refers-to-earlier-order" in extract(message).problems
    assert heard(message, "Same driver as last time.").complete


@pytest.mark.parametrize("more", [GATE * (MOST * 5), "\n".join(f"{n} {GATE}" for n in range(99))])
def test_endless_mail_is_not_asked_about(more: str) -> None:
    assert asked(f"{GOODS}\n{more}\n") == {}


def test_a_wish_whose_goods_stand_below_is_no_aside() -> None:
    said = asked(f"Bitte schicken Sie uns zum Fest\n\nzehn Kerzen rot 20 cm.\n\n{GATE}\n")
    assert GATE in said
    assert "Bitte schicken Sie uns zum Fest" not in said
