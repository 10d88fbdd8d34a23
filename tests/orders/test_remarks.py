"""What a mail says of its order besides ordering: of its goods, its rows, its places."""

from email.message import EmailMessage

import pytest

from postroom.classify.orders import extract, extract_document
from postroom.classify.orders.body import read_body
from postroom.classify.orders.references import is_limit
from postroom.classify.orders.remarks import speaks_of_goods
from postroom.order import Order, OrderLine
from postroom.reading.reader import read

TEXTS = {
    "en": "Please send:\n10 bags sand\n5 bags cement\n2 mixers\n\n{}\n\nThanks\nMick\n",
    "de": "Bitte liefern:\n10 Sack Sand\n5 Sack Zement\n2 Mischer\n\n{}\n\nDanke\nUwe\n",
    "ru": "Прошу отгрузить:\nпесок - 10 мешков\nцемент - 5 мешков\nмешалка - 2 шт\n\n{}\n\nСпасибо",
}
SHEET = "Артикул;Наименование;Кол-во;Ед.\nA-1;Болт М8;200;шт\nA-2;Гайка М8;100;шт\n"


def order_in(body: str, subject: str = "Order", html: str = "", sheet: str = "") -> Order:
    message = EmailMessage()
    message["From"] = "Buyer <buyer@kunde.test>"
    message["To"] = "info@firma.test"
    message["Subject"] = subject
    message.set_content(body)
    if html:
        message.add_alternative(html, subtype="html")
    if sheet:
        message.add_attachment(sheet.encode(), maintype="text", subtype="csv", filename="z.csv")
    return extract(read(message.as_bytes()))


def with_words(language: str, words: str) -> Order:
    return order_in(TEXTS[language].format(words))


@pytest.mark.parametrize(
    ("language", "remark"),
    [
        ("en", "The cement can wait until next month."),
        ("en", "We got the cement elsewhere."),
        ("en", "Please double the sand."),
        ("en", "No mixers please."),
        ("en", "Thanks, no cement though."),
        ("en", "Note: cement only in May"),
        ("en", "Item 2 can wait."),
        ("en", "Line 3 later please."),
        ("de", "Den Zement holen wir selbst."),
        ("de", "Keine Mischer."),
        ("de", "Sand bitte gegen Splitt tauschen."),
        ("de", "Pos. 3 später."),
        ("ru", "Цемент мы уже купили."),
        ("ru", "Песок замените на отсев."),
        ("ru", "Песка вдвое больше."),
        ("ru", "Мешалок не надо."),
        ("ru", "Доставка: песок в Химки, цемент в Тулу"),
    ],
)
def test_a_remark_about_ordered_goods_leaves_the_order_to_a_person(
    language: str, remark: str
) -> None:
    order = with_words(language, remark)
    assert len(order.lines) == 3
    assert not order.complete


@pytest.mark.parametrize(
    "text",
    [
        "Please send 10 bags of sand and 5 bags of cement. The cement can wait.",
        "Please send 10 bags of sand and 5 bags of cement, the cement can wait.",
        "Please send:\nBearing 6205-2RS - 4 pcs\nM8x30 bolts - 200 pcs\n\n6205-2RS later.",
    ],
)
def test_goods_named_again_behind_what_orders_them_are_a_remark(text: str) -> None:
    assert "remark-unread" in order_in(text).problems


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "Please call before delivery."),
        ("en", "Many thanks and have a good weekend."),
        ("en", "Plus carriage."),
        ("de", "Bitte am hinteren Tor abladen."),
        ("de", "Und schönes Wochenende!"),
        ("ru", "Доставка в среду до обеда."),
        ("ru", "И хороших выходных!"),
    ],
)
def test_what_is_said_of_something_else_stops_no_order(language: str, words: str) -> None:
    order = with_words(language, words)
    assert order.complete, order.problems


def test_a_heading_that_names_the_goods_below_it_is_no_remark() -> None:
    text = "Paper:\n5 boxes paper A4\n3 boxes paper A3\n\nWe need timber for the barn:\n4 x timber"
    assert "remark-unread" not in order_in(text).problems


