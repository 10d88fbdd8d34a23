"""The one way our values become JSON and come back.

In: a frozen dataclass of ours (Verdict, Order, Decision ...). Out: JSON text that is the same
bytes for the same value, and back. Decimals travel as strings ("1234.50"), dates as ISO 8601,
enums as their value.

Limits: unknown fields are ignored and missing ones take their default, so a row written by a
neighbouring version can be read; a field that changes its meaning needs a new name.
"""

from collections.abc import Hashable
from functools import cache
from typing import Any, TypeVar, cast

from pydantic import TypeAdapter, ValidationError

from .failure import PermanentFailure

T = TypeVar("T")


@cache
def _adapter(kind: Hashable) -> TypeAdapter[Any]:
    return TypeAdapter(cast(Any, kind))


def to_json(value: object) -> str:
    """The value as compact JSON; equal values give equal bytes."""
    return _adapter(cast(Hashable, type(value))).dump_json(value).decode()


def to_plain(value: object) -> Any:
    """The value as JSON-ready dicts, lists, strings and numbers."""
    return _adapter(cast(Hashable, type(value))).dump_python(value, mode="json")


def from_json(kind: type[T], text: str | bytes) -> T:
    """The value of `kind` that `to_json` wrote.

    Raises PermanentFailure(unreadable-value) when the text is not such a value.
    """
    try:
        value: T = _adapter(cast(Hashable, kind)).validate_json(text)
    except ValidationError as error:
        raise PermanentFailure("unreadable-value", error) from error
    return value
