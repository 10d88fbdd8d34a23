"""What an ERP must do for Postroom: the one seam between an action and the business.

In: an `ErpRequest`, made from a leased action. Out: the id the ERP gave to the order, invoice or
ticket. Every connector is one file beside this one and keeps the same promise: the same key sent
again changes nothing and gives the same id. Where an ERP has no idempotency keys of its own, the
connector looks `external_ref` up before it creates (contract section 4).

Limits: nothing here lists or cancels what an ERP holds.
"""

from dataclasses import dataclass
from typing import Protocol

from postroom.decision import Step
from postroom.failure import TemporaryFailure

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


@dataclass(frozen=True, slots=True, kw_only=True)
class ErpRequest:
    """One business action on its way to the ERP."""

    step: Step  # one of SCHEMAS
    key: str  # idempotency key; also `external_ref` in the body
    body: str  # JSON, the same bytes at every attempt
    repeated: bool  # an earlier attempt may have arrived: look `external_ref` up where possible


class Erp(Protocol):
    """One ERP."""

    async def send(self, request: ErpRequest) -> str:
        """The ERP's id for what the request describes, created now or known already.

        Raises TemporaryFailure (RetryLater when the ERP named a time) where trying again may
        help or nobody knows what happened, PermanentFailure where the ERP said no.
        """
        ...

    async def close(self) -> None:
        """Gives the connections back."""
        ...
