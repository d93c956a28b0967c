"""Rank the full catalogue for every user, streaming: never a users x items matrix.

Equal scores rank the lower item id first. What decides is the true score of an item, see `scorers`,
which depends on the user and the item alone: every cut of users and items into blocks gives the
same ranks and lists.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from btsr_core.errors import InputError
from btsr_core.histories import PackedSequences
from btsr_core.metrics import CUTOFFS, UNRANKED, IntArray, summarise
from btsr_core.model import SASRec
from btsr_core.protocol import EvalSet, RawIds
from btsr_core.scorers import EmbeddingScorer, Scorer, encode, model_scorer
from btsr_core.top_k import largest, top_k

SCORES_HELD = {"cpu": 2**21, "cuda": 2**27}
"""Scores at a time: on a CPU few enough for its caches, on a GPU enough to keep it busy."""
SPARE = 14
"""Items kept beyond the k best until their true scores are known."""


@dataclass(frozen=True)
class Ranking:
    """What an evaluation keeps of its scores.

    Attributes
    ----------
    ranks
        (U,) rank of each user's target, 1 the best; `metrics.UNRANKED` where the target itself is
        excluded from the ranking, because the user has seen it before.
    top_items
        (U, k) best items, best first; -1 beyond the last candidate.
    users
        (U,) raw user ids.
    n_items
        Size of the catalogue.
    """

    ranks: IntArray
    top_items: IntArray
    users: RawIds
    n_items: int

    def metrics(self) -> dict[str, float]:
        """Return hr, ndcg, mrr and cov at every cutoff."""
        return summarise(self.ranks, self.top_items, self.n_items)


@torch.inference_mode()
def rank(
    scorer: Scorer,
    eval_set: EvalSet,
    *,
    exclude_seen: bool = True,
    k: int = max(CUTOFFS),
    user_block: int | None = None,
    item_block: int = 65_536,
    device: torch.device | None = None,
) -> Ranking:
    """Rank the catalogue for every user of an evaluation set (§4).

    Parameters
    ----------
    scorer
        Scores for these users.
    eval_set
        Histories and targets, in the scorer's order of users.
    exclude_seen
        Leave items of the user's input out of the ranking.
    k
        Length of the lists kept.
    user_block, item_block
        Users and items whose scores are held at a time; they bound memory and change no result.
        By default there are as many users as `SCORES_HELD` allows.
    device
        Where the scorer's tensors live; the CPU by default.

    Raises
    ------
    InputError
        If a score is NaN, as after a diverged training.
    """
    device = device or torch.device("cpu")
    n_items, n_users = scorer.n_items, len(eval_set)
    targets = torch.as_tensor(eval_set.targets, device=device)
    inputs = PackedSequences.pack(eval_set.inputs, n_items, device)
    k = min(k, n_items)
    user_block = user_block or max(1, SCORES_HELD[device.type] // min(item_block, n_items))
    ranks = torch.empty(n_users, dtype=torch.int64, device=device)
    top_items = torch.empty(n_users, k, dtype=torch.int64, device=device)
    held = torch.empty(2, user_block * min(item_block, n_items), device=device)
    for start in range(0, n_users, user_block):
        rows = torch.arange(start, min(start + user_block, n_users), device=device)
        block = _rank_block(scorer, inputs, rows, targets[rows], exclude_seen, k, item_block, held)
        ranks[rows], top_items[rows] = block
    return Ranking(ranks.cpu().numpy(), top_items.cpu().numpy(), eval_set.users, n_items)


def _rank_block(
    scorer: Scorer,
    inputs: PackedSequences,
    rows: Tensor,
    targets: Tensor,
    exclude_seen: bool,
    k: int,
    item_block: int,
    held: Tensor,
) -> tuple[Tensor, Tensor]:
    """Return ((b,) ranks, (b, k) lists) of some users, item block by item block.

    `held` is room for two blocks of scores: to ask the system for it again each time would take
    longer than to fill it.
    """
    device = rows.device
    own, margin = scorer.pair_scores(rows, targets[:, None])[:, 0], scorer.margin(rows)
    ahead = torch.zeros(len(rows), dtype=torch.int64, device=device)
    best = torch.empty(len(rows), 0, device=device)
    best_ids = torch.empty(len(rows), 0, dtype=torch.int64, device=device)
    seen_user, seen_item = _items_of(inputs, rows) if exclude_seen else (rows[:0], rows[:0])
    for first in range(0, scorer.n_items, item_block):
        last = min(first + item_block, scorer.n_items)
        shape = len(rows), last - first
        scores, flags = (part[: shape[0] * shape[1]].view(shape) for part in held)
        scorer.scores(rows, first, scores)
        here = (seen_item >= first) & (seen_item < last)
        scores[seen_user[here], seen_item[here] - first] = -torch.inf
        block = _Block(scorer, rows, first, scores, margin, flags)
        ids, values = _best(block, k)
        if torch.isnan(values[:, 0]).any():  # a NaN comes first
            raise InputError("a score is not a number: training diverged; lower lr or alpha")
        if first:  # earlier blocks hold lower ids, and `top_k` prefers lower places among equals
            values, ids = torch.cat([best, values], 1), torch.cat([best_ids, ids], 1)
            values, chosen = top_k(values, min(k, values.shape[1]))
            ids = ids.gather(1, chosen)
        best, best_ids = values, ids
        ahead += _count_ahead(block, own, targets)
    target_seen = torch.zeros(len(rows), dtype=torch.bool, device=device)
    target_seen[seen_user[seen_item == targets[seen_user]]] = True
    ranks = torch.where(target_seen, UNRANKED, ahead + 1)
    return ranks, best_ids.masked_fill(best == -torch.inf, -1)


@dataclass(frozen=True)
class _Block:
    """Scores of some items for some users, and how far they may be from the true ones."""

    scorer: Scorer
    rows: Tensor  # (b,) users
    first: int  # id of the first item
    scores: Tensor  # (b, n), -inf where an item may not be recommended
    margin: Tensor | None  # (b,)
    flags: Tensor  # (b, n) to write to

    def true_scores(self, user: Tensor, columns: Tensor) -> Tensor:
        """Return (b, m) true scores of m items for each user, given by their places here."""
        found = self.scorer.pair_scores(self.rows[user], columns + self.first)
        return torch.where(self.scores[user[:, None], columns] == -torch.inf, -torch.inf, found)


def _best(block: _Block, k: int) -> tuple[Tensor, Tensor]:
    """Return the (b, <= k) best items of a block, best first, and their true scores."""
    n, device = block.scores.shape[1], block.scores.device
    k = min(k, n)
    if block.margin is None:
        values, columns = top_k(block.scores, k)
        return columns + block.first, values
    kept = min(k + SPARE, n)
    columns = largest(block.scores, kept)  # lower ids first
    values = block.true_scores(torch.arange(len(columns), device=device), columns)
    values, places = values.sort(dim=1, descending=True, stable=True)
    if kept < n:
        # Whoever was left out scores no more than the last who was not, give or take the margin.
        most_left_out = block.scores.gather(1, columns).amin(1) + block.margin
        last = values[:, k - 1]
        for row in ((last <= most_left_out) & (last > -torch.inf)).nonzero():
            everyone = torch.arange(n, device=device)[None]
            in_full, order = top_k(block.true_scores(row, everyone), kept)
            values[row], columns[row], places[row] = in_full, order, torch.arange(kept)
    return columns.gather(1, places[:, :k]) + block.first, values[:, :k]


def _count_ahead(block: _Block, own: Tensor, targets: Tensor) -> Tensor:
    """Return (b,) how many items of a block rank before a target; overwrites the block's scores.

    Parameters
    ----------
    own
        (b,) the targets' true scores.
    targets
        (b,) item ids.
    """
    scores, margin = block.scores, 0 if block.margin is None else block.margin
    places = targets - block.first
    column = places.clamp(0, scores.shape[1] - 1)[:, None]
    is_here = column == places[:, None]
    scores.scatter_(1, column, scores.gather(1, column).masked_fill(is_here, -torch.inf))
    high, low = own + margin, own - margin
    # Comparisons into float32 and their sums are many times faster than into bool, and exact.
    ahead = torch.gt(scores, high[:, None], out=block.flags).sum(1)
    unsure = (torch.ge(scores, low[:, None], out=block.flags).sum(1) > ahead).nonzero().squeeze(1)
    ahead = ahead.long()
    if len(unsure):
        near = scores[unsure]
        near = (near >= low[unsure, None]) & (near <= high[unsure, None])
        user, item = near.nonzero(as_tuple=True)
        user, true = unsure[user], own[unsure[user]]
        if block.margin is not None:
            true = block.true_scores(user, item[:, None])[:, 0]
        wins = (true > own[user]) | ((true == own[user]) & (item < places[user]))
        ahead.index_add_(0, user, wins.long())
    return ahead


def _items_of(inputs: PackedSequences, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Return all items of some sequences, flat: (position in `rows`, item id) pairs."""
    lengths = inputs.lengths[rows]
    owner = torch.arange(len(rows), device=rows.device).repeat_interleave(lengths)
    offset = torch.arange(len(owner), device=rows.device) - (lengths.cumsum(0) - lengths)[owner]
    places = (inputs.ends[rows] - lengths)[owner] + offset
    return owner, inputs.item_ids[places]


