"""By how much some runs exceed others, user by user."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from btsr_core.analysis.intervals import FloatArray, Interval, bootstrap_mean
from btsr_core.data.protocol import History
from btsr_core.evaluation.evaluate import Ranking
from btsr_core.evaluation.metrics import per_user
from btsr_core.runs import Run


def seed_values(runs: Sequence[Run], metric: str, part: str, history: History) -> FloatArray:
    """Return (S, U) values of a metric such as `ndcg@10`, a row a run and a column a user.

    Raises
    ------
    ValueError
        If the runs ranked different users.
    """
    tables = [run.ranks(part, history) for run in runs]
    for table in tables[1:]:
        _check_pairing(tables[0]["user_id"], table["user_id"])
    return np.stack([per_user(table["rank"].to_numpy(), metric) for table in tables])


def user_values(runs: Sequence[Run], metric: str, part: str, history: History) -> FloatArray:
    """Return (U,) values of a metric such as `ndcg@10`, user by user, averaged over runs."""
    return np.asarray(seed_values(runs, metric, part, history).mean(axis=0))


def _check_pairing(users: "pd.Series[str]", others: "pd.Series[str]") -> None:
    if users.tolist() != others.tolist():
        raise ValueError("rankings of different users cannot be paired")


def paired_gains(
    runs: Sequence[Run],
    others: Sequence[Run] | Ranking,
    metrics: Sequence[str],
    history: History,
) -> dict[str, Interval]:
    """Return by how much runs exceed others on the test users, paired by user.

    Seeds are averaged before users are drawn: the intervals speak of other users, not other seeds.

    Parameters
    ----------
    runs
        Runs of one system, which differ in the seed.
    others
        Runs of another system, or a ranking of the same test users.
    metrics
        Which, such as `ndcg@10`.

    Returns
    -------
    dict
        Metric and the interval of its mean difference.
    """
    gains = {}
    for metric in metrics:
        if isinstance(others, Ranking):
            users = pd.Series([str(user) for user in others.users], dtype="str")
            _check_pairing(runs[0].ranks("test", history)["user_id"], users)
            bar = per_user(others.ranks, metric)
        else:
            bar = user_values(others, metric, "test", history)
        gains[metric] = bootstrap_mean(user_values(runs, metric, "test", history) - bar)
    return gains
