"""One entity of a message: a leaf, a multipart, or an encapsulated message.

Made by mime.py; points into the octets it was found in. Nothing is decoded before it is asked for.
Standards: RFC 2045, RFC 2046.
"""

from dataclasses import dataclass, field

from . import fields, transfer
from .fields import Field
from .parameters import EMPTY, Parameterised
from .problems import Problems

MESSAGE_TYPES = frozenset({"message/rfc822", "message/global", "message/news"})


@dataclass(slots=True, kw_only=True)
class Part:
    """One entity: a leaf, a multipart, or an encapsulated message with its own root inside."""

    fields: tuple[Field, ...] = ()
    content_type: Parameterised = EMPTY  # value "text/plain" when none was given
    disposition: Parameterised = EMPTY
    encoding: str = "identity"  # base64, quoted-printable, uuencode, identity
    buffer: bytes = field(default=b"", repr=False)
    start: int = 0  # the body, in buffer
    end: int = 0
    depth: int = 0
    children: list["Part"] = field(default_factory=list)
    is_message_root: bool = False  # outermost part of the message or of an encapsulated one
    inside_message: bool = False  # a file of a message that was attached in winmail.dat

    @property
    def type(self) -> str:
        """Media type, lower case."""
        return self.content_type.value

    @property
    def main_type(self) -> str:
        """The part of the type before the slash."""
        return self.content_type.value.partition("/")[0]

    @property
    def encoded(self) -> bytes:
        """The body as it stands."""
        return self.buffer[self.start : self.end]

    def decoded(self, problems: Problems) -> bytes:
        """The body without its transfer encoding."""
        octets, token = transfer.decode(self.encoded, self.encoding)
        problems.add(token)
        return octets

    def field(self, key: bytes) -> bytes:
        """The first field's value by lower-case name, unfolded; empty when absent."""
        for one in self.fields:
            if one.key == key:
                return fields.unfold(one.value)
        return b""

    def walk(self) -> "list[Part]":
        """This part and all below, in message order."""
        found: list[Part] = []
        waiting: list[Part] = [self]
        while waiting:
            part = waiting.pop()
            found.append(part)
            waiting.extend(reversed(part.children))
        return found
