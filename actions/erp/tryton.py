"""Tryton 8: its REST interface, and JSON-RPC for what its forms would fill in.

In: the verbs of `System`. Out: records. REST takes the key of a user application ("rest") as the
secret. Creating a record over REST runs no on_change, so addresses and payment term come from the
mapping; with `user` and `password_file` set, on_change_party and on_change_product are asked over
JSON-RPC first, which also brings the taxes of each line.

What Tryton answers, as observed with 8.2: 400 with {status, message} for UserError, 401 for the
key, 404 for a missing record, a 500 page for an unknown model or field: all permanent. JSON-RPC
says everything with 200 and {"error": [class, ...]}; a session that ran out is 401.

Limits: a vendor bill needs `user`: only the form knows its account. One company (`company`, else
the user's own). SQLite behind Tryton checks no foreign keys.
"""

import base64
import json
from collections.abc import Sequence
from typing import Any

from postroom.clock import Clock
from postroom.config import ErpSection
from postroom.failure import Failure, PermanentFailure, TemporaryFailure

from .secret import secret
from .wire import Wire, permanent_500

Record = dict[str, Any]
_LONGEST_DETAIL = 200  # characters

# What on_change may fill in where the values say nothing: the fields of a form a person sees.
_ON_PARTY = (
    *("invoice_address", "shipment_address", "payment_term", "currency"),
    *("invoice_method", "shipment_method", "journal", "account"),
)
_ON_PRODUCT = ("taxes", "unit", "unit_price", "account")
_FORMS = {  # model -> the model of its lines and the field by which they know their parent
    "sale.sale": ("sale.line", "sale"),
    "account.invoice": ("account.invoice.line", "invoice"),
}


