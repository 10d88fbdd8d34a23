"""A webhook that takes what an ERP would: for home-made systems and integration platforms.

In: an `ErpRequest`. Out: the "id" of the answer, or the key where the answer names none. The body
is that of contract section 4; the headers are a CloudEvent in binary mode (CloudEvents 1.0, HTTP
protocol binding 3.1) signed as Standard Webhooks 1.0 says: webhook-id is the key, the same at
every attempt, so that the receiver can tell a repetition.

Limits: a receiver that names no id gets none quoted in the confirmation but the key.
"""

import json
from collections.abc import AsyncIterator

from postroom.actions.events_webhook import secrets_in, signature
from postroom.clock import Clock
from postroom.config import ErpSection
from postroom.decision import Step
from postroom.failure import PermanentFailure
from postroom.product import Product

from .contract import ErpRequest
from .secret import secret
from .wire import Answer, Wire

TYPES = {
    Step.ORDER_CREATE: "postroom.order.create",
    Step.INVOICE_UPDATE: "postroom.invoice.update",
    Step.TICKET_CREATE: "postroom.ticket.create",
}
_LONGEST_ID = 200  # characters
_LARGEST_ANSWER = 65_536  # octets


class Webhook:
    """One receiver."""

    def __init__(self, settings: ErpSection, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._wire = Wire(settings, clock)

    async def send(self, request: ErpRequest) -> str:
        """The answer's id, or the key. Raises what the wire raises."""
        body = request.body.encode()
        now = self._clock.now()
        headers = {
            "ce-specversion": "1.0",
            "ce-id": request.key,
            "ce-source": "/postroom",
            "ce-type": TYPES[request.step],
            "ce-time": now.isoformat(timespec="seconds"),
            "webhook-id": request.key,
            "webhook-timestamp": str(int(now.timestamp())),
        }
        if token := secret(self._settings):
            headers["webhook-signature"] = signature(
                _secrets(token), id=request.key, timestamp=int(now.timestamp()), body=body
            )
        answer = await self._wire.ask(
            "POST", "", content=body, headers=headers, largest=_LARGEST_ANSWER
        )
        return _identifier(answer) or request.key

    async def products(self) -> AsyncIterator[Product]:
        """A webhook cannot be asked."""
        return
        yield

    async def close(self) -> None:
        """Gives the connections back."""
        await self._wire.close()


def _secrets(token: str) -> list[bytes]:
    """Raises PermanentFailure(erp-bad-secret) for one that is marked "whsec_" and no base64."""
    try:
        return secrets_in(token)
    except ValueError as error:
        raise PermanentFailure("erp-bad-secret", error) from error


def _identifier(answer: Answer) -> str:
    """What the receiver calls it; receivers need not answer with anything."""
    try:
        said = json.loads(answer.body)
    except (ValueError, RecursionError):
        return ""
    found = said.get("id") if isinstance(said, dict) else None
    if isinstance(found, bool) or not isinstance(found, str | int):
        return ""
    text = str(found).strip()
    return text if text.isprintable() and len(text) <= _LONGEST_ID else ""
