"""What a mail wants, by which number, and whether it announces a file."""

import pytest

from postroom.classify.orders.enclosed import says_attached
from postroom.classify.orders.heading import surroundings
from postroom.classify.orders.kind import kind_of_mail
from postroom.order import OrderKind

POINTS_BACK = "refers-to-earlier-order"


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        ("shed", "Please drop off with the Tuesday van:\n4 bags feed"),
        ("", "please bring on your next visit:\n2 drums oil"),
        ("", "Школа № 5 просит отгрузить 3 мешка соли"),
        ("Мыло к лету", "Просим приготовить для бани:\nмыло - 5 кг"),
        ("", "Прошу к субботе для нас:\nрис - 5 кг"),
        ("Druckauftrag Herbst", "Plakate A1 - 20 Stück"),
        ("", "anbei unser Bedarf für Mai:\nMalz 5 Sack"),
        ("", "Bitte fertigen:\n20 Schilder"),
        ("", "Please quote AB-77 on the delivery note.\n\nNeed 4 x 20 kg plaster for Monday"),
    ],
)
def test_a_polite_wish_above_a_list_orders_it(subject: str, text: str) -> None:
    kind = kind_of_mail(subject, text)
    assert (kind.kind, kind.problems) == (OrderKind.ORDER, ())


@pytest.mark.parametrize(
    "text",
    [
        "Please check the stock list:\n4 bags feed",
        "please note what we have left:\n4 bags feed",
        "Please collect these returns:\n4 bags feed",
        "Bitte prüfen:\n4 Sack Malz",
        "Bitte zurücknehmen:\n4 Sack Malz",
        "Просим сообщить остатки:\nрис - 5 кг",
        "4 bags feed",
    ],
)
def test_a_wish_that_is_no_order_leaves_the_kind_unsure(text: str) -> None:
    assert "kind-unsure" in kind_of_mail("", text).problems


@pytest.mark.parametrize(
    "text", ["Please quote 40 valves on the attached list.", "Please quote 60 off M8 bolts."]
)
def test_goods_that_are_to_be_quoted_are_asked_about(text: str) -> None:
    assert kind_of_mail("", text).kind is OrderKind.NONE


def test_a_seller_who_thanks_for_the_order_confirms_it() -> None:
    text = "vielen Dank für Ihren Auftrag, den wir wie folgt bestätigen:\n4 Stk Welle"
    assert kind_of_mail("Auftragsbestätigung AB-26-9", text).problems == ("order-confirmation",)


@pytest.mark.parametrize(
    "words",
    [
        "Same as always, round to the back door before seven.",
        "Bitte wie üblich an der Rampe abladen.",
        "Выгрузка у ворот, как в прошлый раз.",
        "Leave it by the gate as before.",
    ],
)
def test_a_way_of_delivery_as_ever_points_to_no_earlier_order(words: str) -> None:
    assert POINTS_BACK not in kind_of_mail("Order", f"Please send 4 bags.\n{words}").problems


@pytest.mark.parametrize(
    "words",
    [
        "Same as always.",
        "The logo is the same as last year.",
        "Deliver the same as before to the gate.",
        "Bitte liefern wie beim letzten Mal.",
        "То же как обычно, к воротам.",
        "As usual 5 of the grey ones to the yard.",
    ],
)
def test_goods_as_ever_point_to_an_earlier_order(words: str) -> None:
    assert POINTS_BACK in kind_of_mail("Order", f"Please send 4 bags.\n{words}").problems


@pytest.mark.parametrize(
    ("line", "number"),
    [
        ("die Teile zum Reparaturauftrag RA-25-77 bitte", "RA-25-77"),
        ("Sammelbestellung SB-2025-3", "SB-2025-3"),
        ("Bestellschein 2025/0412", "2025/0412"),
        ("REQ NO: 24/E/017", "24/E/017"),
        ("снабжение для т/х «Волна», реквизиция 07-К", "07-К"),
        ("Please quote LR-88 on all invoices.", "LR-88"),
        ("Stock order, our PO is KM 714.", "KM 714"),
        ("Rahmenauftrag 4711", ""),
        ("Please quote 40 valves on the invoice", ""),
        ("Nachbestellung 20 Säcke", ""),
    ],
)
def test_an_order_is_known_by_what_its_writer_calls_it(line: str, number: str) -> None:
    assert surroundings([line], OrderKind.ORDER).number == number


@pytest.mark.parametrize(
    ("text", "announced"),
    [
        ("anbei unser Bedarf für Mai:\nArtikel\tMenge\tME", False),
        ("anbei unsere Bestellung 77.\n\nPos   Artikel   Menge\n10   Welle   4", False),
        ("Прилагаю заявку:\nболт - 5 шт", False),
        ("Safety data sheets to be enclosed with the goods.", False),
        ("Паспорта должны быть приложены.", False),
        ("anbei unsere Bestellung.\nBitte noch 5 Wellen dazu.", True),
        ("anbei unsere Bestellung als PDF:\nPos   Artikel   Menge", True),
        ("anbei die Zeichnungen:\n5 Wellen", True),
        ("Bitte finden Sie anbei die Pläne.", True),
        ("Our order is attached:\n5 shafts", True),
    ],
)
def test_a_list_below_is_no_missing_file(text: str, announced: bool) -> None:
    assert says_attached(text, listed=True) is announced
    if "anbei" in text.lower():
        assert says_attached(text, listed=False)


@pytest.mark.parametrize(
    "question",
    [
        "Liefert ihr wie üblich am Donnerstag?",
        "Fahren Sie auch nächsten Freitag?",
        "Are you coming on Tuesday as usual?",
        "Привезёте как обычно во вторник?",
    ],
)
def test_a_question_after_the_usual_day_asks_nothing_back(question: str) -> None:
    kind = kind_of_mail("Order", f"We order 4 bags feed.\n\n{question}\n")
    assert "asks-back" not in kind.problems


@pytest.mark.parametrize(
    "question",
    [
        "Liefert ihr das wie üblich auf Rechnung?",
        "Kommt ihr wie immer am Dienstag, oder erst wenn die Rohre da sind?",
        "Are you coming with the new price list?",
        "Привезёте во вторник белые или серые?",
    ],
)
def test_a_question_about_more_than_the_day_asks_back(question: str) -> None:
    kind = kind_of_mail("Order", f"We order 4 bags feed.\n\n{question}\n")
    assert "asks-back" in kind.problems


@pytest.mark.parametrize(
    "text",
    [
        "die Füllung steht an. Wir nehmen\n2 Paletten Flaschen",
        "Hallo, bitte morgen bringen 4 Karton Nudeln",
    ],
)
def test_taking_and_bringing_so_many_orders_them(text: str) -> None:
    kind = kind_of_mail("Flaschen", text)
    assert (kind.kind, kind.problems) == (OrderKind.ORDER, ())


@pytest.mark.parametrize(
    "text",
    [
        "Wir nehmen 3 Paletten gern zurück.",
        "Wir nehmen Bezug auf das Gespräch über 4 Kisten.",
        "Bitte die Anlage wieder in Ordnung bringen, 4 Teile klappern.",
    ],
)
def test_taking_back_and_bringing_in_order_orders_nothing(text: str) -> None:
    assert "kind-unsure" in kind_of_mail("Paletten", text).problems
