"""Parts that hold other parts in their own packing: winmail.dat, S/MIME and signed files.

In: a leaf. Out: the parts inside it, as if they had stood in its place, or nothing when it is no
container. "order.pdf.p7m" (CAdES) is a file signed as it stood: a document under its own name.
Standards: at tnef.py and smime.py. What cannot be opened stays a document and a problem says why:
"encrypted", "smime-broken", "tnef-broken".
"""

import re

from postroom.config import ReadingSection

from .budget import Budget
from .fields import Field
from .mime import parse_message
from .parameters import Parameterised
from .parts import Part
from .problems import Problems
from .smime import unwrap
from .tnef import TnefError, read_tnef

_SMIME = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime"})
_TNEF = frozenset({"application/ms-tnef", "application/vnd.ms-tnef"})
_ENDING = ".p7m"
_FILE_NAME = re.compile(r"\.[A-Za-z]\w{1,4}$")  # before ".p7m": "order.pdf", not "smime"
_DEPTH = 10  # containers in containers


def opened(
    part: Part, name: str, limits: ReadingSection, budget: Budget, problems: Problems
) -> list[Part]:
    """The parts inside a container; empty for any other part."""
    is_tnef = part.type in _TNEF or name.lower() == "winmail.dat"
    if not is_tnef and part.type not in _SMIME and not name.lower().endswith(".p7m"):
        return []
    budget.containers -= 1
    if budget.containers < 0:
        problems.add("containers-limit")
        return []
    return _tnef_parts(part, problems) if is_tnef else _smime_parts(part, name, limits, problems)


def _smime_parts(part: Part, name: str, limits: ReadingSection, problems: Problems) -> list[Part]:
    kind = part.content_type.get("smime-type").lower()
    if kind in ("enveloped-data", "authenveloped-data"):
        problems.add("encrypted")
        return []
    if kind == "certs-only":
        return []
    if part.depth > _DEPTH:
        problems.add("containers-limit")
        return []
    entity, problem = unwrap(part.decoded(problems))
    problems.add(problem)
    if not entity:
        return []
    bare = name[: -len(_ENDING)] if name.lower().endswith(_ENDING) else name
    found = Problems()  # of octets that may be no message
    root = None if _FILE_NAME.search(bare) else parse_message(entity, limits, found)
    if root is None or not any(one.key == b"content-type" for one in root.fields):
        file = made("application/octet-stream", entity, name=bare or "signed", depth=part.depth + 1)
        return [file]
    for token in found.tokens:
        problems.add(token)
    for one in root.walk():
        one.depth += part.depth + 1
    root.is_message_root = False
    return [root]


def _tnef_parts(part: Part, problems: Problems) -> list[Part]:
    try:
        inside = read_tnef(part.decoded(problems))
    except TnefError:
        problems.add("tnef-broken")
        return []
    if inside.broken:
        problems.add("tnef-broken")
    depth = part.depth + 1
    parts = []
    if inside.html:
        parts.append(made("text/html", inside.html.encode("utf-8", "replace"), depth=depth))
    elif inside.text:
        parts.append(made("text/plain", inside.text.encode("utf-8", "replace"), depth=depth))
    for one in inside.files:
        media_type = one.type if "/" in one.type else "application/octet-stream"
        made_part = made(media_type, one.data, name=one.name, depth=depth)
        made_part.inside_message = one.inside_message
        if one.content_id:
            identity = f"<{one.content_id}>".encode("utf-8", "replace")
            made_part.fields = (Field(name=b"Content-ID", value=identity, raw=b""),)
        parts.append(made_part)
    return parts


def made(media_type: str, octets: bytes, *, name: str = "", depth: int = 0) -> Part:
    """A leaf of our own making; with a name it is an attachment, without one it is text."""
    charset = {"charset": "utf-8"} if media_type.startswith("text/") and not name else {}
    return Part(
        content_type=Parameterised(value=media_type, parameters=charset),
        disposition=Parameterised(
            value="attachment" if name else "", parameters={"filename": name} if name else {}
        ),
        buffer=octets,
        end=len(octets),
        depth=depth,
    )
