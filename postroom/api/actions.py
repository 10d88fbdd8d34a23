"""Routes: one action of the outbox, and the verbs that move it."""

from enum import Enum
from typing import Any

from fastapi import APIRouter, Response

from . import shapes
from .guard import Approver, Viewer
from .messages import InRoom, Number
from .versions import Seen, tag

router = APIRouter(tags=["actions"])


class Verb(Enum):
    """What can be done with an action."""

    HOLD = "hold"
    RELEASE = "release"
    RETRY = "retry"
    DROP = "drop"


@router.get("/actions/{number}", response_model=shapes.ActionStory)
def action(number: Number, room: InRoom, _token: Viewer, response: Response) -> Any:
    """Everything about one action; its ETag is what a verb must name."""
    story = room.operator.action(number)
    tag(response, story["version"])
    return story


@router.post("/actions/{number}/{verb}", response_model=shapes.Done)
def move(
    number: Number, verb: Verb, asked: shapes.Because, token: Approver, seen: Seen, room: InRoom
) -> Any:
    """Hold, release, retry or drop an action."""
    room.operator.move(number, verb.value, token.name, reason=asked.reason, version=seen)
    return shapes.Done()
