"""The heading of a table on a page: its columns, and how many lines it fills.

In: the rows of a page and the place where a heading may begin. Out: the columns with the stretch
each fills, or None. Headings that overlap across lines are one; two that stand close are parted.

Limits: eight lines of heading.
"""

import re

from .cells import Cell
from .columns import columns_of
from .page import Chunk, Row
from .pdfcells import Column, is_figure
from .words import LONGEST_HEADING, Role, heading, sums_up

WRAP = 1.9  # line heights between two lines of one cell
_HEADING_LINES = 8
_HEADING_HEIGHT = 5.0  # line heights that a heading may fill


def heading_at(rows: tuple[Row, ...], index: int) -> tuple[list[Column], int] | None:
    """The columns when a heading begins at rows[index], and how many lines it fills."""
    if (
        _figures(rows[index]) > 1
        or _says_labelled(rows[index])
        or not any(
            heading(part)
            for chunk in rows[index].chunks
            for part in (chunk.text, chunk.words[0].text)
        )
    ):
        return None
    best: tuple[int, list[Column], int] | None = None
    for used in range(1, _HEADING_LINES + 1):
        lines = rows[index : index + used]
        if len(lines) < used or _figures(lines[-1]) > 1 or _sums_with_figures(lines[-1]):
            break
        if used > 1 and (
            lines[-1].top - lines[-2].top > WRAP * lines[-2].height
            or lines[-1].top - lines[0].top > _HEADING_HEIGHT * lines[0].height
        ):
            break
        columns = _merged(lines)
        texts: list[Cell] = [column.text for column in columns]
        if columns_of([texts], 0, "") is None:
            continue
        roles = len({column.role for column in columns if column.role})
        if best is None or roles > best[0] or (roles == best[0] and _only_headings(lines[-1])):
            best = (roles, columns, used)
    if best is None:
        return None
    return best[1], best[2]


def _says_labelled(row: Row) -> bool:
    """True for "Supplier: Woodland Supplies": a label with its value heads no column."""
    return any(_LABELLED.match(chunk.text) for chunk in row.chunks)


_LABELLED = re.compile(r"[^\W\d_][\w ./-]{1,30}:\s\S")


def _only_headings(row: Row) -> bool:
    return all(heading(chunk.text) or chunk.text.startswith("(") for chunk in row.chunks)


def _sums_with_figures(row: Row) -> bool:
    return any(
        sums_up(chunk.text) and any(char.isdigit() for char in chunk.text) for chunk in row.chunks
    )


def _figures(row: Row) -> int:
    return sum(is_figure(chunk.text) for chunk in row.chunks)


def _merged(lines: tuple[Row, ...]) -> list[Column]:
    """Heading chunks that overlap across lines are one heading."""
    columns: list[Column] = []
    for line in lines:
        for part in [part for chunk in line.chunks for part in _split_heading(chunk, line.height)]:
            over = [
                column
                for column in columns
                if min(column.right, part.right) - max(column.left, part.left) > 0
            ]
            if not over:
                columns.append(part)
                continue
            column = max(
                over, key=lambda one: min(one.right, part.right) - max(one.left, part.left)
            )
            hyphenated = column.text.endswith("-") and part.text[:1].islower()
            column.text = (
                column.text[:-1] + part.text if hyphenated else f"{column.text} {part.text}"
            )
            column.left, column.right = min(column.left, part.left), max(column.right, part.right)
    columns.sort(key=lambda column: column.left)
    for column in columns:
        found = heading(column.text)
        column.role = found.role if found else None
    return columns


# Headings that never make one together, however close they stand.
_NEIGHBOURS = frozenset(
    {
        (Role.TAX, Role.QUANTITY),
        (Role.TAX, Role.TOTAL),
        (Role.TAX, Role.PRICE),
        (Role.TAX, Role.TOTAL_GROSS),
        (Role.DISCOUNT, Role.TAX),
        (Role.DISCOUNT, Role.TOTAL),
        (Role.PRICE, Role.DISCOUNT),
        (Role.PRICE, Role.TAX),
        (Role.QUANTITY, Role.UNIT),
        (Role.QUANTITY, Role.PRICE),
        (Role.QUANTITY, Role.DESCRIPTION),
        (Role.SKU, Role.DESCRIPTION),
        (Role.POSITION, Role.DESCRIPTION),
        (Role.POSITION, Role.SKU),
    }
)


def _split_heading(chunk: Chunk, height: float) -> list[Column]:
    """A chunk that holds two headings ("Disc.% Taxes") because they stand close, in two.

    Words of one heading stand a space apart, so the cut needs a wider gap or words that mean
    nothing together.
    """
    whole = heading(chunk.text)
    if len(chunk.text) > 2 * LONGEST_HEADING + 1:
        return [Column(chunk.text, chunk.left, chunk.right)]
    for cut in range(1, len(chunk.words)):
        one, two = chunk.words[:cut], chunk.words[cut:]
        first = heading(" ".join(word.text for word in one))
        second = heading(" ".join(word.text for word in two))
        if not first or not second or first.role is second.role:
            continue
        apart = two[0].left - one[-1].right > 0.4 * height
        if whole is None or apart or (first.role, second.role) in _NEIGHBOURS:
            rest = _split_heading(Chunk(two[0].left, two[-1].right, two), height)
            return [Column(" ".join(word.text for word in one), one[0].left, one[-1].right), *rest]
    return [Column(chunk.text, chunk.left, chunk.right)]
