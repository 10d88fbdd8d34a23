"""Routes: reply templates. The digest in a decision is the text that was seen."""

from typing import Annotated, Any

from fastapi import APIRouter, Path

from . import shapes
from .guard import Admin, Viewer
from .messages import InRoom

router = APIRouter(tags=["templates"])
Title = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}\.[a-z]{2}$")]


@router.get("/templates", response_model=list[shapes.Template])
def templates(room: InRoom, _token: Viewer) -> Any:
    """Every template, and whether replies may be written with it."""
    return room.approver.templates()


@router.get("/templates/{title}", response_model=shapes.TemplateStory)
def template(title: Title, room: InRoom, _token: Viewer) -> Any:
    """One template: its texts, its versions, and what changed since the last decision."""
    return room.approver.template(title)


@router.post("/templates/{title}/approve", response_model=shapes.Version)
def approve(title: Title, asked: shapes.Seen, room: InRoom, token: Admin) -> Any:
    """Let replies be written with exactly this text."""
    return {"version": room.approver.approve(title, token.name, asked.digest)}


@router.post("/templates/{title}/revoke", response_model=shapes.Version)
def revoke(title: Title, asked: shapes.Seen, room: InRoom, token: Admin) -> Any:
    """Let no reply be written with this text any more."""
    return {"version": room.approver.revoke(title, token.name, asked.digest)}
