"""ERPNext 14 and later over Frappe's REST API (`/api/resource`).

In: the verbs of `System`. Out: records. The secret is "API key:API secret" of a user. Documents
carry our key in a field `postroom_ref` of their own, to be added once (docs/erp.md): ERPNext only
warns of a repeated po_no, while a unique field refuses the second document itself.

Frappe's documented answers: 401 and 403 permission, 404, 417 validation: permanent. 409 duplicate:
temporary, because the look-up of the next attempt finds it. 500 is our mistake as often as
theirs: permanent, unless the class named in `exc_type` is a deadlock or time-out.

Limits: tried against a recorded contract, not against a running ERPNext.
"""

import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from postroom.clock import Clock
from postroom.config import ErpSection
from postroom.failure import Failure, PermanentFailure, TemporaryFailure

from .secret import secret
from .wire import Wire

Record = dict[str, Any]
_PASSING = ("QueryDeadlockError", "QueryTimeoutError", "InReadOnlyMode", "DocumentLockedError")


class ErpNext:
    """One site."""

    def __init__(self, settings: ErpSection, clock: Clock) -> None:
        self._settings = settings
        self._wire = Wire(settings, clock, _judge)

    async def search(
        self, entity: str, by: Record, fields: Sequence[str], *, limit: int, offset: int = 0
    ) -> list[Record]:
        """Records for which every field equals; "Child.field" looks into a child table."""
        wanted = {path.partition(".")[0] for path in fields} - {"id"}
        params = {
            "filters": json.dumps([_filter(name, value) for name, value in by.items()]),
            "fields": json.dumps(sorted(wanted | {"name"})),
            "limit_page_length": str(limit),
            "limit_start": str(offset),
            "order_by": "creation asc",
        }
        found = await self._ask("GET", _path(entity), params=params)
        if not isinstance(found, list):
            raise TemporaryFailure("erp-garbage")
        return [{**record, "id": record.get("name")} for record in found]

    async def read(self, entity: str, identifier: Any, fields: Sequence[str]) -> Record:
        """One record with its child tables."""
        record = await self._ask("GET", _path(entity, identifier))
        return {**record, "id": record.get("name")}

    async def create(self, entity: str, values: Record) -> Any:
        """A new record's name."""
        record = await self._ask("POST", _path(entity), body=values)
        if not record.get("name"):
            raise TemporaryFailure("erp-no-id")
        return record["name"]

    async def change(self, entity: str, identifier: Any, values: Record) -> None:
        """Writes into a record; PUT of Frappe changes what it is given and no more."""
        await self._ask("PUT", _path(entity, identifier), body=values)

    async def act(self, entity: str, identifier: Any, action: str) -> None:
        """`submit` is the one thing to do with a draft."""
        if action != "submit":
            raise PermanentFailure("erp-mapping", detail=f"ERPNext knows no action {action}")
        await self.change(entity, identifier, {"docstatus": 1})

    async def complete(self, entity: str, values: Record) -> Record:
        """ERPNext fills in what is missing when it saves."""
        return values

    async def close(self) -> None:
        """Gives the connections back."""
        await self._wire.close()

    async def _ask(
        self, method: str, path: str, *, params: dict[str, str] | None = None, body: object = None
    ) -> Any:
        headers = {"Authorization": f"token {secret(self._settings)}"}
        answer = await self._wire.ask(method, path, params=params, body=body, headers=headers)
        said = answer.json()
        if not isinstance(said, dict) or "data" not in said:
            raise TemporaryFailure("erp-garbage")
        return said["data"]


def _path(entity: str, identifier: Any = None) -> str:
    name = "" if identifier is None else f"/{quote(str(identifier), safe='')}"
    return f"/api/resource/{quote(entity, safe='')}{name}"


def _filter(name: str, value: Any) -> list[Any]:
    table, dot, field = name.partition(".")
    return [table, field, "=", value] if dot else [name, "=", value]


def _judge(status: int, body: bytes) -> Failure | None:
    if status != 500:
        return None
    try:
        said = json.loads(body)
    except ValueError:
        said = {}
    kind = str(said.get("exc_type") or "") if isinstance(said, dict) else ""
    if kind in _PASSING:
        return TemporaryFailure("erp-busy")
    return PermanentFailure("erp-http-500", detail=kind[:100])
