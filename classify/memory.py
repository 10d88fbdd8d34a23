"""Past messages like one at hand, out of the store.

In: a vector (similar.py). Out: the `Neighbour`s most alike. Vectors are kept in memory and only
those of messages that came since are fetched, so asking costs one short query and one product of
a matrix with a vector: at 20,000 messages 20 MB and some milliseconds. A vector index (sqlite-vec,
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
from .similar import Neighbour, Vector, nearest, unpacked

MOST = 20_000
_SPARE = 5  # asked for beyond what is wanted: some may be gone, or the message itself


class Memory:
    """What the messages of one store are like."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._numbers = np.zeros(0, dtype=np.int64)
        self._vectors = unpacked([])

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
            numbers, vectors = self._numbers, self._vectors
        best = [
            (int(numbers[row]), likely)
            for row, likely in nearest(asked, vectors, count + _SPARE)
            if numbers[row] != besides and likely > 0
        ]
        with self._database.reading() as connection:
            known = likeness.told(connection, [number for number, _ in best])
        return tuple(
            Neighbour(
                message=number,
                likeness=round(likely, 3),
                category=known[number].category,
                by=known[number].by,
                subject=known[number].subject,
            )
            for number, likely in best
            if number in known
        )[:count]

    def _catch_up(self) -> None:
        newest = int(self._numbers[0]) if len(self._numbers) else 0
        with self._database.reading() as connection:
            rows = likeness.newer(connection, features.VERSION, newest, MOST)
        if not rows:
            return
        numbers = np.array([number for number, _ in rows], dtype=np.int64)
        fresh = unpacked([vector for _, vector in rows])
        self._numbers = np.concatenate([numbers, self._numbers])[:MOST]
        self._vectors = np.concatenate([fresh, self._vectors])[:MOST]
