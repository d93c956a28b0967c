"""The largest entries of each row, with ties in a defined order."""

import torch
from torch import Tensor

BLOCKS = (32, 8)
"""Columns that are looked at through their maximum first, while there are many such blocks."""


def top_k(scores: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Return the k largest of each row, largest first, equal values by lower column.

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
    columns = largest(scores, k)
    # In order of columns now, so a stable sort by value leaves ties by column.
    values, order = scores.gather(1, columns).sort(dim=1, descending=True, stable=True)
    return values, columns.gather(1, order)


def largest(scores: Tensor, k: int) -> Tensor:
    """Return the (b, k) columns of the k largest of each row, ascending; see `top_k`.

    Long rows are thinned out first. Of blocks of neighbouring columns, ordered by largest entry
    and, among equals, by place, the k first hold all of the k largest: any other block comes after
    k entries that are no smaller and, where equal, stand in lower columns.
    """
    n = scores.shape[1]
    block = next((size for size in BLOCKS if n // size >= 2 * k), None)
    if block is None:
        return _largest(scores, k)
    n_blocks = n // block
    whole = n_blocks * block
    chosen = largest(scores[:, :whole].view(-1, n_blocks, block).amax(2), k)
    inside = torch.arange(block, device=scores.device)
    columns = (chosen[:, :, None] * block + inside).flatten(1)  # (b, k block)
    if whole < n:
        rest = torch.arange(whole, n, device=scores.device).expand(len(scores), -1)
        columns = torch.cat([columns, rest], 1)
    return columns.gather(1, largest(scores.gather(1, columns), k))


def _largest(scores: Tensor, k: int) -> Tensor:
    """`largest` of short rows.

    `torch.topk` breaks ties arbitrarily. Only rows with a tie across the k-th place need more
    work: there one int64 key orders value and column together.
    """
    values, columns = scores.topk(k, dim=1, sorted=False)
    least = values.amin(1, keepdim=True)
    tied = (torch.ge(scores, least, out=torch.empty_like(scores)).sum(1) > k).nonzero().squeeze(1)
    if len(tied):
        columns[tied] = _order_keys(scores[tied]).topk(k, dim=1).indices
    return columns.sort(dim=1).values


def _order_keys(scores: Tensor) -> Tensor:
    """Map each row to distinct int64 keys that sort by value, then by lower column."""
    bits = (scores + 0.0).view(torch.int32)  # + 0.0 turns -0.0 into 0.0
    ordered = bits ^ ((bits >> 31) & 0x7FFFFFFF)  # negative floats sort backwards as integers
    columns = torch.arange(scores.shape[1], device=scores.device)
    return (ordered.long() << 32) | (0xFFFFFFFF - columns)
