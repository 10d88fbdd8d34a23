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
from itertools import islice, pairwise

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
        walls = [x for x, top, bottom in self.upright if top - 1 <= at <= bottom + 1]
        before = bisect(walls, left + 1.0)
        behind = bisect(walls, right - 1.0)
        if before == 0 or behind == len(walls):
            return None
        return walls[before - 1], walls[behind]

    def parts(self, left: float, right: float, at: float) -> bool:
        """True when an upright line stands between, at that height."""
        begin = bisect(self.upright, (left - 0.5,))
        for x, top, bottom in self.upright[begin:]:
            if x > right + 0.5:
                return False
            if top <= at <= bottom:
                return True
        return False

    def through(self, top: float, height: float) -> list[tuple[float, float]]:
        """The stretches of the lines that run through the middle of a row."""
        begin = bisect(self.level, (top + 0.35 * height,))
        end = bisect(self.level, (top + 0.65 * height,))
        return [(left, right) for _, left, right in self.level[begin:end]]


def rulings_of(page: object, height: float) -> Rulings:
    """The lines that a loaded page draws; `page` is pdfium's handle."""
    level: list[Piece] = []
    upright: list[Piece] = []
    for x1, y1, x2, y2 in islice(_pieces(page), _MOST_PIECES):
        if y2 - y1 <= _THIN < x2 - x1:
            level.append((height - (y1 + y2) / 2, x1, x2))
        elif x2 - x1 <= _THIN < y2 - y1:
            upright.append(((x1 + x2) / 2, height - y2, height - y1))
    return Rulings(level=_joined(level), upright=_joined(upright))


def _joined(pieces: list[Piece]) -> tuple[Piece, ...]:
    """Lines of the pieces that go on from each other."""
    lines: list[Piece] = []
    for together in _clusters(sorted(pieces)):
        at = sum(piece[0] for piece in together) / len(together)
        for _, begin, end in sorted(together, key=lambda piece: piece[1]):
            if lines and lines[-1][0] == at and begin <= lines[-1][2] + _TOGETHER:
                lines[-1] = (at, lines[-1][1], max(lines[-1][2], end))
            else:
                lines.append((at, begin, end))
    return tuple(lines[:_MOST_LINES])


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


def _pieces(page: object) -> Iterator[Box]:
    """The lines of every path, and the edges of every rectangle."""
    for place in range(min(pdfium_c.FPDFPage_CountObjects(page), _MOST_OBJECTS)):
        item = pdfium_c.FPDFPage_GetObject(page, place)
        kind = pdfium_c.FPDFPageObj_GetType(item)
        if kind == pdfium_c.FPDF_PAGEOBJ_PATH:
            yield from _lines(item)
        elif kind == pdfium_c.FPDF_PAGEOBJ_FORM:
            outer = _matrix(item)
            for inside in range(min(pdfium_c.FPDFFormObj_CountObjects(item), _MOST_OBJECTS)):
                inner = pdfium_c.FPDFFormObj_GetObject(item, inside)
                if pdfium_c.FPDFPageObj_GetType(inner) == pdfium_c.FPDF_PAGEOBJ_PATH:
                    yield from (_moved_box(outer, box) for box in _lines(inner))


def _lines(item: object) -> list[Box]:
    """What a path draws: itself when it is thin, the edges of a rectangle, or each straight piece.

    Its bounds are asked first: most paths are one line or one cell.
    """
    left, low, right, high = (ctypes.c_float() for _ in range(4))
    if not pdfium_c.FPDFPageObj_GetBounds(item, left, low, right, high):
        return []
    box = x1, y1, x2, y2 = left.value, low.value, right.value, high.value
    if x2 - x1 < _SHORTEST and y2 - y1 < _SHORTEST:
        return []
    if x2 - x1 <= _THIN or y2 - y1 <= _THIN:
        return [box]
    count = pdfium_c.FPDFPath_CountSegments(item)
    if count == 2 or count > _MOST_SEGMENTS:
        return []  # slanted, or a picture
    return _edges(box) if count <= _RECTANGLE else list(_path(item, count, _matrix(item)))


def _edges(box: Box) -> list[Box]:
    x1, y1, x2, y2 = box
    return [(x1, y1, x2, y1), (x1, y2, x2, y2), (x1, y1, x1, y2), (x2, y1, x2, y2)]


def _matrix(item: object) -> Matrix:
    found = pdfium_c.FS_MATRIX()
    if not pdfium_c.FPDFPageObj_GetMatrix(item, ctypes.byref(found)):
        return (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)
    return (found.a, found.b, found.c, found.d, found.e, found.f)


def _moved(matrix: Matrix, x: float, y: float) -> tuple[float, float]:
    a, b, c, d, e, f = matrix
    return a * x + c * y + e, b * x + d * y + f


def _moved_box(matrix: Matrix, box: Box) -> Box:
    return _upright_box([_moved(matrix, *box[:2]), _moved(matrix, *box[2:])])


def _upright_box(points: Sequence[tuple[float, float]]) -> Box:
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
    box = x1, y1, x2, y2 = _upright_box(points)
    if x2 - x1 <= _THIN or y2 - y1 <= _THIN:
        return [box]
    return [_upright_box(two) for two in pairwise(points)]
