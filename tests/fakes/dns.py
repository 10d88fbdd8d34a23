"""DNS for tests: a zone as a literal, a resolver over it, and a real server over it.

A zone is a dict of name -> [(TYPE, value), ...] (or {TYPE: value or values}), or text with
one "name TYPE value" per line. `servfail` and `silent` name what fails. `FakeResolver` is a
`postroom.milter.resolver.Resolver` in memory; `DnsServer` answers over UDP and TCP on loopback.
"""

import contextlib
import socket
import socketserver
import threading
from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from postroom.failure import TemporaryFailure
from postroom.milter.resolver import NO_SUCH_NAME, Answer, RecordType

ZoneLiteral = str | Mapping[str, Any]

_TTL = 300


class Zone:
    """Records by name; a name exists when it has records or something lies below it."""

    def __init__(self, literal: ZoneLiteral = "") -> None:
        self._records: dict[str, list[tuple[str, str]]] = {}
        for name, kind, value in _entries(literal):
            self.add(name, kind, value)

    def add(self, name: str, kind: str, value: str) -> None:
        """One record more; TXT as its joined text, MX as "10 mx.example", others as in a zone."""
        self._records.setdefault(_key(name), []).append((kind.upper(), value))

    def exists(self, name: str) -> bool:
        """True unless DNS would say NXDOMAIN."""
        key = _key(name)
        return key in self._records or any(n.endswith("." + key) for n in self._records)

    def find(self, name: str, kind: str) -> list[str]:
        """The values of exactly that name and type."""
        return [value for k, value in self._records.get(_key(name), []) if k == kind]

    def follow(self, name: str) -> list[str]:
        """The name and the names its CNAMEs lead to; a loop ends it."""
        names = [_key(name)]
        while (target := self.find(names[-1], "CNAME")) and len(names) < 12:
            if _key(target[0]) in names:
                break
            names.append(_key(target[0]))
        return names


class FakeResolver:
    """A Resolver over a zone; `asked` remembers every look-up."""

    def __init__(
        self,
        zone: ZoneLiteral | Zone = "",
        *,
        servfail: Iterable[str] = (),
        silent: Iterable[str] = (),
    ) -> None:
        self.zone = zone if isinstance(zone, Zone) else Zone(zone)
        self.asked: list[tuple[str, str]] = []
        self._servfail = {_key(name) for name in servfail}
        self._silent = {_key(name) for name in silent}

    def with_deadline(self) -> "FakeResolver":
        return self

    def known(self, name: str, kind: RecordType) -> Answer | None:
        return None

    async def look_up(self, name: str, kind: RecordType) -> Answer:
        self.asked.append((name, kind.value))
        if any(label == "" or len(label) > 63 for label in name.rstrip(".").split(".")):
            return NO_SUCH_NAME
        for step in self.zone.follow(name):
            if step in self._servfail:
                raise TemporaryFailure("dns-servfail")
            if step in self._silent:
                raise TemporaryFailure("dns-timeout")
        last = self.zone.follow(name)[-1]
        if not self.zone.exists(last):
            return NO_SUCH_NAME
        return Answer(values=tuple(self.zone.find(last, kind.value)))


class DnsServer:
    """A name server on loopback: `with DnsServer(zone) as server: ... server.address`.

    `dead` swallows every query; `truncate` sends every UDP answer with TC set, so that clients
    must come back over TCP. `queries` lists (name, type, "udp" or "tcp") as they came.
    """

    def __init__(
        self,
        zone: ZoneLiteral | Zone = "",
        *,
        servfail: Iterable[str] = (),
        silent: Iterable[str] = (),
        dead: bool = False,
        truncate: bool = False,
        listen: tuple[str, int] = ("127.0.0.1", 0),
    ) -> None:
        self.zone = zone if isinstance(zone, Zone) else Zone(zone)
        self.dead = dead
        self.truncate = truncate
        self.queries: list[tuple[str, str, str]] = []
        self._servfail = {_key(name) for name in servfail}
        self.silent = frozenset(_key(name) for name in silent)
        self._servers: list[socketserver.BaseServer] = []
        self._host, self._port = listen
        self._threads: list[threading.Thread] = []

    @property
    def address(self) -> str:
        """HOST:PORT as the configuration takes it."""
        return f"{self._host}:{self._port}"

    def __enter__(self) -> "DnsServer":
        for _ in range(20):
            udp = _Udp((self._host, self._port), self)
            found = int(udp.socket.getsockname()[1])
            try:
                tcp = _Tcp((self._host, found), self)
            except OSError:
                udp.server_close()
                continue
            self._servers = [udp, tcp]
            self._port = found
            break
        for server in self._servers:
            thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
            thread.start()
            self._threads.append(thread)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for server in self._servers:
            server.shutdown()
            server.server_close()
        for thread in self._threads:
            thread.join(5)

    def reply(self, wire: bytes, transport: str) -> bytes | None:
        """The answer to a query, or None to stay silent."""
        try:
            query = dns.message.from_wire(wire)
        except dns.exception.DNSException:
            return None
        question = query.question[0]
        name = ".".join(label.decode("latin-1") for label in question.name.labels).lower()
        kind = dns.rdatatype.to_text(question.rdtype)
        self.queries.append((_key(name), kind, transport))
        chain = self.zone.follow(name)
        if self.dead or any(step in self.silent for step in chain):
            return None
        response = dns.message.make_response(query)
        response.flags |= dns.flags.RA
        if any(step in self._servfail for step in chain):
            response.set_rcode(dns.rcode.SERVFAIL)
            return response.to_wire()
        if self.truncate and transport == "udp":
            response.flags |= dns.flags.TC
            return response.to_wire()
        self._fill(response, chain, kind)
        size = 65_535 if transport == "tcp" else max(512, query.payload or 512)
        try:
            return response.to_wire(max_size=size)
        except dns.exception.TooBig:
            response.answer.clear()
            response.flags |= dns.flags.TC
            return response.to_wire()

    def _fill(self, response: dns.message.Message, chain: Sequence[str], kind: str) -> None:
        for owner, target in zip(chain, chain[1:], strict=False):
            response.answer.append(_rrset(owner, "CNAME", [target + "."]))
        values = self.zone.find(chain[-1], kind)
        if values:
            response.answer.append(_rrset(chain[-1], kind, values))
            return
        if not self.zone.exists(chain[-1]):
            response.set_rcode(dns.rcode.NXDOMAIN)
        response.authority.append(_rrset(".", "SOA", [f"ns.test. root.test. 1 1 1 1 {_TTL}"]))


