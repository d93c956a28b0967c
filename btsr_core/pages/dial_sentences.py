"""Numbers with their evidence as words, and takeaways about alpha, lambda, buckets and views."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from btsr_core.analysis.intervals import Interval
from btsr_core.pages.claims import Basis, basis_of
from btsr_core.pages.dial_tables import MEAN, bucket_name
from btsr_core.pages.dials import Sides, Sweep, relative_difference, seeds_of
from btsr_core.pages.words import joined, signed, unsigned
from btsr_core.study.records import ALL_ITEMS, Record
from btsr_core.study.run import Standing
from btsr_core.study.search import Value

NO_INTERVAL = "no interval"
"""Where too few seeds are in common, or nothing varies."""


def evidence(place: Standing, reading: str, *sides: Sides) -> Basis:
    """Return what a comparison rests on; seeds are those that all sides share."""
    return basis_of(place, reading, len(seeds_of(*(side.values() for side in sides))))


def number(interval: Interval) -> str:
    """Return a difference with its 95 % interval."""
    return _with_interval(interval, signed)


def size(interval: Interval) -> str:
    """Return a metric with its 95 % interval."""
    return _with_interval(interval, unsigned)


def share(interval: Interval) -> str:
    """Return a relative difference with its 95 % interval, in per cent."""
    return _with_interval(interval, lambda value: f"{signed(100 * value, 1)} %")


def listed(values: Iterable[Value]) -> str:
    """Return the values of a setting as words."""
    return ", ".join(map(str, values)) or "(none recorded)"


def decorrelation_effect(
    place: Standing, sweep: Sweep, reading: str, metrics: Sequence[str]
) -> str:
    """Say what the off-diagonal part of L_BT does: lambda above 0 beside lambda = 0 (Figs 6, 7, 9).

    Parameters
    ----------
    sweep
        Records by lambda.
    metrics
        Which to compare.
    """
    without = {value: records for value, records in sweep.items() if value == 0}
    with_it = {value: records for value, records in sweep.items() if value != 0}
    if not without or not with_it:
        return (
            "Runs with \N{GREEK SMALL LETTER LAMDA} = 0 and above are needed to say what "
            f"decorrelation does; recorded: {listed(sweep)}."
        )
    found = {
        metric: relative_difference(
            [*with_it.values()], [*without.values()], metric, reading, place.targets
        )
        for metric in metrics
    }
    told = "; ".join(f"{metric} {share(one)}" for metric, one in found.items())
    return (
        f"{_apart(found)} On average over \N{GREEK SMALL LETTER LAMDA} "
        f"{listed(with_it)}, beside "
        f"\N{GREEK SMALL LETTER LAMDA} = 0, which leaves decorrelation out: {told} "
        f"(95 % intervals; {evidence(place, reading, without, with_it)})."
    )


def _apart(found: Mapping[str, Interval]) -> str:
    clear = [metric for metric, one in found.items() if one.excludes_zero]
    if not clear:
        return "No metric tells decorrelation from its absence."
    return f"Decorrelation makes a difference in {joined(clear)}."


def best_value(sweep: Sweep, metric: str, reading: str) -> str:
    """Say at which value of a setting the mean of a metric is highest, and how far seeds lie apart.

    It was found on test targets: it describes, and is nothing to choose a value by.
    """
    means = {
        value: np.mean([record.value(metric, reading) for record in records])
        for value, records in sweep.items()
    }
    known = {value: float(mean) for value, mean in means.items() if not math.isnan(mean)}
    if not known:
        return f"{metric} is known nowhere."
    best, worst = max(known, key=known.__getitem__), min(known, key=known.__getitem__)
    spread = max(_range(records, metric, reading) for records in sweep.values())
    return (
        f"The mean {metric} is highest at {best} ({known[best]:.4f}) and lowest at {worst} "
        f"({known[worst]:.4f}), {known[best] - known[worst]:.4f} apart; seeds of one value lie up "
        f"to {spread:.4f} apart."
    )


def origin(parts: pd.DataFrame) -> str:
    """Say from which buckets the differences of one metric come, as far as that can be told.

    Parameters
    ----------
    parts
        As `dial_tables.bucket_parts` gives them.
    """
    means = parts[(parts["seed"] == MEAN) & (parts["bucket"] != ALL_ITEMS)]
    if means.empty:
        return "No regularised system is recorded beside the plain one with its objective."
    told, untold = [], []
    for name, rows in means.groupby("system", sort=False):
        clear = rows[(rows["low"] > 0) | (rows["high"] < 0)]
        listed_parts = [
            f"{bucket_name(row['bucket'])} ({signed(row['value'])})" for _, row in clear.iterrows()
        ]
        if listed_parts:
            told.append(f"{name}: {joined(listed_parts)}")
        else:
            untold.append(str(name))
    metric = next(iter(means["metric"]))
    said = f"Parts of the difference in {metric} whose interval excludes zero: "
    said += ("; ".join(told) or "none") + "."
    return f"{said} In no bucket: {'; '.join(untold)}." if untold else said


def _range(records: Sequence[Record], metric: str, reading: str) -> float:
    values = [record.value(metric, reading) for record in records]
    return max(values) - min(values)


def _with_interval(interval: Interval, form: Callable[[float], str]) -> str:
    if math.isnan(interval.mean):
        return "not known"
    if math.isnan(interval.low):
        return f"{form(interval.mean)} ({NO_INTERVAL})"
    return f"{form(interval.mean)} ({form(interval.low)} to {form(interval.high)})"
