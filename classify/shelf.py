"""The shelf of models at a site: which one is live, which waits as candidate, who put it there.

In and out: the folder `models` of the service's state_dir.

    NAME.onnx  NAME.md  NAME.json   a model, its card, what it was trained on (training.py)
    live.onnx  candidate.onnx       links to one of them; without `live` the shipped one is live
    history.jsonl                   each promotion and rollback: when, who, what, why
    sides.json                      of each sender, by a digest, whether its mail is held out

Links are replaced in one step, so a service that starts or reloads at any moment finds a whole
model. Models are never deleted here; a person may delete those that are neither. A line of the
history that cannot be read, as one torn by a loss of power, is left out.

Limits: one folder, one host; the parts of a service on several hosts each need the folder.
"""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from postroom import maillog
from postroom.failure import PermanentFailure
from postroom.ownership import give_to_owner

from .concepts import Concepts
from .scorer import SHIPPED, Model, ModelError

_LIVE, _CANDIDATE, _HISTORY = "live.onnx", "candidate.onnx", "history.jsonl"
_SIDES = "sides.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One line of the history."""

    at: str  # ISO 8601
    who: str
    verb: str  # promote or rollback
    model: str  # live afterwards; empty: the shipped one
    before: str  # live until then
    forced: bool = False  # promoted against the comparison's word
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """The folder."""

    folder: Path

    @property
    def live(self) -> Path | None:
        """The site's live model; None: the shipped one."""
        return self._linked(_LIVE)

    @property
    def candidate(self) -> Path | None:
        """The model that waits to be promoted, or None."""
        return self._linked(_CANDIDATE)

    def place(self, name: str) -> Path:
        """Where a model of that name lies; the folder is made."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return self.folder / f"{name}.onnx"

    def put_candidate(self, model: Path) -> None:
        """Makes a model of the shelf the candidate."""
        self._link(_CANDIDATE, model)

    def promote(self, who: str, now: datetime, *, forced: bool, why: str) -> Change:
        """Makes the candidate live; durable on return. Raises PermanentFailure(no-candidate)."""
        model = self.candidate
        if model is None:
            raise PermanentFailure("no-candidate", RuntimeError("run `postroom model train` first"))
        before = self.live
        self._link(_LIVE, model)
        (self.folder / _CANDIDATE).unlink()
        return self._note(who, now, "promote", model, before, forced=forced, why=why)

    def rollback(self, who: str, now: datetime) -> Change:
        """Makes live what was live before; durable on return.

        Raises PermanentFailure(nothing-to-roll-back) when the shipped model is live, and
        PermanentFailure(model-gone) when somebody deleted the one before.
        """
        live = self.live
        if live is None:
            raise PermanentFailure(
                "nothing-to-roll-back", RuntimeError("the shipped model is live")
            )
        before = next((c.before for c in self._backwards() if c.model == live.stem), "")
        target = self.folder / f"{before}.onnx"
        if before and not target.is_file():
            raise PermanentFailure("model-gone", FileNotFoundError(str(target)))
        if before:
            self._link(_LIVE, target)
        else:
            (self.folder / _LIVE).unlink()
        return self._note(who, now, "rollback", target if before else None, live)

    def history(self) -> list[Change]:
        """Every change, oldest first."""
        path = self.folder / _HISTORY
        if not path.is_file():
            return []
        lines = path.read_bytes().splitlines()
        changes = (_change(line) for line in lines if line.strip())
        return [change for change in changes if change is not None]

    def sides(self) -> dict[str, bool]:
        """Of each sender there was at a training, by a digest, whether its mail is held out.

        Raises PermanentFailure(sides-unreadable).
        """
        path = self.folder / _SIDES
        try:
            written = json.loads(path.read_text(encoding="ascii"))
            return {str(name): bool(is_out) for name, is_out in written.items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, AttributeError) as error:
            mend = f"{path} cannot be read: mend it, or delete it to hold out anew"
            raise PermanentFailure("sides-unreadable", ValueError(mend)) from error

    def keep_sides(self, sides: Mapping[str, bool]) -> None:
        """Keeps them for the trainings to come; durable on return."""
        self.folder.mkdir(parents=True, exist_ok=True)
        fresh = self.folder / f".{_SIDES}.new"
        with fresh.open("w", encoding="ascii") as file:
            json.dump(dict(sides), file)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self.folder / _SIDES)
        _sync(self.folder)
        give_to_owner(self.folder)

    def _backwards(self) -> Iterator[Change]:
        """The promotions that are still in force, newest first."""
        undone = 0
        for change in reversed(self.history()):
            if change.verb == "rollback":
                undone += 1
            elif undone:
                undone -= 1
            else:
                yield change

    def _linked(self, name: str) -> Path | None:
        link = self.folder / name
        return self.folder / os.readlink(link) if link.is_symlink() else None

    def _link(self, name: str, model: Path) -> None:
        fresh = self.folder / f".{name}.new"
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(model.name)
        fresh.replace(self.folder / name)
        _sync(self.folder)
        give_to_owner(self.folder)

    def _note(
        self,
        who: str,
        now: datetime,
        verb: str,
        model: Path | None,
        before: Path | None,
        *,
        forced: bool = False,
        why: str = "",
    ) -> Change:
        change = Change(
            at=now.isoformat(timespec="seconds"),
            who=who,
            verb=verb,
            model=model.stem if model else "",
            before=before.stem if before else "",
            forced=forced,
            why=why,
        )
        line = json.dumps(asdict(change), ensure_ascii=False).encode() + b"\n"
        with (self.folder / _HISTORY).open("ab+") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 1))
            torn = file.read(1) not in (b"", b"\n")  # the line before: ours begins anew
            file.write(b"\n" * torn + line)
            file.flush()
            os.fsync(file.fileno())
        give_to_owner(self.folder)
        return change


def _change(line: bytes) -> Change | None:
    """A line of the history; None, which is reported, where it was torn or is none of ours."""
    try:
        return Change(**json.loads(line))
    except (ValueError, TypeError, RecursionError) as error:
        maillog.degraded(part="model", reason=f"{_HISTORY}: {type(error).__name__} in a line")
        return None


def _sync(folder: Path) -> None:
    """Makes a renaming in the folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def live_model(
    configured: Path | None, shelf: Shelf | None, concepts: Concepts
) -> tuple[Path, ModelError | None]:
    """The model in force: the configured one, else the site's, else the shipped one.

    A site's model that cannot be used, as one trained for an older Postroom, gives way to the
    shipped one until another is trained: then the error says why.
    """
    own = shelf.live if shelf else None
    if configured or own is None:
        return configured or SHIPPED, None
    try:
        Model(own, concepts)
    except ModelError as error:
        return SHIPPED, error
    return own, None
