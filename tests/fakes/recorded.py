"""Two ERPs that cannot be had for tests, as far as their documentation goes: ERPNext and 1C.

In: HTTP requests on the loopback. Out: the answers that Frappe's REST documentation, and 1C's of
its OData interface, promise to them; a request they do not describe is an error. `records` holds
what exists, by table.

Limits: what the real ones do beyond their documents is not here.
"""

import base64
import json
import re
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

Record = dict[str, Any]
Answered = tuple[int, Any]


class Recorded:
    """The server; a subclass answers. Use it as a context manager."""

    prefix = ""

    def __init__(self, **records: list[Record]) -> None:
        self.records: dict[str, list[Record]] = {
            k.replace("__", " "): v for k, v in records.items()
        }
        self.lock = threading.Lock()
        self.faults: list[Answered] = []  # each meets one request, before it is looked at
        self._server = _Server(("127.0.0.1", 0), _Conversation)
        self._server.erp = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    @property
    def url(self) -> str:
        """base_url for the configuration."""
        return f"http://127.0.0.1:{self._server.server_address[1]}{self.prefix}"

    def __enter__(self) -> "Recorded":
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def answer(
        self, method: str, path: str, query: dict[str, str], headers: Any, body: Any
    ) -> Answered:
        """Status and JSON for one request."""
        raise NotImplementedError


class RecordedErpNext(Recorded):
    """Frappe: /api/resource/{doctype}[/{name}]."""

    def answer(
        self, method: str, path: str, query: dict[str, str], headers: Any, body: Any
    ) -> Answered:
        if headers.get("Authorization") != "token key:secret":
            return 401, {"exc_type": "AuthenticationError"}
        found = re.fullmatch(r"/api/resource/([^/]+)(?:/([^/]+))?", path)
        if not found:
            return 404, {"exc_type": "DoesNotExistError"}
        doctype, name = unquote(found[1]), found[2] and unquote(found[2])
        rows = self.records.setdefault(doctype, [])
        if name is not None:
            row = next((one for one in rows if one["name"] == name), None)
            if row is None:
                return 404, {"exc_type": "DoesNotExistError"}
            if method == "PUT":
                row.update(body)
            return 200, {"data": row}
        if method == "POST":
            return self._insert(doctype, rows, body)
        wanted = json.loads(query.get("fields", '["name"]'))
        if not set(wanted) <= {"name", *(key for row in rows for key in row)} and rows:
            return 417, {"exc_type": "DataError"}
        filters = json.loads(query.get("filters", "[]"))
        start, length = int(query["limit_start"]), int(query["limit_page_length"])
        hits = [row for row in rows if all(_frappe_holds(row, one) for one in filters)]
        return 200, {
            "data": [{key: row.get(key) for key in wanted} for row in hits[start : start + length]]
        }

    def _insert(self, doctype: str, rows: list[Record], body: Record) -> Answered:
        if doctype == "Sales Order" and not body.get("delivery_date"):
            return 417, {"exc_type": "MandatoryError"}
        reference = body.get("postroom_ref")
        if reference and any(row.get("postroom_ref") == reference for row in rows):
            return 409, {"exc_type": "UniqueValidationError"}
        row = {
            "docstatus": 0,
            "remarks": "",
            **body,
            "name": f"{doctype[:3].upper()}-{len(rows):05}",
        }
        rows.append(row)
        return 200, {"data": row}


def _frappe_holds(row: Record, condition: list[Any]) -> bool:
    if len(condition) == 4:
        table, field, _, value = condition
        return any(child.get(field) == value for child in row.get(table, []))
    field, _, value = condition
    return bool(row.get(field) == value)


class RecordedOneC(Recorded):
    """1C: /base/odata/standard.odata/{Entity}[(guid'...')[/Post]]."""

    prefix = "/base/odata/standard.odata"

    def answer(
        self, method: str, path: str, query: dict[str, str], headers: Any, body: Any
    ) -> Answered:
        login = base64.b64encode("Обмен:secret".encode()).decode()
        if headers.get("Authorization") != f"Basic {login}":
            return 401, {}
        pattern = rf"{self.prefix}/(\w+)(?:\(guid'([\w-]+)'\)(/Post)?)?"
        found = re.fullmatch(pattern, unquote(path))
        if not found or query.get("$format") != "json":
            return 404, {"odata.error": {"code": "9", "message": {"value": "нет"}}}
        entity, key, action = found.groups()
        if not entity.startswith(("Catalog_", "Document_")):
            return 404, {"odata.error": {"code": "8", "message": {"value": "нет"}}}
        rows = self.records.setdefault(entity, [])
        if key is None and method == "POST":
            return self._insert(rows, body)
        if key is None:
            conditions = query.get("$filter", "").split(" and ")
            hits = [row for row in rows if all(_onec_holds(row, one) for one in conditions)]
            start, length = int(query["$skip"]), int(query["$top"])
            return 200, {"odata.metadata": "x", "value": hits[start : start + length]}
        row = next((one for one in rows if one["Ref_Key"] == key), None)
        if row is None:
            return 404, {"odata.error": {"code": "9", "message": {"value": "нет"}}}
        if action:
            row["Posted"] = True
        elif method == "PATCH":
            if headers.get("If-Match") != row["DataVersion"]:
                return 412, {}
            row.update(body, DataVersion=row["DataVersion"] + "A")
        return 200, row

    def _insert(self, rows: list[Record], body: Record) -> Answered:
        tables = [value for value in body.values() if isinstance(value, list)]
        if any("LineNumber" not in line for table in tables for line in table):
            return 500, ""  # as it is: without a word
        number = f"0000-{len(rows) + 1:06}"
        row = {
            "Комментарий": "",
            **body,
            **{"Ref_Key": str(uuid.uuid4()), "Number": number, "DataVersion": "AAAA"},
            **{"Posted": False, "DeletionMark": False},
        }
        rows.append(row)
        return 201, row


def _onec_holds(row: Record, condition: str) -> bool:
    if inner := re.fullmatch(r"(\w+)/any\(row: row/(.+)\)", condition):
        return any(_onec_holds(one, inner[2]) for one in row.get(inner[1], []))
    if text := re.fullmatch(r"substringof\('(.*)', (\w+)\)", condition):
        return text[1].replace("''", "'") in str(row.get(text[2]) or "")
    if plain := re.fullmatch(r"(\w+) eq (?:guid)?'(.*)'", condition):
        return bool(row.get(plain[1]) == plain[2].replace("''", "'"))
    if flag := re.fullmatch(r"(\w+) eq (true|false)", condition):
        return bool(row.get(flag[1], False)) == (flag[2] == "true")
    raise ValueError(condition)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    erp: Recorded


class _Conversation(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30

    def _converse(self) -> None:
        assert isinstance(self.server, _Server)
        erp = self.server.erp
        raw = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        parts = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        with erp.lock:
            if erp.faults:
                status, said = erp.faults.pop(0)
            else:
                try:
                    body = json.loads(raw) if raw else None
                    status, said = erp.answer(self.command, parts.path, query, self.headers, body)
                except (ValueError, KeyError):
                    status, said = 500, {"exc": "Traceback: secret"}
        content = json.dumps(said, ensure_ascii=False).encode() if said != "" else b""
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_PATCH = _converse

    def log_message(self, format: str, *args: Any) -> None:
        """Keeps quiet."""
