"""Streets and postcodes that look like goods, and where a letter closes."""

import pytest

from postroom.classify.orders import extract
from postroom.classify.orders.addresses import block_at
from postroom.classify.orders.body import read_body
from postroom.classify.orders.closing import until_signature
from postroom.order import Order
from postroom.reading.language import detect
from postroom.reading.reader import read

LIST = "Please send:\n4 x chair Aero 200\n2 x desk 160x80\n"


def mail(body: str) -> Order:
    head = "From: kate@firm.test\nTo: us@us.test\nSubject: Order\n"
    return extract(read(f"{head}Content-Type: text/plain; charset=utf-8\n\n{body}\n".encode()))


STREETS = [
    "Havenkade 44\n1011 AB Amsterdam",
    "Nørregade 10\n8000 Aarhus C",
    "5 avenue Foch\n69006 Lyon",
    "Kirchberg 2\n34117 Kassel",
    "Flat 3\n14 Elm Court\nBristol",
    "45 Broadway\nNew York, NY 10006",
    "Садовая 14 кв 5\nСамара",
]


@pytest.mark.parametrize("street", STREETS)
@pytest.mark.parametrize("above", ["Studio Bellevue\n", "Thanks,\nPiet Smit\n", "Piet\n\n", ""])
def test_a_street_apart_from_the_list_is_never_ordered_surely(street: str, above: str) -> None:
    order = mail(f"{LIST}\n{above}{street}")
    sure = [line.description for line in order.lines if line.confidence >= 0.85]
    assert sure == ["chair Aero 200", "desk 160x80"]
    assert len(order.lines) == 2 or not order.complete


@pytest.mark.parametrize(
    "text",
    [
        "Please send 4 chairs.\n\nPiet Smit\nHavenkade 44\n1011 AB Amsterdam",
        "Studio Bellevue\nHavenkade 44\n1011 AB Amsterdam\n\nPlease send:\n4 chairs\n2 desks",
        "4 chairs\n2 desks\n\nHavenkade 44\n1011 AB Amsterdam",
        "chair - 4 pcs\ndesk - 2 pcs\nPiet Smit\nHavenkade 44\n1011 AB Amsterdam",
    ],
)
def test_what_may_be_goods_or_an_address_waits(text: str) -> None:
    order = mail(text)
    assert "goods-or-address" in {one for line in order.lines for one in line.problems}
    assert not order.complete


@pytest.mark.parametrize(
    "text",
    [
        "4 chairs\n\n2 desks\n\n3 lamps",
        "Drinks:\n10 colas\n5 beers\n\nFood:\n3 pizzas\n2 salads",
        "Please send:\n4 chairs\n2 desks",
    ],
)
def test_goods_without_units_are_ordered_where_nothing_else_is(text: str) -> None:
    assert mail(text).complete


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (
            f"{LIST}\nDelivery address:\nStudio Bellevue\nHavenkade 44\n1011 AB Amsterdam",
            "Studio Bellevue, Havenkade 44, 1011 AB Amsterdam",
        ),
        (
            f"Delivery address: Studio Bellevue\nHavenkade 44\n1011 AB Amsterdam\n\n{LIST}",
            "Studio Bellevue, Havenkade 44, 1011 AB Amsterdam",
        ),
        (
            "Bitte liefern:\n4 x Stuhl\n2 x Tisch\n\nLieferadresse:\nDorf 14\n6456 Obergurgl\n"
            "Tel. 0664 123456",
            "Dorf 14, 6456 Obergurgl",
        ),
        (
            "Заказ:\nстул - 4 шт\nстол - 2 шт\n\nАдрес доставки:\nКафе Уют\nСадовая 14\nСамара",
            "Кафе Уют, Садовая 14, Самара",
        ),
        (
            f"{LIST}\nInvoice address:\nKanaalweg 18\n3526 KL Utrecht\n\nShip to:\nPiet\n"
            "Havenkade 44\n1011 AB Amsterdam",
            "Piet, Havenkade 44, 1011 AB Amsterdam",
        ),
    ],
)
def test_the_lines_below_an_address_s_label_are_the_address(text: str, address: str) -> None:
    order = mail(text)
    assert order.delivery.address == address
    assert len(order.lines) == 2
    assert order.complete, order.problems


@pytest.mark.parametrize(
    "below",
    [
        "4 chairs\n2 desks",
        "4 x Chair\n2 x Desk",
        "- Chair 4\n- Desk 2",
        "Chair - 4 pcs",
        "",
        "\nHavenkade 44\n1011 AB Amsterdam",
    ],
)
def test_goods_below_an_empty_address_are_no_address(below: str) -> None:
    assert block_at(["Delivery address:", *below.split("\n")], 0) is None


def test_goods_right_below_an_address_are_read() -> None:
    order = mail("Ship to:\nPiet\nHavenkade 44\n1011 AB Amsterdam\n4 x Chair\n2 x Desk")
    assert [line.description for line in order.lines] == ["Chair", "Desk"]
    order = mail("2 x Lamp\n\nDelivery address:\nPiet\n4 Chairs\n2 Desks")
    assert len(order.lines) == 3
    assert not order.complete


@pytest.mark.parametrize(
    "closing",
    [
        "Thanks,",
        "Cheers",
        "Many thanks",
        "Best,",
        "Besten Dank",
        "LG",
        "Herzliche Grüße",
        "Спасибо!",
    ],
)
def test_thanks_and_greetings_close_above_a_name_and_an_address(closing: str) -> None:
    lines = ["4 chairs", "", closing, "Piet Smit", "Im Feld 14", "8005 Zürich"]
    assert until_signature(lines) == ["4 chairs", ""]


@pytest.mark.parametrize(
    "below",
    [
        "Mick\n2 Lamps",
        "Mick\nLamps - 2",
        "Mick\nand two lamps",
        "Mick\nThe desks can wait",
        "Mick\n\nPS 2 lamps",
        "Lamps 2\nRugs 4",
        "Please also send:\n2 lamps",
    ],
)
def test_who_goes_on_below_his_thanks_is_read(below: str) -> None:
    lines = ["4 chairs", "", "Thanks", *below.split("\n")]
    assert until_signature(lines) == lines


def test_goods_are_ordered_in_the_sentence_that_says_where_to() -> None:
    text = "Просим отгрузить 10 мешков цемента по адресу: г. Тула, ул. Ленина, 5."
    (line,) = read_body(text, detect(text)).lines
    assert (str(line.quantity), line.unit, line.description) == ("10", "мешков", "цемента")
    assert mail(text).delivery.address == "г. Тула, ул. Ленина, 5"
    text = "Please send 10 bags of cement to 12 High Street, Leeds."
    assert [str(line.quantity) for line in read_body(text, "en").lines] == ["10"]


def test_goods_behind_an_address_keep_a_sentence_unread() -> None:
    text = "Просим отгрузить 10 мешков цемента по адресу: г. Тула, ул. Ленина, 5 и 3 мешка песка."
    assert "numbers-unread" in read_body(text, detect(text)).problems
