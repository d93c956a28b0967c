"""Numbers about runs and splits: intervals, tables, correlations. No figure, no prose."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from torch import Tensor

from btsr_core.barlow_twins import cross_correlation
from btsr_core.baselines import popularity_scorer, transition_scorer
from btsr_core.datasets import Interactions
from btsr_core.evaluate import Ranking, rank
from btsr_core.histories import PackedSequences
from btsr_core.intervals import FloatArray, Interval, bootstrap_mean
from btsr_core.k_core import k_core
from btsr_core.metrics import per_user
from btsr_core.model import SASRec
from btsr_core.names import POPULARITY, TRANSITIONS
from btsr_core.protocol import History, Split
from btsr_core.runs import Run
from btsr_core.sampler import draw_partners, generator, index_by_target
from btsr_core.scorers import Scorer, encode


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


def baseline_rankings(
    split: Split, history: History, *, exclude_seen: bool = True
) -> dict[str, Ranking]:
    """Rank the test users by popularity, and by the transitions out of their last item."""
    test = split.held_out[history].test
    scorers: dict[str, Scorer] = {
        POPULARITY: popularity_scorer(split),
        TRANSITIONS: transition_scorer(split, test),
    }
    return {name: rank(scorer, test, exclude_seen=exclude_seen) for name, scorer in scorers.items()}


def partner_embeddings(
    model: SASRec, split: Split, max_len: int, seed: int = 0
) -> tuple[Tensor, Tensor]:
    """Return the outputs for all training sequences and for one drawn partner each.

    Sequences whose target no other shares are left out: they would be their own partners.

    Returns
    -------
    tuple[Tensor, Tensor]
        (P, D) each, in double precision.
    """
    device = model.item_table.device
    train_set = index_by_target(PackedSequences.pack(split.train, split.n_items, device))
    store = train_set.sequences
    anchors = train_set.rows[train_set.same_target_count[train_set.rows] > 1]
    partners = draw_partners(train_set, anchors, generator(device, seed, "views"))
    inputs = PackedSequences(store.item_ids, store.ends - 1, store.lengths - 1, store.n_items)
    z = encode(model, inputs, max_len)
    return z[anchors].double(), z[partners].double()


def view_correlation(model: SASRec, split: Split, max_len: int, seed: int = 0) -> FloatArray:
    """Return the (D, D) matrix C (Eq. 6) of `partner_embeddings`."""
    return np.asarray(cross_correlation(*partner_embeddings(model, split, max_len, seed)).cpu())


@dataclass(frozen=True)
class Redundancy:
    """The two things that L_BT pushes on, as sizes.

    Attributes
    ----------
    agreement
        Mean of the diagonal of C: 1 where both views say the same.
    redundancy
        Root mean square of its other entries: 0 where no two dimensions repeat each other.
    """

    agreement: float
    redundancy: float


def redundancy(c: FloatArray) -> Redundancy:
    """Summarise a (D, D) correlation matrix, D >= 2."""
    off = c[~np.eye(len(c), dtype=bool)]
    return Redundancy(float(np.diag(c).mean()), float(np.sqrt((off**2).mean())))


def to_dates(timestamps: "pd.Series[Any]") -> "pd.Series[Any] | None":
    """Return Unix times as dates, their unit told from their size; None if they cannot be any.

    Seconds, milliseconds, microseconds and nanoseconds between 1975 and 2100 do not overlap.
    """
    for per_second in (1, 10**3, 10**6, 10**9):
        seconds = timestamps / per_second
        if seconds.between(157_766_400, 4_102_444_800).all():
            return pd.to_datetime(seconds, unit="s")
    return None


def timeline(
    interactions: Interactions, k: int, cutoff: float
) -> tuple["pd.Series[Any]", float, npt.NDArray[np.bool_]]:
    """Return what `figures.timeline` shows: times after the k-core, the cutoff, and whose they are.

    Parameters
    ----------
    interactions
        As read.
    k
        Of the k-core.
    cutoff
        T, as in the split.
    """
    core = k_core(interactions.frame, k)
    newest = core.groupby("user_id", sort=False)["timestamp"].transform("max")
    return core["timestamp"], cutoff, (newest >= cutoff).to_numpy()
