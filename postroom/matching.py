"""An order's lines matched with the catalogue, where one is configured.

In: an order and its author. Out: the same order, each line with our part number or with
candidates. The catalogue is read when first needed and again when its file changes; a file that
cannot be used any more leaves the products that were read before, and says so (event `degraded`).
Without any products no line can be believed: each order then waits for a person.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from . import maillog
from .classify.catalogue.index import Catalogue
from .classify.catalogue.match import Likely, matched
from .classify.catalogue.sources import read_listing
from .config import CatalogueSection
from .failure import PermanentFailure
from .order import Order, OrderKind
from .partcode import customer_of
from .store import partnumbers
from .store.engine import Database

Learnt = Callable[[str], Mapping[str, str]]  # customer -> their codes, squeezed -> our part number
_UNUSABLE = "catalogue-unusable"


def learnt_from(database: Database) -> Learnt:
    """The part numbers that the database has learnt."""

    def learnt(customer: str) -> Mapping[str, str]:
        with database.reading() as connection:
            return partnumbers.learnt(connection, customer)

    return learnt


class Matcher:
    """The catalogue of one process, kept up to date."""

    def __init__(self, config: CatalogueSection, learnt: Learnt | None = None) -> None:
        self._config = config
        self._learnt = learnt
        self._catalogue: Catalogue | None = None
        self._state: tuple[int, int] | None = None  # time and size of the file that was read
        self._reading = asyncio.Lock()

    async def __call__(self, order: Order, author: str) -> Order:
        """The order with its lines matched; as it was where no catalogue is configured."""
        path = self._config.file
        if path is None or not order.lines:
            return order
        async with self._reading:
            catalogue = await asyncio.to_thread(self._current, path)
        if catalogue is None:
            return _unmatched(order)
        return await asyncio.to_thread(self._matched, order, catalogue, author)

    def _matched(self, order: Order, catalogue: Catalogue, author: str) -> Order:
        learnt = self._learnt(customer_of(order, author)) if self._learnt else {}
        likely = Likely(score=self._config.likeness, ahead=self._config.ahead)
        return matched(order, catalogue, learnt, likely)

    def _current(self, path: Path) -> Catalogue | None:
        """The catalogue as its file is now; the last good one when the file is not."""
        state = _state(path)
        if state == self._state:
            return self._catalogue
        self._state = state
        try:
            listing = read_listing(path)
        except PermanentFailure as failure:
            maillog.degraded(part="catalogue", reason=str(failure.cause or failure.reason))
            return self._catalogue
        self._catalogue = Catalogue(listing.products, listing.aliases)
        return self._catalogue


def _state(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return (0, 0)
    return (found.st_mtime_ns, found.st_size)


def _unmatched(order: Order) -> Order:
    if order.kind not in (OrderKind.ORDER, OrderKind.ORDER_CHANGE):
        return order
    return replace(order, problems=(*order.problems, _UNUSABLE), complete=False)
