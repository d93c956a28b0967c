"""Rank the catalogue for some users: fast scores first, true ones where those leave doubt.

Both are explained in `scorers`. Scores are held for few users at a time; what small tensors can do
is done for all of these users at once.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from btsr_core.errors import InputError
from btsr_core.evaluation.score_blocks import WIDTH, Users
from btsr_core.evaluation.top_k import largest_values
from btsr_core.evaluation.true_lists import by_true_scores

SPARE = 3
"""Items kept beyond the k best until their true scores are known."""
PAIRS = 2**14
"""Pairs of users and items whose true scores are computed at a time."""


class _Bar(NamedTuple):
    """What an item has to reach to rank before a user's target, all (b,).

    Attributes
    ----------
    own
        The targets' true scores.
    low, high
        An item that scores less than `low` ranks behind, one above `high` before the target.
    targets
        Item ids.
    """

    own: Tensor
    low: Tensor
    high: Tensor
    targets: Tensor


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
        (2, h, >= padded(item_block)) float32 to write the scores of h users to: to ask the system
        for it again each time would take longer than to fill it.

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
    error = torch.zeros_like(own) if margin is None else margin
    lowest = torch.finfo(own.dtype).min  # never as low as what may not be recommended
    bar = _Bar(own, (own - error).clamp(min=lowest), own + error, targets)
    ahead = torch.zeros_like(targets)
    best = room.new_full((len(targets), min(k + SPARE, scorer.n_items)), -torch.inf)
    ids = torch.zeros_like(best, dtype=torch.int64)
    close: list[tuple[Tensor, Tensor]] = []
    for part, first, scores in users.scores(item_block, room[0]):
        values, columns = largest_values(scores, min(best.shape[1], scores.shape[1]))
        items = columns + first
        if first:
            values, items = torch.cat([best[part], values], 1), torch.cat([ids[part], items], 1)
            values, chosen = values.topk(best.shape[1], dim=1)
            items = items.gather(1, chosen)
        best[part, : values.shape[1]], ids[part, : items.shape[1]] = values, items
        here = _Bar(*(each[part] for each in bar))
        if margin is None:
            ahead[part] += _count_exactly(here, first, scores, room[1])
            continue
        above, user, item = _count_above(here, first, scores, room[1])
        ahead[part] += above
        close.append((user + part.start, item))
        if sum(len(user) for user, _ in close) > PAIRS:
            _count_close(users, bar, close, ahead)
            close = []
    _count_close(users, bar, close, ahead)
    if torch.isnan(best[:, 0]).any():  # a NaN comes first
        raise InputError("a score is not a number: training diverged; lower lr or alpha")
    return ahead + 1, *_lists(users, k, best, ids, error)


def _count_exactly(bar: _Bar, first: int, scores: Tensor, room: Tensor) -> Tensor:
    """Return (b,) how many items rank before a target where scores are the true ones.

    See `_count_above`.
    """
    # Comparisons into float32 and their sums are many times faster than into bool, and exact.
    above = torch.gt(scores, bar.own[:, None], out=room[: len(scores), : scores.shape[1]])
    n_above = above.sum(1)
    places = torch.arange(first, first + scores.shape[1], device=scores.device)
    equal = scores.ge_(bar.low[:, None]).sub_(above)
    return (n_above + equal.mul_(places < bar.targets[:, None]).sum(1)).long()


def _count_above(
    bar: _Bar, first: int, scores: Tensor, room: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Return (b,) how many items of a block surely rank before a target, and which are close to it.

    Overwrites the scores.

    Parameters
    ----------
    scores
        (b, n) of the items from `first` on.
    room
        At least as large as the scores, to write to.

    Returns
    -------
    tuple[Tensor, Tensor, Tensor]
        (b,) counts; places of users and item ids of what only true scores can tell.
    """
    place = bar.targets - first
    column = place.clamp(0, scores.shape[1] - 1)[:, None]
    is_here = column == place[:, None]
    scores.scatter_(1, column, scores.gather(1, column).masked_fill(is_here, -torch.inf))
    # As in `_count_exactly`; the sums come at once, while caches hold what they add.
    above = torch.gt(scores, bar.high[:, None], out=room[: len(scores), : scores.shape[1]])
    n_above = _in_blocks(above).sum(1)  # (b, n / WIDTH)
    within = scores.ge_(bar.low[:, None])  # and above; where these differ, an item is close
    n_within = _in_blocks(within).sum(1)
    row, start = (n_within > n_above).nonzero(as_tuple=True)
    columns = start[:, None] + torch.arange(WIDTH, device=row.device) * n_above.shape[1]
    at = row[:, None]
    found, which = (within[at, columns] > above[at, columns]).nonzero(as_tuple=True)
    return n_above.sum(1).long(), row[found], columns[found, which] + first


def _in_blocks(flags: Tensor) -> Tensor:
    """View (b, n) columns as (b, WIDTH, n / WIDTH): blocks of every n / WIDTH-th column."""
    return flags.view(-1, WIDTH, flags.shape[1] // WIDTH)


def _count_close(
    users: Users, bar: _Bar, close: list[tuple[Tensor, Tensor]], ahead: Tensor
) -> None:
    """Add to (b,) `ahead` those of the (user, item) pairs whose true score beats the target's."""
    if not close:
        return
    users_close, items_close = (torch.cat(each) for each in zip(*close, strict=True))
    parts = zip(torch.split(users_close, PAIRS), torch.split(items_close, PAIRS), strict=True)
    for user, item in parts:
        true = users.scorer.pair_scores(users.rows[user], item[:, None])[:, 0]
        own, target = bar.own[user], bar.targets[user]
        wins = (true > own) | ((true == own) & (item < target))
        ahead.index_add_(0, user, wins.long())


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
        best[unsure, :k], ids[unsure, :k], doubtful[unsure] = by_true_scores(
            users, users.rows[unsure], best[unsure], ids[unsure], k, margin[unsure],
            users.scorer.n_items,
        )  # fmt: skip
    return ids[:, :k].masked_fill(best[:, :k] == -torch.inf, -1), doubtful