@pytest.mark.parametrize(
    ("said", "goods"),
    [
        ("batteries later", "battery"),
        ("die Stühle nicht", "Stuhl"),
        ("Tücher haben wir", "Tuch"),
        ("песка хватит", "песок"),
        ("без мешалок", "мешалка"),
        ("вёдер пока не надо", "ведро"),
        ("knives and shelves later", "knife"),
    ],
)
def test_goods_are_known_in_singular_and_plural_and_in_their_cases(said: str, goods: str) -> None:
    assert speaks_of_goods([(said, "")], [OrderLine(line=1, description=goods)])


def test_words_that_only_begin_alike_are_not_the_same_goods() -> None:
    line = OrderLine(line=1, description="накладки дверные")
    assert not speaks_of_goods([("Товарную накладную выпишите на нас", "")], [line])


@pytest.mark.parametrize("remark", ["Гайки потом.", "Болты можно в январе.", "Поз. 2 потом."])
def test_a_remark_about_goods_of_the_attached_sheet_is_heard(remark: str) -> None:
    quiet = order_in("Добрый день, заявка во вложении.", "Заявка", sheet=SHEET)
    assert quiet.complete
    order = order_in(f"Заявка во вложении.\n\n{remark}", "Заявка", sheet=SHEET)
    assert "remark-unread" in order.problems
    assert not order.complete


@pytest.mark.parametrize(
    ("words", "complete"), [("Lamps only in May.", False), ("Back door please.", True)]
)
def test_a_remark_beside_an_html_table_is_told_from_its_rows(words: str, complete: bool) -> None:
    html = (
        "<table><tr><th>Item</th><th>Qty</th></tr><tr><td>Oak chair blue</td><td>10</td></tr>"
        f"<tr><td>Desk lamp</td><td>5</td></tr></table><p>{words}</p>"
    )
    body = f"Please order:\nItem\nQty\nOak chair blue\n10\nDesk lamp\n5\n\n{words}\n"
    assert order_in(body, html=html).complete is complete


@pytest.mark.parametrize(
    ("below", "complete"),
    [("P.S. the pumps can wait", False), ("Anna Berg\nBerg Pumps Ltd", True)],
)
def test_a_remark_below_the_closing_is_told_from_a_firm_called_after_goods(
    below: str, complete: bool
) -> None:
    text = f"Please send 10 pcs of pumps A-100.\n\nBest regards\n{below}\n"
    assert order_in(text).complete is complete


def test_a_remark_below_the_closing_is_heard_where_the_goods_stand_in_the_first_lines() -> None:
    below = "Kind regards\nMick\nThe desks can wait\n"
    assert not order_in(f"Please order 4 chairs\n2 desks\n\n{below}").complete


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "Plus plasticiser."),
        ("en", "Ties as well please."),
        ("de", "Fließmittel auch noch."),
        ("de", "Und Fließmittel."),
        ("ru", "И пластификатор."),
        ("ru", "Пластификатор также."),
    ],
)
def test_goods_added_in_a_few_words_without_a_number_are_named(language: str, words: str) -> None:
    assert "quantity-unsaid" in with_words(language, words).problems


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "Everything twice please."),
        ("en", "Same for the York site."),
        ("en", "Half to Leeds, half to York."),
        ("de", "Das Ganze bitte zweimal."),
        ("de", "Für beide Baustellen jeweils."),
        ("ru", "То же самое на второй объект."),
        ("ru", "Всё в двойном количестве."),
    ],
)
def test_words_that_multiply_the_whole_order_leave_it_to_a_person(
    language: str, words: str
) -> None:
    assert "quantity-multiplied" in with_words(language, words).problems


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "Price first please."),
        ("en", "I'll confirm tomorrow."),
        ("en", "Awaiting approval from head office."),
        ("en", "This is for a tender, not an order."),
        ("en", "Not a firm order."),
        ("en", "Just reserve them for now."),
        ("en", "Please hold until I call."),
        ("en", "Let me know the price before I commit."),
        ("en", "My manager must sign first."),
        ("de", "Bitte erst Auftragsbestätigung mit Preis, dann geben wir frei."),
        ("de", "Freigabe folgt."),
        ("de", "Unverbindlich."),
        ("de", "Bitte nur reservieren."),
        ("de", "Bitte vorher den Preis nennen."),
        ("de", "Der Chef muss noch unterschreiben."),
        ("de", "Noch keine feste Bestellung."),
        ("ru", "Подтвержу завтра."),
        ("ru", "Ждём согласования."),
        ("ru", "Пока просто прикиньте."),
        ("ru", "Придержите за нами."),
        ("ru", "Предварительно."),
        ("ru", "Без нашей отмашки не грузите."),
    ],
)
def test_an_order_that_its_writer_holds_back_is_none_yet(language: str, words: str) -> None:
    order = with_words(language, words)
    assert {"order-draft", "conditional"} & set(order.problems)


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "Awaiting your invoice."),
        ("en", "That's all for now."),
        ("en", "The driver must sign in at the gate."),
        ("en", "Ring twice."),
        ("de", "Bitte vorher anrufen."),
        ("de", "Wir warten auf Ihre Rechnung."),
        ("de", "Muss noch heute raus."),
        ("ru", "Водителю позвонить предварительно."),
        ("ru", "Ждём вашего подтверждения."),
        ("ru", "Время доставки согласуем по телефону."),
    ],
)
def test_words_about_delivery_and_papers_hold_no_order_back(language: str, words: str) -> None:
    order = with_words(language, words)
    assert order.complete, order.problems


