"""Takeaways: one sentence from numbers, its verdict included. Nothing here is typed in advance."""

import math
from collections.abc import Mapping

import pandas as pd

from btsr_core.analysis import Interval, Redundancy


def sample_size(name: str, users: Mapping[str, int]) -> str:
    """Say how few users the test speaks of, and what that does to a hit rate.

    Parameters
    ----------
    name
        The dataset.
    users
        Test users by history reading, `after-cutoff` and `full`.
    """
    after, full = users["after-cutoff"], users["full"]
    known = (
        f"a hit rate of 10 % measured on {after:,} users is known to within "
        f"\N{PLUS-MINUS SIGN}{100 * hit_rate_margin(after):.1f} percentage points (95 %)"
        if after
        else "nothing can be measured without them"
    )
    return (
        f"{name} has {after:,} test users when only what they did after the cutoff counts as their "
        f"history, and {full:,} when all of it does: {known}."
    )


def hit_rate_margin(users: int, rate: float = 0.1) -> float:
    """Return the half width of a hit rate's 95 % interval (normal approximation)."""
    return 1.96 * math.sqrt(rate * (1 - rate) / users)


def decorrelation(untrained: Redundancy, plain: Redundancy, regularised: Redundancy) -> str:
    """Say what the regulariser did to the correlation matrix, beside training without it."""
    more = "more" if regularised.agreement > plain.agreement else "less"
    less = "less" if regularised.redundancy < plain.redundancy else "more"
    return (
        f"Two users with the same target agree {more} under BT-SR than under SASRec-CE (mean "
        f"diagonal of C {regularised.agreement:.2f} against {plain.agreement:.2f}; "
        f"{untrained.agreement:.2f} before training), and its dimensions repeat each other {less} "
        f"(off-diagonal entries of size {regularised.redundancy:.3f} against "
        f"{plain.redundancy:.3f}; {untrained.redundancy:.3f} before training)."
    )


def verdict(
    metric: str, names: tuple[str, str], difference: Interval, users: int, seeds: int
) -> str:
    """Say whether two systems can be told apart on a metric.

    Parameters
    ----------
    names
        The systems: first minus second is the difference.
    """
    if not users:
        return f"There is no test user, so nothing can be said about {metric}."
    first, second = names
    evidence = (
        f"{metric} over {users:,} users and {_count(seeds, 'seed')}: {difference.mean:+.4f}, "
        f"95 % interval {difference.low:+.4f} to {difference.high:+.4f}"
    )
    if not difference.excludes_zero:
        return f"{first} and {second} cannot be told apart with so few users ({evidence})."
    side = "above" if difference.mean > 0 else "below"
    return f"{first} lies {side} {second}, and would with other users too ({evidence})."


def trade(table: pd.DataFrame, accuracy: str, coverage: str) -> str:
    """Say where BT-SR stands on accuracy and coverage, and who beats the baselines.

    Parameters
    ----------
    table
        As `report.metric_table` gives it.
    """
    mean = table.xs("mean", axis=1, level=1)
    plain, regularised = mean.loc["SASRec-CE"], mean.loc["BT-SR"]
    baselines = mean.drop(index=["SASRec-CE", "BT-SR"])
    bar = baselines[accuracy].max()
    best = str(baselines[accuracy].idxmax()).lower()
    beat = [name for name in ("SASRec-CE", "BT-SR") if mean.loc[name][accuracy] > bar]
    who = {0: "neither model beats", 1: f"only {''.join(beat)} beats", 2: "both models beat"}
    return (
        f"BT-SR recommends {100 * regularised[coverage]:.1f} % of the catalogue where SASRec-CE "
        f"recommends {100 * plain[coverage]:.1f} % ({coverage}), at {accuracy} "
        f"{regularised[accuracy]:.3f} against {plain[accuracy]:.3f}; {who[len(beat)]} the best "
        f"baseline, {best} ({bar:.3f})."
    )


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"
