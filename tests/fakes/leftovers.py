"""Whether something still holds a message's bytes when all is over."""

import asyncio
import gc
import sys
from collections.abc import Callable, Coroutine
from typing import Any


def keeps_nothing(raw: bytes, scene: Callable[[], Coroutine[Any, Any, None]]) -> bool:
    """Plays a scene; True when `raw` is held as often as before, without the garbage collector."""
    held = sys.getrefcount(raw)
    gc.disable()
    try:
        asyncio.run(scene())
        return sys.getrefcount(raw) == held
    finally:
        gc.enable()
