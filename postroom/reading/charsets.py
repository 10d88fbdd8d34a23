"""Octets to text, whatever charset was declared, truthfully or not.

In: octets and the declared name. Out: text that holds no surrogates, and a token: "" (all is
well), "charset-guessed" (none or an unknown one was declared), "charset-repaired" (the declared
one was wrong or some octets are broken), "charset-refused" (utf-7: RFC 2152 text can hide
markup from every check that does not know it). Names: IANA, WHATWG Encoding labels and the
misspellings seen in mail.

Limits: 8-bit text that is neither UTF-8 nor Cyrillic is taken for windows-1252; a wrong label
between two charsets of one script other than Cyrillic is not noticed.
"""

import codecs
import re
from functools import lru_cache

# Only these codecs are ever used: Python has others that are no charsets (unicode_escape, idna,
# rot13, zlib) and would raise, or obey the sender.
_CODECS = frozenset(
    "ascii utf-8 utf-16 utf-16-le utf-16-be utf-32 utf-32-le utf-32-be koi8-r koi8-u koi8-t kz1048 "
    "ptcp154 cp037 cp437 cp720 cp737 cp775 cp850 cp852 cp855 cp857 cp858 cp860 cp861 cp862 cp863 "
    "cp864 cp865 cp866 cp869 cp874 cp932 cp949 cp950 cp1125 cp1250 cp1251 cp1252 cp1253 cp1254 "
    "cp1255 cp1256 cp1257 cp1258 iso8859-1 iso8859-2 iso8859-3 iso8859-4 iso8859-5 iso8859-6 "
    "iso8859-7 iso8859-8 iso8859-9 iso8859-10 iso8859-11 iso8859-13 iso8859-14 iso8859-15 "
    "iso8859-16 tis-620 mac-roman mac-cyrillic mac-greek mac-latin2 mac-turkish mac-iceland "
    "gb2312 gbk gb18030 hz big5 big5hkscs euc_jp euc_jis_2004 iso2022_jp iso2022_jp_1 "
    "iso2022_jp_2 iso2022_jp_3 iso2022_jp_ext iso2022_kr shift_jis shift_jisx0213 euc_kr "
    "johab".split()
)
# Spelling (lower case, letters and digits only) -> the codec really meant. Labels that name a
# subset are read as the superset every sender means (WHATWG): latin-1 as windows-1252, gb2312 as
# gb18030.
_MEANT = {
    "usascii": "ascii",
    "ansix341968": "ascii",
    "iso646us": "ascii",
    "us": "ascii",
    "utf8": "utf-8",
    "utf8mb4": "utf-8",
    "unicode11utf8": "utf-8",
    "unicode": "utf-16",
    "iso88591": "cp1252",
    "latin1": "cp1252",
    "l1": "cp1252",
    "iso8859": "cp1252",
    "ansi": "cp1252",
    "iso885911": "cp874",
    "iso88599": "cp1254",
    "iso88598i": "iso8859-8",
    "iso88598e": "iso8859-8",
    "iso88596i": "iso8859-6",
    "koi8": "koi8-r",
    "koi8ru": "koi8-u",
    "cp1251cyrillic": "cp1251",
    "win1251": "cp1251",
    "windows1251": "cp1251",
    "xcp1251": "cp1251",
    "cyrillic": "iso8859-5",
    "dos866": "cp866",
    "ibm866": "cp866",
    "alt": "cp866",
    "macintosh": "mac-roman",
    "xmaccyrillic": "mac-cyrillic",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "cp936": "gb18030",
    "xgbk": "gb18030",
    "chinese": "gb18030",
    "gb231280": "gb18030",
    "big5": "big5hkscs",
    "shiftjis": "cp932",
    "sjis": "cp932",
    "xsjis": "cp932",
    "windows31j": "cp932",
    "mskanji": "cp932",
    "iso2022jp": "iso2022_jp_ext",
    "euckr": "cp949",
    "ksc56011987": "cp949",
    "windows949": "cp949",
    "iso2022cn": "",
    "windows874": "cp874",
}
_REFUSED = frozenset({"utf7", "unicode11utf7", "xunicode20utf7", "csunicode11utf7"})
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_EAST_ASIAN = ("cp932", "euc_jp", "gb18030")  # tried in this order, without a label
_COMMON_EAST_ASIAN = re.compile("[\u3000-\u30ff\u4e00-\u9fff\uff00-\uffef]")
_HIGH_CHARACTER = re.compile("[^\x00-\x7f]")
_LAST_FREQUENT_LEAD = 0xD7  # GB 2312: signs, kana and the 3,755 usual ideographs end with this row
_WESTERN = frozenset({"cp1252", "iso8859-15", "cp1250", "cp1254", "cp850", "cp437", "mac-roman"})
_HIGH_OCTET = re.compile(rb"[\x80-\xff]")
_CYRILLIC = ("cp1251", "koi8-r", "cp866", "iso8859-5", "mac-cyrillic")
_SINGLE_BYTE = re.compile(r"cp\d+|iso8859-\d+|koi8-[rut]|mac-|ascii|tis|kz|ptcp")
_MULTI_BYTE_CP = frozenset({"cp932", "cp949", "cp950"})
_PROBE = 65_536  # octets looked at when guessing
# Of a thousand letters of Russian text.
_FREQUENCY = dict(
    zip(
        "оеаинтсрвлкмдпуяыьгзбчйхжшюцщэфъё",
        (109, 84, 80, 74, 67, 63, 55, 47, 45, 44, 35, 32, 30, 28, 26, 20, 19, 17, 17, 16, 16)
        + (14, 12, 10, 9, 7, 6, 5, 4, 3, 3, 1, 1),
        strict=True,
    )
)


