"""Forwards: read through when they say nothing themselves, and whom they claim to be from."""

import pytest

from postroom.reading.reader import read
from tests.fakes.letters import letter, multipart

GMAIL = (
    "---------- Forwarded message ---------\nFrom: Bert Kohl <bert@kohl.test>\n"
    "Date: Tue, 12 Mar 2024 at 16:40\nSubject: Order 12\nTo: <anna@buyer.example>\n\n"
    "Please send 5 valves.\n\nOn Mon, 11 Mar 2024, Anna <a@b.test> wrote:\n> How many?"
)
OUTLOOK = (
    "Von: Bert Kohl <bert@kohl.test>\nGesendet: Dienstag, 12. März 2024 16:40\nAn: Anna\n"
    "Betreff: Order 12\n\nPlease send 5 valves."
)
RUSSIAN = (
    "-------- Пересылаемое сообщение --------\nОт: Берт <bert@kohl.test>\n"
    "Дата: 12.03.2024\nТема: Order 12\n\nPlease send 5 valves."
)
APPLE = (
    "Begin forwarded message:\n\n> From: Bert Kohl <bert@kohl.test>\n> Subject: Order 12\n"
    "> Date: 12 March 2024 at 16:40:00 CET\n> To: Anna\n> \n> Please send 5 valves."
)


@pytest.mark.parametrize("quotation", [GMAIL, OUTLOOK, RUSSIAN, APPLE])
@pytest.mark.parametrize("own", ["", "FYI\n\n", "см. ниже\n\n", "Siehe unten.\n\n-- \nAnna\n\n"])
def test_a_forward_that_says_nothing_is_read_through(quotation: str, own: str) -> None:
    message = read(letter(own + quotation))
    assert message.new_text == "Please send 5 valves."
    assert "forwarded" in message.problems
    (inside,) = message.forwarded
    assert inside.author is not None
    assert inside.author.text == "bert@kohl.test"
    assert inside.subject == "Order 12"
    assert not inside.attached
    assert message.author is not None
    assert message.author.text == "anna@buyer.example"  # the one who forwards, not the claimed


def test_a_forward_with_own_words_keeps_them() -> None:
    message = read(letter("Bert wants 5, we want 7.\n\n" + GMAIL))
    assert message.new_text == "Bert wants 5, we want 7."
    assert "forwarded" not in message.problems
    assert message.forwarded[0].text == "Please send 5 valves."


def test_a_gmail_forward_in_html_is_read_through() -> None:
    html = (
        '<div dir="ltr"><br><br><div class="gmail_quote"><div dir="ltr" class="gmail_attr">'
        "---------- Forwarded message ---------<br>From: <strong>Bert</strong> <span>&lt;"
        '<a href="mailto:bert@kohl.test">bert@kohl.test</a>&gt;</span><br>Date: Tue, 12 Mar 2024'
        "<br>Subject: Order 12<br>To: Anna<br></div><br>"
        "<div>Please send 5 valves.</div></div></div>"
    )
    message = read(letter(html, html=True))
    assert message.new_text == "Please send 5 valves."
    assert message.forwarded[0].subject == "Order 12"


def test_a_notes_forward_without_a_from_is_read_through() -> None:
    body = (
        "---------------------- Forwarded by Anna Berg/Berg on\n12.03.2024 16:40\n"
        "---------------------------\n\nPlease send 5 valves."
    )
    message = read(letter(body))
    assert message.new_text.endswith("Please send 5 valves.")
    assert message.forwarded[0].author is None


@pytest.mark.parametrize("own", ["", "FYI"])
def test_an_attached_message_is_read_through(own: str) -> None:
    inner = multipart(
        "mixed",
        b"Content-Type: text/plain\r\n\r\nPlease send 5 valves.\r\n",
        b"Content-Type: application/pdf; name=order.pdf\r\n\r\n%PDF-",
        fields=("From: Bert Kohl <bert@kohl.test>", "Subject: Order 12"),
    )
    raw = multipart(
        "mixed",
        b"Content-Type: text/plain\r\n\r\n" + own.encode(),
        b"Content-Type: message/rfc822\r\n\r\n" + inner.replace(b"edge", b"inner"),
    )
    message = read(raw)
    assert message.new_text == "Please send 5 valves."
    (inside,) = message.forwarded
    assert inside.attached
    assert inside.author is not None
    assert (inside.author.text, inside.subject) == ("bert@kohl.test", "Order 12")
    assert [(one.filename, one.problems) for one in message.attachments] == [
        ("message.eml", ()),
        ("order.pdf", ("inside-message",)),
    ]


@pytest.mark.parametrize(
    "field",
    [
        "Subject: RE: Order 12",
        "Subject: AW: Bestellung 12",
        "Subject: [EXTERN] Re[2]: Order 12",
        "Subject: Отв: Заказ 12",
        "Subject: Re: Fwd: Order 12",
        "In-Reply-To: <1@kohl.test>",
    ],
)
@pytest.mark.parametrize("quotation", [GMAIL, OUTLOOK, APPLE])
@pytest.mark.parametrize("own", ["", "see below\n\n", "Best regards\nAnna\n\n"])
def test_an_answer_that_says_nothing_does_not_repeat_what_it_quotes(
    field: str, quotation: str, own: str
) -> None:
    message = read(letter(own + quotation, field))
    assert message.new_text in ("", "see below")
    assert "Please send 5 valves." in message.quoted_text
    assert ("no-new-text" in message.problems) == (message.new_text == "")
    assert "forwarded" not in message.problems


@pytest.mark.parametrize("subject", ["Fwd: Re: Order 12", "WG: AW: Order 12", "[ext] FW: Order"])
def test_a_forwarded_answer_is_a_forward(subject: str) -> None:
    message = read(letter(OUTLOOK, f"Subject: {subject}", "References: <1@kohl.test>"))
    assert message.new_text == "Please send 5 valves."


UNMARKED = "On Tue, Mar 12, 2024 at 4:40 PM Max <m@x.test> wrote:\n\nHow many?"


@pytest.mark.parametrize(
    ("body", "fields", "unsure"),
    [
        ("Yes please\n> 10 pcs", (), True),
        ("Yes please\n> 10 pcs", ("In-Reply-To: <1@kohl.test>",), False),
        ("We take:\n> 10 pcs", ("In-Reply-To: <1@kohl.test>",), True),
        (OUTLOOK.replace("Please", "On 1 Jan 2024, A <a@b.test> wrote:\n\nPlease"), (), True),
        (f"Yes\n\n{UNMARKED}", (), True),
        (f"Yes\n\n{UNMARKED}", ("Subject: AW: Order",), False),
        (f"Yes\n\n{UNMARKED}", ("Subject: WG: Order",), False),
        (f"Yes\n\n{UNMARKED}", ("References: <1@kohl.test>",), False),
    ],
)
def test_what_may_be_quoted_or_not_is_a_problem(
    body: str, fields: tuple[str, ...], unsure: bool
) -> None:
    assert ("quotes-unsure" in read(letter(body, *fields)).problems) == unsure


def test_an_answer_without_words_says_so() -> None:
    message = read(letter("On Mon, 1 Jan 2024, B <b@c.test> wrote:\n> How many?"))
    assert message.new_text == ""
    assert "no-new-text" in message.problems
