"""The columns of a table on a page, and which words of a row stand in which.

In: columns by their headings' places, rows of chunks. Out: the text of each cell. A chunk belongs
under the heading it reaches under; what stands under none goes to the nearest.
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from .cells import is_number
from .page import Chunk, Row, Word
from .words import Role

FIGURE_ROLES = frozenset(
    {Role.QUANTITY, Role.ORDERED, Role.PRICE, Role.PRICE_GROSS, Role.TOTAL, Role.TOTAL_GROSS}
)


@dataclass(slots=True)
class Column:
    """One column: its heading and the stretch it fills."""

    text: str
    left: float
    right: float
    role: Role | None = None  # what its heading means, once it is whole


@lru_cache(maxsize=512)  # a line's words are asked several times
def is_figure(text: str) -> bool:
    """True for a number, a currency or unit beside it allowed."""
    return is_number(text)


def cells_of(columns: list[Column], row: Row) -> list[str]:
    """The row's words under their headings."""
    cells: list[list[tuple[float, str]]] = [[] for _ in columns]
    loose: list[Chunk] = []
    for chunk in row.chunks:
        over = _over(columns, chunk)
        if not over:
            loose.append(chunk)
        for place, left, text in _parted(columns, over, chunk):
            cells[place].append((left, text))
    for chunk in loose:
        place = _beside(columns, chunk, [bool(cell) for cell in cells])
        cells[place].append((chunk.left, chunk.text))
    return [" ".join(text for _, text in sorted(cell)) for cell in cells]


def _over(columns: list[Column], chunk: Chunk) -> list[int]:
    """The columns a chunk reaches under."""
    return [
        place
        for place, column in enumerate(columns)
        if min(column.right, chunk.right) - max(column.left, chunk.left) > 0.5
    ]


def _parted(columns: list[Column], over: list[int], chunk: Chunk) -> list[tuple[int, float, str]]:
    """A chunk under its heading; one that reaches under several is parted word by word."""
    if len(over) == 1:
        return [(over[0], chunk.left, chunk.text)]
    parts: list[tuple[int, float, str]] = []
    for word in chunk.words if over else ():
        place = _under(columns, over, word)
        if parts and parts[-1][0] == place:
            parts[-1] = (place, parts[-1][1], f"{parts[-1][2]} {word.text}")
        else:
            parts.append((place, word.left, word.text))
    return parts


def _beside(columns: list[Column], chunk: Chunk, taken: list[bool]) -> int:
    """The column of a chunk that stands under no heading: a free one beside it, else the nearest.

    A description under a heading that is centred or set to the right begins far to its left.
    """
    left = max(
        (place for place, one in enumerate(columns) if one.right <= chunk.left), default=None
    )
    right = min(
        (place for place, one in enumerate(columns) if one.left >= chunk.right), default=None
    )
    sides = [place for place in (left, right) if place is not None]
    free = [place for place in sides if not taken[place]] or sides or [0]
    if not is_figure(chunk.text):
        free = [place for place in free if columns[place].role not in FIGURE_ROLES] or free

    def distance(place: int) -> float:
        return max(columns[place].left - chunk.right, chunk.left - columns[place].right)

    return min(free, key=distance)


def learn(columns: list[Column], row: Row, cells: list[str]) -> None:
    """A column reaches as far as what stands in it, up to its neighbours."""
    for chunk in row.chunks:
        place = next((place for place, cell in enumerate(cells) if cell == chunk.text), None)
        if place is None:
            continue
        before = columns[place - 1].right if place else 0.0
        after = columns[place + 1].left if place + 1 < len(columns) else chunk.right
        columns[place].left = min(columns[place].left, max(chunk.left, before))
        columns[place].right = max(columns[place].right, min(chunk.right, after))


def _under(columns: list[Column], over: list[int], word: Word) -> int:
    """The heading among `over` that a word stands under."""
    middle = (word.left + word.right) / 2
    for one, two in pairwise(over):
        border = (columns[one].right + columns[two].left) / 2
        if middle <= border:
            return one
    return over[-1]
