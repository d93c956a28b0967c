"""What lists do to items: who is shown how often, and how far that departs from users' tastes.

Popularity here is training popularity throughout: an item new to the training set has none.
"""

from collections.abc import Sequence

import numpy as np

from btsr_core.data.protocol import Sequences
from btsr_core.evaluation.metrics import CUTOFFS, FloatArray, IntArray


def owned_items(sequences: Sequences) -> tuple[IntArray, IntArray]:
    """Return all items of some sequences, flat, as (N,) positions of their sequences and (N,) ids.

    Parameters
    ----------
    sequences
        U windows, which may leave gaps between them or be empty.
    """
    lengths = sequences.lengths
    owners = np.repeat(np.arange(len(lengths)), lengths)
    places = np.arange(len(owners)) + np.repeat(
        sequences.starts - (lengths.cumsum() - lengths), lengths
    )
    return owners, sequences.item_ids[places]


def exposure_counts(top_items: IntArray, k: int, n_items: int) -> IntArray:
    """Count how often each item stands among somebody's k best.

    Parameters
    ----------
    top_items
        (U, >= k) recommended items, best first; -1 where a user has too few candidates.
    k
        Length of the lists.
    n_items
        Size of the catalogue.

    Returns
    -------
    IntArray
        (n_items,); the sum is the number of places filled.
    """
    shown = top_items[:, :k]
    return np.bincount(shown[shown >= 0], minlength=n_items)


def gini(counts: IntArray) -> float:
    """Return the Gini coefficient of non-negative counts: 0 all equal, towards 1 one has all."""
    ordered = np.sort(counts)
    n, total = len(ordered), ordered.sum()
    if not total:
        return float("nan")
    return float((2 * np.arange(1, n + 1) - n - 1) @ ordered / (n * total))


def novelty(counts: IntArray, users_per_item: IntArray) -> float:
    """Return the mean self-information of the recommended places, in bits.

    An item's is -log2 of its share in all items' popularity (in the manner of Zhou et al., PNAS
    2010), with one user more for every item than there are: an item without any would be infinitely
    novel. Note that the share depends on the catalogue's size: compare on one dataset only.

    Parameters
    ----------
    counts
        (n_items,) as from `exposure_counts`.
    users_per_item
        (n_items,) distinct training users.

    Returns
    -------
    float
        NaN where nothing is recommended.
    """
    if not counts.any():
        return float("nan")
    share = (users_per_item + 1) / (users_per_item.sum() + len(users_per_item))
    return float(counts @ -np.log2(share) / counts.sum())


def tail_share(counts: IntArray, buckets: IntArray) -> float:
    """Return the share of recommended places that go to the last bucket, the long tail.

    Parameters
    ----------
    counts
        (n_items,) as from `exposure_counts`.
    buckets
        (n_items,) as from `buckets.popularity_buckets`.

    Returns
    -------
    float
        NaN where nothing is recommended.
    """
    if not counts.any():
        return float("nan")
    return float(counts[buckets == buckets.max()].sum() / counts.sum())


def popularity_lift(
    top_items: IntArray, histories: Sequences, popularity: IntArray | FloatArray, k: int
) -> float:
    """Return how much more popular users' lists are than their histories, as a share.

    (GAP_rec - GAP_profile) / GAP_profile, GAP being the mean over users of the mean popularity of
    their items (Abdollahpouri et al. 2019): 0 no change, 1 twice as popular. An item that occurs
    twice in a history counts twice. Users without history or without list are left out of both.

    Parameters
    ----------
    top_items
        (U, >= k) recommended items, best first; -1 where a user has too few candidates.
    histories
        U sequences, those that the lists were made from.
    popularity
        (n_items,) in any unit.
    k
        Length of the lists.

    Returns
    -------
    float
        NaN where no user is left, or all that they know has no popularity.
    """
    return _lift(top_items[:, :k], _mean_popularity(histories, popularity), popularity)


def _mean_popularity(histories: Sequences, popularity: IntArray | FloatArray) -> FloatArray:
    """Return (U,) means over the items of each history; NaN where there are none."""
    owners, items = owned_items(histories)
    sums = np.bincount(owners, weights=popularity[items], minlength=len(histories))
    with np.errstate(invalid="ignore"):
        means: FloatArray = sums / histories.lengths
    return means


