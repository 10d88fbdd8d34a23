"""The generic ERP over HTTP, contract section 4.

In: an `ErpRequest`. Out: the id of the answer. 201 created and 200 already known give the id;
wire.py says what every other answer means. The same Idempotency-Key and the same bytes at every
attempt make a repetition harmless. With `erp.lookup` a repeated request is first asked for:
`GET {base}/api/orders?external_ref=KEY` (invoices, tickets) answers with a list of
`{"id", "external_ref"}`, and an ERP that has none of that name answers with an empty one; an ERP
that has no such path (404) is sent the request again under its key.
RFC 9110 (HTTP), RFC 6750 2.1 (Bearer), draft-ietf-httpapi-idempotency-key-header-07.

Limits: products are asked for at `GET {base}/api/products`, with `erp.lookup` only.
"""

from collections.abc import AsyncIterator
from typing import Any

from postroom.clock import Clock
from postroom.config import ErpSection
from postroom.decision import Step
from postroom.failure import PermanentFailure, TemporaryFailure
from postroom.product import Product

from .contract import ErpRequest
from .mapping import number
from .secret import secret
from .wire import Answer, Wire

PATHS = {
    Step.ORDER_CREATE: "/api/orders/create",
    Step.INVOICE_UPDATE: "/api/invoices/update",
    Step.TICKET_CREATE: "/api/tickets/create",
}
LISTINGS = {
    Step.ORDER_CREATE: "/api/orders",
    Step.INVOICE_UPDATE: "/api/invoices",
    Step.TICKET_CREATE: "/api/tickets",
}
_LARGEST_ANSWER = 65_536  # octets
_LONGEST_ID = 200  # characters


class RestErp:
    """An ERP that speaks the generic contract."""

    def __init__(self, settings: ErpSection, clock: Clock) -> None:
        self._settings = settings
        self._wire = Wire(settings, clock)

    async def send(self, request: ErpRequest) -> str:
        """The ERP's id for the request, contract section 4.

        Raises what the wire raises, and TemporaryFailure (erp-no-id, erp-garbage) for an answer
        without a usable id.
        """
        if request.repeated and self._settings.lookup:
            known = await self._look_up(request)
            if known:
                return known
        answer = await self._wire.ask(
            "POST",
            PATHS[request.step],
            content=request.body.encode(),
            headers={"Idempotency-Key": request.key, **self._authorization()},
            largest=_LARGEST_ANSWER,
        )
        if answer.status not in (200, 201):
            raise TemporaryFailure(f"erp-http-{answer.status}")
        return _identifier(answer.json())

    async def products(self) -> AsyncIterator[Product]:
        """What the ERP lists; nothing without `erp.lookup`. Raises what the wire raises."""
        if not self._settings.lookup:
            return
        for record in _list(await self._get("/api/products", {})):
            texts = {key: str(record.get(key) or "") for key in ("gtin", "name", "unit")}
            yield Product(
                id=str(record.get("id") or record.get("sku") or ""),
                sku=str(record.get("sku") or ""),
                price=number(record.get("price")),
                currency=str(record.get("currency") or ""),
                **texts,
            )

    async def close(self) -> None:
        """Gives the connections back."""
        await self._wire.close()

    async def _look_up(self, request: ErpRequest) -> str:
        try:
            answer = await self._get(LISTINGS[request.step], {"external_ref": request.key})
        except PermanentFailure as failure:
            if failure.reason in ("erp-http-404", "erp-http-405"):
                return ""
            raise
        # The filter is checked again: an ERP that ignores it lists everything.
        ours = [one for one in _list(answer) if one.get("external_ref") == request.key]
        if len(ours) > 1:
            ids = ", ".join(str(one.get("id")) for one in ours)
            raise PermanentFailure("erp-duplicate", detail=ids)
        return _identifier(ours[0]) if ours else ""

    async def _get(self, path: str, params: dict[str, str]) -> Answer:
        return await self._wire.ask("GET", path, params=params, headers=self._authorization())

    def _authorization(self) -> dict[str, str]:
        token = secret(self._settings)
        return {"Authorization": f"Bearer {token}"} if token else {}


def _list(answer: Answer) -> list[dict[str, Any]]:
    records = answer.json()
    if not isinstance(records, list) or not all(isinstance(one, dict) for one in records):
        raise TemporaryFailure("erp-garbage")
    return records


def _identifier(answer: Any) -> str:
    """The answer's "id"; without one nobody knows what happened, and the key makes asking safe."""
    identifier = answer.get("id") if isinstance(answer, dict) else None
    if isinstance(identifier, int) and not isinstance(identifier, bool):
        identifier = str(identifier)
    if (
        not isinstance(identifier, str)
        or not identifier.strip()
        or not identifier.isprintable()
        or len(identifier) > _LONGEST_ID
    ):
        raise TemporaryFailure("erp-no-id")
    return identifier.strip()
