"""Verdicts on the tables of accuracy and coverage: sentences from recorded numbers."""

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from btsr_core.analysis.intervals import Interval
from btsr_core.analysis.power import FALSE_ALARM
from btsr_core.names import BASELINES
from btsr_core.pages.comparisons import REGIMES, Comparison, own_pairs
from btsr_core.pages.pairs import OURS, PLAIN
from btsr_core.pages.report import metric_table
from btsr_core.pages.sentences import FEW
from btsr_core.pages.words import bounds, count, joined, signed

FEW_SEEDS = 3
"""Up to which `intervals.two_way_interval` may be too narrow."""


def standing_sentence(points: pd.DataFrame, metric: str) -> str:
    """Say where BT-SR stands among the trained systems, and beside the best untrained one.

    Parameters
    ----------
    points
        As `results.metric_points` gives them.
    """
    means = metric_table(points, [metric])[metric, "mean"].dropna()
    trained = means.drop(index=[name for name in BASELINES if name in means]).sort_values(
        ascending=False, kind="stable"
    )
    if OURS not in trained.index:
        return f"{metric} of {OURS} is not recorded, so it has no place among the others."
    place = int((trained > trained[OURS]).sum()) + 1
    rest = trained.drop(index=OURS)
    said = f"{OURS} comes {_ordinal(place)} of {len(trained)} trained systems in {metric}"
    said += f" ({trained[OURS]:.4f}"
    if len(rest):
        other = "next comes" if place == 1 else "the best is"
        said += f"; {other} {rest.index[0]} with {rest.iloc[0]:.4f}"
    said += ")"
    untrained = means.loc[[name for name in BASELINES if name in means]]
    if untrained.empty:
        return f"{said}."
    bar, name = float(untrained.max()), str(untrained.idxmax()).lower()
    side = "above" if trained[OURS] > bar else "not above"
    return f"{said}, {side} {name}, the best of what is not trained ({bar:.4f})."


def verdict_sentence(comparisons: Sequence[Comparison]) -> str:
    """Say which systems BT-SR can be told from on a metric, and what the tests could have seen.

    Parameters
    ----------
    comparisons
        As `comparisons.compare_all` gives them; those of other systems only count for Holm.
    """
    own = [one for one in comparisons if one.first == OURS and one.seeds]
    if not own:
        return f"Nothing is recorded that {OURS} could be compared with."
    metric, users = own[0].metric, own[0].users
    if users < FEW:
        return f"{users:,} test users are too few to compare systems on {metric}."
    seeds = _range([one.seeds for one in own])
    scope, intervals = _scope(own)
    if intervals is None:
        return f"On {metric} nothing can be told from {seeds}: {own[0].over_seeds.reason}."
    sides = _sides(own, intervals)
    said = f"On {metric} over {users:,} users and {seeds}, {OURS} {sides} ({scope})."
    return f"{said} {_corrected(comparisons)}{_visible(own)}"


def pairs_sentence(comparisons: Sequence[Comparison]) -> str:
    """Say what Barlow Twins changes on each objective, beside the objective alone."""
    pairs = own_pairs()
    own = [one for one in comparisons if pairs.get(one.first) == one.second and one.seeds]
    if not own:
        return "No objective is recorded both with Barlow Twins and without."
    if own[0].users < FEW:
        return f"{own[0].users:,} test users are too few to tell what Barlow Twins changes."
    parts = [f"{signed(one.difference)} beside {one.second} ({_told(one)})" for one in own]
    ways = _scope(own)[0]
    return f"Barlow Twins changes {own[0].metric} by {joined(parts)}; {ways}."


def datasets_sentence(found: Mapping[str, Comparison]) -> str:
    """Say how one pair of systems differs on each dataset, and where that is more than chance.

    Parameters
    ----------
    found
        As `comparisons.on_datasets` gives it.
    """
    if not found:
        return f"No dataset has a recorded seed of both {OURS} and {PLAIN}."
    first = next(iter(found.values()))
    parts = [
        f"{signed(one.difference)} on {Path(dataset).name} ({count(one.seeds, 'seed')}"
        f"{', users alone' if one.seeds == 1 else ''}; {_told(one)})"
        for dataset, one in found.items()
    ]
    kept = sum(one.holm < FALSE_ALARM for one in found.values())
    return (
        f"{first.first} differs from {first.second} in {first.metric} by {joined(parts)}; "
        f"{_scope(list(found.values()))[0]}. The paper's test over seeds, with Holm's correction, "
        f"sees a difference on {kept} of {count(len(found), 'dataset')}."
    )


