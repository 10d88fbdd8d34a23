"""Reads a message or document by a template that an admin taught.

In: what is shown of it (shown.py) and a `Template`. Out: a `Reading` of strength 3, its lines
checked like all others (quantity x price = total), or None when the template does not fit. A row
between start and end that no pattern knows is the problem `template-row-unread`: the layout has
changed, or holds something that was not taught. Pure.
"""

import datetime
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from postroom.order import Buyer, Delivery, OrderLine

from .cells import amounts, quantity_of
from .currency import code_of_word
from .dates import date_of
from .lines import Draft, numbered, settle
from .numbers import decimal_mark, readings
from .reading import Reading
from .shown import Part, ShownRow
from .template import Template, pattern

_TAUGHT = 0.95  # confidence of a line before proof
_GRIDS = ("table", "page")


def read_by(
    template: Template, parts: Sequence[Part], written: datetime.date | None = None
) -> Reading | None:
    """What the template reads; None when its keywords are not there."""
    rows = [row for part in parts for row in part.rows]
    text = "\n".join(row.text for row in rows)
    if not template.fits_text(text):
        return None
    mark = template.decimal or decimal_mark((row.text for row in rows), template.language)
    problems: list[str] = []
    if template.columns:
        lines = list(_by_columns(template, parts, mark))
    else:
        lines = list(_by_pattern(template, rows, mark, problems))
    if not lines:
        problems.append(f"template-without-lines:{template.name}")
    return replace(
        _fields(template, text, mark, written),
        lines=numbered(lines),
        around=tuple(row.text for row in rows)[:400],
        problems=tuple(dict.fromkeys(problems)),
    )


def _fields(template: Template, text: str, mark: str, written: datetime.date | None) -> Reading:
    said = {name: _first(one, text) for name, one in template.fields.items()}

    def day(name: str) -> datetime.date | None:
        return date_of(said.get(name, ""), template.language, written)

    total = next(iter(readings(said.get("total", ""), mark)), None)
    return Reading(
        kind=template.kind,
        number=said.get("number", ""),
        date=day("date"),
        due_date=day("due_date"),
        currency=template.currency or code_of_word(said.get("currency", "")),
        buyer=Buyer(name=said.get("buyer", ""), tax_id=said.get("tax_id", "")),
        delivery=Delivery(address=said.get("delivery_address", ""), date=day("delivery_date")),
        totals=() if total is None else (total,),
        total=total,
        strength=3,
        source=f"template {template.name}",
    )


def _first(text_pattern: str, text: str) -> str:
    match = pattern(text_pattern).search(text)
    return " ".join((match.group(1) or "").split()) if match else ""


def _by_pattern(
    template: Template, rows: Sequence[ShownRow], mark: str, problems: list[str]
) -> Iterator[OrderLine]:
    rules = template.lines
    inside = not rules.start
    held: OrderLine | None = None
    for row in rows:
        text = row.text.rstrip()
        if not inside:
            inside = pattern(rules.start).search(text) is not None
            continue
        if rules.end and pattern(rules.end).search(text):
            inside = False
            if not rules.start:
                break
            continue
        match = pattern(rules.line).search(text)
        if match:
            if held:
                yield held
            held = _line(template, match.groupdict(), mark, row)
            continue
        more = pattern(rules.more).search(text) if rules.more and held else None
        if more and held:
            added = (more.groupdict().get("description") or "").strip()
            held = replace(held, description=f"{held.description} {added}".strip())
        elif text.strip() and not (rules.skip and pattern(rules.skip).search(text)):
            problems.append("template-row-unread")
    if held:
        yield held


def _by_columns(template: Template, parts: Sequence[Part], mark: str) -> Iterator[OrderLine]:
    for part in parts:
        places: dict[str, int] = {}
        for row in part.rows if part.sort in _GRIDS else ():
            found = _places(template, row)
            if found:
                places = found
                continue
            if not places:
                continue
            said = {
                name: row.cells[place]
                for name, place in places.items()
                if place < len(row.cells) and row.cells[place]
            }
            if said.get("quantity") and {"sku", "gtin", "description"} & set(said):
                yield _line(template, said, mark, row)


def _places(template: Template, row: ShownRow) -> dict[str, int]:
    """Where the taught headings stand in a row; empty when one of them does not."""
    texts = [" ".join(cell.split()).casefold() for cell in row.cells]
    places: dict[str, int] = {}
    for name, headed in template.columns.items():
        wanted = " ".join(headed.split()).casefold()
        if wanted not in texts:
            return {}
        places[name] = texts.index(wanted)
    return places


def _line(
    template: Template, said: Mapping[str, str | None], mark: str, row: ShownRow
) -> OrderLine:
    def of(name: str) -> str:
        return " ".join((said.get(name) or "").split())

    measured = quantity_of(of("quantity"), mark)
    values = measured.readings[:1] if template.decimal else measured.readings
    prices, totals = amounts(of("unit_price"), mark), amounts(of("total"), mark)
    discount = next(iter(amounts(of("discount"), mark)), None)
    draft = Draft(
        sku=of("sku"),
        gtin=of("gtin"),
        description=of("description"),
        quantity=values,
        unit=of("unit") or measured.unit,
        price=_kept(prices, template),
        total=_kept(totals, template),
        discount=discount,
        confidence=_TAUGHT if not measured.problems else 0.6,
        problems=measured.problems,
        source=row.sources[0] if row.sources else "",
    )
    return settle(draft, 1)


def _kept(values: tuple[Decimal, ...], template: Template) -> tuple[Decimal, ...]:
    """Every reading of a number, or the one that the taught decimal mark leaves."""
    return values[:1] if template.decimal else values
