"""Past messages like one at hand, out of the store.

In: a vector (similar.py). Out: the `Neighbour`s most alike. Vectors are kept in memory and only
those of messages that came since are fetched, so asking costs one short query and one product of
a matrix with a vector: at 20,000 messages 20 MB and two milliseconds. A vector index (sqlite-vec,
pgvector) would be another dependency for what numpy does in this time.

Limits: the newest 20,000 messages; one that is removed from the store is forgotten when it would
have been shown. Two transactions of PostgreSQL may end in the other order than they began; then
the earlier number is not seen until the next start.
"""

import threading

import numpy as np

from postroom.store import likeness
from postroom.store.engine import Database

from . import features
from .similar import SIZE, Neighbour, Vector, nearest, unpacked

MOST = 20_000
_SPARE = 5  # asked for beyond what is wanted: some may be gone, or the message itself


class Memory:
    """What the messages of one store are like."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        # A ring: what is newest takes the place of what is oldest.
        self._numbers = np.zeros(MOST, dtype=np.int64)
        self._vectors = np.zeros((MOST, SIZE), dtype=np.float32)
        self._taken = 0  # messages since the start

    def like_stored(self, number: int, count: int) -> tuple[Neighbour, ...]:
        """The messages most like a stored one; none where it was stored without a vector.

        Raises TemporaryFailure(database).
        """
        with self._database.reading() as connection:
            stored = likeness.of(connection, number, features.VERSION)
        return self.like(unpacked([stored])[0], count, besides=number) if stored else ()

    def like(self, asked: Vector, count: int, besides: int = 0) -> tuple[Neighbour, ...]:
        """The `count` messages most alike, without the one numbered `besides`.

        Raises TemporaryFailure(database).
        """
        with self._lock:
            self._catch_up()
            held = min(self._taken, MOST)
            found = nearest(asked, self._vectors[:held], count + _SPARE)
            likely = [(int(self._numbers[row]), cosine) for row, cosine in found if cosine > 0]
        best = [(number, cosine) for number, cosine in likely if number != besides]
        with self._database.reading() as connection:
            known = likeness.told(connection, [number for number, _ in best])
        return tuple(
            Neighbour(
                message=number,
                likeness=round(cosine, 3),
                category=known[number].category,
                by=known[number].by,
                subject=known[number].subject,
            )
            for number, cosine in best
            if number in known
        )[:count]

    def _catch_up(self) -> None:
        newest = int(self._numbers[(self._taken - 1) % MOST])
        with self._database.reading() as connection:
            rows = likeness.newer(connection, features.VERSION, newest, MOST)
        if not rows:
            return
        places = (self._taken + np.arange(len(rows))) % MOST
        self._numbers[places] = [number for number, _ in reversed(rows)]
        self._vectors[places] = unpacked([vector for _, vector in reversed(rows)])
        self._taken += len(rows)