class Tryton:
    """One Tryton database."""

    def __init__(self, settings: ErpSection, clock: Clock) -> None:
        self._settings = settings
        self._wire = Wire(settings, clock, _judge)
        self._session = ""

    async def search(
        self, entity: str, by: Record, fields: Sequence[str], *, limit: int, offset: int = 0
    ) -> list[Record]:
        """Records for which every field of `by` equals; a list of values means any of them."""
        domain = [[name, "in" if isinstance(v, list) else "=", v] for name, v in by.items()]
        params = [("d", _encoded(domain)), ("s", str(limit)), ("p", str(offset))]
        params += [("o", _encoded([["id", "ASC"]])), *_wanted(fields)]
        found: list[Record] = await self._rest("GET", f"model/{entity}", params=params)
        return found

    async def read(self, entity: str, identifier: Any, fields: Sequence[str]) -> Record:
        """One record."""
        path = f"model/{entity}/{identifier}"
        record: Record = await self._rest("GET", path, params=_wanted(fields))
        return record

    async def create(self, entity: str, values: Record) -> Any:
        """A new record's id."""
        made = await self._rest("POST", f"model/{entity}", params=[("f", "id")], body=values)
        if not isinstance(made, dict) or "id" not in made:
            raise TemporaryFailure("erp-no-id")
        return made["id"]

    async def change(self, entity: str, identifier: Any, values: Record) -> None:
        """Writes into a record."""
        path = f"model/{entity}/{identifier}"
        await self._rest("PUT", path, params=[("f", "id")], body=values)

    async def act(self, entity: str, identifier: Any, action: str) -> None:
        """Presses a button: quote, confirm, process ..."""
        path = f"model/{entity}/{identifier}/{action}"
        await self._rest("POST", path, params=[("f", "id")], body={})

    async def complete(self, entity: str, values: Record) -> Record:
        """The values with what Tryton's own form would have filled in; see the module's text."""
        if not self._settings.user or entity not in _FORMS:
            return values
        model, parent = _FORMS[entity]
        known = {name: value for name, value in values.items() if name != "lines"}
        if self._settings.company:
            known["company"] = int(self._settings.company)
        filled = await self._rpc(f"model.{entity}.on_change_party", known)
        done = {name: filled[name] for name in _ON_PARTY if filled.get(name) is not None} | values
        above = {f"_parent_{parent}.{name}": done.get(name) for name in known}
        for command in done.get("lines", []):
            if command[0] == "create":
                command[1] = [await self._complete_line(model, line, above) for line in command[1]]
        return done

    async def close(self) -> None:
        """Gives the connections back."""
        await self._wire.close()

    async def _complete_line(self, model: str, line: Record, above: Record) -> Record:
        asked = {"type": "line", "taxes": [], **line, **above}
        filled = await self._rpc(f"model.{model}.on_change_product", asked)
        done = {name: filled[name] for name in _ON_PRODUCT if filled.get(name) is not None} | line
        if taxes := done.get("taxes"):
            done["taxes"] = [["add", taxes]] if isinstance(taxes[0], int) else taxes
        return done

    async def _rest(
        self, method: str, path: str, *, params: list[tuple[str, str]], body: object = None
    ) -> Any:
        headers = {"Authorization": f"Bearer {secret(self._settings)}"}
        if self._settings.company:
            context = {"company": int(self._settings.company)}
            headers["X-Tryton-Context"] = _encoded(context)
        answer = await self._wire.ask(
            method,
            f"/{self._settings.database}/rest/{path}",
            params=params,
            headers=headers,
            body=body,
        )
        return answer.json()

    async def _rpc(self, method: str, values: Record) -> Record:
        """Calls a method of a record that is not saved yet."""
        context = {"company": int(self._settings.company)} if self._settings.company else {}
        try:
            if not self._session:
                self._session = await self._log_in()
            found = await self._call(method, [values, context])
        except PermanentFailure as failure:
            if failure.reason != "erp-http-401" or not self._session:
                raise
            self._session = await self._log_in()  # it ran out
            found = await self._call(method, [values, context])
        return found if isinstance(found, dict) else {}

    async def _log_in(self) -> str:
        user = self._settings.user
        password = {"password": secret(self._settings, "password")}
        self._session = ""
        uid, token, *_ = await self._call("common.db.login", [user, password, "en"])
        return base64.b64encode(f"{user}:{uid}:{token}".encode()).decode()

    async def _call(self, method: str, params: list[Any]) -> Any:
        headers = {"Authorization": f"Session {self._session}"} if self._session else {}
        answer = await self._wire.ask(
            "POST",
            f"/{self._settings.database}/rpc/",
            headers=headers,
            body={"id": 1, "method": method, "params": params},
        )
        said = answer.json()
        if isinstance(said, dict) and said.get("error"):
            raise _meaning(said["error"])
        return said.get("result") if isinstance(said, dict) else said


def _judge(status: int, body: bytes) -> Failure | None:
    """400 has a sentence for the person at the form; it helps whoever finds the dead letter."""
    if status != 400:
        return permanent_500(status, body)
    try:
        said = json.loads(body)
    except ValueError:
        return None
    message = str(said.get("message") or "") if isinstance(said, dict) else ""
    return PermanentFailure("erp-http-400", detail=message[:_LONGEST_DETAIL])


def _meaning(error: Any) -> PermanentFailure | TemporaryFailure:
    """{"error": [class, ...]}: the class name says it, the rest is not for us."""
    kind = str(error[0]) if isinstance(error, list) and error else ""
    if kind.startswith(("ConcurrencyException", "LockError", "DatabaseOperational", "TimeoutE")):
        return TemporaryFailure("erp-busy")
    return PermanentFailure("erp-rpc-error", detail=kind[:100])


def _wanted(fields: Sequence[str]) -> list[tuple[str, str]]:
    """Paths of the mapping as Tryton names them: all of a list's records, not the first."""
    return [("f", ".".join(s for s in path.split(".") if not s.isdigit())) for path in fields]


def _encoded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()
