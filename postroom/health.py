"""What the service answers over HTTP to those who watch it, at metrics.listen.

    /metrics   Prometheus: counters of all parts, and vitals (vitals.py)
    /live      200 while the process answers: restart it when it does not
    /ready     200 when mail can be taken here, else 503: sockets, database, disk, with the mend
    /health    all of that as JSON, with the parts and the vitals: for a person

Nothing here needs a password, hence it says nothing of any message, and listens on the loopback
unless configured otherwise.
"""

import json
import threading
from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app

from .config import Config
from .readiness import Finding, readiness
from .vitals import Parts, VitalsCollector

_Start = Callable[[str, list[tuple[str, str]]], object]
_Application = Callable[[dict[str, Any], _Start], Iterable[bytes]]


def serve_health(
    config: Callable[[], Config],
    registry: CollectorRegistry,
    parts: Parts,
    host: str,
    port: int,
) -> WSGIServer:
    """Answers from a thread of its own until the process ends. Raises OSError.

    `config` is asked for each answer: a reload changes it.
    """
    vitals = VitalsCollector(config, parts)
    registry.register(vitals)
    server = make_server(
        host, port, application(config, registry, vitals, parts), _Threading, _Silent
    )
    threading.Thread(target=server.serve_forever, name="health", daemon=True).start()
    return server


def application(
    config: Callable[[], Config],
    registry: CollectorRegistry,
    vitals: VitalsCollector,
    parts: Parts,
) -> _Application:
    """The answers, as WSGI has them (PEP 3333)."""
    to_prometheus: Any = make_wsgi_app(registry)

    def answer(request: dict[str, Any], start: _Start) -> Iterable[bytes]:
        match request.get("PATH_INFO", "/"):
            case "/live":
                return _told(start, 200, {"live": True})
            case "/ready":
                findings = readiness(config())
                return _told(start, _status(findings), _readiness(findings))
            case "/health":
                findings = readiness(config())
                seen = vitals.vitals()
                story = _readiness(findings) | {
                    "parts": {name: asdict(part) for name, part in parts().items()},
                    "vitals": None if seen is None else asdict(seen),
                }
                return _told(start, _status(findings), story)
            case "/metrics" | "/":
                answered: Iterable[bytes] = to_prometheus(request, start)
                return answered
            case _:
                return _told(start, 404, {"paths": ["/metrics", "/live", "/ready", "/health"]})

    return answer


def _status(findings: list[Finding]) -> int:
    return 503 if any(finding.is_fault for finding in findings) else 200


def _readiness(findings: list[Finding]) -> dict[str, Any]:
    return {
        "ready": _status(findings) == 200,
        "findings": [finding.plain() for finding in findings],
    }


def _told(start: _Start, status: int, story: dict[str, Any]) -> Iterable[bytes]:
    words = {200: "200 OK", 404: "404 Not Found", 503: "503 Service Unavailable"}
    start(words[status], [("Content-Type", "application/json")])
    return [json.dumps(story, ensure_ascii=False).encode() + b"\n"]


class _Threading(WSGIServer):
    """One slow reader does not keep the others waiting."""

    daemon_threads = True

    def process_request(self, request: Any, client_address: Any) -> None:
        threading.Thread(target=self._answer, args=(request, client_address), daemon=True).start()

    def _answer(self, request: Any, client_address: Any) -> None:
        try:
            self.finish_request(request, client_address)
        except OSError:
            pass  # whoever asked has gone
        finally:
            self.shutdown_request(request)


class _Silent(WSGIRequestHandler):
    timeout = 30  # seconds for a request to come in

    def log_message(self, format: str, *args: Any) -> None:
        """Scrapes are no events."""
