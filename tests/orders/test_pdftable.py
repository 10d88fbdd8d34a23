"""Tables on pages of a PDF: no row is lost unsaid, names stay with their figures."""

from decimal import Decimal

import pytest

from postroom.classify.orders import extract_document
from postroom.order import Order

HEADING = (20, "Pos"), (60, "Description"), (300, "Qty"), (340, "Unit")
Cells = tuple[tuple[float, str], ...]


def pdf(*pages: tuple[list[tuple[float, Cells]], list[str]]) -> bytes:
    """A PDF of pages: (rows of text, drawing operators). Tops are counted from the page's top."""
    objects = ["<< /Type /Catalog /Pages 2 0 R >>", "", "<< /Type /Font /Subtype /Type1"]
    objects[2] += " /BaseFont /Courier >>"
    kids = []
    for rows, drawing in pages:
        said = [
            f"BT /F1 10 Tf {left} {800 - top} Td ({text}) Tj ET"
            for top, cells in rows
            for left, text in cells
        ]
        stream = "\n".join([*drawing, *said])
        kids.append(f"{len(objects) + 1} 0 R")
        objects.append(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 500 800] /Resources << /Font << /F1 3 0 R"
            f" >> >> /Contents {len(objects) + 2} 0 R >>"
        )
        objects.append(f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream")
    objects[1] = f"<< /Type /Pages /Kids [{' '.join(kids)}] /Count {len(kids)} >>"
    made, offsets = "%PDF-1.4\n", []
    for number, one in enumerate(objects, start=1):
        offsets.append(len(made))
        made += f"{number} 0 obj\n{one}\nendobj\n"
    table = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    size = len(objects) + 1
    made += f"xref\n0 {size}\n0000000000 65535 f \n{table}"
    made += f"trailer\n<< /Size {size} /Root 1 0 R >>\nstartxref\n{made.index('xref')}\n%%EOF"
    return made.encode("latin-1")


def read(*rows: tuple[float, Cells], drawing: tuple[str, ...] = ()) -> Order:
    title = (40.0, ((20, "Purchase order 4711"),))
    return extract_document("o.pdf", pdf(([title, (80.0, HEADING), *rows], [*drawing])))


def row(top: float, position: int, name: str, quantity: str = "5") -> tuple[float, Cells]:
    return top, ((20, str(position)), (60, name), (300, quantity), (340, "pcs"))


def ruled(*tops: float) -> tuple[str, ...]:
    """Lines across the table at these tops."""
    return tuple(f"15 {800 - top} m 400 {800 - top} l S" for top in tops)


def said(order: Order) -> list[tuple[str, str]]:
    return [(line.description, str(line.quantity)) for line in order.lines]


def test_a_table_is_read_by_its_places() -> None:
    order = read(row(100, 1, "Hex bolt"), row(120, 2, "Washer", "7"))
    assert said(order) == [("Hex bolt", "5"), ("Washer", "7")]
    assert order.complete


@pytest.mark.parametrize("place", [1, 2, 3])
def test_a_row_whose_name_runs_into_its_number_is_not_lost_unsaid(place: int) -> None:
    close = 100.0 + 20 * place, ((20, str(place)), (180, "bolt zinc plated 100 5"))
    rows = [close if one == place else row(100.0 + 20 * one, one, "Nut") for one in (1, 2, 3)]
    order = read(*rows)
    assert len(order.lines) == 2
    assert "rows-unread" in order.problems
    assert not order.complete


def test_an_upright_line_parts_a_name_from_the_number_behind_it() -> None:
    walls = tuple(f"{left} 725 m {left} 640 l S" for left in (15, 55, 297, 335, 400))
    close = 120.0, ((20, "2"), (176, "bolt zinc plated 100"), (300, "5"), (340, "pcs"))
    order = read(
        row(100, 1, "Nut"),
        close,
        row(140, 3, "Screw"),
        drawing=(*ruled(75, 85, 105, 125, 145), *walls),
    )
    assert said(order) == [("Nut", "5"), ("bolt zinc plated 100", "5"), ("Screw", "5")]
    assert order.complete


def test_rows_of_an_order_form_that_nobody_filled_in_are_no_lost_rows() -> None:
    heading = 80.0, ((20, "Code"), (60, "Product"), (300, "Price"), (360, "Order qty"))
    rows: list[tuple[float, Cells]] = [
        (100.0 + 20 * one, ((20, f"P-{one}"), (60, "Plant 9 cm"), (300, f"{one}.50")))
        for one in range(1, 6)
    ]
    rows[1] = (140.0, (*rows[1][1], (360, "12")))
    title = (40.0, ((20, "Order form"),))
    order = extract_document("o.pdf", pdf(([title, heading, *rows], [])))
    assert [line.sku for line in order.lines] == ["P-2"]
    assert order.complete


@pytest.mark.parametrize("at", [110, 120, 130])
def test_what_two_lines_hold_together_is_one_row(at: float) -> None:
    tops = [110.0, 120.0, 130.0]
    lines: list[tuple[float, Cells]] = []
    for below, number, name in ((0, 1, "Ball bearing 6204,"), (40, 2, "Clutch 28,")):
        for top, text in zip(tops, (name, "sealed on both", "sides"), strict=True):
            figures = ((20, str(number)), (300, "5"), (340, "pcs")) if top == at else ()
            lines.append((top + below, ((60, text), *figures)))
    order = read(*lines, drawing=ruled(75, 100, 140, 180))
    assert said(order) == [
        ("Ball bearing 6204, sealed on both sides", "5"),
        ("Clutch 28, sealed on both sides", "5"),
    ]
    assert order.complete


def test_a_line_between_half_a_line_above_the_figures_is_their_name() -> None:
    order = read(
        row(110, 1, "Nut"),
        (130.0, ((60, "Ball bearing 6204,"),)),
        (136.0, ((20, "2"), (300, "5"), (340, "pcs"))),
        (142.0, ((60, "sealed"),)),
    )
    assert said(order) == [("Nut", "5"), ("Ball bearing 6204, sealed", "5")]
    assert order.complete


def test_a_line_above_the_figures_that_may_be_a_title_leaves_the_names_unsure() -> None:
    order = read(
        row(110, 1, "Nut"),
        (140.0, ((60, "Ball bearing 6204,"),)),
        row(152, 2, "sealed"),
    )
    assert "description-unsure" in order.problems
    assert not order.complete


def test_names_below_their_figures_are_sure() -> None:
    order = read(
        row(110, 1, "Ball bearing 6204,"),
        (122.0, ((60, "sealed"),)),
        row(142, 2, "Ball bearing 6305,"),
        (154.0, ((60, "open"),)),
    )
    assert said(order) == [("Ball bearing 6204, sealed", "5"), ("Ball bearing 6305, open", "5")]
    assert order.complete


def pages_of(second: list[tuple[float, Cells]]) -> Order:
    first = [(40.0, ((20, "Purchase order 4711"),)), (80.0, HEADING), row(100, 1, "Nut")]
    first += [row(120, 2, "Bolt"), (700.0, ((20, "Page 1 of 2"),))]
    return extract_document("o.pdf", pdf((first, []), (second, [])))


def test_a_table_goes_on_over_the_page_though_its_heading_is_not_repeated() -> None:
    head = (40.0, ((20, "Muster GmbH"), (300, "2")))
    order = pages_of([head, row(80, 3, "Washer", "7"), row(100, 4, "Screw", "9")])
    assert said(order)[2:] == [("Washer", "7"), ("Screw", "9")]
    assert order.complete


def test_a_page_of_terms_ends_a_table() -> None:
    order = pages_of([(40.0, ((20, "1."), (60, "Pay in 30 days")))])
    assert len(order.lines) == 2
    assert order.complete


def test_a_single_number_on_the_next_page_needs_a_person() -> None:
    heading = (80.0, ((60, "Description"), (300, "Qty")))
    first = [(40.0, ((20, "Order 4711"),)), heading, (100.0, ((60, "Nut"), (300, "5")))]
    second: list[tuple[float, Cells]] = [(40.0, ((60, "Bolt"), (300, "9")))]
    order = extract_document("o.pdf", pdf(([*first], []), (second, [])))
    assert len(order.lines) == 1
    assert "rows-unread" in order.problems


@pytest.mark.parametrize(("top", "struck"), [(117.0, True), (121.0, False), (109.0, False)])
def test_a_line_drawn_through_a_row_needs_a_person(top: float, struck: bool) -> None:
    drawing = (f"15 {800 - top} m 400 {800 - top} l S",)
    order = read(row(100, 1, "Nut"), row(120, 2, "Bolt"), drawing=drawing)
    assert ("rows-struck" in order.problems) is struck
    assert order.complete is not struck
    assert order.lines[0].quantity == Decimal(5)
