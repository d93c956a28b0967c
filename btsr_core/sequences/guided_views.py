"""Views of histories guided by what matters in them: explanation-guided augmentation of EC4SRec.

After Wang et al., *Explanation Guided Contrastive Learning for Sequential Recommendation*, CIKM
2022. A positive view leaves the most important items alone, a negative view the least important;
time order is kept, which the authors' public code loses when it crops. A history of one item stays
as it is.
"""

import torch
from torch import Tensor

from btsr_core.sequences.histories import Histories
from btsr_core.sequences.views import two_operators

N_OPERATORS = 3
KEEP, MASK, SHUFFLE = range(N_OPERATORS)


def guided_views(
    histories: Histories,
    importance: Tensor,
    shares: tuple[float, float],
    mask_id: int,
    stream: torch.Generator,
) -> tuple[Histories, Histories, Histories]:
    """Return two positive views and one negative view of each history.

    The two positive views are by different operators, uniform among ordered pairs; the negative
    view's operator is uniform.

    Parameters
    ----------
    histories
        B histories, N items in all.
    importance
        (N,) of each item; among equals the newer counts as more important.
    shares
        r of the positive views and of the negative view, see `guided_view`.
    mask_id
        What stands for a hidden item.
    stream
        Generator on the histories' device.
    """
    device, shape = histories.lengths.device, histories.lengths.shape
    ascending = rank_within(histories, importance)
    descending = histories.lengths[histories.owner] - 1 - ascending
    operators = two_operators(histories, stream)
    one, other = (
        guided_view(histories, descending, shares[0], operator, mask_id, stream)
        for operator in operators
    )
    operator = torch.randint(N_OPERATORS, shape, generator=stream, device=device)
    return one, other, guided_view(histories, ascending, shares[1], operator, mask_id, stream)


def guided_view(
    histories: Histories,
    rank: Tensor,
    share: float,
    operator: Tensor,
    mask_id: int,
    stream: torch.Generator,
) -> Histories:
    """Return one view of each history, which goes easy on the items of low rank.

    With n items and r the share, each count at least one:

    * KEEP the first floor(r n) by rank, in order of time;
    * MASK the last floor((1 - r) n) by rank;
    * SHUFFLE the last floor((1 - r) n) by rank among their places.

    Parameters
    ----------
    rank
        (N,) of each item within its history, from 0.
    operator
        (B,) which of the three.
    """
    n, owner = histories.lengths, histories.owner
    operator = torch.where(n > 1, operator, -1)
    of_item = operator[owner]
    affected = rank >= (n - _count(n, 1 - share))[owner]
    hidden = affected & (of_item == MASK)
    moved = (affected & (of_item == SHUFFLE)).nonzero().squeeze(1)

    noise = torch.rand(moved.shape, generator=stream, device=moved.device, dtype=torch.float64)
    shuffled = moved[(owner[moved] + noise).argsort()]  # inside each history
    items = histories.item_ids.clone()
    items[moved] = items[shuffled]
    items = torch.where(hidden, mask_id, items)

    kept = _count(n, share)
    stays = (of_item != KEEP) | (rank < kept[owner])
    return Histories(items[stays], torch.where(operator == KEEP, kept, n), histories.groups)


def rank_within(histories: Histories, values: Tensor) -> Tensor:
    """(N,) place of each item when its history is sorted by `values`; equals stay in order."""
    order = values.argsort(stable=True)
    order = order[histories.owner[order].argsort(stable=True)]
    rank = torch.empty_like(order)
    rank[order] = histories.place
    return rank


def _count(n: Tensor, share: float) -> Tensor:
    """(B,) floor(share n), at least one; rounding errors make no whole number smaller."""
    return (n.double() * share + 1e-9).long().clamp(min=1)
