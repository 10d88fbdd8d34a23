"""Which field of ours is which field of theirs: a file per ERP, read here. Pure but for `load`.

In: mappings/KIND.yaml, and the admin's own file whose keys take precedence. Out: a `Mapping` of
documents (order, invoice, ticket), look-ups (customer, product) and units, and `render`, which
turns a body of contract section 4 into what the ERP takes.

In `values`, a text `$path` is replaced by what stands there in the body (`$customer.id`,
`$invoice_number`), perhaps converted (`$quantity|number`); `{path}` inside a longer text likewise;
`$a or b` takes the first that is not empty; `{each: lines, as: ...}` repeats its template for
every line. What is empty is left out.
docs/erp.md describes every key.

Limits: no conditions and no arithmetic but `amount`; what needs more is a connector's code.
"""

import datetime
import re
from collections.abc import Mapping as AnyMapping
from decimal import Decimal, InvalidOperation, localcontext
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from postroom.failure import PermanentFailure

_VALUE = re.compile(r"\$([\w.]+(?: or [\w.]+)*)(?:\|([\w-]+))?")
_IN_TEXT = re.compile(r"\{([\w.]+)\}")
# Digits to multiply and add with: a number of a body has up to 31 before its mark (bodies.py), and
# Decimal's own 28 would make an error of a large product.
_PRECISION = 100


class Entry(BaseModel):
    """A part of the file: immutable, and strict about unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Lookup(Entry):
    """How to find one record, by the first of several ways that finds any."""

    entity: str  # the ERP's name of the table or resource
    by: tuple[dict[str, Any], ...]  # field of theirs -> value; all of one way must hold
    fields: dict[str, str]  # word of ours -> path in their record


class Lines(Entry):
    """Where the lines of a document are found again, to be compared."""

    entity: str = ""  # searched for `by`; empty: they stand in the document itself
    by: dict[str, Any] = {}
    inside: str = ""  # path in the document
    fields: dict[str, str]  # product, quantity, unit_price -> path in their line


class Document(Entry):
    """One kind of document."""

    entity: str
    reference: dict[str, Any] = {}  # finds the document that one of our actions made
    known: dict[str, Any] = {}  # finds the document that an update means
    note: str = ""  # field that an update writes into; holds our key
    values: dict[str, Any]  # the new document
    changes: dict[str, Any] = {}  # an update besides its note
    actions: tuple[str, ...] = ()  # carried out in turn until the state is one of `done`
    state: str = ""  # path in their record
    done: tuple[str, ...] = ()
    discard: str = ""  # action that does away with a second draft of ours
    discarded: tuple[str, ...] = ()  # states of what is done away with
    currency: str = ""  # path of its ISO 4217 code
    number: str = "id"  # path of the number that people quote
    lines: Lines | None = None


class Mapping(Entry):
    """The whole file."""

    customer: Lookup | None = None
    seller: Lookup | None = None  # who bills us; missing: as `customer`
    product: Lookup | None = None
    currency: Lookup | None = None  # where a document names it by id: `$currency_id`
    order: Document | None = None
    invoice: Document | None = None
    ticket: Document | None = None
    lead: Document | None = None  # a ticket of kind "lead"; missing: as `ticket`
    # The ERP's name of a unit -> how customers write it; compared without case and final dot.
    units: dict[str, tuple[str, ...]] = {}


def load(kind: str, own: Path | None = None) -> Mapping:
    """The shipped mapping of an ERP with the admin's file laid over it.

    Raises PermanentFailure(erp-mapping) whose detail names the file and the mend.
    """
    shipped = files("postroom.actions.erp") / "mappings" / f"{kind}.yaml"
    tables = yaml.safe_load(shipped.read_text(encoding="utf-8")) if shipped.is_file() else {}
    try:
        if own is not None:
            tables = _over(tables, yaml.safe_load(own.read_text(encoding="utf-8")) or {})
        return Mapping.model_validate(tables)
    except (OSError, yaml.YAMLError, ValidationError, TypeError) as error:
        said = f"{own or shipped}: {str(error).splitlines()[0]}; see docs/erp.md"
        raise PermanentFailure("erp-mapping", error, detail=said) from error


def _over(below: Any, above: Any) -> Any:
    """`values`, `by` and other leaves are replaced whole; tables that hold tables are merged."""
    if not (isinstance(below, dict) and isinstance(above, dict)):
        return above
    whole = {"values", "changes", "reference", "known", "by", "fields"}
    return below | {
        key: value if key in whole else _over(below.get(key), value) for key, value in above.items()
    }


def render(template: Any, body: AnyMapping[str, Any]) -> Any:
    """The template with everything filled in; None where nothing is known."""
    match template:
        case {"each": str(path), "as": inner}:
            return [render(inner, {**body, **line}) for line in dig(body, path) or ()]
        case dict():
            filled = {key: render(value, body) for key, value in template.items()}
            return {key: value for key, value in filled.items() if not _empty(value)}
        case list():
            return [render(value, body) for value in template]
        case str():
            return _text(template, body)
        case _:
            return template


def _text(template: str, body: AnyMapping[str, Any]) -> Any:
    whole = _VALUE.fullmatch(template)
    if whole is None:
        return _IN_TEXT.sub(lambda found: str(dig(body, found[1]) or ""), template)
    if whole[2] == "amount":
        return float(amount(body))
    found = (dig(body, path) for path in whole[1].split(" or "))
    value = next((one for one in found if not _empty(one)), None)
    return value if _empty(value) or not whole[2] else _convert(value, whole[2])


def _empty(value: Any) -> bool:
    return value is None or value == ""


def _convert(value: Any, how: str) -> Any:
    match how:
        case "number":
            return float(value)
        case "integer":
            return int(value)
        case "text":
            return str(value)
        case "date":
            return str(value)[:10]
        case "onec-date":
            return f"{str(value)[:10]}T00:00:00"
        case "tryton-decimal":
            return {"__class__": "Decimal", "decimal": str(value)}
        case "tryton-date":
            day = datetime.date.fromisoformat(str(value)[:10])
            return {"__class__": "date", "year": day.year, "month": day.month, "day": day.day}
        case _:
            raise PermanentFailure("erp-mapping", detail=f"no such conversion: {how}")


def amount(*lines: AnyMapping[str, Any]) -> Decimal:
    """Quantity times price, to two decimals, for ERPs that do not work it out; the sum of lines."""
    with localcontext(prec=_PRECISION):
        return sum((_product(line) for line in lines), Decimal())


def _product(line: AnyMapping[str, Any]) -> Decimal:
    quantity, price = number(line.get("quantity")), number(line.get("unit_price"))
    return round((quantity or Decimal()) * (price or Decimal()), 2)


def dig(record: Any, path: str) -> Any:
    """What stands at a dotted path of dicts and lists, or None; "" is the record itself."""
    for step in path.split(".") if path else ():
        if isinstance(record, AnyMapping):
            record = record.get(step)
        elif isinstance(record, list):
            # Odoo writes "no record" as false, a relation as [id, name].
            position = int(step) if step.isdecimal() else -1
            record = record[position] if 0 <= position < len(record) else None
        else:
            return None
    if isinstance(record, AnyMapping) and record.get("__class__") == "Decimal":
        return record.get("decimal")
    return None if record is False else record


def number(value: Any) -> Decimal | None:
    """A number in whatever way an ERP writes it; None when it is none."""
    if isinstance(value, bool) or value is None or value == "":
        return None
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        return None
    return found if found.is_finite() else None
