"""One document in an ERP without idempotency keys, made once: find, create, finish, read back.

In: an `ErpRequest`, a mapping file and a `System`, the few verbs in which ERPs differ. Out: the
number of the document, after the ERP itself has said that it holds what was asked for.

    find       the document with our key (`external_ref`); a second draft is done away with, a
               second order is a person's problem
    create     customer and products are looked up; one that is unknown is a person's problem
    read back  lines, quantities, prices and currency as the ERP holds them must be those asked for
    finish     the actions of the mapping (quote, confirm ...), from whatever state it is in
    read back  once more

So an attempt that died anywhere is taken up where it stopped, and what is wrong stays a draft. A
request whose caller is gone may still be at work in the ERP; therefore nothing is looked up before
`settle` seconds have passed since an earlier attempt ended (contract.py, NotYet).

Failure policy: what the ERP holds differently is "erp-differs", permanent: never a second
document, and no confirmation to the customer. `queue retry` looks again, after a person mended it.

Limits: an ERP that works on a request for longer than `settle` can make a second draft. Nobody
confirms it, because its caller is gone; whoever comes upon it does away with it.
"""

import json
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from decimal import Decimal
from typing import Any, Protocol

from postroom.clock import Clock
from postroom.config import ErpSection
from postroom.decision import Step
from postroom.failure import PermanentFailure
from postroom.product import Customer, Product

from .contract import ErpRequest, NotYet
from .mapping import Document, Lines, Lookup, Mapping, dig, number, render

_PAGE = 200  # products asked for at once
_MOST_OURS = 10  # documents with one key of ours that are looked at

Record = dict[str, Any]


class System(Protocol):
    """What an ERP can be asked, in its own words for tables and fields."""

    async def search(
        self, entity: str, by: Record, fields: Sequence[str], *, limit: int, offset: int = 0
    ) -> list[Record]:
        """Records for which every field of `by` has that value; `fields` are dotted paths."""
        ...

    async def read(self, entity: str, identifier: Any, fields: Sequence[str]) -> Record:
        """One record."""
        ...

    async def create(self, entity: str, values: Record) -> Any:
        """A new record's id."""
        ...

    async def change(self, entity: str, identifier: Any, values: Record) -> None:
        """Writes into a record."""
        ...

    async def act(self, entity: str, identifier: Any, action: str) -> None:
        """Does one of the things that can be done with a record (confirm, submit, post)."""
        ...

    async def complete(self, entity: str, values: Record) -> Record:
        """The values with the defaults that the ERP's own forms would fill in."""
        ...

    async def close(self) -> None:
        """Gives the connections back."""
        ...


