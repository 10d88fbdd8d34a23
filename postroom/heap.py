"""What the C library keeps of freed memory: little, and no more after a large message than before.

glibc gives a block above 128 kB back to the system when it is freed. But the first one that is
freed moves that bound up to its own size, at most 32 MB, and twice as much may then lie unused at
the end of each heap, and every thread has a heap. So a process whose threads have seen large
messages would hold tens of megabytes a thread until it ends. Bounds that are set stay.

Limits: glibc only (mallopt(3)); elsewhere nothing is done. Blocks above the bound cost a page
fault for each page whenever they are taken.
"""

import contextlib
import ctypes

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h
_OWN_MAPPING = 1 << 20  # octets from which a block is one; messages are rarely larger
_UNUSED_END = 1 << 20  # octets that a heap may keep at its end


def keep_it_small() -> None:
    """Fixes the bounds for this process, now and later."""
    library = ctypes.CDLL(None)
    with contextlib.suppress(AttributeError):  # a C library without mallopt
        library.mallopt(_M_MMAP_THRESHOLD, _OWN_MAPPING)
        library.mallopt(_M_TRIM_THRESHOLD, _UNUSED_END)
