"""What takes the certainty away: words in a text, lines of another shape, columns that answer."""

from decimal import Decimal

import pytest

from postroom.classify.orders import extract_document
from postroom.classify.orders.audit import noted
from postroom.classify.orders.body import read_body
from postroom.classify.orders.caseless import Phrases
from postroom.classify.orders.countwords import counted_by
from postroom.order import Order, OrderKind
from postroom.reading.language import detect


def order_of(text: str, name: str = "order.txt") -> Order:
    return extract_document(name, text.encode())


@pytest.mark.parametrize(
    ("text", "word", "rest"),
    [
        ("balls Merino DK", "balls", "Merino DK"),
        ("hanks of Shetland Aran", "hanks", "Shetland Aran"),
        ("Seiten Räucherlachs", "Seiten", "Räucherlachs"),
        ("Köpfe Eisbergsalat", "Köpfe", "Eisbergsalat"),
        ("вилков капусты", "вилков", "капусты"),
        ("pelotes de laine", "pelotes", "laine"),
        ("lgths 110mm pipe", "lgths", "110mm pipe"),
    ],
)
def test_a_word_that_counts_is_told_from_what_it_counts(text: str, word: str, rest: str) -> None:
    found = counted_by(text)
    assert found is not None
    assert (found.word, text[found.end :], found.sure) == (word, rest, True)


@pytest.mark.parametrize(
    "text",
    [
        "balls size 5",  # footballs
        "balls",
        "ring binders A4",
        "pint glasses",
        "Bleche verzinkt",
        "головки торцевые",
        "сетки для окна",
    ],
)
def test_goods_that_are_called_like_a_word_that_counts_stay_goods(text: str) -> None:
    assert counted_by(text) is None


def test_a_word_that_may_be_goods_leaves_the_line_unsure() -> None:
    (line,) = read_body("5 pots lavender - please order", "en").lines
    assert "unit-unsure" in line.problems
    assert line.confidence < 0.85


def test_a_loaf_is_counted_like_loaves() -> None:
    first, second = read_body("Order:\n1 loaf sourdough\n3 loaves wholemeal", "en").lines
    assert (first.unit, second.unit) == ("loaf", "loaves")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "Please send:\n30 boxes A4 paper\n10 toner black\n\nActually make the paper 40.",
            "corrected",
        ),
        (
            "Bitte liefern:\n20 Kartons Tücher\n10 Kanister Seife\n\nKorrektur: Seife nur 8.",
            "corrected",
        ),
        ("Заказ:\nКраска белая - 5 ведер\nВалик - 10 шт\n\nКраски все-таки 6.", "corrected"),
        ("Please send 10 blue widgets per week starting Monday.", "recurring"),
        ("Bitte liefern Sie 10 Kästen Wasser wöchentlich.", "recurring"),
        (
            "Order:\n20 boxes gloves\n5 buckets red\nmop heads - as many as you can",
            "quantity-unsaid",
        ),
        ("Order:\n20 boxes gloves\nmop heads\n5 buckets red", "quantity-unsaid"),
        ("Order:\n20 boxes gloves\n5 buckets red\nPlease also include screws.", "quantity-unsaid"),
        ("Заявка:\nперчатки - 20 пар\nведра - 5 шт\nтряпки\nшвабры - 4 шт", "quantity-unsaid"),
        ("Bitte liefern:\n10 Sack Streusalz\n5 Schieber\nDazu noch Putzlappen.", "quantity-unsaid"),
        ("Please send 4 x saw blade. We also need the guard for the saw.", "quantity-unsaid"),
        ("Order:\n4 x saw blade\n2 x belt\nConfirm prices, then go ahead.", "conditional"),
        (
            "Please order:\npos 1: 10 pcs Valve\npos 3: 4 pcs Cap\nPos 2 is not needed.",
            "leaves-out",
        ),
        ("Заказ:\nДрель Bosch - 2 шт\nБуры - 20 шт\nДрель можно аналог.", "conditional"),
        ("Заказ:\nТомат 20 пакетиков\nОгурец 30 пакетиков\nВсего 60 пакетиков", "total-mismatch"),
    ],
)
def test_words_that_leave_an_order_open_are_named(text: str, problem: str) -> None:
    reading = read_body(text, detect(text))
    assert problem in reading.problems
    assert not order_of(text).complete


