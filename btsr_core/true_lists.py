"""Lists in the order of true scores, where the fast ones leave doubt; see `scorers`."""

import torch
from torch import Tensor

from btsr_core.score_blocks import Users
from btsr_core.top_k import largest, top_k

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
    columns = largest(scores, kept)  # lower ids first
    values = _true(users, users.rows, first, scores, columns)
    values, places = values.sort(dim=1, descending=True, stable=True)
    values, columns_found = values[:, :k], columns.gather(1, places[:, :k])
    if kept < n:
        # Whoever was left out scores no more than the last who was not, give or take the margin.
        most_left_out = scores.gather(1, columns).amin(1) + margin
        last = values[:, k - 1]
        everyone = torch.arange(n, device=scores.device)[None]
        for row in ((last <= most_left_out) & (last > -torch.inf)).nonzero():
            in_full = _true(users, users.rows[row], first, scores[row], everyone)
            values[row], columns_found[row] = top_k(in_full, k)
    return values, columns_found


def _true(users: Users, rows: Tensor, first: int, scores: Tensor, columns: Tensor) -> Tensor:
    """Return (b, m) true scores of the items in m columns of a block, -inf where that stands."""
    found = users.scorer.pair_scores(rows, columns + first)
    return found.masked_fill(scores.gather(1, columns) == -torch.inf, -torch.inf)