@pytest.mark.parametrize(
    ("remark", "complete"),
    [
        ("blue", True),
        ("for Bob", True),
        ("60 x 40 cm", True),
        ("don't need", False),
        ("not this time", False),
        ("zero please", False),
        ("x2", False),
        ("next month", False),
        ("price first", False),
        ("zurückgestellt", False),
        ("gesperrt", False),
        ("diesmal nicht", False),
        ("отложить", False),
        ("хватает", False),
    ],
)
def test_a_row_is_open_when_its_remark_declines_doubles_or_defers_it(
    remark: str, complete: bool
) -> None:
    text = f"Item;Qty;Unit;Remark\nPaper A4;5;box;urgent\nToner HP;2;pcs;{remark}\nCoffee;3;kg;\n"
    assert extract_document("order.csv", text.encode()).complete is complete


@pytest.mark.parametrize(
    "text",
    [
        "Please send:\n- Paper A4 x 5\n- Coffee 3 kg\n- Toner HP",
        "Please send:\n- Toner HP\n- Paper A4 x 5\n- Coffee 3 kg",
        "Please send:\n\n- Paper A4 x 5\n\n- Coffee 3 kg\n\n- Toner HP",
        "Please send:\n1. Paper A4 - 5 boxes\n2. Coffee - 3 kg\n3. Toner HP",
        "Прошу:\n1. Бумага А4 - 5 коробок\n2. Кофе - 3 кг\n3. Тонер HP",
        "Bitte liefern:\nPapier A4 - 5 Karton\nKaffee - 3 kg\nToner HP -",
        "Bitte liefern:\nPapier A4: 5 Karton\nKaffee: 3 kg\nToner HP: viele",
        "Please send:\npaper - 5\ncoffee - 3\nbin liners - loads",
        "Please send:\n5 boxes paper\n3 kg coffee\nbin liners",
        "Bitte liefern:\n5 Karton Papier\nToner\nTrommel\n3 kg Kaffee",
    ],
)
def test_a_row_without_a_number_is_named_wherever_it_stands_in_the_list(text: str) -> None:
    assert "quantity-unsaid" in order_in(text).problems


@pytest.mark.parametrize(
    "below",
    [
        "- Delivery Tuesday",
        "- please call before delivery",
        "- PO 4711",
        "\nMick Brown",
        "Mick Brown",
        "asap please",
        "to the yard",
    ],
)
def test_a_row_about_the_delivery_or_a_name_below_a_list_names_no_goods(below: str) -> None:
    order = order_in(f"Please send:\n- Paper A4 x 5\n- Coffee 3 kg\n{below}")
    assert "quantity-unsaid" not in order.problems