def _lift(lists: IntArray, profiles: FloatArray, popularity: IntArray | FloatArray) -> float:
    """Return the lift of (U, k) lists over the (U,) mean popularities of the histories."""
    filled = lists >= 0
    sums, lengths = np.where(filled, popularity[lists], 0).sum(axis=1), filled.sum(axis=1)
    users = (lengths > 0) & ~np.isnan(profiles)
    profile = profiles[users].sum()
    if not profile:
        return float("nan")
    return float((sums[users] / lengths[users]).sum() / profile - 1)


def user_popularity_deviation(
    top_items: IntArray, histories: Sequences, buckets: IntArray, k: int
) -> float:
    """Return UPD: how far users' lists depart from the mix of popularities in their histories.

    The mean over users of the Jensen-Shannon divergence (base 2: 0 the same mix, 1 nothing in
    common) between the shares of the buckets in list and history. After Abdollahpouri et al.
    (arXiv 2103.06364), read from a secondary description that could not be verified against the
    paper, which averages over groups of users first; here all users are one group, and the buckets
    are those of this book. An item that occurs twice in a history counts twice. Users without
    history or without list are left out.

    Parameters
    ----------
    top_items
        (U, >= k) recommended items, best first; -1 where a user has too few candidates.
    histories
        U sequences, those that the lists were made from.
    buckets
        (n_items,) as from `buckets.popularity_buckets`.
    k
        Length of the lists.

    Returns
    -------
    float
        NaN where no user is left.
    """
    return _deviation(
        top_items[:, :k], _mix(*owned_items(histories), len(histories), buckets), buckets
    )


def _mix(owners: IntArray, items: IntArray, n_users: int, buckets: IntArray) -> IntArray:
    """Count (n_users, n_buckets) items of each user in each bucket."""
    n_buckets = int(buckets.max()) + 1
    cells = np.bincount(owners * n_buckets + buckets[items], minlength=n_users * n_buckets)
    return cells.reshape(n_users, n_buckets)


def _deviation(lists: IntArray, known: IntArray, buckets: IntArray) -> float:
    """Return the UPD of (U, k) lists from the (U, n_buckets) counts of the histories."""
    filled = lists >= 0
    owners = np.repeat(np.arange(len(lists)), filled.sum(axis=1))
    shown = _mix(owners, lists[filled], len(lists), buckets)
    users = shown.any(axis=1) & known.any(axis=1)
    if not users.any():
        return float("nan")
    p, q = (n[users] / n[users].sum(axis=1, keepdims=True) for n in (shown, known))
    divergence = _entropy((p + q) / 2) - (_entropy(p) + _entropy(q)) / 2
    return float(divergence.clip(0, 1).mean())  # rounding may leave -1e-17


def _entropy(shares: FloatArray) -> FloatArray:
    """Return (U,) entropies of (U, n) distributions, in bits."""
    bits: FloatArray = -(shares * np.log2(np.where(shares > 0, shares, 1))).sum(axis=1)
    return bits


def exposure_metrics(
    top_items: IntArray,
    histories: Sequences,
    users_per_item: IntArray,
    buckets: IntArray,
    cutoffs: Sequence[int] = CUTOFFS,
) -> dict[str, float]:
    """Return every measure of exposure at every cutoff, as `{"gini@1": .., "lift@1": .., ...}`.

    `gini` of the times that each item of the catalogue is shown, `lift` (`popularity_lift`),
    `novelty`, `tail` (`tail_share`) and `upd` (`user_popularity_deviation`). No user means no
    measurement: each is NaN then. Lists shorter than a cutoff say nothing there, which is left out.

    Parameters
    ----------
    top_items
        (U, k) recommended items, best first; -1 where a user has too few candidates.
    histories
        U sequences, those that the lists were made from.
    users_per_item
        (n_items,) distinct training users: what popularity means here.
    buckets
        (n_items,) as from `buckets.popularity_buckets`.
    cutoffs
        The K of every measure.
    """
    profiles = _mean_popularity(histories, users_per_item)
    known = _mix(*owned_items(histories), len(histories), buckets)
    values: dict[str, float] = {}
    for k in cutoffs:
        if len(top_items) and top_items.shape[1] < min(k, len(users_per_item)):
            continue
        counts = exposure_counts(top_items, k, len(users_per_item))
        values |= {
            f"gini@{k}": gini(counts),
            f"lift@{k}": _lift(top_items[:, :k], profiles, users_per_item),
            f"novelty@{k}": novelty(counts, users_per_item),
            f"tail@{k}": tail_share(counts, buckets),
            f"upd@{k}": _deviation(top_items[:, :k], known, buckets),
        }
    return values