def evaluate_model(
    model: SASRec,
    eval_set: EvalSet,
    max_len: int,
    *,
    exclude_seen: bool = True,
    k: int = max(CUTOFFS),
) -> Ranking:
    """Rank the catalogue with a trained model; see `rank`."""
    scorer = model_scorer(model, eval_set, max_len)
    device = model.item_table.device
    return rank(scorer, eval_set, exclude_seen=exclude_seen, k=k, device=device)


def top_items_of(
    model: SASRec, history: IntArray, max_len: int, k: int, *, exclude_seen: bool = True
) -> tuple[IntArray, np.ndarray]:
    """Return the k best items for one history and their scores.

    Parameters
    ----------
    history
        (T,) item ids, oldest first, T >= 1.

    Returns
    -------
    tuple
        (<= k,) item ids, best first, and their scores.
    """
    device = model.item_table.device
    ids = torch.as_tensor(history, device=device)
    length = torch.tensor([len(ids)], device=device)
    users = encode(model, PackedSequences(ids, length, length, model.n_items), max_len)
    scorer = EmbeddingScorer(users, model.item_table.detach())
    scores = scorer.pair_scores(length[:1] * 0, torch.arange(model.n_items, device=device)[None])
    if exclude_seen:
        scores[0, ids] = -torch.inf
    values, columns = top_k(scores, min(k, model.n_items))
    kept = values[0] > -torch.inf
    return columns[0][kept].cpu().numpy(), values[0][kept].cpu().numpy()