def regimes_sentence(found: Mapping[float, Comparison], dataset: str) -> str:
    """Say how Barlow Twins does at the two weights of Table 3, or that they are not recorded."""
    weights = joined([f"{alpha:g}" for alpha in REGIMES])
    known = {alpha: one for alpha, one in found.items() if one.seeds}
    if not known:
        return (
            f"Table 3 compares alpha {weights} with one plain model; the runs for that are not "
            f"recorded for {dataset}."
        )
    first = next(iter(known.values()))
    parts = [
        f"{signed(one.difference)} at {alpha:g} ({_told(one)})" for alpha, one in known.items()
    ]
    lacking = [f"{alpha:g}" for alpha in REGIMES if alpha not in known]
    note = f" Alpha {joined(lacking)} is not recorded." if lacking else ""
    return (
        f"{first.first} differs from {first.second} in {first.metric} by {joined(parts)}; "
        f"{_scope(list(known.values()))[0]}.{note}"
    )


def _scope(own: Sequence[Comparison]) -> tuple[str, list[Interval] | None]:
    """Return which intervals the verdicts rest on, in words, and the intervals; None if none are.

    Users and seeds where there are several seeds; else users alone, which a coverage does not have.
    """
    if any(not math.isnan(one.interval.low) for one in own):
        what = "seeds, on these users" if own[0].over_users is None else "users and seeds"
        few = max(one.seeds for one in own) <= FEW_SEEDS and own[0].over_users is not None
        note = ", with so few seeds perhaps too narrow" if few else ""
        said = f"95 % intervals over {what}, not corrected{note}"
        return said, [one.interval for one in own]
    over_users = [one.over_users for one in own]
    if any(one is None for one in over_users):
        return "no interval: seeds alone could give one", None
    return (
        f"95 % intervals over users alone: {own[0].over_seeds.reason}",
        [one.interval for one in over_users if one is not None],
    )


def _sides(own: Sequence[Comparison], intervals: Iterable[Interval]) -> str:
    """Return which systems lie below, above, or cannot be told."""
    found: dict[str, list[str]] = {"lies above": [], "lies below": [], "cannot be told from": []}
    for one, interval in zip(own, intervals, strict=True):
        found[_side(interval)].append(one.second)
    return "; ".join(f"{how} {joined(names)}" for how, names in found.items() if names)


def _side(interval: Interval) -> str:
    if not interval.excludes_zero:
        return "cannot be told from"
    return "lies above" if interval.mean > 0 else "lies below"


def _told(one: Comparison) -> str:
    """Return the interval that a verdict on one comparison rests on, and the verdict."""
    _, intervals = _scope([one])
    interval = intervals[0] if intervals else one.interval
    if math.isnan(interval.low):
        return "no interval"
    words = {"lies above": "a gain", "lies below": "a loss"}
    said = words.get(_side(interval), "cannot be told from none")
    return f"{bounds(interval)}: {said}"


def _corrected(comparisons: Sequence[Comparison]) -> str:
    """Say what the paper's test leaves of them after Holm's correction."""
    tested = [one for one in comparisons if not math.isnan(one.holm)]
    if not tested:
        return "The paper's test over seeds cannot be made."
    kept = sum(one.holm < FALSE_ALARM for one in tested)
    return (
        f"Of {count(len(tested), 'paired t-test')} over seeds, {kept} "
        f"stay{'s' * (kept == 1)} below {FALSE_ALARM:g} after Holm's correction."
    )


def _visible(own: Sequence[Comparison]) -> str:
    """Say what difference could have been seen beside the plain system of the same objective."""
    pair = own_pairs().get(OURS)
    found = [one for one in own if one.second == pair] or list(own[:1])
    one = found[0]
    sizes = [(one.visible, "users and seeds"), (one.visible_over_seeds, "seeds")]
    parts = [f"{size:.4f} over {what}" for size, what in sizes if not math.isnan(size)]
    if not parts:
        return ""
    return (
        f" With 80 % power a test sees a true difference from {one.second} of "
        f"{' or '.join(parts)}; {signed(one.difference)} was found."
    )


def _range(counts: Sequence[int]) -> str:
    low, high = min(counts), max(counts)
    return count(high, "seed") if low == high else f"{low} to {count(high, 'seed')}"


def _ordinal(n: int) -> str:
    ending = "th" if 10 <= n % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
    return f"{n}{ending}"
