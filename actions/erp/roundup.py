"""Roundup 2: tickets, each made once with Roundup's own one-time links.

In: a ticket of contract section 4. Out: the issue's number. Roundup answers POST to
`/rest/data/issue/@poe` with a link that takes one POST and no second ("post once exactly"), so
that a request that travels twice is entered once. What tells whether an issue of ours is there is
its first message, whose Message-ID is made of our key: it is looked for before anything is made.

A lead becomes an issue as well. Priority "high" is given where the tracker has a priority of that
name or "urgent".

Limits: invoices and orders are not for Roundup (erp-cannot). The attachments of a ticket stay at
Postroom; their names stand in the text.
"""

import base64
import json
from collections.abc import AsyncIterator
from typing import Any

from postroom.clock import Clock
from postroom.config import ErpSection
from postroom.decision import Step
from postroom.failure import Failure, PermanentFailure, TemporaryFailure
from postroom.product import Product

from .contract import ErpRequest
from .documents import wait_for_others
from .secret import secret
from .wire import Wire

Record = dict[str, Any]
_HIGH = ("high", "urgent")


class Roundup:
    """One tracker."""

    def __init__(self, settings: ErpSection, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._wire = Wire(settings, clock, _refused)
        self._author = ""  # our own user's id
        self._priorities: dict[str, str] | None = None  # name -> id

    async def send(self, request: ErpRequest) -> str:
        """The issue's number, made now or found again.

        Raises NotYet while an earlier request may be at work, PermanentFailure(erp-cannot,
        erp-differs), and what the wire raises.
        """
        if request.step is not Step.TICKET_CREATE:
            raise PermanentFailure("erp-cannot", detail="Roundup takes tickets only")
        wait_for_others(request, self._settings.settle, self._clock)
        ticket = json.loads(request.body)
        message = await self._message(request.key, ticket)
        issue = await self._issue_of(message)
        if issue is None:
            issue = await self._create(ticket, message)
        held = await self._get(f"issue/{issue}", {})
        title = str(held.get("attributes", {}).get("title") or "")
        if title != _title(ticket):
            raise PermanentFailure("erp-differs", detail=f"issue {issue}: another title")
        return issue

    async def products(self) -> AsyncIterator[Product]:
        """A tracker sells nothing."""
        return
        yield

    async def close(self) -> None:
        """Gives the connections back."""
        await self._wire.close()

    async def _message(self, key: str, ticket: Record) -> str:
        """Id of the message that carries our key; an empty issue of a dead attempt has none."""
        name = f"<{key}@postroom>"
        found = await self._get("msg", {"messageid": name, "@page_size": "1"})
        if found["collection"]:
            return str(found["collection"][0]["id"])
        if not self._author:
            self._author = await self._own_id()
        values = {"content": _text(ticket), "messageid": name, "author": self._author}
        return await self._post("msg", values)

    async def _own_id(self) -> str:
        """Without an author Roundup refuses the issue of a message."""
        user = self._settings.user  # searched as a part of the name, hence the second look
        found = await self._get("user", {"username": user, "@fields": "username"})
        ids = [str(one["id"]) for one in found["collection"] if one.get("username") == user]
        if not ids:
            raise PermanentFailure("erp-rpc-error", detail=f"no user {user}")
        return ids[0]

    async def _issue_of(self, message: str) -> str | None:
        found = await self._get("issue", {"messages": message, "@page_size": "2"})
        issues = [str(one["id"]) for one in found["collection"]]
        if len(issues) > 1:
            raise PermanentFailure("erp-duplicate", detail=f"issues {', '.join(issues)}")
        return issues[0] if issues else None

    async def _create(self, ticket: Record, message: str) -> str:
        values: Record = {"title": _title(ticket), "messages": [message]}
        if priority := await self._priority(str(ticket.get("priority") or "")):
            values["priority"] = priority
        answer = await self._ask("POST", "/rest/data/issue/@poe", body={})
        link = str(_data(answer)["link"])
        # The link names the tracker's public address, which need not be the one we reach it by.
        return await self._post("issue/@poe/" + link.rpartition("/@poe/")[2], values)

    async def _priority(self, wanted: str) -> str:
        if wanted not in _HIGH:
            return ""
        if self._priorities is None:
            found = await self._get("priority", {"@fields": "name"})
            self._priorities = {
                str(one.get("name", "")).lower(): str(one["id"]) for one in found["collection"]
            }
        return next((self._priorities[n] for n in _HIGH if n in self._priorities), "")

    async def _get(self, path: str, params: dict[str, str]) -> Record:
        return _data(await self._ask("GET", f"/rest/data/{path}", params=params))

    async def _post(self, path: str, values: Record) -> str:
        made = _data(await self._ask("POST", f"/rest/data/{path}", body=values))
        if not str(made.get("id", "")).isdigit():
            raise TemporaryFailure("erp-no-id")
        return str(made["id"])

    async def _ask(
        self, method: str, path: str, *, params: dict[str, str] | None = None, body: object = None
    ) -> Any:
        login = f"{self._settings.user}:{secret(self._settings)}"
        base = self._settings.base_url.rstrip("/")
        origin = "/".join(base.split("/", 3)[:3])
        headers = {
            "Authorization": f"Basic {base64.b64encode(login.encode()).decode()}",
            # Roundup's guard against forged requests wants all three.
            "X-Requested-With": "rest",
            "Origin": origin,
            "Referer": base + "/",
        }
        return (
            await self._wire.ask(method, path, params=params, body=body, headers=headers)
        ).json()


def _refused(status: int, body: bytes) -> Failure | None:
    """Roundup says 409 to values it does not take, which no other time cures."""
    return PermanentFailure("erp-http-409") if status == 409 else None


def _data(answer: Any) -> Record:
    found = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(found, dict):
        raise TemporaryFailure("erp-garbage")
    return found


def _title(ticket: Record) -> str:
    return str(ticket["subject"]) or "(no subject)"


def _text(ticket: Record) -> str:
    """What people read in the tracker."""
    customer, source = ticket["customer"], ticket["source"]
    who = f"{customer['name']} <{customer['email']}>".strip()
    lines = [str(ticket["text"]), "", f"-- {ticket['kind']} from {who}"]
    lines += [f"attached: {one['filename']} ({one['size']})" for one in ticket["attachments"]]
    lines += [f"follows: {source['follows']}"] if source.get("follows") else []
    lines += [source["link"]] if source["link"] else []
    return "\n".join(lines)
