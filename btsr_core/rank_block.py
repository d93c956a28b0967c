"""Rank the catalogue for a block of users: fast scores first, true ones where those leave doubt.

Both are explained in `scorers`. The memory is that of two blocks of scores.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from btsr_core.errors import InputError
from btsr_core.scorers import Scorer
from btsr_core.top_k import largest, largest_values, top_k

SPARE = 3
"""Items kept beyond the k best until their true scores are known."""
WIDTH = 64
"""Blocks of scores are as wide as a multiple of this, as `largest_values` likes it: 8 times 8."""
PAIRS = 2**14
"""Pairs of users and items whose true scores are computed at a time."""


@dataclass(frozen=True)
class Users:
    """Some users of an evaluation set, and what counts for them.

    Attributes
    ----------
    scorer
        Scores for these and other users.
    rows
        (b,) users.
    seen_user, seen_item
        (s,) places in `rows` and item ids: what may not be recommended.
    """

    scorer: Scorer
    rows: Tensor
    seen_user: Tensor
    seen_item: Tensor

    def scores(self, item_block: int, room: Tensor) -> Iterator[tuple[int, Tensor]]:
        """Yield each block of scores with the id of its first item.

        They are written to `room`, (b, n) with n a multiple of `WIDTH`; -inf stands where an item
        may not be recommended, and where there is none.
        """
        for first in range(0, self.scorer.n_items, item_block):
            n = min(item_block, self.scorer.n_items - first)
            scores = room[: len(self.rows), : padded(n)]
            self.scorer.scores(self.rows, first, scores[:, :n])
            scores[:, n:] = -torch.inf
            user, item = self.seen_user, self.seen_item - first
            if n < self.scorer.n_items:
                here = (item >= 0) & (item < n)
                user, item = user[here], item[here]
            scores[user, item] = -torch.inf
            yield first, scores


def padded(n: int) -> int:
    """Return the width of a block of n items."""
    return -(-n // WIDTH) * WIDTH


def rank_block(
    users: Users, targets: Tensor, k: int, item_block: int, room: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Return ranks and lists of some users, and whether a list needs `true_lists`.

    Parameters
    ----------
    targets
        (b,) item ids.
    k
        Length of the lists, at most the size of the catalogue.
    item_block
        Items whose scores are held at a time.
    room
        (2, >= b, >= padded(item_block)) float32 to write to: to ask the system for it again each
        time would take longer than to fill it.

    Returns
    -------
    tuple[Tensor, Tensor, Tensor]
        (b,) ranks of the targets, as if they had not been seen; (b, k) item ids, -1 beyond the last
        candidate; (b,) bool, True where fast scores leave the list in doubt.

    Raises
    ------
    InputError
        If a score is NaN.
    """
    scorer, rows = users.scorer, users.rows
    own, margin = scorer.pair_scores(rows, targets[:, None])[:, 0], scorer.margin(rows)
    most = min(k + SPARE, scorer.n_items)
    ahead = torch.zeros_like(rows)
    best, ids = room.new_empty(len(rows), 0), rows.new_empty(len(rows), 0)
    for first, scores in users.scores(item_block, room[0]):
        values, columns = largest_values(scores, min(most, scores.shape[1]))
        best, ids = torch.cat([best, values], 1), torch.cat([ids, columns + first], 1)
        if first:
            best, chosen = best.topk(min(most, best.shape[1]), dim=1)
            ids = ids.gather(1, chosen)
        ahead += _count_ahead(users, first, scores, own, margin, targets, room[1])
    if torch.isnan(best[:, 0]).any():  # a NaN comes first
        raise InputError("a score is not a number: training diverged; lower lr or alpha")
    error = torch.zeros_like(own) if margin is None else margin
    return ahead + 1, *_lists(users, k, best, ids, error)


