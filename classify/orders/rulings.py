"""The ruling lines of a PDF's page: where rows and cells are parted, and what is struck out.

In: a page of pdfium's. Out: `Rulings`: level and upright lines in points from the page's left and
top, each the stroke itself or an edge of a rectangle. Whether a line is drawn in a colour that is
seen is not asked.

Limits: 4 000 pieces of a page and 400 lines made of them, straight and along the page's edges;
forms inside forms are not looked into.
"""

import ctypes
from bisect import bisect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from operator import itemgetter

import pypdfium2.raw as pdfium_c  # type: ignore[import-untyped]

_MOST_OBJECTS = 20_000  # of a page
_MOST_PIECES = 4_000
_MOST_LINES = 400  # level or upright ones, once their pieces are joined
_RECTANGLE = 5  # segments, the closing one too
_MOST_SEGMENTS = 400  # of one path; pictures have more
_THIN = 2.5  # points; a rectangle so thin is a line
_SHORTEST = 3.0  # points
_TOGETHER = 1.5  # points between pieces of one line
_MOST_OPEN = 0.2  # share of a table's width that a line across it may leave open

Piece = tuple[float, float, float]  # where it stands, its begin, its end
Box = tuple[float, float, float, float]  # left, low, right, high, as pdfium counts
Matrix = tuple[float, float, float, float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rulings:
    """The lines of a page."""

    level: tuple[Piece, ...] = ()  # (from the top, left, right), top to bottom
    upright: tuple[Piece, ...] = ()  # (from the left, top, bottom), left to right

    def across(self, left: float, right: float) -> list[float]:
        """How far from the top lines run from left to right, or nearly."""
        found: list[float] = []
        for together in _clusters(self.level):
            covered = _covered(together, left, right)
            if covered >= (1 - _MOST_OPEN) * (right - left):
                found.append(sum(piece[0] for piece in together) / len(together))
        return found

    def beside(self, left: float, right: float, at: float) -> tuple[float, float] | None:
        """The walls of the cell that holds what stands there; None when one is missing."""
        walls = self.walls(at)
        before = bisect(walls, left + 1.0)
        behind = bisect(walls, right - 1.0)
        if before == 0 or behind == len(walls):
            return None
        return walls[before - 1], walls[behind]

    def walls(self, at: float) -> list[float]:
        """How far from the left upright lines stand at a height."""
        return [x for x, top, bottom in self.upright if top <= at <= bottom]

    def through(self, top: float, height: float) -> list[tuple[float, float]]:
        """The stretches of the lines that run through the middle of a row."""
        begin = bisect(self.level, (top + 0.35 * height,))
        end = bisect(self.level, (top + 0.65 * height,))
        return [(left, right) for _, left, right in self.level[begin:end]]


def rulings_of(page: object, height: float) -> Rulings:
    """The lines that a loaded page draws; `page` is pdfium's handle."""
    found = _Pieces()
    for place in range(min(pdfium_c.FPDFPage_CountObjects(page), _MOST_OBJECTS)):
        item = pdfium_c.FPDFPage_GetObject(page, place)
        kind = pdfium_c.FPDFPageObj_GetType(item)
        if kind == pdfium_c.FPDF_PAGEOBJ_PATH:
            found.take(item)
        elif kind == pdfium_c.FPDF_PAGEOBJ_FORM:
            outer = _matrix(item)
            for inside in range(min(pdfium_c.FPDFFormObj_CountObjects(item), _MOST_OBJECTS)):
                inner = pdfium_c.FPDFFormObj_GetObject(item, inside)
                if pdfium_c.FPDFPageObj_GetType(inner) == pdfium_c.FPDF_PAGEOBJ_PATH:
                    found.take(inner, outer)
        if len(found.level) + len(found.upright) > _MOST_PIECES:
            break
    level = [(height - y, left, right) for y, left, right in _joined(found.level)]
    upright = [(x, height - high, height - low) for x, low, high in _joined(found.upright)]
    return Rulings(level=tuple(reversed(level)), upright=tuple(upright))


class _Pieces:
    """What paths draw, as pdfium counts: from the left and from below."""

    def __init__(self) -> None:
        self.level: list[Piece] = []
        self.upright: list[Piece] = []
        self._bounds = [ctypes.c_float() for _ in range(4)]
        self._pointers = [ctypes.byref(bound) for bound in self._bounds]

    def take(self, item: object, outer: Matrix | None = None) -> None:
        """A path: itself when it is thin, a rectangle's edges, or each straight piece.

        Its bounds are asked first: most paths are one line or one cell.
        """
        if not pdfium_c.FPDFPageObj_GetBounds(item, *self._pointers):
            return
        left, low, right, high = self._bounds
        box = (left.value, low.value, right.value, high.value)
        if outer is not None:
            box = _box([_moved(outer, *box[:2]), _moved(outer, *box[2:])])
        if self._add_thin(box):
            return
        count = pdfium_c.FPDFPath_CountSegments(item)
        if 2 < count <= _RECTANGLE:
            x1, y1, x2, y2 = box
            self.level += ((y1, x1, x2), (y2, x1, x2))
            self.upright += ((x1, y1, y2), (x2, y1, y2))
        elif _RECTANGLE < count <= _MOST_SEGMENTS and outer is None:
            for piece in _path(item, count, _matrix(item)):
                self._add_thin(piece)

    def _add_thin(self, box: Box) -> bool:
        """True for what is a line, or too small for one."""
        x1, y1, x2, y2 = box
        if y2 - y1 <= _THIN:
            if x2 - x1 >= _SHORTEST:
                self.level.append(((y1 + y2) / 2, x1, x2))
            return True
        if x2 - x1 <= _THIN:
            if y2 - y1 >= _SHORTEST:
                self.upright.append(((x1 + x2) / 2, y1, y2))
            return True
        return False


def _joined(pieces: list[Piece]) -> list[Piece]:
    """Lines of the pieces that go on from each other, in order."""
    lines: list[Piece] = []
    pieces.sort()
    begun = -1e9
    together: list[Piece] = []
    for piece in [*pieces, (1e9, 0.0, 0.0)]:
        if piece[0] - begun > _TOGETHER:
            together.sort(key=_begin_of)
            reached = -1e9
            for _, begin, end in together:
                if begin > reached + _TOGETHER:
                    lines.append((begun, begin, end))
                elif end > reached:
                    lines[-1] = (begun, lines[-1][1], end)
                reached = max(reached, end)
            together = []
            begun = piece[0]
        together.append(piece)
    return lines[:_MOST_LINES]


_begin_of = itemgetter(1)


def _clusters(level: Sequence[Piece]) -> Iterator[list[Piece]]:
    """Pieces at one height, top to bottom."""
    together: list[Piece] = []
    for piece in level:
        if together and piece[0] - together[-1][0] > _TOGETHER:
            yield together
            together = []
        together.append(piece)
    if together:
        yield together


def _covered(pieces: Sequence[Piece], left: float, right: float) -> float:
    """How much of the stretch the pieces cover."""
    total, reached = 0.0, left
    for _, start, end in sorted(pieces, key=lambda piece: piece[1]):
        start, end = max(start, reached), min(end, right)
        if end > start:
            total += end - start
            reached = end
    return total


def _matrix(item: object) -> Matrix:
    found = pdfium_c.FS_MATRIX()
    if not pdfium_c.FPDFPageObj_GetMatrix(item, ctypes.byref(found)):
        return (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)
    return (found.a, found.b, found.c, found.d, found.e, found.f)


def _moved(matrix: Matrix, x: float, y: float) -> tuple[float, float]:
    a, b, c, d, e, f = matrix
    return a * x + c * y + e, b * x + d * y + f


def _box(points: Sequence[tuple[float, float]]) -> Box:
    xs, ys = [x for x, _ in points], [y for _, y in points]
    return min(xs), min(ys), max(xs), max(ys)


def _path(item: object, count: int, matrix: Matrix) -> Iterator[Box]:
    """The straight pieces of a path of many; a thin outline is one piece, not four."""
    x, y = ctypes.c_float(), ctypes.c_float()
    outline: list[tuple[float, float]] = []
    for place in range(count):
        segment = pdfium_c.FPDFPath_GetPathSegment(item, place)
        kind = pdfium_c.FPDFPathSegment_GetType(segment)
        if kind == pdfium_c.FPDF_SEGMENT_BEZIERTO:
            return  # rounded: a letter, a picture
        pdfium_c.FPDFPathSegment_GetPoint(segment, x, y)
        point = _moved(matrix, x.value, y.value)
        if kind == pdfium_c.FPDF_SEGMENT_MOVETO:
            yield from _outline(outline)
            outline = [point]
        else:
            outline.append(point)
        if pdfium_c.FPDFPathSegment_GetClose(segment) and outline:
            yield from _outline([*outline, outline[0]])
            outline = []
    yield from _outline(outline)


def _outline(points: list[tuple[float, float]]) -> list[Box]:
    if len(points) < 2:
        return []
    box = x1, y1, x2, y2 = _box(points)
    if x2 - x1 <= _THIN or y2 - y1 <= _THIN:
        return [box]
    return [_box(two) for two in pairwise(points)]
