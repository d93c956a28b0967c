"""Numbers and lists as they stand in sentences and tables."""

import math
from collections.abc import Sequence

from btsr_core.analysis.intervals import Interval

MINUS = "\N{MINUS SIGN}"
NOTHING = "\N{EN DASH}"
"""Stands in a table where there is nothing to tell."""


def joined(parts: Sequence[str]) -> str:
    """Return words as a list in a sentence: `a, b and c`; nothing of none."""
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} and {parts[-1]}"


def signed(value: float, decimals: int = 4) -> str:
    """Return a difference of a metric with its sign."""
    return NOTHING if math.isnan(value) else f"{value:+.{decimals}f}".replace("-", MINUS)


def unsigned(value: float | None, decimals: int = 4) -> str:
    """Return a metric, or that there is none."""
    return NOTHING if value is None or math.isnan(value) else f"{value:.{decimals}f}"


def bounds(interval: Interval, decimals: int = 4) -> str:
    """Return an interval's ends."""
    if math.isnan(interval.low):
        return NOTHING
    return f"{signed(interval.low, decimals)} to {signed(interval.high, decimals)}"


def with_bounds(interval: Interval) -> str:
    """Return a difference, its interval in brackets where there is one."""
    ends = bounds(interval)
    return signed(interval.mean) + (f" ({ends})" if ends != NOTHING else "")


def count(n: int, noun: str, plural: str = "") -> str:
    """Return a number of things."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {plural or noun + 's'}"


def short_commit(found: str | None) -> str:
    """Return the first digits of a commit, with `-dirty` where the code had been changed."""
    identity, dash, rest = (found or "unknown").partition("-")
    return f"{identity[:10]}{dash}{rest}"
