"""What an ERP must do for Postroom: the one seam between an action and the business.

In: an `ErpRequest`, made from a leased action. Out: the id the ERP gave to the order, invoice or
ticket, and the products it sells. Every connector is one file beside this one and keeps the same
promise: the same key sent again changes nothing and gives the same id. Where an ERP has no
idempotency keys of its own, the connector looks `external_ref` up before it creates (contract
section 4, documents.py).

Limits: nothing here cancels what an ERP holds.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from postroom.decision import Step
from postroom.failure import TemporaryFailure
from postroom.product import Product

# The steps an ERP carries out, and the JSON Schema in schema/ that describes each body.
SCHEMAS = {
    Step.ORDER_CREATE: "order.json",
    Step.INVOICE_UPDATE: "invoice.json",
    Step.TICKET_CREATE: "ticket.json",
}


class RetryLater(TemporaryFailure):
    """A temporary failure whose peer said how long to stay away (Retry-After)."""

    def __init__(
        self, reason: str, retry_after_s: float, cause: BaseException | None = None
    ) -> None:
        super().__init__(reason, cause)
        self.retry_after_s = retry_after_s


class NotYet(TemporaryFailure):
    """Nothing was asked of the peer yet; the attempt does not count."""

    def __init__(self, reason: str, wait_s: float) -> None:
        super().__init__(reason)
        self.wait_s = wait_s


@dataclass(frozen=True, slots=True, kw_only=True)
class ErpRequest:
    """One business action on its way to the ERP."""

    step: Step  # one of SCHEMAS
    key: str  # idempotency key; also `external_ref` in the body
    body: str  # JSON, the same bytes at every attempt
    repeated: bool  # an earlier attempt may have arrived: look `external_ref` up where possible
    previous_at: datetime | None = None  # when the attempt before this one ended, or was lost


class Erp(Protocol):
    """One ERP, or one ticket system."""

    async def send(self, request: ErpRequest) -> str:
        """The ERP's id for what the request describes, created now or known already.

        Raises NotYet where nothing was tried, TemporaryFailure (RetryLater when the ERP named a
        time) where trying again may help or nobody knows what happened, PermanentFailure where
        the ERP said no or holds something else than was asked for.
        """
        ...

    def products(self) -> AsyncIterator[Product]:
        """Everything the ERP sells; nothing where it cannot be asked."""
        ...

    async def close(self) -> None:
        """Gives the connections back."""
        ...
