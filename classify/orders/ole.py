"""An OLE2 container (.xls) checked before calamine opens it.

In: octets. Out: nothing, or Unreadable: "broken" for a chain of sectors that runs in a circle or
out of the file (calamine follows such a chain until memory is gone), "bomb" for cells in opposite
corners of a sheet, "encrypted" for a workbook behind a password. Standards: MS-CFB 2, MS-XLS 2.4.

Limits: only what could cost memory is checked; calamine judges the rest.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from .hostile import Unreadable

_MOST_CELLS = 3_000_000
_LAST_SECTOR = 0xFFFFFFFA  # MS-CFB 2.1: larger numbers are no sectors
_CELL_RECORDS = frozenset({0x0006, 0x00BD, 0x00FD, 0x0203, 0x0204, 0x0205, 0x027E, 0x00D6})
_BEGIN, _PASSWORD = 0x0809, 0x002F
_WORKBOOKS = ("Workbook", "Book")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Container:
    content: bytes
    size: int  # of a sector
    fat: tuple[int, ...]  # next sector of each sector

    def sector(self, number: int) -> bytes:
        """One sector's octets; shorter at the end of the file."""
        start = (number + 1) * self.size
        return self.content[start : start + self.size]

    def chain(self, start: int) -> list[int]:
        """The sectors of a chain. Raises Unreadable when it runs in a circle or away."""
        return _followed(start, self.fat)


def check_ole(content: bytes) -> None:
    """Raise Unreadable for an OLE2 file that calamine must not open."""
    try:
        container = _container(content)
        directory = b"".join(
            container.sector(number) for number in container.chain(_at(content, 48))
        )
        streams = list(_streams(directory))
        workbook = _workbook(container, streams)
    except struct.error as error:
        raise Unreadable("broken") from error
    if workbook is not None:
        _check_cells(workbook)


def _at(content: bytes, position: int) -> int:
    number: int = struct.unpack_from("<I", content, position)[0]
    return number


def _container(content: bytes) -> _Container:
    shift = struct.unpack_from("<H", content, 30)[0]
    if shift not in (9, 12):
        raise Unreadable("broken")
    size = 1 << shift
    count = len(content) // size
    if _at(content, 44) > count or _at(content, 64) > count or _at(content, 72) > count:
        raise Unreadable("broken")
    sectors = [
        number for number in struct.unpack_from("<109I", content, 76) if number < _LAST_SECTOR
    ]
    sectors += _further(content, size, count)
    fat: list[int] = []
    for number in sectors[: count + 1]:
        if number >= count:
            raise Unreadable("broken")
        entries = content[(number + 1) * size : (number + 2) * size]
        fat += struct.unpack(f"<{len(entries) // 4}I", entries[: len(entries) // 4 * 4])
    return _Container(content=content, size=size, fat=tuple(fat))


def _further(content: bytes, size: int, count: int) -> list[int]:
    """FAT sectors named outside the header (files above 7 MB)."""
    sectors: list[int] = []
    seen: set[int] = set()
    number = _at(content, 68)
    while number < _LAST_SECTOR:
        if number in seen or number >= count:
            raise Unreadable("broken")
        seen.add(number)
        entries = struct.unpack_from(f"<{size // 4}I", content, (number + 1) * size)
        sectors += [entry for entry in entries[:-1] if entry < _LAST_SECTOR]
        number = entries[-1]
    return sectors


def _followed(start: int, following: tuple[int, ...]) -> list[int]:
    seen: set[int] = set()
    chain: list[int] = []
    number = start
    while number < _LAST_SECTOR:
        if number in seen or number >= len(following):
            raise Unreadable("broken")
        seen.add(number)
        chain.append(number)
        number = following[number]
    return chain


def _streams(directory: bytes) -> Iterator[tuple[str, int, int, int]]:
    """(name, kind, first sector, size) of every entry: 1 storage, 2 stream, 5 root."""
    for start in range(0, len(directory) - 127, 128):
        length, kind = struct.unpack_from("<HB", directory, start + 64)
        name = directory[start : start + min(64, max(0, length - 2))].decode("utf-16-le", "replace")
        first, size = struct.unpack_from("<IQ", directory, start + 116)
        yield name, kind, first, size & 0xFFFFFFFF


def _workbook(container: _Container, streams: list[tuple[str, int, int, int]]) -> bytes | None:
    """The workbook's octets, after every chain of the file was followed once."""
    content = container.content
    cutoff = _at(content, 56)
    small = b"".join(container.sector(number) for number in container.chain(_at(content, 60)))
    small_fat = struct.unpack(f"<{len(small) // 4}I", small[: len(small) // 4 * 4])
    found: bytes | None = None
    for name, kind, first, size in streams:
        if kind not in (2, 5) or not size:
            continue
        if kind == 2 and size < cutoff:
            _followed(first, small_fat)
            continue
        chain = container.chain(first)
        if kind == 2 and name in _WORKBOOKS and found is None:
            found = b"".join(container.sector(number) for number in chain)[:size]
    return found


def _check_cells(workbook: bytes) -> None:
    """The rectangle of every sheet (MS-XLS 2.1.4: records of number, length, octets)."""
    rows: list[int] = []
    columns: list[int] = []
    position = 0
    while position + 4 <= len(workbook):
        kind, length = struct.unpack_from("<HH", workbook, position)
        if kind == _PASSWORD:
            raise Unreadable("encrypted")
        if kind == _BEGIN:
            _check_area(rows, columns)
            rows, columns = [], []
        elif kind in _CELL_RECORDS and length >= 4 and position + 8 <= len(workbook):
            row, column = struct.unpack_from("<HH", workbook, position + 4)
            rows.append(row)
            columns.append(column)
        position += 4 + length
    _check_area(rows, columns)


def _check_area(rows: list[int], columns: list[int]) -> None:
    if rows and (max(rows) - min(rows) + 1) * (max(columns) - min(columns) + 1) > _MOST_CELLS:
        raise Unreadable("bomb")
