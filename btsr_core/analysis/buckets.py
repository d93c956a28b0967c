"""Buckets of items by popularity, and metrics by the bucket of the target (Figs 1, 4, 5, 8, 9)."""

from collections.abc import Sequence

import numpy as np

from btsr_core.analysis.exposure import exposure_counts, owned_items
from btsr_core.data.protocol import Split
from btsr_core.errors import InputError
from btsr_core.evaluation.metrics import CUTOFFS, PER_USER, IntArray


def distinct_users(split: Split) -> IntArray:
    """Return (n_items,) distinct training users of each item: repeats by a user count once."""
    owners, items = owned_items(split.train)
    pairs = np.unique(owners * split.n_items + items)
    return np.bincount(pairs % split.n_items, minlength=split.n_items)


def popularity_buckets(users: IntArray, interactions: IntArray, n_buckets: int = 3) -> IntArray:
    """Cut the catalogue into buckets with about equal numbers of interactions each (paper §5).

    Items are sorted by users, most first, the lower id first among equals. Then, greedily, each
    bucket in turn takes items as long as that brings it nearer to its share of what the buckets
    before it have left: of two cuts equally near it takes the larger bucket. The paper says no more
    than "greedily" and "about one third"; a share of what is left, instead of one of everything,
    matters only where an item holds more than a share by itself: that item then is a bucket, and
    the others share the rest evenly.

    No bucket is empty: each takes an item at least, and leaves one to each that follows. A
    catalogue of fewer items than buckets has as many buckets as items.

    Equal users do not keep items together: a cut may fall between them, and then the id decides.

    Parameters
    ----------
    users
        (n_items,) distinct training users, as from `distinct_users`.
    interactions
        (n_items,) training interactions, as from `baselines.item_counts`.
    n_buckets
        Number of buckets.

    Returns
    -------
    IntArray
        (n_items,) bucket of each item: 0 the head, which readers know as bucket 1; the largest
        number the long tail.

    Raises
    ------
    InputError
        If there is to be no bucket, or the two counts are not of the same items.
    """
    if n_buckets < 1:
        raise InputError(f"n_buckets must be at least 1; got {n_buckets}")
    if users.shape != interactions.shape:
        raise InputError(
            f"users and interactions must count the same items; got {len(users):,} and "
            f"{len(interactions):,}"
        )
    n_items = len(users)
    order = np.argsort(-users, kind="stable")
    before = np.concatenate([[0], interactions[order].cumsum()])  # (n_items + 1,) ahead of a cut
    buckets = np.zeros(n_items, dtype=np.int64)
    cut = 0
    for bucket in range(1, min(n_buckets, n_items)):
        left = min(n_buckets, n_items) - bucket + 1
        goal = before[cut] * (left - 1) + before[-1]  # `left` times the place, to stay in integers
        above = int(np.searchsorted(before * left, goal))
        nearer_below = goal - before[above - 1] * left < before[above] * left - goal
        cut = min(max(above - int(nearer_below), cut + 1), n_items - left + 1)
        buckets[order[cut:]] = bucket
    return buckets


def bucket_metrics(
    ranks: IntArray,
    top_items: IntArray,
    targets: IntArray,
    buckets: IntArray,
    cutoffs: Sequence[int] = CUTOFFS,
) -> list[dict[str, float]]:
    """Return the metrics of each bucket (Figs 1, 4, 5, 8, 9).

    `targets` is the number of users whose target lies in the bucket; hr, ndcg and mrr are means
    over those, so their means over buckets, weighted by `targets`, are the overall metrics. cov is
    the share of the bucket's items that stand in anybody's list, whatever that user's target. What
    has no user, or no item, is NaN. Lists shorter than a cutoff say nothing about the coverage
    there, which is left out.

    Parameters
    ----------
    ranks
        (U,) rank of each user's target, 1 the best; `metrics.UNRANKED` counts as a miss.
    top_items
        (U, k) recommended items, best first; -1 where a user has too few candidates.
    targets
        (U,) item ids.
    buckets
        (n_items,) as from `popularity_buckets`.
    cutoffs
        The K of every metric.

    Returns
    -------
    list of dict
        A bucket each, as `{"targets": .., "hr@1": .., "ndcg@1": .., "mrr@1": .., "cov@1": ..}`.
    """
    n_items, sizes = len(buckets), np.bincount(buckets)
    of_target = buckets[targets]
    n_targets = np.bincount(of_target, minlength=len(sizes))
    columns = {"targets": n_targets.astype(np.float64)}
    with np.errstate(invalid="ignore"):  # 0 / 0 is NaN: nothing to measure
        for k in cutoffs:
            for name, metric in PER_USER.items():
                hits = np.bincount(of_target, weights=metric(ranks, k), minlength=len(sizes))
                columns[f"{name}@{k}"] = hits / n_targets
            if not len(ranks):
                columns[f"cov@{k}"] = np.full(len(sizes), np.nan)
            elif top_items.shape[1] >= min(k, n_items):
                shown = buckets[exposure_counts(top_items, k, n_items) > 0]
                columns[f"cov@{k}"] = np.bincount(shown, minlength=len(sizes)) / sizes
    return [
        {name: float(values[bucket]) for name, values in columns.items()}
        for bucket in range(len(sizes))
    ]
