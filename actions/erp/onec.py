"""1C:Enterprise over its standard OData interface (platform 8.3.5 and later).

In: the verbs of `System`. Out: records. `base_url` ends with `/odata/standard.odata`; `user` and
the secret log in (HTTP Basic, UTF-8). Names of documents, fields and units differ per
configuration: the shipped mapping is that of Управление торговлей 11, yours goes into
`mapping_file`; `$metadata` of the base lists what is there.

A field of a search may be "Таблица/Поле" (any row of a table) or end with " ~" (contains, for
texts of unlimited length, which 1C does not compare with `eq`). Names that end in `_Key` are
compared as guid. Rows carry LineNumber and sums, because the fill-in of 1C's forms does not run.

1C's answers, as documented: 4xx permanent; 500 is what a request gets that it cannot understand,
without a reason, hence permanent.

Limits: tried against a recorded contract, not against 1C, which cannot be had for tests.
"""

import base64
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from postroom.clock import Clock
from postroom.config import ErpSection
from postroom.failure import TemporaryFailure

from .secret import secret
from .wire import Answer, Wire, permanent_500

Record = dict[str, Any]


class OneC:
    """One 1C base."""

    def __init__(self, settings: ErpSection, clock: Clock) -> None:
        self._settings = settings
        self._wire = Wire(settings, clock, permanent_500)

    async def search(
        self, entity: str, by: Record, fields: Sequence[str], *, limit: int, offset: int = 0
    ) -> list[Record]:
        """Records for which every condition of `by` holds, and which are not marked deleted."""
        params = {"$top": str(limit), "$skip": str(offset)}
        params["$filter"] = " and ".join(
            ["DeletionMark eq false", *(_condition(name, value) for name, value in by.items())]
        )
        found = (await self._ask("GET", _path(entity), params=params)).json()
        if not isinstance(found, dict) or not isinstance(found.get("value"), list):
            raise TemporaryFailure("erp-garbage")
        return [_with_id(record) for record in found["value"]]

    async def read(self, entity: str, identifier: Any, fields: Sequence[str]) -> Record:
        """One record with its tables."""
        record = (await self._ask("GET", _path(entity, identifier))).json()
        if not isinstance(record, dict):
            raise TemporaryFailure("erp-garbage")
        return _with_id(record)

    async def create(self, entity: str, values: Record) -> Any:
        """A new record's Ref_Key."""
        record = (await self._ask("POST", _path(entity), body=values)).json()
        if not isinstance(record, dict) or not record.get("Ref_Key"):
            raise TemporaryFailure("erp-no-id")
        return record["Ref_Key"]

    async def change(self, entity: str, identifier: Any, values: Record) -> None:
        """Writes into a record, if nobody else did since it was read."""
        record = await self.read(entity, identifier, [])
        version = {"If-Match": str(record["DataVersion"])} if record.get("DataVersion") else {}
        await self._ask("PATCH", _path(entity, identifier), body=values, headers=version)

    async def act(self, entity: str, identifier: Any, action: str) -> None:
        """`Post` enters a document in the books, `Unpost` takes it out; `delete` marks it."""
        if action == "delete":
            await self.change(entity, identifier, {"DeletionMark": True})
            return
        params = {"PostingModeOperational": "false"} if action == "Post" else {}
        await self._ask("POST", f"{_path(entity, identifier)}/{action}", params=params)

    async def complete(self, entity: str, values: Record) -> Record:
        """OData offers no fill-in."""
        return values

    async def close(self) -> None:
        """Gives the connections back."""
        await self._wire.close()

    async def _ask(
        self,
        method: str,
        path: str,
        *,
        params: dict[str, str] | None = None,
        body: object = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        login = f"{self._settings.user}:{secret(self._settings)}".encode()
        sent = {"Authorization": f"Basic {base64.b64encode(login).decode()}", **(headers or {})}
        query = {"$format": "json", **(params or {})}
        return await self._wire.ask(method, path, params=query, body=body, headers=sent)


def _path(entity: str, identifier: Any = None) -> str:
    key = "" if identifier is None else f"(guid'{quote(str(identifier), safe='-')}')"
    return f"/{quote(entity)}{key}"


def _with_id(record: Record) -> Record:
    return {**record, "id": record.get("Ref_Key")}


def _condition(name: str, value: Any) -> str:
    field, contains, _ = name.partition(" ~")
    table, slash, inner = field.partition("/")
    if slash:
        return f"{table}/any(row: {_compare(f'row/{inner}', contains, value)})"
    return _compare(field, contains, value)


def _compare(field: str, contains: str, value: Any) -> str:
    if isinstance(value, bool):
        return f"{field} eq {str(value).lower()}"
    text = str(value).replace("'", "''")
    if field.endswith("_Key"):
        return f"{field} eq guid'{text}'"
    return f"substringof('{text}', {field})" if contains else f"{field} eq '{text}'"