@pytest.mark.parametrize(
    "text",
    [
        "Order for Leeds:\n4 chairs\n\nOrder for York:\n2 desks",
        "For plot 1:\n4 chairs\n\nFor plot 2:\n2 desks",
        "Order for Leeds: 4 chairs\nOrder for York: 2 desks",
        "Für Ulm:\n4 Stühle\n\nFür Bonn:\n2 Tische",
        "Lieferung nach Ulm\n4 Stühle\n\nLieferung nach Bonn\n2 Tische",
        "Для Химок:\n4 стула\n\nДля Тулы:\n2 стола",
        "4 chairs\n2 desks\n\nDelivery address:\nMill Lane 4\nLeeds LS1 2AB\n\n"
        "Delivery address:\nHigh Road 5\nYork YO1 3CD",
    ],
)
def test_goods_for_two_places_are_no_one_order(text: str) -> None:
    assert "places-differ" in order_in(text).problems


@pytest.mark.parametrize(
    "text",
    [
        "For the kitchen:\n4 chairs\n\nFor the hall:\n2 desks",
        "For Monday:\n4 chairs\n\nFor Tuesday:\n2 desks",
        "For Leeds:\n4 chairs\n\nFor the Leeds office:\n2 desks",
        "Für die Küche:\n4 Stühle\n\nFür den Flur:\n2 Tische",
        "Для кухни:\n4 стула\n\nДля коридора:\n2 стола",
    ],
)
def test_rooms_and_days_are_no_other_places(text: str) -> None:
    assert "places-differ" not in order_in(text).problems


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "If nobody is in, leave it at the farm next door."),
        ("en", "Tomorrow if the van can make it, otherwise Friday."),
        ("en", "If the gate is locked ring the bell."),
        ("en", "Please do not substitute."),
        ("en", "We need everything by Friday."),
        ("en", "If you are not the intended recipient, please delete this message."),
        ("de", "Falls keiner da ist, bitte beim Nachbarn klingeln."),
        ("de", "Wenn das Büro nicht besetzt ist, bitte hinten abladen."),
        ("de", "Wir brauchen alles bis Freitag."),
        ("de", "Falls Sie nicht der richtige Adressat sind, löschen Sie diese Mail."),
        ("ru", "Если никого нет, звоните."),
        ("ru", "Если нас не будет, оставьте у охраны."),
        ("ru", "Разгружать не нужно, справимся сами."),
        ("ru", "Пропуск заказан: охрана 444-12-08."),
    ],
)
def test_who_is_there_and_what_need_not_be_done_leave_the_order_as_it_is(
    language: str, words: str
) -> None:
    order = with_words(language, words)
    assert order.complete, order.problems


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "If they are out, send something else."),
        ("en", "If the price is all right."),
        ("en", "We need the trowel as well."),
        ("en", "We need one trowel, the old one broke."),
        ("de", "Falls die Ware nicht da ist, bitte anderswo besorgen."),
        ("de", "Wenn der Preis passt."),
        ("ru", "Если не найдёте, не везите."),
        ("ru", "Кельму везти не нужно."),
        ("ru", "Ещё нужна одна кельма, старая сломалась."),
        ("ru", "Доставка на оба адреса."),
    ],
)
def test_conditions_on_goods_and_goods_without_a_line_still_need_a_person(
    language: str, words: str
) -> None:
    assert not with_words(language, words).complete


@pytest.mark.parametrize(
    "heading",
    [
        "Laut Katalog 2026 bestellen wir:",
        "Bestellung für unsere Filiale in 8010 Graz:",
        "Bitte für die Baustelle (Am Anger 7) richten:",
        "Hier die Teile zum Werkstattauftrag RA-25-77 (Polo 1.4 TSI):",
        "Please supply on board, ETA 3 Nov 2025 0600 LT:",
        "The quote is approved, please go ahead with the kit for the 2026 season:",
        "Our order, PO is KM 714:",
        "Просим подготовить по реквизиции 07-К:",
    ],
)
def test_figures_that_introduce_a_list_order_nothing(heading: str) -> None:
    order = order_in(f"{heading}\n\n10 bags sand\n5 bags cement")
    assert order.complete, order.problems


