"""Takeaways: one sentence from numbers, its verdict included. Nothing here is typed in advance."""

import math
from collections.abc import Iterable, Mapping

import pandas as pd

from btsr_core.analysis.correlation import Redundancy
from btsr_core.analysis.intervals import Interval
from btsr_core.names import system_name
from btsr_core.pages.words import bounds, count, signed
from btsr_core.runs import Run

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
        f"{name} has {count(after, 'test user')} when only what they did after the cutoff counts "
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


def decorrelation(sizes: Mapping[str, Redundancy]) -> str:
    """Say what the regulariser did to the correlation matrix, beside training without it.

    Parameters
    ----------
    sizes
        Of the untrained model, of a plain system and of a regularised one, in this order, by name.
    """
    untrained, plain, regularised = sizes.values()
    _, plain_name, name = sizes
    agree = _compared(regularised.agreement, plain.agreement, 2)
    repeat = _compared(regularised.redundancy, plain.redundancy, 3)
    return (
        f"Two users with the same target agree {agree} under {name} than under {plain_name} "
        f"(mean diagonal of C {regularised.agreement:.2f} against {plain.agreement:.2f}; "
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
        return f"{count(users, 'test user')} cannot tell {first} and {second} apart on {metric}."
    evidence = (
        f"{metric} over {users:,} users and {count(seeds, 'seed')}: {signed(difference.mean)}, "
        f"95 % interval {bounds(difference)}"
    )
    if not difference.excludes_zero:
        return f"These users cannot tell {first} and {second} apart ({evidence})."
    side = "above" if difference.mean > 0 else "below"
    return f"{first} lies {side} {second}, and likely would with other users ({evidence})."


def trade(table: pd.DataFrame, names: Iterable[str], accuracy: str, coverage: str) -> str:
    """Say where a system stands on accuracy and coverage beside another, and who beats the rest.

    Parameters
    ----------
    table
        As `report.metric_table` gives it.
    names
        The plain system and the regularised one; the table's other rows are baselines.
    """
    mean = table.xs("mean", axis=1, level=1)
    if mean[accuracy].isna().any():
        return f"There is no test user, so neither {accuracy} nor {coverage} can be measured."
    plain_name, name = names
    plain, regularised = mean.loc[plain_name], mean.loc[name]
    baselines = mean.drop(index=[plain_name, name])
    bar = baselines[accuracy].max()
    best = str(baselines[accuracy].idxmax()).lower()
    beat = [one for one in (plain_name, name) if mean.loc[one][accuracy] > bar]
    who = {0: "neither model beats", 1: f"only {''.join(beat)} beats", 2: "both models beat"}
    return (
        f"{name} recommends {100 * regularised[coverage]:.1f} % of the catalogue where "
        f"{plain_name} recommends {100 * plain[coverage]:.1f} % ({coverage}), at {accuracy} "
        f"{regularised[accuracy]:.3f} against {plain[accuracy]:.3f}; {who[len(beat)]} the best "
        f"baseline, {best} ({bar:.3f})."
    )


def loss_change(run: Run) -> str:
    """Say what became of the objective and the regulariser in the course of a run."""
    loss, first, last = run.experiment.loss, run.history.iloc[0], run.history.iloc[-1]
    changes = [
        f"{label} from {first[column]:.3f} to {last[column]:.3f}"
        for column, label in (
            ("loss_prediction", loss.objective.label),
            ("loss_regulariser", loss.regulariser.label),
        )
    ]
    return (
        f"{system_name(loss)} trained like every other system. From the first epoch to the last "
        f"of {len(run.history)} its losses went: {' and '.join(changes)}."
    )
