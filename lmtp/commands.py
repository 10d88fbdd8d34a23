"""LMTP commands: a line of octets in, a checked value out; no sockets, no state.

Standards: RFC 2033 (LHLO), RFC 5321 4.1.1 and 4.1.2 (commands, paths), RFC 1870 (SIZE), RFC 6152
(BODY), RFC 6531 (SMTPUTF8); XFORWARD as Postfix's XFORWARD_README has it, values in xtext
(RFC 3461 4).

Addresses are kept as they were said, without angle brackets and source route; control characters
in quotes become "?". Nothing here is
stricter than a mail needs to get through: the peer is our own Postfix, and a 5xx would make it
bounce. Local parts may be longer than 64 octets, and UTF-8 is taken without SMTPUTF8 too.
"""

import re
from dataclasses import dataclass, replace

from postroom.envelope import plain_address
from postroom.failure import Reply

XFORWARD_ATTRIBUTES = ("NAME", "ADDR", "PORT", "PROTO", "HELO", "IDENT", "SOURCE")
_LONGEST_VALUE = 255  # of an XFORWARD attribute
_LONGEST_QUEUE_ID = 64
_XTEXT = re.compile(r"\+([0-9A-F]{2})")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_UNPRINTABLE = re.compile(r"[^\x21-\x7e\x80-\U0010ffff]|[\x7f-\xa0]")


