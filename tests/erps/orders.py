"""Requests as the worker makes them, about what catalogue.py's ERPs hold."""

import json
import uuid
from datetime import datetime
from typing import Any

from postroom.actions.erp.contract import ErpRequest
from postroom.decision import Step

_SOURCE = {
    "message_id": "<1@acme.example>",
    "received_at": "2026-11-20T12:00:00+00:00",
    "mailbox": "info@firma.test",
    "authenticated_domain": "acme.example",
    "confidence": 0.97,
    "link": "",
}
ACME = {"email": "buyer@acme.example", "name": "A. Buyer", "company": "ACME", "tax_id": ""}


def line(number: int, sku: str, quantity: str, price: str | None = None, **changes: Any) -> Any:
    """One order line of contract section 4."""
    return {
        "line": number,
        "sku": sku,
        "gtin": "",
        "description": "",
        "quantity": quantity,
        "unit": "",
        "unit_price": price,
        **changes,
    }


def order(
    name: str = "PO-1", *lines: Any, at: datetime | None = None, **changes: Any
) -> ErpRequest:
    """An order of ACME for two products, or for these lines."""
    body = {
        "order_number": name,
        "ordered_at": "2026-11-20",
        "currency": "EUR",
        "customer": ACME,
        "delivery": {"address": "", "date": "2026-12-01"},
        "lines": list(lines) or [line(1, "BOLT-M8", "10", "0.35"), line(2, "PUMP-24", "2")],
        "note": "Please deliver in the morning",
        **changes,
    }
    return request(Step.ORDER_CREATE, name, body, at)


def invoice(name: str = "INV-77", status: str = "received", **changes: Any) -> ErpRequest:
    """News of an invoice that ACME sent us."""
    body = {
        "invoice_number": name,
        "status": status,
        "amount": "120.50",
        "currency": "EUR",
        "due_date": "2026-12-20",
        "seller": ACME,
        "lines": [],
        **changes,
    }
    return request(Step.INVOICE_UPDATE, f"{name} {status}", body, None)


def ticket(name: str = "Pump is loud", kind: str = "support", **changes: Any) -> ErpRequest:
    """A question of ACME."""
    body = {
        "kind": kind,
        "subject": name,
        "text": "It hums since Monday.",
        "priority": "normal",
        "customer": ACME,
        "attachments": [],
        **changes,
    }
    return request(Step.TICKET_CREATE, name, body, None)


def request(step: Step, name: str, body: dict[str, Any], at: datetime | None) -> ErpRequest:
    """The same name is the same action: the same key and bytes, repeated when `at` is given."""
    key = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{step.value} {name}"))
    text = json.dumps({"external_ref": key, "source": _SOURCE, **body}, sort_keys=True)
    return ErpRequest(step=step, key=key, body=text, repeated=at is not None, previous_at=at)
