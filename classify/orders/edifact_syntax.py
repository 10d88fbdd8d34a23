"""EDIFACT's syntax: a text -> segments of elements of components.

In: the text of an interchange. Out: (tag, elements), each element a list of components, in order.
Standard: ISO 9735 versions 3 and 4: service string advice UNA, release character, line ends
between segments ignored.

Limits: repetition separators of version 4 are kept as text.
"""

from collections.abc import Iterator

Elements = list[list[str]]

_DEFAULT = ":+.? '"  # component, element, decimal mark, release, reserved, segment


def segments(text: str) -> Iterator[tuple[str, Elements]]:
    """Every segment of an interchange; never raises."""
    service = _DEFAULT
    text = text.lstrip("\ufeff \r\n\t")
    if text.startswith("UNA") and len(text) >= 9:
        service, text = text[3:9], text[9:]
    component, element, release, terminator = service[0], service[1], service[3], service[5]
    elements: Elements = [[]]
    part: list[str] = []
    escaped = False
    for char in text:
        if escaped:
            part.append(char)
            escaped = False
        elif char == release and release != " ":
            escaped = True
        elif char == component:
            elements[-1].append("".join(part))
            part = []
        elif char == element:
            elements[-1].append("".join(part))
            part = []
            elements.append([])
        elif char == terminator:
            elements[-1].append("".join(part))
            part = []
            yield from _segment(elements)
            elements = [[]]
        elif char not in "\r\n":
            part.append(char)
    elements[-1].append("".join(part))
    yield from _segment(elements)


def _segment(elements: Elements) -> Iterator[tuple[str, Elements]]:
    tag = elements[0][0].strip() if elements[0] else ""
    if tag:
        yield tag, elements[1:]
