"""Rank the full catalogue for every user, streaming: never a users x items matrix.

Equal scores rank the lower item id first. What decides is the true score of an item, see `scorers`,
which depends on the user and the item alone: every cut of users and items into blocks gives the
same ranks and lists.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from btsr_core.data.protocol import EvalSet, RawIds
from btsr_core.evaluation.metrics import CUTOFFS, UNRANKED, IntArray, summarise
from btsr_core.evaluation.rank_block import rank_block
from btsr_core.evaluation.score_blocks import Users, padded
from btsr_core.evaluation.scorers import EmbeddingScorer, Scorer, encode, model_scorer
from btsr_core.evaluation.top_k import top_k
from btsr_core.evaluation.true_lists import true_lists
from btsr_core.machine.threads import even, share
from btsr_core.model.sasrec import SASRec
from btsr_core.sequences.histories import PackedSequences

SCORES_HELD = {"cpu": 3 * 2**19, "cuda": 2**27}
"""Scores at a time: on a CPU few enough for a core's caches, on a GPU enough to keep it busy."""
ITEMS_HELD = {"cpu": 2**14, "cuda": 2**16}
"""Items at a time, so few that there is room for many users."""
USERS_AT_ONCE = 1024
"""Users of whom a thread makes lists at once, some of whose scores it holds at a time."""


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
    item_block: int | None = None,
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
        Users and items whose scores each thread holds at a time; they bound memory and change no
        result. By default `ITEMS_HELD`, and as many users as `SCORES_HELD` allows.
    device
        Where the scorer's tensors live; the CPU by default.

    Raises
    ------
    InputError
        If a score is NaN, as after a diverged training.
    """
    device = device or torch.device("cpu")
    n_items, n_users = scorer.n_items, len(eval_set)
    k = min(k, n_items)
    item_block = min(item_block or ITEMS_HELD[device.type], n_items)
    user_block = user_block or max(1, SCORES_HELD[device.type] // item_block)
    at_once = even(n_users, max(USERS_AT_ONCE, user_block), device)
    user_block = -(-at_once // -(-at_once // user_block))  # evenly, too
    targets = torch.as_tensor(eval_set.targets, device=device)
    ranks = torch.empty(n_users, dtype=torch.int64, device=device)
    top_items = torch.empty(n_users, k, dtype=torch.int64, device=device)
    doubtful = torch.empty(n_users, dtype=torch.bool, device=device)
    inputs = PackedSequences.pack(eval_set.inputs, n_items, device)
    everybody = torch.arange(n_users, device=device)

    def users_of(rows: Tensor) -> Users:
        return Users(scorer, rows, *_items_of(inputs, rows if exclude_seen else rows[:0]))

    def rank_all(starts: Iterator[int]) -> None:
        room = torch.empty(2, user_block, padded(item_block), device=device)
        for start in starts:
            part = slice(start, min(start + at_once, n_users))
            found = rank_block(users_of(everybody[part]), targets[part], k, item_block, room)
            ranks[part], top_items[part], doubtful[part] = found

    def settle(blocks: Iterator[Tensor]) -> None:
        room = torch.empty(user_block, padded(item_block), device=device)
        for rows in blocks:
            top_items[rows] = true_lists(users_of(rows), k, item_block, room)

    share(rank_all, range(0, n_users, at_once), device)
    unsettled = doubtful.nonzero().squeeze(1)
    if len(unsettled):
        share(settle, torch.split(unsettled, user_block), device)
    if exclude_seen:
        owner, seen = _items_of(inputs, everybody)
        ranks[owner[seen == targets[owner]]] = UNRANKED
    return Ranking(ranks.cpu().numpy(), top_items.cpu().numpy(), eval_set.users, n_items)


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
