"""Routes: the queue, messages with their raw mail and parts, and a person's word on them.

Raw mail and parts are hostile: they are downloads, never pages. A part is always
application/octet-stream, whatever it calls itself, under a policy that would run nothing.
"""

import unicodedata
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Path, Response

from postroom.answers import read_answer

from . import shapes
from .guard import Approver, Viewer
from .room import Room, room_of
from .versions import Seen, tag

router = APIRouter(tags=["review"])
Number = Annotated[int, Path(ge=1, le=2**31 - 1)]
InRoom = Annotated[Room, Depends(room_of)]
_SANDBOX = "sandbox; default-src 'none'; frame-ancestors 'none'"
_LONGEST_NAME = 150


@router.get("/queue", response_model=list[shapes.QueueItem])
def queue(room: InRoom, _token: Viewer) -> Any:
    """What waits for a person, was held, gave up or backs off; oldest first."""
    return room.operator.queue()


@router.get("/messages/{number}", response_model=shapes.MessageStory)
def message(number: Number, room: InRoom, _token: Viewer, response: Response) -> Any:
    """Everything known of a message; its ETag is what a decision must name."""
    story = room.operator.explain(number)
    tag(response, story["version"])
    return story


@router.get("/messages/{number}/text", response_model=shapes.MessageText)
def text(number: Number, room: InRoom, _token: Viewer) -> Any:
    """What the message says, as plain text, and its parts."""
    return read_answer(room.operator.read(number))


@router.get(
    "/messages/{number}/raw",
    response_class=Response,
    responses={200: {"content": {"message/rfc822": {}}, "description": "As it came."}},
)
def raw(number: Number, room: InRoom, _token: Viewer) -> Response:
    """The message as it came, to be saved."""
    return _download(room.operator.raw(number), f"m{number}.eml", "message/rfc822")


@router.get(
    "/messages/{number}/attachments/{sha256}",
    response_class=Response,
    responses={200: {"content": {"application/octet-stream": {}}, "description": "The part."}},
)
def attachment(
    number: Number,
    sha256: Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")],
    room: InRoom,
    _token: Viewer,
) -> Response:
    """One decoded part of a message, to be saved."""
    name, content = room.part(number, sha256)
    return _download(content, name, "application/octet-stream")


@router.post("/messages/{number}/approve", response_model=shapes.Approved)
def approve(
    number: Number, asked: shapes.Because, token: Approver, seen: Seen, room: InRoom
) -> Any:
    """Let a message in review have its planned steps."""
    planned = room.operator.approve(number, token.name, reason=asked.reason, version=seen)
    return {"planned": planned}


@router.post("/messages/{number}/reject", response_model=shapes.Done)
def reject(number: Number, asked: shapes.Because, token: Approver, seen: Seen, room: InRoom) -> Any:
    """Decide that nothing follows from a message in review."""
    room.operator.reject(number, token.name, reason=asked.reason, version=seen)
    return shapes.Done()


@router.post("/messages/{number}/correct", response_model=shapes.Consequence)
def correct(
    number: Number, asked: shapes.Corrected, token: Approver, seen: Seen, room: InRoom
) -> Any:
    """Say what a message in review really is; what follows is decided anew."""
    given = asked.correction.model_dump(exclude_none=True)
    outcome = room.operator.correct(number, token.name, given, reason=asked.reason, version=seen)
    return {"outcome": outcome}


@router.post("/messages/{number}/forward", response_model=shapes.NewAction)
def forward(
    number: Number, asked: shapes.Forwarded, token: Approver, seen: Seen, room: InRoom
) -> Any:
    """Hand a message to a colleague, as it came; with `close` the review ends."""
    action = room.operator.forward(
        number, asked.to, token.name, close=asked.close, reason=asked.reason, version=seen
    )
    return {"action": action}


def _download(content: bytes, name: str, kind: str) -> Response:
    headers = {
        "Content-Disposition": _attachment_name(name),
        "Content-Security-Policy": _SANDBOX,
    }
    return Response(content, media_type=kind, headers=headers)


def _attachment_name(name: str) -> str:
    """Content-Disposition with a name that is one (RFC 6266 4.3, RFC 8187)."""
    # No path, no control, and none of the marks that turn "gpj.exe" into "exe.jpg".
    plain = "".join(c for c in name if unicodedata.category(c)[0] != "C" and c not in '/\\:*?"<>|')
    plain = plain.strip(" .")[-_LONGEST_NAME:] or "part"
    ascii_name = plain.encode("ascii", "replace").decode().replace("?", "_")
    return f"attachment; filename=\"{ascii_name}\"; filename*=UTF-8''{quote(plain, safe='')}"