@lru_cache(maxsize=512)
def codec(declared: str) -> str:
    """The codec for a declared name; empty when it is unknown, "refused" for utf-7."""
    name = declared.strip(" \t\r\n\"'").lower().partition("*")[0][:64]
    key = re.sub(r"[^a-z0-9]", "", name)
    if key in _REFUSED:
        return "refused"
    if key in _MEANT:
        return _MEANT[key]
    for spelling in (name, key, key.replace("windows", "cp"), key.replace("ibm", "cp")):
        try:
            found = codecs.lookup(spelling).name
        except (LookupError, ValueError, UnicodeError):
            continue
        if found in _CODECS:
            return _MEANT.get(re.sub(r"[^a-z0-9]", "", found), found)
    return ""


def decode(octets: bytes, declared: str = "", *, likely: str = "") -> tuple[str, str]:
    """The text and the token that says how sure it is; `likely` is tried when guessing."""
    for mark, name in _BOMS:
        if octets.startswith(mark):
            return _strict(octets[len(mark) :], name)
    wanted = codec(declared) if declared else ""
    if octets.isascii():
        if wanted in ("", "ascii", "utf-8"):
            if b"\x1b" in octets and b"\x1b$" in octets:  # ISO-2022 hides in seven bits
                return _strict(octets, "iso2022_jp_ext")
            return octets.decode("ascii"), ""
        if wanted == "refused":
            return octets.decode("ascii"), "charset-refused"
    if wanted in ("", "ascii", "refused"):
        text, _ = guess(octets, likely)
        if wanted == "refused":
            return text, "charset-refused"
        return text, "charset-guessed" if not declared or not wanted else "charset-repaired"
    return _declared(octets, wanted)