class Documents:
    """An ERP made of a `System` and a mapping; one of the connectors of `Erp`."""

    def __init__(
        self, system: System, mapping: Mapping, *, settings: ErpSection, clock: Clock
    ) -> None:
        self._system = system
        self._mapping = mapping
        self._settle_s = settings.settle
        self._company = settings.company
        self._clock = clock

    async def send(self, request: ErpRequest) -> str:
        """The number of the document in the ERP; see the module's text.

        Raises NotYet while an earlier request may be at work, PermanentFailure (erp-differs,
        erp-duplicate, erp-customer-unknown, erp-customer-unproven, erp-product-unknown,
        erp-unit-differs ...) for a person, and what the system raises.
        """
        wait_for_others(request, self._settle_s, self._clock)
        body = json.loads(request.body)
        document = self._document(request.step, body)
        if request.step is Step.INVOICE_UPDATE:
            return await self._update(document, body)
        return await self._create_once(document, body)

    async def products(self) -> AsyncIterator[Product]:
        """Every product the ERP sells, a page at a time.

        Raises PermanentFailure(erp-mapping) where the mapping has no products.
        """
        lookup = self._lookup("product")
        offset = 0
        while True:
            records = await self._system.search(
                lookup.entity, {}, [*lookup.fields.values()], limit=_PAGE, offset=offset
            )
            for record in records:
                yield _product(lookup, record)
            if len(records) < _PAGE:
                return
            offset += _PAGE

    async def product(self, sku: str, gtin: str = "") -> Product | None:
        """The one product with that part number, or that GTIN; None when there is not one."""
        lookup = self._lookup("product")
        record = await self._one(lookup, {"sku": sku, "gtin": gtin}, "erp-product-ambiguous")
        return None if record is None else _product(lookup, record)

    async def customer(self, who: Record) -> Customer | None:
        """The one customer with that mail or tax number; None when there is not one."""
        lookup = self._lookup("customer")
        record = await self._one(lookup, who, "erp-customer-ambiguous")
        if record is None:
            return None
        words = {word: _said(dig(record, path)) for word, path in lookup.fields.items()}
        return Customer(id=words["id"], name=words.get("name", ""), number=words.get("number", ""))

    async def close(self) -> None:
        """Gives the connections back."""
        await self._system.close()

    # Orders and tickets.

    async def _create_once(self, document: Document, body: Record) -> str:
        found = await self._ours(document, body)
        context = await self._context(document, body)
        if found is None:
            values = render(document.values, context)
            values = await self._system.complete(document.entity, values)
            found = await self._system.create(document.entity, values)
        record = await self._finish(document, found, context)
        await self._ours(document, body)  # two by now? then somebody else made one as well
        return _said(dig(record, document.number)) or _said(found)

    async def _ours(self, document: Document, body: Record) -> Any:
        """Id of the document that our key made, or None; a second draft of it is done away with.

        Two are there when a request was still at work after its caller had gone, and longer than
        `settle`. The one that is done counts, else the oldest.
        """
        by = render(document.reference, body)
        paths = ["id", *([document.state] if document.state else [])]
        found = [
            (record["id"], _said(dig(record, document.state)) if document.state else "")
            for record in await self._system.search(document.entity, by, paths, limit=_MOST_OURS)
        ]
        found = [one for one in found if one[1] not in document.discarded]
        if len(found) > 1:
            found.sort(key=lambda one: one[1] not in document.done)
            if found[1][1] in document.done or not document.discard:
                ids = ", ".join(_said(identifier) for identifier, _ in found)
                raise PermanentFailure("erp-duplicate", detail=f"{document.entity} {ids}")
            for identifier, _ in found[1:]:
                await self._system.act(document.entity, identifier, document.discard)
        return found[0][0] if found else None

    async def _context(self, document: Document, body: Record) -> Record:
        """The body with the customer and, in each line, the product as the ERP knows them."""
        context = self._plain(body)
        uses = json.dumps(document.values)
        if "$customer.id" in uses:
            lookup, who = self._lookup("customer"), body["customer"]
            if document is self._mapping.order:
                record = await self._proven(lookup, who)
            else:
                record = await self._one(lookup, who, "erp-customer-ambiguous") or {}
            # A question may come from anybody.
            if not record and document not in (self._mapping.ticket, self._mapping.lead):
                raise PermanentFailure("erp-customer-unknown", detail=who["email"])
            known = {word: dig(record, path) for word, path in lookup.fields.items()}
            context["customer"] = {**body["customer"], **known}
        if "$currency_id" in uses and body["currency"]:
            found = await self._one(self._lookup("currency"), body, "erp-currency-unknown")
            if found is None:
                raise PermanentFailure("erp-currency-unknown", detail=body["currency"])
            context["currency_id"] = dig(found, self._lookup("currency").fields["id"])
        if "$product." in uses:
            context["lines"] = [await self._with_product(line) for line in body["lines"]]
        return context

    async def _proven(self, lookup: Lookup, who: Record) -> Record | None:
        """The customer with the address that was authenticated, or None.

        A tax number is public, and anybody can write it into a mail. Raises
        PermanentFailure(erp-customer-unproven), which says whose it is, where it alone is known.
        """
        ways = tuple(way for way in lookup.by if "$email" in json.dumps(way))
        by_address = lookup.model_copy(update={"by": ways})
        record = await self._one(by_address, who, "erp-customer-ambiguous")
        other = record or await self._one(lookup, who, "erp-customer-ambiguous")
        if record is None and other is not None:
            name = _said(dig(other, lookup.fields["name"])) if "name" in lookup.fields else ""
            said = f"{who['email']} is not known as an address of {name or 'the customer'}"
            raise PermanentFailure("erp-customer-unproven", detail=said)
        return record

    def _plain(self, body: Record) -> Record:
        """The body, and what every template may need besides."""
        received = str(body["source"]["received_at"])
        return {**body, "received": received, "company": self._company}

    async def _with_product(self, line: Record) -> Record:
        lookup = self._lookup("product")
        record = await self._one(lookup, line, "erp-product-ambiguous")
        if record is None:
            said = f"line {line['line']}: {line['sku'] or line['gtin'] or line['description']}"
            raise PermanentFailure("erp-product-unknown", detail=said)
        known = {word: dig(record, path) for word, path in lookup.fields.items()}
        self._check_unit(line, _said(known.get("unit")))
        price = line["unit_price"]
        if price is None:
            price = number(known.get("price"))
            price = None if price is None else f"{price:f}"
        return {**line, "product": known, "unit_price": price, "asked_price": line["unit_price"]}

    def _check_unit(self, line: Record, unit: str) -> None:
        """A box of bolts is no bolt: the unit as written must be the one the ERP sells in."""
        written = line["unit"].casefold().rstrip(".").strip()
        if not written or not unit or written == unit.casefold():
            return
        names = {word.casefold().rstrip(".") for word in self._mapping.units.get(unit, ())}
        if written not in names:
            said = f"line {line['line']}: {line['unit']}, the ERP sells it by {unit}"
            raise PermanentFailure("erp-unit-differs", detail=said)

    async def _finish(self, document: Document, identifier: Any, context: Record) -> Record:
        """Carries out the actions that are left; the document as it is then, found right."""
        paths = [path for path in (document.state, document.number, document.currency) if path]
        if document.lines and document.lines.inside:
            paths.append(document.lines.inside)
        left = list(document.actions)
        refused: PermanentFailure | None = None
        while True:
            record = await self._system.read(document.entity, identifier, paths)
            state = _said(dig(record, document.state)) if document.state else ""
            is_done = not left or state in document.done
            if refused is not None and not left and state not in document.done:
                raise refused
            if is_done or len(left) == len(document.actions):
                await self._compare(document, identifier, record, context)
            if is_done:
                break
            try:
                await self._system.act(document.entity, identifier, left.pop(0))
            except PermanentFailure as failure:
                # An attempt that died later may have done this one already, and once is all some
                # ERPs allow: then the document ends as `done` says. Else a person must know.
                refused = refused or failure
        if document.done and state not in document.done:
            raise PermanentFailure("erp-not-done", detail=f"{_said(identifier)} is {state}")
        return record

    async def _compare(
        self, document: Document, identifier: Any, record: Record, context: Record
    ) -> None:
        """Raises PermanentFailure(erp-differs) naming what the ERP holds otherwise."""
        if document.lines is None:
            return
        held = await self._held(document.lines, identifier, record)
        differences = compare(context["lines"], held)
        currency = _said(dig(record, document.currency)) if document.currency else ""
        if currency and context["currency"] and currency != context["currency"]:
            differences.append(f"asked in {context['currency']}, holds {currency}")
        if differences:
            shown = _said(dig(record, document.number)) or _said(identifier)
            raise PermanentFailure("erp-differs", detail=f"{shown}: {'; '.join(differences)}")

    async def _held(self, lines: Lines, identifier: Any, record: Record) -> list[Record]:
        records = dig(record, lines.inside) or []
        if lines.entity:
            by = render(lines.by, {"id": identifier})
            paths = [*lines.fields.values()]
            records = await self._system.search(lines.entity, by, paths, limit=_PAGE * 10)
        return [{word: dig(one, path) for word, path in lines.fields.items()} for one in records]

    # Invoices.

    async def _update(self, document: Document, body: Record) -> str:
        """Writes the news into the invoice it is about; a bill nobody knows yet is entered."""
        context = await self._context_of_invoice(body)
        by = render(document.known, context)
        paths = [path for path in (document.note, document.number) if path]
        found = await self._system.search(document.entity, by, ["id", *paths], limit=2)
        if len(found) > 1:
            raise PermanentFailure("erp-invoice-ambiguous", detail=body["invoice_number"])
        note = render("{status} {amount} {currency} {due_date} [{external_ref}]", context)
        if not found:
            if body["status"] != "received":
                raise PermanentFailure("erp-invoice-unknown", detail=body["invoice_number"])
            values = render(document.values, context) | {document.note: note}
            values = await self._system.complete(document.entity, values)
            identifier = await self._system.create(document.entity, values)
        else:
            identifier = found[0]["id"]
            earlier = _said(dig(found[0], document.note))
            if body["external_ref"] not in earlier:
                changes = render(document.changes, context)
                changes[document.note] = f"{earlier}\n{note}".strip()
                await self._system.change(document.entity, identifier, changes)
        record = await self._system.read(document.entity, identifier, paths)
        if body["external_ref"] not in _said(dig(record, document.note)):
            raise PermanentFailure("erp-differs", detail=f"{_said(identifier)}: note is missing")
        return _said(dig(record, document.number)) or _said(identifier)

    async def _context_of_invoice(self, body: Record) -> Record:
        lookup = self._lookup("seller" if self._mapping.seller else "customer")
        record = await self._one(lookup, body["seller"], "erp-customer-ambiguous")
        if record is None:
            raise PermanentFailure("erp-customer-unknown", detail=body["seller"]["email"])
        if not body["invoice_number"]:
            raise PermanentFailure("erp-invoice-unknown", detail="the mail names no number")
        known = {word: dig(record, path) for word, path in lookup.fields.items()}
        return {**self._plain(body), "customer": {**body["seller"], **known}}

    # Look-ups.

    def _document(self, step: Step, body: Record) -> Document:
        name = {Step.ORDER_CREATE: "order", Step.INVOICE_UPDATE: "invoice"}.get(step, "ticket")
        found: Document | None = getattr(self._mapping, name)
        if name == "ticket" and body.get("kind") == "lead":
            found = self._mapping.lead or found
        if found is None:
            raise PermanentFailure("erp-cannot", detail=f"this ERP takes no {name}")
        return found

    def _lookup(self, name: str) -> Lookup:
        found: Lookup | None = getattr(self._mapping, name)
        if found is None:
            raise PermanentFailure("erp-mapping", detail=f"no table {name}; see docs/erp.md")
        return found

    async def _one(self, lookup: Lookup, known: Record, ambiguous: str) -> Record | None:
        """The record that the first way finds whose values are all known."""
        paths = [*dict.fromkeys(lookup.fields.values())]
        for way in lookup.by:
            by = render(way, known)
            if len(by) < len(way):
                continue
            found = await self._system.search(lookup.entity, by, paths, limit=2)
            if len(found) > 1:
                said = ", ".join(_said(value) for value in by.values())
                raise PermanentFailure(ambiguous, detail=said)
            if found:
                return found[0]
        return None