class Refused(Exception):
    """The command cannot be taken; `reply` says why."""

    def __init__(self, code: int, enhanced: str, text: str) -> None:
        super().__init__(text)
        self.reply = Reply(code=code, enhanced=enhanced, text=text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One line, split."""

    verb: str  # upper case
    argument: str  # as written, surrounding space removed


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """MAIL FROM."""

    sender: str  # empty for the null sender
    size: int = 0  # octets the peer expects to send; 0 when not said


@dataclass(frozen=True, slots=True, kw_only=True)
class Forwarded:
    """What XFORWARD told of the client that Postfix had; empty is [UNAVAILABLE]."""

    name: str = ""
    addr: str = ""  # IP address, without the IPV6: prefix
    port: str = ""
    proto: str = ""
    helo: str = ""
    ident: str = ""  # Postfix's queue id
    source: str = ""  # LOCAL or REMOTE


def parse(line: bytes) -> Command:
    """The command in a line that still has its CR.

    Raises Refused for a line that ends in a bare LF or has CR or NUL inside.
    """
    if not line.endswith(b"\r"):
        raise Refused(500, "5.5.2", "Lines end with CR LF")
    bare = line[:-1]
    if b"\r" in bare or b"\0" in bare:
        raise Refused(500, "5.5.2", "Control character in command")
    # An address that is no UTF-8 stays readable and storable; it matches no mailbox of ours.
    verb, _, argument = bare.decode("utf-8", "backslashreplace").partition(" ")
    return Command(verb=verb.upper().strip(), argument=argument.strip())


def parse_mail(argument: str) -> Mail:
    """MAIL's argument: "FROM:<sender> SIZE=1000 BODY=8BITMIME SMTPUTF8".

    Raises Refused for bad syntax or a parameter we did not offer (RFC 5321 4.1.1.11).
    """
    sender, parameters = _path(argument, "FROM:", "5.1.7")
    size = 0
    for parameter in parameters:
        match parameter.upper().split("=", 1):
            case ["SIZE", digits] if digits.isascii() and digits.isdigit() and len(digits) <= 20:
                size = int(digits)
            case ["BODY", "7BIT" | "8BITMIME"] | ["SMTPUTF8"]:
                pass
            case ["SIZE" | "BODY" | "SMTPUTF8", *_]:
                raise Refused(501, "5.5.4", "Bad parameter value")
            case _:
                raise Refused(555, "5.5.4", "Unsupported parameter")
    return Mail(sender=sender, size=size)


def parse_rcpt(argument: str) -> str:
    """RCPT's argument: "TO:<recipient>".

    Raises Refused for bad syntax, an empty path or any parameter.
    """
    recipient, parameters = _path(argument, "TO:", "5.1.3")
    if parameters:
        raise Refused(555, "5.5.4", "Unsupported parameter")
    local, at, domain = recipient.rpartition("@")
    # RFC 5321 4.5.1: postmaster is the one recipient that needs no domain.
    if recipient.lower() != "postmaster" and not (at and local and domain):
        raise Refused(501, "5.1.3", "Bad recipient address syntax")
    return recipient


def parse_xforward(argument: str, before: Forwarded) -> Forwarded:
    """`before`, with the attributes of one more XFORWARD command written over it.

    Raises Refused (501) for an unknown attribute or a bad value; then nothing changes.
    """
    changes: dict[str, str] = {}
    for word in argument.split():
        name, equals, value = word.partition("=")
        if not equals or name.upper() not in XFORWARD_ATTRIBUTES:
            raise Refused(501, "5.5.4", "Bad XFORWARD attribute")
        changes[name.lower()] = _value(name.upper(), value)
    if not changes:
        raise Refused(501, "5.5.4", "XFORWARD attribute=value...")
    return replace(before, **changes)


def _value(name: str, xtext: str) -> str:
    if xtext.upper() in ("[UNAVAILABLE]", "[TEMPUNAVAIL]"):
        return ""
    value = _decode_xtext(xtext)
    longest = _LONGEST_QUEUE_ID if name == "IDENT" else _LONGEST_VALUE
    if len(value) > longest:
        raise Refused(501, "5.5.4", f"Bad {name} value")
    match name:
        case "ADDR":
            return _ip_address(value)
        case "PORT" if not (value.isascii() and value.isdigit() and int(value) < 65536):
            raise Refused(501, "5.5.4", "Bad PORT value")
        case "SOURCE" if value.upper() not in ("LOCAL", "REMOTE"):
            raise Refused(501, "5.5.4", "Bad SOURCE value")
        case "SOURCE":
            return value.upper()
        case _:
            # It goes into logs, headers and SPF; Postfix neuters it in the same way.
            return _UNPRINTABLE.sub("?", value)


def _decode_xtext(xtext: str) -> str:
    # XFORWARD_README note 5: what is no xtext came from an old Postfix and is taken as it is.
    octets = _XTEXT.sub(lambda found: chr(int(found[1], 16)), xtext)
    try:
        return octets.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return octets


def _ip_address(value: str) -> str:
    address = plain_address(value)
    if not address:
        raise Refused(501, "5.5.4", "Bad ADDR value")
    return address


def _path(argument: str, keyword: str, enhanced: str) -> tuple[str, list[str]]:
    """The address behind "FROM:" or "TO:", and the parameters after it."""
    if argument[: len(keyword)].upper() != keyword:
        raise Refused(501, "5.5.4", f"Syntax: {keyword}<address>")
    rest = argument[len(keyword) :].lstrip()
    if not rest.startswith("<"):
        raise Refused(501, enhanced, "Address must be in angle brackets")
    end = _closing_bracket(rest)
    if end < 0 or rest[end + 1 : end + 2] not in ("", " "):
        raise Refused(501, enhanced, "Bad address syntax")
    address = rest[1:end]
    if address.startswith("@"):  # RFC 5321 4.1.2, appendix C: a source route is ignored
        address = address.partition(":")[2]
    local, at, domain = address.rpartition("@")
    if local.startswith('"'):
        # Postfix hands on what it took, extensions with control characters among it.
        address = f"{_CONTROL.sub('?', local)}{at}{domain}"
    if any(ord(character) < 32 or ord(character) == 127 for character in address):
        raise Refused(501, enhanced, "Bad address syntax")
    return address, rest[end + 1 :].split()


def _closing_bracket(path: str) -> int:
    """Where the ">" outside quotes stands, or -1; RFC 5321 4.1.2 allows any in a quoted string."""
    quoted = escaped = False
    for index, character in enumerate(path):
        if escaped:
            escaped = False
        elif quoted and character == "\\":
            escaped = True
        elif character == '"':
            quoted = not quoted
        elif character == ">" and not quoted:
            return index
    return -1
