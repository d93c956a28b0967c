"""Numbers behind the chapters on buckets, alpha, lambda and views, a row each, and their tables."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from btsr_core.analysis.intervals import Interval, relative
from btsr_core.pages.dials import (
    Sides,
    Sweep,
    bucket_numbers,
    contributions,
    level,
    relative_difference,
    scores,
    seeds_of,
)
from btsr_core.pages.results import common_seeds
from btsr_core.pages.words import NOTHING, signed
from btsr_core.study.measure import READINGS
from btsr_core.study.records import ALL_ITEMS, Record, Targets

MEAN = -1
"""Stands in the column `seed` for the mean over seeds, the row that has an interval."""

_NO_BOUNDS = (np.nan, np.nan)
_COLUMNS = ["system", "bucket", "metric", "seed", "value", "low", "high"]


def bucket_name(bucket: int, n_buckets: int | None = None) -> str:
    """Return what readers call a bucket; of `ALL_ITEMS`, all targets.

    Parameters
    ----------
    n_buckets
        How many there are, to say which are the most and the least popular; None leaves that out.
    """
    if bucket == ALL_ITEMS:
        return "all targets"
    ends = {1: " (most popular)", n_buckets: " (least popular)"} if n_buckets else {}
    return f"bucket {bucket}{ends.get(bucket, '')}"


def bucket_sizes(targets: Targets) -> pd.DataFrame:
    """Return how large the buckets are: items, training interactions, targets by reading."""
    numbers = bucket_numbers(targets)
    items = np.array(targets.sizes["bucket_items"])
    interactions = np.array(targets.sizes["bucket_interactions"])
    columns = {"items": items, "training interactions": interactions}
    for reading in READINGS:
        found = targets.of(reading)["bucket"].value_counts()
        columns[f"targets, {reading}"] = np.array([int(found.get(one, 0)) for one in numbers])
    index = [bucket_name(one, len(numbers)) for one in numbers]
    return pd.DataFrame(
        {name: [_with_share(one, values.sum()) for one in values]
         for name, values in columns.items()},
        index=index,
    )  # fmt: skip


def levels(systems: Sides, metrics: Sequence[str], reading: str, targets: Targets) -> pd.DataFrame:
    """Return metrics of each system by bucket: a row a seed, and a row for the mean (`MEAN`).

    Returns
    -------
    DataFrame
        Columns `system`, `bucket`, `metric`, `seed`, `value`, `low`, `high`; only means have
        bounds.
    """
    rows: list[tuple[Any, ...]] = []
    for name, records in systems.items():
        for bucket in bucket_numbers(targets):
            for metric in metrics:
                rows += [
                    (
                        name,
                        bucket,
                        metric,
                        _seed(one),
                        one.value(metric, reading, bucket),
                        *_NO_BOUNDS,
                    )
                    for one in records
                ]
                found = level([records], metric, reading, targets, bucket)
                rows.append((name, bucket, metric, MEAN, *_numbers(found)))
    return pd.DataFrame(rows, columns=_COLUMNS)


def relative_changes(
    sides: Sides, base: Sequence[Record], metrics: Sequence[str], reading: str, targets: Targets
) -> pd.DataFrame:
    """Return by which fraction each system differs from one: a row a seed, and one for the mean.

    The base itself is left out.

    Returns
    -------
    DataFrame
        As `levels` has it, `system` being the key in `sides`, `bucket` all targets.
    """
    rows: list[tuple[Any, ...]] = []
    for name, records in sides.items():
        if records is base:
            continue
        for metric in metrics:
            for ours, other in common_seeds(records, base):
                change = relative(ours.value(metric, reading), other.value(metric, reading))
                rows.append((name, ALL_ITEMS, metric, _seed(ours), change, *_NO_BOUNDS))
            found = relative_difference([records], [base], metric, reading, targets)
            rows.append((name, ALL_ITEMS, metric, MEAN, *_numbers(found)))
    return pd.DataFrame(rows, columns=_COLUMNS)


def beside_first(
    sweep: Sweep, metrics: Sequence[str], reading: str, targets: Targets
) -> pd.DataFrame:
    """Return `relative_changes` from the first value of a setting; nothing of nothing."""
    base = next(iter(sweep.values()), [])
    return relative_changes(sweep, base, metrics, reading, targets)


def bucket_scores(
    sweep: Sweep, metrics: Sequence[str], reading: str, targets: Targets
) -> dict[str, pd.DataFrame]:
    """Return `dials.scores` by the name of the bucket."""
    numbers = bucket_numbers(targets)
    return {
        bucket_name(one, len(numbers)): scores(sweep, metrics, reading, [one]) for one in numbers
    }


def bucket_parts(
    pairs: Sequence[tuple[str, str, Sequence[Record], Sequence[Record]]],
    metric: str,
    reading: str,
    targets: Targets,
) -> pd.DataFrame:
    """Return how much of each pair's difference comes from each bucket; a row a seed, and the mean.

    Parameters
    ----------
    pairs
        As `dials.beside_plain` gives them.

    Returns
    -------
    DataFrame
        As `levels` has it; `system` names the regularised system and the one it is compared with.
    """
    rows: list[tuple[Any, ...]] = []
    for plain, name, others, ours in pairs:
        label = f"{name} minus {plain}"
        found = contributions([ours], [others], metric, reading, targets)
        for seed in seeds_of([ours, others]):
            one, other = (
                [record for record in some if _seed(record) == seed] for some in (ours, others)
            )
            own = contributions([one], [other], metric, reading, targets)
            rows += [
                (label, bucket, metric, seed, part.mean, *_NO_BOUNDS)
                for bucket, part in own.items()
            ]
        rows += [(label, bucket, metric, MEAN, *_numbers(part)) for bucket, part in found.items()]
    return pd.DataFrame(rows, columns=_COLUMNS)


def relative_table(changes: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return mean relative differences as text, a row a system of each series.

    Parameters
    ----------
    changes
        By the name of a series, as `relative_changes` gives them.
    """
    columns: dict[tuple[str, str], dict[str, str]] = {}
    for series, frame in changes.items():
        for _, row in frame[frame["seed"] == MEAN].iterrows():
            cells = columns.setdefault((series, str(row["system"])), {})
            cells[str(row["metric"])] = _share_text(row["value"], row["low"], row["high"])
    table = pd.DataFrame.from_dict(columns, orient="index").fillna("")
    table.index = pd.Index([f"{series}, {name}" if series else name for series, name in columns])
    return table


def _share_text(value: float, low: float, high: float) -> str:
    if np.isnan(value):
        return "not known"
    percent, *ends = (signed(100 * one, 1) for one in (value, low, high))
    return f"{percent} %" + ("" if NOTHING in ends else f" ({' to '.join(ends)})")


def _with_share(count: int, total: int) -> str:
    return f"{count:,} ({100 * count / total:.1f} %)" if total else f"{count:,}"


def _numbers(interval: Interval) -> tuple[float, float, float]:
    return interval.mean, interval.low, interval.high


def _seed(record: Record) -> int:
    return record.experiment.train.seed