@pytest.mark.parametrize(
    "text",
    [
        "Please send:\n6 x door handles satin\n6 x hinges\nPlease also include the delivery note.",
        "Please send:\n6 x door handles satin\n6 x hinges\nPlease send to the depot as usual.",
        "Заказ:\nДверь ДС-1 - 14 шт\nДоводчик - 30 шт\nМонтаж не нужен.",
        "Our weekly order:\n6 x door handles satin\n6 x hinges",
        "Заказ:\nТомат 20 пакетиков\nОгурец 30 пакетиков\nВсего 50 пакетиков",
        "We still have 12 bags of sand. Please send 20 bags of ice melt.",
        "Am Lager sind noch 5 Rollen Folie.\nBitte liefern Sie 20 Rollen Stretchfolie 500 mm.",
        "На складе осталось 8 мешков. Просим отгрузить 50 мешков муки высший сорт.",
    ],
)
def test_what_leaves_nothing_open_stops_no_order(text: str) -> None:
    order = order_of(text)
    assert order.complete, order.problems


@pytest.mark.parametrize(
    "text",
    [
        "Нужно 3 паллеты по 40 мешков цемента М500.",
        "Bitte liefern Sie 2 Paletten zu je 48 Sack Zement.",
        "Please send 2 pallets of 60 cartons crisps.",
    ],
)
def test_packages_of_packages_are_unsure(text: str) -> None:
    lines = read_body(text, detect(text)).lines
    assert all(line.confidence < 0.85 for line in lines)


def test_codes_are_told_from_sizes_before_a_quantity() -> None:
    lines = read_body("Please send\nAX-200 x 4\nBB-10/5 x 100\nTape 150m x 12", "en").lines
    assert [line.quantity for line in lines] == [Decimal(4), Decimal(100), Decimal(12)]


def test_people_are_not_ordered() -> None:
    text = "Lunch please:\n10 x chicken wraps\n2 x fruit platters\n\n20 people in total, room 4."
    assert len(read_body(text, "en").lines) == 2


@pytest.mark.parametrize(
    ("rows", "complete"),
    [
        ("sku;name;qty;hazardous\nA-10;Acetone 1L;12;yes\nA-11;Glass jar;48;no", True),
        ("sku;name;qty;Order?\nA-10;Acetone 1L;12;yes\nA-11;Glass jar;48;no", False),
        ("sku;name;qty;Approved\nA-10;Acetone 1L;12;Y\nA-11;Glass jar;48;Y", True),
        ("sku;name;qty;Approved\nA-10;Acetone 1L;12;Y\nA-11;Glass jar;48;N", False),
        ("sku;name;qty;bestellen\nA-10;Acetone 1L;12;x\nA-11;Glass jar;48;", False),
        ("sku;name;qty;note\nA-10;Acetone 1L;12;\nA-11;Glass jar;48;blue lid", True),
        ("sku;name;qty;note\nA-10;Acetone 1L;12;\nA-11;Glass jar;48;was 24", False),
        ("sku;name;qty;note\nA-10;Acetone 1L;12;\nA-11;Glass jar;48;only if in stock", False),
        ("Арт;Наименование;Кол-во;Примечание\n11;Муфта 32;10;если есть в наличии", False),
        ("Арт;Наименование;Кол-во;Примечание\n11;Муфта 32;10;серая", True),
        ("Artikel;Bezeichnung;Menge;Bemerkung\n11;Muffe grau;10;nur wenn lieferbar", False),
    ],
)
def test_columns_that_answer_and_remarks_decide_only_what_they_are_about(
    rows: str, complete: bool
) -> None:
    order = order_of(rows, "order.csv")
    assert order.complete is complete, (order.problems, order.lines)


def test_a_yes_or_no_column_describes_nothing() -> None:
    rows = "Artikel;Bezeichnung;Menge;ME;Teillieferung\nX1;Dichtung 20;100;ST;nein"
    (line,) = order_of(rows, "bestellung.csv").lines
    assert (line.sku, line.description) == ("X1", "Dichtung 20")