def test_how_high_a_pallet_may_be_is_no_quantity() -> None:
    assert is_limit("Tail lift, pallets no higher than ")
    assert is_limit("Paletten nicht höher als ")
    assert not is_limit("we need more than ")


@pytest.mark.parametrize(
    "heading",
    [
        "Please send 3 sets of:",
        "For 12 rooms:",
        "Please send (4 each):",
        "Bitte drucken, 5000 Flyer:",
        "Bestellung, 2025 Flyer:",
    ],
)
def test_figures_above_a_list_that_may_count_are_unread(heading: str) -> None:
    assert not order_in(f"{heading}\n\n10 bags sand\n5 bags cement").complete


@pytest.mark.parametrize(
    "words",
    [
        "Here is our order for sand and cement.",
        "Next sand and cement order please, for Thursday.",
        "Направляем заказ 4711 на цемент и песок.",
        "SAND & CEMENT",
    ],
)
def test_a_sentence_that_only_introduces_the_goods_is_no_remark(words: str) -> None:
    text = f"{words}\n\n10 bags sand песок\n5 bags cement цемент\n"
    assert "remark-unread" not in order_in(text).problems


@pytest.mark.parametrize(
    "words", ["The sand order can wait.", "Here is our order, but no sand for now.", "NO SAND"]
)
def test_a_sentence_that_says_more_of_the_goods_is_a_remark(words: str) -> None:
    assert not order_in(f"{words}\n\n10 bags sand\n5 bags cement\n").complete


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ("Please hold until I call.", "order-draft"),
        ("Only if the price is right.", "conditional"),
        ("Everything twice please.", "quantity-multiplied"),
        ("Delivery to both addresses.", "quantity-multiplied"),
        ("Please also send gloves.", "quantity-unsaid"),
    ],
)
def test_words_beside_a_table_in_the_text_are_heard(words: str, problem: str) -> None:
    rows = "Art-Nr\tName\tQty\tUnit\nA-1\tSand\t10\tbags\nA-2\tCement\t5\tbags"
    order = order_in(f"Please supply:\n\n{rows}\n\n{words}\n\nThanks\nMick\n")
    assert len(order.lines) == 2
    assert problem in order.problems
    head = "<tr><th>Art-Nr</th><th>Name</th><th>Qty</th></tr>"
    page = f"<p>Please supply.</p><p>{words}</p><table>{head}{{}}</table>"
    cells = (
        "<tr><td>A-1</td><td>Sand</td><td>10</td></tr><tr><td>A-2</td><td>Lime</td><td>5</td></tr>"
    )
    assert problem in order_in("", html=page.format(cells)).problems


def test_a_berth_that_is_not_yet_known_makes_no_order_conditional() -> None:
    assert "conditional" not in with_words("en", "ETA Monday, berth to be advised.").problems
    assert "conditional" in with_words("en", "Colours to be advised.").problems


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Please send:\n4 bags sand\n\nAlso for the kitchen:\n2 rolls foil\n3 boxes cups", "en"),
        ("Bitte liefern:\n4 Sack Sand\n\nDazu aus der Werkstatt:\n2 Rollen Band", "de"),
        ("Прошу отгрузить:\nпесок - 4 мешка\n\nТакже для кухни:\nпленка - 2 рул", "ru"),
    ],
)
def test_a_heading_that_adds_a_list_lacks_no_number(text: str, language: str) -> None:
    assert "quantity-unsaid" not in read_body(text, language).problems


def test_goods_that_are_added_without_a_number_lack_one() -> None:
    added = "Bitte liefern:\n4 Sack Sand\n\nDazu noch Putzlappen:\n"
    assert "quantity-unsaid" in read_body(added, "de").problems
    below = f"{added}die blauen bitte\n"
    assert "quantity-unsaid" in read_body(below, "de").problems