def _lists(
    users: Users, k: int, best: Tensor, ids: Tensor, margin: Tensor
) -> tuple[Tensor, Tensor]:
    """Return (b, k) lists, and for whom what was kept leaves them in doubt.

    Parameters
    ----------
    best, ids
        (b, <= k + SPARE) largest fast scores, largest first, and their items.
    margin
        (b,) how far a fast score may be from the true one.
    """
    # Two scores that differ by more than twice the margin are in their true order.
    apart = best[:, :-1] - best[:, 1:] > 2 * margin[:, None]
    doubtful = (~apart & (best[:, :-1] > -torch.inf))[:, :k].any(1)
    unsure = doubtful.nonzero().squeeze(1)
    if len(unsure):
        fast, found = best[unsure], ids[unsure].sort(dim=1)
        inside = found.values.clamp(max=users.scorer.n_items - 1)  # columns that pad a block
        true = users.scorer.pair_scores(users.rows[unsure], inside)
        true.masked_fill_(fast.gather(1, found.indices) == -torch.inf, -torch.inf)
        true, order = true.sort(dim=1, descending=True, stable=True)  # lower ids first
        best[unsure], ids[unsure] = true, found.values.gather(1, order)
        # Whoever was left out scores no more than the last who was not, give or take the margin.
        last = fast[:, -1]
        is_cut = (last > -torch.inf) & (fast.shape[1] < users.scorer.n_items)
        doubtful[unsure] = is_cut & (true[:, min(k, true.shape[1]) - 1] <= last + margin[unsure])
    return ids[:, :k].masked_fill(best[:, :k] == -torch.inf, -1), doubtful


def _count_ahead(
    users: Users,
    first: int,
    scores: Tensor,
    own: Tensor,
    margin: Tensor | None,
    targets: Tensor,
    room: Tensor,
) -> Tensor:
    """Return (b,) how many items of a block rank before a target; overwrites the block's scores.

    Parameters
    ----------
    own
        (b,) the targets' true scores.
    room
        As large as the scores, to write to.
    """
    flags = room[: len(scores), : scores.shape[1]]
    place = targets - first
    column = place.clamp(0, scores.shape[1] - 1)[:, None]
    is_here = column == place[:, None]
    scores.scatter_(1, column, scores.gather(1, column).masked_fill(is_here, -torch.inf))
    low, high = (own, own) if margin is None else (own - margin, own + margin)
    low = low.clamp(min=torch.finfo(low.dtype).min)  # never as low as what may not be recommended
    # Comparisons into float32 and their sums are many times faster than into bool, and exact; the
    # sums come at once, while caches hold what they add.
    above = torch.gt(scores, high[:, None], out=flags)
    n_above = _in_blocks(above).sum(1)  # (b, n / WIDTH)
    within = scores.ge_(low[:, None])  # and above; where these differ, true scores decide
    n_within = _in_blocks(within).sum(1)
    ahead = n_above.sum(1).long()
    if margin is None:  # those scores are equal: lower ids are before the target
        before = torch.arange(scores.shape[1], device=scores.device) < place[:, None]
        return ahead + within.sub_(above).mul_(before).sum(1).long()
    row, start = (n_within > n_above).nonzero(as_tuple=True)
    at, columns = (
        row[:, None],
        start[:, None] + torch.arange(WIDTH, device=row.device) * n_above.shape[1],
    )
    found, which = (within[at, columns] > above[at, columns]).nonzero(as_tuple=True)
    row, column = row[found], columns[found, which]
    for user, item in zip(torch.split(row, PAIRS), torch.split(column, PAIRS), strict=True):
        true = users.scorer.pair_scores(users.rows[user], item[:, None] + first)[:, 0]
        wins = (true > own[user]) | ((true == own[user]) & (item < place[user]))
        ahead.index_add_(0, user, wins.long())
    return ahead


def _in_blocks(scores: Tensor) -> Tensor:
    """View (b, n) columns as (b, WIDTH, n / WIDTH): blocks of every n / WIDTH-th column."""
    return scores.view(-1, WIDTH, scores.shape[-1] // WIDTH)


def true_lists(users: Users, k: int, item_block: int, room: Tensor) -> Tensor:
    """Return the (b, k) items of the largest true scores, best first, lower ids among equals.

    See `rank_block`; the room is that of one block of scores.
    """
    best, ids = room.new_empty(len(users.rows), 0), users.rows.new_empty(len(users.rows), 0)
    for first, scores in users.scores(item_block, room):
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
