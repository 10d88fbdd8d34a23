"""The page: a document or message at the left, what was read of it at the right, linked both ways.

In: an `Order`, the parts shown (classify/orders/shown.py), pictures of PDF pages, a name. Out: one
self-contained HTML page: no script, no request (its Content-Security-Policy forbids both), all
text escaped by Jinja2. A line's number leads to its source and back; the source is highlighted.

Limits: 400 rows of a part are drawn, and always those that a line stands in; of 30 parts.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from postroom.classify.orders.shown import Part, ShownRow
from postroom.order import Order, OrderLine

from .picture import Picture
from .words import meaning

_SURE = 0.85
_MOST_PARTS = 30
_MOST_ROWS = 400
_BESIDE = 3  # rows around a line's source that are always drawn
_WIDEST = 40  # cells of a row


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """One row as drawn."""

    cells: tuple[str, ...]
    number: str  # as the source calls it
    lines: tuple[OrderLine, ...]  # the order lines read from it
    style: str = ""  # place of a box over a picture


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    title: str
    sort: str
    problem: str
    rows: tuple[_Row, ...]
    left_out: int
    width: int
    picture: str = ""  # data: URL


def page_of(
    name: str, order: Order, parts: Sequence[Part], pictures: Mapping[str, list[Picture]]
) -> str:
    """The page as HTML. `pictures`: the drawn pages of each PDF, by its file name."""
    by_source: dict[str, list[OrderLine]] = {}
    for line in order.lines:
        by_source.setdefault(line.source, []).append(line)
    drawn = [_drawn(part, by_source, pictures) for part in parts[:_MOST_PARTS]]
    placed = {line.line for part in drawn for row in part.rows for line in row.lines}
    return _template().render(
        name=name,
        order=order,
        parts=[part for part in drawn if part.rows or part.problem or part.picture],
        placed=placed,
        facts=_facts(order),
        sure=_SURE,
    )


@lru_cache(maxsize=1)
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("postroom.classify.proof", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["meaning"] = meaning
    environment.filters["figure"] = _figure
    environment.filters["place"] = _place
    return environment.get_template("page.html.j2")


def _figure(value: Decimal | None) -> str:
    return "" if value is None else format(value, "f")


def _place(source: str) -> str:
    """A source in words: "order.pdf, page 1, line 6"."""
    document, _, place = source.rpartition(":")
    if place.startswith("page.line "):
        page, line = divmod(int(place.removeprefix("page.line ")), 1000)
        return f"{document}, page {page}, line {line}"
    if document in _TITLES:
        return f"{_TITLES[document]}, {place if ' ' in place else f'line {place}'}"
    return f"{document}, {place.replace('!A', ', row ')}" if place else source


def _facts(order: Order) -> list[tuple[str, str]]:
    """What is said of the order as a whole, what is empty left out."""
    said = (
        ("Number", order.number),
        ("Date", order.date.isoformat() if order.date else ""),
        ("Due", order.due_date.isoformat() if order.due_date else ""),
        ("From" if order.kind.value == "invoice" else "Buyer", order.buyer.name),
        ("Address", order.buyer.email),
        ("Tax number", order.buyer.tax_id),
        ("Deliver to", order.delivery.address),
        ("Deliver on", order.delivery.date.isoformat() if order.delivery.date else ""),
        ("Total", f"{_figure(order.total)} {order.currency}".strip()),
    )
    return [(label, value) for label, value in said if value]


def _drawn(
    part: Part, by_source: Mapping[str, list[OrderLine]], pictures: Mapping[str, list[Picture]]
) -> _Part:
    found = [_lines_of(row, by_source) for row in part.rows]
    near = {
        place + step
        for place, lines in enumerate(found)
        if lines
        for step in range(-_BESIDE, _BESIDE + 1)
    }
    kept = [place for place in range(len(part.rows)) if place < _MOST_ROWS or place in near]
    drawn = pictures.get(part.document, [])
    picture = drawn[part.page - 1] if 0 < part.page <= len(drawn) else None
    rows = tuple(
        _row(part.rows[place], found[place], picture)
        for place in kept
        if picture is None or found[place]
    )
    title = f"{part.title}, page {part.page}" if part.page else part.title
    return _Part(
        title=_TITLES.get(title, title),
        sort="picture" if picture else "table" if part.sort == "table" else "text",
        problem=meaning(part.problem) if part.problem else "",
        rows=rows,
        left_out=0 if picture else len(part.rows) - len(kept),
        width=max((len(row.cells) for row in rows), default=1),
        picture=_data_url(picture) if picture else "",
    )


_TITLES = {"body": "Message", "quoted": "Quoted text"}


def _lines_of(row: ShownRow, by_source: Mapping[str, list[OrderLine]]) -> tuple[OrderLine, ...]:
    return tuple(line for source in row.sources for line in by_source.get(source, ()))


def _row(row: ShownRow, lines: tuple[OrderLine, ...], picture: Picture | None) -> _Row:
    number = row.sources[0].rpartition(":")[2] if row.sources else ""
    return _Row(
        cells=row.cells[:_WIDEST],
        number=number.rpartition("!A")[2].rpartition(" ")[2],
        lines=lines,
        style=_box(row, picture) if picture else "",
    )


def _box(row: ShownRow, picture: Picture) -> str:
    """The row's place over the picture, in per cent of the page."""
    left = 100 * max(0.0, row.left - 3) / picture.width
    width = 100 * (row.right - row.left + 6) / picture.width
    top = 100 * max(0.0, row.top - 1) / picture.height
    height = 100 * (row.height + 2) / picture.height
    return f"left:{left:.2f}%;top:{top:.2f}%;width:{width:.2f}%;height:{height:.2f}%"


def _data_url(picture: Picture) -> str:
    return f"data:image/png;base64,{base64.b64encode(picture.png).decode()}"
