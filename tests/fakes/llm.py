"""A small real HTTP server that answers chat completions as a test says.

    with LlmServer(lambda prompt: "invoice") as server: LlmSection(base_url=server.url, ...)

`answer` gets the text of all messages of a question and gives what the model says; an int is
answered as that status, bytes as they are, None not at all until the server stops.
"""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

Answer = str | int | bytes | None


class LlmServer:
    """The server; use it as a context manager."""

    def __init__(self, answer: Callable[[str], Answer]) -> None:
        self.asked: list[dict[str, Any]] = []  # bodies, oldest first
        self.tokens: list[str] = []
        self._answer = answer
        self._over = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._responder())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def __enter__(self) -> "LlmServer":
        self._thread.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None
    ) -> None:
        self._over.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _responder(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Responder(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                server.asked.append(body)
                server.tokens.append(self.headers.get("Authorization", ""))
                said = server._answer("\n".join(m["content"] for m in body["messages"]))
                if said is None:
                    server._over.wait(60)
                    return
                self._tell(said)

            def _tell(self, said: str | int | bytes) -> None:
                status = said if isinstance(said, int) else 200
                choice = {"choices": [{"message": {"role": "assistant", "content": said}}]}
                content = said if isinstance(said, bytes) else json.dumps(choice).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *_: object) -> None:
                """Says nothing."""

        return Responder