def guess(octets: bytes, likely: str = "") -> tuple[str, str]:
    """The text of 8-bit octets without a label, and the codec it was read with."""
    try:
        return octets.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        pass
    if likely and (known := codec(likely)) not in ("", "ascii", "utf-8", "refused"):
        text, token = _strict(octets, known)
        if not token:
            return text, known
    if _mostly_utf8(octets):
        return octets.decode("utf-8", "replace"), "utf-8"
    probe = octets[:_PROBE]
    best, score = _best_cyrillic(probe)
    if score > 0.55 and _in_runs(probe):
        return octets.decode(best, "replace"), best
    for name in _EAST_ASIAN:
        if _looks_east_asian(probe, name):
            return _strict(octets, name)[0], name
    return _latin(octets), "cp1252"


def _declared(octets: bytes, wanted: str) -> tuple[str, str]:
    """Decoded as declared, unless the octets themselves speak against it."""
    if wanted == "utf-8":
        try:
            return octets.decode("utf-8"), ""
        except UnicodeDecodeError:
            return guess(octets)[0], "charset-repaired"
    if _SINGLE_BYTE.match(wanted) and wanted not in _MULTI_BYTE_CP and not octets.isascii():
        if _is_utf8(octets):
            return octets.decode("utf-8"), "charset-repaired"
        if wanted in _CYRILLIC or wanted in _WESTERN:
            return _cyrillic(octets, wanted)
    if wanted == "cp1252":
        return _latin(octets), ""
    if wanted == "utf-16":
        return _strict(octets, _utf_16_order(octets))
    return _strict(octets, wanted)


def _utf_16_order(octets: bytes) -> str:
    """Big-endian without a mark (RFC 2781 4.3), unless the octets say otherwise: the upper ones
    of a text are few different ones."""
    even, odd = (set(octets[first:_PROBE:2]) for first in (0, 1))
    return "utf-16-le" if len(odd) < len(even) else "utf-16-be"


def _cyrillic(octets: bytes, wanted: str) -> tuple[str, str]:
    """Declared as one 8-bit charset; read as another where that gives Russian and this does not."""
    probe = octets[:_PROBE]
    if len(_HIGH_OCTET.findall(probe[:2_000])) >= 6 and _in_runs(probe):
        declared_score = _russian_score(probe, wanted) if wanted in _CYRILLIC else 0.0
        best, score = _best_cyrillic(probe)
        if score > max(0.7, declared_score + 0.25):
            return octets.decode(best, "replace"), "charset-repaired"
    if wanted == "cp1252":
        return _latin(octets), ""
    return _strict(octets, wanted)


def _strict(octets: bytes, name: str) -> tuple[str, str]:
    try:
        return _clean(octets.decode(name)), ""
    except UnicodeError:
        return _clean(octets.decode(name, "replace")), "charset-repaired"


def _clean(text: str) -> str:
    # Some multi-byte codecs let lone surrogates through; nothing after us could encode them.
    return text if text.isascii() or text.isprintable() else _SURROGATES.sub("\ufffd", text)


_SURROGATES = re.compile("[\ud800-\udfff]")


def _latin(octets: bytes) -> str:
    # Five octets are undefined in windows-1252; WHATWG reads them as C1 controls.
    try:
        return octets.decode("cp1252")
    except UnicodeDecodeError:
        return octets.decode("latin-1").translate(_CP1252)


_CP1252 = {
    byte: bytes([byte]).decode("cp1252", "ignore") or chr(byte) for byte in range(0x80, 0xA0)
}


def _is_utf8(octets: bytes) -> bool:
    """Valid UTF-8 with enough multi-octet characters that it cannot be chance.

    One is enough where it is a Latin letter or a mark of typography: nobody means "Ã¼" or "â€™".
    """
    probe = octets[:_PROBE]
    try:
        octets.decode("utf-8")
    except UnicodeDecodeError:
        return False
    lead = sum(byte >= 0xC2 for byte in probe)
    return lead >= 2 or _TELLING.search(probe) is not None


def _mostly_utf8(octets: bytes) -> bool:
    """UTF-8 with some broken octets in it (a cut in mid-character, a spliced signature)."""
    text = octets[:_PROBE].decode("utf-8", "replace")
    broken = text.count("\ufffd")
    good = sum(character > "\x7f" for character in text) - broken
    return good > 4 * broken


