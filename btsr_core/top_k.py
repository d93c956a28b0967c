"""The largest entries of each row, with ties in a defined order."""

import torch
from torch import Tensor

BLOCK = 32
"""Columns that are looked at through their maximum first."""


def top_k(scores: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Return the k largest of each row, largest first, equal values by lower column.

    Long rows are thinned out first. Of blocks of neighbouring columns, ordered by largest entry
    and, among equals, by place, the k first hold all of the k largest: any other block comes after
    k entries that are no smaller and, where equal, stand in lower columns.

    Parameters
    ----------
    scores
        (b, n) float32; a NaN counts as larger than all numbers.
    k
        At most n.

    Returns
    -------
    tuple[Tensor, Tensor]
        (b, k) values and (b, k) columns.
    """
    n_blocks = scores.shape[1] // BLOCK
    if n_blocks < 2 * k:
        return _top_k(scores, k)
    whole = n_blocks * BLOCK
    blocks = scores[:, :whole].view(-1, n_blocks, BLOCK)
    _, chosen = _top_k(blocks.amax(2), k)
    chosen = chosen.sort(1).values  # (b, k); in their order, so that lower columns stay first
    inside = torch.arange(BLOCK, device=scores.device)
    columns = (chosen[:, :, None] * BLOCK + inside).flatten(1)  # (b, k BLOCK)
    rest = torch.arange(whole, scores.shape[1], device=scores.device).expand(len(scores), -1)
    columns = torch.cat([columns, rest], 1)
    values, places = _top_k(scores.gather(1, columns), k)
    return values, columns.gather(1, places)


def _top_k(scores: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """`top_k` of short rows.

    `torch.topk` breaks ties arbitrarily. Only rows with a tie across the k-th place need more
    work: there one int64 key orders value and column together.
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
