"""Odoo 14 to 19 and later: JSON-2 (from 19 on) or JSON-RPC (`erp.protocol`).

In: the verbs of `System`. Out: records. The secret is an API key of a user; over JSON-RPC `user`
is that user's login. A field of a search may carry an operator: `email =ilike`.

What Odoo answers, as observed with 19.0: JSON-2 says 401 to a key, 404 to a missing record, model
or method, 422 to what a form would refuse, all permanent; its body holds the class of the error,
and a traceback that is not for us. JSON-RPC says everything with 200, the class in
`error.data.name`. Serialization failures and locks are temporary in both.

Limits: one company (`company`, else the user's own).
"""

import json
from collections.abc import Sequence
from typing import Any

from postroom.clock import Clock
from postroom.config import ErpSection
from postroom.failure import Failure, PermanentFailure, TemporaryFailure

from .secret import secret
from .wire import Wire

Record = dict[str, Any]
_LONGEST_DETAIL = 200  # characters
# Classes of errors that another time cures; all others say that the request is wrong.
_PASSING = ("SerializationFailure", "LockNotAvailable", "OperationalError", "DeadlockDetected")
# Errors whose message is a sentence for the person at the form.
_SPOKEN = ("UserError", "ValidationError", "MissingError", "AccessError", "RedirectWarning")


class Odoo:
    """One Odoo database."""

    def __init__(self, settings: ErpSection, clock: Clock) -> None:
        self._settings = settings
        self._wire = Wire(settings, clock, _judge)
        self._uid: int | None = None  # JSON-RPC only

    async def search(
        self, entity: str, by: Record, fields: Sequence[str], *, limit: int, offset: int = 0
    ) -> list[Record]:
        """Records for which every condition of `by` holds, the oldest first."""
        found: list[Record] = await self._call(
            entity,
            "search_read",
            domain=[_condition(name, value) for name, value in by.items()],
            fields=_wanted(fields),
            limit=limit,
            offset=offset,
            order="id",
        )
        return found

    async def read(self, entity: str, identifier: Any, fields: Sequence[str]) -> Record:
        """One record. Raises PermanentFailure(erp-not-found)."""
        found = await self.search(entity, {"id": identifier}, fields, limit=1)
        if not found:
            raise PermanentFailure("erp-not-found", detail=f"{entity} {identifier}")
        return found[0]

    async def create(self, entity: str, values: Record) -> Any:
        """A new record's id."""
        made = await self._call(entity, "create", vals_list=[values])
        if not isinstance(made, list) or len(made) != 1:
            raise TemporaryFailure("erp-no-id")
        return made[0]

    async def change(self, entity: str, identifier: Any, values: Record) -> None:
        """Writes into a record."""
        await self._call(entity, "write", ids=[identifier], vals=values)

    async def act(self, entity: str, identifier: Any, action: str) -> None:
        """Presses a button: action_confirm, action_post ..."""
        await self._call(entity, action, ids=[identifier])

    async def complete(self, entity: str, values: Record) -> Record:
        """Odoo computes what its forms fill in when a record is created."""
        return values

    async def close(self) -> None:
        """Gives the connections back."""
        await self._wire.close()

    async def _call(self, model: str, method: str, **arguments: Any) -> Any:
        if self._settings.company:
            arguments["context"] = {"allowed_company_ids": [int(self._settings.company)]}
        if self._settings.protocol == "jsonrpc":
            return await self._call_by_rpc(model, method, arguments)
        headers = {
            "Authorization": f"bearer {secret(self._settings)}",
            "X-Odoo-Database": self._settings.database,
        }
        path = f"/json/2/{model}/{method}"
        return (await self._wire.ask("POST", path, body=arguments, headers=headers)).json()

    async def _call_by_rpc(self, model: str, method: str, arguments: Record) -> Any:
        key = secret(self._settings)
        database = self._settings.database
        if self._uid is None:
            login = [database, self._settings.user, key]
            uid = await self._rpc("common", "login", login)
            if not isinstance(uid, int) or isinstance(uid, bool):
                raise PermanentFailure("erp-rpc-error", detail="login refused")
            self._uid = uid
        ids = arguments.pop("ids", None)
        # Before 17 `create` knows no name `vals_list` for its one argument.
        first = arguments.pop("vals_list", None) if method == "create" else None
        positional = [one for one in (ids, first) if one is not None]
        called = [database, self._uid, key, model, method, positional, arguments]
        return await self._rpc("object", "execute_kw", called)

    async def _rpc(self, service: str, method: str, arguments: list[Any]) -> Any:
        params = {"service": service, "method": method, "args": arguments}
        body = {"jsonrpc": "2.0", "method": "call", "id": 1, "params": params}
        said = (await self._wire.ask("POST", "/jsonrpc", body=body)).json()
        if not isinstance(said, dict):
            raise TemporaryFailure("erp-garbage")
        if said.get("error"):
            error = said["error"].get("data") if isinstance(said["error"], dict) else None
            raise _meaning(error, "erp-rpc-error")
        return said.get("result")


def _judge(status: int, body: bytes) -> Failure | None:
    """JSON-2: the body of an error is {"name": class, "message", "debug": traceback ...}."""
    # A proxy before Odoo has 5xx of its own (507, 520 to 530); only 500 is Odoo's word.
    if status < 400 or status in (408, 409, 425, 429) or status > 500:
        return None
    try:
        said = json.loads(body)
    except ValueError:
        return PermanentFailure(f"erp-http-{status}")
    return _meaning(said, f"erp-http-{status}")


def _meaning(error: Any, reason: str) -> Failure:
    name = str(error.get("name") or "") if isinstance(error, dict) else ""
    kind = name.rpartition(".")[2]
    if kind in _PASSING:
        return TemporaryFailure("erp-busy")
    detail = str(error.get("message") or "")[:_LONGEST_DETAIL] if kind in _SPOKEN else kind[:100]
    return PermanentFailure(reason, detail=detail)


def _condition(name: str, value: Any) -> list[Any]:
    field, _, operator = name.partition(" ")
    if operator == "=ilike":
        value = str(value).replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return [field, operator or "=", value]


def _wanted(fields: Sequence[str]) -> list[str]:
    """Odoo reads fields, not paths: a relation comes as [id, name]."""
    return [*dict.fromkeys(path.partition(".")[0] for path in fields)]
