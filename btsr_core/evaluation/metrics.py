"""Ranking metrics over the full catalogue, one relevant item a user (§4)."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

CUTOFFS = (1, 5, 10, 20, 50)
"""The K of every metric."""

UNRANKED = 2**31 - 1
"""Rank of a target that may not be recommended: beyond every K, however small the catalogue."""

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]


def hr_at(ranks: IntArray, k: int) -> FloatArray:
    """Hit rate per user: 1 where the target is among the k best.

    Parameters
    ----------
    ranks
        (U,) rank of each user's target, 1 the best.

    Returns
    -------
    FloatArray
        (U,) in {0, 1}.
    """
    return (ranks <= k).astype(np.float64)


def ndcg_at(ranks: IntArray, k: int) -> FloatArray:
    """Normalised discounted cumulative gain per user: 1 / log2(rank + 1), or 0 below the k best."""
    return np.where(ranks <= k, 1 / np.log2(ranks + 1.0), 0.0)


def mrr_at(ranks: IntArray, k: int) -> FloatArray:
    """Reciprocal rank per user, or 0 below the k best."""
    return np.where(ranks <= k, 1 / ranks, 0.0)


def cov_at(top_items: IntArray, k: int, n_items: int) -> float:
    """Catalogue coverage: the share of items that stand in somebody's k best.

    Parameters
    ----------
    top_items
        (U, >= k) recommended items, best first; -1 where a user has too few candidates.
    n_items
        Size of the catalogue.
    """
    is_shown = np.zeros(n_items + 1, bool)
    is_shown[top_items[:, :k]] = True  # -1 marks the place after the last item
    return float(is_shown[:-1].mean())


PER_USER = {"hr": hr_at, "ndcg": ndcg_at, "mrr": mrr_at}
"""The metrics that are means over users."""


def summarise(
    ranks: IntArray, top_items: IntArray, n_items: int, cutoffs: Sequence[int] = CUTOFFS
) -> dict[str, float]:
    """Return every metric at every cutoff, as `{"hr@1": .., "ndcg@1": .., "cov@50": ..}`.

    No user means no measurement: each is NaN then, and so is told apart from 0. Lists shorter than
    a cutoff say nothing about the coverage there, which is left out.
    """
    if not len(ranks):
        names = [*PER_USER, "cov"]
        return {f"{name}@{k}": float("nan") for k in cutoffs for name in names}
    values: dict[str, float] = {}
    for k in cutoffs:
        values |= {f"{name}@{k}": float(f(ranks, k).mean()) for name, f in PER_USER.items()}
        if top_items.shape[1] >= min(k, n_items):
            values[f"cov@{k}"] = cov_at(top_items, k, n_items)
    return values


def per_user(ranks: IntArray, metric: str) -> FloatArray:
    """Return one metric, such as `ndcg@10`, user by user: what paired comparisons need."""
    name, _, k = metric.partition("@")
    return PER_USER[name](ranks, int(k))


def as_json(values: Mapping[str, float]) -> dict[str, Any]:
    """Replace NaN, which JSON lacks, by None."""
    return {name: None if np.isnan(value) else value for name, value in values.items()}
