"""The largest entries of each row, with ties in a defined order."""

import torch
from torch import Tensor

BLOCKS = (32, 8)
"""Columns that are looked at through their maximum first, while there are many such blocks."""
STRIDED_BLOCK = 8
"""Columns of a block where ties need no order, which lets them stand far apart."""


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


def largest_values(scores: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Return the k largest of each row, largest first, equal values in any order.

    Faster than `top_k`, above all where n is a multiple of a power of `STRIDED_BLOCK`. The values
    are the same, and so is the column of a value that no other entry of the row has.

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
    columns = _some_largest(scores, k)
    values, places = scores.gather(1, columns).topk(k, dim=1)
    return values, columns.gather(1, places)


def _some_largest(scores: Tensor, k: int) -> Tensor:
    """Return columns of each row that hold the values of `largest_values`, and others.

    A block has every n_blocks-th column, so that its maximum is taken over whole vectors. The k
    blocks of the largest maxima hold k entries that no entry outside exceeds.
    """
    n = scores.shape[1]
    n_blocks = n // STRIDED_BLOCK
    if n % STRIDED_BLOCK or n_blocks < 4 * k:
        return scores.topk(k, dim=1, sorted=False).indices
    maxima = scores.view(-1, STRIDED_BLOCK, n_blocks).amax(1)
    blocks = _some_largest(maxima, k)
    if blocks.shape[1] > k:
        blocks = blocks.gather(1, maxima.gather(1, blocks).topk(k, dim=1, sorted=False).indices)
    steps = torch.arange(0, n, n_blocks, device=scores.device)
    return (blocks[:, :, None] + steps).flatten(1)  # (b, k STRIDED_BLOCK)


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