def _looks_east_asian(octets: bytes, name: str) -> bool:
    """Valid, and nearly all of what is not ASCII is common ideographs or kana."""
    try:
        text = octets.decode(name)
    except UnicodeDecodeError as error:
        if error.start < len(octets) - 4:
            return False
        text = octets[: error.start].decode(name)
    high = _HIGH_CHARACTER.findall(text)
    if name == "gb18030" and not _is_chinese(octets, high):
        return False
    kana = sum("\u3040" <= one <= "\u30ff" for one in high)
    if name != "gb18030" and kana * 5 < len(high):
        return False
    common = len(_COMMON_EAST_ASIAN.findall(text))
    return len(high) > 3 and common * 10 > len(high) * 9


def _is_chinese(octets: bytes, characters: list[str]) -> bool:
    """Most 8-bit octets stand four and more together and most characters are frequent ones.

    Two neighbours of a Latin word ("Größe") make one character of gb18030, one accent
    and the letter behind it another; those are rare or, in gb2312, none at all.
    """
    runs = [len(run) for run in _HIGH_RUN.findall(octets)]
    if sum(length for length in runs if length >= 4) * 2 < sum(runs):
        return False
    leads = "".join(characters).encode("gb2312", "ignore")[::2]
    frequent = sum(lead <= _LAST_FREQUENT_LEAD for lead in leads)
    return frequent * 10 >= len(characters) * 7


def _in_runs(octets: bytes) -> bool:
    """Most 8-bit octets have a neighbour above them: words of them, not accents in Latin words."""
    runs = _HIGH_RUN.findall(octets)
    return sum(len(run) for run in runs if len(run) > 1) * 10 >= sum(map(len, runs)) * 7


def _best_cyrillic(octets: bytes) -> tuple[str, float]:
    """The charset in which the 8-bit letters look most like Russian, and how much."""
    best = max(_CYRILLIC, key=lambda name: _russian_score(octets, name))
    return best, _russian_score(octets, best)


def _russian_score(octets: bytes, name: str) -> float:
    """How much the 8-bit letters look like Russian: about 1 for Russian, below 0.5 for others."""
    high = octets.translate(None, _SEVEN_BITS)
    if not high:
        return 0.0
    # Wrong charsets of the family give rare letters, signs and swapped case.
    weights, odd_case = _ALPHABETS[name]
    counts = [(weights[octet], high.count(octet)) for octet in set(high)]
    frequency = sum(weight * count for weight, count in counts)
    letters = sum(count for weight, count in counts if weight)
    swapped = len(odd_case.findall(octets))
    usual = min(frequency / len(high) / 45, 1.0)
    return 0.75 * usual + 0.25 * letters / len(high) - 2.0 * swapped / len(high)


def _alphabet(name: str) -> tuple[tuple[int, ...], re.Pattern[bytes]]:
    """How frequent each octet is in Russian, and a small letter followed by a capital."""
    letters = [bytes([octet]).decode(name, "replace") for octet in range(256)]
    small, capital = (
        b"".join(
            re.escape(bytes([octet])) for octet in range(256) if re.fullmatch(kind, letters[octet])
        )
        for kind in ("[а-яё]", "[А-ЯЁ]")
    )
    weights = tuple(_FREQUENCY.get(letter.lower(), 0) for letter in letters)
    return weights, re.compile(b"[" + small + b"][" + capital + b"]")


_SEVEN_BITS = bytes(range(0x80))
_ALPHABETS = {name: _alphabet(name) for name in _CYRILLIC}
_HIGH_RUN = re.compile(rb"[\x80-\xff]+")
_TELLING = re.compile(rb"\xc3[\x80-\xbf]|\xe2(?:\x80[\x90-\xa6]|\x82\xac)")
