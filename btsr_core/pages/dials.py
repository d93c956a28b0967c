"""Recorded systems side by side: their levels and differences, by bucket of the target.

Metrics that are means over users (hr, ndcg, mrr) are compared target by target, and their intervals
speak of other seeds and other users. Coverage is a property of all lists at once: only seeds can be
compared there.

A side of a comparison is a list of systems, each a list of records, one a seed: the mean over the
systems counts, and of the seeds those that all have.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from btsr_core.analysis.intervals import (
    FloatArray,
    Interval,
    relative,
    relative_gain,
    two_way_interval,
    unbounded,
)
from btsr_core.analysis.significance import by_user, paired_seeds
from btsr_core.evaluation.metrics import PER_USER
from btsr_core.names import system_name
from btsr_core.pages.pairs import owners, target_values
from btsr_core.pages.results import values_of
from btsr_core.settings import BarlowTwins
from btsr_core.study.records import ALL_ITEMS, Record, Targets
from btsr_core.study.run import Standing
from btsr_core.study.search import Value

DEFAULT_SCALING = str(BarlowTwins.model_fields["scaling"].default)

Sweep = Mapping[Value, list[Record]]
"""Records by the value of a setting that varies, one a seed."""

Sides = Mapping[Any, Sequence[Record]]
"""Systems by their name or the value of a setting, as a side of a comparison."""

Side = Collection[Sequence[Record]]
"""The records of such systems alone."""


def sweeps(place: Standing, part: str, axis: str) -> dict[str, Sweep]:
    """Return the records of a part by the scaling of L_BT and the value of a setting.

    Values stand in the order of the plan; those without a record are left out, and so is a single
    value, which is no sweep. The default scaling comes first and is always there, the others where
    anything is recorded of them. A part that does not vary the scaling has the default one.

    Parameters
    ----------
    axis
        The setting that the part varies, such as `alpha`.
    """
    planned = [one for one in place.planned if one.part == part]
    order = list(dict.fromkeys(one.point[axis] for one in planned))
    found: dict[str, dict[Value, list[Record]]] = {DEFAULT_SCALING: {}}
    for one in planned:
        if one.run_id in place.records:
            sweep = found.setdefault(str(one.point.get("scaling", DEFAULT_SCALING)), {})
            sweep.setdefault(one.point[axis], []).append(place.records[one.run_id])
    return {
        scaling: {value: sweep[value] for value in order if value in sweep and len(sweep) > 1}
        for scaling, sweep in found.items()
    }


def beside_plain(
    found: Mapping[str, list[Record]],
) -> list[tuple[str, str, list[Record], list[Record]]]:
    """Return each regularised system with the plain one of its objective, where that is recorded.

    Returns
    -------
    list of tuple
        The names of the plain and of the regularised system, and the records of both.
    """
    rows = []
    for name, ours in found.items():
        loss = ours[0].experiment.loss
        plain = system_name(loss.model_copy(update={"alpha": 0.0}))
        if loss.is_regularised and plain in found:
            rows.append((plain, name, found[plain], ours))
    return rows


def is_mean(metric: str) -> bool:
    """Return whether a metric such as `hr@10` is a mean over users."""
    return metric.split("@", maxsplit=1)[0] in PER_USER


def seeds_of(*sides: Side) -> list[int]:
    """Return the seeds that all systems of some sides have, ascending."""
    known = [{one.experiment.train.seed for one in system} for side in sides for system in side]
    return sorted(set.intersection(*known)) if known else []


def values_by_user(
    records: Sequence[Record],
    metric: str,
    reading: str,
    targets: Targets,
    bucket: int = ALL_ITEMS,
    *,
    others_as_zero: bool = False,
) -> FloatArray:
    """Return (S, U) values of a metric, a row a record, a column a user.

    Parameters
    ----------
    metric
        A mean over users, such as `hr@10`.
    bucket
        Of the targets that count; `ALL_ITEMS` for all of them.
    others_as_zero
        Whether the other targets stay, with nothing gained there; else they, and users who have no
        target in the bucket, are left out.
    """
    users, buckets = owners(targets, reading), targets.of(reading)["bucket"].to_numpy()
    counts = (buckets == bucket) | (bucket == ALL_ITEMS)
    values = target_values(records, metric, reading).reshape(len(records), len(users)) * counts
    if others_as_zero:
        return by_user(values, users)
    return by_user(values[:, counts], users[counts])


def level(
    systems: Side, metric: str, reading: str, targets: Targets, bucket: int = ALL_ITEMS
) -> Interval:
    """Return the mean of a metric with its 95 % interval: over seeds and users, or over seeds."""
    seeds = seeds_of(systems)
    values = _values(systems, seeds, metric, reading, targets, bucket)
    nothing = np.zeros_like(values)
    if is_mean(metric):
        return two_way_interval(values, nothing)
    return paired_seeds(values, nothing).interval


def difference(
    ours: Side, others: Side, metric: str, reading: str, targets: Targets, bucket: int = ALL_ITEMS
) -> Interval:
    """Return by how much a metric of one side exceeds that of another, with its 95 % interval."""
    seeds = seeds_of(ours, others)
    a, b = (_values(side, seeds, metric, reading, targets, bucket) for side in (ours, others))
    return two_way_interval(a, b) if is_mean(metric) else paired_seeds(a, b).interval


def relative_difference(
    ours: Side, others: Side, metric: str, reading: str, targets: Targets, bucket: int = ALL_ITEMS
) -> Interval:
    """Return by which fraction a metric of one side exceeds that of another: 0.05 is 5 % more.

    Means over users are compared as `intervals.relative_gain` does; of others, geometric means over
    seeds, with Student's interval of the difference of the logarithms.
    """
    seeds = seeds_of(ours, others)
    a, b = (_values(side, seeds, metric, reading, targets, bucket) for side in (ours, others))
    if is_mean(metric):
        return relative_gain(a, b)
    if not seeds or not ((a > 0) & (b > 0)).all():
        return unbounded(relative(float(a.mean()), float(b.mean())) if seeds else np.nan)
    found = paired_seeds(np.log(a), np.log(b)).interval
    return Interval(*(float(np.expm1(one)) for one in (found.mean, found.low, found.high)))


def contributions(
    ours: Side, others: Side, metric: str, reading: str, targets: Targets
) -> dict[int, Interval]:
    """Return how much of the difference of a metric each bucket contributes; of 0, all of it.

    The parts add up to the whole: a bucket counts by its share of the targets, and for coverage by
    its share of the catalogue.
    """
    seeds = seeds_of(ours, others)
    found = {ALL_ITEMS: difference(ours, others, metric, reading, targets)}
    for bucket in bucket_numbers(targets):
        if is_mean(metric):
            a, b = (
                _mean(
                    [
                        values_by_user(
                            records, metric, reading, targets, bucket, others_as_zero=True
                        )
                        for records in _of_seeds(side, seeds)
                    ]
                )
                for side in (ours, others)
            )
            found[bucket] = two_way_interval(a, b)
        else:
            share = float((targets.buckets == bucket).mean())
            a, b = (
                share * _values(side, seeds, metric, reading, targets, bucket)
                for side in (ours, others)
            )
            found[bucket] = paired_seeds(a, b).interval
    return found


def bucket_numbers(targets: Targets) -> list[int]:
    """Return the numbers of the popularity buckets, 1 the most popular."""
    return list(range(1, int(targets.buckets.max(initial=0)) + 1))


def scores(
    systems: Mapping[Value, Sequence[Record]],
    metrics: Sequence[str],
    reading: str,
    buckets: Sequence[int] = (ALL_ITEMS,),
) -> pd.DataFrame:
    """Return recorded values, a row each: `system`, `seed`, `bucket`, `metric` and `value`."""
    rows = [
        (name, record.experiment.train.seed, bucket, metric, record.value(metric, reading, bucket))
        for name, records in systems.items()
        for record in records
        for bucket in buckets
        for metric in metrics
    ]
    return pd.DataFrame(rows, columns=["system", "seed", "bucket", "metric", "value"])


def _values(
    side: Side, seeds: Sequence[int], metric: str, reading: str, targets: Targets, bucket: int
) -> FloatArray:
    """Return the mean over systems: (S, U) of a mean over users, else (S,)."""
    return _mean(
        [
            values_by_user(records, metric, reading, targets, bucket)
            if is_mean(metric)
            else values_of(records, metric, reading, bucket)
            for records in _of_seeds(side, seeds)
        ]
    )


def _mean(values: Sequence[FloatArray]) -> FloatArray:
    return np.asarray(np.mean(values, axis=0))


def _of_seeds(side: Side, seeds: Sequence[int]) -> list[list[Record]]:
    known = [{one.experiment.train.seed: one for one in system} for system in side]
    return [[own[seed] for seed in seeds] for own in known]
