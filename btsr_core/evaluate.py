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

ENCODER_BATCH = 512
"""Histories encoded at a time; a constant, so that block sizes cannot reach the encoder."""


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
    user_block: int = 256,
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
        Scores held at a time; they bound memory and change no result.
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
        if torch.isnan(scores).any():
            raise InputError("a score is not a number: training diverged; lower lr or alpha")
        here = (seen_item >= first) & (seen_item < last)
        scores[seen_user[here], seen_item[here] - first] = -torch.inf
        ids = torch.arange(first, last, device=device)
        before = (scores > own) | ((scores == own) & (ids < targets[:, None]))
        before &= ids != targets[:, None]  # the target's own column may differ in the last bit
        ahead += before.sum(1)
        values, places = top_k(scores, min(k, last - first))
        # Earlier blocks hold lower ids, and `top_k` prefers lower places among equals.
        merged = torch.cat([best, values], 1)
        merged_ids = torch.cat([best_ids, places + first], 1)
        best, chosen = top_k(merged, min(k, merged.shape[1]))
        best_ids = merged_ids.gather(1, chosen)
    target_seen = torch.zeros(len(rows), dtype=torch.bool, device=device)
    target_seen[seen_user[seen_item == targets[seen_user]]] = True
    ranks = torch.where(target_seen, UNRANKED, ahead + 1)
    return ranks, best_ids.masked_fill(best == -torch.inf, -1)


def _items_of(inputs: PackedSequences, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Return all items of some sequences, flat: (position in `rows`, item id) pairs."""
    lengths = inputs.lengths[rows]
    owner = torch.arange(len(rows), device=rows.device).repeat_interleave(lengths)
    offset = torch.arange(len(owner), device=rows.device) - (lengths.cumsum(0) - lengths)[owner]
    places = (inputs.ends[rows] - lengths)[owner] + offset
    return owner, inputs.item_ids[places]


def top_k(scores: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Return the k largest of each row, largest first, equal values by lower column.

    `torch.topk` breaks ties arbitrarily. Only rows with a tie across the k-th place need more
    work: there one int64 key orders value and column together.

    Parameters
    ----------
    scores
        (b, n) float32 without NaN.

    Returns
    -------
    tuple[Tensor, Tensor]
        (b, k) values and (b, k) columns.
    """
    values, columns = scores.topk(k, dim=1)
    tied = ((scores >= values[:, -1:]).sum(1) > k).nonzero().squeeze(1)
    if len(tied):
        columns[tied] = _order_keys(scores[tied]).topk(k, dim=1).indices
    columns = columns.sort(dim=1).values  # then a stable sort by value leaves ties by column
    values, order = scores.gather(1, columns).sort(dim=1, descending=True, stable=True)
    return values, columns.gather(1, order)


def _order_keys(scores: Tensor) -> Tensor:
    """Map each row to distinct int64 keys that sort by value, then by lower column."""
    bits = (scores + 0.0).view(torch.int32)  # + 0.0 turns -0.0 into 0.0
    ordered = bits ^ ((bits >> 31) & 0x7FFFFFFF)  # negative floats sort backwards as integers
    columns = torch.arange(scores.shape[1], device=scores.device)
    return (ordered.long() << 32) | (0xFFFFFFFF - columns)


def evaluate_model(
    model: SASRec, eval_set: EvalSet, max_len: int, *, exclude_seen: bool = True
) -> Ranking:
    """Rank the catalogue with a trained model."""
    scorer = model_scorer(model, eval_set, max_len)
    return rank(scorer, eval_set, exclude_seen=exclude_seen, device=model.item_table.device)


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
