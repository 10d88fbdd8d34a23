"""Figures that only describe: "500 gsm", "24 V DC", "4-20 mA", "350 bar", "4000 K".

In: a line and where a number ends. Out: True where the unit behind it measures a property of the
goods. Nobody orders volts or grams a square metre: such a number is no quantity, and a comma before
it parts no two things.

Limits: some of these units are words or names as well ("4 bar stools", "2 A frames"). They describe
only where no name follows, and no dash or colon stands before the number.
"""

import re

# Of nothing but a property, whatever follows.
_ALWAYS = (
    r"gsm|gr?\s?/\s?(?:m²|m2|qm|sqm)|гр?\s?/\s?(?:м²|м2|кв\.?\s?м)|kg/m[²³23]|кг/м[²³23]|g/l|г/л"
    r"|[Gg]auge|[Ss][Ww][Gg]|AWG|[Dd]enier|[mk]V|[мк]В|k?VA|к?ВА|[mkµμ]A|[мк]А|m?Ah|м?А·?ч|[km]W|[кМ]Вт|Вт|W[pP]|лм|lx|лк|cd|dB|дБ"
    r"|[kMG]?Hz|[кМГ]?Гц|mbar|мбар|бар|psi|атм|[kM]Pa|[кМ]Па|Nm|Нм|kN|кН|rpm|U/min|об/мин|ppm|dpi"
    r"|[µμ]m|мкм|мк|microns?|mil|EBC|IBU|HRC|kcal|ккал|kJ|кДж|[kM]?Ohm|[кМ]?Ом|[kM]?Ω|[pnµμ]F|мкФ|пФ|нФ"
    r"|m³/h|м³/ч|м3/ч|l/(?:min|h)|л/(?:мин|ч|с)|m/s|м/с|°\s?[CF]|°С|л\.\s?с\.|dtex|кд|Мбит/с"
)
# Of a property where no name follows: "16 A", "50 W, ...", "24 V DC".
_PERHAPS = r"V|В|A|А|W|bar|PS|my|mic|mesh|bloom|hp|MP|N|Kelvin|Volt|Watt|Ampere"
_ENDS = r"(?=\s*(?:$|[,;)\t|]|\.(?:\s|$)|\s[-–—]\s|:\s|[АA]C\b|DC\b|[@=àxх×]\s|  |/\s))"
_ALWAYS_ONE = re.compile(rf"[ \u00a0\u202f]?(?:{_ALWAYS})(?![^\W\d_])")
_PERHAPS_ONE = re.compile(rf"[ \u00a0\u202f]?(?:{_PERHAPS}){_ENDS}")
_MARKED = re.compile(r"[-–—:=\t]\s*$")  # "Soap - 24 bar" orders bars
_SIGNS = frozenset("°Ωµμ")
_KELVIN = re.compile(rf"[ \u00a0]?[KК]{_ENDS}")
_AC_DC = re.compile(r"[ \u00a0]?(?:[AА]C|DC)\b")
_LEAST_KELVIN = 4  # digits: "4000 K" is a colour of light


def property_behind(line: str, start: int, end: int) -> int:
    """Where the unit of a property ends that stands behind the number; 0 when none does."""
    following = line[end : end + 2].lstrip()[:1]
    if not following.isalpha() and following not in _SIGNS:
        return 0
    match = _ALWAYS_ONE.match(line, end)
    if match is None and not _MARKED.search(line[max(0, start - 3) : start]):
        match = _PERHAPS_ONE.match(line, end)
        if match is None and end - start >= _LEAST_KELVIN:
            match = _KELVIN.match(line, end)
    if match is None:
        return 0
    current = _AC_DC.match(line, match.end())
    return current.end() if current else match.end()
