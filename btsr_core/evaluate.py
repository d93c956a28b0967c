"""Rank the full catalogue for every user, streaming: never a users x items matrix.

Scores are accumulated in float64 and rounded once to float32, and equal scores rank the lower item
id first. Products of other shapes may differ in the last bits of float64, which the rounding hides
but for a chance of about one in a hundred million a score: every cut of users and items into blocks
gives the same ranks and lists.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from btsr_core.errors import InputError
from btsr_core.histories import PackedSequences, picks
from btsr_core.metrics import CUTOFFS, UNRANKED, IntArray, summarise
from btsr_core.model import SASRec
from btsr_core.protocol import EvalSet, RawIds
from btsr_core.top_k import top_k

ENCODER_BATCH = 512
"""Histories encoded at a time; a constant, so that block sizes cannot reach the encoder."""

SCORES_HELD = {"cpu": 2**20, "cuda": 2**27}
"""Scores at a time: on a CPU few enough for its caches, on a GPU enough to keep it busy."""


class Scorer(Protocol):
    """Anything that scores items for the users of one evaluation set."""

    @property
    def n_items(self) -> int:
        """Size of the catalogue."""

    def scores(self, rows: Tensor, first: int, last: int) -> Tensor:
        """Return (b, last - first) float32: scores of items first..last-1 for users `rows`."""

    def pair_scores(self, rows: Tensor, item_ids: Tensor) -> Tensor:
        """Return (b,) float32: the score of one item for each user, equal to that of `scores`."""


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


@dataclass(frozen=True)
class EmbeddingScorer:
    """Scores as inner products: r(i) = e_i . z_u.

    Attributes
    ----------
    users
        (U, D) float64.
    items
        (n_items, D) float64.
    """

    users: Tensor
    items: Tensor

    @property
    def n_items(self) -> int:
        """Size of the catalogue."""
        return len(self.items)

    def scores(self, rows: Tensor, first: int, last: int) -> Tensor:
        """See `Scorer`."""
        return (self.users[rows] @ self.items[first:last].T).float()

    def pair_scores(self, rows: Tensor, item_ids: Tensor) -> Tensor:
        """See `Scorer`."""
        return (self.users[rows] * self.items[item_ids]).sum(1).float()


@torch.inference_mode()
def encode(model: SASRec, inputs: PackedSequences, max_len: int) -> Tensor:
    """Return the last-position output for every history.

    Histories are encoded in order of length, so that neighbours are alike.

    Returns
    -------
    Tensor
        (U, D) float32 on the sequences' device, zero where a history is empty; the model is left
        in the mode it was in.
    """
    was_training = model.training
    model.eval()
    lengths = inputs.lengths.clamp(max=max_len)
    order = lengths.argsort(stable=True)
    order = order[lengths[order] > 0]
    out = model.item_table.new_zeros(len(lengths), model.item_table.shape[1])
    for pick in picks(order, lengths[order], ENCODER_BATCH):
        out[pick.rows] = model(inputs.take(pick), last_only=True)
    model.train(was_training)
    return out


def model_scorer(model: SASRec, eval_set: EvalSet, max_len: int) -> EmbeddingScorer:
    """Encode an evaluation set's histories with a model, ready for `rank`."""
    device = model.item_table.device
    inputs = PackedSequences.pack(eval_set.inputs, model.n_items, device)
    users = encode(model, inputs, max_len)
    return EmbeddingScorer(users.double(), model.item_table.detach().double())


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
    for start in range(0, n_users, user_block):
        rows = torch.arange(start, min(start + user_block, n_users), device=device)
        block = _rank_block(scorer, inputs, rows, targets[rows], exclude_seen, k, item_block)
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
) -> tuple[Tensor, Tensor]:
    """Return ((b,) ranks, (b, k) lists) of some users, item block by item block."""
    n_items, device = scorer.n_items, rows.device
    own = scorer.pair_scores(rows, targets)[:, None]  # (b, 1)
    ahead = torch.zeros(len(rows), dtype=torch.int64, device=device)
    best = torch.empty(len(rows), 0, device=device)
    best_ids = torch.empty(len(rows), 0, dtype=torch.int64, device=device)
    seen_user, seen_item = _items_of(inputs, rows) if exclude_seen else (rows[:0], rows[:0])
    for first in range(0, n_items, item_block):
        last = min(first + item_block, n_items)
        scores = scorer.scores(rows, first, last)
        here = (seen_item >= first) & (seen_item < last)
        scores[seen_user[here], seen_item[here] - first] = -torch.inf
        ahead += _count_ahead(scores, own, targets - first)
        values, places = top_k(scores, min(k, last - first))
        if torch.isnan(values[:, 0]).any():  # a NaN comes first
            raise InputError("a score is not a number: training diverged; lower lr or alpha")
        # Earlier blocks hold lower ids, and `top_k` prefers lower places among equals.
        merged = torch.cat([best, values], 1)
        merged_ids = torch.cat([best_ids, places + first], 1)
        best, chosen = top_k(merged, min(k, merged.shape[1]))
        best_ids = merged_ids.gather(1, chosen)
    target_seen = torch.zeros(len(rows), dtype=torch.bool, device=device)
    target_seen[seen_user[seen_item == targets[seen_user]]] = True
    ranks = torch.where(target_seen, UNRANKED, ahead + 1)
    return ranks, best_ids.masked_fill(best == -torch.inf, -1)


def _count_ahead(scores: Tensor, own: Tensor, places: Tensor) -> Tensor:
    """Return (b,) how many of the (b, n) scores rank before a target.

    Parameters
    ----------
    scores
        Of some items, in their order.
    own
        (b, 1) the targets' scores.
    places
        (b,) where the targets stand among the items; outside 0..n-1 if they are others.
    """
    column = places.clamp(0, scores.shape[1] - 1)[:, None]
    there = scores.gather(1, column)
    # Not counted beside itself: its own column may differ from `own` in the last bit.
    scores.scatter_(1, column, there.masked_fill(column == places[:, None], -torch.inf))
    ahead, no_later = (scores > own).count_nonzero(1), (scores >= own).count_nonzero(1)
    tied = (no_later > ahead).nonzero().squeeze(1)
    if len(tied):
        columns = torch.arange(scores.shape[1], device=scores.device)
        lower = columns < places[tied, None]
        ahead[tied] += ((scores[tied] == own[tied]) & lower).sum(1)
    scores.scatter_(1, column, there)
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
    items = model.item_table.detach().double()
    scores = (users.double() @ items.T).float()
    if exclude_seen:
        scores[0, ids] = -torch.inf
    values, columns = top_k(scores, min(k, model.n_items))
    kept = values[0] > -torch.inf
    return columns[0][kept].cpu().numpy(), values[0][kept].cpu().numpy()
