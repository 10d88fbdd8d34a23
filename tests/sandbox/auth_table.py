"""A bench's figures as one table, and what they say of the targets. Pure.

In: what was measured per cell, one value a round. Out: medians with min..max.
"""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rich.table import Table

from .contenders import AUTHENTICATING, BARE

# Octets -> CPU milliseconds of the milter per message with classification off: at most, aimed at.
TARGETS = {5_000: (5.0, 2.5), 50_000: (11.0, 5.0)}

Cell = tuple[str, int, int]  # contender, size, concurrency


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One cell of one round, next to the bare Postfix of the same round."""

    cpu_ms: float  # of the milter's processes, per message
    per_second: float
    share: float  # of the bare Postfix's throughput
    later_p50_ms: float  # of the reply to the final dot
    later_p99_ms: float


def table(measured: Mapping[Cell, Sequence[Measured]], caption: str) -> Table:
    """Medians over the rounds with min..max, one row per cell, sizes together."""
    told = Table(title="Authentication: cost per message", caption=caption)
    told.add_column("kB", justify="right")
    told.add_column("clients", justify="right")
    told.add_column("through", no_wrap=True)
    for name in (
        "milter CPU\nms",
        "msg/s",
        "of bare",
        "reply later\np50 ms",
        "reply later\np99 ms",
    ):
        told.add_column(name, justify="right")
    told.add_column("CPU target")
    before: tuple[int, int] | None = None
    for cell in sorted(measured, key=lambda cell: cell[1:]):
        name, size, concurrency = cell
        if before not in (None, (size, concurrency)):
            told.add_section()
        before = (size, concurrency)
        rounds = measured[cell]
        is_bare = name == BARE
        told.add_row(
            f"{size // 1000}",
            f"{concurrency}",
            name,
            "" if is_bare else spread([one.cpu_ms for one in rounds], 2),
            spread([one.per_second for one in rounds], 0),
            "" if is_bare else spread([one.share for one in rounds], 2),
            "" if is_bare else spread([one.later_p50_ms for one in rounds], 1),
            "" if is_bare else spread([one.later_p99_ms for one in rounds], 1),
            judgement(size, rounds) if name == AUTHENTICATING else "",
        )
    return told


def verdicts(measured: Mapping[Cell, Sequence[Measured]]) -> Iterator[str]:
    """One sentence per target, over all concurrencies."""
    for size in TARGETS:
        mine = (AUTHENTICATING, size)
        found = [one for cell, rounds in measured.items() if cell[:2] == mine for one in rounds]
        if found:
            median = statistics.median(one.cpu_ms for one in found)
            told = judgement(size, found).replace("\n", ", ")
            yield f"{AUTHENTICATING}, {size // 1000} kB: milter CPU {median:.2f} ms: {told}"


def judgement(size: int, rounds: Sequence[Measured]) -> str:
    """Whether the median meets the target and the aim of that size."""
    most, aim = TARGETS[size]
    median = statistics.median(one.cpu_ms for one in rounds)
    target = "met" if median <= most else "MISSED"
    return f"<= {most:g} {target}\naim {aim:g} {'met' if median <= aim else 'missed'}"


def spread(values: Sequence[float], digits: int) -> str:
    """The median, and below it min..max."""
    low, high = min(values), max(values)
    return f"{statistics.median(values):.{digits}f}\n{low:.{digits}f}..{high:.{digits}f}"
