"""How many octets of large messages are held at once, all connections together.

In: the octets that a transaction wants to keep. Out: whether it may. A message below `SMALL` asks
for nothing, so a crowd of large ones keeps no small one out; Postfix's process limit bounds those.
What finds no room is told to come again (451), before it is kept.

Limits: octets as they came; reading a message takes some three times that.
"""

import threading

SMALL = 1_048_576  # octets


class Room:
    """The octets that large messages may take together."""

    def __init__(self, octets: int) -> None:
        self._left = octets
        self._lock = threading.Lock()

    def take(self, octets: int) -> bool:
        """Takes so many, or nothing and gives False."""
        with self._lock:
            if octets > self._left:
                return False
            self._left -= octets
            return True

    def give_back(self, octets: int) -> None:
        """What was taken is free again."""
        with self._lock:
            self._left += octets
