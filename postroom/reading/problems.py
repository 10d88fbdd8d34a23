"""What could not be read of a message: short tokens, each once, in the order met.

One `Problems` belongs to one message while it is being read; `Message.problems` keeps the result.
A token names a limit ("parts-limit"), a repair ("charset-repaired") or a defined outcome
("encrypted", "forwarded"). README.md lists them all.
"""


class Problems:
    """Collects tokens; the same one twice counts once."""

    def __init__(self) -> None:
        self._tokens: dict[str, None] = {}

    def add(self, token: str) -> None:
        """Notes one; nothing happens for the empty string."""
        if token:
            self._tokens[token] = None

    def __contains__(self, token: str) -> bool:
        return token in self._tokens

    @property
    def tokens(self) -> tuple[str, ...]:
        """All of them, in the order met."""
        return tuple(self._tokens)
