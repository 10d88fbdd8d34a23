"""A proxy that misbehaves: it stands between a connector and a real ERP.

In: requests for the ERP's address. Out: the ERP's answers, except that each fault in a row meets
one request that would change something (POST, PUT, PATCH): answered by the proxy alone ("status",
"garbage", "drop-before"), or after the ERP really did it ("drop-after", "hang-after").

Limits: one fault per request; bodies are held in memory.
"""

import sys
import threading
from collections import deque
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

_DROPPED = {"connection", "transfer-encoding", "content-length", "content-encoding", "date"}


class Proxy:
    """Use it as a context manager; `url` is the base_url for the configuration."""

    def __init__(self, target: str) -> None:
        self.target = urlsplit(target)
        self.faults: deque[str] = deque()  # "500", "429", "503", "garbage", "drop-before" ...
        self.changes = 0  # requests that would change something
        self.closing = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _Conversation)
        self._server.proxy = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> "Proxy":
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    proxy: Proxy

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that was killed is no error here."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Conversation(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60

    def _converse(self) -> None:
        assert isinstance(self.server, _Server)
        proxy = self.server.proxy
        length = int(self.headers.get("Content-Length", "0"))
        body = self.rfile.read(length)
        if len(body) < length:
            self.close_connection = True
            return
        fault = ""
        # Asking what a form would fill in changes nothing.
        if self.command != "GET" and not self.path.endswith("/rpc/"):
            proxy.changes += 1
            fault = proxy.faults.popleft() if proxy.faults else ""
        if fault.isdigit():
            return self._send(int(fault), b'{"trace": "secret"}', [("Retry-After", "1")])
        if fault == "garbage":
            return self._send(200, b"<html>\xff", [])
        if fault == "drop-before":
            self.close_connection = True
            return
        status, headers, content = self._forward(proxy, body)
        if fault == "drop-after":
            self.close_connection = True
            return
        if fault == "hang-after":
            proxy.closing.wait(30)
            self.close_connection = True
            return
        self._send(status, content, headers)

    def _forward(self, proxy: Proxy, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = HTTPConnection(proxy.target.hostname or "", proxy.target.port, timeout=120)
        headers = {k: v for k, v in self.headers.items() if k.lower() not in ("connection", "host")}
        connection.request(self.command, self.path, body or None, headers)
        answer = connection.getresponse()
        content = answer.read()
        kept = [(k, v) for k, v in answer.getheaders() if k.lower() not in _DROPPED]
        connection.close()
        return answer.status, kept, content

    def _send(self, status: int, content: bytes, headers: list[tuple[str, str]]) -> None:
        try:
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
        except OSError:
            self.close_connection = True  # the caller was killed

    do_GET = do_POST = do_PUT = do_PATCH = _converse

    def log_message(self, format: str, *args: Any) -> None:
        """Keeps quiet."""