def test_a_part_of_a_sheet_that_holds_another_list_stops_the_order() -> None:
    rows = "Item;Qty;Price\nDesk;4;100\nLamp;2;20\nAlready delivered;;\nChair;8;50"
    assert "another-list" in order_of(rows, "order.csv").problems


def test_vat_explains_no_total_where_the_others_hold_none() -> None:
    rows = "Code;Item;Qty;Price;Total\nP1;Pen;100;1.20;120\nP2;Pad;50;2.00;110"
    pen, pad = order_of(rows, "order.csv").lines
    assert pen.confidence > 0.9
    assert "line-total-mismatch" in pad.problems


def test_a_total_of_pieces_is_no_money() -> None:
    rows = "Item;Pack size;Packs;Total units\nGloves M;100;5;500\nGloves L;100;3;300"
    order = order_of(rows, "order.csv")
    assert "two-quantity-columns" in order.problems
    assert all(line.unit_price is None for line in order.lines)


def test_totals_under_the_position_column_make_no_code_of_it() -> None:
    rows = "Item;Code;Description;Qty\n1;FX-1;Flange;8\n2;FX-2;Gasket;16\nTotal 24;;;\nVAT 20;;;"
    assert [line.sku for line in order_of(rows, "order.csv").lines] == ["FX-1", "FX-2"]


def test_the_same_goods_twice_may_be_a_correction() -> None:
    rows = "Item;Qty;Unit\nPaint 10L;5;tub\nPaint 10L;3;tub\nRoller;4;ea"
    assert "line-repeated" in order_of(rows, "order.csv").problems


def test_the_same_goods_for_another_day_are_no_correction() -> None:
    rows = "Part;Description;Qty;Due\n100-1;Bracket;20;2024-07-01\n100-1;Bracket;5;2024-08-01"
    assert order_of(rows, "order.csv").complete


def test_a_document_that_asks_for_a_quotation_orders_nothing() -> None:
    text = "Request for quotation;;\nItem;Qty;Your price\nBearing 6204;10;\nSeal 35x52;20;"
    assert order_of(text, "list.csv").kind is OrderKind.NONE


def test_a_price_by_the_case_needs_to_know_what_is_counted() -> None:
    rows = "Art.Nr;Bezeichnung;Menge;VPE;Preis/VPE\n100;Kaffee;24;6;18,00"
    assert "price-per-other-unit" in order_of(rows, "bestellung.csv").problems


def test_a_note_beside_a_table_doubts_the_line_it_names() -> None:
    found = noted(["Pos. 20: nur wenn lieferbar", "Falls Mängel auftreten, gilt § 7"], [])
    assert found == ("conditional",)


def test_a_sum_explained_by_its_label_only_is_compared_in_any_currency() -> None:
    text = "Line 1: 25 x Switch @ GBP 18.90\nLine 2: 10 x Injector @ GBP 22.00\nTotal GBP 592.50"
    assert "total-mismatch" in order_of(f"Order:\n{text}").problems
    assert order_of(f"Order:\n{text.replace('592', '692')}").complete


def test_two_numbers_that_say_the_same_are_one() -> None:
    first, second = read_body(
        "Order:\n1. Two (2) units - Desk oak\n2. Three (3) units - Lamp", "en"
    ).lines
    assert [str(line.quantity) for line in (first, second)] == ["2", "3"]
    assert {line.unit for line in (first, second)} == {"units"}


def test_a_unit_behind_its_name_is_not_taken_from_a_quantity_in_front() -> None:
    (line,) = read_body("Please ship:\nQty 4   LN-0019   lug nut kit", "en").lines
    assert (line.description, line.unit) == ("lug nut kit", "")


def test_a_phrase_must_begin_with_a_word_that_can_be_known() -> None:
    phrases = Phrases("make it \\d+\nнемного / не надо")
    assert phrases.search("No, MAKE IT 40")
    assert phrases.search("Немного песка")
    assert not phrases.search("remake it 40")
    with pytest.raises(ValueError, match="three letters"):
        Phrases("(?:a|b) few")