def wait_for_others(request: ErpRequest, settle_s: float, clock: Clock) -> None:
    """Raises NotYet while the request of an earlier attempt may still be at work in the ERP."""
    if request.previous_at is not None:
        since = (clock.now() - request.previous_at).total_seconds()
        if since < settle_s:
            raise NotYet("erp-settling", settle_s - since)


def compare(asked: Sequence[Record], held: Sequence[Record]) -> list[str]:
    """What the ERP holds otherwise than asked, in words; empty when all is as it should be.

    Lines are compared as a bag: product, quantity, and the price where the customer named one.
    """
    wanted = Counter(_line(one, dig(one, "product.id"), one["asked_price"]) for one in asked)
    found = Counter(_line(one, one["product"], one["unit_price"]) for one in held)
    missing, more = wanted - found, found - wanted
    for line in [line for line in missing if line[2] is None]:
        for other in [other for other in more if other[:2] == line[:2]]:  # at whatever price
            both = min(missing[line], more[other])
            missing[line] -= both
            more[other] -= both
    return [f"asked {_words(line)}" for line in +missing] + [
        f"holds {_words(line)}" for line in +more
    ]


_Line = tuple[str, Decimal | None, Decimal | None]


def _line(record: Record, product: Any, price: Any) -> _Line:
    amount, cost = number(record["quantity"]), number(price)
    return (
        _said(product),
        None if amount is None else amount.normalize(),
        None if cost is None else cost.normalize(),
    )


def _words(line: _Line) -> str:
    product, quantity, price = line
    at = "" if price is None else f" at {price:f}"
    return f"{'?' if quantity is None else f'{quantity:f}'} x product {product}{at}"


def _product(lookup: Lookup, record: Record) -> Product:
    words = {word: dig(record, path) for word, path in lookup.fields.items()}
    texts = {word: _said(words.get(word)) for word in ("id", "sku", "gtin", "name", "unit")}
    return Product(
        **texts,
        unit_id=_said(words.get("unit_id")),
        price=number(words.get("price")),
        currency=_said(words.get("currency")),
    )


def _said(value: Any) -> str:
    return "" if value is None or value is False else str(value)
