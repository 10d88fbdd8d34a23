"""dBASE tables, which Russian distributors still send, often as .xls -> order lines.

In: octets whose header is that of a DBF. Out: a `Reading` of strength 2. Column names are short
and Latin (NAME, KOL, CENA); those in use are known here. Text is cp866 unless the header or the
letters say otherwise.

Limits: 5 000 records; memo files are not there to be read.
"""

import datetime
import struct
from decimal import Decimal

from postroom.reading.charsets import guess

from .cells import Cell
from .hostile import MOST_LINES, Unreadable, check_size
from .numbers import exact
from .reading import Reading
from .table import Grid, read_table

_VERSIONS = frozenset(
    {0x02, 0x03, 0x04, 0x05, 0x30, 0x31, 0x32, 0x43, 0x63, 0x83, 0x8B, 0xCB, 0xF5, 0xFB}
)
_CODE_PAGES = {
    0x26: "cp866",
    0x65: "cp866",
    0xC9: "cp1251",
    0x57: "cp1251",
    0x03: "cp1252",
}  # by octet 29
_MOST_FIELDS = 255

# What the short names of columns mean, as words that the table reader knows.
_NAMES = {
    name: meaning
    for meaning, names in {
        "Наименование": "NAME NAIM NAME_TOV NAIMEN TOVARNAME NAMETOV PRODUCT",
        "Товар": "TOVAR",
        "Номенклатура": "NOMEN",
        "Description": "DESCR",
        "Количество": "KOL KOLVO KOL_VO KOLICH KOLTOV QNT QTY COUNT QUANT QUANTITY AMOUNT",
        "Заказ": "ZAKAZ KOLZAK",
        "Цена": "CENA PRICE",
        "Цена без НДС": "PRICE1 CENABNDS",
        "Цена с НДС": "PRICE2 CENA_NDS CENANDS PRICEN PRICEWNDS",
        "Сумма": "SUMMA SUM SUMM STOIM SUMITEM",
        "Сумма НДС": "SUMMANDS SUM_NDS",
        "Сумма с НДС": "SUMSNDS",
        "НДС": "NDS",
        "Ставка НДС": "STNDS",
        "Код": "KOD CODE CODEPST",
        "Код товара": "KODTOV KOD_TOV",
        "Артикул": "ART ARTIKUL ARTICLE ARTICUL",
        "Номенклатурный номер": "NOMNOM",
        "Штрихкод": "EAN EAN13 BARCODE SHTRIH SCANCOD SHK STRIHKOD",
        "Ед. изм.": "ED EDIZM ED_IZM UNIT EI",
        "№": "N NPP NN NUM POS",
        "Производитель": "FIRM PROIZV PRODUCER",
        "Страна": "COUNTRY",
        "Серия": "SERIA SER",
        "ГТД": "GTD",
        "Документ": "NDOC",
        "Дата документа": "DATEDOC",
        "Дата": "DATE",
        "Примечание": "PRIM",
    }.items()
    for name in names.split()
}


def looks_like_dbf(content: bytes) -> bool:
    """True when the header is that of a DBF: version, a real date, lengths that fit the file."""
    if len(content) < 65 or content[0] not in _VERSIONS:
        return False
    _, month, day = content[1], content[2], content[3]
    header, record = struct.unpack("<HH", content[8:12])
    if not (month <= 12 and day <= 31 and 65 <= header <= len(content) and 1 < record < 65000):
        return False
    return (
        content[header - 1 : header] == b"\r"
        or content[header - 2 : header - 1] == b"\r"
        or content[header - 264 : header - 263] == b"\r"
    )


def read_dbf(filename: str, content: bytes, language: str = "ru") -> Reading:
    """The order in a DBF. Raises Unreadable for a broken one."""
    table = read_table(grid_of_dbf(filename, content, language))
    return Reading(
        lines=table.lines,
        number=table.number,
        totals=table.totals,
        around=table.around,
        problems=table.problems,
        strength=2,
        source=filename,
    )


def grid_of_dbf(filename: str, content: bytes, language: str = "ru") -> Grid:
    """The records under a heading of their names. Raises Unreadable for a broken file."""
    check_size(content)
    names, rows = _records(content)
    heading: list[Cell] = [_NAMES.get(name.upper(), name) for name in names]
    return Grid(rows=[heading, *rows], source=f"{filename}:", first_row=0, language=language)


def _records(content: bytes) -> tuple[list[str], list[list[Cell]]]:
    """(column names, rows). Read here: dbfread opens paths only, and we hold octets."""
    count, header_length, record_length = struct.unpack("<IHH", content[4:12])
    fields: list[tuple[str, str, int, int]] = []
    position, offset = 32, 1
    while (
        position + 32 <= header_length and content[position] != 0x0D and len(fields) < _MOST_FIELDS
    ):
        raw = content[position : position + 32]
        name = raw[:11].split(b"\x00")[0].decode("ascii", "replace").strip()
        fields.append((name, chr(raw[11]), offset, raw[16]))
        offset += raw[16]
        position += 32
    if not fields or offset > record_length:
        raise Unreadable("broken")
    codec = guess(_letters(content[header_length:]))[1]
    if codec == "cp1252":
        codec = _CODE_PAGES.get(content[29], "cp866")
    rows: list[list[Cell]] = []
    for place in range(min(count, MOST_LINES + 1)):
        start = header_length + place * record_length
        record = content[start : start + record_length]
        if len(record) < record_length:
            break
        if record[:1] == b"*":
            continue  # deleted
        rows.append(
            [
                _cell(kind, record[begin : begin + length], codec)
                for _, kind, begin, length in fields
            ]
        )
    return [name for name, *_ in fields], rows


def _letters(records: bytes) -> bytes:
    """The octets that can tell a charset: box-drawing fillers and numbers say nothing."""
    return bytes(octet for octet in records[:200_000] if octet >= 0x80 or octet == 0x20)


def _cell(kind: str, octets: bytes, codec: str) -> Cell:
    match kind:
        case "N" | "F":
            bare = octets.strip(b" \x00*").replace(b",", b".")
            try:
                value = Decimal(bare.decode("ascii")) if bare else None
            except (ArithmeticError, UnicodeDecodeError):
                return ""
            return value if value is not None and value.is_finite() else ""
        case "D":
            try:
                return datetime.datetime.strptime(octets.decode("ascii"), "%Y%m%d").date()
            except (ValueError, UnicodeDecodeError):
                return ""
        case "I" if len(octets) == 4:
            return Decimal(struct.unpack("<i", octets)[0])
        case "B" | "O" if len(octets) == 8:
            value_read: float = struct.unpack("<d", octets)[0]
            return exact(value_read) if abs(value_read) < 1e15 else ""
        case "Y" if len(octets) == 8:
            return Decimal(struct.unpack("<q", octets)[0]) / 10000
        case "C":
            return octets.decode(codec, "replace").strip(" \x00")
        case _:
            return ""