def test_a_correction_takes_the_certainty_from_every_line_of_a_text() -> None:
    text = "Please send:\n30 boxes A4 paper\n10 boxes toner\n\nActually make the paper 40."
    assert all(line.confidence < 0.85 for line in read_body(text, "en").lines)


def test_sums_that_disagree_leave_only_proved_lines_sure() -> None:
    rows = "Code;Item;Qty;Price;Total\nP1;Pen;100;1.20;120\nP2;Pad;50;2.00;\nTotal;;;;300"
    pen, pad = order_of(rows, "order.csv").lines
    assert pen.confidence >= 0.85 > pad.confidence


def test_a_price_with_its_unit_is_a_price() -> None:
    hose = "Hydraulic hose 2SN    25 m    $11.20/m    $280.00"
    sleeve = "Crimp sleeve    40 ea   $1.05/ea    $42.00"
    text = f"Order:\n{hose}\n{sleeve}"
    assert [str(line.unit_price) for line in read_body(text, "en").lines] == ["11.20", "1.05"]


def test_what_a_package_holds_is_no_total() -> None:
    (line,) = read_body("Wir bestellen:\n10 VE Faltenbeutel braun (1 VE = 1.000 St.)", "de").lines
    assert line.unit_price is None


def test_packs_required_are_the_quantity_and_a_headed_line_in_pounds_its_total() -> None:
    heading = "Item code;Description;Pack;Packs req'd;Price/pack;Line £"
    rows = f"{heading}\nLC-1;Latte glass;6;8;14.40;115.20"
    (line,) = order_of(rows, "order.csv").lines
    assert (str(line.quantity), str(line.total)) == ("8", "115.20")


def test_a_form_with_stocks_orders_nothing_where_nothing_is_written() -> None:
    rows = "Наименование;Остаток;Заказ;Цена\nВода;48;240;14,90\nСок;190;;22,00\nКвас;6;48;68,00"
    assert [line.description for line in order_of(rows, "zakaz.csv").lines] == ["Вода", "Квас"]


def test_a_number_taken_back_is_the_earlier_lines_and_waits() -> None:
    text = "Please send 24 bags of postcrete and 12 fence posts. No, make it 40 bags."
    bags, posts = read_body(text, "en").lines
    assert (str(bags.quantity), bags.description) == ("40", "postcrete")
    assert bags.confidence < 0.85
    assert str(posts.quantity) == "12"


@pytest.mark.parametrize(
    "text",
    [
        "Please order 25 reams of paper. Reception is staffed Monday to Friday, 9 to 5.",
        "Please order 25 reams of paper. We are open 7-4, Sundays 8-3.",
        "Просим поставить:\nГеотекстиль - 12 рул.\nРазгрузка: пн-пт 8:00-17:00, въезд 12.",
    ],
)
def test_opening_hours_are_no_quantities(text: str) -> None:
    reading = read_body(text, detect(text))
    assert len(reading.lines) == 1
    assert not reading.problems


def test_who_signed_a_form_is_no_product() -> None:
    rows = "№;Материал;Ед.;Кол-во\n1;Диск 355х3,5;шт;30\nСогласовано: инженер;Рыжова О. Н.;;вн. 112"
    assert len(order_of(rows, "zayavka.csv").lines) == 1


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("Please send:\n10 x Widget A\n5 x Widget C\n\nPlease ignore Widget C.", "leaves-out"),
        ("Please send:\n10 x chairs\n5 x lamps\n\nRemove the lamps from the order.", "leaves-out"),
        ("Прошу отгрузить:\nСтул - 10 шт\nЛампа - 5 шт\n\nОт ламп отказываемся.", "leaves-out"),
        ("Nur ein Entwurf, noch nicht ausführen!\n10 Stk Stuhl\n5 Stk Tisch", "order-draft"),
        ("Please send:\n10 x chairs\n\nThis is a draft, please do not process it.", "order-draft"),
        (
            "Дублирую вчерашний заказ, повторно не отгружать:\nСтул - 10 шт\nСтол - 5 шт",
            "order-repeated",
        ),
        ("Please send:\n10 x chairs\n\nThis was already ordered yesterday.", "order-repeated"),
    ],
)
def test_words_that_withdraw_an_order_or_a_part_of_it_are_named(text: str, problem: str) -> None:
    assert problem in read_body(text, detect(text)).problems
    assert not order_of(text).complete


