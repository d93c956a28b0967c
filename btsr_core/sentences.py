"""Takeaways: one sentence from numbers, its verdict included. Nothing here is typed in advance."""

import math
from collections.abc import Mapping

import pandas as pd

from btsr_core.analysis import Interval, Redundancy

FEW = 30
"""Users below which neither a bootstrap nor a normal approximation deserves trust."""


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
    said = (
        f"{name} has {_count(after, 'test user')} when only what they did after the cutoff counts "
        f"as their history, and {full:,} when all of it does"
    )
    known = [
        f"{100 * hit_rate_margin(n):.1f} percentage points from {n:,}"
        for n in (after, full)
        if n >= FEW
    ]
    if not known:
        return f"{said}: too few to measure anything."
    return f"{said}. A hit rate of 10 % is known to within {' and '.join(known)} users (95 %)."


def hit_rate_margin(users: int, rate: float = 0.1) -> float:
    """Return the half width of a hit rate's 95 % interval (normal approximation, many users)."""
    return 1.96 * math.sqrt(rate * (1 - rate) / users)


def decorrelation(untrained: Redundancy, plain: Redundancy, regularised: Redundancy) -> str:
    """Say what the regulariser did to the correlation matrix, beside training without it."""
    agree = _compared(regularised.agreement, plain.agreement, 2)
    repeat = _compared(regularised.redundancy, plain.redundancy, 3)
    return (
        f"Two users with the same target agree {agree} under BT-SR than under SASRec-CE (mean "
        f"diagonal of C {regularised.agreement:.2f} against {plain.agreement:.2f}; "
        f"{untrained.agreement:.2f} before training), and its dimensions repeat each other "
        f"{repeat} (off-diagonal entries of size {regularised.redundancy:.3f} against "
        f"{plain.redundancy:.3f}; {untrained.redundancy:.3f} before training), in one run of each."
    )


def _compared(value: float, other: float, digits: int) -> str:
    """Return how two numbers compare as far as they are printed."""
    difference = round(value, digits) - round(other, digits)
    return "no more or less" if not difference else "more" if difference > 0 else "less"


def verdict(
    metric: str, names: tuple[str, str], difference: Interval, users: int, seeds: int
) -> str:
    """Say whether two systems can be told apart on a metric.

    Parameters
    ----------
    names
        The systems: first minus second is the difference.
    """
    first, second = names
    if users < FEW:
        return f"{_count(users, 'test user')} cannot tell {first} and {second} apart on {metric}."
    evidence = (
        f"{metric} over {users:,} users and {_count(seeds, 'seed')}: {difference.mean:+.4f}, "
        f"95 % interval {difference.low:+.4f} to {difference.high:+.4f}"
    )
    if not difference.excludes_zero:
        return f"These users cannot tell {first} and {second} apart ({evidence})."
    side = "above" if difference.mean > 0 else "below"
    return f"{first} lies {side} {second}, and likely would with other users ({evidence})."


def trade(table: pd.DataFrame, accuracy: str, coverage: str) -> str:
    """Say where BT-SR stands on accuracy and coverage, and who beats the baselines.

    Parameters
    ----------
    table
        As `report.metric_table` gives it.
    """
    mean = table.xs("mean", axis=1, level=1)
    if mean[accuracy].isna().any():
        return f"There is no test user, so neither {accuracy} nor {coverage} can be measured."
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
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"