class _Udp(socketserver.ThreadingUDPServer):
    daemon_threads = True
    max_packet_size = 4096

    def __init__(self, address: tuple[str, int], owner: DnsServer) -> None:
        super().__init__(address, _UdpQuery)
        self.owner = owner


class _UdpQuery(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        assert isinstance(self.server, _Udp)
        wire, sock = self.request
        answer = self.server.owner.reply(wire, "udp")
        if answer is not None:
            sock.sendto(answer, self.client_address)


class _Tcp(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, address: tuple[str, int], owner: DnsServer) -> None:
        super().__init__(address, _TcpQuery)
        self.owner = owner


class _TcpQuery(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        assert isinstance(self.server, _Tcp)
        sock: socket.socket = self.request
        sock.settimeout(5)
        with contextlib.suppress(OSError):  # a peer that opens and says nothing, or goes
            self._converse(sock)

    def _converse(self, sock: socket.socket) -> None:
        assert isinstance(self.server, _Tcp)
        head = sock.recv(2)
        if len(head) < 2:
            return
        wire = b""
        while len(wire) < int.from_bytes(head, "big"):
            piece = sock.recv(65_535)
            if not piece:
                return
            wire += piece
        answer = self.server.owner.reply(wire, "tcp")
        if answer is not None:
            sock.sendall(len(answer).to_bytes(2, "big") + answer)


def _entries(literal: ZoneLiteral) -> Iterable[tuple[str, str, str]]:
    if isinstance(literal, str):
        for line in literal.splitlines():
            if line.strip() and not line.lstrip().startswith(("#", ";")):
                name, kind, value = line.split(None, 2)
                yield name, kind, value.strip().strip('"')
        return
    for name, records in literal.items():
        pairs = records.items() if isinstance(records, Mapping) else records
        for kind, value in pairs:
            values = value if isinstance(value, (list, tuple)) else [value]
            for one in values:
                yield name, kind, str(one)


def _key(name: str) -> str:
    return name.lower().rstrip(".")


def _rrset(owner: str, kind: str, values: Sequence[str]) -> dns.rrset.RRset:
    name = dns.name.Name(
        [label.encode("latin-1") for label in owner.rstrip(".").split(".") if label] + [b""]
    )
    rdtype = dns.rdatatype.from_text(kind)
    rrset = dns.rrset.RRset(name, dns.rdataclass.IN, rdtype)
    for value in values:
        rrset.add(_rdata(rdtype, value), _TTL)
    return rrset


def _rdata(rdtype: dns.rdatatype.RdataType, value: str) -> dns.rdata.Rdata:
    if rdtype == dns.rdatatype.TXT:
        octets = value.encode("latin-1")
        pieces = [octets[i : i + 255] for i in range(0, len(octets), 255)] or [b""]
        wire = b"".join(bytes([len(piece)]) + piece for piece in pieces)
        return dns.rdata.from_wire(dns.rdataclass.IN, rdtype, wire, 0, len(wire))
    if rdtype in (dns.rdatatype.MX, dns.rdatatype.PTR, dns.rdatatype.CNAME):
        value = value.rstrip(".") + "."
    return dns.rdata.from_text(dns.rdataclass.IN, rdtype, value, relativize=False)