@pytest.mark.parametrize(
    "text",
    [
        "Order:\n6 x draft beer glasses\n6 x hinges",
        "Заказ:\nОтбойник резиновый - 6 шт\nДоставка исключительно по будням.",
        "Bestellung:\n10 Stk Fleckenentferner\n5 Stk Eimer",
    ],
)
def test_goods_and_terms_that_sound_like_a_withdrawal_stop_no_order(text: str) -> None:
    assert not read_body(text, detect(text)).problems


@pytest.mark.parametrize(
    "text",
    [
        "Просим отгрузить:\nКирпич М 150 500 шт\nЦемент М 500 200 мешков",
        "Заказ:\nУголок 50 100 шт\nШвеллер 10 200 шт",
        "Please send:\n3 100m drums of cable\n2 500g bags of flour",
        "Bitte liefern:\n2 500g Packungen Mehl",
    ],
)
def test_two_numbers_side_by_side_are_no_sure_thousands(text: str) -> None:
    order = order_of(text)
    assert {problem for line in order.lines for problem in line.problems} == {"number-ambiguous"}
    assert not order.complete


@pytest.mark.parametrize(
    "text",
    [
        "Заказ:\nКирпич - 12 500 шт\nБлок: 1 500 шт",
        "Заказ:\nКирпич 12 500 шт по 10 руб = 125 000 руб",
    ],
)
def test_thousands_behind_a_dash_or_proved_by_their_sum_are_sure(text: str) -> None:
    order = order_of(text)
    assert order.lines[0].quantity == 12500
    assert order.complete, order.lines


@pytest.mark.parametrize(
    "text",
    [
        "Please send:\n4711 Stapler 10\n4712 Paper A4 20\n4713 Toner 3",
        "Please send:\nGloves: S - 10, M - 20, L - 30",
        "Please send:\nA1;Chair;10;100\nA2;Desk;5;120",
        "Прошу отгрузить:\nКраска белая 5 л 450,00\nГрунт 10 л 890,00",
        "Please send 2 1/2 tons of gravel.",
    ],
)
def test_a_number_left_in_the_name_may_be_the_quantity(text: str) -> None:
    order = order_of(text)
    assert any("quantity-ambiguous" in line.problems for line in order.lines)
    assert not order.complete


@pytest.mark.parametrize(
    ("heading", "problem"),
    [
        ("Наименование;Кол-во, тыс. шт", "quantity-scaled"),
        ("Artikel;Menge (Tsd.)", "quantity-scaled"),
        ("Item;Qty in thousands", "quantity-scaled"),
        ("Item;Qty;Ship to", "places-differ"),
        ("Item;Qty;PO", "several-orders"),
    ],
)
def test_a_heading_that_changes_what_its_rows_mean_stops_the_order(
    heading: str, problem: str
) -> None:
    order = order_of(f"{heading}\nBrick red;10;Leeds\nBlock grey;5;York", "order.csv")
    assert problem in order.problems
    assert not order.complete


@pytest.mark.parametrize(
    "rows",
    [
        "Item;Qty;Status\nPen;10;open\nClip;5;shipped",
        "Item;Qty;Status\nPen;10;open\nLamp;3;closed",
        "Item;Qty;Type\nPen;10;sale\nClip;5;return",
        "Item;Qty;\nPen;10;\nClip;5;please ignore",
        "Item;Qty\nPen;10\nReturn: Clip;5",
        "Наименование;Кол-во;Статус\nРучка;10;новый\nЛампа;3;отгружено",
    ],
)
def test_a_row_that_is_done_with_or_goes_back_is_not_ordered_surely(rows: str) -> None:
    first, second = order_of(rows, "order.csv").lines
    assert first.confidence > 0.9
    assert "line-conditional" in second.problems


@pytest.mark.parametrize("name", ["Return spring 40 mm", "Closed-cell foam", "Credit card holder"])
def test_goods_called_like_what_is_done_with_are_ordered(name: str) -> None:
    assert order_of(f"Item;Qty\nPen;10\n{name};5", "order.csv").complete
