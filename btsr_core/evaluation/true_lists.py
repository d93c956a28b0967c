"""Lists in the order of true scores, where the fast ones leave doubt; see `scorers`."""

import torch
from torch import Tensor

from btsr_core.evaluation.score_blocks import Users
from btsr_core.evaluation.top_k import largest, top_k

SPARE = 14
"""Items kept beyond the k best until their true scores are known."""


def true_lists(users: Users, k: int, item_block: int, room: Tensor) -> Tensor:
    """Return the (b, k) items of the largest true scores, best first, lower ids among equals.

    Parameters
    ----------
    k, item_block
        See `rank_block`.
    room
        (>= b, >= padded(item_block)) float32 to write to.
    """
    best, ids = room.new_empty(len(users.rows), 0), users.rows.new_empty(len(users.rows), 0)
    for _, first, scores in users.scores(item_block, room):
        n = min(item_block, users.scorer.n_items - first)
        values, columns = _true_top_k(users, first, scores[:, :n], min(k, n))
        # Earlier blocks hold lower ids, and `top_k` prefers lower places among equals.
        best, ids = torch.cat([best, values], 1), torch.cat([ids, columns + first], 1)
        best, chosen = top_k(best, min(k, best.shape[1]))
        ids = ids.gather(1, chosen)
    return ids.masked_fill(best == -torch.inf, -1)


def _true_top_k(users: Users, first: int, scores: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Return the (b, k) largest true scores of a block, and their columns; see `top_k`."""
    margin, n = users.scorer.margin(users.rows), scores.shape[1]
    if margin is None:
        return top_k(scores, k)
    kept = min(k + SPARE, n)
    columns = largest(scores, kept)
    fast = scores.gather(1, columns)
    values, ids, in_doubt = by_true_scores(users, users.rows, fast, columns + first, k, margin, n)
    everyone = torch.arange(first, first + n, device=scores.device)[None]
    for row in in_doubt.nonzero():
        in_full = true_scores(users, users.rows[row], scores[row], everyone)
        values[row], found = top_k(in_full, k)
        ids[row] = found + first
    return values, ids - first


def by_true_scores(
    users: Users, rows: Tensor, fast: Tensor, ids: Tensor, k: int, margin: Tensor, n: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the k best of kept items by true score, lower ids among equals.

    Parameters
    ----------
    rows
        (b,) users.
    fast, ids
        (b, m) fast scores that no item left out exceeds, and their items.
    margin
        (b,) how far a fast score may be from the true one.
    n
        Items that these were chosen from.

    Returns
    -------
    tuple[Tensor, Tensor, Tensor]
        (b, <= k) true scores, largest first; their items; (b,) whether an item left out might
        belong among them.
    """
    ids, order = ids.sort(dim=1)
    true = true_scores(users, rows, fast.gather(1, order), ids)
    true, order = true.sort(dim=1, descending=True, stable=True)  # lower ids first
    true, ids = true[:, :k], ids.gather(1, order)[:, :k]
    # Whoever was left out scores no more than the last who was not, give or take the margin.
    last = true[:, -1]
    in_doubt = (last <= fast.amin(1) + margin) & (last > -torch.inf) & (fast.shape[1] < n)
    return true, ids, in_doubt


def true_scores(users: Users, rows: Tensor, fast: Tensor, ids: Tensor) -> Tensor:
    """Return (b, m) true scores of items, -inf where that stands among the (b, m) fast ones."""
    inside = ids.clamp(max=users.scorer.n_items - 1)  # columns that pad a block
    return users.scorer.pair_scores(rows, inside).masked_fill(fast == -torch.inf, -torch.inf)
